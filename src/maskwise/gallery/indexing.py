"""Keeping the search index beside a gallery's file true.

The tables are the truth. The functions expect to run in a transaction of ``connection`` and
raise sqlite3.Error.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from maskwise.gallery import codec
from maskwise.gallery.encryption import data_keys
from maskwise.gallery.index.codes import Mask
from maskwise.gallery.index.file import (
    DamagedIndexError,
    Head,
    Part,
    erase,
    read_head,
    wipe,
    write,
)
from maskwise.gallery.index.protocol import I64
from maskwise.types import F32

LEAST: Final = 50_000
"""Templates from which a gallery gets an index. Below, all of them are read in half a second at
the first search, and a search of 128 numbers takes some 5 ms a core."""

_LOCK_TIMEOUT_S: Final = 5.0
_MOST_ERASED: Final = 20_000
"""More templates than that are not erased one by one: the whole index goes."""

log = logging.getLogger("maskwise.gallery")

SELECT: Final = (
    "SELECT t.id, r.subject_id, t.wear IN ('virtual', 'real'), t.vector"
    " FROM clear_template t CROSS JOIN reference r ON r.id = t.reference_id"
    " WHERE t.id > ? AND t.encoder_id = ? ORDER BY t.id"
)
"""Templates after a key, of an encoder's row: key, owner, masked, vector."""


@dataclass(frozen=True, slots=True)
class Now:
    """How the tables stand. encoder: its row; name: its id; last: the highest template.id;
    given: the highest that there ever was."""

    encoder: int
    name: str
    dim: int
    removals: int
    last: int
    given: int


def state(connection: sqlite3.Connection) -> Now | None:
    """As of this transaction; None for an empty gallery."""
    row = connection.execute(
        "SELECT e.id, e.name, e.dim, s.value, (SELECT coalesce(max(id), 0) FROM template),"
        " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'template'), 0)"
        " FROM encoder e, setting s WHERE s.key = 'removals' ORDER BY e.id"
    ).fetchone()
    return None if row is None else Now(*row)


def place_beside(gallery: Path) -> Path:
    """The index of the gallery in that file."""
    return gallery.with_name(f"{gallery.name}.index")


def fetch(connection: sqlite3.Connection, keys: I64, dim: int) -> tuple[Mask, F32]:
    """The vectors of templates, as ``coarse.Fetch`` has it; GalleryFormatError for damaged ones."""
    found: dict[int, bytes] = {}
    wanted: list[int] = keys.tolist()
    for first in range(0, len(wanted), 500):
        some = wanted[first : first + 500]
        marks = ",".join("?" * len(some))
        found.update(
            connection.execute(f"SELECT id, vector FROM clear_template WHERE id IN ({marks})", some)
        )
    none = bytes(4 * dim)
    vectors = codec.decode_vectors([found.get(key, none) for key in wanted], dim)
    return np.array([key in found for key in wanted], np.bool_), vectors


def sums(connection: sqlite3.Connection, keys: list[int]) -> tuple[tuple[int, int], ...]:
    """Those of some templates that are there, by rising key, with the CRC-32 of their vectors."""
    marks = ",".join("?" * len(keys))
    rows = connection.execute(
        f"SELECT id, vector FROM clear_template WHERE id IN ({marks}) ORDER BY id", keys
    )
    return tuple((key, zlib.crc32(vector)) for key, vector in rows)


def fault(connection: sqlite3.Connection, head: Head, now: Now) -> str | None:
    """Why an index does not hold for the tables as they stand, or None."""
    if (head.encoder, head.dim) != (now.name, now.dim):
        return "it is of another encoder"
    if head.removals != now.removals or head.last > now.given:
        return "it is stale: templates went without it"
    if sums(connection, [key for key, _ in head.samples]) != head.samples:
        return "it is of another gallery"
    return None


def publish(gallery: Path, head: Head, parts: Mapping[str, Part]) -> tuple[Head, bool]:
    """Put a new index beside the gallery, unless somebody was removed since it was read.

    Returns the head as written, and whether it stands there now; raises OSError. It takes the
    gallery's write lock for a moment: so nobody deletes a person between the look and the rename.
    """
    place = place_beside(gallery)
    with _draft(place) as draft:
        head = write(draft, head, parts)
        other = sqlite3.connect(
            f"{gallery.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_LOCK_TIMEOUT_S,
            isolation_level=None,
        )
        try:
            other.execute("BEGIN IMMEDIATE")
            now = state(other)
            if now is None or (now.name, now.removals) != (head.encoder, head.removals):
                return head, False
            if data_keys.count(other):  # encrypted meanwhile: an index would be in clear
                return head, False
            with contextlib.suppress(DamagedIndexError, FileNotFoundError):
                if read_head(place).removals != now.removals:
                    wipe(place)  # it may hold people who are gone
            draft.replace(place)
            return head, True
        except sqlite3.Error as error:
            log.info("%s: the index was not kept: %s", gallery, error)
            return head, False
        finally:
            other.close()


@contextlib.contextmanager
def _draft(place: Path) -> Iterator[Path]:
    """An empty file, mode 0600, whose name says of which index it is; it is gone at the end."""
    draft = place.with_name(f".{place.name}-{secrets.token_hex(8)}.new")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def wipe_drafts(place: Path) -> None:
    """What killed processes left; one that is being written is of no use by now."""
    for path in place.parent.iterdir():
        if path.name.startswith(f".{place.name}-") and path.name.endswith(".new"):
            wipe(path)


def watch(connection: sqlite3.Connection) -> None:
    """Note, from now on, which templates this connection deletes or changes."""
    for statement in (
        "CREATE TEMP TABLE IF NOT EXISTS gone_template (id INTEGER PRIMARY KEY)",
        "CREATE TEMP TRIGGER IF NOT EXISTS template_gone AFTER DELETE ON main.template"
        " BEGIN INSERT OR IGNORE INTO gone_template VALUES (OLD.id); END",
        # -1: not to be told by keys alone.
        "CREATE TEMP TRIGGER IF NOT EXISTS template_other AFTER UPDATE ON main.template"
        " BEGIN INSERT OR IGNORE INTO gone_template VALUES (-1); END",
    ):
        connection.execute(statement)


@contextlib.contextmanager
def erasing(connection: sqlite3.Connection, gallery: Path | None) -> Iterator[None]:
    """What is deleted inside, in a write transaction, leaves the index too, before it is stored.

    An index that cannot be written any more is deleted whole; raises OSError when that fails.
    """
    if gallery is None:
        yield
        return
    place = place_beside(gallery)
    watched = place.exists()  # nobody makes one meanwhile: that takes the write lock
    if watched:
        watch(connection)
        connection.execute("DELETE FROM gone_template")
    before = _removals(connection)
    yield
    now = _removals(connection)
    if now == before:
        return
    wipe_drafts(place)
    if not watched:
        return
    gone = [row[0] for row in connection.execute("SELECT id FROM gone_template")]
    connection.execute("DELETE FROM gone_template")
    try:
        if -1 in gone or len(gone) > _MOST_ERASED or len(gone) != now - before:
            wipe(place)
        else:
            erase(place, np.array(gone, np.int64), before, now)
    except FileNotFoundError:
        return
    except (DamagedIndexError, OSError):
        wipe(place)


def _removals(connection: sqlite3.Connection) -> Any:
    return connection.execute("SELECT value FROM setting WHERE key = 'removals'").fetchone()[0]
