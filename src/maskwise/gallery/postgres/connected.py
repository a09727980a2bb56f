"""The half of the PostgreSQL gallery that holds the connection: its transactions, and wiping."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from maskwise.gallery.accounted import AccountedGallery
from maskwise.gallery.postgres import indexes, wiping
from maskwise.gallery.postgres.link import Connection, Link, one
from maskwise.gallery.postgres.loading import LoadedTemplates
from maskwise.gallery.postgres.rows import PostgresRows
from maskwise.gallery.postgres.schema import writer_lock
from maskwise.gallery.rows import Rows

_Done = TypeVar("_Done")


class ConnectedGallery(AccountedGallery):
    """What ``PostgresGallery`` stands on."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._loaded = LoadedTemplates()
        self._lock = writer_lock(link.place.schema)
        self._loading = False
        # Also closes when the object is dropped and when Python ends.
        self._close = weakref.finalize(self, link.close)

    @property
    def where(self) -> str:
        """The URL without password and parameters."""
        return self._link.place.shown

    def close(self) -> None:
        """Let go of the server; closing twice is fine."""
        self._loaded.drop()
        self._close()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Everything done inside is stored at the end, or nothing; the indexes are kept up."""
        with self._link.writing(self._lock) as connection:
            yield connection
            if not self._loading:
                indexes.keep_up(connection)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Indexes that are not there are made at the end, unless it is one by an exception."""
        self._loading = True
        try:
            yield
        finally:
            self._loading = False
        with self._writing():
            pass

    def _log_copy(self) -> None:
        with self._link.reading() as connection:
            may = one(
                connection,
                "SELECT has_table_privilege('audit', 'INSERT') AND NOT pg_is_in_recovery()",
            )
        if may:  # else there is no place for the entry, as in a file that may only be read
            super()._log_copy()

    @contextmanager
    def _read_rows(self) -> Iterator[Rows]:
        with self._link.reading() as connection:
            yield PostgresRows(connection)

    @contextmanager
    def _write_rows(self) -> Iterator[Rows]:
        with self._writing() as connection:
            yield PostgresRows(connection)

    def _moved(self, connection: Rows, subject: int) -> None:
        connection.execute(
            "UPDATE template SET subject_id = ? WHERE subject_id <> ?"
            " AND reference_id IN (SELECT id FROM reference WHERE subject_id = ?)",
            (subject, subject, subject),
        )
        connection.execute(
            "UPDATE template SET alone = NOT alone WHERE subject_id = ? AND alone = EXISTS"
            " (SELECT 1 FROM template other WHERE other.subject_id = template.subject_id"
            " AND other.masked <> template.masked)",
            (subject,),
        )

    def _erase(self, act: Callable[[Rows], _Done]) -> tuple[_Done, bool, str]:
        with self._writing() as connection:
            done = act(PostgresRows(connection))
            number = wiping.transaction_id(connection)
        # A small gallery's tables are then written anew without the bytes.
        remains = wiping.wipe(self._link, number)
        return done, not remains, remains
