"""Reading a gallery's templates into a new search index, or the newer ones into one that was.

Expects to run in a read transaction and raises sqlite3.Error, and GalleryFormatError for a
template that is damaged.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from maskwise.gallery import codec
from maskwise.gallery.enrolling import now as time_now
from maskwise.gallery.index.codes import BLOCK, Levels, pack, unpack
from maskwise.gallery.index.file import WEARS, Head, Part
from maskwise.gallery.index.protocol import I64
from maskwise.gallery.indexing import SELECT, Now, sums
from maskwise.types import F32, U8

_SAMPLE: Final = 16_384
"""Templates that the levels of the codes are fitted to."""
_FEWEST: Final = 256
"""With fewer of one wear in the sample, its levels are fitted to all of the sample."""
_WITNESSES: Final = 32
_AT_ONCE: Final = BLOCK * 512


class _Rows:
    """The rows of one wear, as they come."""

    def __init__(self, levels: Levels, older: Part | None) -> None:
        self._levels = levels
        self._keys: list[I64] = []
        self._owners: list[I64] = []
        self._packed: list[U8] = []
        self._loose: U8 = np.empty((0, len(levels.low)), np.uint8)
        if older is not None:
            # The last block may have room left.
            whole = len(older.keys) // BLOCK * BLOCK
            rest = np.arange(whole, len(older.keys))
            self._keys, self._owners = [older.keys], [older.owners]
            self._packed = [older.packed[: whole // BLOCK]]
            self._loose = unpack(older.packed, rest, len(levels.low))

    def add(self, keys: I64, owners: I64, vectors: F32) -> None:
        self._keys.append(keys)
        self._owners.append(owners)
        codes = np.concatenate([self._loose, self._levels.encode(vectors)])
        whole = len(codes) // BLOCK * BLOCK
        self._packed.append(pack(codes[:whole]))
        self._loose = codes[whole:]

    def part(self) -> Part | None:
        """All of them; None when there are none."""
        if not sum(map(len, self._keys)):
            return None
        packed = np.concatenate([*self._packed, pack(self._loose)])
        return Part(self._levels, packed, np.concatenate(self._keys), np.concatenate(self._owners))


def build(
    connection: sqlite3.Connection,
    now: Now,
    step: Callable[[int], None] | None = None,
    older: tuple[Head, Mapping[str, Part]] | None = None,
) -> tuple[Head, dict[str, Part]]:
    """An index of all templates; step: told how many more were read.

    older: an index that holds for the tables as they stand: only what is newer is then read, and
    the levels stay those that were fitted to it.
    """
    head, held = older or (None, {})
    levels = {wear: part.levels for wear, part in held.items()}
    if set(levels) != set(WEARS):
        levels = _fitted(connection, now) | levels
    found = {wear: _Rows(levels[wear], held.get(wear)) for wear in WEARS}
    last = 0 if head is None else head.last
    rows = connection.execute(SELECT, (last, now.encoder))
    while some := rows.fetchmany(_AT_ONCE):
        key, owner, masked, blobs = zip(*some, strict=True)
        vectors = codec.decode_vectors(blobs, now.dim)
        keys, owners = np.array(key, np.int64), np.array(owner, np.int64)
        worn = np.array(masked, np.bool_)
        for wear, of_it in zip(WEARS, (~worn, worn), strict=True):
            found[wear].add(keys[of_it], owners[of_it], vectors[of_it])
        if step is not None:
            step(len(some))
    parts = {wear: part for wear in WEARS if (part := found.pop(wear).part()) is not None}
    all_keys = np.sort(np.concatenate([part.keys for part in parts.values()]))
    chosen = all_keys[np.linspace(0, len(all_keys) - 1, _WITNESSES).astype(np.int64)]
    return Head(
        build=secrets.token_hex(16),
        encoder=now.name,
        dim=now.dim,
        removals=now.removals,
        last=max(last, now.last),
        written_at=time_now(),
        fitted=len(all_keys) if head is None else head.fitted,
        samples=sums(connection, np.unique(chosen).tolist()),
    ), parts


def _fitted(connection: sqlite3.Connection, now: Now) -> dict[str, Levels]:
    wanted = np.unique(np.linspace(1, now.last, min(_SAMPLE, now.last)).astype(np.int64)).tolist()
    vectors: list[bytes] = []
    worn: list[bool] = []
    for first in range(0, len(wanted), 500):
        some = wanted[first : first + 500]
        marks = ",".join("?" * len(some))
        for masked, vector in connection.execute(
            f"SELECT wear IN ('virtual', 'real'), vector FROM clear_template WHERE id IN ({marks})"
            " AND encoder_id = ?",
            [*some, now.encoder],
        ):
            vectors.append(vector)
            worn.append(bool(masked))
    if not vectors:  # only few are left of very many
        rows = connection.execute(SELECT, (0, now.encoder)).fetchmany(_SAMPLE)
        vectors, worn = [row[3] for row in rows], [bool(row[2]) for row in rows]
    sample, masked = codec.decode_vectors(vectors, now.dim), np.array(worn, np.bool_)
    return {
        wear: Levels.fit(sample[of_it] if of_it.sum() >= _FEWEST else sample)
        for wear, of_it in zip(WEARS, (~masked, masked), strict=True)
    }
