"""maskwise models list, and accept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maskwise import models
from maskwise.landmarks import dlib68
from maskwise.models import licences, place
from maskwise.testing.command_line import Run

NAME = "dlib-68-points"


@pytest.fixture(autouse=True)
def nothing_accepted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(licences.ACCEPT_VARIABLE, raising=False)
    monkeypatch.delenv(place.FOLDER_VARIABLE, raising=False)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlib68, "installed_file", lambda: Path("there.dat"))


def rows(run: Run) -> dict[str, dict[str, Any]]:
    return {row["model"]: row for row in run("models", "list", "--json").lines}


def state(run: Run) -> str:
    return str(rows(run)[NAME]["state"])


@pytest.mark.usefixtures("installed")
def test_the_list_shows_what_is_shipped_and_what_is_accepted(run: Run) -> None:
    found = rows(run)
    assert set(found) == {*models.known(), NAME}
    assert all(found[name]["state"] == "shipped" for name in models.names())
    assert found["dlib-five-points"]["licence"] == "CC0-1.0"
    assert Path(found["dlib-resnet-v1"]["file"]).name == "dlib-resnet-v1.onnx"
    assert found["sface"] | {"licence": ""} == {
        "model": "sface",
        "kind": "encoder",
        "backend": "sface",
        "licence": "",
        "accept": None,
        "size": 38_696_353,
        "state": "not here",
        "file": None,
    }
    assert found["buffalo_l/det_10g"]["accept"] == "insightface-models"
    assert state(run) == "licence not accepted"
    assert run("models", "accept", NAME, "--yes").status == 0
    assert state(run) == "here"
    text = run("models", "list").out
    assert "dlib-resnet-v1" in text
    assert f"licence {NAME} (iBUG 300-W data: no commercial use): accepted" in text
    assert "licence insightface-models (non-commercial research only): not accepted" in text


def test_the_list_says_what_is_installed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlib68, "installed_file", lambda: None)
    assert rows(run)[NAME]["file"] is None
    assert state(run) == "not here"
    monkeypatch.setattr(dlib68, "installed_file", lambda: Path("there"))
    assert rows(run)[NAME]["file"] == "there"


@pytest.mark.usefixtures("installed")
def test_the_environment_accepts_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(licences.ACCEPT_VARIABLE, NAME)
    assert state(run) == "here"


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


@pytest.mark.usefixtures("installed")
def test_json_names_the_file_that_takes_it_back(run: Run) -> None:
    answer = run("models", "accept", NAME, "--yes", "--json")
    (line,) = answer.lines
    assert (line["accept"], line["accepted"]) == (NAME, True)
    assert "commercial use" in answer.err
    Path(line["file"]).unlink()
    assert state(run) == "licence not accepted"
    assert f"delete {line['file']}" in run("models", "accept", NAME, "--yes").out


def test_an_unknown_licence_lists_those_there_are(run: Run) -> None:
    answer = run("models", "accept", "dlib-99", "--yes")
    assert (answer.status, answer.out) == (2, "")
    assert "no licence 'dlib-99'; there are: dlib-68-points, insightface-models" in answer.err
