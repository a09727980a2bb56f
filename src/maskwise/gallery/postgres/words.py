"""PostgreSQL's errors in words that name the place and the remedy, and no secret."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
from psycopg import errors

from maskwise.errors import ConfigurationError, GalleryFormatError, MaskwiseError, StorageError
from maskwise.gallery.postgres.place import Place

EXTENSION_REMEDY = (
    "a superuser (on a managed server: its administrator) runs CREATE EXTENSION vector; see "
    "docs/postgresql.md"
)


@contextlib.contextmanager
def translated(place: Place) -> Iterator[None]:
    """Raise psycopg's errors as StorageError, ConfigurationError or GalleryFormatError."""
    try:
        yield
    except psycopg.Error as error:
        # Not "from error": a traceback would show libpq's text as it is.
        raise in_words(place, error) from None


def in_words(place: Place, error: psycopg.Error) -> MaskwiseError:
    """The error in our words."""
    text = _text(place, error)
    where = place.shown
    if isinstance(error, errors.IntegrityError | errors.UndefinedTable | errors.UndefinedColumn):
        return GalleryFormatError(
            f"{where}: {text}; the gallery's tables are damaged or another program's: restore a "
            "backup, or name another schema: ?schema=NAME"
        )
    if error.sqlstate is None and any(part in text for part in _LOGIN):
        return ConfigurationError(
            f"{where}: {text}; check user, password and database of the URL, or PGPASSWORD and "
            "~/.pgpass where it names no password"
        )
    return StorageError(f"{where}: {text}; {_remedy(error, text)}")


# Errors while connecting come without a code.
_LOGIN = (
    "password authentication failed",
    "no password supplied",
    "authentication failed",
    "no pg_hba.conf entry",
    "role ",
    "database ",
    "no such database",  # a pooler
)


def _remedy(error: psycopg.Error, text: str) -> str:
    kinds: list[tuple[type[psycopg.Error] | tuple[type[psycopg.Error], ...], str]] = [
        (errors.LockNotAvailable, "another process has been writing to it for long; wait for it"),
        (errors.DeadlockDetected, "another process was in the way; run it again"),
        (errors.SerializationFailure, "another process was in the way; run it again"),
        (errors.DiskFull, "free some disk space on the server; the last step was not stored"),
        (errors.ReadOnlySqlTransaction, "the server only reads (a replica?); name the primary"),
        (errors.QueryCanceled, "raise the server's statement_timeout for this user"),
        (errors.InsufficientPrivilege, "this user may not do that: see docs/postgresql.md"),
        (errors.TooManyConnections, "wait, or put a pooler before the server"),
    ]
    for kind, remedy in kinds:
        if isinstance(error, kind):
            return remedy
    if "closed" in text and error.sqlstate is None and "server" not in text:
        return "open the gallery again"
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return (
            "check that the server runs and can be reached from here, then run it again; the last "
            "step was not stored"
        )
    return "the last step was not stored; the server's log may say more"


def _text(place: Place, error: psycopg.Error) -> str:
    """The first line of an error, without secrets."""
    text = error.diag.message_primary or (str(error).strip() or type(error).__name__)
    # libpq tries hosts and addresses in turn, a line each, and asks back on another.
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    text = next((line for line in reversed(lines) if "failed" in line), lines[0])
    for secret in place.secrets:
        text = text.replace(secret, "***")
    return text.rstrip(".")
