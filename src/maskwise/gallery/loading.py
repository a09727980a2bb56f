"""The index in memory, kept as new as the gallery's tables."""

from __future__ import annotations

import sqlite3
from typing import Final

import numpy as np

from maskwise.gallery import codec
from maskwise.gallery.index import WearIndex

_LOAD_AT_ONCE: Final = 10_000


class LoadedIndex:
    """The templates of a gallery in memory; reads what came since the last look.

    ``refreshed`` expects to run in one read transaction and raises sqlite3.Error, and
    GalleryFormatError for a template that is damaged.
    """

    def __init__(self) -> None:
        self.index: WearIndex | None = None
        self._seen = (0, 0)

    def drop(self) -> None:
        """Forget everything."""
        self.index = None

    def refreshed(self, connection: sqlite3.Connection) -> WearIndex | None:
        """The index as the file stands now, whoever changed it; None for an empty gallery."""
        encoder = connection.execute("SELECT id, dim FROM encoder ORDER BY id").fetchone()
        if encoder is None:
            self.index = None
            return None
        removals, last = connection.execute(
            "SELECT value, (SELECT coalesce(max(id), 0) FROM template)"
            " FROM setting WHERE key = 'removals'"
        ).fetchone()
        index = self.index
        if index is None or removals != self._seen[0]:
            self.index, self._seen = None, (removals, 0)
            index = WearIndex(encoder[1])
        if last > self._seen[1]:
            # Not kept half loaded, should a template turn out damaged.
            self.index = None
            self._load(connection, index, encoder[0])
        self.index, self._seen = index, (removals, last)
        return index

    def _load(self, connection: sqlite3.Connection, index: WearIndex, encoder: int) -> None:
        """Add the templates that came since the last look."""
        rows = connection.execute(
            "SELECT t.id, r.subject_id, t.wear IN ('virtual', 'real'), t.vector"
            " FROM template t CROSS JOIN reference r ON r.id = t.reference_id"
            " WHERE t.id > ? AND t.encoder_id = ? ORDER BY t.id",
            (self._seen[1], encoder),
        )
        while some := rows.fetchmany(_LOAD_AT_ONCE):
            keys, owners, masked, blobs = zip(*some, strict=True)
            index.add(
                np.array(keys, np.int64),
                np.array(owners, np.int64),
                np.array(masked, np.bool_),
                codec.decode_vectors(blobs, index.dim),
            )
