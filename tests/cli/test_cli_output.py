"""What is printed: names that no terminal shows, JSON, the bar."""

from __future__ import annotations

import json
import os
import re

import pytest

from maskwise.cli.output import Progress, naming, print_json, print_table, printable, remark


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("Zoë Ж 李", "Zoë Ж 李"),
        ("caf\udce9.jpg", "caf\\xe9.jpg"),
        ("a\nb\x1b[2Jc\x7f\x85", "a\\nb\\x1b[2Jc\\x7f\\x85"),
        ("gpj.\u202eadA", "gpj.\\u202eadA"),
        ("x\u2028y", "x\\u2028y"),
        ("lone \ud800", "lone \\ud800"),
        ("both \ud800\udce9", "both \\ud800\\udce9"),
    ],
)
def test_any_name_becomes_one_line_of_text(text: str, shown: str) -> None:
    assert printable(text) == shown
    printable(text).encode("utf-8")


def test_remarks_are_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    remark("skipped a\nb.jpg: why")
    assert capsys.readouterr() == ("", "maskwise: skipped a\\nb.jpg: why\n")


def test_json_holds_a_name_that_is_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    print_json({"image": name})
    out = capsys.readouterr().out
    assert out.isascii()
    assert os.fsencode(json.loads(out)["image"]) == b"caf\xe9.jpg"


def test_numbers_that_are_none_are_not_printed_as_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        print_json({"score": float("nan")})


def test_a_table_in_a_pipe_cuts_nothing_and_reads_no_markup(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("who",), [("[bold]" + "x" * 300 + "[/bold]",)])
    assert "[bold]" + "x" * 300 + "[/bold]" in capsys.readouterr().out


def test_without_a_terminal_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("working", 3) as progress:
        progress.advance()
        progress.remark("one")
    assert capsys.readouterr() == ("", "maskwise: one\n")


def test_the_bar_is_on_stderr_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with Progress("working", 3) as progress:
        progress.advance(2)
        progress.remark("above \udcff " + "x" * 200)
        print_json({"result": 1})
    out, err = capsys.readouterr()
    assert out == '{"result": 1}\n'
    assert "working" in err
    assert "maskwise: above \\xff " + "x" * 200 in err


def test_on_a_narrow_terminal_the_first_column_keeps_its_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    print_table(("image", "who"), [("folder/" * 9 + "ada.jpg", "Ada"), ("b.jpg", "Bob")])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= 60
    (ada,) = (line for line in lines if "Ada" in line)
    assert ada.startswith("...")
    assert "folder/ada.jpg" in ada
    assert any(line.startswith("b.jpg") for line in lines)


def test_a_first_column_of_names_stays_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    name = "antelopev2/scrfd_10g_bnkps"
    print_table(("model", "licence"), [(name, "no commercial use " * 5)], whole=True)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= 60
    assert any(line.startswith(name) for line in lines)
    assert sum("commercial" in line for line in lines) > 1


def test_a_reason_names_its_file_once() -> None:
    assert naming("in/caf\udce9.png", "in/caf\\xe9.png: empty") == "in/caf\\xe9.png: empty"
    assert naming("a.png", "no face") == "a.png: no face"
