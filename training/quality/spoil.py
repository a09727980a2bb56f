"""Ways to make a photo worse by a known amount, seeded, pixels in and pixels out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from maskwise.types import F64, U8, Landmarks

Spoil = Callable[[U8, Landmarks, float, np.random.Generator], tuple[U8, F64]]
"""(H, W, 3) uint8 RGB, where its face is, how much, chance -> the worse picture, and the (2, 3)
transform from the old px to its px."""

_SAME: Final = np.eye(2, 3)
_READ_NOISE: Final = 0.002
"""Of full scale, linear light: a phone's at a high gain. Light that is short shows it."""


def untouched(pixels: U8, face: Landmarks, _: float, __: np.random.Generator) -> tuple[U8, F64]:
    return pixels, _SAME


def smaller(pixels: U8, face: Landmarks, ipd_px: float, _: np.random.Generator) -> tuple[U8, F64]:
    """Averaged down until the eyes are about ``ipd_px`` apart."""
    height, width = pixels.shape[:2]
    share = ipd_px / face.ipd_px
    size = max(1, round(width * share)), max(1, round(height * share))
    x, y = size[0] / width, size[1] / height
    onto = np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), onto


def sent(pixels: U8, face: Landmarks, ipd_px: float, chance: np.random.Generator) -> tuple[U8, F64]:
    """As ``smaller``, then saved as JPEG at quality 60, as what is sent or filmed is."""
    small, onto = smaller(pixels, face, ipd_px, chance)
    options = [cv2.IMWRITE_JPEG_QUALITY, 60, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x221111]
    _, saved = cv2.imencode(".jpg", small[..., ::-1], options)
    read = cv2.imdecode(saved, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(read[..., ::-1]), onto


def blurred(pixels: U8, face: Landmarks, share: float, _: np.random.Generator) -> tuple[U8, F64]:
    """A Gaussian whose standard deviation is ``share`` of the distance of the eyes."""
    out = cv2.GaussianBlur(pixels, (0, 0), share * face.ipd_px)
    return np.asarray(out, np.uint8), _SAME


def moved(pixels: U8, face: Landmarks, share: float, _: np.random.Generator) -> tuple[U8, F64]:
    """Smeared level over ``share`` of the distance of the eyes: the camera was not still."""
    length = max(share * face.ipd_px, 1)
    half = int(np.ceil(length / 2))
    row = np.clip(length / 2 + 0.5 - np.abs(np.arange(-half, half + 1)), 0, 1)
    kernel = (row / row.sum())[None].astype(np.float32)
    out = cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(out, np.uint8), _SAME


def lit(pixels: U8, face: Landmarks, gain: float, chance: np.random.Generator) -> tuple[U8, F64]:
    """``gain`` times the light, with a sensor's noise, cut off at white."""
    light = _to_linear(pixels) * gain + chance.normal(0, _READ_NOISE, pixels.shape)
    return _from_linear(light), _SAME


def hazy(pixels: U8, face: Landmarks, share: float, _: np.random.Generator) -> tuple[U8, F64]:
    """``share`` of the contrast left, about a light grey."""
    out = 160 + share * (pixels.astype(np.float32) - 160)
    return np.rint(out).astype(np.uint8), _SAME


def dark_glasses(
    pixels: U8, face: Landmarks, passing: float, _: np.random.Generator
) -> tuple[U8, F64]:
    """Two lenses and a bridge that let ``passing`` of the light through."""
    right, left = face.eyes @ np.array([1, 1j])
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    place = (x + 1j * y - (right + left) / 2) / (left - right)
    u, v = np.abs(place.real), place.imag
    lens = ((u - 0.5) / 0.40) ** 4 + ((v - 0.04) / 0.27) ** 4 < 1
    bridge = (u < 0.2) & (np.abs(v + 0.10) < 0.04)
    light = _to_linear(pixels)
    light[lens | bridge] *= passing
    return _from_linear(light), _SAME


def _to_linear(pixels: U8) -> F64:
    """sRGB bytes -> linear light 0..1 (IEC 61966-2-1)."""
    s = pixels / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def _from_linear(light: F64) -> U8:
    light = np.clip(light, 0, 1)
    s = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255 * s).astype(np.uint8)


KINDS: Final[dict[str, tuple[Spoil, tuple[str, ...], tuple[float, ...]]]] = {
    "smaller": (smaller, ("ipd_px",), (32, 24, 20, 16, 14, 12, 10, 8, 6)),
    "sent": (sent, ("ipd_px",), (32, 24, 20, 16, 14, 12, 10, 8)),
    "blurred": (blurred, ("blur",), (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.10, 0.12)),
    "moved": (moved, ("blur",), (0.1, 0.2, 0.3, 0.4)),
    "darker": (lit, ("luma",), (1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128)),
    "lighter": (lit, ("luma", "clipped"), (1.5, 2, 3, 4, 6, 8)),
    "hazy": (hazy, ("spread",), (0.5, 0.35, 0.25, 0.2, 0.15)),
    "glasses": (dark_glasses, ("eye_light",), (0.3, 0.1, 0.02)),
}
"""Name -> how, the fields of ``Quality`` that should tell, and how much, worse and worse."""
