"""The numbers in dlib's serialised files, one after another or in many places at once.

The format, from dlib/serialize.h and float_details.h:

- An integer is one byte holding its length n (1 to 8) in the low nibble and its sign in bit 7,
  then n bytes, least significant first.
- A float is two integers, mantissa and exponent, meaning mantissa * 2**exponent. Low bytes of a
  float32's mantissa that are zero are shifted off, so that most take six bytes and some fewer.
- A std::vector is its length, then its items. A dense matrix is -rows, -columns, then its
  elements row by row.

So no number's place is known before all others are read. ``Reader`` goes through them one by
one; ``integers_at``, ``numbers_at`` and ``rows_at`` read from many known places in step, which
makes 16 million numbers a matter of half a second. All check the bounds of the file.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from maskwise.types import F32, F64, U8

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

# No float32 or float64 has a larger exponent; dlib marks infinities and NaN by those from 32000.
_LARGEST_EXPONENT: Final = 1100
_LONGEST: Final = 8  # bytes of an integer
_PADDING: Final = 16  # zeros after the file, so that a look at its last byte stays inside

# Eight bytes from the beginning of a float, as one little-endian word: the usual one has a
# mantissa of three bytes and an exponent of one, whatever the signs.
_USUAL_MASK: Final = np.uint64(0x7F_0000_007F)
_USUAL: Final = np.uint64(0x01_0000_0003)
_USUAL_BYTES: Final = 6
_ROWS: Final = 2048  # rows_at works on so many at a time: little memory, few steps


class FormatError(ValueError):
    """The file is not what the reader expects."""


class Reader:
    """A position in the bytes of one file; every method reads one item and moves on.

    All raise FormatError where the bytes are no such item, or end.
    """

    def __init__(self, data: bytes | memoryview, position: int = 0) -> None:
        self.data = data
        self.position = position

    def integer(self) -> int:
        """One integer."""
        if self.position >= len(self.data):
            raise FormatError(f"ends at byte {len(self.data)}, where a number should be")
        head = self.data[self.position]
        length = head & 0x0F
        start = self.position + 1
        if head & 0x70 or not 1 <= length <= _LONGEST or start + length > len(self.data):
            raise FormatError(f"no integer at byte {self.position}: 0x{head:02x}")
        self.position = start + length
        value = int.from_bytes(self.data[start : self.position], "little")
        return -value if head & 0x80 else value

    def expect(self, *values: int) -> None:
        """Integers that must be these."""
        for value in values:
            at, got = self.position, self.integer()
            if got != value:
                raise FormatError(f"expected {value} at byte {at}, got {got}")

    def count(self, what: str, most: int) -> int:
        """One integer from 1 to ``most``: how many of ``what`` there are."""
        at, value = self.position, self.integer()
        if not 1 <= value <= most:
            raise FormatError(f"{value} {what} at byte {at}")
        return value

    def number(self) -> float:
        """One float."""
        at, mantissa, exponent = self.position, self.integer(), self.integer()
        if abs(exponent) > _LARGEST_EXPONENT:
            raise FormatError(f"infinite or NaN at byte {at}")
        try:
            return math.ldexp(mantissa, exponent)
        except OverflowError:
            raise FormatError(f"a number that is too large at byte {at}") from None

    def matrix(self) -> F32:
        """(rows, columns) float32."""
        at, rows, columns = self.position, -self.integer(), -self.integer()
        # A number takes four bytes or more: what cannot be there is not waited for.
        if rows < 0 or columns < 0 or 4 * rows * columns > len(self.data) - self.position:
            raise FormatError(f"no matrix at byte {at}: {rows} x {columns}")
        values = np.array([self.number() for _ in range(rows * columns)])
        if np.abs(values).max(initial=0) > np.finfo(np.float32).max:
            raise FormatError(f"a number that no float32 can hold after byte {at}")
        return values.astype(np.float32).reshape(rows, columns)

    def end(self) -> None:
        """Nothing more may follow."""
        if self.position != len(self.data):
            raise FormatError(f"{len(self.data) - self.position} bytes are left over")


def padded(size: int) -> U8:
    """(size + some,) uint8 zeros, for the ``size`` bytes of a file: what ``Words`` wants."""
    return np.zeros(size + _PADDING, np.uint8)


class Words:
    """A file's bytes, seen as the eight-byte word that begins at each of them.

    data: from ``padded``, filled. size: of the file.
    """

    def __init__(self, data: U8, size: int) -> None:
        self.size = size
        self.at: U64 = np.ndarray((size + _PADDING - 7,), "<u8", data, strides=(1,))


_KEPT: Final[U64] = np.array([256**n - 1 for n in range(_LONGEST + 1)], np.uint64)


def integers_at(words: Words, where: I64) -> tuple[I64, I64]:
    """The integers that begin at bytes ``where`` (N,), 0 to ``words.size``; and where each ends.

    FormatError, with the first place, where one is no integer or goes past the end.
    """
    head = (words.at[where] & np.uint64(0xFF)).astype(np.int64)
    length = head & 0x0F
    wrong = (head & 0x70 != 0) | (length < 1) | (length > _LONGEST)
    wrong |= where + 1 + length > words.size
    values = (words.at[where + 1] & _KEPT[np.minimum(length, _LONGEST)]).view(np.int64)
    wrong |= values < 0  # more than 63 bits
    if wrong.any():
        raise FormatError(f"no integer at byte {where[wrong][0]}")
    return np.where(head & 0x80 != 0, -values, values), where + 1 + length


def numbers_at(words: Words, where: I64) -> tuple[F64, I64]:
    """The floats that begin at bytes ``where`` (N,), and where each ends; see ``integers_at``."""
    mantissa, middle = integers_at(words, where)
    exponent, end = integers_at(words, middle)
    wrong = np.abs(exponent) > _LARGEST_EXPONENT
    with np.errstate(over="ignore"):
        values = np.ldexp(mantissa.astype(np.float64), np.where(wrong, 0, exponent))
    wrong |= ~np.isfinite(values)
    if wrong.any():
        raise FormatError(f"infinite, NaN or too large at byte {where[wrong][0]}")
    return values, end


def rows_at(words: Words, starts: I64, count: int) -> tuple[F32, I64]:
    """``count`` floats in a row from each of the bytes ``starts`` (N,), and where each row ends.

    Returns (N, count) float32 and (N,). FormatError as ``integers_at``.
    """
    values = np.empty((len(starts), count), np.float32)
    ends = np.empty(len(starts), np.int64)
    with np.errstate(over="ignore"):
        for first in range(0, len(starts), _ROWS):
            part = slice(first, first + _ROWS)
            ends[part] = _fill(words, starts[part], values[part])
    if not np.isfinite(values).all():
        raise FormatError("a number that no float32 can hold")
    return values, ends


def _fill(words: Words, starts: I64, values: F32) -> I64:
    """Fill ``values`` (N, count), and say where each row ends.

    All numbers are taken for usual ones. The first of a row that is not is right where it was
    looked for, so its true length tells where the next begins; then the rest of that row is
    looked at again.
    """
    column = np.arange(values.shape[1])
    where = starts[:, None] + _USUAL_BYTES * column
    ends = starts + _USUAL_BYTES * len(column)
    found = words.at[np.minimum(where, words.size)]
    values[:] = _usual(found)
    odd = (found & _USUAL_MASK) != _USUAL
    rows = np.flatnonzero(odd.any(axis=1))
    where, odd = where[rows], odd[rows]
    while len(rows):
        row = np.arange(len(rows))
        first = odd.argmax(axis=1)
        here = np.minimum(where[row, first], words.size)
        number, following = numbers_at(words, here)
        longer = following - here - _USUAL_BYTES
        later = column > first[:, None]
        where = where + np.where(later, longer[:, None], 0)
        ends[rows] += longer
        found = words.at[np.minimum(where, words.size)]
        again = np.where(later, _usual(found), values[rows])
        again[row, first] = number
        values[rows] = again
        odd = ((found & _USUAL_MASK) != _USUAL) & later
        left = odd.any(axis=1)
        rows, where, odd = rows[left], where[left], odd[left]
    if ends.max(initial=0) > words.size:
        raise FormatError(f"ends at byte {words.size}, where numbers should be")
    return ends


def _scales() -> F64:
    """What the mantissa of a usual float is to be multiplied by, its sign included.

    By the two bytes of the exponent, head first, and the mantissa's sign in bit 16.
    """
    table = np.zeros(1 << 17)
    exponents = np.arange(256)
    for sign, head in ((1, 0x01), (-1, 0x81)):
        powers = np.ldexp(1.0, sign * exponents)
        table[head | exponents << 8] = powers
        table[1 << 16 | head | exponents << 8] = -powers
    return table


_SCALES: Final = _scales()


def _usual(found: U64) -> F32:
    """The float32 values of words that hold usual floats; anything where they do not."""
    mantissa = (found >> np.uint64(8)) & np.uint64(0xFFFFFF)
    scale = (found >> np.uint64(32)) & np.uint64(0xFFFF)
    scale |= (found & np.uint64(0x80)) << np.uint64(9)
    values: F64 = mantissa * _SCALES.take(scale.view(np.int64))
    return values.astype(np.float32)
