from __future__ import annotations

from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskwise import masks
from maskwise.errors import ConfigurationError
from maskwise.masks import pictures
from maskwise.masks.draw import _drawn
from maskwise.masks.patterns import contrast, luma, printed
from maskwise.masks.prints import FABRIC_PATTERNS, check_detail, image_reference
from maskwise.masks.sheet import Sheet, Texture, rgb
from maskwise.masks.surface import ARC_MAX, Y_TOP
from maskwise.types import F32, MaskSpec

SHA = "0" * 64
DRAWN = FABRIC_PATTERNS[1:]


def _color(spec: MaskSpec, density: int = 64) -> F32:
    sheet = Sheet(density, spec.seed)
    return np.broadcast_to(printed(sheet, spec), (*sheet.cover.shape, 3))


def _spec(pattern: str, seed: int = 0, color: str = "#24406e", detail: str = "") -> MaskSpec:
    return masks.spec_for("cloth", pattern=pattern, seed=seed, color=color, detail=detail)


def _worn(spec: MaskSpec) -> Texture:
    return _drawn(spec, 64)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Red above, green below, a white square in the middle."""
    pixels = np.zeros((300, 400, 3), np.uint8)
    pixels[:150, :, 2], pixels[150:, :, 1] = 220, 180
    pixels[120:180, 170:230] = 255
    path = tmp_path / "flag.png"
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize("pattern", DRAWN)
def test_the_seed_alone_tells_a_pattern(pattern: str) -> None:
    first = _color(_spec(pattern, 3))
    np.testing.assert_array_equal(first, _color(_spec(pattern, 3)))
    assert np.abs(first - _color(_spec(pattern, 4))).mean() > 0.01


def test_no_two_patterns_are_alike() -> None:
    drawn = {pattern: _color(_spec(pattern, 5)) for pattern in FABRIC_PATTERNS}
    for (a, first), (b, second) in combinations(drawn.items(), 2):
        assert np.abs(first - second).mean() > 0.01, (a, b)


@pytest.mark.parametrize("pattern", DRAWN)
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_pattern_looks_the_same_at_any_density(pattern: str, seed: int) -> None:
    # No sheet is drawn coarser than at 128: those of density 64 are halved.
    coarse, fine = _color(_spec(pattern, seed), 128), _color(_spec(pattern, seed), 512)
    small = cv2.resize(fine, coarse.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.corrcoef(coarse.ravel(), small.ravel())[0, 1] > 0.92


@pytest.mark.parametrize("pattern", DRAWN)
@pytest.mark.parametrize("color", ["#24406e", "#f0eee8", "#8a1f2d", "#000000", "#ffffff"])
def test_the_colour_asked_for_is_there_and_another_stands_out_from_it(
    pattern: str, color: str
) -> None:
    off = np.abs(_color(_spec(pattern, 1, color)) - rgb(color)).max(axis=2)
    assert (off < 0.08).mean() > 0.1
    assert (off > 0.12).mean() > 0.04


def test_plain_is_the_colour_itself() -> None:
    assert (_color(_spec("plain")) == rgb("#24406e")).all()


@pytest.mark.parametrize("color", ["#000000", "#ffffff", "#8fbfe0", "#8a1f2d", "#808080"])
def test_print_contrasts(color: str) -> None:
    assert abs(luma(contrast(rgb(color))) - luma(rgb(color))) > 0.35


@pytest.mark.parametrize("detail", ["A", "Stay safe", "#1 & only! ~", "x" * 24])
def test_words_that_can_be_shown(detail: str) -> None:
    check_detail("text", detail)
    _color(_spec("text", detail=detail))


@pytest.mark.parametrize("detail", ["", "   ", "x" * 25, "two\nlines", "naïve", "tab\t"])
def test_words_that_cannot_be_shown_are_refused(detail: str) -> None:
    with pytest.raises(ConfigurationError, match="1 to 24 printable ASCII"):
        _spec("text", detail=detail)


@pytest.mark.parametrize(
    "detail", ["", "flag.png", "flag.png#sha256=", f"#sha256={SHA}", f"flag.png#sha256={SHA}0"]
)
def test_a_picture_without_its_hash_is_refused(detail: str) -> None:
    with pytest.raises(ConfigurationError, match="detail_for"):
        _spec("image", detail=detail)


def test_paths_may_hold_what_marks_the_hash() -> None:
    assert image_reference(f"a#sha256=b#sha256={SHA}") == ("a#sha256=b", SHA)


@pytest.mark.parametrize("pattern", FABRIC_PATTERNS)
def test_other_patterns_take_no_detail(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match="takes no detail"):
        _spec(pattern, detail="words")


def test_words_change_the_middle_of_the_front_alone() -> None:
    plain, text = _color(_spec("plain")), _color(_spec("text", detail="Stay safe"))
    rows, columns = np.nonzero(np.abs(plain - text).max(axis=2) > 0.02)
    arc, y = columns / 64 - ARC_MAX, rows / 64 + Y_TOP
    assert len(rows) > 300
    assert np.abs(arc).max() < 0.7
    assert abs(arc.min() + arc.max()) < 0.15
    assert 0.75 < y.min() < y.max() < 1.4


def test_longer_words_are_set_smaller_and_stay_on_the_front() -> None:
    plain = _color(_spec("plain"))
    heights = []
    for words in ("NO", "NO" * 6, "NO" * 12):
        changed = np.abs(_color(_spec("text", detail=words)) - plain).max(axis=2) > 0.02
        columns = np.flatnonzero(changed.any(axis=0)) / 64 - ARC_MAX
        assert np.abs(columns).max() < 0.75
        heights.append(int(changed.any(axis=1).sum()))
    assert heights[0] > heights[1] > heights[2] > 2


def test_a_picture_lies_upright_with_its_middle_on_the_mouth(photo: Path) -> None:
    color = _color(_spec("image", detail=pictures.detail_for(photo)), 64)

    def at(arc: float, y: float) -> F32:
        return color[round((y - Y_TOP) * 64), round((arc + ARC_MAX) * 64)]

    assert at(0, 1.08).min() > 0.95
    for arc in (-0.5, 0.5):
        np.testing.assert_allclose(at(arc, 0.6), np.array([220, 0, 0]) / 255, atol=0.02)
        np.testing.assert_allclose(at(arc, 1.6), np.array([0, 180, 0]) / 255, atol=0.02)


def test_a_picture_is_shaded_as_cloth_and_drawn_again_alike(photo: Path) -> None:
    spec = _spec("image", detail=pictures.detail_for(photo))
    first = _worn(spec)
    pictures.picture.cache_clear()
    np.testing.assert_array_equal(first.rgba, _worn(MaskSpec.from_json(spec.to_json())).rgba)
    red = first.rgba[round((0.75 - Y_TOP) * 64), :, :]
    red = red[(red[:, 3] == 255) & (red[:, 0] > 120)]
    assert np.ptp(red[:, 0].astype(int)) > 5


def test_a_picture_that_changed_is_refused(photo: Path) -> None:
    spec = _spec("image", detail=pictures.detail_for(photo))
    pixels = np.full((20, 20, 3), 90, np.uint8)
    assert cv2.imwrite(str(photo), pixels)
    pictures.picture.cache_clear()
    with pytest.raises(ConfigurationError, match=r"flag\.png: the picture has changed.*detail_for"):
        _worn(spec)


def test_a_missing_picture_is_refused(photo: Path) -> None:
    spec = _spec("image", detail=pictures.detail_for(photo))
    photo.unlink()
    pictures.picture.cache_clear()
    with pytest.raises(ConfigurationError, match=r"no such picture.*put it back"):
        _worn(spec)
    with pytest.raises(ConfigurationError, match="no such picture"):
        pictures.detail_for(photo)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("no picture")
    with pytest.raises(ConfigurationError, match=r"needs a picture: .*notes\.png"):
        pictures.detail_for(path)


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (2500, 1800)])
def test_pictures_of_any_form_fill_the_cloth(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "form.png"
    assert cv2.imwrite(str(path), np.full((*size, 3), (40, 160, 220), np.uint8))
    color = _color(_spec("image", detail=pictures.detail_for(path)))
    np.testing.assert_allclose(color, np.broadcast_to([220, 160, 40], color.shape) / 255, atol=0.01)
    assert max(pictures.picture(pictures.detail_for(path)).shape) <= 1200


@pytest.mark.parametrize("name", ["surgical", "kn95", "bandana", "gaiter"])
def test_other_masks_are_printed_on_too(name: str, photo: Path) -> None:
    detail = pictures.detail_for(photo)
    plain = _worn(masks.spec_for(name))
    for pattern, shown in (("text", "OPEN"), ("image", detail)):
        sheet = _worn(masks.spec_for(name, pattern=pattern, detail=shown))
        np.testing.assert_array_equal(sheet.rgba[..., 3], plain.rgba[..., 3])
        assert (np.abs(sheet.rgba.astype(int) - plain.rgba).max(axis=2) > 20).sum() > 200
