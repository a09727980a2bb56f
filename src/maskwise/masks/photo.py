"""The camera's hand: softness, grain and JPEG loss, read off a photo and given to a mask."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from maskwise.masks.fit import Pose
from maskwise.types import F32, F64, U8

SOFT: Final = 0.7
"""Blur in px that is taken where too little of a face shows to measure it."""
_NOISE_MAX: Final = 8.0
_FEWEST: Final = 8
_ENOUGH: Final = (48, 96)
"""Rows and columns of forehead: fewer than ``_FEWEST`` tell nothing, and these are enough."""

# The forehead with the brow, then the eyes with it: the corners of boxes, in units.
BOXES: Final = np.array(
    [[x, y, 0] for x in (-0.7, 0.7) for y in (-0.62, -0.1)]
    + [[x, y, 0] for x in (-0.8, 0.8) for y in (-0.35, 0.3)]
)
_LAPLACE: Final = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)

# White noise blurred by a Gaussian of so many px: how strong the noise mask sees it at full
# size as a share of its deviation, and at half size as a share of that (by simulation).
_GRAIN: Final = np.array([0.0, 0.4, 0.5, 0.6, 0.7, 0.8])
_SEEN_FULL: Final = np.array([1.0, 0.89, 0.65, 0.43, 0.27, 0.17])
_SEEN_RATIO: Final = np.array([0.50, 0.51, 0.53, 0.53, 0.51, 0.46]) / _SEEN_FULL


def measure(pixels: U8, pose: Pose, boxes: F64 | None = None) -> tuple[float, float, float]:
    """(blur, noise, grain) of a face on (H, W, 3) uint8 RGB ``pixels``.

    blur: deviation in px of the Gaussian that the edges about the eyes were seen through (an
    edge blurred by sigma has a first derivative of that Gaussian, and the ratio of the summed
    squares of first and second derivative is 2 sigma^2). noise: deviation in 8-bit steps, by
    the mask of Immerkaer, "Fast noise variance estimation", 1996, at full and at half size:
    a photo's noise hangs together over pixels. grain: the blur in px that says how far.
    boxes: ``BOXES`` projected, (2, 8), where the caller has them.
    """
    height, width = pixels.shape[:2]
    all_x, all_y = (pose.project(BOXES).T if boxes is None else boxes).tolist()
    spans = []
    for k in (0, 4):
        across, down = all_x[k : k + 4], all_y[k : k + 4]
        x0, x1 = max(0, int(min(across))), min(width, int(max(across)) + 1)
        y0, y1 = max(0, int(min(down))), min(height, int(max(down)) + 1)
        spans.append((x0, y0, x1, y1))
    noise, grain, seen = 0.0, 0.0, 1.0
    x0, y0, x1, y1 = spans[0]
    if min(x1 - x0, y1 - y0) >= _FEWEST:
        rows, columns = _middle(y0, y1, _ENOUGH[0]), _middle(x0, x1, _ENOUGH[1])
        noise, grain, seen = _noise(_grey(pixels[rows, columns]))
    x0, y0, x1, y1 = spans[1]
    if min(x1 - x0, y1 - y0) < _FEWEST:
        return SOFT, 0.0, 0.0
    # Of a large face, every so many rows will do.
    grey = _grey(pixels[y0 : y1 : max(1, (y1 - y0) // 40), x0:x1])
    right, mid, left = grey[:, 2:], grey[:, 1:-1], grey[:, :-2]
    gx = cv2.subtract(right, left).ravel()
    gxx = cv2.addWeighted(cv2.add(right, left), 1, mid, -2, 0).ravel()
    # White noise adds half its variance to the first, six times its variance to the second.
    white = (noise * seen) ** 2
    first = max(float(gx @ gx) / gx.size / 4 - white / 2, 1e-3)
    second = max(float(gxx @ gxx) / gxx.size - 6 * white, 1e-3)
    blur = math.sqrt(first / second / 2)
    return min(max(blur, 0.4), 0.05 * pose.scale + 0.4), noise, grain


def _middle(start: int, end: int, most: int) -> slice:
    """At most so many px in the middle of a span."""
    first = start + max(0, end - start - most) // 2
    return slice(first, min(end, first + most))


def _grey(pixels: U8) -> F32:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)


def _noise(grey: F32) -> tuple[float, float, float]:
    """(deviation in 8-bit steps, grain in px, the share of the deviation that such a grain
    shows the noise mask)."""
    full = _immerkaer(grey)
    rows, columns = (n // 2 for n in grey.shape)
    if min(rows, columns) < 5 or full < 0.05:
        return min(full, _NOISE_MAX), 0.0, 1.0
    half = cv2.resize(
        grey[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA
    )
    grain = float(np.interp(_immerkaer(np.asarray(half)) / full, _SEEN_RATIO, _GRAIN))
    seen = float(np.interp(grain, _GRAIN, _SEEN_FULL))
    return min(full / seen, _NOISE_MAX), grain, seen


def _immerkaer(grey: F32) -> float:
    fine = np.abs(cv2.filter2D(grey, -1, _LAPLACE)[1:-1, 1:-1]).ravel()
    fine = fine[:: max(1, fine.size // 800)]
    # The quieter 60 %, so that hair, brows and lids drop out: 0.397 deviations of a Gaussian.
    k = int(0.6 * fine.size)
    fine.partition(k)
    return float(np.add.reduce(fine[:k])) / k / 0.397 / 6


def softness(blur_px: float) -> tuple[float, F64]:
    """What makes a mask as soft as a photo of blur ``blur_px``: the deviation in px of a
    Gaussian, and its weights (K, 1) for a row or column of pixels.

    A sheet is about 0.5 px soft as it is drawn; at least what keeps thin straps from breaking
    up is added.
    """
    extra = math.sqrt(max(blur_px**2 - 0.25, 0.2))
    # Pixels farther than 2.5 deviations weigh about 1/100 together; OpenCV would take twice
    # as many.
    taps = 2 * max(1, round(2.5 * extra)) + 1
    return extra, np.asarray(cv2.getGaussianKernel(taps, extra), np.float64)


def noise_for(shape: tuple[int, ...], noise: float, grain_px: float, seed: int) -> F32:
    """(H, W) float32 of noise, 8-bit steps; the same for the same ``seed``.

    One deviation for all brightnesses: that of light goes with the root of the brightness,
    which a photo's curve (gamma about 2.2) makes even again.
    """
    tile = _tile(round(grain_px * 10))
    height, width = shape[:2]
    if max(height, width) > len(tile):
        tile = np.tile(tile, (-(-height // len(tile)), -(-width // len(tile))))
    y = seed * 97 % (tile.shape[0] - height + 1)
    x = seed * 61 % (tile.shape[1] - width + 1)
    return np.asarray(tile[y : y + height, x : x + width] * np.float32(noise), np.float32)


@lru_cache(maxsize=16)
def _tile(grain_tenths: int) -> F32:
    """(512, 512) float32 noise of deviation 1 that repeats without a seam; drawn once."""
    white = np.random.default_rng(20).standard_normal((512, 512), np.float32)
    if grain_tenths:
        wide = cv2.copyMakeBorder(white, 8, 8, 8, 8, cv2.BORDER_WRAP)
        white = np.asarray(
            cv2.GaussianBlur(wide, (0, 0), grain_tenths / 10)[8:-8, 8:-8], np.float32
        )
    out = np.ascontiguousarray(white / white.std(), np.float32)
    out.flags.writeable = False
    return out
