"""Pictures looked at one by one and in processes; what the commands share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from maskwise.compat.face_recognition import batch
from maskwise.errors import ConfigurationError, ImageError


def look(file: str) -> list[str]:
    """Of names such as "two-2.png", as many lines; the first files take longest."""
    name, _, count = Path(file).stem.partition("-")
    if name == "bad":
        raise ImageError(f"{file}: damaged")
    if name == "fault":
        raise ConfigurationError("there is no such model")
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.02 * int(count))
    return [f"{file},{k}" for k in range(int(count))]


def threads_and_process(file: str) -> list[str]:
    return [f"{os.environ['MASKWISE_THREADS']} {os.getpid()}"]


def shown(work: object, files: list[str], cpus: int = 1) -> Result:
    @click.command()
    def command() -> None:
        with batch.errors_in_one_line():
            click.get_current_context().exit(10 + batch.show_each(work, files, cpus))  # type: ignore[arg-type]

    return CliRunner().invoke(command, [])


FILES = ["f-5.png", "e-4.png", "bad-1.png", "d-0.png", "c-2.png", "bad-2.png", "a-1.png"]


@pytest.mark.parametrize("cpus", [1, 3, -1, 100])
def test_lines_come_in_order_and_bad_pictures_are_named(cpus: int) -> None:
    result = shown(look, FILES, cpus)
    lines = [f"{name},{k}" for name in FILES for k in range(int(name[-5])) if "bad" not in name]
    assert result.stdout.splitlines() == lines
    assert result.stderr.splitlines() == [
        "WARNING: bad-1.png: damaged; skipped",
        "WARNING: bad-2.png: damaged; skipped",
    ]
    assert result.exit_code == 12


@pytest.mark.parametrize("cpus", [1, 2])
def test_what_is_wrong_with_more_than_a_picture_ends_it(cpus: int) -> None:
    result = shown(look, ["a-1.png", "fault-1.png", "b-1.png"], cpus)
    assert (result.exit_code, result.stdout) == (2, "a-1.png,0\n")
    assert result.stderr == "Error: there is no such model\n"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_process_that_is_killed_is_told() -> None:
    result = shown(look, ["killed-1.png", "b-1.png"], 2)
    assert result.exit_code == 2
    assert "a process ended before its work was done" in result.stderr


def test_the_processes_are_others_and_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASKWISE_THREADS", raising=False)
    monkeypatch.setattr(batch, "_cores", lambda: 6)
    answers = [
        line.split() for line in shown(threads_and_process, ["a", "b"], 2).stdout.splitlines()
    ]
    assert [threads for threads, _ in answers] == ["3", "3"]
    assert str(os.getpid()) not in [process for _, process in answers]


def test_one_picture_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKWISE_THREADS", "5")
    assert shown(threads_and_process, ["a"], -1).stdout == f"5 {os.getpid()}\n"
    assert shown(threads_and_process, [], -1).exit_code == 10


@pytest.mark.parametrize("cpus", [0, -2])
def test_a_number_of_processes_that_cannot_be(cpus: int) -> None:
    with pytest.raises(ConfigurationError, match="cpus: expected 1 or more"):
        batch.show_each(look, ["a-1.png", "b-1.png"], cpus)


def is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_interrupt_ends_all_processes_without_a_traceback() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import click, test_batch\n"
        "from maskwise.compat.face_recognition import batch\n"
        "files = ['a-1.png'] + ['b-20.png'] * 200\n"
        "click.command()(lambda: batch.show_each(test_batch.look, files, 2) and None)([])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as command:
        assert command.stdout
        assert command.stdout.readline() == "a-1.png,0\n"
        os.killpg(command.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, said = command.communicate(timeout=60)
    assert said.split() == ["Aborted!"]
    assert command.returncode == 1
    until = time.monotonic() + 30  # multiprocessing's own servers end when they notice
    while is_there(command.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_there(command.pid)


def test_pictures_of_a_folder_as_face_recognition_chooses_them(tmp_path: Path) -> None:
    names = ["b.JPG", "a.jpeg", "c.Png", "d.jpg.bak", "e.gif", "jpg", "sub/f.jpg"]
    (tmp_path / "sub").mkdir()
    for name in names:
        (tmp_path / name).touch()
    folder = f"{tmp_path}/./"  # paths begin as it does
    assert batch.image_files_in_folder(folder) == [
        folder + name for name in ("a.jpeg", "b.JPG", "c.Png", "d.jpg.bak")
    ]
    with pytest.raises(FileNotFoundError):
        batch.image_files_in_folder("gone")


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_a_name_that_is_no_text_goes_out_as_it_is() -> None:
    code = (
        "import os; from maskwise.compat.face_recognition import batch\n"
        "batch.show(os.fsdecode(b'\\xff.jpg') + ',1'); batch.warn(os.fsdecode(b'\\xff.jpg'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"\xff.jpg,1\n"
    assert done.stderr == b"WARNING: \\udcff.jpg\n"


def test_help_loads_no_models_and_no_libraries_for_pictures() -> None:
    code = (
        "import sys\n"
        "from maskwise.cli import main\n"
        "for name in ('face_recognition', 'face_detection'):\n"
        "    try: main(['compat', name, '--help'])\n"
        "    except SystemExit as end: assert not end.code\n"
        "heavy = {'cv2', 'onnxruntime', 'PIL', 'dlib', 'multiprocessing'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("--cpus") >= 2
