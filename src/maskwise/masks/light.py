"""The light on a face, told from its visible skin, and how sharp and noisy the photo is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from maskwise.masks.fit import Pose
from maskwise.masks.surface import ARC_RADIUS, Shape, points_on
from maskwise.types import F32, U8

# Medians over 700 photos of the train split of LFW: the skin of forehead and cheeks as these
# patches see it, 8-bit RGB.
_TYPICAL_SKIN: Final = np.array([203.0, 153.0, 126.0])
_EXPOSURE_SHARE: Final = 0.42
_CAST_SHARE: Final = 0.25
"""How much of a skin's departure from the typical is put down to the light and not to the skin:
brightness of both varies about equally, and dark skin is the more saturated."""

# Patches of skin that a mask leaves bare: (arc, y) of the centres, for each side of the face.
_FOREHEAD: Final = tuple((a, y) for a in (0.12, 0.30, 0.48) for y in (-0.62, -0.50))
_CHEEK: Final = tuple((a, y) for a in (0.48, 0.64, 0.80) for y in (0.28, 0.40))
_BARE: Final = Shape(tent=0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """gain: (3,) float32, what multiplies the mask's colour. side: light from the right of the
    picture (positive) or the left, as the log ratio of the cheeks. saturation: 0 (a grey
    photo) to 1. blur_px: deviation of the photo's own softness. noise: deviation, 8-bit steps.
    """

    gain: F32
    side: float
    saturation: float
    blur_px: float
    noise: float


def estimate(pixels: U8, pose: Pose) -> Light:
    """Read the light off (H, W, 3) uint8 RGB ``pixels``, in whose frame ``pose`` stands.

    Patches that the picture's border cuts off or that the head hides are left out; without any
    the light is the typical one.
    """
    samples = [_patch(pixels, pose, side) for side in (-1, 1)]
    both = np.concatenate(samples)
    if len(both) < 4:
        return Light(np.ones(3, np.float32), 0.0, 1.0, 0.7, 0.0)
    skin = np.maximum(np.median(both, axis=0), 8.0)
    luma, typical = float(skin.mean()), float(_TYPICAL_SKIN.mean())
    exposure = float(np.clip((luma / typical) ** _EXPOSURE_SHARE, 0.4, 1.2))
    grey = float(np.ptp(skin))
    saturation = float(np.clip((grey - 3) / 12, 0, 1))
    cast = (skin / luma) / (_TYPICAL_SKIN / typical)
    cast = np.clip(cast, 0.6, 1.6) ** _CAST_SHARE
    gain = exposure * (saturation * cast + (1 - saturation))
    left, right = (float(np.median(s.mean(1))) if len(s) >= 4 else luma for s in samples)
    side = float(np.clip(np.log((right + 10) / (left + 10)), -0.7, 0.7))
    blur_px, noise = _softness(pixels, pose)
    return Light(gain.astype(np.float32), side, saturation, blur_px, noise)


def _patch(pixels: U8, pose: Pose, side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(N, 3) colours of the skin on one side; each the mean of a small square."""
    arc, y = np.array((*_FOREHEAD, *_CHEEK)).T
    arc = side * arc
    where = points_on(_BARE, arc, y)
    # Skin that turns away from the viewer says little; leave it out.
    angle = arc / ARC_RADIUS
    facing = pose.rotation[2, 0] * np.sin(angle) + pose.rotation[2, 2] * np.cos(angle)
    px = np.rint(pose.project(where[facing > 0.25])).astype(int)
    half = max(1, int(pose.scale * 0.04))
    height, width = pixels.shape[:2]
    inside = (px >= half).all(1) & (px[:, 0] < width - half) & (px[:, 1] < height - half)
    squares = [
        pixels[y0 - half : y0 + half + 1, x0 - half : x0 + half + 1].reshape(-1, 3).mean(0)
        for x0, y0 in px[inside]
    ]
    return np.asarray(squares, np.float64).reshape(-1, 3)


def _softness(pixels: U8, pose: Pose) -> tuple[float, float]:
    """(blur in px, noise in 8-bit steps) of the region of the eyes.

    Blur: an edge blurred by sigma has a first derivative of that Gaussian, and the ratio of the
    summed squares of first and second derivative is 2 sigma^2. Noise: the mask of Immerkaer,
    "Fast noise variance estimation", 1996, with the median for the mean, so that edges drop out.
    """
    corners = pose.project(np.array([[x, y, 0] for x in (-0.8, 0.8) for y in (-0.35, 0.3)]))
    height, width = pixels.shape[:2]
    x0, y0 = np.clip(np.floor(corners.min(0)), 0, [width, height]).astype(int)
    x1, y1 = np.clip(np.ceil(corners.max(0)), 0, [width, height]).astype(int)
    if x1 - x0 < 8 or y1 - y0 < 8:
        return 0.7, 0.0
    grey = cv2.cvtColor(pixels[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY).astype(np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    fine = cv2.filter2D(grey, -1, kernel)[1:-1, 1:-1]
    noise = float(np.median(np.abs(fine))) / 0.6745 / 6
    gx = (grey[:, 2:] - grey[:, :-2]) / 2
    gxx = grey[:, 2:] - 2 * grey[:, 1:-1] + grey[:, :-2]
    # White noise adds half its variance to the first, six times its variance to the second.
    first = max(float((gx**2).mean()) - noise**2 / 2, 1e-3)
    second = max(float((gxx**2).mean()) - 6 * noise**2, 1e-3)
    blur = np.sqrt(first / second / 2)
    return float(np.clip(blur, 0.4, 0.05 * pose.scale + 0.4)), float(np.clip(noise, 0.0, 8.0))
