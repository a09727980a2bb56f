"""Which parts of a chip the score rests on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.align import DLIB_CHIP, FIVE_CHIP
from maskwise.errors import InputError
from maskwise.explain.regions import centres, patches, region, sensitivity
from maskwise.types import F32, U8, Landmarks

FACE = Landmarks("five", FIVE_CHIP.reference.astype(np.float32))


class Looker:
    """Encodes the brightness of one square, above a constant; notes the batches."""

    def __init__(self, x: int, y: int, half: int = 8) -> None:
        self.at = np.s_[:, y - half : y + half, x - half : x + half]
        self.batches: list[int] = []

    def __call__(self, chips: U8) -> F32:
        self.batches.append(len(chips))
        seen = chips[self.at].mean((1, 2, 3)) / 255
        rows = np.stack([seen, np.full(len(chips), 0.5)], axis=1)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def chip(x: int, y: int) -> U8:
    """Black, with a white square."""
    out = np.zeros((150, 150, 3), np.uint8)
    out[y - 8 : y + 8, x - 8 : x + 8] = 255
    return out


WHITE = np.array([1, 0], np.float32)
BLACK = np.array([0, 1], np.float32)


@given(st.integers(12, 137), st.integers(12, 137))
def test_the_largest_fall_is_where_the_encoder_looks(x: int, y: int) -> None:
    parts = sensitivity(Looker(x, y), chip(x, y), WHITE, FACE)
    row, column = np.unravel_index(parts.falls.argmax(), parts.falls.shape)
    at = centres(150, len(parts.falls))
    assert abs(at[row] - y) < 150 / 7
    assert abs(at[column] - x) < 150 / 7
    assert parts.falls.min() > -1e-6


def test_what_speaks_against_is_negative_and_one_batch_is_encoded() -> None:
    encode = Looker(75, 45)
    parts = sensitivity(encode, chip(75, 45), BLACK, FACE)
    assert encode.batches == [50]
    assert parts.falls.min() < -0.05
    assert parts.falls.max() < 1e-6
    assert parts.score == pytest.approx(0.5 / np.hypot(1, 0.5), abs=1e-5)
    assert parts.regions[-1][0] == "between the eyes"
    assert parts.regions[-1][1] == min(fall for _, fall in parts.regions)


def test_a_chip_of_one_grey_has_no_parts() -> None:
    grey = np.full((150, 150, 3), 90, np.uint8)
    parts = sensitivity(Looker(75, 45), grey, WHITE, FACE)
    assert np.abs(parts.falls).max() == 0


@pytest.mark.parametrize(
    ("at", "name"),
    [
        (FIVE_CHIP.reference[0], "right eye"),
        (FIVE_CHIP.reference[1], "left eye"),
        (FIVE_CHIP.reference[2], "nose"),
        (FIVE_CHIP.reference[3:].mean(0), "mouth"),
    ],
)
def test_the_parts_of_the_mean_face_have_their_names(at: np.ndarray, name: str) -> None:
    right, left = FACE.eyes
    u, v = (at - (right + left) / 2) / FACE.ipd_px
    assert region(float(u), float(v)) == name
    brow = DLIB_CHIP.reference[:4].mean(0)
    assert region(0.0, float((brow[1] - right[1]) / FACE.ipd_px)) == "between the eyes"


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_every_place_has_a_name_and_the_sides_are_alike(u: float, v: float) -> None:
    swap = {"right eye": "left eye", "left eye": "right eye"}
    name = region(u, v)
    assert name
    if u != 0:
        assert region(-u, v) == swap.get(name, name)


@given(st.integers(2, 9), st.integers(40, 160))
def test_patches_leave_nothing_out(grid: int, size: int) -> None:
    made = patches(size, grid)
    assert made.shape == (grid * grid, size, size)
    assert made.min() >= 0
    assert made.max() == 1
    assert made.max(0).min() > 0.99


def test_landmarks_that_are_no_face_give_no_names() -> None:
    nowhere = Landmarks("five", np.zeros((5, 2), np.float32))
    assert sensitivity(Looker(75, 45), chip(75, 45), WHITE, nowhere).regions == ()
    with pytest.raises(InputError, match="2 cells"):
        sensitivity(Looker(75, 45), chip(75, 45), WHITE, FACE, grid=1)
