"""The commands with a gallery on Qdrant, end to end, in a folder; the models are fakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from maskwise.cli import main
from maskwise.cli.options import Tools
from maskwise.testing.command_line import GREEN, RED, Answer, Run, make_recognizer, photo

KEY = "Tr0ub4dor"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; no output of any may hold the key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("MASKWISE_GALLERY", raising=False)
    photo("people/Ruby/1.png", RED)
    photo("people/Ruby/2.png", RED, left=100)
    photo("people/Olive/1.png", GREEN)
    photo("probe.png", RED)

    def invoke(*arguments: str) -> Answer:
        result = CliRunner().invoke(main, list(arguments), obj=Tools(make_recognizer))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert KEY not in result.stdout + result.stderr
        return Answer(result.exit_code, result.stdout, result.stderr)

    return invoke


def test_from_enrolment_to_deletion(run: Run, tmp_path: Path) -> None:
    url = "qdrant+path://store/people"
    g = ("--gallery", url)
    assert run("gallery", "list", *g).status == 2  # there is none yet
    assert not (tmp_path / "store").exists()
    assert run("enrol", "people", *g).status == 0
    (again,) = run("enrol", "people", *g, "--json").lines
    assert again["photos"]["already"] == 3
    people = run("gallery", "list", *g, "--json").lines
    assert [(p["subject"], p["photos"]) for p in people] == [("Olive", 1), ("Ruby", 2)]
    (found,) = run("identify", "probe.png", *g, "--json").lines
    assert found["candidates"][0]["subject"] == "Ruby"
    (figures,) = run("gallery", "stats", *g, "--json").lines
    assert (figures["engine"], figures["gallery"], figures["people"]) == ("qdrant", url, 2)
    check = run("gallery", "check", *g)
    assert (check.status, check.out.splitlines()[-1]) == (0, "sound")
    assert "2 (3 photos, 15 templates" in run("doctor", *g).out
    (tmp_path / "copies").mkdir()
    assert run("gallery", "copy", url, "copies/people.db").status == 0
    assert run("gallery", "copy", "copies/people.db", "qdrant+path://store/again").status == 0
    assert (
        run("gallery", "list", "--gallery", "qdrant+path://store/again", "--json").lines == people
    )
    assert run("gallery", "rename", "Ruby", "Rubina", *g).status == 0
    (gone,) = run("gallery", "delete", "Rubina", "--yes", *g, "--json").lines
    assert (gone["deleted"], gone["photos"], gone["wiped"]) == ("Rubina", 2, False)
    assert [p["subject"] for p in run("gallery", "list", *g, "--json").lines] == ["Olive"]


def test_mistakes_are_said_in_a_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    here = f"qdrant+http://{KEY}@127.0.0.1:9/people?timeout=1"
    for url, words in (
        (here, "cannot be reached"),
        (f"qdrant+http://{KEY}@elsewhere/people", "unencrypted"),
        (f"qdrant+https://{KEY}/x@host/people", "cannot be read"),
    ):
        for command in (("gallery", "list"), ("enrol", "people")):
            answer = run(*command, "--gallery", url)
            assert answer.status == 2
            assert words in answer.err
            assert "Traceback" not in answer.err
    monkeypatch.setenv("MASKWISE_QDRANT_API_KEY", KEY)
    assert "cannot be reached" in run("doctor", "--gallery", here).out
