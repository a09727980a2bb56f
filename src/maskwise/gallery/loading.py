"""The index in memory, kept as new as the gallery's tables."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

import numpy as np

from maskwise.gallery import codec, indexing
from maskwise.gallery.encryption.vault import vault_of
from maskwise.gallery.filed import FiledIndex
from maskwise.gallery.index import WearIndex

_LOAD_AT_ONCE: Final = 10_000


class LoadedIndex:
    """The templates of a gallery in memory; reads what came since the last look.

    path: the gallery's file, beside which a large one keeps an index; None in memory.
    ``refreshed`` expects to run in one read transaction and raises sqlite3.Error, and
    GalleryFormatError for a template that is damaged.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.index: WearIndex | None = None
        self.filed = None if path is None else FiledIndex(path)
        self._seen = (0, 0)
        self._encrypted = False

    @property
    def filed_is_used(self) -> bool:
        """Whether searches go through what a file holds."""
        return self.filed is not None and self.filed.used

    def drop(self) -> None:
        """Forget everything."""
        self.index = None
        if self.filed is not None:
            self.filed.forget()

    def refreshed(self, connection: sqlite3.Connection) -> WearIndex | None:
        """The index as the file stands now, whoever changed it; None for an empty gallery."""
        now = indexing.state(connection)
        encrypted = vault_of(connection) is not None
        if now is None or encrypted != self._encrypted:
            self.drop()
        self._encrypted = encrypted
        if now is None:
            return None
        index = self.index
        if self.filed is not None:
            self.filed.connection = connection
        if index is None or now.removals != self._seen[0] or self._due(now, index):
            index = self._begun(connection, now)
        if now.last > self._seen[1]:
            # Not kept half loaded, should a template turn out damaged.
            self.index = None
            self._load(connection, index, now.encoder)
        self.index, self._seen = index, (now.removals, now.last)
        return index

    def _due(self, now: indexing.Now, index: WearIndex) -> bool:
        new = now.last - self._seen[1]
        filed = None if self._encrypted else self.filed
        return bool(new) and filed is not None and filed.due(len(index), new)

    def _begun(self, connection: sqlite3.Connection, now: indexing.Now) -> WearIndex:
        """What the file beside the gallery holds; else an index without templates."""
        self.index, self._seen = None, (now.removals, 0)
        # Of an encrypted gallery there is none: it would hold templates in clear.
        filed = None if self._encrypted else self.filed
        older = None if filed is None else filed.current(connection, now)
        if older is None:
            return WearIndex(now.dim)
        self._seen = (now.removals, older.last)
        return WearIndex(now.dim, older.bare, older.masked)

    def _load(self, connection: sqlite3.Connection, index: WearIndex, encoder: int) -> None:
        """Add the templates that came since the last look."""
        rows = connection.execute(indexing.SELECT, (self._seen[1], encoder))
        while some := rows.fetchmany(_LOAD_AT_ONCE):
            keys, owners, masked, blobs = zip(*some, strict=True)
            index.add(
                np.array(keys, np.int64),
                np.array(owners, np.int64),
                np.array(masked, np.bool_),
                codec.decode_vectors(blobs, index.dim),
            )
