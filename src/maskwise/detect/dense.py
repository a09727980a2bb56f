"""What detectors that score every cell of a grid share: the cells, and one box a face."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from maskwise.types import F32, F64, Detection, Landmarks

I64 = npt.NDArray[np.int64]

# OpenCV's FaceDetectorYN keeps as many before it drops overlapping boxes (top_k). Photos give
# some hundred; the limit bounds the time for a network gone astray.
MOST_CANDIDATES: Final = 5000


class Faces(NamedTuple):
    """N faces or candidates, in px of one frame.

    boxes: (N, 4) float32 x1, y1, x2, y2. scores: (N,) float32. points: (N, 5, 2) float32 (x, y)
    in the order of the scheme ``five``, None where the network gives none.
    """

    boxes: F32
    scores: F32
    points: F32 | None

    def take(self, index: npt.NDArray[np.generic]) -> Faces:
        """Those of ``index``: positions, or a mask."""
        points = None if self.points is None else self.points[index]
        return Faces(self.boxes[index], self.scores[index], points)

    def moved(self, scale: tuple[float, float], shift: tuple[float, float]) -> Faces:
        """In another frame: new = (old - shift) / scale, x and y each."""
        by, off = np.array(scale, np.float32), np.array(shift, np.float32)
        boxes = ((self.boxes.reshape(-1, 2, 2) - off) / by).astype(np.float32).reshape(-1, 4)
        points = None if self.points is None else ((self.points - off) / by).astype(np.float32)
        return Faces(boxes, self.scores, points)

    def clipped(self, width: int, height: int) -> Faces:
        """With their boxes cut off at the edges of a picture of ``width`` x ``height`` px.

        The edges are at 0 and at the width and height. What lies outside of it is left out;
        points stay where they are.
        """
        boxes = np.clip(self.boxes, 0, np.array([width, height] * 2, np.float32))
        inside = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        return self._replace(boxes=boxes).take(inside)

    def detections(self) -> list[Detection]:
        """As the rest of maskwise knows them."""
        points = [None] * len(self.scores) if self.points is None else list(self.points)
        return [
            Detection(box, float(score), None if five is None else Landmarks("five", five))
            for box, score, five in zip(self.boxes, self.scores, points, strict=True)
        ]


def joined(parts: list[Faces]) -> Faces:
    """All of ``parts`` (one or more), in their order."""
    points = [part.points for part in parts if part.points is not None]
    return Faces(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate(points) if len(points) == len(parts) else None,
    )


def best_first(faces: Faces) -> Faces:
    """By falling score, at most MOST_CANDIDATES; those that are no boxes are left out.

    Equal scores keep their order. Of a network gone astray, or of bits that were flipped, numbers
    can be infinite and sides negative.
    """
    boxes = faces.boxes
    sound = np.isfinite(boxes).all(axis=1) & np.isfinite(faces.scores)
    if faces.points is not None:
        sound &= np.isfinite(faces.points).all(axis=(1, 2))
    sound &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    faces = faces.take(sound)
    return faces.take(np.argsort(-faces.scores, kind="stable")[:MOST_CANDIDATES])


def kept(
    boxes: npt.NDArray[np.floating], most_iou: float, extra: float, most_covered: float = 1.0
) -> I64:
    """Indices of ``boxes`` (N, 4), by falling score, that overlap none kept before them.

    most_iou: intersection over union up to which two boxes are two faces. extra: px added to
    every side that is measured: 1 where the last column and row count as the box's own.
    most_covered: share of a box that may lie in a better one.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of a network gone astray
        return _kept(boxes, most_iou, extra, most_covered)


def _kept(
    boxes: npt.NDArray[np.floating], most_iou: float, extra: float, most_covered: float
) -> I64:
    low, high = boxes[:, :2], boxes[:, 2:]
    areas = (high - low + extra).prod(axis=1)
    left = np.arange(len(boxes))
    found = []
    while len(left):
        best, left = left[0], left[1:]
        found.append(best)
        sides = np.minimum(high[left], high[best]) - np.maximum(low[left], low[best]) + extra
        inner = np.maximum(sides, 0).prod(axis=1)
        apart = inner <= most_iou * (areas[left] + areas[best] - inner)
        left = left[apart & (inner <= most_covered * areas[left])]
    return np.array(found, np.int64)


def whole(boxes: F32) -> F64:
    """(N, 4) boxes, place and size cut to whole px towards zero as in OpenCV's Rect2i."""
    place = np.trunc(boxes[:, :2]).astype(np.float64)
    size = np.trunc(boxes[:, 2:] - boxes[:, :2])
    return np.concatenate([place, place + size], axis=1)
