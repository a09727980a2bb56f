from __future__ import annotations

import numpy as np
import pytest
from mask_scenes import landmarks_of, photo_of, posed

from maskwise import masks
from maskwise.masks.cast import Caster, look_for
from maskwise.masks.light import Light
from maskwise.masks.rays import around
from maskwise.masks.shading import lit
from maskwise.masks.surface import Shape
from maskwise.masks.usual import BRIGHTEST, brightness


@pytest.mark.parametrize("lean", [(0, 0, 0), (0.6, 0.1, -0.2), (-0.7, -0.3, 0.3)])
def test_bytes_of_the_relief_are_lit_as_their_normals(lean: tuple[float, ...]) -> None:
    light = Light(np.ones(3, np.float32), 1.0, np.array(lean, np.float32), 0.7, 0.0, 0.0)
    nx, ny = np.meshgrid(np.linspace(-0.7, 0.7, 15), np.linspace(-0.7, 0.7, 15))
    n = np.stack([nx, ny, 0 * nx, np.sqrt(1 - nx**2 - ny**2)], axis=-1)
    relief = np.rint(128 + 127 * n).astype(np.uint8)
    relief[..., 2] = 0
    factor, taken = lit(relief, light)
    bright = factor * np.minimum(brightness(relief[..., 1], relief[..., 3]), BRIGHTEST)
    # The usual light from above, times what this one adds; a strong one darkens what turns away.
    x, y, z = lean
    usual = 0.63 + 0.37 * n[..., 3] - 0.34 * ny
    more = x * nx + y * ny + z * (n[..., 3] - 0.8) - 0.45 * abs(x) - 0.2 * abs(y)
    expected = np.clip(usual * np.exp(more), 0.25, 1.08)
    np.testing.assert_allclose(bright, expected, atol=0.02)
    np.testing.assert_array_equal(taken, 0)


def test_a_mask_is_brighter_towards_the_light_and_as_painted_ahead() -> None:
    def at(nx: float, ny: float, lean: tuple[float, float, float]) -> float:
        light = Light(np.ones(3, np.float32), 1.0, np.array(lean, np.float32), 0.7, 0.0, 0.0)
        n = np.array([nx, ny, -128 / 127, np.sqrt(1 - nx * nx - ny * ny)])
        relief = np.broadcast_to(np.rint(128 + 127 * n).astype(np.uint8), (2, 2, 4)).copy()
        usual = brightness(*(np.ascontiguousarray(relief[..., k]) for k in (1, 3)))
        return float((lit(relief, light)[0] * usual)[0, 0])

    usual = (0.0, 0.0, 0.0)
    assert at(0, 0, usual) == pytest.approx(1, abs=1e-3)
    assert at(0, -0.5, usual) > at(0, 0.5, usual) + 0.2
    assert at(0.7, 0, (0.5, 0, 0)) > 1.5 * at(-0.7, 0, (0.5, 0, 0))
    assert at(0.7, 0, (-0.5, 0, 0)) == pytest.approx(at(-0.7, 0, (0.5, 0, 0)), abs=0.01)


def test_what_a_caster_has_prepared_changes_nothing() -> None:
    pose = posed(25, 3, 8)
    region = (31, 40, 70, 60)
    alone = Caster(pose, 64.0).cast(Shape(), region)
    draped = Shape(drape=1.0)
    for wide in ((0, 0, 150, 150), (30, 0, 120, 120), (31, 41, 80, 70)):
        after = Caster(pose, 64.0)
        after.cast(draped, wide)
        among = Caster(pose, 64.0)
        beside = Caster(posed(-40, 5, -3), 64.0)
        look_for(
            [beside, among], [region, around(wide, region)], [draped, Shape(), Shape(tent=0.5)]
        )
        for caster in (after, among):
            for one, other in zip(alone, caster.cast(Shape(), region), strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("scale", [5.3, 6.0])
@pytest.mark.parametrize("name", masks.types())
def test_a_face_of_few_pixels_takes_a_mask(name: str, scale: float) -> None:
    pose = posed(10, 2, 5, scale=scale, shift=(30, 25))
    image, _ = photo_of([pose], (64, 64))
    worn = masks.wear_on_image(image, [landmarks_of(pose)], [masks.spec_for(name)])
    covered = worn.alpha > 127
    # A mask is about two units wide and one and a half high, whatever the number of pixels.
    assert 1.2 * scale**2 < covered.sum() < 8 * scale**2
    assert not covered[: int(25 - 0.3 * scale)].any()
    far = np.ones_like(covered)
    low, high = int(30 - 3.5 * scale), int(30 + 3.5 * scale)
    far[:, max(0, low) : high] = False
    np.testing.assert_array_equal(worn.image.pixels[far], image.pixels[far])
