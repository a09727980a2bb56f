"""maskwise gallery."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from maskwise.testing.command_line import Run

G = ("--gallery", "g.db")


@pytest.fixture(autouse=True)
def enrolled(run: Run, people: Path) -> None:
    assert run("enrol", "people", *G).status == 0


def test_list(run: Run) -> None:
    lines = run("gallery", "list", *G, "--json").lines
    assert [(p["subject"], p["photos"], p["templates"]) for p in lines] == [
        ("Goldie", 1, 5),
        ("Olive", 1, 5),
        ("Ruby", 2, 10),
    ]
    assert all(p["enrolled_at"].startswith("20") for p in lines)
    text = run("gallery", "list", *G).out
    assert [
        line.split()[:3] for line in text.splitlines() if line.lstrip()[:1] in {"G", "O", "R"}
    ] == [
        ["Goldie", "1", "5"],
        ["Olive", "1", "5"],
        ["Ruby", "2", "10"],
    ]


def test_show(run: Run) -> None:
    (ruby,) = run("gallery", "show", "Ruby", *G, "--json").lines
    assert [p["source"] for p in ruby["photos"]] == ["people/Ruby/1.png", "people/Ruby/2.png"]
    assert [t["wear"] for t in ruby["photos"][0]["templates"]][:2] == ["none", "virtual:surgical"]
    assert len(ruby["photos"][0]["sha256"]) == 64
    text = run("gallery", "show", "Ruby", *G).out
    assert "people/Ruby/2.png" in text
    assert "virtual:surgical" in text


def test_rename(run: Run) -> None:
    assert run("gallery", "rename", "Ruby", "Red", *G).status == 0
    assert run("gallery", "show", "Red", *G).status == 0
    assert run("gallery", "rename", "Red", "Olive", *G).status == 2
    assert run("gallery", "rename", "Red", "Ruby", *G, "--json").lines == [
        {"renamed": "Red", "subject": "Ruby"}
    ]


def test_rename_says_the_name_as_it_is_kept(run: Run) -> None:
    answer = run("gallery", "rename", "Ruby", " Zoe\u0301", *G, "--json")
    assert answer.lines == [{"renamed": "Ruby", "subject": "Zo\u00e9"}]
    assert run("gallery", "rename", "Olive", " ", *G).status == 2


def test_a_gallery_that_may_not_be_looked_at(run: Run) -> None:
    # Where the superuser runs the tests no permission is refused, but no name may be so long.
    answer = run("gallery", "list", "--gallery", "x" * 300)
    assert answer.status == 2
    assert "File name too long; check the path" in answer.err


def test_nobody_of_that_name(run: Run) -> None:
    for command in (("show", "X"), ("rename", "X", "Y"), ("delete", "X", "--yes")):
        answer = run("gallery", *command, *G)
        assert answer.status == 2
        assert answer.err.splitlines()[-1].startswith("maskwise: error: ")
        assert "X" in answer.err


def test_delete_asks(run: Run) -> None:
    for stdin, status in (("n\n", 1), ("", 2)):
        answer = run("gallery", "delete", "Ruby", *G, stdin=stdin)
        assert answer.status == status
        assert "Delete Ruby (2 photos) for good?" in answer.err
        assert run("gallery", "show", "Ruby", *G).status == 0
    assert (
        "deleted Ruby: 2 photos, 10 templates"
        in run("gallery", "delete", "Ruby", *G, stdin="y\n").out
    )
    assert run("gallery", "show", "Ruby", *G).status == 2
    (told,) = run("gallery", "delete", "Olive", "--yes", "--json", *G).lines
    assert told.pop("receipt")["subject"] == "Olive"
    assert told == {"deleted": "Olive", "photos": 1, "templates": 5, "wiped": True, "copies": []}


def test_stats(run: Run) -> None:
    (stats,) = run("gallery", "stats", *G, "--json").lines
    assert (stats["people"], stats["photos"], stats["templates"]) == (3, 4, 20)
    assert stats["templates_by_wear"]["none"] == 4
    assert stats["encoder"] == "fake-encoder"
    text = run("gallery", "stats", *G).out
    assert "fake-encoder" in text
    assert "virtual:gas" in text


def test_check(run: Run) -> None:
    assert run("gallery", "check", *G).out == "sound\n"
    assert run("gallery", "check", *G, "--json").lines[0]["sound"] is True
    with sqlite3.connect("g.db") as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
        table = next(name for name in tables if name.startswith("template"))
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(f"UPDATE {table} SET vector = zeroblob(length(vector))")
    connection.close()
    answer = run("gallery", "check", *G)
    assert answer.status == 2
    assert "restore the gallery from a copy" in answer.out
    (line,) = run("gallery", "check", *G, "--json").lines
    assert line["sound"] is False
    assert line["problems"]


def test_check_of_what_does_not_open_is_json_too(run: Run) -> None:
    Path("text.db").write_text("hello")
    answer = run("gallery", "check", "--gallery", "text.db", "--json")
    assert answer.status == 2
    assert answer.lines[0]["gallery"] == "text.db"
    assert answer.lines[0]["sound"] is False
    assert "no gallery" in answer.lines[0]["problems"][0]
    assert run("gallery", "check", "--gallery", "text.db").err.startswith("maskwise: error: ")


@pytest.mark.parametrize("command", ["list", "stats", "check"])
def test_there_is_none(run: Run, command: str) -> None:
    answer = run("gallery", command, "--gallery", "gone.db")
    assert answer.status == 2
    assert "gone.db: there is no gallery here yet" in answer.err
    assert not Path("gone.db").exists()


def test_an_unknown_engine(run: Run) -> None:
    answer = run("gallery", "list", "--gallery", "redis://user:secret@host/0")
    assert answer.status == 2
    assert "no gallery engine 'redis'" in answer.err
    assert "secret" not in answer.err


def test_merge(run: Run) -> None:
    before = run("gallery", "show", "Olive", *G, "--json").lines[0]
    more = len(run("gallery", "show", "Ruby", *G, "--json").lines[0]["photos"])
    refused = run("gallery", "merge", "Ruby", "Olive", *G)  # nobody answers
    assert refused.status == 2
    assert "--yes" in refused.err
    (told,) = run("gallery", "merge", "Ruby", "Olive", "--yes", *G, "--json").lines
    assert told == {
        "merged": "Ruby", "subject": "Olive", "photos": more, "dropped": 0, "wiped": True,
    }  # fmt: skip
    after = run("gallery", "show", "Olive", *G, "--json").lines[0]
    assert len(after["photos"]) == len(before["photos"]) + more
    assert run("gallery", "show", "Ruby", *G).status == 2
    for one, other in (("Olive", "Olive"), ("Nobody", "Olive"), ("Olive", "Nobody")):
        assert run("gallery", "merge", one, other, "--yes", *G).status == 2
    assert run("audit", "verify", *G).status == 0
    assert run("gallery", "check", *G).status == 0
