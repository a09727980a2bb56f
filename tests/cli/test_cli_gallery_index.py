"""maskwise gallery index, and what gallery check says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskwise.testing.command_line import Run

pytest.importorskip("faiss")
G = ("--gallery", "g.db")


@pytest.fixture(autouse=True)
def enrolled(run: Run, people: Path) -> None:
    assert run("enrol", "people", *G).status == 0


def test_status_build_and_drop(run: Run) -> None:
    (line,) = run("gallery", "index", "status", *G, "--json").lines
    assert (line["state"], line["templates"], line["written_at"]) == ("none", 0, None)
    assert "one is made from 50,000 templates on" in run("gallery", "index", "status", *G).out
    (line,) = run("gallery", "index", "build", *G, "--json").lines
    assert (line["state"], line["templates"], line["newer"]) == ("current", 20, 0)
    assert Path("g.db.index").stat().st_size == line["size_bytes"]
    text = run("gallery", "index", "status", *G).out
    assert "20, and 0 newer ones beside it" in text
    answer = run("gallery", "index", "drop", *G, "--json")
    assert answer.lines == [{"gallery": "g.db", "index": "g.db.index", "dropped": True}]
    assert not Path("g.db.index").exists()
    assert "there is none" in run("gallery", "index", "drop", *G).out


def test_one_that_does_not_hold(run: Run) -> None:
    run("gallery", "index", "build", *G)
    Path("g.db.index").write_bytes(b"")
    answer = run("gallery", "index", "status", *G)
    assert "unfit" in answer.out
    assert "it is damaged" in answer.out
    # It is not needed here: it goes, with a remark.
    assert "g.db.index was deleted" in run("gallery", "check", *G).err


def test_check_measures_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("gallery", "check", *G, "--json").lines[0]["index_recall"] is None
    run("gallery", "index", "build", *G)
    (line,) = run("gallery", "check", *G, "--json").lines
    assert (line["index_recall"], line["warnings"]) == (1.0, [])
    monkeypatch.setattr("maskwise.cli.gallery_check.index_recall", lambda store: 0.985)
    assert "the search index finds 98.5% of those" in run("gallery", "check", *G).out


def test_a_person_who_is_deleted_leaves_it(run: Run) -> None:
    run("gallery", "index", "build", *G)
    assert run("gallery", "delete", "Ruby", "--yes", *G).status == 0
    (line,) = run("gallery", "index", "status", *G, "--json").lines
    assert (line["state"], line["templates"], line["erased"]) == ("current", 10, 10), line["reason"]
