from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest
from mask_scenes import head, landmarks_of, posed

from maskwise import masks
from maskwise.masks import jpeg_loss, photo
from maskwise.masks.fit import fit_pose
from maskwise.masks.light import Light, estimate
from maskwise.types import U8, Image

SIZE = (260, 240)
POSE = posed(scale=60, shift=(120, 100))


def lit(
    x: float = 0.0,
    y: float = 0.0,
    skin: tuple[float, float, float] = (200.0, 152.0, 126.0),
) -> U8:
    """A head whose brightness rises by ``x`` to the right, by ``y`` downwards, log a unit."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    power = x * (columns - 120) / 60 + y * (rows - 135) / 60
    base = head(POSE, SIZE, skin=skin).astype(np.float64)
    face = (base != 120).any(axis=2)[..., None]
    # Hair, so that the photo has more than one hue.
    base[:30] = (60, 45, 40)
    return np.clip(np.where(face, base * 0.8 * np.exp(power)[..., None], base), 0, 255).astype(
        np.uint8
    )


def read(pixels: U8) -> Light:
    return estimate(pixels, fit_pose(landmarks_of(POSE)))


@pytest.mark.parametrize("x", [-0.4, -0.2, 0.2, 0.4])
def test_the_side_that_light_comes_from(x: float) -> None:
    light = read(lit(x))
    # About one of log brightness a unit across is 1.1 along the normal's x.
    assert np.sign(light.side) == np.sign(x)
    assert 0.5 * abs(x) < abs(light.side) < 2 * abs(x)
    assert light.side == pytest.approx(-read(lit(-x)).side, abs=0.05)


def test_light_from_below_is_told_from_light_from_above() -> None:
    above, none, below = (float(read(lit(y=y)).lean[1]) for y in (-0.3, 0.0, 0.3))
    assert above < none - 0.03
    assert below > none + 0.03


def test_dark_glasses_and_a_fringe_do_not_turn_the_light() -> None:
    pixels = lit(0.3)
    clean = read(pixels).side
    pixels[85:115, 80:160] = 15
    pixels[50:85, 120:200] = (40, 28, 22)
    assert read(pixels).side == pytest.approx(clean, abs=0.15)


def test_a_brighter_photo_has_a_brighter_mask() -> None:
    levels = [
        float(read((lit() * share).astype(np.uint8)).gain.mean()) for share in (0.2, 0.4, 0.7, 1)
    ]
    assert levels == sorted(levels)
    assert levels[0] < 0.5  # no glow in the dark
    assert 0.7 < levels[-1] < 1.15


def test_dark_skin_among_bright_things_keeps_a_white_mask_white() -> None:
    dim = lit(skin=(100, 70, 55))
    bright = dim.copy()
    bright[100:200, :50] = 245
    assert read(bright).gain.mean() > 0.8
    assert read(bright).gain.mean() > read(dim).gain.mean() + 0.03


def test_blue_light_makes_masks_bluer_than_warm_light() -> None:
    warm = read((lit() * [1.0, 0.85, 0.6]).astype(np.uint8)).gain
    blue = read((lit() * [0.65, 0.8, 1.0]).astype(np.uint8)).gain
    assert blue[2] / blue[0] > 1.05 * warm[2] / warm[0]


@pytest.mark.parametrize("name", ["surgical", "cloth"])
def test_grey_in_is_grey_out_to_the_bit(name: str) -> None:
    rng = np.random.default_rng(1)
    grey = cv2.cvtColor(lit(0.2), cv2.COLOR_RGB2GRAY)
    grey = np.clip(grey + rng.normal(0, 4, grey.shape), 0, 255).astype(np.uint8)
    image = Image(np.dstack([grey] * 3))
    spec = masks.spec_for(name, color="#8a1f2d", seed=5)
    worn = masks.wear_on_image(image, [landmarks_of(POSE)], [spec])
    assert (worn.image.pixels != image.pixels).any()
    assert (np.ptp(worn.image.pixels, axis=2) == 0).all()


def test_a_sepia_photo_keeps_its_tint() -> None:
    grey = cv2.cvtColor(lit(), cv2.COLOR_RGB2GRAY)[..., None]
    image = Image(np.rint(grey * [1.0, 0.86, 0.68]).astype(np.uint8))
    spec = masks.spec_for("surgical", color="#6fa3d4")
    worn = masks.wear_on_image(image, [landmarks_of(POSE)], [spec])
    solid = worn.image.pixels[worn.alpha > 250].astype(float)
    r, g, b = solid.mean(axis=0)
    assert g / r == pytest.approx(0.86, abs=0.04)
    assert b / r == pytest.approx(0.68, abs=0.05)


@pytest.mark.parametrize("grain", [0.0, 0.5, 0.7])
@pytest.mark.parametrize("sigma", [2.0, 5.0])
def test_noise_is_told_within_three_tenths(sigma: float, grain: float) -> None:
    pixels = np.full((*SIZE, 3), 130, np.float32)
    pixels += photo.noise_for(SIZE, sigma, grain, 3)[..., None]
    _, noise, found = photo.measure(np.rint(pixels).astype(np.uint8), POSE)
    assert noise == pytest.approx(sigma, rel=0.3)
    assert found == pytest.approx(grain, abs=0.3)


def test_noise_has_the_deviation_asked_for_and_keeps_to_its_seed() -> None:
    for shape in ((80, 90), (700, 560)):
        a, b = (photo.noise_for(shape, 3.0, 0.6, seed) for seed in (4, 4))
        assert a.shape == shape
        assert a.std() == pytest.approx(3.0, rel=0.1)
        np.testing.assert_array_equal(a, b)
    assert (photo.noise_for((80, 90), 3.0, 0.6, 5) != photo.noise_for((80, 90), 3.0, 0.6, 4)).any()


@pytest.mark.parametrize("sigma", [0.8, 1.2, 1.8])
def test_blur_is_told(sigma: float) -> None:
    steps = np.kron(np.random.default_rng(0).integers(60, 200, (13, 12)), np.ones((20, 20)))
    soft = cv2.GaussianBlur(steps.astype(np.float32), (0, 0), sigma)
    pixels = np.rint(np.dstack([soft] * 3)).astype(np.uint8)
    blur, _, _ = photo.measure(pixels, POSE)
    assert blur == pytest.approx(sigma, rel=0.3)


@pytest.mark.parametrize("value", [0, 255])
def test_without_a_face_to_see_numbers_stay_finite(value: int) -> None:
    pixels = np.full((*SIZE, 3), value, np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        light = read(pixels)
    assert np.isfinite(light.gain).all()
    assert (light.gain > 0).all()
    assert abs(light.side) < 0.05


def test_a_face_beyond_the_border_has_the_typical_light() -> None:
    for shift in ((-300.0, 100.0), (239.0, 500.0)):
        pose = posed(scale=60, shift=shift)
        light = estimate(lit(0.4), pose)
        assert (light.gain == 1).all()
        assert (light.lean == 0).all()


def test_a_large_face_and_a_small_one_say_the_same() -> None:
    pixels = lit(0.3)
    for factor in (0.25, 4.0):
        size = tuple(round(v * factor) for v in SIZE[::-1])
        scaled = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        points = landmarks_of(posed(scale=60 * factor, shift=(120 * factor, 100 * factor)))
        light = estimate(scaled, fit_pose(points))
        np.testing.assert_allclose(light.lean, read(pixels).lean, atol=0.08)
        np.testing.assert_allclose(light.gain, read(pixels).gain, atol=0.08)


def test_the_same_photo_says_the_same() -> None:
    one, two = read(lit(0.2)), read(lit(0.2))
    np.testing.assert_array_equal(one.gain, two.gain)
    np.testing.assert_array_equal(one.lean, two.lean)


def saved(pixels: U8, quality: int) -> U8:
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), flags)
    lossy = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(lossy, cv2.COLOR_BGR2RGB), np.uint8)


def textured() -> U8:
    """A head with the fine detail of a photo."""
    detail = photo.noise_for(SIZE, 6.0, 0.8, 1) + 2 * photo.noise_for(SIZE, 6.0, 3.0, 2)
    return np.clip(np.rint(lit(0.2) + detail[..., None]), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("quality", [30, 50, 60, 70, 80])
def test_the_quality_of_a_jpeg_is_told(quality: int) -> None:
    found = jpeg_loss.quality_of(saved(textured(), quality), POSE)
    assert found == pytest.approx(quality, abs=1)


def test_the_quality_is_told_on_a_large_face_and_beside_the_border() -> None:
    big = cv2.resize(textured(), None, fx=4, fy=4).astype(np.float32)
    big += photo.noise_for(big.shape, 6.0, 0.8, 3)[..., None]
    lossy = saved(np.clip(np.rint(big), 0, 255).astype(np.uint8), 60)
    for shift in ((480.0, 400.0), (900.0, 900.0)):
        pose = posed(scale=240, shift=shift)
        assert jpeg_loss.quality_of(lossy, pose) == pytest.approx(60, abs=1)


def test_pixels_without_visible_blocks_have_no_quality() -> None:
    lossy = saved(textured(), 50)
    plain = (textured(), saved(textured(), 95), lit(), np.full((*SIZE, 3), 90, np.uint8))
    moved = (lossy[3:, 5:], cv2.resize(lossy, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA))
    for pixels in (*plain, *moved):
        bytes_of = np.ascontiguousarray(pixels, np.uint8)
        assert jpeg_loss.quality_of(bytes_of, POSE) == 0
        assert estimate(bytes_of, POSE, as_saved=True).jpeg == 0
    assert estimate(lossy, POSE, as_saved=True).jpeg > 0
    assert estimate(lossy, POSE).jpeg == 0
    assert jpeg_loss.quality_of(lossy, posed(scale=60, shift=(-400, 100))) == 0
    assert jpeg_loss.quality_of(lossy[:7, :7], POSE) == 0


@pytest.mark.parametrize("corner", [(96, 80), (101, 87), (180, 190)])
def test_a_part_saved_again_is_as_the_whole_photo_saved(corner: tuple[int, int]) -> None:
    y, x = corner
    photo_of = textured()
    pixels = photo_of.copy()
    cover = np.zeros((70, 50), np.uint8)
    cover[20:-20, 20:-20] = 1
    jpeg_loss.save_again(pixels, cover, x, y, 50)
    whole = np.zeros(SIZE, bool)
    whole[y : y + 70, x : x + 50] = cover > 0
    np.testing.assert_array_equal(pixels[whole], saved(photo_of, 50)[whole])
    np.testing.assert_array_equal(pixels[~whole], photo_of[~whole])
    assert (pixels[whole] != photo_of[whole]).any()


@pytest.mark.parametrize("quality", [40, 75])
def test_a_mask_on_a_lossy_photo_has_its_loss(
    quality: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image(saved(textured(), quality))
    points, spec = [landmarks_of(POSE)], [masks.spec_for("surgical", seed=2)]
    worn = masks.wear_on_image(image, points, spec)
    again = masks.wear_on_image(image, points, spec)
    np.testing.assert_array_equal(worn.image.pixels, again.image.pixels)
    monkeypatch.setattr("maskwise.masks.light.quality_of", lambda *_: 0)
    clean = masks.wear_on_image(image, points, spec)
    np.testing.assert_array_equal(worn.alpha, clean.alpha)
    bare = worn.alpha == 0
    np.testing.assert_array_equal(worn.image.pixels[bare], clean.image.pixels[bare])
    # What was saved once loses little when it is saved once more.
    solid = worn.alpha > 250
    once, twice = (
        np.abs(saved(p, quality)[solid].astype(int) - p[solid]).mean()
        for p in (clean.image.pixels, worn.image.pixels)
    )
    assert twice < 0.6 * once


def test_a_grey_lossy_photo_stays_grey_to_the_bit() -> None:
    grey = cv2.cvtColor(textured(), cv2.COLOR_RGB2GRAY)
    _, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 50])
    lossy = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    image = Image(np.dstack([lossy] * 3))
    assert jpeg_loss.quality_of(image.pixels, POSE) > 0
    worn = masks.wear_on_image(image, [landmarks_of(POSE)], [masks.spec_for("cloth", seed=5)])
    assert (worn.image.pixels != image.pixels).any()
    assert (np.ptp(worn.image.pixels, axis=2) == 0).all()


@pytest.mark.parametrize("x", [-0.4, 0.4])
def test_the_contact_shadow_is_deeper_away_from_the_light(x: float) -> None:
    image = Image(lit(x))
    worn = masks.wear_on_image(image, [landmarks_of(POSE)], [masks.spec_for("surgical")])
    before, after = (p.pixels.astype(float).sum(axis=2) for p in (image, worn.image))
    shadow = (worn.alpha == 0) & (after != before)
    shadow[135:] = False
    half = np.broadcast_to(np.arange(SIZE[1]) > 120, SIZE)
    left, right = (
        1 - (after[shadow & side] / before[shadow & side]).mean() for side in (~half, half)
    )
    assert (left / right if x > 0 else right / left) > 1.2
