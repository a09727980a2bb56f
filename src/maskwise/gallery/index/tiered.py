"""What an index file holds, and beside it what came since."""

from __future__ import annotations

import numpy as np

from maskwise.gallery.index.exact import ExactIndex
from maskwise.gallery.index.protocol import I64, Hits, NearestIndex
from maskwise.types import F32


class TieredIndex:
    """A NearestIndex of an older one, to which nothing is added, and an exact one that grows."""

    def __init__(self, older: NearestIndex, dim: int) -> None:
        self._older = older
        self._newer = ExactIndex(dim)
        self._owners: I64 | None = None

    def __len__(self) -> int:
        return len(self._older) + len(self._newer)

    @property
    def owners(self) -> I64:
        """(O,) int64: everyone who has a vector here, rising, each once."""
        if self._owners is None:
            self._owners = np.union1d(self._older.owners, self._newer.owners)
        return self._owners

    def add(self, keys: I64, owners: I64, vectors: F32) -> None:
        """Add vectors (N, D) float32; keys and owners (N,) int64. Keys are new ones."""
        self._newer.add(keys, owners, vectors)
        self._owners = None

    def remove(self, keys: I64) -> None:
        """Take vectors out; keys that are not there are ignored."""
        self._older.remove(keys)
        self._newer.remove(keys)
        self._owners = None

    def search(self, probes: F32, top: int, only: I64 | None = None) -> list[Hits]:
        """The ``top`` nearest owners of each probe (P, D) float32, among ``only`` if given."""
        hits = self._older.search(probes, top, only)
        if not len(self._newer):
            return hits
        newer = self._newer.search(probes, top, only)
        return [_merged(a, b, top) for a, b in zip(hits, newer, strict=True)]


def _merged(older: Hits, newer: Hits, top: int) -> Hits:
    """The best of both, each owner once; of equal vectors of one owner the older one."""
    owners = np.concatenate([older.owners, newer.owners])
    keys = np.concatenate([older.keys, newer.keys])
    scores = np.concatenate([older.scores, newer.scores])
    order = np.lexsort((np.arange(len(owners)), -scores, owners))
    first = order[np.flatnonzero(np.diff(owners[order], prepend=-1))]
    chosen = first[np.lexsort((owners[first], -scores[first]))[:top]]
    return Hits(owners[chosen], keys[chosen], scores[chosen])
