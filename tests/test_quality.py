"""The measures say what they claim, on drawn faces; the limits and sentences are as they say."""

from __future__ import annotations

import re
from dataclasses import asdict, fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwise import encode, masks, quality
from maskwise.align import ARCFACE_CHIP, FIVE_CHIP, align
from maskwise.decide import OperatingPoints
from maskwise.errors import ConfigurationError, InputError
from maskwise.gallery.unlike import UNLIKE_FMR
from maskwise.quality import MOST_BLUR, PRESETS, Gates, Quality, gates, judged, measure
from maskwise.quality.limits import _CHECKS
from maskwise.testing.pictures import drawn_face
from maskwise.types import U8, Chip, ChipSpec, Image, Landmarks, MaskState, WearPair
from maskwise.unsure import CLOSE

# Where ``drawn_face`` has eyes, nose and mouth, in its box of 0..1.
SHARES = np.array([[0.31, 0.33], [0.69, 0.33], [0.5, 0.60], [0.36, 0.80], [0.64, 0.80]])
SEEDS = st.integers(0, 30)


def drawn(seed: int, face_px: int = 120) -> tuple[Image, Landmarks]:
    side = 2 * face_px
    corner = (side - face_px) // 2
    points = Landmarks("five", (corner + face_px * SHARES).astype(np.float32))
    return drawn_face(seed, (side, side), face_px), points


def chip_of(seed: int = 3, face_px: int = 120) -> Chip:
    return align(*drawn(seed, face_px), FIVE_CHIP)


def with_pixels(chip: Chip, change: U8) -> Chip:
    return replace(chip, pixels=change)


def measured(**values: float | None) -> Quality:
    """A good face, but for ``values``."""
    good: dict[str, float | None] = {
        "ipd_px": 80.0,
        "blur": 0.02,
        "luma": 0.5,
        "spread": 0.15,
        "clipped": 0.0,
        "eye_light": 0.9,
        "yaw_deg": 0.0,
        "roll_deg": 0.0,
        "coverage": 0.0,
    }
    return Quality(**{**good, **values})  # type: ignore[arg-type]


# What is measured.


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(60, 240), st.floats(-40, 40), st.sampled_from([FIVE_CHIP, ARCFACE_CHIP]))
def test_the_size_is_that_in_the_picture_and_roll_turns_with_it(
    seed: int, face_px: int, turn: float, spec: ChipSpec
) -> None:
    picture, points = drawn(seed, face_px)
    middle = (picture.width - 1) / 2, (picture.height - 1) / 2
    onto = cv2.getRotationMatrix2D(middle, -turn, 1.0)  # clockwise as it is looked at
    pixels = cv2.warpAffine(picture.pixels, onto, (picture.width, picture.height))
    still = measure(align(picture, points, spec))
    found = measure(align(Image(pixels), points.mapped(onto), spec))
    assert found.ipd_px == pytest.approx(0.38 * face_px, rel=1e-3)
    assert found.roll_deg is not None
    assert still.roll_deg is not None
    assert found.roll_deg - still.roll_deg == pytest.approx(turn, abs=0.1)
    assert found.yaw_deg == pytest.approx(still.yaw_deg, abs=0.1)


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.3, 0.3))
def test_yaw_turns_round_in_the_mirror_and_follows_the_nose(aside: float) -> None:
    points = FIVE_CHIP.reference - FIVE_CHIP.reference[:2].mean(0)
    mirror = np.array([1, 0, 2, 4, 3])
    points = (points + points[mirror] * (-1, 1)) / 2  # symmetric
    points[2, 0] += 55 * aside
    mirrored = points[mirror] * (-1, 1)

    def yaw(places: np.ndarray) -> float:
        pixels = np.zeros((150, 150, 3), np.uint8)
        face = Landmarks("five", (places + np.array([74, 45])).astype(np.float32))
        found = measure(Chip(pixels, np.eye(2, 3), FIVE_CHIP, face)).yaw_deg
        assert found is not None
        return found

    assert yaw(points) == pytest.approx(-yaw(mirrored), abs=0.05)
    assert aside * yaw(points) >= -1e-3
    assert abs(aside) < 0.05 or abs(yaw(points)) > 2


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0.02, 0.09), st.floats(1.3, 2.0))
def test_more_blur_is_measured_as_more(seed: int, share: float, more: float) -> None:
    chip = chip_of(seed)
    ipd = chip.landmarks.ipd_px

    def after(sigma: float) -> float:
        return measure(with_pixels(chip, cv2.GaussianBlur(chip.pixels, (0, 0), sigma * ipd))).blur

    assert measure(chip).blur < after(share) < after(share * more) <= MOST_BLUR


@pytest.mark.parametrize("share", [0.03, 0.05, 0.08])
def test_the_blur_of_a_step_edge_is_what_it_was_blurred_by(share: float) -> None:
    grey = np.zeros((200, 200), np.float32)
    grey[:, 100:] = 1
    unit = 55.0
    soft = np.asarray(cv2.GaussianBlur(grey, (0, 0), share * unit), np.float32)
    found = quality.blur_of(soft, np.ones(grey.shape, bool), unit)
    assert found == pytest.approx(share, rel=0.12)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 180))
def test_a_camera_that_moved_blurs_as_much_whichever_way(way: float) -> None:
    unit, length = 55.0, 16.0
    y, x = np.mgrid[-100:101, -100:101].astype(np.float32)
    disc = np.clip(40.5 - np.hypot(x, y), 0, 1)  # an edge every way
    turn = np.exp(1j * np.radians(way))
    place = (x + 1j * y)[88:113, 88:113] * np.conj(turn)
    line = np.clip(1 - np.abs(place.imag), 0, 1) * np.clip(
        length / 2 + 0.5 - np.abs(place.real), 0, 1
    )
    moved = cv2.filter2D(disc, cv2.CV_32F, line / line.sum())
    keep = np.ones(disc.shape, bool)
    still = quality.blur_of(np.asarray(disc, np.float32), keep, unit)
    found = quality.blur_of(np.asarray(moved, np.float32), keep, unit)
    assert still < 0.02
    assert 0.055 < found < 0.066


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([80, 120, 180, 240]), st.sampled_from([0.04, 0.07]))
def test_blur_is_the_same_at_every_size_of_the_picture(face_px: int, share: float) -> None:
    picture, points = drawn(5, 240)
    soft = cv2.GaussianBlur(picture.pixels, (0, 0), share * points.ipd_px)
    scale = face_px / 240
    size = round(picture.width * scale)
    small = cv2.resize(soft, (size, size), interpolation=cv2.INTER_AREA)
    half = (scale - 1) / 2
    onto = np.array([[scale, 0, half], [0, scale, half]])
    found = measure(align(Image(small), points.mapped(onto), FIVE_CHIP))
    whole = measure(align(Image(soft), points, FIVE_CHIP))
    assert found.blur == pytest.approx(whole.blur, rel=0.08)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0.4, 0.95))
def test_less_light_is_darker_and_no_blur(seed: int, gain: float) -> None:
    chip = chip_of(seed)
    light, dark = measure(chip), measure(with_pixels(chip, (chip.pixels * gain).astype(np.uint8)))
    assert dark.luma == pytest.approx(gain * light.luma, abs=0.01)
    assert dark.spread == pytest.approx(gain * light.spread, abs=0.01)
    assert dark.blur == pytest.approx(light.blur, rel=0.03)
    assert dark.eye_light == pytest.approx(light.eye_light, rel=0.05)


@pytest.mark.parametrize("name", masks.DEFAULT_TYPES)
def test_a_mask_changes_nothing_that_is_measured_in_the_pixels(name: str) -> None:
    chip = chip_of()
    worn, _ = masks.wear_on_chips([chip], [masks.spec_for(name)])
    bare, masked = measure(chip), measure(with_pixels(chip, worn[0, 0]))
    for field in ("blur", "luma", "spread", "clipped", "eye_light"):
        assert getattr(masked, field) == pytest.approx(getattr(bare, field), abs=0.01), field


def test_what_is_black_or_white_is_clipped() -> None:
    chip = chip_of()
    assert measure(chip).clipped < 0.01
    for value in (0, 255):
        flat = measure(with_pixels(chip, np.full_like(chip.pixels, value)))
        assert (flat.clipped, flat.spread, flat.blur) == (1, 0, MOST_BLUR)
        assert flat.luma == pytest.approx(value / 255)


def test_dark_glasses_take_the_light_off_the_eyes_and_not_off_the_skin() -> None:
    chip = chip_of()
    pixels = chip.pixels.copy()
    for x, y in chip.landmarks.eyes:
        cv2.ellipse(pixels, (round(x), round(y)), (20, 12), 0, 0, 360, (15, 15, 15), -1)
    bare, hidden = measure(chip), measure(with_pixels(chip, pixels))
    assert hidden.eye_light < 0.3
    assert bare.eye_light > 0.6
    assert hidden.luma == pytest.approx(bare.luma, abs=0.02)


def test_coverage_is_the_mask_states() -> None:
    chip = chip_of()
    assert measure(chip).coverage is None
    assert measure(chip, MaskState(1.0)).coverage is None
    assert measure(chip, MaskState(1.0, coverage=0.4)).coverage == 0.4


def test_points_of_no_face_have_no_pose() -> None:
    chip = chip_of()
    points = chip.landmarks.points.copy()
    points[2:] = points[2:] * (1, -1)  # nose and mouth above the eyes
    found = measure(replace(chip, landmarks=Landmarks("five", points)))
    assert (found.yaw_deg, found.roll_deg) == (None, None)


@pytest.mark.parametrize(
    "eyes", [((50, 50), (50, 50.5)), ((900, 900), (950, 900))], ids=["together", "outside"]
)
def test_eyes_where_nothing_can_be_measured(eyes: tuple[tuple[float, float], ...]) -> None:
    chip = chip_of()
    points = chip.landmarks.points.copy()
    points[:2] = eyes
    with pytest.raises(InputError, match="quality: the eyes"):
        measure(replace(chip, landmarks=Landmarks("five", points)))


# What is said of it.


def test_off_has_no_limits_and_the_stricter_gates_are_the_narrower() -> None:
    worst = Quality(0, MOST_BLUR, 0, 0, 1, 0, None, None, 1)
    assert judged(worst, gates("off")) == ()
    for loose, tight in (("probe", "standard"), ("standard", "strict")):
        for name, limit in asdict(PRESETS[loose]).items():
            narrower = asdict(PRESETS[tight])[name]
            if limit is None:
                continue
            assert narrower is not None, name
            assert narrower >= limit if name.startswith("min_") else narrower <= limit, name


def test_a_good_face_passes_the_strictest() -> None:
    assert judged(measured(), gates("strict")) == ()
    assert judged(measured(coverage=None), gates("strict")) == ()


LIMITS = Gates(24, 0.03, 0.1, 0.9, 0.2, 0.04, 0.3, 40, 0.6)
BAD = (
    ("too_small", {"ipd_px": 14.0}, "the eyes are 14 px apart, at least 24 are needed: move"),
    ("blurred", {"blur": 0.052}, "blurred over 5.20% of the distance between the eyes"),
    ("too_dark", {"luma": 0.02}, "2.0% of full brightness where at least 10.0%"),
    ("too_bright", {"luma": 0.95}, "at most 90.0% will do"),
    ("clipped", {"clipped": 0.5}, "50.0% of the face around the eyes"),
    ("flat", {"spread": 0.01}, "hardly any contrast, 1.00%"),
    ("eyes_hidden", {"eye_light": 0.1}, "take off dark glasses"),
    ("turned", {"yaw_deg": -52.0}, "turned by 52 degrees, at most 40"),
    ("no_face", {"yaw_deg": None}, "the landmarks lie as no face has them"),
    ("covered", {"coverage": 0.8}, "80% of the face is covered, at most 60%"),
)


@pytest.mark.parametrize(("code", "values", "words"), BAD, ids=[code for code, _, _ in BAD])
def test_each_fault_has_its_reason(code: str, values: dict[str, float | None], words: str) -> None:
    (reason,) = judged(measured(**values), LIMITS)
    assert (reason.code, reason.measured) == (code, *values.values())
    assert words in reason.sentence == str(reason)
    assert ": " in reason.sentence  # what to do


def test_every_limit_and_every_code_is_tested_above() -> None:
    assert {code for code, _, _ in BAD} == set(quality.ReasonCode.__args__)  # type: ignore[attr-defined]
    assert all(getattr(LIMITS, field.name) is not None for field in fields(Gates))


def test_a_value_at_its_limit_passes() -> None:
    at = measured(
        ipd_px=24, blur=0.03, luma=0.1, clipped=0.2, spread=0.04, eye_light=0.3, yaw_deg=-40.0,
        coverage=0.6,
    )  # fmt: skip
    assert judged(at, LIMITS) == ()
    assert judged(replace(at, luma=0.9), LIMITS) == ()


@given(
    st.fixed_dictionaries(
        {
            "ipd_px": st.floats(0, 100),
            "blur": st.floats(0, MOST_BLUR),
            "clipped": st.floats(0, 1),
            "spread": st.floats(0, 0.5),
            "eye_light": st.floats(0, 2),
            "yaw_deg": st.floats(-75, 75),
        }
    ),
    st.floats(0, 1),
    st.sampled_from(["strict", "standard", "probe"]),
)
def test_a_worse_face_never_loses_a_reason(
    values: dict[str, float], worse: float, preset: str
) -> None:
    worst = {
        "ipd_px": 0.0,
        "blur": MOST_BLUR,
        "clipped": 1.0,
        "spread": 0.0,
        "eye_light": 0.0,
        "yaw_deg": 75.0 if values["yaw_deg"] >= 0 else -75.0,
    }
    beside = {name: value + worse * (worst[name] - value) for name, value in values.items()}
    before = {reason.code for reason in judged(measured(**values), gates(preset))}
    after = {reason.code for reason in judged(measured(**beside), gates(preset))}
    assert before <= after


def test_the_page_has_the_limits() -> None:
    page = Path(__file__).resolve().parents[1] / "docs" / "quality.md"
    if not page.exists():
        pytest.skip("needs docs/quality.md, which only a checkout holds")
    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \| (.*) \|$", page.read_text("utf-8"), re.MULTILINE)
    presets = ("strict", "standard", "probe")
    told = {code: dict(zip(presets, cells.split(" | "), strict=True)) for code, cells in rows}
    limits = {code: name for code, name, _ in _CHECKS}
    assert set(told) == {*limits, "no_face"} - {"covered"}
    for code, by_preset in told.items():
        for preset, cell in by_preset.items() if code != "no_face" else ():
            limit = getattr(gates(preset), limits[code])
            assert (None if cell == "none" else float(cell)) == limit, (code, preset)


def test_the_page_has_what_two_people_and_strange_photos_are_told_by() -> None:
    page = Path(__file__).resolve().parents[1] / "docs" / "quality.md"
    if not page.exists():
        pytest.skip("needs docs/quality.md, which only a checkout holds")
    text = " ".join(page.read_text("utf-8").split())
    assert f"less than {CLOSE:g} of the difference between the thresholds" in text
    (told,) = re.findall(r"and of 1e-2: ([\d.]+) with the default encoder", text)
    points = OperatingPoints.shipped(encode.create().id)
    pairs: tuple[WearPair, ...] = ("bare-bare", "masked-masked")
    for pair in pairs:
        decade = points.at_fmr(pair, 1e-3).threshold - points.at_fmr(pair, 1e-2).threshold
        # Where it fails, measure again: training/quality/close.py.
        assert CLOSE * decade == pytest.approx(float(told), abs=4e-4)
    # Its words, and those of the warning itself.
    assert "less alike to all others of that person than one in a hundred pairs" in text
    assert UNLIKE_FMR == 1 / 100


def test_unknown_gates_and_limits_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="there are: strict, standard, probe, off"):
        gates("lax")
    for limit in (-1.0, float("nan")):
        with pytest.raises(ConfigurationError, match="max_blur must be a number from 0 up"):
            Gates(max_blur=limit)
