"""The frame round the commands: help, errors, exit statuses, what is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from maskwise import __version__
from maskwise.cli import main
from maskwise.cli.options import Tools
from maskwise.errors import ConfigurationError, ModelError
from maskwise.testing.command_line import Run, every_command, photo


def test_the_version_and_the_help_of_everything_load_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from maskwise.cli import main\n"
        "for words in (['--version'], ['--help'], *([c, '--help'] for c in "
        "'enrol enroll identify verify explain mask gallery models demo'.split())):\n"
        "    try: main(words)\n"
        "    except SystemExit as end: assert not end.code, (words, end.code)\n"
        "heavy = {'cv2', 'onnxruntime', 'PIL', 'sqlite3', 'rich', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"maskwise {__version__}\n" in done.stdout


def test_python_m_maskwise_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "maskwise", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"maskwise {__version__}\n")


@pytest.mark.parametrize("name", [name for name, _ in every_command(main)])
def test_every_command_shows_an_example_and_fits_a_terminal(name: str) -> None:
    result = CliRunner().invoke(main, [*name.split(), "--help"], terminal_width=100)
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"maskwise {name.split(maxsplit=1)[0]}" in result.output
    assert max(map(len, result.output.splitlines())) <= 100


def test_the_exit_codes_stand_in_the_help(run: Run) -> None:
    text = run("--help").out
    for code in ("0    done", "1    done, but", "2    usage", "3    verify", "130  interrupted"):
        assert code in text


def test_an_unknown_command_or_option_is_a_usage_error(run: Run) -> None:
    assert run("enlist").status == 2
    assert run("identify", "a.jpg", "--tpo", "3").status == 2
    assert run("identify").status == 2


def raising(error: BaseException) -> Tools:
    def recognizer(**_: Any) -> Any:
        raise error

    return Tools(recognizer)


def test_an_error_of_maskwise_is_one_line(run: Run) -> None:
    a = str(photo("a.png"))
    answer = run("verify", a, a, tools=raising(ModelError("model.onnx is damaged: reinstall")))
    assert (answer.status, answer.out) == (2, "")
    assert answer.err == "maskwise: error: model.onnx is damaged: reinstall\n"


def test_line_breaks_of_an_error_do_not_break_the_line(run: Run) -> None:
    answer = run("verify", "a", "b", tools=raising(ConfigurationError("two\nlines \x1b[31m")))
    assert answer.err == "maskwise: error: two\\nlines \\x1b[31m\n"


def test_a_fault_of_ours_says_how_to_report_it(run: Run) -> None:
    answer = run("verify", "a", "b", tools=raising(TypeError("oops")))
    assert answer.status == 2
    assert answer.err.startswith("maskwise: internal error: TypeError: oops (")
    assert "--debug" in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_path_that_may_not_be_used_is_no_fault_of_ours(run: Run) -> None:
    answer = run("verify", "a", "b", tools=raising(PermissionError(13, "Permission denied", "x\n")))
    assert answer.status == 2
    assert answer.err == (
        "maskwise: error: x\\n: Permission denied; check the path and who may read and write it\n"
    )


def test_debug_keeps_the_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match="oops"):
        run("--debug", "verify", "a", "b", tools=raising(TypeError("oops")))
    monkeypatch.setenv("MASKWISE_DEBUG", "1")
    with pytest.raises(TypeError, match="oops"):
        run("verify", "a", "b", tools=raising(TypeError("oops")))


def test_an_interrupt_ends_with_130(run: Run) -> None:
    answer = run("verify", "a", "b", tools=raising(KeyboardInterrupt()))
    assert (answer.status, answer.err) == (130, "maskwise: interrupted\n")


def test_a_reader_that_goes_away_is_no_fault_of_ours(home: Path) -> None:
    code = (
        "import os, sys\n"
        "from maskwise.cli import main\n"
        "from maskwise.cli.output import print_json\n"
        "import click\n"
        "@main.command()\n"
        "def flood():\n"
        "    for k in range(100000): print_json({'k': k})\n"
        "main.get_command = lambda ctx, name: flood\n"
        "main(['flood'])\n"
    )
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" | head -1; exit "${PIPESTATUS[0]}"', sys.executable, code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == '{"k": 0}\n'
    assert done.stderr == ""
    assert done.returncode == 1


@pytest.mark.skipif(os.name != "posix", reason="redirections of a POSIX shell")
@pytest.mark.parametrize(
    ("where", "status", "said"),
    [
        (">&-", 0, ""),
        (">/dev/full", 2, "maskwise: error: the output cannot be written"),
    ],
)
def test_an_output_that_takes_nothing(
    home: Path, run: Run, where: str, status: int, said: str
) -> None:
    if where == ">/dev/full" and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    run("enrol", "--subject", "Ada", str(photo("a.png")), "--gallery", "g.db")
    for more in ("", " --json"):
        command = f'"$0" -m maskwise gallery list --gallery g.db{more} {where}'
        done = subprocess.run(
            ["sh", "-c", command, sys.executable], capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stderr
        gallery, *rest = done.stderr.splitlines()
        assert gallery == "maskwise: gallery g.db"
        assert [line[: len(said)] for line in rest] == ([said] if said else [])
