"""Exact search in memory: one matrix product, then the best row of each owner."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from maskwise.gallery.index.protocol import I64, Hits
from maskwise.types import F32

_Item = TypeVar("_Item", bound=np.generic)

_BLOCK: Final = 1 << 24
"""Scores held at a time (64 MB of float32): more probes than that go in several blocks."""

_ROWS: Final = 16384
"""Vectors copied at a time to be scored once more."""

_ROUNDING: Final = 1e-5
"""How far apart a BLAS may put the scores of equal vectors: sums of 2,048 products of unit vectors
in binary32, in any order, differ by less."""


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """The rows by owner. owners: (O,) rising. starts: (O,) where each one's rows begin in
    ``rows``, which lists row numbers (None: the rows stand in that order already)."""

    owners: I64
    starts: I64
    rows: I64 | None


class ExactIndex:
    """A NearestIndex over a contiguous (N, D) float32 matrix that grows by doubling."""

    def __init__(self, dim: int) -> None:
        self._vectors: F32 = np.empty((0, dim), np.float32)
        self._keys: I64 = np.empty(0, np.int64)
        self._owners: I64 = np.empty(0, np.int64)
        self._count = 0
        self._groups: _Groups | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def owners(self) -> I64:
        """(O,) int64: everyone who has a vector here, rising, each once."""
        return self._grouped().owners

    def add(self, keys: I64, owners: I64, vectors: F32) -> None:
        """Add vectors (N, D) float32; keys and owners (N,) int64. Keys are new ones."""
        end = self._count + len(keys)
        if end > len(self._keys):
            room = max(end, 2 * self._count)
            self._vectors = _grown(self._vectors, self._count, room)
            self._keys = _grown(self._keys, self._count, room)
            self._owners = _grown(self._owners, self._count, room)
        self._vectors[self._count : end] = vectors
        self._keys[self._count : end] = keys
        self._owners[self._count : end] = owners
        self._count = end
        self._groups = None

    def remove(self, keys: I64) -> None:
        """Take vectors out; keys that are not there are ignored."""
        keep = ~np.isin(self._keys[: self._count], keys)
        self._vectors = self._vectors[: self._count][keep]
        self._keys = self._keys[: self._count][keep]
        self._owners = self._owners[: self._count][keep]
        self._count = len(self._keys)
        self._groups = None

    def search(self, probes: F32, top: int, only: I64 | None = None) -> list[Hits]:
        """The ``top`` nearest owners of each probe (P, D) float32, among ``only`` if given."""
        groups, vectors = self._grouped(), self._vectors[: self._count]
        chosen = None if only is None else np.isin(groups.owners, only)
        gather = chosen is not None and not chosen.all()
        if chosen is not None and gather:
            groups = _subset(groups, chosen, self._count)
            vectors = vectors[groups.rows]
        hits: list[Hits] = []
        # What is looked at once more takes some 40 bytes a score, where all owners are asked for.
        block_of = _BLOCK if top < len(groups.owners) // 8 else _BLOCK // 8
        step = max(1, block_of // max(1, len(vectors)))
        for first in range(0, len(probes), step):
            block = probes[first : first + step]
            # One probe goes as a vector: BLAS then reads the matrix once, as it lies.
            scores = (vectors @ block[0])[None] if len(block) == 1 else block @ vectors.T
            np.clip(scores, -1, 1, out=scores)
            if groups.rows is not None and not gather:
                scores = scores[:, groups.rows]
            hits += self._best(scores, groups, block, top)
        return hits

    def _best(self, scores: F32, groups: _Groups, probes: F32, top: int) -> list[Hits]:
        """scores: (P, R) float32 of probes (P, D), columns in the order of ``groups``."""
        if not len(groups.owners):
            none = np.empty(0, np.int64)
            return [Hits(none, none, np.empty(0, np.float32)) for _ in scores]
        best = np.maximum.reduceat(scores, groups.starts, axis=1)
        # All that may be among the first ones, but for rounding, and all rows of theirs that may
        # be their best: of a probe (number), an owner and a column each.
        numbers, owners = np.nonzero(best >= _last(best, top) - _ROUNDING)
        lengths = np.append(groups.starts[1:], scores.shape[1])[owners] - groups.starts[owners]
        begins = np.cumsum(lengths) - lengths
        columns = np.arange(int(lengths.sum())) + np.repeat(groups.starts[owners] - begins, lengths)
        numbers, owners = np.repeat(numbers, lengths), np.repeat(owners, lengths)
        kept = scores[numbers, columns] >= best[numbers, owners] - _ROUNDING
        numbers, owners, columns = numbers[kept], owners[kept], columns[kept]
        rows = columns if groups.rows is None else groups.rows[columns]
        # Once more, each row for itself: a BLAS adds up some rows in another order, and equal
        # vectors must have equal scores.
        exact = np.empty(len(rows), np.float32)
        for some in range(0, len(rows), _ROWS):  # all of them where everybody is equal
            part = slice(some, some + _ROWS)
            mine = self._vectors[rows[part]]
            exact[part] = np.einsum("kd,kd->k", mine, probes[numbers[part]])
        np.clip(exact, -1, 1, out=exact)
        order = np.lexsort((columns, -exact, owners, numbers))
        ahead = np.diff(owners[order], prepend=-1) != 0
        ahead |= np.diff(numbers[order], prepend=-1) != 0
        first = order[ahead]
        first = first[np.lexsort((owners[first], -exact[first], numbers[first]))]
        ends = np.searchsorted(numbers[first], np.arange(len(probes) + 1))
        chosen = [first[a:b][:top] for a, b in itertools.pairwise(ends)]
        return [Hits(groups.owners[owners[c]], self._keys[rows[c]], exact[c]) for c in chosen]

    def _grouped(self) -> _Groups:
        if self._groups is None:
            owners = self._owners[: self._count]
            rows = None
            if (np.diff(owners) < 0).any():
                rows = np.argsort(owners, kind="stable").astype(np.int64)
                owners = owners[rows]
            starts = np.flatnonzero(np.diff(owners, prepend=-1)).astype(np.int64)
            self._groups = _Groups(owners[starts], starts, rows)
        return self._groups


def _last(best: F32, top: int) -> F32:
    """(P, 1): the score of the last of the ``top`` highest of each row, or below all of them."""
    if top >= best.shape[1]:
        return np.full((len(best), 1), -2, np.float32)
    return np.partition(best, best.shape[1] - top, axis=1)[:, -top, None]


def _subset(groups: _Groups, chosen: npt.NDArray[np.bool_], count: int) -> _Groups:
    """The ``chosen`` (O,) owners of ``groups`` over ``count`` rows."""
    lengths = np.diff(groups.starts, append=count)
    kept = np.repeat(chosen, lengths)
    rows = np.flatnonzero(kept) if groups.rows is None else groups.rows[kept]
    ends = np.cumsum(lengths[chosen])
    return _Groups(groups.owners[chosen], ends - lengths[chosen], rows)


def _grown(array: npt.NDArray[_Item], used: int, room: int) -> npt.NDArray[_Item]:
    out = np.empty((room, *array.shape[1:]), array.dtype)
    out[:used] = array[:used]
    return out
