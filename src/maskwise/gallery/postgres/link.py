"""The connection to a server, made anew when it broke, and transactions on it.

Nothing is left in a session between transactions (no prepared statement, no setting, no lock, no
temporary table), so that a pooler may give every transaction another session.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from maskwise.errors import StorageError
from maskwise.gallery.postgres import halves
from maskwise.gallery.postgres.place import Place
from maskwise.gallery.postgres.words import in_words, translated

if TYPE_CHECKING:
    from typing_extensions import LiteralString

BUSY_TIMEOUT_S: Final = 30.0
"""How long a call waits for another process that is writing; the same as the file's."""

CONNECT_TIMEOUT_S: Final = 10
"""How long to wait for a server that does not answer, where the URL says nothing else."""

Connection = psycopg.Connection[tuple[Any, ...]]

_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Not REPEATABLE READ: its snapshot would be older than the lock that is waited for.
_WRITE: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


class Link:
    """One connection; calls from several threads wait for one another."""

    def __init__(self, place: Place, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.place = place
        self.path: tuple[str, ...] = (place.schema,)
        """The search path of every transaction."""
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._closed = False

    def close(self) -> None:
        """Let go of the server for good; closing twice is fine."""
        with self._lock:
            self._closed = True
            self._drop()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of the gallery, whatever others write meanwhile."""
        with self._lock, translated(self.place), self._transaction(_READ) as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, lock: tuple[int, int]) -> Iterator[Connection]:
        """Everything done inside is stored at the end, or nothing.

        lock: of an advisory lock, held until then: one writer at a time.
        """
        with self._lock, translated(self.place), self._transaction(_WRITE) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", lock)
            yield connection

    def alone(self, statement: sql.Composed) -> list[str]:
        """Run what may not stand in a transaction (VACUUM); returns the server's warnings."""
        said: list[str] = []

        def note(diagnostic: psycopg.errors.Diagnostic) -> None:
            said.append(diagnostic.message_primary or "")

        with self._lock, translated(self.place):
            connection = self._connected()
            connection.add_notice_handler(note)
            try:
                connection.execute(statement)
            finally:
                connection.remove_notice_handler(note)
        return said

    @contextlib.contextmanager
    def _transaction(self, begin: LiteralString) -> Iterator[Connection]:
        connection = self._begun(begin)
        try:
            yield connection
        except BaseException:
            self._rolled_back(connection)
            raise
        try:
            connection.execute("COMMIT")
        except psycopg.Error as error:
            if begin == _READ or not connection.broken:
                self._rolled_back(connection)
                raise
            self._drop()
            raise StorageError(
                f"{in_words(self.place, error)}. The connection broke while the server was "
                "storing, so the step may be stored or not: look, or run it again (what is there "
                "already is not stored twice)"
            ) from None
        except BaseException:
            self._rolled_back(connection)
            raise

    def _begun(self, begin: LiteralString) -> Connection:
        """A connection in a transaction; an idle one that broke meanwhile is replaced."""
        start = sql.SQL("{}; SET LOCAL search_path TO {}; SET LOCAL lock_timeout TO {}").format(
            sql.SQL(begin),
            sql.SQL(", ").join(sql.Identifier(schema) for schema in self.path),
            sql.Literal(f"{round(1000 * self._busy_timeout_s)}ms"),
        )
        connection = self._connected()
        try:
            connection.execute(start)
        except psycopg.OperationalError:
            if not connection.broken:
                raise
            connection = self._connected()
            connection.execute(start)
        return connection

    def _rolled_back(self, connection: Connection) -> None:
        with contextlib.suppress(psycopg.Error):
            connection.execute("ROLLBACK")
            return
        self._drop()

    def _connected(self) -> Connection:
        if self._closed:
            raise StorageError(f"{self.place.shown} was closed; open the gallery again")
        if self._connection is not None and self._connection.closed:
            self._drop()
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> Connection:
        given: dict[str, Any] = {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "maskwise",
            **self.place.conninfo,
        }
        connection = psycopg.connect(
            **given, autocommit=True, prepare_threshold=None, client_encoding="utf8"
        )
        halves.register(connection)
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()


def one(connection: Connection, query: LiteralString, values: Sequence[Any] = ()) -> Any:
    """The first column of the only row that a query gives."""
    row = connection.execute(query, values or None).fetchone()
    return None if row is None else row[0]
