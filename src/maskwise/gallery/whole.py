"""Whole references out of a gallery's tables, and back with their ids and times.

The functions expect to run in one transaction and raise sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from maskwise.errors import InputError, SubjectError
from maskwise.gallery import codec, consent, enrolling, listing
from maskwise.gallery.consent import Consent
from maskwise.gallery.encryption.vault import sealed_face
from maskwise.gallery.records import NewReference
from maskwise.gallery.stored import StoredReference
from maskwise.types import Template

BATCH: Final = 256
"""References a read transaction: some MB with kept faces, and no writer's log grows for long."""

COLUMNS: Final = (
    "s.id, r.id, s.uid, s.name, s.created_at, r.uid, r.created_at, r.source,"
    " r.photo_sha256, r.box, r.ipd_px, r.detector, r.masks,"
    " s.consent, s.expires_at, (SELECT face FROM {faces} k WHERE k.reference_id = r.id)"
)
"""What ``assembled`` takes, of a person ``s`` and a reference ``r``; faces: where they stand."""

_WHOLE: Final = (
    f"SELECT {COLUMNS.format(faces='clear_face')} FROM subject s"
    " JOIN reference r ON r.subject_id = s.id"
)

Place = tuple[int, int]
START: Final[Place] = (0, 0)
"""Before everybody; a place is the row of a person and that of a reference."""


def place_of(connection: sqlite3.Connection, where: str, uid: str) -> Place:
    """Where the reference stands; SubjectError when there is none."""
    row = connection.execute(
        "SELECT subject_id, id FROM reference WHERE uid = ?", (uid,)
    ).fetchone()
    if row is None:
        raise SubjectError(f"{where} has no reference {uid!r}; export it from the start")
    return int(row[0]), int(row[1])


def batch(connection: sqlite3.Connection, after: Place) -> tuple[list[StoredReference], Place]:
    """The next references in the order of ``Gallery.export``, and the place of the last."""
    # Row values came with SQLite 3.15; written out, the index on references serves as well.
    rows = connection.execute(
        f"{_WHOLE} WHERE s.id >= ? AND (s.id > ? OR r.id > ?) ORDER BY s.id, r.id LIMIT ?",
        (after[0], *after, BATCH),
    ).fetchall()
    found = [_reference(connection, row) for row in rows]
    return found, (after if not rows else (int(rows[-1][0]), int(rows[-1][1])))


def _reference(connection: sqlite3.Connection, row: tuple[Any, ...]) -> StoredReference:
    times = connection.execute(
        "SELECT t.created_at, e.space FROM template t JOIN encoder e ON e.id = t.encoder_id"
        " WHERE t.reference_id = ? ORDER BY t.id",
        (row[1],),
    ).fetchall()
    space = times[0][1] if times else ""
    return assembled(row, listing.templates(connection, row[1]), [t for t, _ in times], space)


def assembled(
    row: Sequence[Any], templates: Sequence[Template], times: Sequence[str], space: str
) -> StoredReference:
    """The reference of a row as ``COLUMNS`` names them, on any engine with these tables.

    Raises GalleryFormatError for values of no sound form.
    """
    _, _, person, name, enrolled, uid, added, source, sha256, box, ipd_px, *rest = row
    detector, masks, agreed, expires_at, face = rest
    with codec.stored(f"reference {row[1]}"):
        photo = NewReference(
            codec.decode_text(source),
            templates,
            photo_sha256=sha256,
            box=codec.decode_numbers(box),
            ipd_px=ipd_px,
            detector_id=detector,
            masks=codec.decode_strings(masks),
            space=space,
            kept=None if face is None else bytes(face),
            consent=(
                None
                if agreed is None and expires_at is None
                else Consent("" if agreed is None else codec.decode_text(agreed), expires_at or "")
            ),
        )
        return StoredReference(
            person, codec.decode_text(name), enrolled, uid, added, photo, tuple(times)
        )


def restore(connection: sqlite3.Connection, where: str, records: Iterable[StoredReference]) -> int:
    """See ``Gallery.restore``."""
    stored = 0
    for record in records:
        if _is_there(connection, where, record):
            continue
        encoder_id, space, dim = record.encoder
        encoder = enrolling.pin(connection, where, encoder_id, dim, space)
        _put(connection, _person(connection, where, record), encoder, record)
        stored += 1
    return stored


def _is_there(connection: sqlite3.Connection, where: str, record: StoredReference) -> bool:
    row = connection.execute(f"{_WHOLE} WHERE r.uid = ?", (record.reference_id,)).fetchone()
    if row is None:
        return False
    check_same(where, _reference(connection, row), record)
    return True


def _person(connection: sqlite3.Connection, where: str, record: StoredReference) -> int:
    name = codec.encode_text(record.subject)
    facts = (record.subject_id, name, record.subject_created_at)
    rows = connection.execute(
        "SELECT id, uid, name, created_at FROM subject WHERE uid = ? OR name = ?", facts[:2]
    ).fetchall()
    if not rows:
        cursor = connection.execute(
            "INSERT INTO subject (uid, name, created_at) VALUES (?, ?, ?)", facts
        )
        person = int(cursor.lastrowid or 0)
        if record.photo.consent is not None:
            consent.note(connection, person, record.photo.consent)
        return person
    if len(rows) > 1 or tuple(rows[0][1:]) != facts:
        raise another_person(where, record)
    return int(rows[0][0])


def _put(
    connection: sqlite3.Connection, person: int, encoder: int, record: StoredReference
) -> None:
    photo = record.photo
    taken = connection.execute(
        "SELECT uid FROM reference WHERE subject_id = ? AND photo_sha256 = ?",
        (person, photo.photo_sha256),
    ).fetchone()
    if taken is not None:
        raise photo_there(record, taken[0])
    cursor = connection.execute(
        "INSERT INTO reference (uid, subject_id, photo_sha256, created_at,"
        " source, box, ipd_px, detector, masks) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.reference_id,
            person,
            photo.photo_sha256,
            record.created_at,
            codec.encode_text(photo.source),
            *enrolling.place(photo),
            photo.detector_id,
            codec.encode_list(photo.masks),
        ),
    )
    reference = int(cursor.lastrowid or 0)
    enrolling.add_templates(connection, reference, encoder, photo.templates, record.template_times)
    if photo.kept is not None:
        connection.execute(
            "INSERT INTO kept_face (reference_id, face, key_id) VALUES (?, ?, ?)",
            (reference, *sealed_face(connection, reference, photo.kept)),
        )


def check_same(where: str, held: StoredReference, record: StoredReference) -> None:
    """Raise InputError unless the reference that is there is the one that comes."""
    if held.sha256() != record.sha256():
        raise InputError(
            f"{where} holds the reference {record.reference_id} ({record.subject}) with other "
            "content: one of the two was changed since the copy; use a new gallery"
        )


def another_person(where: str, record: StoredReference) -> InputError:
    """The error for a name or a person's id that is another's."""
    return InputError(
        f"{where} has another person called {record.subject!r}, or this one under another "
        "name; rename or delete one of them, or use a new gallery"
    )


def photo_there(record: StoredReference, uid: str) -> InputError:
    """The error for a photo that the person has as another reference."""
    return InputError(
        f"{record.subject} has the photo {record.photo.source} already, as reference {uid}; "
        "use a new gallery"
    )
