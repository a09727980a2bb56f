"""dlib's 5-point predictor (CC0): eye corners and nose base, in NumPy.

The method is a cascade of regression trees: Kazemi and Sullivan, "One Millisecond Face Alignment
with an Ensemble of Regression Trees", CVPR 2014. Every step below follows
dlib/image_processing/shape_predictor.h, down to where it computes in float32 and how it rounds,
so that the points are dlib's own.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from maskwise import models
from maskwise.errors import ModelError
from maskwise.types import F32, F64, U8, Detection, Image, Landmarks, Scheme

I64 = npt.NDArray[np.int64]
_MODEL: Final = "dlib-five-points"
_POINTS: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Cascade:
    """L levels of T complete trees with S splits each; P pixels a level.

    Shapes stand in a frame where the face's box runs from 0 to 1.
    mean: (5, 2) float32. first, second: (L, T * S) the two pixels whose grey values a split
    subtracts. thresholds: (L, T * S) int32. leaves: (L, T * (S + 1), 5, 2) float32.
    anchors: (L, P) the point a pixel moves with. deltas: (L, P, 2) float32 from it to the pixel.
    """

    mean: F32
    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    thresholds: npt.NDArray[np.int32]
    leaves: F32
    anchors: npt.NDArray[np.intp]
    deltas: F32
    trees: int
    splits: int


class Dlib5:
    """The LandmarkPredictor of the ``dlib5`` scheme. The file is read at the first use.

    subpixel: False gives whole pixels, as dlib does; True gives the same points unrounded.
    """

    def __init__(self, *, subpixel: bool = False) -> None:
        self._subpixel = subpixel
        self._cascade: Cascade | None = None

    @property
    def id(self) -> str:
        """``dlib-five-points/<12 hex digits of the file's sha256>``, and ``/subpixel`` if set."""
        sha = models.entry(_MODEL).sha256[:12]
        return f"{_MODEL}/{sha}" + ("/subpixel" if self._subpixel else "")

    @property
    def scheme(self) -> Scheme:
        """``dlib5``."""
        return "dlib5"

    def predict(self, image: Image, detections: Sequence[Detection]) -> list[Landmarks]:
        """The five points of each face, in px of ``image``; they may lie outside it.

        Box corners are rounded to whole pixels first: dlib's rectangles are integers, and their
        last column and row belong to them. Pixels outside the picture count as black.
        Raises ModelError when the weights are missing or damaged.
        """
        if not detections:
            return []
        if self._cascade is None:
            self._cascade = _read()
        boxes = np.stack([d.box for d in detections]).astype(np.float64)
        points = predict_points(self._cascade, image.pixels, _rounded(boxes).astype(np.float64))
        if not self._subpixel:
            points = _rounded(points).astype(np.float64)
        return [Landmarks("dlib5", p.astype(np.float32)) for p in points]


def predict_points(cascade: Cascade, pixels: U8, boxes: F64) -> F64:
    """Run the cascade on all faces at once.

    pixels: (H, W, 3) uint8 RGB. boxes: (F, 4) float64 x1, y1, x2, y2 in px, whole numbers.
    Returns (F, 5, 2) float64 px, unrounded.
    """
    corner, extent = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2]
    faces = len(boxes)
    shape = np.repeat(cascade.mean[None], faces, axis=0)
    tree = np.arange(cascade.trees)
    row = np.arange(faces)[:, None]
    for level in range(len(cascade.leaves)):
        turn = _linear_parts(cascade.mean, shape)
        deltas, anchors = cascade.deltas[level], cascade.anchors[level]
        # Written out, so that each product and sum is a float32 one as in dlib.
        moved = np.stack(
            [turn[:, :1, k] * deltas[:, 0] + turn[:, 1:, k] * deltas[:, 1] for k in (0, 1)],
            axis=-1,
        )
        where = _rounded((moved + shape[:, anchors]).astype(np.float64) * extent + corner)
        values = _grey(pixels, where)
        node = np.zeros((faces, cascade.trees), np.intp)
        for _ in range((cascade.splits + 1).bit_length() - 1):
            split = tree * cascade.splits + node
            difference = (
                values[row, cascade.first[level][split]] - values[row, cascade.second[level][split]]
            )
            # The left child is 2n + 1, the right one 2n + 2.
            node = 2 * node + 2 - (difference > cascade.thresholds[level][split])
        steps = cascade.leaves[level][tree * (cascade.splits + 1) + node - cascade.splits]
        # One tree after the other in float32, as dlib adds them: other orders round otherwise.
        shape = np.cumsum(np.concatenate([shape[:, None], steps], axis=1), axis=1)[:, -1]
    return np.asarray(shape, np.float64) * extent + corner


def _linear_parts(mean: F32, shapes: F32) -> F32:
    """(F, 2, 2) float32: the transposed rotation and scale that take ``mean`` to each shape.

    Least squares without translation, as in maskwise.align.similarity, for many faces.
    """
    source = mean.astype(np.float64)
    target = shapes.astype(np.float64)
    zs = (source - source.mean(0)) @ np.array([1, 1j])
    zd = (target - target.mean(1, keepdims=True)) @ np.array([1, 1j])
    a = (zd @ zs.conj()) / np.vdot(zs, zs).real
    rows = np.stack([a.real, a.imag, -a.imag, a.real], axis=1).reshape(-1, 2, 2)
    return rows.astype(np.float32)


def _rounded(values: F64) -> I64:
    """Nearest whole numbers, halves up, as dlib turns its real points into pixels."""
    return np.floor(values + 0.5).astype(np.int64)


def _grey(pixels: U8, where: I64) -> npt.NDArray[np.int32]:
    """(F, P) grey values, (r + g + b) // 3, at (F, P, 2) pixels x, y; 0 outside the picture."""
    height, width = pixels.shape[:2]
    x, y = where[..., 0], where[..., 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    rgb = pixels[np.where(inside, y, 0), np.where(inside, x, 0)]
    grey: npt.NDArray[np.int32] = rgb.sum(axis=-1, dtype=np.int32) // 3
    grey[~inside] = 0
    return grey


def _read() -> Cascade:
    """Unpack the shipped file; the layout is that of training/convert_dlib/five_points.py."""
    path = models.locate(_MODEL)
    try:
        with np.load(path, allow_pickle=False) as archive:
            a: dict[str, Any] = {name: archive[name] for name in archive.files}
        levels, trees, splits = a["thresholds"].shape
        return Cascade(
            mean=a["mean"],
            first=a["pairs"][..., 0].reshape(levels, -1).astype(np.intp),
            second=a["pairs"][..., 1].reshape(levels, -1).astype(np.intp),
            thresholds=a["thresholds"].reshape(levels, -1).astype(np.int32),
            leaves=a["leaves"].reshape(levels, -1, _POINTS, 2),
            anchors=a["anchors"].astype(np.intp),
            deltas=a["deltas"],
            trees=trees,
            splits=splits,
        )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is no five-point predictor: {error}") from error
