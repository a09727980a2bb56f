"""The commands with a gallery on a server, end to end; the models are fakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from maskwise.cli import main
from maskwise.cli.options import Tools
from maskwise.testing.command_line import GOLD, GREEN, RED, Answer, Run, make_recognizer, photo
from maskwise.testing.postgres_server import PASSWORD, QUOTED


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command; no output of any may hold the password."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("MASKWISE_GALLERY", raising=False)
    photo("people/Ruby/1.png", RED)
    photo("people/Ruby/2.png", RED, left=100)
    photo("people/Olive/1.png", GREEN)
    photo("probe.png", RED)
    photo("stranger.png", GOLD)

    def invoke(*arguments: str) -> Answer:
        result = CliRunner().invoke(main, list(arguments), obj=Tools(make_recognizer))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        for secret in (QUOTED, PASSWORD):
            assert secret not in result.stdout + result.stderr
        return Answer(result.exit_code, result.stdout, result.stderr)

    return invoke


def test_from_enrolment_to_deletion(run: Run, url: str) -> None:
    g = ("--gallery", url)
    assert run("gallery", "list", *g).status == 2  # there is none yet
    assert run("enrol", "people", *g).status == 0
    (again,) = run("enrol", "people", *g, "--json").lines
    assert again["photos"]["already"] == 3
    people = run("gallery", "list", *g, "--json").lines
    assert [(p["subject"], p["photos"], p["templates"]) for p in people] == [
        ("Olive", 1, 5),
        ("Ruby", 2, 10),
    ]
    (found,) = run("identify", "probe.png", *g, "--json").lines
    assert found["candidates"][0]["subject"] == "Ruby"
    (shown,) = run("gallery", "show", "Ruby", *g, "--json").lines
    assert [p["source"] for p in shown["photos"]] == ["people/Ruby/1.png", "people/Ruby/2.png"]
    (figures,) = run("gallery", "stats", *g, "--json").lines
    assert (figures["engine"], figures["people"], figures["templates"]) == ("postgresql", 2, 15)
    assert figures["gallery"].startswith("postgresql://maskwise@127.0.0.1:")
    assert figures["size_bytes"] > 0
    assert "postgresql, format 1" in run("gallery", "stats", *g).out
    check = run("gallery", "check", *g)
    assert (check.status, check.out.splitlines()[-1]) == (0, "sound")
    assert run("gallery", "rename", "Ruby", "Rubina", *g).status == 0
    (gone,) = run("gallery", "delete", "Rubina", "--yes", *g, "--json").lines
    assert gone == {"deleted": "Rubina", "photos": 2, "templates": 10, "wiped": True, "copies": []}
    assert [p["subject"] for p in run("gallery", "list", *g, "--json").lines] == ["Olive"]
    run("gallery", "delete", "Olive", "--yes", *g)
    nobody = run("identify", "probe.png", *g)
    assert nobody.status == 2
    assert "nobody is enrolled" in nobody.err


def test_mistakes_are_said_in_a_line(run: Run, url: str) -> None:
    for wrong, words in (
        (url.replace(QUOTED, "wrong"), "password authentication failed"),
        (url.replace(QUOTED, PASSWORD), "as %XX"),
        (url.replace("/postgres?", "/nowhere?"), "nowhere"),
    ):
        for command in (("gallery", "list"), ("gallery", "check"), ("enrol", "people")):
            answer = run(*command, "--gallery", wrong)
            assert answer.status == 2
            assert words in answer.err
            assert "Traceback" not in answer.err


def test_doctor_looks_at_the_server(run: Run, url: str) -> None:
    run("enrol", "people", "--gallery", url)
    text = run("doctor", "--gallery", url).out
    assert "2 (3 photos, 15 templates" in text
    assert (
        "password authentication failed"
        in run("doctor", "--gallery", url.replace(QUOTED, "wrong")).out
    )
