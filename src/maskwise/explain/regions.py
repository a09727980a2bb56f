"""Which parts of a chip its score rests on: the score again, with one part after another covered.

A sensitivity, not a proof: it tells how this encoder's score moves when this patch of grey lies
there. Parts work together, a patch is itself something to see, and a part that does not move the
score may still have been looked at. Occlusion maps: Zeiler and Fergus, "Visualizing and
understanding convolutional networks", ECCV 2014, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np

from maskwise.compare import compare
from maskwise.errors import InputError
from maskwise.explain.values import Parts
from maskwise.types import F32, F64, U8, Landmarks

GRID: Final = 7
"""Cells a side: odd, so that a column lies on the middle of the face; 50 chips are encoded."""

_REACH: Final = 0.75
"""Half the side of a patch in cells: patches overlap, so that nothing falls between them."""
_SOFT: Final = 0.2
"""Width in cells over which a patch fades: a sharp edge would be a feature of its own."""
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""


def sensitivity(
    encode: Callable[[U8], F32],
    chip: U8,
    template: F32,
    landmarks: Landmarks,
    grid: int = GRID,
) -> Parts:
    """How the score of ``chip`` against ``template`` falls with each of ``grid`` x ``grid`` cells.

    encode: (N, S, S, 3) uint8 -> (N, D) float32 of unit length; called once, with the chip and a
    copy of it a cell. chip: (S, S, 3) uint8 RGB. template: (D,) float32 of unit length. landmarks:
    of the face, in chip px; they name the parts. A cell is covered by the chip's mean grey.
    Raises InputError for a grid below 2.
    """
    shown = patches(chip.shape[0], grid)[..., None]
    grey = np.float32(chip.reshape(-1, 3).mean(0) @ _LUMA)
    covered = np.rint(chip * (1 - shown) + grey * shown).astype(np.uint8)
    vectors = encode(np.concatenate([chip[None], covered]))
    scores = compare(vectors, template[None])[:, 0]
    falls = np.asarray(scores[0] - scores[1:], np.float32).reshape(grid, grid)
    return Parts(falls, float(scores[0]), _by_region(falls, chip.shape[0], landmarks))


@lru_cache(maxsize=4)
def patches(size: int, grid: int) -> F32:
    """(grid * grid, size, size) float32 0..1, read-only: how much of each pixel a patch covers."""
    if grid < 2:
        raise InputError(f"sensitivity: a grid has 2 cells a side or more, got {grid}")
    cell = size / grid
    away = np.abs(np.arange(size)[None] - centres(size, grid)[:, None]) / cell
    side = np.clip((_REACH + _SOFT / 2 - away) / _SOFT, 0, 1).astype(np.float32)
    out = (side[:, None, :, None] * side[None, :, None, :]).reshape(grid * grid, size, size)
    out.flags.writeable = False
    return out


def centres(size: int, grid: int) -> F64:
    """(grid,) px: the middles of the cells along one side; (0) is a pixel's centre."""
    return np.asarray((np.arange(grid) + 0.5) * size / grid - 0.5, np.float64)


def region(u: float, v: float) -> str:
    """The part of an upright face at (u, v), left and right the subject's.

    u to the right in the picture, v down, from the middle between the eyes, both in units of the
    distance of the eye centres. The mouth of the mean face is at v = 1.1, the nose tip at 0.6.
    """
    side = abs(u)
    if side > 0.95:
        return "outline of the face"
    if -0.4 <= v < 0.35:
        return "between the eyes" if side < 0.2 else "right eye" if u < 0 else "left eye"
    if 0.35 <= v < 0.8:
        return "nose" if side < 0.3 else "cheeks"
    if 0.8 <= v < 1.45:
        return "mouth" if side < 0.45 else "lower cheeks"
    return "chin" if v > 0 else "forehead and hair"


def _by_region(falls: F32, size: int, landmarks: Landmarks) -> tuple[tuple[str, float], ...]:
    right, left = landmarks.eyes
    across = left - right
    length = float(across @ across)
    if length < 1e-9:
        return ()
    down = np.array([-across[1], across[0]])
    at = centres(size, len(falls))
    found: dict[str, list[float]] = {}
    for y, row in zip(at, falls, strict=True):
        for x, fall in zip(at, row, strict=True):
            away = np.array([x, y]) - (right + left) / 2
            name = region(float(away @ across) / length, float(away @ down) / length)
            found.setdefault(name, []).append(float(fall))
    means = [(name, float(np.mean(values))) for name, values in found.items()]
    return tuple(sorted(means, key=lambda pair: -pair[1]))
