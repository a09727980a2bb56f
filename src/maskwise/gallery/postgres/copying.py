"""All that the server holds, in a new SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from maskwise.gallery import audit, consent
from maskwise.gallery.files import translated, write_new
from maskwise.gallery.postgres.link import Connection, Link
from maskwise.gallery.postgres.rows import PostgresRows

_AT_ONCE: Final = 1000

_TABLES: Final[dict[str, tuple[str, ...]]] = {
    "encoder": ("id", "name", "space", "dim", "created_at"),
    "subject": ("id", "uid", "name", "created_at", "consent", "expires_at"),
    "reference": (
        *("id", "uid", "subject_id", "source", "photo_sha256", "box", "ipd_px", "detector"),
        *("masks", "created_at"),
    ),
    "template": (
        *("id", "reference_id", "encoder_id", "wear", "mask_type", "mask_spec", "quality"),
        *("vector", "created_at"),
    ),
    "kept_face": ("reference_id", "face"),
}
"""The columns of a file, parents first; both engines call them the same."""


def save_copy(link: Link, path: Path, before_it_appears: Callable[[], None]) -> None:
    """See ``Gallery.save_copy``; the copy is of one moment. before_it_appears: as ``copy_to``."""

    def fill(file: sqlite3.Connection) -> None:
        with link.reading() as connection:
            _fill(connection, file)
        before_it_appears()

    with translated(str(path)):
        write_new(path, fill)


def _fill(connection: Connection, file: sqlite3.Connection) -> None:
    for table, columns in _TABLES.items():
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        # Named: the server keeps the rows, and gives some at a time.
        with connection.cursor(name="maskwise_copy", binary=True) as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(f"SELECT {names} FROM {table} ORDER BY 1".encode())
            file.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", _rows(cursor))
    limit = consent.retention_days(PostgresRows(connection))
    consent.set_retention_days(file, limit)
    audit.take_over(file, "take-over", audit.default_actor())


def _rows(cursor: Any) -> Any:
    while some := cursor.fetchmany(_AT_ONCE):
        yield from some
