"""maskwise audit, and who is said to have done it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from maskwise.testing.command_line import Run

G = ("--gallery", "g.db")


@pytest.fixture(autouse=True)
def enrolled(run: Run, people: Path) -> None:
    assert run("enrol", "people", *G, "--actor", "Ada").status == 0


def test_show_tells_who_did_what_to_whom(run: Run) -> None:
    uid = run("gallery", "show", "Ruby", *G, "--json").lines[0]["subject_id"]
    assert run("gallery", "rename", "Ruby", "Red", *G, "--actor", "Bea").status == 0
    assert "MASKWISE_ACTOR" not in os.environ  # the option holds for one command
    lines = run("audit", "show", *G, "--json").lines
    told = [(e["seq"], e["actor"], e["action"]) for e in lines[1:]]
    assert told == [
        (2, "Ada", "enrol"),
        (3, "Ada", "enrol"),
        (4, "Ada", "enrol"),
        (5, "Bea", "rename"),
    ]
    assert lines[-1]["subject"] == uid
    assert list(lines[0]) == [
        *("seq", "at", "actor", "action", "subject", "details", "prev_hash", "hash")
    ]
    text = run("audit", "show", *G).out
    assert uid in text
    assert "Ruby" not in text
    assert "references 2" in text


def test_show_of_one_person_by_name_and_after_the_deletion_by_uid(run: Run) -> None:
    uid = run("gallery", "show", "Ruby", *G, "--json").lines[0]["subject_id"]
    by_name = run("audit", "show", "--subject", "Ruby", *G, "--json").lines
    assert [e["action"] for e in by_name] == ["enrol"]
    assert run("gallery", "delete", "Ruby", "--yes", *G).status == 0
    answer = run("audit", "show", "--subject", "Ruby", *G)
    assert answer.status == 2
    assert "found by the uid of the deletion's receipt" in answer.err
    by_uid = run("audit", "show", "--subject", uid, *G, "--json").lines
    assert [e["action"] for e in by_uid] == ["enrol", "delete"]


def test_show_since(run: Run) -> None:
    assert run("audit", "show", "--since", "2999-01-01", *G).out == "no entries\n"
    assert len(run("audit", "show", "--since", "2001-01-01", *G, "--json").lines) == 4
    answer = run("audit", "show", "--since", "tuesday", *G)
    assert answer.status == 2
    assert "--since: expected a date such as 2027-01-31, got 'tuesday'" in answer.err


def test_verify(run: Run) -> None:
    (told,) = run("audit", "verify", *G, "--json").lines
    assert (told["sound"], told["entries"], told["problems"]) == (True, 4, [])
    text = run("audit", "verify", *G).out
    assert f"sound: 4 entries, the last is {told['last_hash']}" in text
    assert "--expect" in text
    assert run("gallery", "delete", "Ruby", "--yes", *G).status == 0
    answer = run("audit", "verify", "--expect", told["last_hash"], *G)
    assert answer.status == 0
    assert "1 came after the one that was expected" in answer.out
    assert run("audit", "verify", "--expect", "abc", *G).status == 2


def test_verify_finds_a_changed_row_and_a_cut_end(run: Run) -> None:
    last = run("audit", "verify", *G, "--json").lines[0]["last_hash"]
    connection = sqlite3.connect("g.db")
    for statement in (
        "DROP TRIGGER audit_updated",
        "UPDATE audit SET actor = 'Eve' WHERE seq = 2",
        "DROP TRIGGER audit_deleted",
        "DELETE FROM audit WHERE seq = 4",
    ):
        connection.execute(statement)
    connection.commit()
    connection.close()
    answer = run("audit", "verify", "--expect", last, *G)
    assert answer.status == 2
    assert "entry 2 was changed: its hash does not fit what it says" in answer.out
    assert "the triggers that keep the log append-only were removed" in answer.out
    assert f"no entry has the hash {last}" in answer.out
    (told,) = run("audit", "verify", *G, "--json").lines
    assert told["sound"] is False
    assert told["after_expected"] is None
    assert run("gallery", "check", *G).status == 2


def test_an_actor_without_a_name(run: Run) -> None:
    answer = run("gallery", "rename", "Ruby", "Red", *G, "--actor", " ")
    assert answer.status == 2
    assert "MASKWISE_ACTOR" in answer.err
    assert run("gallery", "show", "Ruby", *G).status == 0


def test_the_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKWISE_ACTOR", "Cleo")
    assert run("gallery", "rename", "Ruby", "Red", *G).status == 0
    assert run("audit", "show", *G, "--json").lines[-1]["actor"] == "Cleo"
