"""The finest of a sheet: white noise, and the threads of pressed fibres."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from maskwise.masks.sheet import _SHIFT
from maskwise.types import F32


def white(rng: np.random.Generator, rows: int, width: int) -> F32:
    """(rows, width) float32: white noise, cut from one sheet of it at a chance place."""
    tile = _tile()
    y, x = rng.integers(0, len(tile) // 2, 2).tolist()
    tall, wide = (-(-(at + size) // len(tile)) for at, size in ((y, rows), (x, width)))
    if tall > 1 or wide > 1:
        tile = np.tile(tile, (tall, wide))
    return tile[y : y + rows, x : x + width]


@cache
def _tile() -> F32:
    out = np.random.default_rng(21).standard_normal((512, 512), np.float32)
    out.flags.writeable = False
    return out


def threads(rng: np.random.Generator, density: int, rows: int, width: int) -> F32:
    """(rows, width) float32: short curved threads in every direction, deviation about 1.

    A tile of them, mirrored to the size.
    """
    side = round(0.5 * density)
    tile = np.zeros((side, side), np.uint8)
    start = rng.uniform(0, side, (900, 2))
    turn = rng.uniform(0, 2 * np.pi, (900, 1)) + np.array([0.0, 0.35])
    step_px = 0.055 * density
    middle = start + step_px * np.stack([np.cos(turn[:, 0]), np.sin(turn[:, 0])], axis=1)
    end = middle + step_px * np.stack([np.cos(turn[:, 1]), np.sin(turn[:, 1])], axis=1)
    lines = np.rint(np.stack([start, middle, end], axis=1) * (1 << _SHIFT)).astype(np.int32)
    for k, line in enumerate(lines):
        cv2.polylines(tile, [line], False, 110 + k % 146, 1, cv2.LINE_AA, _SHIFT)
    values = cv2.GaussianBlur(tile.astype(np.float32), (0, 0), 0.0012 * density + 0.3)
    values = (values - values.mean()) / max(float(values.std()), 1e-6)
    return np.asarray(np.pad(values, ((0, rows), (0, width)), "symmetric")[:rows, :width])
