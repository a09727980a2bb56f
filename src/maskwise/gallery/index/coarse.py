"""A coarse scan of all vectors, then exact scores of the few that may matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from maskwise.gallery.index.codes import Mask, pack, unpack
from maskwise.gallery.index.exact import ExactIndex
from maskwise.gallery.index.file import Part
from maskwise.gallery.index.protocol import I64, Hits
from maskwise.gallery.index.scanning import Scanner
from maskwise.types import F32

Fetch = Callable[[I64], tuple[Mask, F32]]
"""The truth: keys (K,) int64, rising -> which of them exist (K,), and their vectors (K, D)
float32, of any content where they do not."""

_LEAST: Final = 200
_PER_PERSON: Final = 20
"""Candidates at first: so many, or so many for each person asked for, whichever is more. Six
templates a person fill the first places with few people. See docs/gallery-scale.md."""

_GROWTH: Final = 4
_MOST: Final = 8192
"""Candidates grow so until they are enough, up to so many. (Reading more costs more than the
scan; ``maskwise gallery check`` says when an encoder's templates lie too close for that.)"""

_AT_ONCE: Final = 16384
"""Vectors held while scores are made exact, about; 32 MB of 512 numbers each."""

_SURE: Final = 4.0
"""Candidates are enough when the last place asked for is so many standard errors of the coarse
score above the best score that was left out."""


_RARE: Final = 16
"""Where one in so many counts, and not more than ``_MOST``, they are kept and searched exactly: a
scan would find too few of them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Allowed:
    """Who counts in a search: ``only``, the rows (N,), how many they are, and of how many people;
    few: themselves."""

    only: I64 | None
    rows: Mask
    count: int
    people: int
    few: ExactIndex | None = None


class CoarseIndex:
    """A NearestIndex of what an index file holds: vectors go, none come.

    keys, owners: (N,) int64, in the order in which the templates came; key 0: none any more.
    """

    def __init__(self, scanner: Scanner, keys: I64, owners: I64, fetch: Fetch) -> None:
        self._scanner = scanner
        self._keys = keys
        self._rows_owner = owners
        self._fetch = fetch
        self._alive: Mask = keys > 0
        self._settle()

    def _settle(self) -> None:
        self._count = int(self._alive.sum())
        self._owners: I64 = np.unique(self._rows_owner[self._alive])
        self._everybody = _Allowed(None, self._alive, self._count, len(self._owners))
        self._some: _Allowed | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def owners(self) -> I64:
        """(O,) int64: everyone who has a vector here, rising, each once."""
        return self._owners

    def add(self, keys: I64, owners: I64, vectors: F32) -> None:
        """Not here: new vectors go beside it (``TieredIndex``)."""
        raise NotImplementedError("a coarse index takes no vectors; add them to a TieredIndex")

    def remove(self, keys: I64) -> None:
        """Take vectors out; keys that are not there are ignored."""
        self.keep(~np.isin(self._keys, keys))

    def keep(self, rows: Mask) -> None:
        """Take out the rows that are not set in ``rows`` (N,)."""
        self._alive = self._alive & rows
        self._settle()

    def part(self) -> Part:
        """What it holds, without the rows that went."""
        levels, packed = self._scanner.levels, self._scanner.packed()
        if self._count == len(self._keys):
            return Part(levels, packed, self._keys, self._rows_owner)
        rows = np.flatnonzero(self._alive)
        step = 32 * 1024
        some = (rows[first : first + step] for first in range(0, len(rows), step))
        codes = [pack(unpack(packed, at, len(levels.low))) for at in some]
        empty = pack(np.empty((0, len(levels.low)), np.uint8))
        return Part(
            levels, np.concatenate([*codes, empty]), self._keys[rows], self._rows_owner[rows]
        )

    def search(self, probes: F32, top: int, only: I64 | None = None) -> list[Hits]:
        """The ``top`` nearest owners of each probe (P, D) float32, among ``only`` if given."""
        allowed = self._allowed(only)
        count, total = allowed.count, len(self._keys)
        if allowed.few is not None:
            return allowed.few.search(probes, top)
        hits = [_NOBODY] * len(probes)
        left = np.arange(len(probes)) if count else np.empty(0, np.int64)
        need = max(_LEAST, _PER_PERSON * top)
        while len(left):
            # So many are looked at that about ``need`` of them count.
            wanted = need if count == total else int(1.1 * need * total / count) + 1
            wanted = min(total, wanted)
            if count <= need:
                rows = np.broadcast_to(np.flatnonzero(allowed.rows), (len(left), count))
                coarse = np.full(rows.shape, -np.inf, np.float32)
                wanted = total
            else:
                coarse, rows = self._scanner.search(probes[left], wanted)
            last = need >= _MOST or wanted == total
            unsure = []
            scores, kept = self._exact(probes[left], rows, allowed.rows)
            for number, probe in enumerate(left):
                counted = kept[number]
                hits[probe] = self._best(scores[number][counted], rows[number][counted], top)
                if not last and not _sure(
                    hits[probe], scores[number], coarse[number], counted, min(top, allowed.people)
                ):
                    unsure.append(probe)
            left, need = np.array(unsure, np.int64), need * _GROWTH
        return hits

    def _allowed(self, only: I64 | None) -> _Allowed:
        """Those that count; kept while the same array is asked for."""
        if only is None:
            return self._everybody
        if self._some is None or self._some.only is not only:
            people = np.intersect1d(self._owners, only)
            rows = self._alive & np.isin(self._rows_owner, people)
            count = int(rows.sum())
            few = None
            if count <= _MOST and len(rows) > _RARE * count:
                keys = self._keys[rows]
                there, vectors = self._fetch(keys)
                few = ExactIndex(vectors.shape[1])
                few.add(keys[there], self._rows_owner[rows][there], vectors[there])
            self._some = _Allowed(only, rows, count, len(people), few)
        return self._some

    def _exact(self, probes: F32, rows: I64, allowed: Mask) -> tuple[F32, Mask]:
        """Scores (P, K) float32 of candidates (P, K) by the truth, and which of them count."""
        kept = (rows >= 0) & allowed[rows]
        scores = np.full(rows.shape, -np.inf, np.float32)
        step = max(1, _AT_ONCE // max(1, int(kept.sum(axis=1).max())))
        for first in range(0, len(probes), step):
            some = range(first, min(first + step, len(probes)))
            wanted = np.unique(rows[first : some.stop][kept[first : some.stop]])
            there, vectors = self._fetch(self._keys[wanted])
            for number in some:
                place = np.searchsorted(wanted, rows[number, kept[number]])
                # Not "@": a BLAS may add up the last rows in another order, and equal vectors
                # must have equal scores.
                found = np.clip(np.einsum("kd,d->k", vectors[place], probes[number]), -1, 1)
                found[~there[place]] = -np.inf  # unknown to the truth
                scores[number, kept[number]] = found
                kept[number] &= np.isfinite(scores[number])
        return scores, kept

    def _best(self, scores: F32, rows: I64, top: int) -> Hits:
        owners = self._rows_owner[rows]
        order = np.lexsort((rows, -scores, owners))
        first = order[np.flatnonzero(np.diff(owners[order], prepend=-1))]
        chosen = first[np.lexsort((owners[first], -scores[first]))[:top]]
        return Hits(owners[chosen], self._keys[rows[chosen]], scores[chosen])


_NOBODY: Final = Hits(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))


def _sure(found: Hits, scores: F32, coarse: F32, counted: Mask, people: int) -> bool:
    """Whether nobody who was left out is likely to belong among the first ``people``."""
    if len(found.owners) < people:
        return False
    error = float((scores[counted] - coarse[counted]).std())
    return bool(found.scores[people - 1] > coarse[-1] + _SURE * error)
