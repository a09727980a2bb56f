"""Putting people, references and templates into the tables; the rules are those of SQLite's.

The functions expect to run in one write transaction and raise psycopg.Error.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from maskwise.errors import InputError
from maskwise.gallery import codec
from maskwise.gallery.enrolling import now, place, role
from maskwise.gallery.gallery import another_encoder
from maskwise.gallery.postgres.bulk import Value
from maskwise.gallery.postgres.halves import Half
from maskwise.gallery.postgres.indexes import encoder_of
from maskwise.gallery.postgres.link import Connection, one
from maskwise.gallery.records import EnrolResult, NewReference, clean_name
from maskwise.types import Template, Wear

_AT_ONCE: Final = 500  # PostgreSQL takes 65,535 parameters
TEMPLATE_COLUMNS: Final = (
    *("subject_id", "reference_id", "encoder_id", "alone", "created_at", "wear", "mask_type"),
    *("mask_spec", "quality", "vector", "near"),
)
_INSERT: Final = f"INSERT INTO template ({', '.join(TEMPLATE_COLUMNS)}) VALUES "
_ROW: Final = f"({', '.join(['%s'] * len(TEMPLATE_COLUMNS))})"


def enrol(
    connection: Connection, where: str, subject: str, references: Sequence[NewReference]
) -> tuple[int, EnrolResult]:
    """See ``Gallery.enrol``; also gives the person's row. where: for messages."""
    name = clean_name(subject)
    encoders = {(t.encoder_id, len(t.vector), r.space) for r in references for t in r.templates}
    if len(encoders) != 1:
        raise InputError(
            f"enrol {name}: expected references with templates of one encoder, got "
            f"{len(references)} references of {len(encoders)} encoders"
        )
    encoder = pin(connection, where, *encoders.pop())
    key, uid, new = _person(connection, name)
    # Known now, for most: a template that is marked later goes into the index twice.
    alone = new and len({is_masked(t.wear) for r in references for t in r.templates}) == 1
    stored = sum(_store(connection, key, encoder, reference, alone) for reference in references)
    tell_who_is_alone(connection, [key])
    result = EnrolResult(uid, len({reference.photo_sha256 for reference in references}), stored)
    return key, result


def find(connection: Connection, name: str) -> int | None:
    """The row of a person by clean name; None when there is none."""
    found = one(connection, "SELECT id FROM subject WHERE name = %s", (codec.encode_text(name),))
    return None if found is None else int(found)


def add_encoder(connection: Connection, encoder_id: str, dim: int, space: str) -> int:
    """A new row for an encoder; space "": its id."""
    return int(
        one(
            connection,
            "INSERT INTO encoder (name, dim, space, created_at) VALUES (%s, %s, %s, %s)"
            " RETURNING id",
            (encoder_id, dim, space or encoder_id, now()),
        )
    )


def add_templates(
    connection: Connection,
    subject: int,
    reference: int,
    encoder: int,
    templates: Sequence[Template],
    *,
    alone: bool = False,
) -> None:
    """Templates of a reference, by the rows of both; alone: see ``tell_who_is_alone``."""
    for first in range(0, len(templates), _AT_ONCE):
        some = templates[first : first + _AT_ONCE]
        values: list[object] = []
        for template in some:
            values += template_row(subject, reference, encoder, alone, now(), template)
        # In one statement: a round trip each would be most of an enrolment's time.
        connection.execute((_INSERT + ", ".join([_ROW] * len(some))).encode(), values)


def template_row(  # noqa: PLR0917 - as many as columns
    subject: int, reference: int, encoder: int, alone: bool, at: str, template: Template
) -> tuple[Value, ...]:
    """The values of ``TEMPLATE_COLUMNS``; at: the time."""
    return (
        subject,
        reference,
        encoder,
        alone,
        at,
        *codec.encode_wear(template.wear),
        None if template.quality is None else float(template.quality),
        codec.encode_vector(template.vector),
        Half(template.vector),
    )


def tell_who_is_alone(connection: Connection, subjects: Sequence[int] | None = None) -> None:
    """Set ``template.alone``, of some people or of all; writes only what changes."""
    connection.execute(
        "UPDATE template t SET alone = NOT t.alone"
        " WHERE (%s::bigint[] IS NULL OR t.subject_id = ANY(%s))"
        " AND t.alone = EXISTS (SELECT 1 FROM template other"
        " WHERE other.subject_id = t.subject_id AND other.masked <> t.masked)",
        (subjects, subjects),
    )


def is_masked(wear: Wear) -> bool:
    """The column ``masked``."""
    return wear.kind in ("virtual", "real")


def _person(connection: Connection, name: str) -> tuple[int, str, bool]:
    """The row and the uid of a person, and whether that was added now."""
    stored = codec.encode_text(name)
    row = connection.execute("SELECT id, uid FROM subject WHERE name = %s", (stored,)).fetchone()
    if row is not None:
        return int(row[0]), str(row[1]), False
    uid = uuid.uuid4().hex
    key = one(
        connection,
        "INSERT INTO subject (uid, name, created_at) VALUES (%s, %s, %s) RETURNING id",
        (uid, stored, now()),
    )
    return int(key), uid, True


def pin(connection: Connection, where: str, encoder_id: str, dim: int, space: str) -> int:
    """The row of the encoder, which a gallery takes with its first template."""
    known = encoder_of(connection)
    if known is None:
        return add_encoder(connection, encoder_id, dim, space)
    if known.name != encoder_id:
        raise another_encoder(where, known.name, encoder_id)
    if known.dim != dim:
        raise InputError(
            f"{where}: the templates of {known.name} have {known.dim} numbers, got {dim}"
        )
    if space and space != known.space:
        connection.execute("UPDATE encoder SET space = %s WHERE id = %s", (space, known.id))
    return known.id


def _store(
    connection: Connection, person: int, encoder: int, new: NewReference, alone: bool
) -> int:
    """Add a reference, or bring the one of the same photo up to date; returns templates stored."""
    row = connection.execute(
        "SELECT id, masks FROM reference WHERE subject_id = %s AND photo_sha256 = %s",
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
        reference = int(
            one(
                connection,
                "INSERT INTO reference (uid, subject_id, photo_sha256, created_at, source, box,"
                " ipd_px, detector, masks) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
                " RETURNING id",
                (uuid.uuid4().hex, person, new.photo_sha256, now(), *facts),
            )
        )
    else:
        reference = int(row[0])
        connection.execute(
            "UPDATE reference SET source = %s, box = %s, ipd_px = %s, detector = %s, masks = %s"
            " WHERE id = %s",
            (*facts, reference),
        )
        _drop_replaced(connection, reference, {role(t.wear) for t in new.templates})
    add_templates(connection, person, reference, encoder, new.templates, alone=alone)
    if new.kept is not None:
        connection.execute(
            "INSERT INTO kept_face (reference_id, face) VALUES (%s, %s)"
            " ON CONFLICT (reference_id) DO UPDATE SET face = excluded.face",
            (reference, new.kept),
        )
    return len(new.templates)


def _drop_replaced(connection: Connection, reference: int, roles: set[str]) -> None:
    rows = connection.execute(
        "SELECT id, wear, mask_type, mask_spec FROM template WHERE reference_id = %s", (reference,)
    ).fetchall()
    gone = [key for key, *wear in rows if role(codec.decode_wear(*wear)) in roles]
    if gone:
        connection.execute("DELETE FROM template WHERE id = ANY(%s)", (gone,))
