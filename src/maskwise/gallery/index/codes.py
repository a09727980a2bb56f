"""Four bits a number: vectors small enough to be scanned whole, laid out as faiss scans them.

``scanning`` does so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from maskwise.gallery.index.protocol import I64
from maskwise.types import F32, U8

BLOCK: Final = 32
"""Vectors that faiss's 4-bit scan takes at a time; the last block is filled up with zeros."""

_STEP: Final = 0.3352
"""Width of a level in standard deviations: the best 16 even levels for normal numbers (Max,
"Quantizing for minimum distortion", IRE Trans. Inf. Theory 6, 1960, table II). A score is then
off by about 0.107 / sqrt(D), times the spread of the numbers."""

# Where faiss keeps the vectors of a block (pq4_fast_scan): of each number 16 bytes; in the low
# half of byte 2i stands vector i, of byte 2i + 1 vector 8 + i, in the high half those 16 later.
_ORDER: Final = np.arange(16).reshape(2, 8).T.ravel()
_PLACE: Final = np.argsort(_ORDER)


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Sixteen even levels for each number. low, step: (D,) float32; level c is
    low + (c + 1/2) * step."""

    low: F32
    step: F32

    @classmethod
    def fit(cls, sample: F32) -> Levels:
        """For vectors like ``sample`` (N, D) float32, N >= 1."""
        spread = np.maximum(sample.std(axis=0, dtype=np.float64), 1e-6)
        step = _STEP * spread
        low = sample.mean(axis=0, dtype=np.float64) - 8 * step
        return cls(np.asarray(low, np.float32), np.asarray(step, np.float32))

    def encode(self, vectors: F32) -> U8:
        """(N, D) float32 -> (N, D) uint8, 0..15."""
        scaled = (vectors - self.low) / self.step
        return np.clip(scaled, 0, 15, out=scaled).astype(np.uint8)

    def decode(self, codes: U8) -> F32:
        """(N, D) uint8 -> (N, D) float32, the middles of the levels."""
        return np.asarray(self.low + (codes + np.float32(0.5)) * self.step, np.float32)


def packed_shape(count: int, dim: int) -> tuple[int, int, int]:
    """Of ``count`` vectors of ``dim`` numbers: blocks, numbers (an even count), bytes."""
    return -(-count // BLOCK), dim + dim % 2, 16


def pack(codes: U8) -> U8:
    """(N, D) uint8, 0..15 -> uint8 of ``packed_shape``."""
    count, dim = codes.shape
    blocks, numbers, _ = packed_shape(count, dim)
    full = np.zeros((blocks * BLOCK, numbers), np.uint8)
    full[:count, :dim] = codes
    turned = full.reshape(blocks, 2, 16, numbers)[:, :, _ORDER].transpose(1, 0, 3, 2)
    return np.ascontiguousarray(turned[0] | turned[1] << 4)


def unpack(packed: U8, rows: I64, dim: int) -> U8:
    """The codes (len(rows), dim) uint8 of some vectors."""
    at = packed[rows // BLOCK, :, _PLACE[rows % 16]][:, :dim]
    return np.asarray(np.where((rows % BLOCK < 16)[:, None], at & 15, at >> 4), np.uint8)


def nibbles(rows: I64, dim: int) -> tuple[I64, U8]:
    """Where the codes of some vectors are: bytes (M,) int64 of the packed ones, counted from the
    first, and for each the bits (M,) uint8 that are not theirs."""
    shape = packed_shape(0, dim)
    of_block = rows // BLOCK * shape[1] * shape[2] + _PLACE[rows % 16]
    at = of_block[:, None] + np.arange(shape[1]) * shape[2]
    others = np.where(rows % BLOCK < 16, 0xF0, 0x0F).astype(np.uint8)
    return at.ravel(), np.repeat(others, shape[1])


Mask = npt.NDArray[np.bool_]
