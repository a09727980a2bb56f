"""maskwise models."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskwise import models
from maskwise.landmarks import dlib68
from maskwise.models import licences
from maskwise.testing.command_line import Run

NAME = "dlib-68-points"


@pytest.fixture(autouse=True)
def nothing_accepted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(licences.ACCEPT_VARIABLE, raising=False)


def state(run: Run) -> str:
    rows = {row["model"]: row for row in run("models", "list", "--json").lines}
    assert set(rows) == {*models.names(), NAME}
    assert all(rows[name]["state"] == "shipped" for name in models.names())
    assert rows["dlib-five-points"]["licence"] == "CC0-1.0"
    return str(rows[NAME]["state"])


def test_the_list_shows_what_is_shipped_and_what_is_accepted(run: Run) -> None:
    assert state(run) == "not accepted"
    assert run("models", "accept", NAME, "--yes").status == 0
    assert state(run) == "accepted"
    text = run("models", "list").out
    assert "dlib-resnet-v1.onnx" in text
    assert "no commercial use" in text


def test_the_list_says_what_is_installed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlib68, "installed_file", lambda: None)
    assert run("models", "list", "--json").lines[-1]["file"] is None
    assert "not installed" in run("models", "list").out
    monkeypatch.setattr(dlib68, "installed_file", lambda: Path("there"))
    file = licences.licence(NAME).file
    assert run("models", "list", "--json").lines[-1]["file"] == file


def test_the_environment_accepts_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(licences.ACCEPT_VARIABLE, NAME)
    assert state(run) == "accepted"


def test_accepting_shows_the_terms_and_asks(run: Run) -> None:
    answer = run("models", "accept", NAME, stdin="n\n")
    assert answer.status == 1
    assert "excludes" in answer.out
    assert "https://ibug.doc.ic.ac.uk/resources/300-W/" in answer.out
    assert f"Do you accept this for {NAME}?" in answer.err
    assert "nothing was accepted" in answer.err
    assert not licences.is_accepted(NAME)
    assert run("models", "accept", NAME, stdin="y\n").status == 0
    assert licences.is_accepted(NAME)


def test_no_answer_is_no_yes(run: Run) -> None:
    answer = run("models", "accept", NAME, stdin="")
    assert answer.status == 2
    assert "--yes does not ask" in answer.err
    assert not licences.is_accepted(NAME)


def test_json_names_the_file_that_takes_it_back(run: Run) -> None:
    answer = run("models", "accept", NAME, "--yes", "--json")
    (line,) = answer.lines
    assert line["accepted"] == NAME
    assert "commercial use" in answer.err
    Path(line["file"]).unlink()
    assert state(run) == "not accepted"
    assert f"delete {line['file']}" in run("models", "accept", NAME, "--yes").out


def test_an_unknown_licence_lists_those_there_are(run: Run) -> None:
    answer = run("models", "accept", "dlib-99", "--yes")
    assert (answer.status, answer.out) == (2, "")
    assert "no licence 'dlib-99'; there are: dlib-68-points" in answer.err
