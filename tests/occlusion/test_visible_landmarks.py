"""Landmarks that a mask leaves free."""

from __future__ import annotations

import numpy as np
import pytest

from maskwise import occlusion
from maskwise.align import FIVE_CHIP, transform_of
from maskwise.errors import InputError
from maskwise.types import U8, Landmarks

# A face half as large as in its chip, and 40 px away.
POINTS = Landmarks("five", (FIVE_CHIP.reference / 2 + 40).astype(np.float32))


def alpha(rows: slice) -> U8:
    out = np.zeros((38, 38), np.uint8)
    out[rows] = 255
    return out


@pytest.mark.parametrize(
    ("rows", "free"),
    [
        (slice(0, 0), [True, True, True, True, True]),
        (slice(18, 38), [True, True, False, False, False]),
        (slice(24, 38), [True, True, True, False, False]),
        (slice(0, 16), [False, False, True, True, True]),
        (slice(0, 38), [False] * 5),
    ],
)
def test_what_lies_under_the_alpha_is_hidden(rows: slice, free: list[bool]) -> None:
    found = occlusion.visible_landmarks(POINTS, alpha(rows), FIVE_CHIP)
    assert found.visible.tolist() == free
    np.testing.assert_array_equal(found.points, POINTS.points)


def test_what_was_hidden_stays_so() -> None:
    hidden = Landmarks("five", POINTS.points, np.array([True, True, True, True, False]))
    found = occlusion.visible_landmarks(hidden, alpha(slice(0, 0)), FIVE_CHIP)
    assert found.visible.tolist() == [True, True, True, True, False]


def test_a_point_beyond_the_chip_is_free() -> None:
    points = POINTS.points.copy()
    points[3] += (0, 120)
    found = occlusion.visible_landmarks(Landmarks("five", points), alpha(slice(0, 38)), FIVE_CHIP)
    assert found.visible.tolist() == [False, False, False, True, False]


def test_the_chip_is_placed_by_what_is_free() -> None:
    """A guessed mouth no longer turns the face."""
    guessed = POINTS.points.copy()
    guessed[3:] += (9, 6)
    free = occlusion.visible_landmarks(Landmarks("five", guessed), alpha(slice(24, 38)), FIVE_CHIP)
    assert free.visible.tolist() == [True, True, True, False, False]
    np.testing.assert_allclose(transform_of(free, FIVE_CHIP), [[2, 0, -80], [0, 2, -80]], atol=1e-3)


def test_other_landmarks_are_refused() -> None:
    with pytest.raises(InputError, match="wants five"):
        occlusion.visible_landmarks(Landmarks("dlib5", POINTS.points), alpha(slice(0)), FIVE_CHIP)
