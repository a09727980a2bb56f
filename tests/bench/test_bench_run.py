"""What is looked at, and the arithmetic of ratios; no time is asserted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskwise.bench import run
from maskwise.bench.contestant import DIM, REFERENCES, Look, references
from maskwise.bench.ours import STAGES, Ours
from maskwise.testing.command_line import GREEN, RED, make_recognizer, photo

OURS = dict.fromkeys(STAGES, 0.001) | {"detect": 0.010, "virtual masks": 1.0}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PAUSE_S", 0)


class Fake:
    """A peer that tells the times that it was given, and notes what it looked at."""

    def __init__(self, looks: list[Look] | None = None, fails: str = "") -> None:
        self.looks, self.fails = looks or [], fails
        self.seen: list[str] = []

    def look_at(self, path: Path) -> Look:
        self.seen.append(path.name)
        if path.name == self.fails:
            raise RuntimeError("cannot read this")
        return self.looks.pop(0) if self.looks else Look({"decode": 1.0, "detect": 1.0}, 1)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Two faces, one masked; one bare; none."""
    two = photo(tmp_path / "1.png", RED, masked=True, more=[(GREEN, 250, 40, 120)])
    one = photo(tmp_path / "2.png", GREEN)
    none = photo(tmp_path / "3.png", (0, 0, 0))
    return [two, one, none]


def test_every_stage_of_ours_is_timed(photos: list[Path]) -> None:
    looks = [Ours(make_recognizer()).look_at(path) for path in photos]
    assert [look.faces for look in looks] == [2, 1, 0]
    assert set(looks[0].seconds) == set(looks[1].seconds) == set(STAGES)
    assert set(looks[2].seconds) == {"decode", "detect"}


def test_a_masked_face_gets_no_virtual_mask(tmp_path: Path) -> None:
    masked = photo(tmp_path / "masked.png", RED, masked=True)
    look = Ours(make_recognizer()).look_at(masked)
    assert look.faces == 1
    assert "virtual masks" not in look.seconds
    assert "virtual masks" not in Ours(make_recognizer(masks="none")).look_at(masked).seconds


def test_end_to_end_enrols_every_look_anew(photos: list[Path]) -> None:
    ours = Ours(make_recognizer())
    for _ in range(2):
        for path in photos:
            assert set(ours.whole(path).seconds) == {"identify", "enrol"}
    assert ours.recognizer.gallery.size().people == 2  # one photo of one face, twice


def test_all_look_at_each_photo_in_turn(photos: list[Path]) -> None:
    peers = {"a": Fake(), "b": Fake(fails="2.png")}
    done: list[int] = []
    rounds = run.look_at_all(photos, Ours(make_recognizer()), peers, 2, lambda: done.append(1))
    names = ["1.png", *["1.png", "2.png", "3.png"] * 2]  # the first one is outside the time
    assert peers["a"].seen == peers["b"].seen == names
    assert len(done) == len(rounds.ours) == len(rounds.whole) == 6
    assert len(rounds.peers["a"].pairs) == 6
    assert len(rounds.peers["b"].pairs) == 4
    assert rounds.peers["b"].failed == {str(photos[1]): "RuntimeError: cannot read this"}
    assert not rounds.interrupted
    assert [own.faces for _, own in rounds.peers["b"].pairs] == [2, 0, 2, 0]


def test_ctrl_c_keeps_what_there_is(photos: list[Path]) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    rounds = run.look_at_all(photos, Ours(make_recognizer()), {}, 1, stop)
    assert rounds.interrupted
    assert len(rounds.ours) == 1


def test_photos_that_cannot_be_read_are_named(photos: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "0.png"
    broken.write_bytes(b"no picture")
    found, unreadable = run.readable([broken, *photos], Ours(make_recognizer()))
    assert found == photos
    assert list(unreadable) == [str(broken)]


def test_stages_are_by_photo_or_by_face() -> None:
    rounds = run.Rounds(
        ours=[Look({"detect": 0.03, "encode": 0.03}, 3), Look({"detect": 0.01}, 0)],
        whole=[Look({"identify": 0.1, "enrol": 0.2}, 3), Look({"identify": 0.1, "enrol": 0.4}, 1)],
    )
    rows = {row["stage"]: row for row in run.stage_rows(rounds)}
    assert rows["detect"]["count"] == 2
    assert rows["detect"]["median_ms"] == pytest.approx(20)
    assert rows["encode"]["count"] == 1
    assert rows["encode"]["median_ms"] == pytest.approx(10)
    assert rows["compare"]["median_ms"] is None
    assert rows["enrol"]["median_ms"] == pytest.approx(300)
    whole = run.whole_row(rounds, "identify")
    assert whole["photos_per_second"] == pytest.approx(10)
    assert whole["ms_per_face"] == pytest.approx(50)


def test_a_ratio_is_of_the_same_work_on_the_same_photo() -> None:
    theirs = [
        Look({"decode": 0.002, "detect": 0.010, "encode": 0.008}, 1),
        Look({"decode": 0.002, "detect": 0.100, "encode": 0.008}, 1),
        Look({"decode": 0.002, "detect": 0.030, "encode": 0.008}, 1),
    ]
    peer = run.PeerLooks(Fake(), [(look, Look(dict(OURS), 1)) for look in theirs])
    row = run.peer_row(peer)
    steps = {step["step"]: step for step in row["steps"]}
    assert set(steps) == {"decode", "detect", "encode", "all"}  # it compares nothing
    assert steps["detect"]["ratio"]["median"] == pytest.approx(3)
    assert steps["detect"]["ms"]["median_ms"] == pytest.approx(30)
    assert steps["encode"]["ratio"]["median"] == pytest.approx(8 / 4)
    # Of ours: decode, detect, and the four of "encode"; neither compare nor virtual masks.
    assert steps["all"]["maskwise_ms"]["median_ms"] == pytest.approx(1 + 10 + 4)
    assert steps["all"]["ratio"]["median"] == pytest.approx((2 + 30 + 8) / 15)
    assert (row["photos"], row["faces"], row["maskwise_faces"]) == (3, 3, 3)


def test_encoding_is_not_compared_where_one_found_no_face() -> None:
    look = Look({"decode": 0.002, "detect": 0.010, "encode": 0.0}, 0)
    own = Look(dict(OURS), 1)
    steps = {s["step"] for s in run.peer_row(run.PeerLooks(Fake(), [(look, own)]))["steps"]}
    assert steps == {"decode", "detect", "all"}


def test_the_references_are_unit_vectors_and_always_the_same() -> None:
    rows = references()
    assert rows.shape == (REFERENCES, DIM)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.array_equal(rows, references())
