"""A cascade of regression trees finds the points of faces, in NumPy.

Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", CVPR
2014. Every step follows dlib/image_processing/shape_predictor.h, down to where it computes in
float32 and how it rounds, so that the points are dlib's own, however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from maskwise.landmarks.start_box import start_boxes
from maskwise.types import F32, F64, U8, Bool, Detection, Image, Landmarks, Scheme

I64 = npt.NDArray[np.int64]

# Faces that are worked on at once: the leaves of one level (0.3 MB a face for 68 points) are
# added while they are in the processor's cache.
_BATCH: Final = 16

# (cos, sin) of a turn, taken the other way round and times this, is (-sin, cos).
_ACROSS: Final = np.array([-1, 1], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Cascade:
    """L levels of T complete trees with S splits; P pixels a level, K points.

    Shapes stand in a frame where the face's box runs from 0 to 1.
    mean: (K, 2) float32. first, second: (L, T * S) the two pixels whose grey values a split
    subtracts. thresholds: (L, T * S) int16. leaves: (L, T * (S + 1), K * 2) float32.
    anchors: (L, P) the point a pixel moves with. deltas: (L, P, 2) float32 from it to the pixel.
    """

    mean: F32
    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    thresholds: npt.NDArray[np.int16]
    leaves: F32
    anchors: npt.NDArray[np.intp]
    deltas: F32
    trees: int
    splits: int

    @classmethod
    def of(
        cls,
        *,
        mean: F32,
        pairs: npt.NDArray[np.integer],
        thresholds: npt.NDArray[np.generic],
        leaves: F32,
        anchors: npt.NDArray[np.integer],
        deltas: F32,
    ) -> Cascade:
        """From arrays as dlib's file has them: see ``shape_predictor_file.ShapePredictor``.

        Thresholds are rounded down to whole numbers: they are compared with whole ones only.
        """
        levels, trees, splits = thresholds.shape
        # Differences of grey values lie within 255 of 0.
        whole = np.clip(np.floor(thresholds.astype(np.float64)), -256, 256)
        return cls(
            mean=mean,
            first=pairs[..., 0].reshape(levels, -1).astype(np.intp),
            second=pairs[..., 1].reshape(levels, -1).astype(np.intp),
            thresholds=whole.reshape(levels, -1).astype(np.int16),
            leaves=leaves.reshape(levels, trees * (splits + 1), mean.size),
            anchors=anchors.astype(np.intp),
            deltas=deltas,
            trees=trees,
            splits=splits,
        )


def predict(
    cascade: Cascade,
    scheme: Scheme,
    image: Image,
    detections: Sequence[Detection],
    *,
    subpixel: bool = False,
) -> list[Landmarks]:
    """The points of each face, in px of ``image``; they may lie outside it.

    It begins at ``start_boxes``, whose corners are rounded to whole pixels first: dlib's
    rectangles are integers. Pixels outside the picture count as black.
    subpixel: False rounds the points to whole pixels, as dlib does.
    """
    if not detections:
        return []
    boxes = rounded(start_boxes(detections)).astype(np.float64)
    points = predict_points(cascade, image.pixels, boxes)
    if not subpixel:
        points = rounded(points).astype(np.float64)
    return [Landmarks(scheme, p.astype(np.float32)) for p in points]


def predict_points(cascade: Cascade, pixels: U8, boxes: F64) -> F64:
    """Run the cascade on all faces, some at once.

    pixels: (H, W, 3) uint8 RGB. boxes: (F, 4) float64 x1, y1, x2, y2 in px, whole numbers,
    F >= 1. Returns (F, K, 2) float64 px, unrounded.
    """
    corners, extents = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
    parts = [
        _shapes(cascade, pixels, corners[k : k + _BATCH], extents[k : k + _BATCH])
        for k in range(0, len(boxes), _BATCH)
    ]
    return np.concatenate(parts).astype(np.float64) * extents + corners


def rounded(values: F64) -> I64:
    """Nearest whole numbers, halves up, as dlib turns its real points into pixels."""
    return np.floor(values + 0.5).astype(np.int64)


def _shapes(cascade: Cascade, pixels: U8, corners: F64, extents: F64) -> F32:
    """(F, K, 2) float32 in the frames of the boxes; corners, extents: (F, 1, 2) px."""
    faces, points = len(corners), len(cascade.mean)
    tree = np.arange(cascade.trees)[:, None] * (cascade.splits + 1)
    fit = _similarity_weights(cascade.mean)
    axes = np.arange(2)[:, None]
    start, across = corners.transpose(0, 2, 1), extents.transpose(0, 2, 1)
    # What is added up: the shape, then a leaf of each tree.
    steps = np.empty((cascade.trees + 1, faces, 2 * points), np.float32)
    shape = np.repeat(cascade.mean.reshape(1, -1), faces, axis=0)
    for level in range(len(cascade.leaves)):
        turn = (shape.astype(np.float64) @ fit).astype(np.float32)
        right, down = cascade.deltas[level].T
        anchor = 2 * cascade.anchors[level] + axes
        # x and y side by side. Written out, so that each product and sum is a float32 one as in
        # dlib: x = cos * right - sin * down + anchor, y = sin * right + cos * down + anchor.
        where = turn[:, :, None] * right
        where += (turn[:, ::-1] * _ACROSS)[:, :, None] * down
        where += shape.take(anchor, axis=1)
        grey = _grey(pixels, rounded(where * across + start))
        difference = grey.take(cascade.first[level], axis=0)
        difference -= grey.take(cascade.second[level], axis=0)
        left = difference > cascade.thresholds[level][:, None]
        leaf = tree + _leaves(left, cascade.trees, cascade.splits)
        steps[0] = shape
        np.take(cascade.leaves[level], leaf, axis=0, out=steps[1:], mode="clip")
        # One tree after the other in float32, as dlib adds them: other orders round otherwise.
        # Along the first axis NumPy adds row to row.
        shape = np.add.reduce(steps, axis=0)
    return shape.reshape(faces, points, 2)


def _leaves(left: Bool, trees: int, splits: int) -> npt.NDArray[np.intp]:
    """(T, F) the leaf, 0 to S, where each tree ends; left: (T * S, F) which way a split goes."""
    faces = left.shape[1]
    flat = left.reshape(-1)
    root = np.arange(trees)[:, None] * (splits * faces) + np.arange(faces)
    node = np.zeros(root.shape, np.intp)
    for _ in range((splits + 1).bit_length() - 1):
        # The left child is 2n + 1, the right one 2n + 2.
        node = 2 * node + 2 - flat.take(root + faces * node)
    return node - splits


def _similarity_weights(mean: F32) -> F64:
    """(2K, 2) float64: a shape (2K,) times this is the cosine and the sine, scaled, of the turn
    that takes ``mean`` nearest to it.

    Least squares, as in maskwise.align.similarity. The mean is centred, so the shape need not be.
    """
    x, y = (mean - mean.mean(0, dtype=np.float64)).T
    weights = np.stack([np.stack([x, -y], axis=1), np.stack([y, x], axis=1)], axis=1)
    joined: F64 = weights.reshape(-1, 2) / (x @ x + y @ y)
    return joined


def _grey(pixels: U8, where: I64) -> npt.NDArray[np.int16]:
    """(P, F) grey values, (r + g + b) // 3, at pixels x, y (F, 2, P); 0 outside the picture."""
    height, width = pixels.shape[:2]
    x, y = where[:, 0], where[:, 1]
    # Below zero is far above any width when read without the sign.
    inside = (x.view(np.uint64) < width) & (y.view(np.uint64) < height)
    flat = (y * width + x) * inside
    rgb = pixels.reshape(-1, 3).take(flat.T, axis=0).astype(np.int16)
    grey: npt.NDArray[np.int16] = (rgb[..., 0] + rgb[..., 1] + rgb[..., 2]) // 3
    grey *= inside.T
    return grey
