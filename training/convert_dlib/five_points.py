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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from datfile import F32, FormatError, Reader

SOURCE = "shape_predictor_5_face_landmarks.dat"


@dataclass(frozen=True)
class Cascade:
    """L levels of T trees with S splits and S + 1 leaves, P pixels a level, K points.

    mean: (K, 2). pairs: (L, T, S, 2) the two pixels a split subtracts. thresholds: (L, T, S).
    leaves: (L, T, S + 1, K, 2). anchors: (L, P) the point a pixel is tied to. deltas: (L, P, 2)
    from that point to the pixel. Shapes are in a frame where the face's box is 0..1.
    """

    mean: F32
    pairs: npt.NDArray[np.uint16]
    thresholds: F32
    leaves: F32
    anchors: npt.NDArray[np.uint8]
    deltas: F32


def read_cascade(path: Path) -> Cascade:
    """All weights of ``path``; FormatError where it is no shape predictor."""
    reader = Reader(path.read_bytes())
    reader.expect(1)
    mean = reader.matrix()
    if mean.shape[1] != 1 or len(mean) % 2:
        raise FormatError(f"{path.name}: the mean shape is {mean.shape}")
    pairs, thresholds, leaves = [], [], []
    for _ in range(levels := reader.integer()):
        for _ in range(trees := reader.integer()):
            for _ in range(splits := reader.integer()):
                pairs.append((reader.integer(), reader.integer()))
                thresholds.append(reader.number())
            reader.expect(splits + 1)
            leaves += [reader.matrix() for _ in range(splits + 1)]
    reader.expect(levels)
    anchors = [[reader.integer() for _ in range(reader.integer())] for _ in range(levels)]
    reader.expect(levels)
    deltas = [
        [(reader.number(), reader.number()) for _ in range(reader.integer())] for _ in range(levels)
    ]
    reader.end()
    # Every level and tree has the same size, or these reshapes fail.
    return Cascade(
        mean=mean.reshape(-1, 2),
        pairs=np.array(pairs, np.uint16).reshape(levels, trees, splits, 2),
        thresholds=np.array(thresholds, np.float32).reshape(levels, trees, splits),
        leaves=np.array(leaves, np.float32).reshape(levels, trees, splits + 1, -1, 2),
        anchors=np.array(anchors, np.uint8),
        deltas=np.array(deltas, np.float32),
    )


def pack(cascade: Cascade) -> bytes:
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
        anchors=cascade.anchors,
        deltas=cascade.deltas,
    )
    return buffer.getvalue()
