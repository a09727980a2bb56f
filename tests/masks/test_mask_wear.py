from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_scenes import GOLDENS, chip_of, golden, landmarks_of, parts, photo_of, posed
from PIL import Image as PillowImage

from maskwise import masks
from maskwise.errors import ConfigurationError, InputError
from maskwise.masks.fit import fit_pose
from maskwise.masks.light import estimate
from maskwise.types import U8, Image, Landmarks, MaskSpec

SPECS = [masks.spec_for(name) for name in masks.types()]
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "masks"


@pytest.mark.parametrize("name", GOLDENS)
def test_masks_look_as_they_did(name: str) -> None:
    with PillowImage.open(GOLDEN / f"{name}.png") as picture:
        expected = np.array(picture.convert("RGB"), np.int16)
    difference = np.abs(golden(GOLDENS[name]).astype(np.int16) - expected)
    # OpenCV's builds round differently; a part that moved by a pixel shows far more than this.
    assert difference.mean() < 0.5
    assert np.percentile(difference, 99.8) <= 16


@pytest.mark.parametrize("size", [112, 150, 160])
def test_shapes_and_types(size: int) -> None:
    chips = [chip_of(posed(yaw), size) for yaw in (-20, 0)]
    pixels, alpha = masks.wear_on_chips(chips, SPECS[:3])
    assert (pixels.shape, pixels.dtype) == ((2, 3, size, size, 3), np.uint8)
    assert (alpha.shape, alpha.dtype) == ((2, 3, size, size), np.uint8)
    assert 0.15 < (alpha > 127).mean() < 0.5


def test_no_chips_or_no_masks() -> None:
    assert masks.wear_on_chips([], SPECS)[0].shape == (0, len(SPECS), 0, 0, 3)
    pixels, alpha = masks.wear_on_chips([chip_of(posed())], [])
    assert pixels.shape == (1, 0, 150, 150, 3)
    assert alpha.shape == (1, 0, 150, 150)


@pytest.mark.parametrize("coverage", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("yaw", [-35, -15, 0, 25, 40])
@pytest.mark.parametrize("name", masks.types())
def test_nose_mouth_and_chin_are_covered_and_the_eyes_are_not(
    name: str, yaw: float, coverage: float
) -> None:
    size = 240
    pose = posed(yaw, 2, 10, scale=60, shift=(120, 80))
    image, (points,) = photo_of([pose], (size, size))
    spec = masks.spec_for(name, coverage=coverage)
    changed = _changed(image, masks.wear_on_image(image, [points], [spec]).image)
    where = parts(fit_pose(points))
    for part in ("nose base", "mouth", "chin"):
        x, y = np.rint(where[part]).astype(int)
        assert changed[y, x] > 8, part
    for part in ("left eye", "right eye"):
        x, y = np.rint(where[part]).astype(int)
        assert changed[y - 3 : y + 4, x - 3 : x + 4].max() < 30, part


@pytest.mark.parametrize("spec", SPECS, ids=masks.types())
def test_alpha_says_what_is_covered(spec: MaskSpec) -> None:
    chip = chip_of(posed(10))
    (pixels,), (alpha,) = masks.wear_on_chips([chip], [spec])
    where = parts(fit_pose(chip.landmarks))
    for part, covered in (("nose base", True), ("mouth", True), ("left eye", False)):
        x, y = np.rint(where[part]).astype(int)
        if part == "mouth" and spec.type == "shield":
            assert 0 < alpha[0, y, x] < 128  # the window
            continue
        assert (alpha[0, y, x] > 240) == covered, part
    # Far from the mask nothing changes; beside it only the shadow does, and it darkens.
    bare = alpha[0] == 0
    np.testing.assert_array_equal(pixels[0][:20], chip.pixels[:20])
    assert (pixels[0][bare].astype(int) <= chip.pixels[bare].astype(int) + 1).all()


def test_little_of_the_mask_hangs_in_the_air() -> None:
    for yaw in (-30, 0, 30):
        pose = posed(yaw, scale=60, shift=(120, 80))
        image, (points,) = photo_of([pose], (280, 240))
        ground = (image.pixels == 120).all(axis=2)
        for name in ("surgical", "n95", "kn95", "cloth"):
            after = masks.wear_on_image(image, [points], [masks.spec_for(name)]).image
            changed = _changed(image, after) > 40
            assert (changed & ground).sum() < 0.12 * changed.sum(), (name, yaw)


def test_the_same_spec_gives_the_same_pixels_whatever_is_in_the_batch() -> None:
    chips = [chip_of(posed(yaw)) for yaw in (0, 20)]
    together, _ = masks.wear_on_chips(chips, SPECS)
    for n, chip in enumerate(chips):
        for m, spec in reversed(list(enumerate(SPECS))):
            np.testing.assert_array_equal(
                masks.wear_on_chips([chip], [spec])[0][0, 0], together[n, m]
            )


def test_more_coverage_reaches_higher() -> None:
    chip = chip_of(posed())
    specs = [masks.spec_for("surgical", coverage=c) for c in (0, 0.5, 1)]
    _, alpha = masks.wear_on_chips([chip], specs)
    middle = round(float(chip.landmarks.points[4, 0]))
    tops = [int(np.argmax(a[:, middle] > 127)) for a in alpha[0]]
    assert tops[0] > tops[1] + 5 > tops[2] + 10


def test_a_darker_face_has_a_darker_mask_and_a_grey_photo_a_grey_one() -> None:
    looks = [(220, 170, 145), (110, 80, 65), (140, 140, 140)]
    chips = [chip_of(posed(), skin=skin) for skin in looks]
    pixels, alpha = masks.wear_on_chips(chips, [masks.spec_for("surgical")])
    solid = alpha[:, 0] > 250
    bright, dark, grey = (p[0][s].astype(int) for p, s in zip(pixels, solid, strict=True))
    assert dark.mean() < bright.mean() - 15
    assert np.ptp(bright, axis=1).mean() > 30
    assert np.ptp(grey, axis=1).max() <= 1


def test_light_from_one_side_falls_on_the_mask_from_there() -> None:
    chip = chip_of(posed(), light=0.3)
    assert estimate(chip.pixels, fit_pose(chip.landmarks)).side > 0.15
    pixels, alpha = masks.wear_on_chips([chip, chip_of(posed())], [masks.spec_for("n95")])
    balance = []
    for worn, cover in zip(pixels[:, 0].astype(float), alpha[:, 0] > 250, strict=True):
        left, right = cover.copy(), cover.copy()
        left[:, 75:] = False
        right[:, :76] = False
        balance.append(worn[right].mean() / worn[left].mean())
    assert balance[0] > 1.1
    assert balance[1] == pytest.approx(1, abs=0.04)


def test_softness_is_told_and_taken_over() -> None:
    import cv2

    rng = np.random.default_rng(0)
    sharp = cv2.GaussianBlur(rng.normal(0, 60, (150, 150)), (0, 0), 1.0)
    pose = fit_pose(chip_of(posed()).landmarks)
    blurs = []
    for sigma in (0.6, 1.2, 2.0):
        soft = cv2.GaussianBlur(sharp, (0, 0), sigma)
        pixels = np.clip(128 + soft[..., None] * [1, 1, 1], 0, 255).astype(np.uint8)
        blurs.append(estimate(pixels, pose).blur_px)
    assert blurs[0] < blurs[1] < blurs[2]


def test_every_face_of_a_photo_and_only_their_surroundings() -> None:
    poses = [posed(20, scale=40, shift=(80, 100)), posed(-10, scale=25, shift=(300, 60))]
    image, points = photo_of(poses, (240, 420))
    after = masks.wear_on_image(image, points, [SPECS[0], SPECS[3]]).image
    changed = _changed(image, after) > 0
    assert after.source == image.source
    assert changed[:, :180].any()
    assert changed[:, 240:].any()
    assert not changed[:, 190:235].any()
    assert not changed[200:, 250:].any()


def test_the_nearer_face_is_on_top() -> None:
    near, far = posed(scale=60, shift=(110, 70)), posed(scale=25, shift=(110, 120))
    image, points = photo_of([near, far], (240, 240))
    specs = [masks.spec_for("cloth", color="#c02020"), masks.spec_for("cloth", color="#20c020")]
    x, y = np.rint(parts(near)["mouth"]).astype(int)
    for order in (slice(None), slice(None, None, -1)):
        after = masks.wear_on_image(image, points[order], specs[order]).image
        assert after.pixels[y, x, 0] > after.pixels[y, x, 1] + 20


@settings(max_examples=40, deadline=None)
@given(
    scale=st.floats(6, 300),
    x=st.floats(-100, 300),
    y=st.floats(-100, 300),
    roll=st.floats(-180, 180),
)
def test_faces_cut_by_the_border_or_outside_are_no_harm(
    scale: float, x: float, y: float, roll: float
) -> None:
    rng = np.random.default_rng(0)
    image = Image(rng.integers(0, 255, (160, 200, 3)).astype(np.uint8))
    points = landmarks_of(posed(10, 0, roll, scale=scale, shift=(x, y)))
    after = masks.wear_on_image(image, [points], [SPECS[1]]).image
    assert after.pixels.shape == image.pixels.shape
    if min(x - 200, y - 160) > 3 * scale or max(x, y) < -3 * scale:
        np.testing.assert_array_equal(after.pixels, image.pixels)


def test_a_large_face_is_drawn_fine() -> None:
    image, points = photo_of([posed(scale=220, shift=(400, 250))], (900, 800))
    after = masks.wear_on_image(image, points, [SPECS[0]]).image
    x, y = np.rint(parts(fit_pose(points[0]))["mouth"]).astype(int)
    cheek = after.pixels[y - 60 : y + 60, x - 60 : x + 60].astype(float)
    assert np.abs(np.diff(cheek, axis=0)).max() > 4  # pleats
    assert _changed(image, after)[y, x] > 8


def test_mistakes_are_refused() -> None:
    chip = chip_of(posed())
    with pytest.raises(InputError, match="one size"):
        masks.wear_on_chips([chip, chip_of(posed(), 112)], SPECS)
    with pytest.raises(InputError, match="one spec a face, got 0 for 1"):
        masks.wear_on_image(Image(chip.pixels), [chip.landmarks], [])
    with pytest.raises(ConfigurationError, match="scuba"):
        masks.wear_on_chips([chip], [MaskSpec("scuba", "#ffffff")])
    nowhere = Landmarks("dlib5", np.ones((5, 2), np.float32))
    with pytest.raises(InputError, match="px apart"):
        masks.wear_on_image(Image(chip.pixels), [nowhere], SPECS[:1])


def _changed(before: Image, after: Image) -> U8:
    """(H, W): the largest change of a channel."""
    change = np.abs(before.pixels.astype(np.int16) - after.pixels.astype(np.int16))
    return change.max(axis=2).astype(np.uint8)
