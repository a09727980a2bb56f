"""Small shape predictors, written as dlib writes them: from the format's description, not with
the reader that is under test."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from maskwise.landmarks.shape_predictor_file import ShapePredictor


def integer(value: int) -> bytes:
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def number(value: float) -> bytes:
    """A float32: low bytes of the mantissa that are zero are shifted off."""
    fraction, exponent = math.frexp(float(np.float32(value)))
    mantissa, exponent = int(fraction * 2**24), exponent - 24
    while mantissa and mantissa % 256 == 0:
        mantissa, exponent = mantissa // 256, exponent + 8
    return integer(mantissa) + integer(exponent if mantissa else 0)


def column(values: Iterable[float]) -> bytes:
    values = list(values)
    return integer(-len(values)) + integer(-1) + b"".join(map(number, values))


@dataclass
class Written:
    """A file, and what it holds."""

    data: bytes
    weights: ShapePredictor


def predictor(
    *,
    points: int = 4,
    levels: int = 2,
    trees: int = 3,
    splits: int = 3,
    pixels: int = 6,
    seed: int = 0,
) -> Written:
    """Random weights that move points a little; zeros and other short numbers among them."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> npt.NDArray[np.float32]:
        values = rng.normal(0, 0.02, shape).astype(np.float32)
        values[rng.random(shape) < 0.1] = 0
        return np.where(rng.random(shape) < 0.2, np.round(values * 64) / 64, values).astype(
            np.float32
        )

    weights = ShapePredictor(
        mean=rng.uniform(0.1, 0.9, (points, 2)).astype(np.float32),
        pairs=rng.integers(0, pixels, (levels, trees, splits, 2)).astype(np.uint16),
        thresholds=rng.uniform(-60, 60, (levels, trees, splits)).astype(np.float32),
        leaves=some(levels, trees, splits + 1, points, 2),
        anchors=rng.integers(0, points, (levels, pixels)).astype(np.uint16),
        deltas=some(levels, pixels, 2) * np.float32(5),
    )
    return Written(written(weights), weights)


def written(weights: ShapePredictor) -> bytes:
    levels, trees, splits = weights.thresholds.shape
    out = [integer(1), column(weights.mean.ravel()), integer(levels)]
    for level in range(levels):
        out.append(integer(trees))
        for tree in range(trees):
            out.append(integer(splits))
            for k in range(splits):
                out += [integer(int(pixel)) for pixel in weights.pairs[level, tree, k]]
                out.append(number(weights.thresholds[level, tree, k]))
            out.append(integer(splits + 1))
            out += [column(leaf.ravel()) for leaf in weights.leaves[level, tree]]
    out.append(integer(levels))
    for anchors in weights.anchors:
        out += [integer(len(anchors)), *(integer(int(anchor)) for anchor in anchors)]
    out.append(integer(levels))
    for deltas in weights.deltas:
        out += [integer(len(deltas)), *(number(value) for value in deltas.ravel())]
    return b"".join(out)
