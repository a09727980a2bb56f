"""Boxes against the truth: which face each box finds, which faces are missed, what is extra.

Boxes are (x1, y1, x2, y2) px with whole numbers at the centres of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from maskwise.types import F64, Bool

I64 = npt.NDArray[np.int64]

LEAST_IOU: Final = 0.5
"""Intersection over union from which a box has found a face: that of PASCAL VOC (Everingham et
al. 2010) and WIDER FACE (Yang et al. 2016)."""

EXTRA: Final = -1
IGNORED: Final = -2


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """What became of N boxes and T faces of one photo.

    face: (N,) int64, the face that each box found, EXTRA for none, or IGNORED for a box over a
    face that does not count. box: (T,) int64, the box that found each face, or -1.
    nearest: (T,) float64, the largest overlap of any box with the face. beside: (N,) float64, the
    largest overlap of the box with any face, ignored or not. All are 0 where there is none.
    """

    face: I64
    box: I64
    nearest: F64
    beside: F64


def clipped(boxes: npt.ArrayLike, width: int, height: int) -> F64:
    """(N, 4) float64: ``boxes`` as far as they lie in a picture of that size.

    One that lies outside has no area left.
    """
    given = np.asarray(boxes, np.float64).reshape(-1, 4)
    out: F64 = np.array(given)
    out[:, 0::2] = np.clip(given[:, 0::2], -0.5, width - 0.5)
    out[:, 1::2] = np.clip(given[:, 1::2], -0.5, height - 0.5)
    return out


def overlaps(boxes: F64, others: F64) -> F64:
    """(N, M) float64: intersection over union of (N, 4) with (M, 4); 0 where neither has area."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    inner = np.prod(np.maximum(high - low, 0), axis=2)
    union = _areas(boxes)[:, None] + _areas(others)[None, :] - inner
    out = np.zeros(inner.shape)
    np.divide(inner, union, out=out, where=union > 0)
    return out


def _areas(boxes: F64) -> F64:
    out: F64 = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    return out


def match(
    boxes: F64, scores: F64, faces: F64, ignored: Bool, least_iou: float = LEAST_IOU
) -> Matched:
    """Each box, the surest first, finds the face it covers best that no surer box has found.

    boxes: (N, 4), scores: (N,), faces: (T, 4), ignored: (T,), faces that are neither to be found
    nor false to find. A face is found by one box at most; a second box over it is extra. A box
    that finds no face, but covers an ignored one by ``least_iou``, is ignored itself. The order
    in which boxes and faces are given changes no count.
    """
    found = overlaps(boxes, faces)
    face = np.full(len(boxes), EXTRA, np.int64)
    box = np.full(len(faces), -1, np.int64)
    # Ties are broken by place, so that the order given does not matter.
    surest = np.lexsort((*boxes.T[::-1], -scores)) if len(boxes) else np.zeros(0, np.int64)
    places = np.lexsort(faces.T[::-1]) if len(faces) else np.zeros(0, np.int64)
    for n in surest:
        free = [t for t in places if not ignored[t] and box[t] < 0 and found[n, t] >= least_iou]
        if free:
            best = max(free, key=lambda t: found[n, t])
            face[n], box[best] = best, n
        elif (found[n, ignored] >= least_iou).any():
            face[n] = IGNORED
    return Matched(face, box, _most(found, 0), _most(found, 1))


def _most(found: F64, axis: int) -> F64:
    out: F64 = found.max(axis=axis, initial=0.0)
    return out
