from __future__ import annotations

import cv2
import numpy as np
import pytest

from maskwise import masks
from maskwise.masks.draw import _drawn
from maskwise.masks.sheet import Texture
from maskwise.masks.surface import ARC_MAX, Y_TOP
from maskwise.types import F32

KINDS = ("cloth", "bandana", "gaiter", "scarf")


def _sheet(name: str, seed: int = 0, density: int = 64, **more: object) -> Texture:
    return _drawn(masks.spec_for(name, seed=seed, **more), density)  # type: ignore[arg-type]


def _alpha(texture: Texture, arc: float, y: float) -> int:
    density = texture.density
    row, column = round((y - Y_TOP) * density), round((arc + ARC_MAX) * density)
    return int(texture.rgba[row, column, 3])


def _rough(texture: Texture, y: tuple[float, float]) -> float:
    """How much the surface turns between neighbouring pixels, on the front, per unit."""
    rows = slice(round((y[0] - Y_TOP) * texture.density), round((y[1] - Y_TOP) * texture.density))
    middle = texture.relief.shape[1] // 2
    half = round(0.5 * texture.density)
    ny = texture.relief[rows, middle - half : middle + half, 1].astype(float) / 127
    return float(np.abs(np.diff(ny, axis=0)).mean() * texture.density)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_nose_mouth_and_chin_are_covered(name: str, seed: int) -> None:
    sheet = _sheet(name, seed)
    for y in (0.6, 0.9, 1.2, 1.6, 1.8):
        assert _alpha(sheet, 0.0, y) == 255
    assert _alpha(sheet, 0.55, 1.0) == _alpha(sheet, -0.55, 1.0) == 255
    assert _alpha(sheet, 0.0, 0.1) == 0
    assert _alpha(sheet, 0.5, -0.1) == 0


@pytest.mark.parametrize("seed", range(6))
def test_what_reaches_the_neck(seed: int) -> None:
    for name, front, side in (
        ("cloth", 0, 0),
        ("bandana", 255, 0),
        ("gaiter", 255, 255),
        ("scarf", 255, 255),
    ):
        sheet = _sheet(name, seed)
        assert _alpha(sheet, 0.0, 2.3) == front, name
        assert _alpha(sheet, 1.3, 2.3) == side, name


@pytest.mark.parametrize("name", KINDS)
def test_the_upper_edge_follows_the_coverage(name: str) -> None:
    tops = []
    for coverage in (0.0, 0.5, 1.0):
        sheet = _sheet(name, coverage=coverage)
        column = sheet.rgba[:, sheet.rgba.shape[1] // 2, 3]
        tops.append(np.flatnonzero(column > 127)[0] / sheet.density + Y_TOP)
    assert tops[0] == pytest.approx(0.5, abs=0.08)
    assert tops[2] == pytest.approx(0.08, abs=0.08)
    assert tops[0] > tops[1] > tops[2]


def test_the_seed_tells_the_cut_of_a_cloth_mask() -> None:
    panels, also, pleated, pressed = (_sheet("cloth", seed) for seed in range(4))

    # A seam down the middle darkens the panels; pleats do not.
    def seam(texture: Texture) -> float:
        row = texture.rgba[round((1.45 - Y_TOP) * 64), :, 2].astype(float)
        middle = len(row) // 2
        return float(row[middle - 8 : middle - 4].mean() - row[middle - 2 : middle + 2].mean())

    assert min(seam(panels), seam(also), seam(pressed)) > 2
    assert abs(seam(pleated)) < 2
    assert _rough(pleated, (0.9, 1.5)) > _rough(pressed, (0.9, 1.5))


def test_a_gaiter_is_tight_on_the_face_and_in_rings_at_the_neck() -> None:
    sheet = _sheet("gaiter", 2)
    assert _rough(sheet, (2.0, 2.5)) > 1.5 * _rough(sheet, (0.9, 1.5))


def test_a_scarf_is_rougher_than_a_gaiter() -> None:
    assert _rough(_sheet("scarf"), (0.7, 1.3)) > 2 * _rough(_sheet("gaiter"), (0.7, 1.3))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seed", [0, 2, 3])
def test_it_looks_the_same_at_any_density(name: str, seed: int) -> None:
    coarse = _sheet(name, seed, 64)
    for density in (128, 256):
        fine = _sheet(name, seed, density)
        # Stitches that a coarse sheet cannot hold are in the relief of a fine one.
        for a, b, least in ((coarse.rgba, fine.rgba, 0.9), (coarse.relief, fine.relief, 0.85)):
            small: F32 = cv2.resize(b, a.shape[1::-1], interpolation=cv2.INTER_AREA)
            for k in range(3):
                assert np.corrcoef(a[..., k].ravel(), small[..., k].ravel())[0, 1] > least


@pytest.mark.parametrize("name", KINDS)
def test_threads_show_on_large_faces_alone(name: str) -> None:
    def fine_share(density: int) -> float:
        texture = _sheet(name, 0, density)
        grey = texture.rgba[..., 1].astype(np.float32)
        rows = slice(round((1.0 - Y_TOP) * density), round((1.3 - Y_TOP) * density))
        part = grey[rows, round((ARC_MAX + 0.1) * density) : round((ARC_MAX + 0.5) * density)]
        return float(np.abs(part - cv2.blur(part, (5, 5))).mean())

    if name in {"cloth", "bandana"}:
        assert fine_share(512) > 0.2
    # Nowhere does the texture alias into noise.
    assert fine_share(64) < 12


@pytest.mark.parametrize("name", KINDS)
def test_soft_edges(name: str) -> None:
    alpha = _sheet(name).rgba[..., 3]
    assert 0.002 < ((alpha > 20) & (alpha < 235)).mean() < 0.1
