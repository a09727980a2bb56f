"""How a mask's surface is lit, reckoned from the bytes of a sheet's relief in one pass."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from maskwise.masks.light import STRAIGHT, Light
from maskwise.types import F32, U8

_USUAL: Final = (0.0, -0.34, 0.0, 0.37, 0.63)
"""Brightness in the usual light, from above, of nx, ny, -, nz, and what all surfaces have."""
_DARKEST: Final = np.full((1, 1), 0.25)
_BRIGHTEST: Final = 1.08
_SHADOW: Final = 0.32
"""Share of the light on the skin that the contact shadow takes where it is darkest."""


def shading_of(light: Light) -> F32:
    """(4, 5) float32: relief (nx, ny, shadow, nz as bytes, and 1) -> usual brightness, log of
    what this light makes of it, and the share of light that the shadow takes."""
    x, y, z = (float(v) for v in light.lean)
    # A camera saves the lit side, so that a strong light darkens the other more.
    level = -STRAIGHT * z - 0.45 * abs(x) - 0.2 * abs(y)
    rows = (_USUAL, (x, y, 0.0, z, level))
    # Bytes are 128 + 127 n.
    lights = [
        [a / 127, b / 127, 0.0, c / 127, d - (a + b + c) * (128 / 127)] for a, b, _, c, d in rows
    ]
    return np.array([*lights, (0, 0, _SHADOW / 255, 0, 0), (0,) * 5], np.float32)


def lit(relief: U8, edge: F32, shading: F32) -> tuple[F32, F32]:
    """Of (H, W, 4) ``relief``: the mask's brightness, 1 where it faces the usual light, cut at
    ``edge``, 0..1; and what its shadow leaves of the light on the skin. (H, W) float32 each."""
    made = cv2.transform(relief.astype(np.float32), shading)
    usual, power, shadow, _ = planes(np.asarray(made, np.float32))
    cv2.exp(power, dst=power)
    usual *= power
    # Deeper on the side away from the light.
    np.subtract(np.float32(2), power, out=power)
    shadow *= power
    cv2.threshold(usual, _BRIGHTEST, 0, cv2.THRESH_TRUNC, dst=usual)
    cv2.max(usual, _DARKEST, dst=usual)
    usual *= edge
    shadow *= edge
    np.subtract(np.float32(1), shadow, out=shadow)
    return usual, shadow


def planes(image: F32) -> list[F32]:
    """The channels of (H, W, C) float32 ``image``, (H, W) each."""
    height, width, count = image.shape
    # OpenCV takes several times as long where it makes the arrays.
    out = list(np.empty((count, height, width), np.float32))
    cv2.split(image, out)
    return out
