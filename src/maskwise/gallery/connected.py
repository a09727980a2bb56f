"""The half of the SQLite gallery that holds the connection: transactions, and what rows are."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from maskwise.errors import SubjectError
from maskwise.gallery.accounted import AccountedGallery
from maskwise.gallery.encryption.sealed_rows import resealing
from maskwise.gallery.encryption.vault import VaultConnection
from maskwise.gallery.files import translated
from maskwise.gallery.indexing import erasing
from maskwise.gallery.loading import LoadedIndex
from maskwise.gallery.rows import Rows
from maskwise.gallery.same_file import SameFile

_Done = TypeVar("_Done")
_TRY_MS: Final = 100
_PAUSE_S: Final = 0.15
"""SQLite's writers look at the lock every 0.1 s at least."""


class ConnectedGallery(AccountedGallery):
    """What the other halves of ``SqliteGallery`` stand on."""

    def __init__(self, connection: VaultConnection, path: Path | None) -> None:
        self._connection = connection
        assert connection.vault is not None  # who connects prepares it
        self._vault = connection.vault
        self._path = path
        self._opened = None if path is None else SameFile.at(path)
        self._lock = threading.RLock()
        self._loaded = LoadedIndex(path)
        # Also closes when the object is dropped and when Python ends.
        self._close = weakref.finalize(self, connection.close)

    @property
    def where(self) -> str:
        """The file's path, or ``:memory:``."""
        return ":memory:" if self._path is None else str(self._path)

    @property
    def file(self) -> Path | None:
        """The file; None in memory."""
        return self._path

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        with self._lock:
            self._loaded.drop()
            self._close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the gallery, whatever others write meanwhile."""
        with (
            self._lock,
            translated(self.where),
            self._vault.in_words(),
            _transaction(self._connection, "DEFERRED"),
        ):
            self._check_place()
            self._vault.look(self._connection)
            yield self._connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Everything done inside is stored at the end, or nothing."""
        with (
            self._lock,
            translated(self.where),
            self._vault.in_words(),
            _transaction(self._connection, "IMMEDIATE"),
        ):
            self._check_place()
            with erasing(self._connection, self._path):
                self._vault.look(self._connection)
                yield self._connection

    def _check_place(self) -> None:
        if self._opened is not None:
            self._opened.check()

    def _reference(self, connection: sqlite3.Connection, uid: str) -> int:
        row = connection.execute("SELECT id FROM reference WHERE uid = ?", (uid,)).fetchone()
        if row is None:
            raise SubjectError(
                f"{self.where} has no reference {uid!r}; `maskwise gallery show NAME --json` "
                "lists a person's"
            )
        return int(row[0])

    @contextlib.contextmanager
    def _read_rows(self) -> Iterator[Rows]:
        with self._reading() as connection:
            yield connection

    @contextlib.contextmanager
    def _write_rows(self) -> Iterator[Rows]:
        with self._writing() as connection:
            yield connection

    def _moved(self, connection: Rows, subject: int) -> None:
        # Touched, so that indexes in memory and beside the file are made anew: they hold owners.
        connection.execute(
            "UPDATE template SET reference_id = reference_id"
            " WHERE reference_id IN (SELECT id FROM reference WHERE subject_id = ?)",
            (subject,),
        )

    def _resealing(self, connection: Rows, subject: int) -> contextlib.AbstractContextManager[None]:
        return resealing(self._connection, self._vault, subject)

    def _erase(self, act: Callable[[Rows], _Done]) -> tuple[_Done, bool, str]:
        with self._writing() as connection:
            done = act(connection)
        return done, self._empty_log(), ""

    def _empty_log(self) -> bool:
        """Empty the write-ahead log, which holds what was there before; False if that failed."""
        with self._lock:
            try:
                (wait_ms,) = self._connection.execute("PRAGMA busy_timeout").fetchone()
                try:
                    return _emptied(self._connection, wait_ms)
                finally:
                    self._connection.execute(f"PRAGMA busy_timeout = {wait_ms}")
            except sqlite3.Error:
                # What was asked for is done and stored: no reason to raise.
                return False


def _emptied(connection: sqlite3.Connection, wait_ms: int) -> bool:
    """Empty the write-ahead log once nobody reads it; False when that took too long.

    While it waits for readers, SQLite holds the write lock. So it tries for a moment only, time
    and again: others may write in between, and a reader that wants to does not wait for ever.
    """
    end = time.monotonic() + wait_ms / 1000
    connection.execute(f"PRAGMA busy_timeout = {min(wait_ms, _TRY_MS)}")
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() >= end:
            return False
        time.sleep(_PAUSE_S)
    return True


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have ended the transaction already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
