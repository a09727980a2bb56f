from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mask_scenes import chip_of, landmarks_of, posed

from maskwise import masks
from maskwise.masks.catalogue import TYPES
from maskwise.masks.parts import Window, around, rounded, stamp
from maskwise.masks.prints import TOLD_PATTERNS
from maskwise.masks.sheet import Sheet, smooth
from maskwise.masks.surface import ARC_MAX, Y_TOP
from maskwise.types import F32, MaskSpec

MEDICAL = ("surgical", "n95", "kn95", "duckbill", "gas", "shield")
LOOKS = [
    (name, pattern)
    for name in MEDICAL
    for pattern in TYPES[name].patterns
    if pattern not in TOLD_PATTERNS  # words and pictures: see test_mask_patterns.py
]
CLOSED = [look for look in LOOKS if look[0] != "shield"]
NOSE_TIP, MOUTH = (0.0, 0.523), (0.0, 1.004)


def drawn(spec: MaskSpec, density: int = 64) -> Sheet:
    """The sheet as the type's own function leaves it."""
    sheet = Sheet(density, spec.seed)
    TYPES[spec.type].drawer()(sheet, spec)
    return sheet


def at(sheet: Sheet, values: F32, place: tuple[float, float]) -> F32:
    column = round((place[0] + ARC_MAX) * sheet.density - 0.5)
    row = round((place[1] - Y_TOP) * sheet.density - 0.5)
    return np.asarray(values[row, column], np.float32)


@pytest.mark.parametrize(("name", "pattern"), LOOKS)
def test_every_look_is_drawn_about_the_middle(name: str, pattern: str) -> None:
    sheet = drawn(masks.spec_for(name, pattern=pattern))
    for values in (sheet.cover, sheet.color, sheet.height):
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
    assert sheet.cover.min() >= 0
    assert sheet.cover.max() <= 1 + 1e-6
    solid = sheet.cover > 0.05
    assert 0.05 < solid.mean() < 0.5
    assert abs(float((solid * sheet.arc).sum() / solid.sum())) < 0.06
    unlike = solid ^ solid[:, ::-1]
    assert unlike.sum() < 0.12 * solid.sum()


@pytest.mark.parametrize(("name", "pattern"), LOOKS)
def test_it_takes_the_colour(name: str, pattern: str) -> None:
    means = []
    for color in ("#c02020", "#2020c0"):
        sheet = drawn(masks.spec_for(name, pattern=pattern, color=color))
        means.append(sheet.color[sheet.cover > 0.98].mean(axis=0))
    assert means[0][0] > means[0][2] + 0.1
    assert means[1][2] > means[1][0] + 0.1


@pytest.mark.parametrize(("name", "pattern"), CLOSED)
@pytest.mark.parametrize("coverage", [0.0, 0.5, 1.0])
def test_closed_masks_hide_nose_and_mouth(name: str, pattern: str, coverage: float) -> None:
    for seed in range(6):
        spec = masks.spec_for(name, pattern=pattern, seed=seed, coverage=coverage)
        sheet = drawn(spec)
        assert at(sheet, sheet.cover, MOUTH) > 0.99
        assert at(sheet, sheet.cover, (0.0, 0.60)) > 0.99
        if coverage >= 0.5:
            assert at(sheet, sheet.cover, NOSE_TIP) > 0.99
        assert at(sheet, sheet.cover, (0.5, -0.02)) < 0.01
        assert at(sheet, sheet.cover, (-0.5, -0.02)) < 0.01


@pytest.mark.parametrize(("name", "pattern"), LOOKS)
def test_coverage_moves_the_upper_edge(name: str, pattern: str) -> None:
    tops = []
    for coverage in (0.0, 0.5, 1.0):
        sheet = drawn(masks.spec_for(name, pattern=pattern, coverage=coverage))
        column = sheet.cover[:, sheet.cover.shape[1] // 2]
        tops.append(float(sheet.y[int(np.argmax(column > 0.05)), 0]))
    assert tops[0] - tops[1] == pytest.approx(0.21, abs=0.04)
    assert tops[1] - tops[2] == pytest.approx(0.21, abs=0.04)


def test_the_mouth_is_seen_through_a_shield() -> None:
    for pattern in ("window", "clear"):
        for seed in range(5):
            sheet = drawn(masks.spec_for("shield", pattern=pattern, seed=seed))
            for x in (-0.3, 0.0, 0.3):
                cover = at(sheet, sheet.cover, (x, MOUTH[1]))
                assert 0.05 < cover < 0.5
    cloth = drawn(masks.spec_for("shield", pattern="window"))
    assert at(cloth, cloth.cover, NOSE_TIP) > 0.99
    plate = drawn(masks.spec_for("shield", pattern="clear"))
    assert at(plate, plate.cover, NOSE_TIP) < 0.5
    assert at(plate, plate.cover, (0.0, 1.85)) > 0.99


def test_on_a_face_the_shield_does_not_count_the_mouth_as_covered() -> None:
    pose = posed()
    chip = chip_of(pose)
    points = landmarks_of(pose, "ibug68").mapped(chip.transform)
    mouth = slice(48, 55, 6)
    for name, hidden in (("shield", False), ("surgical", True)):
        _, alpha = masks.wear_on_chips([chip], [masks.spec_for(name)])
        assert bool(masks.covered_landmarks(points, alpha[0, 0])[mouth].any()) is hidden


def test_no_random_draw_is_see_through() -> None:
    assert TYPES["shield"].frequency == 0
    assert "see-through" in TYPES["shield"].title


@pytest.mark.parametrize(("name", "pattern"), LOOKS)
def test_soft_edges(name: str, pattern: str) -> None:
    sheet = drawn(masks.spec_for(name, pattern=pattern))
    between = (sheet.cover > 0.05) & (sheet.cover < 0.95)
    assert between.sum() > 100


@pytest.mark.parametrize(("name", "pattern"), LOOKS)
def test_seeds_repeat_and_differ(name: str, pattern: str) -> None:
    spec = masks.spec_for(name, pattern=pattern, seed=3)
    first, again = drawn(spec), drawn(spec)
    np.testing.assert_array_equal(first.color, again.color)
    np.testing.assert_array_equal(first.cover, again.cover)
    np.testing.assert_array_equal(first.height, again.height)
    outlines = [drawn(replace(spec, seed=seed)).cover > 0.5 for seed in range(3, 9)]
    for other in outlines[1:]:
        assert (other != outlines[0]).any()
    sizes = np.array([o.sum() for o in outlines], float)
    assert 0.002 < sizes.std() / sizes.mean() < 0.15


@pytest.mark.parametrize(("name", "pattern"), LOOKS)
def test_densities_agree(name: str, pattern: str) -> None:
    spec = masks.spec_for(name, pattern=pattern, seed=5)
    coarse, fine = drawn(spec, 50), drawn(spec, 200)
    rows, width = coarse.cover.shape
    small = fine.cover[: 4 * rows, : 4 * width].reshape(rows, 4, width, 4).mean((1, 3))
    assert np.abs(small - coarse.cover).mean() < 0.02
    solid = (small > 0.99) & (coarse.cover > 0.99)
    color = fine.color[: 4 * rows, : 4 * width].reshape(rows, 4, width, 4, 3).mean((1, 3))
    assert np.abs(color - coarse.color)[solid].mean() < 0.03


def test_surgical_pleats_hang_down() -> None:
    sheet = drawn(masks.spec_for("surgical"), 128)
    column = sheet.height[:, sheet.cover.shape[1] // 2]
    inside = (sheet.y[:, 0] > 0.7) & (sheet.y[:, 0] < 1.6)
    falls = np.diff(column)[inside[1:]]
    # Each fold ends in a step down, far steeper than anything that rises.
    assert falls.min() < -2 * falls.max()


def test_respirators_come_with_discs_and_with_cartridges() -> None:
    pink = []
    for seed in range(16):
        sheet = drawn(masks.spec_for("gas", seed=seed))
        filter_ = at(sheet, sheet.color, (0.78, 1.2))
        pink.append(filter_[0] > 1.5 * filter_[1])
    assert 0 < sum(pink) < 16


def test_a_window_draws_what_the_sheet_would() -> None:
    outline = smooth([(0.1, 0.3), (0.5, 0.4), (0.7, 1.2), (-0.3, 1.5), (0.1, 0.3)])
    whole, by_part = Sheet(64, 0), Sheet(64, 0)
    white = np.ones(3, np.float32)
    whole.paint(whole.fill(outline), white)
    part = around(around(by_part, outline, 0.3), outline)
    part.paint(part.fill(outline), white)
    np.testing.assert_array_equal(whole.cover, by_part.cover)
    np.testing.assert_array_equal(whole.color, by_part.color)
    whole.tint(0.2 * whole.cover)
    part.tint(0.2 * part.cover)
    np.testing.assert_array_equal(whole.color, by_part.color)
    assert part.noise(0.1).shape == part.cover.shape


def test_a_window_stays_on_the_sheet() -> None:
    sheet = Sheet(64, 0)
    for low, high in (((-9.0, -9.0), (-5.0, -5.0)), ((5.0, 5.0), (9.0, 9.0))):
        part = Window(sheet, low, high)
        assert min(part.cover.shape) >= 2


def test_print_stays_on_the_mask() -> None:
    sheet = Sheet(128, 0)
    panel = sheet.fill(rounded((0.0, 1.0), 0.1, 0.2, 0.05))
    sheet.paint(panel, np.ones(3, np.float32))
    ink = np.zeros(3, np.float32)
    stamp(sheet, "N95", (0.0, 1.0), height=0.1, color=ink, cover=0.9)
    assert sheet.color[panel > 0.99].min() < 0.4
    assert (sheet.cover[panel == 0] == 0).all()
