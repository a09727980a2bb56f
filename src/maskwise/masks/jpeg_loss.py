"""JPEG loss: the quality that a photo was saved at, and a mask that has gone through the same."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from maskwise.masks.fit import Pose
from maskwise.types import F32, U8

BLOCK: Final = 8
_COLOR_BLOCK: Final = 16
"""Colour is saved at half the size, as cameras mostly do."""
VISIBLE: Final = 80
"""At better qualities the loss cannot be seen at a mask's own soft forms."""

# (row, column) of the low frequencies that tell the quality, and the steps of luma that the
# JPEG standard (ITU T.81, table K.1) proposes for them at quality 50.
_FREQUENCIES: Final = (
    ((0, 1), 11), ((0, 2), 10), ((0, 3), 16), ((1, 0), 12), ((1, 1), 12),
    ((1, 2), 14), ((2, 0), 14), ((2, 1), 13), ((2, 2), 16), ((3, 0), 14),
)  # fmt: skip
_QUALITIES: Final = np.arange(15, 93)
_BINS: Final = 128
"""Of half a step of brightness each; larger coefficients say nothing more."""
_OFFSETS: Final = np.arange(len(_FREQUENCIES), dtype=np.float32) * _BINS
_FROM: Final = 3
"""Bins below count as coefficients that were saved as nothing."""
_ACROSS: Final = 10
"""Blocks a row and a column that are looked at."""
_FEWEST: Final = 60
_CLEAR: Final = 0.6
"""Mean cosine of coefficients on the steps, 1 when all are multiples, 0 by chance."""
_MIDDLE: Final = 0.3
"""y of the middle of a face, units."""
_REACH: Final = 1.8


def quality_of(pixels: U8, pose: Pose) -> int:
    """The JPEG quality that (H, W, 3) uint8 RGB ``pixels`` were saved at; 0 when none is clear.

    Told from how near the low frequencies of the luma of blocks about the head are to
    multiples of the standard's steps. Resized and turned pictures, and those of encoders
    with tables of their own, have none; nor has one saved better than ``VISIBLE``.
    """
    height, width = (n // BLOCK for n in pixels.shape[:2])
    (_, x, _), (_, y, _) = pose.onto.tolist()
    x, y = (along * _MIDDLE + float(to) for along, to in zip((x, y), pose.shift, strict=True))
    reach = _REACH * pose.scale
    top, down, rows = _blocks(y - reach, y + reach, height)
    left, across, columns = _blocks(x - reach, x + reach, width)
    if min(rows, columns) < 1:
        return 0
    basis, cosines = _tables()
    # The blocks one after the other: one copy, and one call of OpenCV.
    pixels = np.ascontiguousarray(pixels)
    line = pixels.strides[0]
    blocks: U8 = np.ndarray(
        (rows, columns, BLOCK, BLOCK * 3),
        np.uint8,
        pixels,
        top * line + left * 3,
        (down * line, across * 3, line, 1),
    )
    luma = cv2.cvtColor(blocks.reshape(1, -1, 3), cv2.COLOR_RGB2GRAY)
    found = np.abs(luma.reshape(-1, BLOCK * BLOCK).astype(np.float32) @ basis)
    found *= 2
    np.minimum(np.rint(found, out=found), _BINS - 1, out=found)
    found += _OFFSETS
    seen = np.bincount(found.ravel().astype(np.intp), minlength=len(_FREQUENCIES) * _BINS).astype(
        np.float32
    )
    table = seen.reshape(-1, _BINS)
    table[:, :_FROM] = 0
    table[:, -1] = 0
    count = table.sum()
    if count < _FEWEST:
        return 0
    # By step and frequency, then each quality's own steps: a table for all of them at once
    # would be 400 kB, and drive the photo and the mask out of a core's cache.
    by_step = cosines @ table.T
    share = np.add.reduce(by_step.take(_AT), axis=1)
    # Of qualities with the same steps, the best.
    best = len(share) - 1 - int(share[::-1].argmax())
    quality = int(_QUALITIES[best])
    return quality if share[best] > _CLEAR * count and quality <= VISIBLE else 0


def _blocks(start: float, end: float, count: int) -> tuple[int, int, int]:
    """At most ``_ACROSS`` whole blocks, side by side or evenly spread, of a row or column of
    ``count``: the first one's px, px from one to the next, and how many."""
    first, last = max(0, int(start) // BLOCK), min(count, int(end) // BLOCK + 1)
    step = max(1, (last - first) // _ACROSS)
    first += max(0, last - first - _ACROSS * step) // 2
    return first * BLOCK, step * BLOCK, min(_ACROSS, -(-(last - first) // step))


def _steps() -> npt.NDArray[np.int64]:
    """(Q, F): each quality's steps of the frequencies."""
    scale = np.where(_QUALITIES < 50, 5000 // _QUALITIES, 200 - 2 * _QUALITIES)
    base = np.array([step for _, step in _FREQUENCIES])
    return np.asarray(np.maximum((base * scale[:, None] + 50) // 100, 1), np.int64)


_STEPS: Final = _steps()
_AT: Final = _STEPS * len(_FREQUENCIES) + np.arange(len(_FREQUENCIES))
"""Where they stand in a table of all steps by frequencies."""


@lru_cache(maxsize=1)
def _tables() -> tuple[F32, F32]:
    """The waves (64, F) of the frequencies, and (steps, bins): each bin's cosine on a step."""
    k = np.arange(BLOCK)
    waves = np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / 16) / 2
    waves[0] /= np.sqrt(2)
    basis = np.stack([np.outer(waves[v], waves[u]).ravel() for (v, u), _ in _FREQUENCIES], 1)
    step = np.maximum(np.arange(_STEPS.max() + 1), 1)
    cosines = np.cos(2 * np.pi * (np.arange(_BINS) / 2) / step[:, None])
    return basis.astype(np.float32), cosines.astype(np.float32)


def save_again(pixels: U8, cover: U8, x: int, y: int, quality: int) -> None:
    """Give what ``cover`` (h, w) uint8, at x, y, hides of RGB ``pixels`` a JPEG's loss, in place.

    Blocks stand as the photo's own do. A grey region stays grey to the bit.
    """
    in_x, in_y, width, height = cv2.boundingRect(cover)
    if not width:
        return
    cover = cover[in_y : in_y + height, in_x : in_x + width]
    x, y = x + in_x, y + in_y
    left, top = x - x % _COLOR_BLOCK, y - y % _COLOR_BLOCK
    right = min(pixels.shape[1], -(-(x + width) // _COLOR_BLOCK) * _COLOR_BLOCK)
    bottom = min(pixels.shape[0], -(-(y + height) // _COLOR_BLOCK) * _COLOR_BLOCK)
    part = pixels[top:bottom, left:right]
    turned = cv2.cvtColor(part, cv2.COLOR_RGB2BGR)
    # Red is blue everywhere? Of nearly all photos in colour this says it, in a tenth of the time.
    grey = cv2.norm(part, turned, cv2.NORM_INF) == 0 and np.array_equal(part[..., 0], part[..., 1])
    source = np.ascontiguousarray(part[..., 0]) if grey else turned
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, data = cv2.imencode(".jpg", source, flags)
    flag = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
    lossy = np.asarray(cv2.imdecode(data, flag), np.uint8)
    code = cv2.COLOR_GRAY2RGB if grey else cv2.COLOR_BGR2RGB
    again = cv2.cvtColor(lossy, code)[y - top : y - top + height, x - left : x - left + width]
    window = pixels[y : y + height, x : x + width]
    cv2.copyTo(again, cover, window)
