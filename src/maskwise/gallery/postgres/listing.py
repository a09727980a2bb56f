"""What the tables say of people.

The functions expect to run in one read transaction and raise psycopg.Error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from maskwise.gallery import codec
from maskwise.gallery.postgres.indexes import encoder_of
from maskwise.gallery.postgres.link import Connection, one
from maskwise.gallery.records import (
    GallerySize,
    GalleryStats,
    ReferenceDetails,
    SubjectDetails,
    SubjectSummary,
    TemplateDetails,
)
from maskwise.types import Template

Row = tuple[Any, ...]


def size(connection: Connection) -> GallerySize:
    """How many people, references and templates there are."""
    counts = connection.execute(
        "SELECT (SELECT count(*) FROM subject), (SELECT count(*) FROM reference),"
        " (SELECT count(*) FROM template)"
    ).fetchone()
    assert counts is not None
    return GallerySize(*counts)


def people(connection: Connection) -> list[SubjectSummary]:
    """Everybody, by name."""
    rows = connection.execute(
        "SELECT s.uid, s.name, coalesce(r.number, 0), coalesce(t.number, 0), s.created_at"
        " FROM subject s"
        " LEFT JOIN (SELECT subject_id, count(*) AS number FROM reference GROUP BY 1) r"
        " ON r.subject_id = s.id"
        " LEFT JOIN (SELECT subject_id, count(*) AS number FROM template GROUP BY 1) t"
        " ON t.subject_id = s.id ORDER BY s.name"
    )
    return [
        SubjectSummary(uid, codec.decode_text(name), references, templates, created_at)
        for uid, name, references, templates, created_at in rows
    ]


def show(connection: Connection, subject_id: int) -> SubjectDetails:
    """The person of that row."""
    head = connection.execute(
        "SELECT uid, name, created_at, consent, expires_at FROM subject WHERE id = %s",
        (subject_id,),
    ).fetchone()
    assert head is not None
    of_reference: dict[int, list[TemplateDetails]] = {}
    for reference, encoder, quality, at, *wear in connection.execute(
        "SELECT t.reference_id, e.name, t.quality, t.created_at, t.wear, t.mask_type, t.mask_spec"
        " FROM template t JOIN encoder e ON e.id = t.encoder_id"
        " WHERE t.subject_id = %s ORDER BY t.id",
        (subject_id,),
    ):
        of_reference.setdefault(reference, []).append(
            TemplateDetails(codec.decode_wear(*wear), encoder, quality, at)
        )
    rows = connection.execute(
        "SELECT r.id, r.uid, r.source, r.photo_sha256, r.box, r.ipd_px, r.detector, r.masks,"
        " r.created_at, coalesce(length(k.face), 0)"
        " FROM reference r LEFT JOIN kept_face k ON k.reference_id = r.id"
        " WHERE r.subject_id = %s ORDER BY r.id",
        (subject_id,),
    )
    references = tuple(_reference(row, of_reference) for row in rows)
    uid, name, created_at, consent, expires_at = head
    note = codec.decode_text(consent or b"")
    return SubjectDetails(uid, codec.decode_text(name), created_at, references, note, expires_at)


def _reference(row: Row, templates: Mapping[int, list[TemplateDetails]]) -> ReferenceDetails:
    key, uid, source, sha256, box, ipd_px, detector, masks, created_at, kept_bytes = row
    return ReferenceDetails(
        reference_id=uid,
        source=codec.decode_text(source),
        photo_sha256=sha256,
        box=codec.decode_numbers(box),
        ipd_px=ipd_px,
        detector_id=detector,
        masks=codec.decode_strings(masks),
        created_at=created_at,
        templates=tuple(templates.get(key, ())),
        kept_bytes=kept_bytes,
    )


def templates(connection: Connection, reference: int) -> list[Template]:
    """The templates of the reference of that row, oldest first."""
    rows = connection.execute(
        "SELECT e.name, e.dim, t.quality, t.vector, t.wear, t.mask_type, t.mask_spec"
        " FROM template t JOIN encoder e ON e.id = t.encoder_id"
        " WHERE t.reference_id = %s ORDER BY t.id",
        (reference,),
    ).fetchall()
    with codec.stored(f"reference {reference}"):
        return [
            Template(
                codec.decode_vectors([vector], dim)[0], encoder, codec.decode_wear(*wear), quality
            )
            for encoder, dim, quality, vector, *wear in rows
        ]


def stats(connection: Connection, where: str, found_format: int) -> GalleryStats:
    """The gallery in figures; where: its place."""
    encoder = encoder_of(connection)
    size_bytes = one(
        connection,
        "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
        " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace",
    )
    return GalleryStats(
        where=where,
        engine="postgresql",
        format=found_format,
        encoder_id=None if encoder is None else encoder.name,
        dim=None if encoder is None else encoder.dim,
        size=size(connection),
        by_wear=by_wear(connection),
        size_bytes=int(size_bytes),
        encoder_space=None if encoder is None else encoder.space,
        kept_faces=int(one(connection, "SELECT count(*) FROM kept_face")),
    )


def by_wear(connection: Connection) -> dict[str, int]:
    """Templates by ``Wear.label``."""
    rows = connection.execute(
        "SELECT wear, mask_type, count(*) FROM template GROUP BY wear, mask_type ORDER BY 1, 2"
    )
    return {
        kind if mask_type is None else f"{kind}:{mask_type}": count
        for kind, mask_type, count in rows
    }


def winners(connection: Connection, keys: Iterable[int]) -> dict[int, Row]:
    """Template row -> its person's uid and name, its reference's uid and source, its wear."""
    wanted = sorted(set(keys))
    return {
        key: (
            uid,
            codec.decode_text(name),
            reference,
            codec.decode_text(source),
            codec.decode_wear(*wear),
        )
        for key, uid, name, reference, source, *wear in connection.execute(
            "SELECT t.id, s.uid, s.name, r.uid, r.source, t.wear, t.mask_type, t.mask_spec"
            " FROM template t JOIN reference r ON r.id = t.reference_id"
            " JOIN subject s ON s.id = t.subject_id WHERE t.id = ANY(%s)",
            (wanted,),
        )
    }
