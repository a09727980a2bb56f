"""One picture at many sizes, tiled into one array, as dlib's MMOD networks see it.

Sizes, places and mappings follow dlib/image_transforms/image_pyramid.h (pyramid_down<6>,
create_tiled_pyramid, tiled_pyramid_to_image) and the resizing dlib/dnn/cpu_dlib.cpp
(resize_bilinear: corner pixels keep their places). The tiles lie near enough to each other to
change the network's answers, so whoever wants dlib's answers must lay them as dlib does.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from maskwise.types import F32, F64, U8

I64 = npt.NDArray[np.int64]

_RATE: Final = 5.0 / 6
_GAP: Final = 10  # px between two tiles
_MARGIN: Final = 11  # px around all of them
_LEAST_HEIGHT: Final = 5
_LEAST_WIDTH: Final = 10
# Above a level lie 6/5 of its pixels, and its corner is this far from that one's.
_SHIFT: Final = 0.3
# dlib subtracts unsigned numbers: a difference below zero counts as a huge one.
_UNSIGNED: Final = 1 << 64
# Rows that are interpolated at once: they stay in the processor's cache.
_BLOCK: Final = 32


def layout(height: int, width: int) -> tuple[I64, tuple[int, int]]:
    """Where the levels of a (height, width) picture go: the tiles, and the whole array's size.

    Tiles: (L, 4) int64 x, y, width, height in px, the picture itself first. They run down the
    left side and, where they fit, up again on the right. L is 0 below 10 px of width, where
    dlib's arithmetic fails.
    """
    if width < _LEAST_WIDTH:
        return np.zeros((0, 4), np.int64), (height, width)
    sizes = [(width, height)]
    while True:
        width, height = math.floor(_RATE * width), math.floor(_RATE * height)
        if not width * height or height < _LEAST_HEIGHT:
            break
        sizes.append((width, height))
    first_w, first_h = sizes[0]
    rest = (sum(h + _GAP for _, h in sizes) - 2 * _GAP - first_h) % _UNSIGNED
    bottom = before = left = 0
    for w, h in sizes:
        half_done = 2 * (bottom - first_h) % _UNSIGNED >= rest
        if half_done and w <= (first_w - before - _GAP) % _UNSIGNED:
            break
        bottom += h + _GAP
        before = w
        left += 1
    tiles = []
    y = _MARGIN
    for w, h in sizes[:left]:
        tiles.append((_MARGIN, y, w, h))
        y += h + _GAP
    y -= _GAP
    for w, h in sizes[left:]:
        y -= h
        if y < _MARGIN + first_h:  # it would lie on the picture itself
            break
        tiles.append((_MARGIN + first_w - w, y, w, h))
        y -= _GAP
    whole = (max(bottom - _GAP, 0) + 2 * _MARGIN, first_w + 2 * _MARGIN)
    return np.array(tiles, np.int64).reshape(-1, 4), whole


def build(pixels: U8, tiles: I64, whole: tuple[int, int], mean: F32) -> F32:
    """(1, 3, h, w) float32: the levels of ``pixels`` (H, W, 3) uint8 RGB at ``tiles``.

    Values are (pixel - mean) / 256; between the tiles they are 0, the mean colour.
    """
    out = np.zeros((1, 3, *whole), np.float32)
    views = [out[0, :, y : y + h, x : x + w] for x, y, w, h in tiles]
    for plane, values, middle in zip(views[0], np.moveaxis(pixels, 2, 0), mean, strict=True):
        np.subtract(values, middle, out=plane)
        np.divide(plane, 256, out=plane)
    for above, below in pairwise(views):
        _resize(above, below)
    return out


def _resize(source: F32, target: F32) -> None:
    """Fill ``target`` (3, h, w) with ``source`` (3, H, W): linear, corner pixel on corner pixel."""
    upper, lower, down = _steps(source.shape[1], target.shape[1])
    left, right, across = _steps(source.shape[2], target.shape[2])
    for start in range(0, target.shape[1], _BLOCK):
        part = slice(start, start + _BLOCK)
        rows = source[:, upper[part]]
        rows += (source[:, lower[part]] - rows) * down[part, None]
        near, far = rows.take(left, axis=2), rows.take(right, axis=2)
        far -= near
        far *= across
        np.add(near, far, out=target[:, part])


def _steps(size: int, new: int) -> tuple[I64, I64, F32]:
    """For each of ``new`` places over ``size`` pixels: both neighbours, the second one's share."""
    places = np.arange(new) * ((size - 1) / max(new - 1, 1))
    first = np.minimum(places.astype(np.int64), size - 1)
    return first, np.minimum(first + 1, size - 1), (places - first).astype(np.float32)


def to_picture(centres: F64, half: F64, tiles: I64) -> F64:
    """Boxes of the tiled array -> boxes of the picture.

    centres: (N, 2) px x, y. half: (2,) from the centre to the box's corners. Each box belongs
    to the tile that holds its centre, or else to the nearest one. Returns (N, 4) float64.
    """
    low = tiles[:, :2]
    high = low + tiles[:, 2:] - 1
    outside = np.maximum(low - centres[:, None], 0) + np.maximum(centres[:, None] - high, 0)
    level = np.argmin((outside**2).sum(axis=2), axis=1)
    boxes = np.concatenate([centres - half, centres + half], axis=1)
    boxes -= np.tile(low[level], 2)
    # p -> p * 6/5 + 0.3, level times.
    scale = (1 / _RATE) ** level[:, None]
    return np.asarray(boxes * scale + _SHIFT * (scale - 1) / (1 / _RATE - 1), np.float64)


def doubled(pixels: U8) -> U8:
    """``pixels`` (H, W, 3) uint8 RGB made (2H + 1, 2W + 2): dlib's pyramid_up.

    Bilinear with corner pixels in the corners, and cut to whole values instead of rounded
    (dlib/image_transforms/interpolation.h, resize_image); the size follows from where
    pyramid_down<2> puts points. The values are dlib's own, but for a few in the last four columns
    that differ by 1.
    """
    height, width = 2 * pixels.shape[0] + 1, 2 * pixels.shape[1] + 2
    step = (pixels.shape[0] - 1) / (height - 1)
    rows = np.cumsum(np.concatenate([[0.0], np.full(height - 1, step)]))
    top = np.minimum(rows.astype(np.int64), pixels.shape[0] - 1)
    bottom = np.minimum(top + 1, pixels.shape[0] - 1)
    low = (rows - top).astype(np.float32)[:, None, None]
    high = (1 - (rows - top)).astype(np.float32)[:, None, None]
    columns = _columns(pixels.shape[1], width)
    left = np.minimum(columns.astype(np.int64), pixels.shape[1] - 1)
    right = np.minimum(left + 1, pixels.shape[1] - 1)
    far = (columns - left.astype(np.float32))[:, None]
    near = 1 - far
    source = pixels.astype(np.float32)
    out = np.empty((height, width, 3), np.uint8)
    for start in range(0, height, _BLOCK):
        part = slice(start, start + _BLOCK)
        above, below = source[top[part]], source[bottom[part]]
        # The order of dlib's sums: one that falls short of a whole number is cut to the one below.
        value = (high[part] * near) * above.take(left, axis=1)
        value += (high[part] * far) * above.take(right, axis=1)
        value += (low[part] * near) * below.take(left, axis=1)
        value += (low[part] * far) * below.take(right, axis=1)
        out[part] = value
    return out


def _columns(size: int, new: int) -> F32:
    """Where dlib samples ``new`` columns: four running sums in float32, a step of four each."""
    step = (size - 1) / (new - 1)
    first = (np.arange(4) * step - 4 * step).astype(np.float32)
    steps = np.full((-(-new // 4), 4), np.float32(4 * step))
    return np.cumsum(np.concatenate([first[None], steps]), axis=0, dtype=np.float32)[1:].ravel()[
        :new
    ]
