"""How a mask's surface is lit, reckoned from the bytes of a sheet's relief."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from maskwise.masks.light import STRAIGHT, Light
from maskwise.types import F32, U8

# Brightness in the usual light, from above: of ny, of nz, and what all surfaces have.
_DOWN, _FRONT, _ALL = -0.34, 0.37, 0.63
_DARKEST: Final = np.full((1, 1), 0.25)
_BRIGHTEST: Final = 1.08
_SHADOW: Final = 0.32
"""Share of the light on the skin that the contact shadow takes where it is darkest."""


def lit(relief: U8, edge: F32, light: Light) -> tuple[F32, F32]:
    """Of (H, W, 4) ``relief``: the mask's brightness, 1 where it faces the usual light, and what
    its shadow, cut at ``edge``, 0..1, leaves of the light on the skin. (H, W) float32 each."""
    nx, ny, shadow, nz = planes(relief)
    # Bytes are 128 + 127 n.
    bright = _sum(ny, _DOWN, nz, _FRONT, _ALL)
    x, y, z = (float(v) for v in light.lean)
    # A camera saves the lit side, so that a strong light darkens the other more.
    level = -STRAIGHT * z - 0.45 * abs(x) - 0.2 * abs(y)
    # The log of what this light makes of it; y's share is summed OpenCV's quickest way.
    share = y / 127
    rest = 1 / (1 - share)
    power = _sum(nx, x * rest, nz, z * rest, (level - y * (128 / 127)) * rest)
    cv2.accumulateWeighted(ny, power, share)
    cv2.exp(power, dst=power)
    bright *= power
    cv2.threshold(bright, _BRIGHTEST, 0, cv2.THRESH_TRUNC, dst=bright)
    cv2.max(bright, _DARKEST, dst=bright)
    # Deeper on the side away from the light.
    kept = np.subtract(np.float32(2), power, out=power)
    kept *= edge
    kept = np.asarray(
        cv2.multiply(kept, shadow, scale=-_SHADOW / 255, dtype=cv2.CV_32F), np.float32
    )
    kept += np.float32(1)
    return bright, kept


def _sum(a: U8, of_a: float, b: U8, of_b: float, level: float) -> F32:
    """of_a x a + of_b x b + level, of components of normals as bytes."""
    level -= (of_a + of_b) * (128 / 127)
    return np.asarray(
        cv2.addWeighted(a, of_a / 127, b, of_b / 127, level, dtype=cv2.CV_32F), np.float32
    )


def planes(image: U8) -> list[U8]:
    """The channels of (H, W, C) uint8 ``image``, (H, W) each."""
    height, width, count = image.shape
    # OpenCV takes several times as long where it makes the arrays.
    out = list(np.empty((count, height, width), np.uint8))
    cv2.split(image, out)
    return out
