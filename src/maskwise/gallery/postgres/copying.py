"""All that the server holds, in a new SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from maskwise.gallery import audit, consent
from maskwise.gallery import whole as in_file
from maskwise.gallery.files import translated, write_new
from maskwise.gallery.postgres import whole
from maskwise.gallery.postgres.link import Connection, Link
from maskwise.gallery.postgres.rows import PostgresRows
from maskwise.gallery.stored import StoredReference


def save_copy(link: Link, path: Path, actor: str, before_it_appears: Callable[[], None]) -> None:
    """See ``Gallery.save_copy``; the copy is of one moment, and begins a log of its own.

    before_it_appears: as ``copy_to``.
    """

    def fill(file: sqlite3.Connection) -> None:
        with link.reading() as connection:
            in_file.restore(file, str(path), _everybody(connection))
            consent.set_retention_days(file, consent.retention_days(PostgresRows(connection)))
        audit.take_over(file, "take-over", actor)
        before_it_appears()

    with translated(str(path)):
        write_new(path, fill)


def _everybody(connection: Connection) -> Iterator[StoredReference]:
    found, place = whole.batch(connection, in_file.START)
    while found:
        yield from found
        found, place = whole.batch(connection, place)
