"""The seam of the search indexes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from maskwise.types import F32

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The nearest owners of one probe, each once, by falling score, ties by rising owner.

    owners, keys: (K,) int64, the owner and the key of its best vector. scores: (K,) float32
    cosine similarity, -1..1.
    """

    owners: I64
    keys: I64
    scores: F32


class NearestIndex(Protocol):
    """Unit vectors, each with a key of its own and an owner (the person)."""

    def __len__(self) -> int:
        """How many vectors it holds."""

    @property
    def owners(self) -> I64:
        """(O,) int64: everyone who has a vector here, rising, each once."""

    def add(self, keys: I64, owners: I64, vectors: F32) -> None:
        """Add vectors (N, D) float32; keys and owners (N,) int64. Keys are new ones."""

    def remove(self, keys: I64) -> None:
        """Take vectors out; keys that are not there are ignored."""

    def search(self, probes: F32, top: int, only: I64 | None = None) -> list[Hits]:
        """The ``top`` nearest owners of each probe (P, D) float32, among ``only`` if given."""
