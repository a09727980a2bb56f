"""Looking after the search index of a gallery: its state, making it, dropping it, its recall."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from maskwise.errors import InputError, StorageError
from maskwise.gallery import codec, indexing
from maskwise.gallery.index.codes import Mask
from maskwise.gallery.index.file import WEARS, wipe
from maskwise.gallery.index.protocol import I64
from maskwise.gallery.loading import LoadedIndex
from maskwise.types import F32

LEAST_RECALL: Final = 0.99
"""Below this share of the exact search's people, an index is not good enough."""

_STRAY: Final = 0.7
"""How far probes stray from the stored templates that they are made of (a cosine of 0.82)."""
_AT_ONCE: Final = 8192

Step = Callable[[int], None]
Reading = Callable[[], AbstractContextManager[sqlite3.Connection]]


@dataclass(frozen=True, slots=True)
class IndexState:
    """state: "current" (it holds), "unfit" (``reason`` says why; it is made anew when it is next
    needed), or "none". templates: in it; newer: in the gallery, and not in it; erased: rows of it
    that hold nobody any more. wanted_from: galleries of so many templates make one of themselves.
    """

    file: Path
    state: Literal["current", "unfit", "none"]
    reason: str
    templates: int
    newer: int
    erased: int
    size_bytes: int
    written_at: str
    wanted_from: int


@dataclass(frozen=True, slots=True)
class Recall:
    """Of the ``top`` nearest people of ``probes`` probes, the share that the index found."""

    share: float
    probes: int
    top: int


class SearchIndex:
    """The index beside one gallery; methods raise as the gallery's."""

    def __init__(self, path: Path, reading: Reading, loaded: LoadedIndex) -> None:
        self.file = indexing.place_beside(path)
        self._reading = reading
        self._loaded = loaded

    def state(self) -> IndexState:
        """How it stands; nothing is made or changed."""
        with self._reading() as connection:
            now = indexing.state(connection)
            assert self._loaded.filed is not None
            head, why = (None, "") if now is None else self._loaded.filed.state(connection, now)
            newer = 0
            if head is not None and not why:
                (newer,) = connection.execute(
                    "SELECT count(*) FROM template WHERE id > ?", (head.last,)
                ).fetchone()
        there = self.file.exists()
        rows = 0 if head is None else sum(head.count(wear) for wear in WEARS)
        return IndexState(
            file=self.file,
            state="none" if not there else "unfit" if why or now is None else "current",
            reason=why,
            templates=0 if head is None else rows - head.gone,
            newer=newer,
            erased=0 if head is None else head.gone,
            size_bytes=self.file.stat().st_size if there else 0,
            written_at="" if head is None else head.written_at,
            wanted_from=indexing.LEAST,
        )

    def build(self, step: Step | None = None) -> None:
        """Make it anew, however small the gallery is; step: told how many templates were read.

        Raises ConfigurationError without faiss, InputError for an empty gallery, and StorageError
        when it cannot be written, or people went meanwhile.
        """
        with self._reading() as connection:
            now = indexing.state(connection)
            if now is None:
                raise InputError(f"{self.file}: nobody is enrolled yet, there is nothing to index")
            assert self._loaded.filed is not None
            self._loaded.drop()
            self._loaded.filed.connection = connection
            if not self._loaded.filed.make(connection, now, step):
                raise StorageError(
                    f"{self.file} was not written: the gallery is being written to, or its folder "
                    "may not be; run it again"
                )

    def drop(self) -> bool:
        """Overwrite and delete it; whether there was one. Raises StorageError."""
        there = self.file.exists()
        try:
            wipe(self.file)
        except OSError as error:
            raise StorageError(f"{self.file}: {error.strerror}; delete it") from error
        self._loaded.drop()
        return there

    def recall(
        self, probes: int = 50, top: int = 10, step: Step | None = None, seed: int = 0
    ) -> Recall | None:
        """Search for people who are enrolled, and compare with all templates, read one by one.

        Probes stray from stored templates, of bare and of masked faces. None for a gallery that
        is searched exactly anyway. step: told how many templates were read.
        """
        with self._reading() as connection:
            now = indexing.state(connection)
            index = self._loaded.refreshed(connection)
            if now is None or index is None or not self._loaded.filed_is_used:
                return None
            vectors, masked = _probes(connection, now, probes, seed)
            exact = _exact(_templates(connection, now, step), vectors, masked, top)
            found = 0
            for worn in (False, True):
                rows = np.flatnonzero(masked == worn)
                for row, hits in zip(
                    rows, index.search(vectors[rows], top, masked=worn), strict=True
                ):
                    # By score: people who are as near may stand in for one another.
                    near = int((hits.scores >= exact[row][-1] - 1e-5).sum())
                    found += min(near, len(exact[row]))
        wanted = sum(map(len, exact))
        return Recall(found / wanted, len(vectors), top)


def _probes(
    connection: sqlite3.Connection, now: indexing.Now, count: int, seed: int
) -> tuple[F32, Mask]:
    """Templates of (P,) people's faces that stray a little, and whether they are masked."""
    rng = np.random.default_rng(seed)
    rows: dict[int, tuple[bytes, bool]] = {}
    for _ in range(20 * count):
        row = connection.execute(
            "SELECT id, vector, wear IN ('virtual', 'real') FROM clear_template"
            " WHERE id >= ? AND encoder_id = ? ORDER BY id LIMIT 1",
            (int(rng.integers(1, now.last + 1)), now.encoder),
        ).fetchone()
        if row is not None:
            rows[row[0]] = row[1], bool(row[2])
        if len(rows) == count:
            break
    vectors = codec.decode_vectors([blob for blob, _ in rows.values()], now.dim)
    noise = rng.standard_normal(vectors.shape)
    strayed = vectors + _STRAY * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    strayed /= np.linalg.norm(strayed, axis=1, keepdims=True)
    return np.asarray(strayed, np.float32), np.array([worn for _, worn in rows.values()], np.bool_)


def _templates(
    connection: sqlite3.Connection, now: indexing.Now, step: Step | None
) -> Iterator[tuple[I64, Mask, F32]]:
    """All of them: owners (N,), masked (N,) and vectors (N, D)."""
    rows = connection.execute(indexing.SELECT, (0, now.encoder))
    while some := rows.fetchmany(_AT_ONCE):
        _, owners, worn, blobs = zip(*some, strict=True)
        vectors = codec.decode_vectors(blobs, now.dim)
        yield np.array(owners, np.int64), np.array(worn, np.bool_), vectors
        if step is not None:
            step(len(some))


def _exact(
    templates: Iterable[tuple[I64, Mask, F32]], probes: F32, masked: Mask, top: int
) -> list[F32]:
    """The ``top`` highest scores of people for each probe, falling, by all templates."""
    best: dict[bool, F32] = {}
    for wear in (False, True):
        best[wear] = np.full((0, len(probes)), -np.inf, np.float32)
    for owners, worn, vectors in templates:
        scores = np.clip(vectors @ probes.T, -1, 1)
        for wear, of_all in best.items():
            more = max(0, int(owners.max()) + 1 - len(of_all))
            if more:
                grown = np.full((max(more, len(of_all)), len(probes)), -np.inf, np.float32)
                best[wear] = np.concatenate([of_all, grown])
            np.maximum.at(best[wear], owners[worn == wear], scores[worn == wear])
    found: list[F32] = []
    for number, wear in enumerate(masked.tolist()):
        fitting, other = best[wear][:, number], best[not wear][:, number]
        ranked = np.where(np.isfinite(fitting), fitting, other)
        ranked = ranked[np.isfinite(ranked)]
        found.append(np.asarray(-np.sort(-ranked)[:top], np.float32))
    return found
