"""Read the file of a dlib shape predictor, without dlib and without trusting it.

The layout, from dlib/image_processing/shape_predictor.h: version 1; the mean shape, a matrix of
2K rows; the levels, each a vector of trees, each a vector of splits (two pixels' indices and a
threshold) and one of leaves (matrices like the mean shape); for each level the points that its
pixels are tied to; for each level the pixels' distances from them.

A leaf's beginning, -2K and -1, is looked for as bytes, so that all leaves are read at once. That
those bytes stand elsewhere by chance is next to impossible (-1 would be the exponent of a
number of more than 2**22), and would be noticed: every leaf must end where the next thing begins.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from maskwise.errors import ModelError
from maskwise.landmarks.dlib_stream import (
    I64,
    FormatError,
    Reader,
    Words,
    integers_at,
    numbers_at,
    padded,
    rows_at,
)
from maskwise.types import F32, F64, U8

_LARGEST_FILE: Final = 1 << 30  # bytes; the 68 points take a tenth of it
_MOST_POINTS: Final = 1000
# Far more than any predictor has; the pixels' indices are kept in 16 bits.
_MOST_LEVELS: Final = 1 << 10
_MOST_TREES: Final = 1 << 16
_MOST_SPLITS: Final = (1 << 10) - 1
_MOST_PIXELS: Final = 1 << 16
_SMALLEST_FLOAT: Final = 4  # bytes
_REMEDY: Final = "get the file anew, or name another"


@dataclass(frozen=True, slots=True, eq=False)
class ShapePredictor:
    """All that the file holds. L levels of T trees with S splits and S + 1 leaves, P pixels a
    level, K points.

    Shapes are in a frame where the face's box is 0..1.
    mean: (K, 2) float32. pairs: (L, T, S, 2) uint16, the two pixels a split subtracts.
    thresholds: (L, T, S) float32. leaves: (L, T, S + 1, K, 2) float32. anchors: (L, P) uint16,
    the point a pixel is tied to. deltas: (L, P, 2) float32 from that point to the pixel.
    """

    mean: F32
    pairs: npt.NDArray[np.uint16]
    thresholds: F32
    leaves: F32
    anchors: npt.NDArray[np.uint16]
    deltas: F32


def read(
    path: Path, *, before: Callable[[str], None] | None = None, remedy: str = _REMEDY
) -> ShapePredictor:
    """The shape predictor in the file ``path``.

    before: called with the file's sha256 before anything in it is looked at; it may raise.
    Raises ModelError, which names the file and ``remedy``, when it cannot be read or is no
    shape predictor, whole and nothing else.
    """
    data, size = _bytes_of(path, remedy)
    if before is not None:
        before(hashlib.sha256(data[:size].data).hexdigest())
    try:
        return _parsed(data, size)
    except FormatError as error:
        raise ModelError(f"{path} is no shape predictor of dlib ({error}): {remedy}") from error


def _bytes_of(path: Path, remedy: str) -> tuple[U8, int]:
    """The file's bytes with ``padded``'s zeros after them, and how many they are."""
    try:
        # Looked at before it is opened: a pipe would wait for its writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelError(f"{path} is no file: {remedy}")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > _LARGEST_FILE:
                raise ModelError(
                    f"{path} has {size:,} bytes, which is too large for a shape predictor: {remedy}"
                )
            data = padded(size)
            read_bytes = file.readinto(data[:size].data)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ModelError(f"{path} cannot be read ({why}): {remedy}") from error
    return data, min(size, read_bytes)


def _parsed(data: U8, size: int) -> ShapePredictor:
    """``data`` (size + padding,) uint8; FormatError when it holds anything else."""
    view = data[:size].data
    reader = Reader(view)
    reader.expect(1)
    mean_start = reader.position
    mean = reader.matrix()
    points, odd = divmod(len(mean), 2)
    if mean.shape[1] != 1 or odd or not 2 <= points <= _MOST_POINTS:
        raise FormatError(f"a mean shape of {mean.shape[0]} x {mean.shape[1]}")
    levels = reader.count("levels", _MOST_LEVELS)
    first_level = reader.position
    trees = reader.count("trees", _MOST_TREES)
    splits = reader.count("splits", _MOST_SPLITS)
    if (splits + 1) & splits:
        raise FormatError(f"trees of {splits} splits, which are not complete")

    words = Words(data, size)
    header = _matrix_header(view, mean_start)
    starts = _leaf_starts(view, mean_start, header, levels * trees * (splits + 1), points)
    leaves, ends = rows_at(words, starts + len(header), 2 * points)
    starts, ends = starts.reshape(-1, splits + 1), ends.reshape(-1, splits + 1)
    if (starts[:, 1:] != ends[:, :-1]).any():
        raise FormatError("leaves that do not follow one another")
    before = np.concatenate([[first_level], ends[:-1, -1]])
    pairs, thresholds = _splits(words, before, starts[:, 0], trees, splits)

    reader.position = int(ends[-1, -1])
    anchors, deltas = _pixels(reader, levels, points)
    reader.end()
    if pairs.max() >= anchors.shape[1] or pairs.min() < 0:
        raise FormatError("splits that ask for pixels that are not there")
    return ShapePredictor(
        mean=mean.reshape(points, 2),
        pairs=pairs.astype(np.uint16).reshape(levels, trees, splits, 2),
        thresholds=thresholds.astype(np.float32).reshape(levels, trees, splits),
        leaves=leaves.reshape(levels, trees, splits + 1, points, 2),
        anchors=anchors,
        deltas=deltas,
    )


def _matrix_header(view: memoryview, start: int) -> bytes:
    """The bytes of -rows and -columns of the matrix at ``start``."""
    reader = Reader(view, start)
    reader.integer()
    reader.integer()
    return bytes(view[start : reader.position])


def _leaf_starts(view: memoryview, after: int, header: bytes, count: int, points: int) -> I64:
    """(count,) where the leaves begin; ``after``: where the mean shape does."""
    smallest = len(header) + 2 * points * _SMALLEST_FLOAT
    if count * smallest > len(view):  # what cannot be there gets no memory
        raise FormatError(f"{count:,} leaves do not fit {len(view):,} bytes")
    found = re.compile(re.escape(header)).finditer(view, after + len(header))
    starts = [match.start() for match in islice(found, count + 1)]
    if len(starts) != count:
        raise FormatError(f"expected {count:,} leaves, found {len(starts):,} or more")
    return np.array(starts, np.int64)


def _splits(words: Words, before: I64, after: I64, trees: int, splits: int) -> tuple[I64, F64]:
    """What stands from the bytes ``before`` (L * T,) up to ``after``, where the leaves begin.

    Returns pairs (L * T, S, 2) and thresholds (L * T, S).
    """
    pairs = np.empty((len(before), splits, 2), np.int64)
    thresholds = np.empty((len(before), splits))
    at = before.copy()
    at[::trees] = _expect(words, at[::trees], trees)  # before the first tree of each level
    at = _expect(words, at, splits)
    for k in range(splits):
        pairs[:, k, 0], at = integers_at(words, at)
        pairs[:, k, 1], at = integers_at(words, at)
        thresholds[:, k], at = numbers_at(words, at)
    at = _expect(words, at, splits + 1)
    if (at != after).any():
        raise FormatError("trees that do not follow one another")
    return pairs, thresholds


def _expect(words: Words, where: I64, value: int) -> I64:
    got, ends = integers_at(words, where)
    wrong = got != value
    if wrong.any():
        raise FormatError(f"expected {value} at byte {where[wrong][0]}, got {got[wrong][0]}")
    return ends


def _pixels(reader: Reader, levels: int, points: int) -> tuple[npt.NDArray[np.uint16], F32]:
    """Anchors (L, P) and deltas (L, P, 2)."""
    anchors: list[list[int]] = []
    deltas: list[list[tuple[float, float]]] = []
    reader.expect(levels)
    for _ in range(levels):
        many = reader.count("pixels", _MOST_PIXELS)
        anchors.append([reader.integer() for _ in range(many)])
        if not all(0 <= anchor < points for anchor in anchors[-1]):
            raise FormatError("pixels that are tied to points that are not there")
    reader.expect(levels)
    for _ in range(levels):
        many = reader.count("pixels", _MOST_PIXELS)
        deltas.append([(reader.number(), reader.number()) for _ in range(many)])
    if {*map(len, anchors), *map(len, deltas)} != {len(anchors[0])}:
        raise FormatError("levels with different numbers of pixels")
    far = np.array(deltas)
    if np.abs(far).max() > np.finfo(np.float32).max:
        raise FormatError("a number that no float32 can hold")
    return np.array(anchors, np.uint16), far.astype(np.float32)
