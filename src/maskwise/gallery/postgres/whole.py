"""Whole references out of the tables, and back with their ids and times; as SQLite's.

The functions expect to run in one transaction and raise psycopg.Error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from maskwise.errors import InputError, SubjectError
from maskwise.gallery import codec, consent
from maskwise.gallery.consent import Consent
from maskwise.gallery.enrolling import place
from maskwise.gallery.postgres import enrolling
from maskwise.gallery.postgres.link import Connection, one
from maskwise.gallery.postgres.rows import PostgresRows
from maskwise.gallery.records import NewReference
from maskwise.gallery.stored import StoredReference
from maskwise.gallery.whole import BATCH, Place
from maskwise.types import Template

_WHOLE: Final = (
    "SELECT s.id, r.id, s.uid, s.name, s.created_at, r.uid, r.created_at, r.source,"
    " r.photo_sha256, r.box, r.ipd_px, r.detector, r.masks, s.consent, s.expires_at, k.face"
    " FROM subject s JOIN reference r ON r.subject_id = s.id"
    " LEFT JOIN kept_face k ON k.reference_id = r.id"
)

_Templates = tuple[list[Template], list[str], str]


def place_of(connection: Connection, where: str, uid: str) -> Place:
    """Where the reference stands; SubjectError when there is none."""
    row = connection.execute(
        "SELECT subject_id, id FROM reference WHERE uid = %s", (uid,)
    ).fetchone()
    if row is None:
        raise SubjectError(f"{where} has no reference {uid!r}; export it from the start")
    return int(row[0]), int(row[1])


def batch(connection: Connection, after: Place) -> tuple[list[StoredReference], Place]:
    """The next references in the order of ``Gallery.export``, and the place of the last."""
    rows = connection.execute(
        f"{_WHOLE} WHERE (s.id, r.id) > (%s, %s) ORDER BY s.id, r.id LIMIT %s".encode(),
        (*after, BATCH),
    ).fetchall()
    of = _templates(connection, [int(row[1]) for row in rows])
    found = [_reference(row, of[int(row[1])]) for row in rows]
    return found, (after if not rows else (int(rows[-1][0]), int(rows[-1][1])))


def _templates(connection: Connection, references: list[int]) -> dict[int, _Templates]:
    of: dict[int, _Templates] = {key: ([], [], "") for key in references}
    for key, name, space, dim, quality, vector, at, *wear in connection.execute(
        "SELECT t.reference_id, e.name, e.space, e.dim, t.quality, t.vector, t.created_at,"
        " t.wear, t.mask_type, t.mask_spec FROM template t JOIN encoder e ON e.id = t.encoder_id"
        " WHERE t.reference_id = ANY(%s) ORDER BY t.id",
        (references,),
    ):
        found, times, _ = of[key]
        numbers = codec.decode_vectors([vector], dim)[0]
        found.append(Template(numbers, name, codec.decode_wear(*wear), quality))
        of[key] = found, [*times, at], space
    return of


def _reference(row: tuple[Any, ...], templates: _Templates) -> StoredReference:
    _, _, person, name, enrolled, uid, added, source, sha256, box, ipd_px, *rest = row
    detector, masks, agreed, expires_at, face = rest
    found, times, space = templates
    photo = NewReference(
        codec.decode_text(source),
        found,
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


def restore(connection: Connection, where: str, records: Iterable[StoredReference]) -> int:
    """See ``Gallery.restore``."""
    stored = 0
    touched: set[int] = set()
    for record in records:
        if _is_there(connection, where, record):
            continue
        encoder_id, space, dim = record.encoder
        encoder = enrolling.pin(connection, where, encoder_id, dim, space)
        person = _person(connection, where, record)
        _put(connection, person, encoder, record)
        touched.add(person)
        stored += 1
    for person in touched:
        enrolling.tell_who_is_alone(connection, person)
    return stored


def _is_there(connection: Connection, where: str, record: StoredReference) -> bool:
    row = connection.execute(
        f"{_WHOLE} WHERE r.uid = %s".encode(), (record.reference_id,)
    ).fetchone()
    if row is None:
        return False
    key = int(row[1])
    if _reference(row, _templates(connection, [key])[key]).sha256() != record.sha256():
        raise InputError(
            f"{where} holds the reference {record.reference_id} ({record.subject}) with other "
            "content: one of the two was changed since the copy; use a new gallery"
        )
    return True


def _person(connection: Connection, where: str, record: StoredReference) -> int:
    name = codec.encode_text(record.subject)
    facts = (record.subject_id, name, record.subject_created_at)
    rows = connection.execute(
        "SELECT id, uid, name, created_at FROM subject WHERE uid = %s OR name = %s", facts[:2]
    ).fetchall()
    if not rows:
        person = int(
            one(
                connection,
                "INSERT INTO subject (uid, name, created_at) VALUES (%s, %s, %s) RETURNING id",
                facts,
            )
        )
        if record.photo.consent is not None:
            consent.note(PostgresRows(connection), person, record.photo.consent)
        return person
    if len(rows) > 1 or tuple(rows[0][1:]) != facts:
        raise InputError(
            f"{where} has another person called {record.subject!r}, or this one under another "
            "name; rename or delete one of them, or use a new gallery"
        )
    return int(rows[0][0])


def _put(connection: Connection, person: int, encoder: int, record: StoredReference) -> None:
    photo = record.photo
    taken = one(
        connection,
        "SELECT uid FROM reference WHERE subject_id = %s AND photo_sha256 = %s",
        (person, photo.photo_sha256),
    )
    if taken is not None:
        raise InputError(
            f"{record.subject} has the photo {photo.source} already, as reference {taken}; "
            "use a new gallery"
        )
    reference = int(
        one(
            connection,
            "INSERT INTO reference (uid, subject_id, photo_sha256, created_at, source, box,"
            " ipd_px, detector, masks) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            (
                record.reference_id,
                person,
                photo.photo_sha256,
                record.created_at,
                codec.encode_text(photo.source),
                *place(photo),
                photo.detector_id,
                codec.encode_list(photo.masks),
            ),
        )
    )
    enrolling.add_templates(
        connection, person, reference, encoder, photo.templates, times=record.template_times
    )
    if photo.kept is not None:
        connection.execute(
            "INSERT INTO kept_face (reference_id, face) VALUES (%s, %s)", (reference, photo.kept)
        )
