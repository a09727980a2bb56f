"""The templates of a small gallery in memory, kept as new as the tables."""

from __future__ import annotations

from typing import Final

import numpy as np

from maskwise.gallery import codec
from maskwise.gallery.index import WearIndex
from maskwise.gallery.postgres.indexes import EncoderRow
from maskwise.gallery.postgres.link import Connection

_LOAD_AT_ONCE: Final = 1000


class LoadedTemplates:
    """What was read, up to which template, and how many removals had been seen.

    Templates only get higher numbers: writers take turns. So while nothing is removed or changed,
    what is new stands after the last one seen. Raises psycopg.Error and GalleryFormatError.
    """

    def __init__(self) -> None:
        self._index: WearIndex | None = None
        self._seen = (0, 0, 0)

    def drop(self) -> None:
        """Forget everything."""
        self._index = None

    def refreshed(self, connection: Connection, encoder: EncoderRow) -> WearIndex:
        """The index as the tables stand in this transaction, whoever changed them."""
        row = connection.execute(
            "SELECT value, (SELECT coalesce(max(id), 0) FROM template)"
            " FROM setting WHERE key = 'removals'"
        ).fetchone()
        removals, last = (0, 0) if row is None else row
        index, seen = self._index, self._seen
        if index is None or seen[:2] != (encoder.id, removals):
            index, seen = WearIndex(encoder.dim), (encoder.id, removals, 0)
        # Not kept half loaded, should a template turn out damaged.
        self._index = None
        if last > seen[2]:
            _load(connection, index, encoder.id, seen[2])
        self._index, self._seen = index, (encoder.id, removals, last)
        return index


def _load(connection: Connection, index: WearIndex, encoder: int, after: int) -> None:
    rows = connection.execute(
        "SELECT id, subject_id, masked, vector FROM template WHERE id > %s AND encoder_id = %s"
        " ORDER BY id",
        (after, encoder),
    )
    while some := rows.fetchmany(_LOAD_AT_ONCE):
        keys, owners, masked, blobs = zip(*some, strict=True)
        index.add(
            np.array(keys, np.int64),
            np.array(owners, np.int64),
            np.array(masked, np.bool_),
            codec.decode_vectors(blobs, index.dim),
        )
