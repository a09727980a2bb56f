"""Run as a script, this draws tests/golden/cover.png anew; look at it before it is committed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from maskwise import dlib_chip
from maskwise.align import DLIB_CHIP, DLIB_CHIP_68
from maskwise.cover import COVERS, FLAT, cover, outline
from maskwise.errors import ConfigurationError, InputError
from maskwise.testing.pictures import drawn_face, plain_chips
from maskwise.types import U8, ChipSpec, Landmarks

GOLDEN = Path(__file__).resolve().parent / "golden" / "cover.png"
CHIPS = plain_chips(150)


def drawn_chip() -> U8:
    """(1, 150, 150, 3): the drawn face 3, whose eyes and nose are where its drawing puts them."""
    points = np.array([[0.79, 0.33], [0.59, 0.33], [0.21, 0.33], [0.41, 0.33], [0.5, 0.66]])
    landmarks = Landmarks("dlib5", (60 + 120 * points).astype(np.float32))
    return dlib_chip.cut(drawn_face(3), landmarks)[None]


def golden() -> U8:
    """(150, 600, 3): the chip, then with each cover."""
    chip = drawn_chip()
    return np.hstack([chip[0], *(cover(chip, how)[0] for how in COVERS)])  # type: ignore[arg-type]


def test_covers_look_as_they_did() -> None:
    with PillowImage.open(GOLDEN) as picture:
        expected = np.array(picture.convert("RGB"), np.int16)
    difference = np.abs(golden().astype(np.int16) - expected)
    assert difference.mean() < 0.5
    assert np.percentile(difference, 99.8) <= 16


def test_the_outline_hides_what_a_mask_hides() -> None:
    alpha = outline()
    assert (alpha.shape, alpha.dtype) == ((150, 150), np.uint8)
    assert not alpha.flags.writeable

    def at(*points: int) -> Any:
        x, y = np.rint(DLIB_CHIP_68.reference[list(points)]).astype(int).T
        return alpha[y, x]

    nose_and_mouth = (*range(30, 36), *range(48, 68))
    assert (at(*nose_and_mouth) == 255).all()
    brows_eyes_and_root_of_the_nose = (*range(17, 28), *range(36, 48))
    assert (at(*brows_eyes_and_root_of_the_nose) == 0).all()
    assert 0.27 < (alpha > 127).mean() < 0.34
    # The mean face is all but symmetric.
    middle = DLIB_CHIP_68.reference[27, 0]
    assert abs((alpha > 127).nonzero()[1].mean() - middle) < 1.5


@pytest.mark.parametrize("how", COVERS)
def test_what_is_visible_stays_and_what_is_hidden_goes(how: Any) -> None:
    done = cover(CHIPS, how)
    assert (done.shape, done.dtype) == (CHIPS.shape, np.uint8)
    alpha = outline()
    # The drawn mask throws a shadow on the skin above it.
    seen = np.arange(150) < 40 if how == "mask" else alpha == 0
    assert np.array_equal(done[:, seen], CHIPS[:, seen])


@pytest.mark.parametrize("how", COVERS)
def test_what_is_under_the_cover_makes_no_difference(how: Any) -> None:
    chip, inside = drawn_chip(), outline() == 255
    other = chip.copy()
    other[:, inside] = 255 - other[:, inside]
    difference = np.abs(cover(other, how).astype(int) - cover(chip, how))[:, inside]
    # The drawn mask reads the photo's softness, a little of it below its own upper edge.
    assert difference.mean() < 2 if how == "mask" else difference.max() == 0


def test_the_colours() -> None:
    inside = outline() == 255
    assert (cover(CHIPS, "flat")[:, inside] == FLAT).all()
    mean = cover(CHIPS, "mean")
    columns = (outline() > 127).any(axis=0)
    for chip, done in zip(CHIPS, mean, strict=True):
        part, weights = chip[:, columns], 255.0 - outline()[:, columns]
        expected = np.average(part.reshape(-1, 3), axis=0, weights=weights.ravel())
        assert np.abs(done[inside] - expected).max() <= 0.51


@pytest.mark.parametrize("how", COVERS)
def test_a_chip_does_not_depend_on_its_batch(how: Any) -> None:
    together = cover(CHIPS, how)
    for n, chip in enumerate(CHIPS):
        assert np.array_equal(cover(chip[None], how)[0], together[n])
    given = CHIPS.copy()
    cover(given, how)
    assert np.array_equal(given, CHIPS)
    assert cover(CHIPS[:0], how).shape == (0, 150, 150, 3)


@pytest.mark.parametrize("how", COVERS)
def test_a_covered_chip_stays_as_it_is(how: Any) -> None:
    once = cover(drawn_chip(), how)
    twice = cover(once, how)
    assert np.abs(twice.astype(int) - once)[0, outline() == 255].mean() <= 1


def test_other_chips() -> None:
    assert np.abs(outline(DLIB_CHIP_68).astype(int) - outline()).mean() < 6
    half = ChipSpec("test-75", 75, "dlib5", (DLIB_CHIP.reference + 0.5) / 2 - 0.5)
    share = (outline(half) > 127).mean()
    assert share == pytest.approx((outline() > 127).mean(), abs=0.01)
    assert cover(np.zeros((2, 75, 75, 3), np.uint8), "flat", half).shape == (2, 75, 75, 3)


@pytest.mark.parametrize("how", ["grey", "", None, 3])
def test_a_cover_that_does_not_exist(how: Any) -> None:
    with pytest.raises(ConfigurationError, match="there are: mean, flat, mask"):
        cover(CHIPS, how)


@pytest.mark.parametrize("chips", [CHIPS[0], CHIPS.astype(float), CHIPS[:, :75, :75], "chips"])
def test_what_are_no_chips(chips: Any) -> None:
    with pytest.raises(InputError, match=r"expected an \(N, 150, 150, 3\) uint8"):
        cover(chips, "flat")


if __name__ == "__main__":
    PillowImage.fromarray(golden()).save(GOLDEN, optimize=True)
