"""Templates on disk, so that an evaluation that was broken off goes on where it was.

One SQLite file; rows are added, and go when a person is deleted (``forget``). A row is found by
what made it (the models), the photo's SHA-256 and the look (docs/evaluation-inputs.md); it holds
vectors and places of faces, never a pixel or a path. What was added in one call is there whole or
not at all, whatever ends the process: SQLite's log tells a torn end by its checksums. Several
processes may share the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np

from maskwise.errors import OutputError
from maskwise.types import F32

FILE: Final = "templates.sqlite3"
AS_IS_KEY: Final = "as-is"

_APPLICATION_ID: Final = 0x6D775443  # "mwTC"
_FORMAT: Final = 1
_MARKS: Final = ("application_id", "user_version")
_BUSY_TIMEOUT_S: Final = 30.0
_UNIT_TOLERANCE: Final = 1e-3
_SCHEMA: Final = (
    "CREATE TABLE pipelines (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE)",
    "CREATE TABLE templates (pipeline INTEGER NOT NULL REFERENCES pipelines (id), "
    "photo BLOB NOT NULL, look TEXT NOT NULL, status TEXT NOT NULL, note TEXT NOT NULL, "
    "mask REAL, place BLOB, vector BLOB, PRIMARY KEY (pipeline, photo, look)) WITHOUT ROWID",
)

FaceStatus = Literal["found", "several_faces", "no_face", "mask_unfit"]
FOUND: Final = ("found", "several_faces")
"""Statuses with a vector."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What became of one photo in one look.

    status: ``found``; ``several_faces``: found, and ``verify`` would refuse the choice;
    ``no_face``; ``mask_unfit``: a face that no mask fits. note: a sentence for people.
    mask: the probability that a mask is worn, NaN where nobody asked. place: (4 + 3 K,) float32:
    the box, then x, y and visible (1 or 0) of each landmark, px of the photo. vector: (D,)
    float32 of unit length. Both are None where there is no face, the place also where a mask was
    drawn on the chip: it is the place of the photo as it is.
    """

    status: FaceStatus
    note: str = ""
    mask: float = float("nan")
    place: F32 | None = None
    vector: F32 | None = None


class TemplateCache:
    """An open cache. As a context manager it closes itself; one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection, self._name = connection, name

    @property
    def name(self) -> str:
        """The file, for messages."""
        return self._name

    @classmethod
    def open(cls, folder: str | os.PathLike[str] | None = None) -> TemplateCache:
        """The cache in ``folder`` (None: ``default_folder()``), made where there is none.

        Only its owner may read it (mode 0600).
        Raises OutputError, with the remedy, where it cannot be read or written, or is damaged.
        """
        path = _path(folder)
        with _translated(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
            try:
                _prepare(connection, str(path))
            except BaseException:
                connection.close()
                raise
        return cls(connection, str(path))

    @classmethod
    def in_memory(cls) -> TemplateCache:
        """A cache that ends with the process."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        _prepare(connection, "memory")
        return cls(connection, "memory")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> TemplateCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pipeline(self, made_by: Mapping[str, object]) -> int:
        """The number of the pipeline that ``made_by`` describes, for ``get`` and ``add``."""
        key = json.dumps(made_by, sort_keys=True)
        with _translated(self._name):
            self._connection.execute("INSERT OR IGNORE INTO pipelines (key) VALUES (?)", (key,))
            query = "SELECT id FROM pipelines WHERE key = ?"
            return int(self._connection.execute(query, (key,)).fetchone()[0])

    def get(self, pipeline: int, photo_sha256: str) -> dict[str, Entry]:
        """All that is known of a photo: look -> Entry."""
        query = (
            "SELECT look, status, note, mask, place, vector FROM templates "
            "WHERE pipeline = ? AND photo = ?"
        )
        with _translated(self._name):
            rows = self._connection.execute(query, (pipeline, bytes.fromhex(photo_sha256)))
            return {row[0]: self._entry(*row[1:]) for row in rows}

    def add(self, pipeline: int, entries: Sequence[tuple[str, str, Entry]]) -> None:
        """Add (photo's sha256, look, Entry), all or none; what is there already stays."""
        rows = [
            (
                pipeline,
                bytes.fromhex(photo),
                look,
                entry.status,
                entry.note,
                None if np.isnan(entry.mask) else entry.mask,
                _packed(entry.place),
                _packed(entry.vector),
            )
            for photo, look, entry in entries
        ]
        with _translated(self._name), _transaction(self._connection):
            self._connection.executemany(
                "INSERT OR IGNORE INTO templates VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows
            )

    def forget(self, photos: Sequence[str]) -> int:
        """Delete and overwrite all that is known of photos, by sha256; how many rows that were."""
        gone = 0
        with _translated(self._name):
            self._connection.execute("PRAGMA secure_delete = ON")
            with _transaction(self._connection):
                for photo in dict.fromkeys(photos):
                    gone += self._connection.execute(
                        "DELETE FROM templates WHERE photo = ?", (bytes.fromhex(photo),)
                    ).rowcount
            if gone:  # the log holds them still
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return gone

    def count(self) -> tuple[int, int]:
        """How many photos and how many vectors it holds, of all pipelines."""
        query = "SELECT COUNT(DISTINCT photo), COUNT(vector) FROM templates"
        with _translated(self._name):
            photos, vectors = self._connection.execute(query).fetchone()
        return int(photos), int(vectors)

    def _entry(
        self, status: str, note: str, mask: float | None, place: bytes | None, vector: bytes | None
    ) -> Entry:
        known = [s for s in get_args(FaceStatus) if s == status]
        try:
            where, numbers = _unpacked(place), _unpacked(vector)
            if (
                not known
                or (known[0] in FOUND) != (numbers is not None)
                or (numbers is not None and not abs(np.linalg.norm(numbers) - 1) <= _UNIT_TOLERANCE)
                or (where is not None and not np.isfinite(where).all())
            ):
                raise ValueError("a row that no run wrote")
            probability = float("nan") if mask is None else float(mask)
        except (TypeError, ValueError) as error:
            raise OutputError(_damaged(self._name, str(error))) from error
        return Entry(known[0], str(note), probability, where, numbers)


def default_folder() -> Path:
    """The user's cache folder of maskwise."""
    import platformdirs

    return platformdirs.user_cache_path("maskwise", appauthor=False)


def delete_cache(folder: str | os.PathLike[str] | None = None) -> int:
    """Delete the cache in ``folder`` (None: ``default_folder()``); how many bytes that freed.

    Raises OutputError when it cannot be deleted. Nothing else in the folder is touched.
    """
    freed = 0
    path = _path(folder)
    with _translated(str(path)):
        # The log first: without its file it would be taken for the log of the next one.
        for part in (*(path.with_name(FILE + ending) for ending in ("-wal", "-shm")), path):
            with contextlib.suppress(FileNotFoundError):
                freed += part.stat().st_size
                part.unlink()
    return freed


def cache_size(folder: str | os.PathLike[str] | None = None) -> tuple[Path, int]:
    """The file of the cache in ``folder`` (None: ``default_folder()``), and its size in bytes.

    The size is 0 where there is none. Raises OutputError where that cannot be seen.
    """
    size = 0
    path = _path(folder)
    with _translated(str(path)):
        for part in (path, *(path.with_name(FILE + ending) for ending in ("-wal", "-shm"))):
            with contextlib.suppress(FileNotFoundError):
                size += part.stat().st_size
    return path, size


def _path(folder: str | os.PathLike[str] | None) -> Path:
    return (default_folder() if folder is None else Path(folder)) / FILE


def _prepare(connection: sqlite3.Connection, name: str) -> None:
    """Make the tables in an empty file; OutputError for a file that is another program's."""
    connection.execute("BEGIN")  # one view for all that is asked: another process may be at it
    empty = not connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    found = [int(connection.execute(f"PRAGMA {p}").fetchone()[0]) for p in _MARKS]
    connection.execute("COMMIT")
    if found != [_APPLICATION_ID, _FORMAT] and not (empty and found == [0, 0]):
        what = "another version's" if found[0] == _APPLICATION_ID else "no"
        raise OutputError(f"{name} is {what} cache of templates; delete it or name another folder")
    # NORMAL: a power failure may cost the last photos, never the file.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if not empty:
        return
    with _transaction(connection):
        # Asked again: another process may have been faster.
        if not connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
            for statement in _SCHEMA:
                connection.execute(statement)
            for mark, value in zip(_MARKS, (_APPLICATION_ID, _FORMAT), strict=True):
                connection.execute(f"PRAGMA {mark} = {value}")


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    """Raise sqlite3's and the system's errors as OutputError that names file and remedy."""
    try:
        yield
    except OutputError:
        raise
    except sqlite3.Error as error:
        text = str(error)
        if any(word in text for word in ("malformed", "not a database", "corrupt")):
            raise OutputError(_damaged(name, text)) from error
        remedy = "free some disk space" if "full" in text else "check the folder's permissions"
        if "locked" in text:
            remedy = "another run has been writing to it for long; wait for it or end it"
        raise OutputError(
            f"{name}: {text}; {remedy}, or name another folder for the cache"
        ) from error
    except OSError as error:
        raise OutputError(
            f"{name}: {error.strerror or error}; name another folder for the cache of templates"
        ) from error


def _damaged(name: str, why: str) -> str:
    return f"{name}: the cache of templates is damaged ({why}); delete it and run again"


def _packed(array: F32 | None) -> bytes | None:
    return None if array is None else np.asarray(array).astype("<f4").tobytes()


def _unpacked(stored: bytes | None) -> F32 | None:
    return None if stored is None else np.frombuffer(stored, "<f4").astype(np.float32)
