"""All that the gallery holds, in a new SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from maskwise.gallery import audit, whole
from maskwise.gallery.files import translated, write_new
from maskwise.gallery.qdrant import whole as records
from maskwise.gallery.qdrant.head import Head
from maskwise.gallery.qdrant.link import Link
from maskwise.gallery.stored import StoredReference


def save_copy(link: Link, head: Head, path: Path, check: Callable[[], None]) -> None:
    """See ``Gallery.save_copy``; of the moment of ``head``.

    check: called before the file appears; raises when that moment can no longer be read whole.
    """

    def fill(file: sqlite3.Connection) -> None:
        whole.restore(file, str(path), everything(link, head))
        check()
        audit.take_over(file, "take-over", audit.default_actor())

    with translated(str(path)):
        write_new(path, fill)


def everything(link: Link, head: Head) -> Iterator[StoredReference]:
    """All references of that moment, in the order of ``Gallery.export``."""
    place: records.Place | None = records.START
    while place is not None:
        some, place = records.batch(link, head.view, head.templates, head.encoder, place)
        yield from some
