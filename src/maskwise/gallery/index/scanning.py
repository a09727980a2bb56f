"""The scan of all codes: faiss's 4-bit kernel, over slices of them by as many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from maskwise.errors import ConfigurationError
from maskwise.gallery.index.codes import BLOCK, Levels, packed_shape, unpack
from maskwise.gallery.index.protocol import I64
from maskwise.types import F32, U8

_SLICE: Final = 4 << 20
"""Bytes of codes that are worth a thread of their own: they are scanned in some 0.35 ms, and two
threads are woken and waited for in 0.1."""

_MOST_THREADS: Final = 8
"""A scan is bound by memory, which a few cores keep busy."""


@dataclass(frozen=True, slots=True, eq=False)
class _Slice:
    """An index of faiss over the rows from ``first`` on, and its codes as an array."""

    first: int
    count: int
    index: Any
    packed: U8


class Scanner:
    """The vectors whose approximate scores are the highest, by faiss's 4-bit scan.

    Holds D / 2 bytes a vector, of its own: nothing is mapped from a file. Scans with as many
    threads as faiss may take when it is made (``OMP_NUM_THREADS``), eight at most.
    """

    def __init__(self, levels: Levels, count: int) -> None:
        """For ``count`` vectors, whose codes then go into ``pieces``; see ``check``."""
        faiss = import_faiss()
        dim = len(levels.low)
        blocks, numbers, size = packed_shape(count, dim)
        worth = blocks * numbers * size // _SLICE
        threads = max(1, min(int(faiss.omp_get_max_threads()), _MOST_THREADS, worth, blocks))
        bounds = np.linspace(0, blocks, threads + 1).astype(int).tolist()
        self.levels = levels
        self._count = count
        self._slices = [
            _slice(faiss, levels, BLOCK * first, min(count, BLOCK * last) - BLOCK * first)
            for first, last in pairwise(bounds)
        ]
        self._threads = None
        if threads > 1:
            # faiss itself shares out the probes of a batch, and not the rows of a single one.
            self._threads = ThreadPoolExecutor(
                threads, "maskwise-scan", faiss.omp_set_num_threads, (1,)
            )

    @property
    def pieces(self) -> list[U8]:
        """The codes, one array a thread, by rising row; together of ``codes.packed_shape``."""
        return [part.packed for part in self._slices]

    def fill(self, packed: U8) -> None:
        """Take codes as ``codes.pack`` gives them."""
        first = 0
        for piece in self.pieces:
            piece[...] = packed[first : first + len(piece)]
            first += len(piece)

    def packed(self) -> U8:
        """All codes in one array, a copy unless one thread scans."""
        pieces = self.pieces
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def check(self) -> None:
        """Raise ConfigurationError when faiss reads the codes otherwise than we write them."""
        last = self._slices[-1]
        row = np.array([last.count - 1], np.int64)
        ours = self.levels.decode(unpack(last.packed, row, len(self.levels.low)))
        probe = np.ascontiguousarray(ours / np.linalg.norm(ours))
        theirs, rows = self.search(probe, min(self._count, 100))
        at = np.flatnonzero(rows[0] == last.first + row[0])
        mine = float(np.sum(ours * probe))
        # Each product is rounded to a 255th of the widest range of products.
        rounding = probe.size * float(np.abs(15 * self.levels.step * probe).max()) / 255
        if len(at) and abs(float(theirs[0, at[0]]) - mine) > max(1e-3, rounding):
            raise ConfigurationError(
                "this version of faiss lays its codes out in another way than maskwise knows; "
                'install the one that was tested: pip install "maskwise[faiss]"'
            )

    def search(self, probes: F32, count: int) -> tuple[F32, I64]:
        """Scores (P, count) float32, falling, and rows (P, count) int64, of each probe (P, D)."""
        probes = np.ascontiguousarray(probes)
        if self._threads is None:
            return _search(self._slices[0], probes, count)
        found = [self._threads.submit(_search, part, probes, count) for part in self._slices]
        scores, rows = (
            np.concatenate(a, 1) for a in zip(*(f.result() for f in found), strict=True)
        )
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)


def import_faiss() -> Any:
    """The module; ConfigurationError where it is not installed."""
    try:
        import faiss
    except ImportError as error:
        raise ConfigurationError(
            "the search index of a large gallery needs faiss, which is not installed: "
            'pip install "maskwise[faiss]"'
        ) from error
    return faiss


def _slice(faiss: Any, levels: Levels, first: int, count: int) -> _Slice:
    dim = len(levels.low)
    index = faiss.IndexPQFastScan(dim, dim, 4, faiss.METRIC_INNER_PRODUCT, BLOCK)
    centres = levels.low[:, None] + (
        (np.arange(16, dtype=np.float32) + 0.5) * (levels.step[:, None])
    )
    faiss.copy_array_to_vector(
        np.ascontiguousarray(centres, np.float32).ravel(), index.pq.centroids
    )
    index.is_trained = True
    shape = packed_shape(count, dim)
    index.codes.resize(int(np.prod(shape)))
    index.ntotal, index.ntotal2 = count, shape[0] * BLOCK
    packed: U8 = faiss.rev_swig_ptr(index.codes.get(), index.codes.size()).reshape(shape)
    return _Slice(first, count, index, packed)


def _search(part: _Slice, probes: F32, count: int) -> tuple[F32, I64]:
    """Scores and rows of all, those beyond what there is -inf and -1."""
    scores, rows = part.index.search(probes, min(count, part.count))
    rows = np.asarray(rows, np.int64)
    rows[rows >= 0] += part.first
    return np.asarray(scores, np.float32), rows
