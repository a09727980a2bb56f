"""maskwise gallery copy, export, import of an export and backup; galleries that are only read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from maskwise.cli.output import Progress
from maskwise.gallery import copying, open_gallery, readonly
from maskwise.testing.command_line import RED, Answer, Run, photo
from maskwise.testing.gallery_contract.moving import contents

G = ("--gallery", "g.db")


@pytest.fixture(autouse=True)
def enrolled(run: Run, people: Path) -> None:
    assert run("enrol", "people", *G).status == 0
    assert run("gallery", "retention", "--limit", "400", *G).status == 0


def held(path: str) -> list[tuple[str, str]]:
    with open_gallery(path, create=False) as gallery:
        assert gallery.integrity_check() == []
        return contents(gallery)


def limit(path: str) -> int | None:
    with open_gallery(path, create=False) as gallery:
        return gallery.retention_days


def refused(answer: Answer, *words: str) -> None:
    assert answer.status == 2
    last = answer.err.splitlines()[-1]
    assert last.startswith("maskwise: error: ")
    assert all(word in last for word in words), last
    assert "Traceback" not in answer.err


@pytest.fixture
def advances(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How the progress moved on."""
    told: list[int] = []
    monkeypatch.setattr(Progress, "advance", lambda _, count=1: told.append(count))
    return told


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Ctrl-C once the progress has moved so often."""

    def set_up(number: int) -> None:
        left = [number]

        def advance(_: Progress, count: int = 1) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt

        monkeypatch.setattr(Progress, "advance", advance)

    return set_up


class TestCopy:
    def test_says_what_it_did(self, run: Run, advances: list[int]) -> None:
        answer = run("gallery", "copy", "g.db", "new/h.db")
        assert answer.status == 0
        assert answer.out.splitlines() == [
            "people     3",
            "photos     4 copied, 0 already there",
            "templates  20",
            "limit      400 days, as FROM has it",
            "equal      every photo, and 8 sampled searches",
        ]
        assert held("new/h.db") == held("g.db")
        assert limit("new/h.db") == 400
        assert sum(advances) == 2 * 4  # each photo is copied, then compared
        assert run("identify", "people/Ruby/1.png", "--gallery", "new/h.db").status == 0

    def test_again_copies_nothing(self, run: Run) -> None:
        run("gallery", "copy", "g.db", "h.db")
        answer = run("gallery", "copy", "g.db", "h.db", "--json")
        assert answer.status == 0
        assert answer.lines == [
            {
                "from": "g.db",
                "to": "h.db",
                "people": 3,
                "photos": 4,
                "templates": 20,
                "copied": 0,
                "already": 4,
                "calibration": False,
                "retention_days": None,
                "searches_compared": 8,
                "people_missed": 0,
                "equal": True,
                "problems": [],
            }
        ]

    def test_a_limit_of_its_own_stays(self, run: Run) -> None:
        assert run("gallery", "copy", "g.db", "h.db").status == 0
        assert run("gallery", "retention", "--limit", "30", "--gallery", "h.db").status == 0
        assert run("gallery", "copy", "g.db", "h.db", "--json").lines[0]["retention_days"] is None
        assert limit("h.db") == 30

    @pytest.mark.parametrize("at", [1, 2, 4])
    def test_ctrl_c_then_on(
        self,
        run: Run,
        at: int,
        stop_at: Callable[[int], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(copying, "BATCH", 1)
        with monkeypatch.context():
            stop_at(at)
            answer = run("gallery", "copy", "g.db", "h.db")
        assert answer.status == 130
        assert "interrupted: what was copied stays; run it again to go on" in answer.err
        assert answer.out == ""
        assert held("h.db") == held("g.db")[:at]
        monkeypatch.setattr(Progress, "advance", lambda _, count=1: None)
        (told,) = run("gallery", "copy", "g.db", "h.db", "--json").lines
        assert (told["copied"], told["already"], told["equal"]) == (4 - at, at, True)
        assert held("h.db") == held("g.db")

    def test_what_is_refused_changes_nothing(self, run: Run) -> None:
        photo("more/Zoe/1.png", RED, left=33)
        assert run("enrol", "more", "--gallery", "other.db").status == 0
        before = held("other.db"), held("g.db")
        refused(run("gallery", "copy", "g.db", "other.db"), "copy goes into an empty gallery")
        refused(run("gallery", "copy", "g.db", "./g.db"), "both FROM and TO")
        Path("link.db").symlink_to("g.db")
        refused(run("gallery", "copy", "link.db", "g.db"), "both FROM and TO")
        refused(run("gallery", "copy", "nobody.db", "h.db"), "nobody.db", "no gallery here yet")
        refused(run("gallery", "copy", "g.db", "people"), "is a folder")
        assert (held("other.db"), held("g.db")) == before
        assert not Path("h.db").exists()
        assert not Path("nobody.db").exists()

    def test_a_copy_that_was_changed_is_refused(self, run: Run) -> None:
        run("gallery", "copy", "g.db", "h.db")
        run("gallery", "rename", "Ruby", "Red", "--gallery", "h.db")
        before = held("h.db")
        refused(run("gallery", "copy", "g.db", "h.db"), "other content", "copy into a new gallery")
        assert held("h.db") == before

    def test_differences_are_named_and_the_code_is_2(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = copying._other_answers
        monkeypatch.setattr(
            copying, "_other_answers", lambda *a: ([*real(*a)[0], "something \x1b[1m"], 0)
        )
        answer = run("gallery", "copy", "g.db", "h.db")
        assert answer.status == 2
        assert "differs: something \\x1b[1m" in answer.out
        assert "equal" not in answer.out
        (told,) = run("gallery", "copy", "g.db", "h.db", "--json").lines
        assert (told["equal"], len(told["problems"])) == (False, 1)


class TestExportAndImport:
    def test_there_and_back(self, run: Run, advances: list[int]) -> None:
        answer = run("gallery", "export", "g.db", "g.jsonl")
        assert (answer.status, answer.out) == (0, "exported 4 photos to g.jsonl\n")
        assert sum(advances) == 4
        assert Path("g.jsonl").stat().st_mode & 0o777 == 0o600
        answer = run("gallery", "import", "g.jsonl", "--gallery", "h.db", "--dry-run")
        assert answer.status == 0
        assert "4 to import, 0 already there" in answer.out
        assert not Path("h.db").exists()
        answer = run("gallery", "import", "g.jsonl", "--gallery", "h.db")
        assert answer.status == 0
        assert answer.out.splitlines() == [
            "photos   4 imported, 0 already there",
            "gallery  h.db",
        ]
        assert held("h.db") == held("g.db")
        assert sum(advances) == 4 + 4 + 4

    def test_json(self, run: Run) -> None:
        assert run("gallery", "export", "g.db", "g.jsonl", "--json").lines == [
            {"gallery": "g.db", "file": "g.jsonl", "photos": 4}
        ]
        told = {"gallery": "h.db", "dry_run": False, "photos": 4, "imported": 4, "already": 0}
        command = ("gallery", "import", "g.jsonl", "--gallery", "h.db", "--json")
        assert run(*command).lines == [told]
        assert run(*command).lines == [{**told, "imported": 0, "already": 4}]
        dry = run(*command, "--dry-run").lines
        assert dry == [{**told, "dry_run": True, "imported": 0, "already": 4}]

    @pytest.mark.parametrize("damage", ["byte", "line", "cut", "order", "twice"])
    def test_a_changed_export_is_refused_and_makes_no_gallery(self, run: Run, damage: str) -> None:
        run("gallery", "export", "g.db", "g.jsonl")
        path = Path("g.jsonl")
        lines = path.read_bytes().splitlines(keepends=True)
        if damage == "byte":
            at = lines[2].index(b'"vector":"') + 12
            lines[2] = lines[2][:at] + bytes([lines[2][at] ^ 1]) + lines[2][at + 1 :]
        elif damage == "line":
            del lines[2]
        elif damage == "cut":
            del lines[-1]
        elif damage == "order":
            lines[1], lines[2] = lines[2], lines[1]
        else:
            lines.insert(2, lines[2])
        path.write_bytes(b"".join(lines))
        refused(run("gallery", "import", "g.jsonl", "--gallery", "h.db"), "g.jsonl", "export")
        assert not Path("h.db").exists()

    def test_what_is_there_with_other_content_stops_the_import(self, run: Run) -> None:
        run("gallery", "export", "g.db", "g.jsonl")
        run("gallery", "import", "g.jsonl", "--gallery", "h.db")
        run("gallery", "rename", "Ruby", "Red", "--gallery", "h.db")
        run("gallery", "delete", "Olive", "--yes", "--gallery", "h.db")
        before = held("h.db")
        refused(run("gallery", "import", "g.jsonl", "--gallery", "h.db"), "other content")
        assert held("h.db") == before

    def test_no_file_is_written_over(self, run: Run) -> None:
        Path("g.jsonl").write_bytes(b"mine")
        refused(run("gallery", "export", "g.db", "g.jsonl"), "already")
        assert Path("g.jsonl").read_bytes() == b"mine"
        refused(run("gallery", "export", "nobody.db", "n.jsonl"), "no gallery here yet")
        assert not Path("n.jsonl").exists()
        assert run("gallery", "export", "g.db", "").status == 2

    def test_ctrl_c_leaves_nothing(self, run: Run, stop_at: Callable[[int], None]) -> None:
        run("gallery", "export", "g.db", "whole.jsonl")
        before = sorted(path.name for path in Path().iterdir())
        stop_at(2)
        answer = run("gallery", "export", "g.db", "g.jsonl")
        assert (answer.status, answer.err) == (
            130,
            "maskwise: gallery g.db\nmaskwise: interrupted\n",
        )
        assert sorted(path.name for path in Path().iterdir()) == before
        stop_at(3)
        answer = run("gallery", "import", "whole.jsonl", "--gallery", "h.db")
        assert answer.status == 130
        assert "interrupted: nothing was imported" in answer.err
        assert held("h.db") == []


class TestBackup:
    def test_is_a_gallery(self, run: Run) -> None:
        answer = run("gallery", "backup", "g.db", "b/monday.db")
        assert answer.status == 0
        assert answer.out == "backed up 3 people, 4 photos to b/monday.db; checked\n"
        assert held("b/monday.db") == held("g.db")
        assert limit("b/monday.db") == 400
        assert [path.name for path in Path("b").iterdir()] == ["monday.db"]
        assert run("audit", "verify", "--gallery", "b/monday.db").status == 0

    def test_json(self, run: Run) -> None:
        assert run("gallery", "backup", "g.db", "b.db", "--json").lines == [
            {"gallery": "g.db", "file": "b.db", "people": 3, "photos": 4, "templates": 20}
        ]

    def test_what_is_refused(self, run: Run) -> None:
        Path("b.db").write_bytes(b"mine")
        refused(run("gallery", "backup", "g.db", "b.db"), "already")
        assert Path("b.db").read_bytes() == b"mine"
        refused(run("gallery", "backup", "nobody.db", "n.db"), "no gallery here yet")
        refused(run("gallery", "backup", "g.db", "b.db/n.db"), "b.db")
        assert run("gallery", "backup", "g.db", "").status == 2
        assert not Path("n.db").exists()
        assert list(Path().glob(".*")) == []

    def test_a_damaged_gallery_has_none(self, run: Run) -> None:
        with open_gallery("g.db") as gallery:
            gallery._connection.execute(  # type: ignore[attr-defined]
                "UPDATE template SET vector = zeroblob(length(vector)) WHERE id = 3"
            )
        refused(run("gallery", "backup", "g.db", "b.db"), "not sound", "maskwise gallery check")
        assert not Path("b.db").exists()


def test_a_gallery_that_may_only_be_read_is_searched_and_kept(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readonly, "may_write", lambda _: False)  # the superuser always may
    before = Path("g.db").read_bytes()
    answer = run("identify", "people/Ruby/1.png", *G, "--json")
    assert answer.status == 0
    assert "Ruby" in json.dumps(answer.lines)
    for command in (
        ("gallery", "list"),
        ("gallery", "show", "Ruby"),
        ("gallery", "stats"),
        ("gallery", "check"),
        ("audit", "verify"),
    ):
        assert run(*command, *G).status == 0, command
    for command in (
        ("gallery", "rename", "Ruby", "Red"),
        ("gallery", "delete", "Ruby", "--yes"),
        ("gallery", "merge", "Ruby", "Olive", "--yes"),
        ("gallery", "retention", "--limit", "30"),
    ):
        refused(run(*command, *G), "searched and not changed", "maskwise gallery backup")
    photo("more/Zoe/1.png", RED, left=33)
    refused(run("enrol", "more", *G), "searched and not changed")
    assert Path("g.db").read_bytes() == before
