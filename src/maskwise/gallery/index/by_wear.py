"""Two indexes, of bare and of masked templates: a probe meets those that fit what it wears."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from maskwise.gallery.index.exact import ExactIndex
from maskwise.gallery.index.protocol import I64, Hits, NearestIndex
from maskwise.types import F32


class WearIndex:
    """Search by what the probe wears, so that nobody is out of reach.

    Bare probes against masked templates are measurably worse than against bare ones, and so
    the other way round: a person's templates of the other kind count only where there are none
    of the right one.
    """

    def __init__(
        self, dim: int, bare: NearestIndex | None = None, masked: NearestIndex | None = None
    ) -> None:
        """bare, masked: what holds the templates of either kind; empty exact ones by default."""
        self.dim = dim
        self._bare: NearestIndex = ExactIndex(dim) if bare is None else bare
        self._masked: NearestIndex = ExactIndex(dim) if masked is None else masked
        self._only_bare: I64 | None = None
        self._only_masked: I64 | None = None

    def __len__(self) -> int:
        return len(self._bare) + len(self._masked)

    def add(self, keys: I64, owners: I64, masked: npt.NDArray[np.bool_], vectors: F32) -> None:
        """Add vectors (N, D) float32; keys, owners (N,) int64; masked (N,) of the template."""
        for index, of_it in ((self._bare, ~masked), (self._masked, masked)):
            if of_it.any():
                index.add(keys[of_it], owners[of_it], vectors[of_it])
        self._only_bare = self._only_masked = None

    def search(
        self, probes: F32, top: int, *, masked: bool, other_wear_shift: float = 0.0
    ) -> list[Hits]:
        """The ``top`` nearest people to each probe (P, D) float32.

        other_wear_shift: see ``Gallery.search``.
        """
        if self._only_bare is None or self._only_masked is None:
            bare, with_mask = self._bare.owners, self._masked.owners
            self._only_bare = np.setdiff1d(bare, with_mask, assume_unique=True)
            self._only_masked = np.setdiff1d(with_mask, bare, assume_unique=True)
        first, second = (self._masked, self._bare) if masked else (self._bare, self._masked)
        others = self._only_bare if masked else self._only_masked
        hits = first.search(probes, top)
        if not len(others):
            return hits
        rest = second.search(probes, top, others)
        return [joined(a, b, top, other_wear_shift) for a, b in zip(hits, rest, strict=True)]


def joined(a: Hits, b: Hits, top: int, shift: float) -> Hits:
    """The best of both, those of ``b`` as if they scored ``shift`` more; no owner is in both."""
    owners = np.concatenate([a.owners, b.owners])
    scores = np.concatenate([a.scores, b.scores])
    ranked = np.concatenate([a.scores, b.scores + np.float32(shift)])
    order = np.lexsort((owners, -ranked))[:top]
    return Hits(owners[order], np.concatenate([a.keys, b.keys])[order], scores[order])
