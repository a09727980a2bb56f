"""Search on the server: candidates by the index in binary16, then exactly in float32.

The functions expect to run in one read transaction and raise psycopg.Error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from psycopg import sql

from maskwise.gallery import codec
from maskwise.gallery.index.by_wear import joined
from maskwise.gallery.index.protocol import I64, Hits
from maskwise.gallery.postgres.halves import ERROR, Half
from maskwise.gallery.postgres.indexes import (
    EXACT_LIMIT,
    EncoderRow,
    kind,
    names,
    nearness,
    present,
)
from maskwise.gallery.postgres.link import Connection
from maskwise.types import F32

_DEEPEST: Final = 1000  # pgvector's limit of ef_search
_MOST_ROWS: Final = 16_384  # more than so many rows a probe: reading all is as fast
_AT_ONCE: Final = 32  # probes in one statement


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Templates near a probe. keys, owners: (K,) int64; scores: (K,) of the halves."""

    keys: I64
    owners: I64
    scores: npt.NDArray[np.float64]

    def best(self, top: int) -> tuple[I64, bool]:
        """The keys of all that may be of the ``top`` best people; whether these are all there are.

        They are when there are ``top`` people, and the last row is too far to be one of them: no
        rounding could bring it, or what comes after it, before them.
        """
        if not len(self.keys):
            return self.keys, False
        people, which = np.unique(self.owners, return_inverse=True)
        scores = np.full(len(people), -np.inf)
        np.maximum.at(scores, which, self.scores)
        if len(people) < top:
            return self.keys, False
        cut = np.partition(scores, len(people) - top)[len(people) - top] - 2 * ERROR
        return self.keys[self.scores >= cut], bool(self.scores.min() < cut)


@dataclass(frozen=True, slots=True)
class _Part:
    """The templates that are searched: of one kind, of all people or of those who are alone."""

    encoder: EncoderRow
    masked: bool
    alone: bool

    @property
    def condition(self) -> sql.Composable:
        alone = sql.SQL(" AND alone" if self.alone else "")
        return sql.SQL("{}{}").format(kind(self.encoder.id, self.masked), alone)


def search(
    connection: Connection,
    encoder: EncoderRow,
    probes: F32,
    top: int,
    *,
    masked: bool,
    depth: int,
    other_wear_shift: float = 0.0,
) -> list[Hits]:
    """The ``top`` nearest people to each probe (P, D) float32; see ``Gallery.search``.

    depth: HNSW's ``ef_search``, 1 to 1000.
    """
    usable = present(connection)
    index_of = names(encoder.id)
    whole = _Part(encoder, masked, alone=False)
    hits = _nearest(connection, whole, probes, top, depth if index_of[masked] in usable else 0)
    others = _count_alone(connection, not masked)
    if not others:
        return hits
    # A few are read one and all; of many the index gives the nearest.
    by_index = others > EXACT_LIMIT and index_of[not masked] in usable
    alone = _Part(encoder, not masked, alone=True)
    rest = _nearest(connection, alone, probes, top, depth if by_index else 0)
    return [joined(a, b, top, other_wear_shift) for a, b in zip(hits, rest, strict=True)]


def _count_alone(connection: Connection, masked: bool) -> int:
    """How many templates people have who have no other kind; counts little beyond EXACT_LIMIT."""
    row = connection.execute(
        sql.SQL(
            "SELECT count(*) FROM (SELECT 1 FROM template WHERE alone AND {} LIMIT {}) t"
        ).format(sql.SQL("masked" if masked else "NOT masked"), sql.Literal(EXACT_LIMIT + 1))
    ).fetchone()
    return 0 if row is None else int(row[0])


def _nearest(connection: Connection, part: _Part, probes: F32, top: int, depth: int) -> list[Hits]:
    """depth 0: without the index."""
    chosen: dict[int, I64] = {}
    rows = max(128, 8 * top)
    while depth and len(chosen) < len(probes) and rows <= _MOST_ROWS:
        _prefer_index(connection, True, max(depth, rows))
        open_ones = [number for number in range(len(probes)) if number not in chosen]
        for first in range(0, len(open_ones), _AT_ONCE):
            some = open_ones[first : first + _AT_ONCE]
            for number, found in zip(
                some, _by_index(connection, part, probes[some], rows), strict=True
            ):
                keys, whole = found.best(top)
                if whole:
                    chosen[number] = keys
        rows *= 8
    if len(chosen) < len(probes):
        _prefer_index(connection, False, 1)
        for number in range(len(probes)):
            if number not in chosen:
                chosen[number] = _all_read(connection, part, probes[number], top)
    return _scored(connection, part.encoder, probes, [chosen[n] for n in range(len(probes))], top)


def _prefer_index(connection: Connection, on: bool, depth: int) -> None:
    """Settings of this transaction."""
    wanted = "off" if on else "on"
    settings = {
        "enable_seqscan": wanted,
        "enable_sort": wanted,
        "hnsw.ef_search": min(depth, _DEEPEST),
        # The index goes on until there are enough rows that meet the condition.
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.max_scan_tuples": 10 * _MOST_ROWS,
        "hnsw.scan_mem_multiplier": 8,
    }
    connection.execute(
        "; ".join(f"SET LOCAL {name} TO {value}" for name, value in settings.items()).encode()
    )


def _by_index(connection: Connection, part: _Part, probes: F32, rows: int) -> list[_Found]:
    """The ``rows`` nearest templates of each probe, as far as the index knows."""
    near = nearness(part.encoder.dim)
    query = sql.SQL(
        "SELECT p.number, t.id, t.subject_id, t.score FROM (VALUES {probes}) AS p (number, probe),"
        " LATERAL (SELECT id, subject_id, -(({near}) <#> p.probe) AS score FROM template"
        " WHERE {condition} ORDER BY ({near}) <#> p.probe LIMIT {rows}) AS t"
    ).format(
        probes=sql.SQL(", ").join(
            sql.SQL("({}, %s::halfvec)").format(sql.Literal(n)) for n in range(len(probes))
        ),
        near=near,
        condition=part.condition,
        rows=sql.Literal(rows),
    )
    values = [Half(probe) for probe in probes]
    table = connection.execute(query, values, binary=True).fetchall()
    numbers, keys, owners = (np.array([r[c] for r in table], np.int64) for c in range(3))
    scores = np.array([row[3] for row in table], np.float64)
    return [
        _Found(keys[numbers == n], owners[numbers == n], scores[numbers == n])
        for n in range(len(probes))
    ]


def _all_read(connection: Connection, part: _Part, probe: F32, top: int) -> I64:
    """The keys of all that may be of the ``top`` best people: every row is looked at."""
    query = sql.SQL(
        "WITH scored AS MATERIALIZED (SELECT id, subject_id, -(({near}) <#> %s::halfvec) AS score"
        " FROM template WHERE {condition}),"
        " best AS (SELECT max(score) AS score FROM scored GROUP BY subject_id"
        " ORDER BY 1 DESC LIMIT {top})"
        " SELECT id FROM scored WHERE score >= (SELECT min(score) FROM best) - {margin}"
    ).format(
        near=nearness(part.encoder.dim),
        condition=part.condition,
        top=sql.Literal(top),
        margin=sql.Literal(2 * ERROR),
    )
    return np.array([key for (key,) in connection.execute(query, [Half(probe)])], np.int64)


def _scored(
    connection: Connection, encoder: EncoderRow, probes: F32, chosen: Sequence[I64], top: int
) -> list[Hits]:
    """The candidates in float32, the best of each person."""
    wanted = np.unique(np.concatenate([*chosen, np.empty(0, np.int64)]))
    rows = connection.execute(
        "SELECT id, subject_id, vector FROM template WHERE id = ANY(%s) ORDER BY id",
        (wanted.tolist(),),
        binary=True,
    ).fetchall()
    keys = np.array([row[0] for row in rows], np.int64)
    owners = np.array([row[1] for row in rows], np.int64)
    vectors = codec.decode_vectors([row[2] for row in rows], encoder.dim)
    hits = []
    for probe, of_probe in zip(probes, chosen, strict=True):
        which = np.searchsorted(keys, of_probe)
        hits.append(_best(probe, keys[which], owners[which], vectors[which], top))
    return hits


def _best(probe: F32, keys: I64, owners: I64, vectors: F32, top: int) -> Hits:
    """The ``top`` best owners; equal scores by rising owner, of one owner by rising key."""
    # Not by BLAS, which may score equal rows differently, by where in the matrix they stand.
    scores = np.clip((vectors * probe).sum(axis=1), -1, 1)
    order = np.lexsort((keys, owners, -scores))
    first = np.sort(np.unique(owners[order], return_index=True)[1])[:top]
    best = order[first]
    return Hits(owners[best], keys[best], scores[best])
