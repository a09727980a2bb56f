"""Galleries, folders and the self-test, when they are sound and when they are not."""

from __future__ import annotations

import os
import sqlite3
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest
from finding_tables import by_name, states

from maskwise import decide, encode
from maskwise.decide import pair_id
from maskwise.doctor import Finding, places, selftest
from maskwise.errors import ConfigurationError
from maskwise.gallery import open_gallery
from maskwise.gallery.migrations import MIGRATIONS, format_of
from maskwise.own_calibration import place_beside
from maskwise.testing.enrolments import axis, reference
from maskwise.types import NO_MASK

FORMAT_1 = Path(__file__).resolve().parents[1] / "gallery" / "format_1.sql"


def enrolled(path: Path, encoder: str) -> Path:
    with open_gallery(path) as gallery:
        gallery.enrol("Ada", [reference("a.jpg", [(NO_MASK, axis(0))], encoder=encoder)])
    return path


class TestGallery:
    def test_one_that_is_not_there_yet_is_noted(self, tmp_path: Path) -> None:
        found = by_name(places.gallery(None, {}))
        assert found["place"].says == str(tmp_path / "data" / "gallery.sqlite3")
        assert found["people"].state == "note"
        assert not (tmp_path / "data").exists()

    def test_a_sound_one(self, tmp_path: Path) -> None:
        path = enrolled(tmp_path / "g.db", encode.create().id)
        before = path.read_bytes()
        found = by_name(places.gallery(str(path), {}))
        assert {finding.state for finding in found.values()} == {"ok"}
        assert found["people"].says.startswith("1 (1 photos, 1 templates, ")
        assert found["format"].says == f"format {len(MIGRATIONS)}"
        assert path.read_bytes() == before

    def test_one_of_another_encoder_is_wrong(self, tmp_path: Path) -> None:
        path = enrolled(tmp_path / "g.db", "someone-elses")
        found = by_name(places.gallery(str(path), {}))
        assert found["encoder"].state == "wrong"
        assert "someone-elses" in found["encoder"].says
        assert "re-encode" in found["encoder"].remedy

    def test_one_of_the_space_is_searched_and_takes_nobody_more(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stock = encode.create("dlib-resnet-v1")
        with open_gallery(tmp_path / "g.db") as gallery:
            made = reference("a.jpg", [(NO_MASK, axis(0))], encoder=stock.id, space=stock.space)
            gallery.enrol("Ada", [made])
        rows = {pair_id(stock.id, encode.create().id): {}}
        monkeypatch.setattr(decide, "_shipped_table", lambda: {"encoders": rows})
        found = by_name(places.gallery(str(tmp_path / "g.db"), {}))["encoder"]
        assert found.state == "note"
        assert found.says.endswith("by thresholds of the two together")
        assert "(--encoder dlib-resnet-v1), or move it over" in found.remedy
        rows.clear()
        found = by_name(places.gallery(str(tmp_path / "g.db"), {}))["encoder"]
        assert "thresholds" not in found.says
        assert "ranked only" in found.remedy

    def test_an_empty_one_takes_any_encoder(self, tmp_path: Path) -> None:
        open_gallery(tmp_path / "g.db").close()
        found = by_name(places.gallery(str(tmp_path / "g.db"), {}))
        assert (found["people"].state, found["encoder"].state) == ("note", "ok")

    def test_an_older_one_stays_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "old.db"
        connection = sqlite3.connect(path, isolation_level=None)
        connection.executescript(FORMAT_1.read_text("utf-8"))
        connection.close()
        found = by_name(places.gallery(str(path), {}))
        assert found["format"].state == "note"
        assert found["encoder"].state == "wrong"  # an invented one
        connection = sqlite3.connect(path)
        assert format_of(connection) == 1
        connection.close()

    def test_a_newer_one_is_wrong(self, tmp_path: Path) -> None:
        path = enrolled(tmp_path / "g.db", "x")
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        found = by_name(places.gallery(str(path), {}))
        assert (found["format"].state, "encoder" in found) == ("wrong", False)

    @pytest.mark.parametrize("content", [b"", b"no database at all, but a long text" * 9])
    def test_a_file_that_is_none_is_wrong(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "g.db").write_bytes(content)
        found = list(places.gallery(str(tmp_path / "g.db"), {}))
        assert found[-1].state == "wrong"

    def test_a_folder_is_none(self, tmp_path: Path) -> None:
        assert list(places.gallery(str(tmp_path), {}))[-1].state == "wrong"

    def test_what_may_not_be_written_is_wrong(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = enrolled(tmp_path / "g.db", "x")
        monkeypatch.setattr(os, "access", lambda place, mode: place != path)
        found = by_name(places.gallery(str(path), {}))["access"]
        assert (found.state, found.says) == ("wrong", f"you may not read and write {path}")

    def test_a_calibration_that_does_not_fit_is_wrong(self, tmp_path: Path) -> None:
        path = enrolled(tmp_path / "g.db", encode.create().id)
        place_beside(path).write_text("{}")
        assert by_name(places.gallery(str(path), {}))["calibration"].state == "wrong"

    def test_one_in_memory_is_nowhere(self) -> None:
        assert [f.name for f in places.gallery(":memory:", {})] == ["place"]

    def test_an_engine_that_there_is_not(self) -> None:
        with pytest.raises(ConfigurationError):
            list(places.gallery("redis://host/1", {}))


class TestFolders:
    def test_they_are_found_and_not_made(self, tmp_path: Path) -> None:
        found = by_name(places.folders())
        assert set(found) == {"data", "models", "cache"}
        assert {finding.state for finding in found.values()} <= {"ok", "note"}
        assert "(not made yet)" in found["data"].says
        assert list(tmp_path.iterdir()) == []

    def test_one_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "cache").write_text("a file")
        assert states(places.folders())["cache"] == "wrong"

    @pytest.mark.parametrize(("free", "state"), [(2e9, "ok"), (5e8, "note"), (1e6, "wrong")])
    def test_room_is_looked_at(
        self, free: float, state: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = namedtuple("usage", "free")
        monkeypatch.setattr(places.shutil, "disk_usage", lambda _: usage(free))
        assert set(states(places.folders()).values()) == {state}


class TestSelfTest:
    def verified(
        self, monkeypatch: pytest.MonkeyPatch, *answers: tuple[float | None, str]
    ) -> Finding:
        """What is found where these are the scores and outcomes of the three comparisons."""
        left = [(1.0, "match"), *answers]

        def verify(*_: Path) -> SimpleNamespace:
            score, outcome = left.pop(0)
            reasons = ("calibrate it",) if outcome == "insufficient" else ()
            return SimpleNamespace(
                decision=SimpleNamespace(score=score, outcome=outcome, reasons=reasons)
            )

        monkeypatch.setattr(
            "maskwise.pipeline.Recognizer", lambda **_: SimpleNamespace(verify=verify)
        )
        (found,) = selftest.verify_samples({})
        return found

    @pytest.mark.parametrize(
        ("same", "apart", "state"),
        [
            ((0.9, "match"), (0.1, "no_match"), "ok"),
            ((0.9, "insufficient"), (0.1, "insufficient"), "note"),
            ((0.1, "match"), (0.9, "no_match"), "wrong"),
            ((0.9, "match"), (0.8, "match"), "wrong"),
            ((0.2, "no_match"), (0.1, "no_match"), "wrong"),
            ((None, "insufficient"), (0.1, "no_match"), "wrong"),
        ],
    )
    def test_what_counts_as_sound(
        self,
        same: tuple[float | None, str],
        apart: tuple[float, str],
        state: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        found = self.verified(monkeypatch, same, apart)
        assert found.state == state
        if state == "note":
            assert found.remedy == "calibrate it"
