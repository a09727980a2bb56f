from __future__ import annotations

import os
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from predictor_files import Written, column, integer, number, predictor, written

from maskwise.errors import ModelError
from maskwise.landmarks.shape_predictor_file import ShapePredictor, read

FIELDS = ("mean", "pairs", "thresholds", "leaves", "anchors", "deltas")


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / "some.dat"
        path.write_bytes(data)
        return path

    return write


@pytest.fixture(scope="module")
def small() -> Written:
    return predictor()


@pytest.fixture(scope="module")
def tiny() -> bytes:
    """A file so short that every byte of it can be tried."""
    return predictor(points=2, trees=2, splits=1, pixels=2).data


Put = Callable[[bytes], Path]


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"points": 2, "levels": 1, "trees": 1, "splits": 1, "pixels": 1},
        {"points": 68, "levels": 3, "trees": 5, "splits": 15, "pixels": 300},
        {"points": 5, "levels": 2, "trees": 7, "splits": 7, "pixels": 20},
    ],
)
def test_everything_is_read_as_it_was_written(shape: dict[str, int], put: Put) -> None:
    made = predictor(**shape)
    shas: list[str] = []
    found = read(put(made.data), before=shas.append)
    for name in FIELDS:
        expected = getattr(made.weights, name)
        assert getattr(found, name).dtype == expected.dtype
        np.testing.assert_array_equal(getattr(found, name), expected)
    assert len(shas[0]) == 64


def test_nothing_is_looked_at_before_the_sha256_was(put: Put) -> None:
    def refuse(sha256: str) -> None:
        assert sha256 == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        raise ModelError("not this one")

    with pytest.raises(ModelError, match="not this one"):
        read(put(b"x"), before=refuse)


def refused(path: Path, match: str) -> None:
    with pytest.raises(ModelError, match=match) as caught:
        read(path, remedy="get another")
    assert str(path) in str(caught.value)
    assert "get another" in str(caught.value)


class TestFilesThatAreNone:
    def test_missing(self, tmp_path: Path) -> None:
        refused(tmp_path / "none.dat", "cannot be read")

    def test_a_folder(self, tmp_path: Path) -> None:
        refused(tmp_path, "is no file")

    def test_a_name_that_cannot_be(self) -> None:
        refused(Path("nul\0byte"), "cannot be read")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        refused(tmp_path / "pipe", "is no file")

    @pytest.mark.skipif(sys.platform == "win32", reason="files have no holes there")
    def test_a_huge_one_is_not_read(self, put: Put) -> None:
        path = put(b"\x01\x01")
        os.truncate(path, 1 << 31)
        refused(path, "2,147,483,648 bytes, which is too large")

    @pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and more", b"\x01\x02", bytes(100)])
    def test_anything_else(self, data: bytes, put: Put) -> None:
        refused(put(data), "no shape predictor of dlib")


class TestFilesThatAreDamaged:
    def test_every_shorter_file_is_refused(self, tiny: bytes, put: Put) -> None:
        for size in range(len(tiny)):
            with pytest.raises(ModelError, match="no shape predictor"):
                read(put(tiny[:size]))

    def test_a_longer_one_is_refused(self, small: Written, put: Put) -> None:
        refused(put(small.data + b"\0\0"), "2 bytes are left over")

    def test_any_changed_byte_gives_a_sound_predictor_or_an_error(
        self, tiny: bytes, put: Put
    ) -> None:
        outcomes = set()
        for at in range(len(tiny)):
            for change in (0x01, 0x80, 0xFF):
                data = bytearray(tiny)
                data[at] ^= change
                try:
                    found = read(put(bytes(data)))
                except ModelError:
                    outcomes.add("refused")
                else:
                    check_soundness(found)
                    outcomes.add("read")
        assert outcomes == {"refused", "read"}

    def test_what_the_parts_must_be(self, small: Written, put: Put) -> None:
        w = small.weights
        cases = {
            "splits that ask for pixels": replace(w, pairs=w.pairs + np.uint16(6)),
            "tied to points that are not there": replace(w, anchors=w.anchors + np.uint16(4)),
            "which are not complete": predictor(splits=2).weights,
        }
        for match, weights in cases.items():
            refused(put(written(weights)), match)

    def test_levels_must_be_alike(self, small: Written, put: Put) -> None:
        w = small.weights
        fewer = replace(w, anchors=w.anchors[:, :5])
        refused(put(written(fewer)), "different numbers of pixels")
        first = predictor(levels=1, trees=3).data
        second = predictor(levels=1, trees=2).data
        header = len(integer(1) + column(w.mean.ravel()) + integer(1))
        tail = integer(1) + integer(6)  # the anchors of one level
        forest = [data[header : data.rindex(tail)] for data in (first, second)]
        mixed = small.data[: header - 2] + integer(2) + forest[0] + forest[1]
        refused(put(mixed), "leaves")

    def test_a_leaf_of_another_size_is_refused(self, small: Written, put: Put) -> None:
        leaf = column(small.weights.leaves[1, 1, 1].ravel())
        assert small.data.count(leaf) == 1
        refused(put(small.data.replace(leaf, leaf + number(0.5))), "do not follow one another")
        refused(put(small.data.replace(leaf, column([0.5] * 7))), "expected 24 leaves, found 23")


class TestForgedLengths:
    """What a file claims to hold gets no memory before it is known to be there."""

    HUGE = (2**20, 2**31, 2**62, -1, 0)

    @pytest.mark.parametrize("huge", HUGE)
    def test_of_everything(self, huge: int, small: Written, put: Put) -> None:
        head = integer(1) + column(small.weights.mean.ravel())
        rest = small.data[len(head) + 2 :]
        tail = integer(2) + integer(6)
        at = small.data.rindex(tail)
        deltas = small.data[at + len(tail) :]
        forged = [
            integer(1) + integer(-abs(huge)) + integer(-1) + small.data[len(integer(1)) + 4 :],
            head + integer(huge) + rest,
            head + integer(2) + integer(huge) + rest[2:],
            head + integer(2) + integer(3) + integer(huge) + rest[4:],
            small.data[:at] + integer(huge) + integer(6) + deltas,
            small.data[:at] + integer(2) + integer(huge) + deltas,
        ]
        tracemalloc.start()
        try:
            for data in forged:
                assert data != small.data
                refused(put(data), "no shape predictor of dlib")
            assert tracemalloc.get_traced_memory()[1] < 5e6
        finally:
            tracemalloc.stop()

    def test_of_many_headers(self, put: Put) -> None:
        head = integer(1) + column([0.5] * 8) + integer(1) + integer(500) + integer(15)
        header = integer(-8) + integer(-1)
        refused(put(head + header * 100_000), "leaves|no integer")


def check_soundness(found: ShapePredictor) -> None:
    levels, trees, splits = found.thresholds.shape
    points, pixels = len(found.mean), found.anchors.shape[1]
    assert found.pairs.shape == (levels, trees, splits, 2)
    assert found.leaves.shape == (levels, trees, splits + 1, points, 2)
    assert found.deltas.shape == (levels, pixels, 2)
    assert found.pairs.max() < pixels
    assert found.anchors.max() < points
    for name in ("mean", "thresholds", "leaves", "deltas"):
        assert np.isfinite(getattr(found, name)).all()


@pytest.mark.models
def test_dlibs_own_five_points_hold_what_ships(dlib_models: Path) -> None:
    from maskwise import models

    found = read(dlib_models / "shape_predictor_5_face_landmarks.dat")
    check_soundness(found)
    with np.load(models.locate("dlib-five-points")) as shipped:
        np.testing.assert_array_equal(found.leaves, shipped["leaves"])
        np.testing.assert_array_equal(np.floor(found.thresholds), shipped["thresholds"])
