"""Putting people, references and templates into a gallery's tables.

The functions expect to run in one write transaction and raise sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
import uuid
from datetime import datetime, timezone

from maskwise.gallery import codec
from maskwise.gallery.gallery import NewReference
from maskwise.types import Wear


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


def store(connection: sqlite3.Connection, person: int, encoder: int, new: NewReference) -> int:
    """Add a reference, or bring the one of the same photo up to date; returns templates stored."""
    row = connection.execute(
        "SELECT id, masks FROM reference WHERE subject_id = ? AND photo_sha256 = ?",
        (person, new.photo_sha256),
    ).fetchone()
    masks = new.masks if row is None else (*codec.decode_strings(row[1]), *new.masks)
    facts = {
        "source": codec.encode_text(new.source),
        "box": None if new.box is None else codec.encode_list([float(v) for v in new.box]),
        "ipd_px": None if new.ipd_px is None else float(new.ipd_px),
        "detector": new.detector_id,
        "masks": codec.encode_list(list(dict.fromkeys(masks))),
    }
    if row is None:
        cursor = connection.execute(
            "INSERT INTO reference (uid, subject_id, photo_sha256, created_at,"
            " source, box, ipd_px, detector, masks)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (uuid.uuid4().hex, person, new.photo_sha256, now(), *facts.values()),
        )
        reference = int(cursor.lastrowid or 0)
    else:
        reference = int(row[0])
        connection.execute(
            "UPDATE reference SET source = ?, box = ?, ipd_px = ?, detector = ?, masks = ?"
            " WHERE id = ?",
            (*facts.values(), reference),
        )
        _drop_replaced(connection, reference, {_role(t.wear) for t in new.templates})
    connection.executemany(
        "INSERT INTO template (reference_id, encoder_id, wear, mask_type, mask_spec, quality,"
        " vector, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                reference,
                encoder,
                *codec.encode_wear(t.wear),
                None if t.quality is None else float(t.quality),
                codec.encode_vector(t.vector),
                now(),
            )
            for t in new.templates
        ],
    )
    return len(new.templates)


def _drop_replaced(connection: sqlite3.Connection, reference: int, roles: set[str]) -> None:
    rows = connection.execute(
        "SELECT id, wear, mask_type, mask_spec FROM template WHERE reference_id = ?", (reference,)
    ).fetchall()
    gone = [(key,) for key, *wear in rows if _role(codec.decode_wear(*wear)) in roles]
    connection.executemany("DELETE FROM template WHERE id = ?", gone)


def _role(wear: Wear) -> str:
    """Templates of one role replace one another: the face as it is, or in one virtual mask."""
    return wear.label if wear.kind == "virtual" else "as it is"
