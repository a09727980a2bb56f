"""Putting people, references and templates into a gallery's tables.

The functions expect to run in one write transaction and raise sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from datetime import datetime, timezone

from maskwise.errors import InputError
from maskwise.gallery import codec
from maskwise.gallery.encryption.vault import sealed_face, sealed_templates
from maskwise.gallery.gallery import another_encoder
from maskwise.gallery.records import NewReference
from maskwise.types import Template, Wear


def now() -> str:
    """The time, UTC, ISO 8601 to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def find(connection: sqlite3.Connection, name: str) -> int | None:
    """The row of a person by clean name; None when there is none."""
    row = connection.execute(
        "SELECT id FROM subject WHERE name = ?", (codec.encode_text(name),)
    ).fetchone()
    return None if row is None else int(row[0])


def person(connection: sqlite3.Connection, name: str) -> tuple[int, str]:
    """The row and the uid of a person, added if new."""
    stored = codec.encode_text(name)
    row = connection.execute("SELECT id, uid FROM subject WHERE name = ?", (stored,)).fetchone()
    if row is not None:
        return int(row[0]), str(row[1])
    uid = uuid.uuid4().hex
    cursor = connection.execute(
        "INSERT INTO subject (uid, name, created_at) VALUES (?, ?, ?)", (uid, stored, now())
    )
    return int(cursor.lastrowid or 0), uid


def pin(connection: sqlite3.Connection, where: str, encoder_id: str, dim: int, space: str) -> int:
    """The row of the encoder, which a gallery takes with its first template.

    where: for messages. Raises EncoderMismatchError, and InputError for another width. The space
    is what the encoder says now: before format 2 it was not asked.
    """
    row = connection.execute("SELECT id, name, dim, space FROM encoder ORDER BY id").fetchone()
    if row is None:
        return add_encoder(connection, encoder_id, dim, space)
    key, name, known_dim, known_space = row
    if name != encoder_id:
        raise another_encoder(where, name, encoder_id)
    if known_dim != dim:
        raise InputError(f"{where}: the templates of {name} have {known_dim} numbers, got {dim}")
    if space and space != known_space:
        connection.execute("UPDATE encoder SET space = ? WHERE id = ?", (space, key))
    return int(key)


def add_encoder(connection: sqlite3.Connection, encoder_id: str, dim: int, space: str) -> int:
    """A new row for an encoder; space "": its id."""
    cursor = connection.execute(
        "INSERT INTO encoder (name, dim, space, created_at) VALUES (?, ?, ?, ?)",
        (encoder_id, dim, space or encoder_id, now()),
    )
    return int(cursor.lastrowid or 0)


def store(connection: sqlite3.Connection, person: int, encoder: int, new: NewReference) -> int:
    """Add a reference, or bring the one of the same photo up to date; returns templates stored."""
    row = connection.execute(
        "SELECT id, masks FROM reference WHERE subject_id = ? AND photo_sha256 = ?",
        (person, new.photo_sha256),
    ).fetchone()
    masks = new.masks if row is None else (*codec.decode_strings(row[1]), *new.masks)
    facts = (
        codec.encode_text(new.source),
        *place(new),
        new.detector_id,
        codec.encode_list(list(dict.fromkeys(masks))),
    )
    if row is None:
        cursor = connection.execute(
            "INSERT INTO reference (uid, subject_id, photo_sha256, created_at,"
            " source, box, ipd_px, detector, masks)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (uuid.uuid4().hex, person, new.photo_sha256, now(), *facts),
        )
        reference = int(cursor.lastrowid or 0)
    else:
        reference = int(row[0])
        connection.execute(
            "UPDATE reference SET source = ?, box = ?, ipd_px = ?, detector = ?, masks = ?"
            " WHERE id = ?",
            (*facts, reference),
        )
        _drop_replaced(connection, reference, {role(t.wear) for t in new.templates})
    add_templates(connection, reference, encoder, new.templates)
    if new.kept is not None:
        connection.execute(
            "INSERT OR REPLACE INTO kept_face (reference_id, face, key_id) VALUES (?, ?, ?)",
            (reference, *sealed_face(connection, reference, new.kept)),
        )
    return len(new.templates)


def place(new: NewReference) -> tuple[str | None, float | None]:
    """The columns box and ipd_px."""
    return (
        None if new.box is None else codec.encode_list([float(v) for v in new.box]),
        None if new.ipd_px is None else float(new.ipd_px),
    )


def add_templates(
    connection: sqlite3.Connection,
    reference: int,
    encoder: int,
    templates: Sequence[Template],
    times: Sequence[str] = (),
) -> None:
    """Templates of a reference, by the rows of both; times: when each was made, default now."""
    rows = [
        (
            *codec.encode_wear(t.wear),
            None if t.quality is None else float(t.quality),
            codec.encode_vector(t.vector),
            time,
        )
        for t, time in zip(templates, times or [now()] * len(templates), strict=True)
    ]
    connection.executemany(
        "INSERT INTO template (reference_id, encoder_id, id, wear, mask_type, mask_spec, quality,"
        " vector, created_at, key_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (reference, encoder, *row)
            for row in sealed_templates(connection, reference, encoder, rows)
        ],
    )


def _drop_replaced(connection: sqlite3.Connection, reference: int, roles: set[str]) -> None:
    rows = connection.execute(
        "SELECT id, wear, mask_type, mask_spec FROM template WHERE reference_id = ?", (reference,)
    ).fetchall()
    gone = [(key,) for key, *wear in rows if role(codec.decode_wear(*wear)) in roles]
    connection.executemany("DELETE FROM template WHERE id = ?", gone)


def role(wear: Wear) -> str:
    """Templates of one role replace one another: the face as it is, or in one virtual mask."""
    return wear.label if wear.kind == "virtual" else "as it is"
