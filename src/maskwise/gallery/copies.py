"""The files beside a gallery that hold people, too: do they hold this one; and away with them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maskwise.gallery import codec
from maskwise.gallery.records import SubjectDetails
from maskwise.gallery.where import copies_beside

_AT_ONCE: Final = 500  # SQLite before 3.32 takes 999 parameters
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Copy:
    """A file beside the gallery. holds: whether the person is in it; None: it cannot be read."""

    path: Path
    holds: bool | None


def copies_with(gallery: Path, person: SubjectDetails) -> list[Copy]:
    """What ``maskwise gallery re-encode`` left beside a gallery, but for files without the person.

    A file that cannot be read may hold anybody: it is in the list.
    """
    found = [Copy(path, _holds(path, person)) for path in copies_beside(gallery)]
    return [copy for copy in found if copy.holds is not False]


def wipe(path: Path) -> str:
    """Overwrite a file and its log with zeros, then delete them; why that failed, or "".

    What a disk keeps of overwritten blocks, and a file system of older versions, is out of reach.
    """
    try:
        for name in (f"{path.name}-wal", f"{path.name}-shm", path.name):
            part = path.with_name(name)
            with contextlib.suppress(FileNotFoundError):
                if not part.is_symlink():  # what a link points to is not ours
                    _overwrite(part)
                part.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _overwrite(path: Path) -> None:
    if path.stat().st_nlink > 1:  # the same bytes under another name: somebody wants them
        return
    with path.open("r+b") as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0:
            left -= file.write(bytes(min(left, _BLOCK)))
        file.flush()
        os.fsync(file.fileno())


def _holds(path: Path, person: SubjectDetails) -> bool | None:
    """By uid, by name, by photo; in a draft, the "people" are uids of references."""
    ids = [r.reference_id for r in person.references]
    names = [codec.encode_text(name) for name in (person.subject, *ids)]
    photos = [r.photo_sha256 for r in person.references]
    # Immutable: no -wal and -shm come to lie beside it; with a log there, that must be read, too.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=5)
        ) as connection:
            return (
                _any(connection, "subject", "uid", [person.subject_id])
                or _any(connection, "subject", "name", names)
                or _any(connection, "reference", "photo_sha256", photos)
            )
    except sqlite3.Error:
        return None


def _any(
    connection: sqlite3.Connection, table: str, column: str, values: list[str] | list[bytes]
) -> bool:
    for first in range(0, len(values), _AT_ONCE):
        some = values[first : first + _AT_ONCE]
        marks = ",".join("?" * len(some))
        query = f"SELECT 1 FROM {table} WHERE {column} IN ({marks}) LIMIT 1"
        if connection.execute(query, some).fetchone() is not None:
            return True
    return False
