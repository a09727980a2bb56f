"""The schema on the server, step by step, and what it needs: pgvector.

The steps are the files of ``migrations/``, in order of their numbers. Append only: a step that was
released is never edited. The table ``migration`` tells which ones were taken.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from psycopg import errors, sql

from maskwise.errors import ConfigurationError, GalleryFormatError, StorageError
from maskwise.gallery import audit
from maskwise.gallery.enrolling import now
from maskwise.gallery.postgres.link import Connection, Link, one
from maskwise.gallery.postgres.rows import PostgresRows
from maskwise.gallery.postgres.words import EXTENSION_REMEDY

OLDEST_PGVECTOR: Final = (0, 8)
"""Iterative scans came with pgvector 0.8.0 (its CHANGELOG)."""

_LOCK_CLASS: Final = 0x4D535747
"""The letters MSWG, as a file's application_id: tells our advisory locks from others'."""

_LOG_BEGINS: Final = "0002_consent_and_audit"
"""The step after which the audit log has its first entry, which SQL alone cannot hash."""

_MIGRATING: Final = (_LOCK_CLASS, 0)


def writer_lock(schema: str) -> tuple[int, int]:
    """The advisory lock of a gallery's writers: two int32 (crc32 of the schema, as signed)."""
    number = zlib.crc32(schema.encode())
    return _LOCK_CLASS, number - (1 << 32 if number >= 1 << 31 else 0)


def steps() -> list[tuple[str, str]]:
    """Name and SQL of every step."""
    folder = files("maskwise.gallery.postgres").joinpath("migrations")
    found = sorted(
        (f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda file: file.name
    )
    return [(file.name.removesuffix(".sql"), file.read_text("utf-8")) for file in found]


def open_schema(link: Link, *, create: bool, known: Sequence[tuple[str, str]] = ()) -> None:
    """Bring the gallery to the newest format; without ``create``, StorageError if there is none.

    known: the steps; default: those that ship. Also sets the link's search path.
    """
    known = known or steps()
    place = link.place
    with link.reading() as connection:
        found = format_of(connection, place.schema)
        vector = _vector(connection)
    if found > len(known):
        raise GalleryFormatError(
            f"{place.shown} has gallery format {found} and this version of maskwise knows up to "
            f"{len(known)}; upgrade maskwise: pip install --upgrade maskwise"
        )
    if not found and not create:
        raise StorageError(
            f"{place.shown}: there is no gallery yet; enrol someone first: "
            "maskwise enrol PEOPLE_DIR --gallery URL"
        )
    if vector is None or found < len(known):
        vector = _migrate(link, known)
    link.path = tuple(dict.fromkeys((place.schema, vector)))


def format_of(connection: Connection, schema: str) -> int:
    """The number of steps taken; 0 where there is no gallery."""
    if one(connection, "SELECT to_regclass(%s)", (f'"{schema}".migration',)) is None:
        return 0
    query = sql.SQL("SELECT coalesce(max(format), 0) FROM {}").format(
        sql.Identifier(schema, "migration")
    )
    row = connection.execute(query).fetchone()
    return 0 if row is None else int(row[0])


def _migrate(link: Link, known: Sequence[tuple[str, str]]) -> str:
    """Take the steps that are due, each in a transaction; returns pgvector's schema."""
    with link.writing(_MIGRATING) as connection:
        vector = _vector(connection) or _made_vector(link, connection)
    schema = link.place.schema
    link.path = tuple(dict.fromkeys((schema, vector)))
    while True:
        # Two processes may do this at once: each looks again once it has the lock.
        with link.writing(_MIGRATING) as connection:
            due = format_of(connection, schema)
            if due >= len(known):
                return vector
            if due == 0:
                _start(link, connection)
            name, text = known[due]
            connection.execute(text.encode())
            if name == _LOG_BEGINS:
                audit.take_over(PostgresRows(connection), "begin", audit.default_actor())
            connection.execute(
                "INSERT INTO migration (format, name, applied_at) VALUES (%s, %s, %s)",
                (due + 1, name, now()),
            )


def _start(link: Link, connection: Connection) -> None:
    """The schema, with the table of the steps; GalleryFormatError where tables of others are."""
    schema = link.place.schema
    if one(connection, "SELECT to_regnamespace(%s)", (f'"{schema}"',)) is None:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    taken = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relname IN"
        " ('setting', 'encoder', 'subject', 'reference', 'template', 'kept_face', 'audit',"
        " 'calibration')",
        (f'"{schema}"',),
    ).fetchone()
    if taken is not None:
        raise GalleryFormatError(
            f"{link.place.shown}: the schema {schema} holds a table {taken[0]!r} that is no "
            "gallery's; name another schema: ?schema=NAME"
        )
    connection.execute(
        "CREATE TABLE migration (format integer PRIMARY KEY, name text NOT NULL,"
        " applied_at text NOT NULL)"
    )


def _vector(connection: Connection) -> str | None:
    """The schema that pgvector lies in; None where the database lacks it."""
    row = connection.execute(
        "SELECT n.nspname, e.extversion FROM pg_extension e"
        " JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
    ).fetchone()
    if row is None:
        return None
    schema, version = row
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PGVECTOR:
        raise ConfigurationError(
            f"the server's pgvector is {version} and maskwise needs 0.8.0 or newer; update it: "
            "ALTER EXTENSION vector UPDATE"
        )
    return str(schema)


def _made_vector(link: Link, connection: Connection) -> str:
    try:
        # The search path names a schema that need not exist yet.
        connection.execute("CREATE EXTENSION vector SCHEMA public")
    except (errors.InsufficientPrivilege, errors.InvalidSchemaName) as error:
        raise ConfigurationError(
            f"{link.place.shown}: this user may not add pgvector to the database "
            f"({error.diag.message_primary}); {EXTENSION_REMEDY}"
        ) from None
    except (errors.UndefinedFile, errors.FeatureNotSupported) as error:
        raise ConfigurationError(
            f"{link.place.shown}: the server lacks pgvector ({error.diag.message_primary}); "
            "install it there, or take a server that has it; see docs/postgresql.md"
        ) from None
    vector = _vector(connection)
    assert vector is not None
    return vector
