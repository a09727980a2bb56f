"""maskwise gallery delete with receipts, gallery retention, and consent at enrolment."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from maskwise.gallery import open_gallery
from maskwise.gallery.sqlite import SqliteGallery
from maskwise.testing.command_line import Run

G = ("--gallery", "g.db")


@pytest.fixture(autouse=True)
def enrolled(run: Run, people: Path) -> None:
    assert run("enrol", "people", *G).status == 0


def aged(days: int, name: str) -> None:
    """Make a person's photos older."""
    connection = sqlite3.connect("g.db")
    connection.execute(
        "UPDATE reference SET created_at = strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', ?)"
        " WHERE subject_id = (SELECT id FROM subject WHERE name = ?)",
        (f"-{days} days", name.encode()),
    )
    connection.commit()
    connection.close()


def names(run: Run) -> list[str]:
    return [p["subject"] for p in run("gallery", "list", *G, "--json").lines]


def test_a_receipt_in_a_file(run: Run) -> None:
    answer = run("gallery", "delete", "Ruby", "--yes", "--receipt", "r.json", *G, "--actor", "Ada")
    assert answer.status == 0
    receipt = json.loads(Path("r.json").read_text("utf-8"))
    assert receipt["removed"]["photos"] == 2
    assert (receipt["subject"], receipt["actor"]) == ("Ruby", "Ada")
    assert receipt["audit"]["hash"] in answer.out
    assert receipt["subject_id"] in answer.out
    if os.name == "posix":
        assert stat.S_IMODE(Path("r.json").stat().st_mode) == 0o600
    hash_ = receipt["audit"]["hash"]
    assert run("audit", "verify", "--expect", hash_, *G).status == 0


def test_a_receipt_that_cannot_be_written_stops_the_deletion(run: Run) -> None:
    Path("r.json").write_text("mine")
    for place, why in (("r.json", "already"), ("no/folder/r.json", "nothing was deleted")):
        answer = run("gallery", "delete", "Ruby", "--yes", "--receipt", place, *G)
        assert answer.status == 2
        assert why in answer.err
    assert Path("r.json").read_text() == "mine"
    assert "Ruby" in names(run)


def test_no_receipt_of_nothing(run: Run) -> None:
    answer = run("gallery", "delete", "Ruby", "--receipt", "r.json", *G, stdin="n\n")
    assert answer.status == 1
    assert run("gallery", "delete", "Nobody", "--yes", "--receipt", "r.json", *G).status == 2
    assert not Path("r.json").exists()


def test_copies_are_named_or_deleted(run: Run) -> None:
    with open_gallery("g.db") as gallery:
        gallery.save_copy(Path("g.db.before-1.db"))
    (told,) = run("gallery", "delete", "Ruby", "--yes", "--json", *G).lines
    assert told["copies"] == ["g.db.before-1.db"]
    assert "g.db.before-1.db" in run("gallery", "delete", "Olive", "--yes", *G).err
    answer = run("gallery", "delete", "Goldie", "--with-copies", *G, stdin="y\n")
    assert "and the whole file g.db.before-1.db" in answer.err
    assert "g.db.before-1.db: deleted, with all in it" in answer.out
    assert not Path("g.db.before-1.db").exists()


def test_consent_and_a_date_come_with_an_enrolment(run: Run) -> None:
    # All photos are enrolled already: what was agreed to is noted all the same.
    args = ("enrol", "people", *G, "--consent", "form 12", "--expires", "2099-01-31")
    assert run(*args).status == 0
    (ruby,) = run("gallery", "show", "Ruby", *G, "--json").lines
    assert (ruby["consent"], ruby["expires_at"]) == ("form 12", "2099-01-31T00:00:00.000+00:00")
    text = run("gallery", "show", "Ruby", *G).out
    assert "consent: form 12\nto be deleted from 2099-01-31 00:00 on, UTC\n" in text
    assert run("enrol", "people", *G, "--expires", "never").status == 0
    (ruby,) = run("gallery", "show", "Ruby", *G, "--json").lines
    assert (ruby["consent"], ruby["expires_at"]) == ("form 12", None)
    answer = run("enrol", "people", *G, "--expires", "2001-01-31")
    assert answer.status == 2
    assert "lies in the past" in answer.err


def test_consent_of_new_people_is_stored_with_them(run: Run) -> None:
    args = ("--gallery", "new.db", "--consent", "form 12", "--expires", "30")
    assert run("enrol", "people", *args).status == 0
    (ruby,) = run("gallery", "show", "Ruby", "--gallery", "new.db", "--json").lines
    assert ruby["consent"] == "form 12"
    log = run("audit", "show", "--subject", "Ruby", "--gallery", "new.db", "--json").lines
    assert [e["action"] for e in log] == ["enrol"]  # one step, not two
    assert log[0]["details"]["consent"] is True
    assert log[0]["details"]["expires_at"] == ruby["expires_at"]


def test_retention_by_the_limit_of_the_gallery(run: Run) -> None:
    aged(40, "Ruby")
    answer = run("gallery", "retention", *G)
    assert answer.out == "limit: none\n0 due, 0 deleted\n"
    answer = run("gallery", "retention", "--limit", "30", *G)
    assert "limit: 30 days after the last photo" in answer.out
    assert "1 due, 0 deleted" in answer.out
    (told,) = run("gallery", "retention", "--expire", "--dry-run", "--json", *G).lines
    assert [(p["subject"], p["reason"]) for p in told["due"]] == [("Ruby", "age")]
    assert (told["retention_days"], told["deleted"]) == (30, [])
    assert run("gallery", "retention", "--expire", *G, stdin="n\n").status == 1
    assert "Ruby" in names(run)
    answer = run("gallery", "retention", "--expire", "--yes", *G)
    assert answer.status == 0
    assert "1 due, 1 deleted" in answer.out
    assert names(run) == ["Goldie", "Olive"]
    last = run("audit", "show", *G, "--json").lines[-1]
    assert (last["action"], last["details"]["why"]) == ("delete", "age")
    assert run("gallery", "retention", "--limit", "off", *G).out.startswith("limit: none")


def test_retention_by_age_now(run: Run) -> None:
    aged(40, "Ruby")
    aged(20, "Olive")
    assert run("gallery", "retention", "--days", "41", "--yes", *G).status == 0
    assert len(names(run)) == 3
    (told,) = run("gallery", "retention", "--days", "30", "--yes", "--json", *G).lines
    assert [r["subject"] for r in told["deleted"]] == ["Ruby"]
    assert names(run) == ["Goldie", "Olive"]


def test_retention_by_their_own_date(run: Run) -> None:
    connection = sqlite3.connect("g.db")
    connection.execute(
        "UPDATE subject SET expires_at = '2020-01-01T00:00:00.000+00:00' WHERE name = ?",
        (b"Ruby",),
    )
    connection.commit()
    connection.close()
    assert run("gallery", "retention", "--days", "30", "--yes", *G).status == 0
    assert "Ruby" in names(run)  # --days asks for age alone
    assert "their own date" in run("gallery", "retention", *G).out
    answer = run("gallery", "retention", "--expire", *G, stdin="y\n")
    assert "Delete 1 people (Ruby) for good?" in answer.err
    assert names(run) == ["Goldie", "Olive"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--days", "3", "--expire"),
        ("--limit", "0"),
        ("--limit", "soon"),
        ("--days", "0"),
        ("--limit", "3", "--dry-run"),
        ("--limit", "99999"),
    ],
)
def test_retention_refuses_what_makes_no_sense(run: Run, arguments: tuple[str, ...]) -> None:
    before = run("audit", "show", *G, "--json").lines
    assert run("gallery", "retention", *arguments, *G).status == 2
    assert run("audit", "show", *G, "--json").lines == before


def test_retention_that_is_interrupted_keeps_the_rest(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Ruby", "Olive", "Goldie"):
        aged(40, name)
    delete_due, calls = SqliteGallery.delete_due, []

    def interrupted(self: SqliteGallery, subject_id: str, **how: Any) -> Any:
        calls.append(subject_id)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return delete_due(self, subject_id, **how)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteGallery, "delete_due", interrupted)
        answer = run("gallery", "retention", "--days", "30", "--yes", "--json", *G)
    assert answer.status == 130
    assert "1 of 3 were deleted; run it again" in answer.err
    assert len(answer.lines[0]["deleted"]) == 1
    assert len(names(run)) == 2
    assert run("gallery", "check", *G).out == "sound\n"
    assert run("gallery", "retention", "--days", "30", "--yes", *G).status == 0
    assert names(run) == []
