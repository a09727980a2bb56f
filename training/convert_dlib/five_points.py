"""dlib's 5-point shape predictor -> one compressed NumPy archive.

The predictor is a cascade of regression trees (Kazemi and Sullivan, "One Millisecond Face
Alignment with an Ensemble of Regression Trees", CVPR 2014; dlib/image_processing/
shape_predictor.h): 15 levels of 500 trees, each with 15 splits and 16 leaves.

Nothing is lost: the thresholds are rounded down to whole numbers, which changes no comparison,
since a split compares differences of whole grey values; the leaves stay float32. Sixteen-bit
leaves were tried: a level's small error moves the pixels that the next level looks up, some trees
then branch otherwise, and one face in five (scales per tree) or two (per level) ended with a
point one pixel from dlib's.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from datfile import FormatError

from maskwise.landmarks import shape_predictor_file
from maskwise.landmarks.shape_predictor_file import ShapePredictor

SOURCE = "shape_predictor_5_face_landmarks.dat"


def read_cascade(path: Path) -> ShapePredictor:
    """All weights of ``path``; ModelError where it is no shape predictor."""
    return shape_predictor_file.read(path)


def pack(cascade: ShapePredictor) -> bytes:
    """The archive that maskwise.landmarks.dlib5 reads; the wheel compresses it, not we."""
    thresholds = np.floor(cascade.thresholds)
    if np.abs(thresholds).max() > 127:
        raise FormatError("a threshold does not fit eight bits")
    buffer = io.BytesIO()
    np.savez(
        buffer,
        mean=cascade.mean,
        pairs=cascade.pairs,
        thresholds=thresholds.astype(np.int8),
        leaves=cascade.leaves,
        anchors=cascade.anchors.astype(np.uint8),
        deltas=cascade.deltas,
    )
    return buffer.getvalue()
