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
    assert "postgresql, format 2" in run("gallery", "stats", *g).out
    check = run("gallery", "check", *g)
    assert (check.status, check.out.splitlines()[-1]) == (0, "sound")
    assert run("gallery", "rename", "Ruby", "Rubina", *g).status == 0
    (gone,) = run("gallery", "delete", "Rubina", "--yes", *g, "--json").lines
    assert (gone["deleted"], gone["photos"], gone["wiped"]) == ("Rubina", 2, True)
    assert gone["receipt"]["removed"]["templates"] == 10
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


def test_galleries_move_both_ways(run: Run, url: str) -> None:
    run("enrol", "people", "--gallery", "a.db")
    (there,) = run("gallery", "copy", "a.db", url, "--json").lines
    assert (there["photos"], there["copied"], there["equal"]) == (3, 3, True)
    assert there["searches_compared"] == 6
    again = run("gallery", "copy", "a.db", url)
    assert (again.status, "3 already there" in again.out) == (0, True)
    back = run("gallery", "copy", url, "b.db")
    assert (back.status, "equal" in back.out) == (0, True)
    run("gallery", "rename", "Ruby", "Rubina", "--gallery", "b.db")
    changed = run("gallery", "copy", "b.db", url)
    assert changed.status == 2
    assert "other content" in changed.err
    (exported,) = run("gallery", "export", url, "x.jsonl", "--json").lines
    assert exported["photos"] == 3
    (backed,) = run("gallery", "backup", url, "y.db", "--json").lines
    assert backed["templates"] == 15
    (imported,) = run("gallery", "import", "x.jsonl", "--gallery", url, "--json").lines
    assert (imported["imported"], imported["already"]) == (0, 3)


def test_consent_retention_and_the_log(run: Run, url: str) -> None:
    g = ("--gallery", url)
    run("enrol", "people", *g, "--consent", "form 12", "--expires", "2099-01-31", "--actor", "Ada")
    (shown,) = run("gallery", "show", "Ruby", *g, "--json").lines
    assert (shown["consent"], shown["expires_at"][:10]) == ("form 12", "2099-01-31")
    assert run("gallery", "retention", "--limit", "30", *g).status == 0
    (due,) = run("gallery", "retention", "--expire", "--dry-run", *g, "--json").lines
    assert due["deleted"] == []
    assert run("audit", "verify", *g).status == 0
    entries = run("audit", "show", *g, "--json").lines
    assert [e["action"] for e in entries] == ["begin", "enrol", "enrol", "retention"]
    assert {e["actor"] for e in entries if e["action"] == "enrol"} == {"Ada"}
    (gone,) = run("gallery", "delete", "Ruby", "--yes", *g, "--json").lines
    pinned = gone["receipt"]["audit"]["hash"]
    run("gallery", "delete", "Olive", "--yes", *g)
    kept = run("audit", "verify", "--expect", pinned, *g)
    assert kept.status == 0
    lost = run("audit", "verify", "--expect", "ab" * 32, *g)
    assert lost.status == 2
