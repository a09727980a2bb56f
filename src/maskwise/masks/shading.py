"""What a photo's light makes of a mask, reckoned from the bytes of a sheet's relief."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from maskwise.masks.light import STRAIGHT, Light
from maskwise.masks.usual import BRIGHTEST, brightness, weighted
from maskwise.types import F32, U8

_DARKEST: Final = np.float32(0.25)
_SHADOW: Final = 0.32
"""Share of the light on the skin that the contact shadow takes where it is darkest."""


def lit(relief: U8, light: Light) -> tuple[F32, F32]:
    """Of (H, W, 4) ``relief``: what this light makes of the brightness that the mask is shown
    with in the usual one, as a factor, and the share of the light on the skin that its shadow
    takes. (H, W) float32 each."""
    nx, ny, shadow, nz = planes(relief)
    usual = brightness(ny, nz)
    x, y, z = light.lean.tolist()
    # A camera saves the lit side, so that a strong light darkens the other more.
    level = -STRAIGHT * z - 0.45 * abs(x) - 0.2 * abs(y)
    # The log of what this light makes of it; y's share is summed OpenCV's quickest way.
    share = y / 127
    rest = 1 / (1 - share)
    power = weighted(nx, x * rest, nz, z * rest, (level - y * (128 / 127)) * rest)
    cv2.accumulateWeighted(ny, power, share)
    cv2.exp(power, dst=power)
    more = usual * power
    more.clip(_DARKEST, np.float32(BRIGHTEST), out=more)
    cv2.threshold(usual, BRIGHTEST, 0, cv2.THRESH_TRUNC, dst=usual)
    more /= usual
    # Deeper on the side away from the light.
    taken = np.subtract(np.float32(2), power, out=power)
    cv2.multiply(taken, shadow, dst=taken, scale=_SHADOW / 255, dtype=cv2.CV_32F)
    return more, taken


def planes(image: U8) -> list[U8]:
    """The channels of (H, W, C) uint8 ``image``, (H, W) each."""
    height, width, count = image.shape
    # OpenCV takes several times as long where it makes the arrays.
    out = list(np.empty((count, height, width), np.uint8))
    cv2.split(image, out)
    return out
