"""The usual light, from above, in which a mask's sheet is saved; ``shading.py`` adds what a
photo's own light makes of it."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from maskwise.types import F32, U8

# Brightness in the usual light: of ny, of nz, and what all surfaces have.
_DOWN, _FRONT, _ALL = -0.34, 0.37, 0.63
BRIGHTEST: Final = 1.08


def brightness(ny: U8, nz: U8) -> F32:
    """Of a surface's normals, as the bytes of a relief, (H, W) float32: 1 where it faces the
    usual light. More than ``BRIGHTEST`` is not shown."""
    return weighted(ny, _DOWN, nz, _FRONT, _ALL)


def weighted(a: U8, of_a: float, b: U8, of_b: float, level: float) -> F32:
    """of_a x a + of_b x b + level, of components of normals as bytes, 128 + 127 n."""
    level -= (of_a + of_b) * (128 / 127)
    return np.asarray(
        cv2.addWeighted(a, of_a / 127, b, of_b / 127, level, dtype=cv2.CV_32F), np.float32
    )


def halved(relief: U8) -> U8:
    """(H, W, 4) at half the size, rounded up; what is added is 0."""
    height, width = relief.shape[:2]
    if height % 2 or width % 2:
        relief = np.pad(relief, ((0, height % 2), (0, width % 2), (0, 0)))
    half = (relief.shape[1] // 2, relief.shape[0] // 2)
    return np.asarray(cv2.resize(relief, half, interpolation=cv2.INTER_AREA), np.uint8)
