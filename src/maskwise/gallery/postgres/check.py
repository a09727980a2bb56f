"""Looking for damage in a gallery's tables; foreign keys are the server's business."""

from __future__ import annotations

from collections.abc import Iterator

from maskwise.errors import GalleryFormatError
from maskwise.gallery import audit_check, codec, kept
from maskwise.gallery.postgres.halves import Half
from maskwise.gallery.postgres.indexes import WIDEST, encoder_of, is_small, names, present
from maskwise.gallery.postgres.link import Connection
from maskwise.gallery.postgres.rows import PostgresRows
from maskwise.types import F32


def faults(connection: Connection) -> Iterator[str]:
    """A sentence for everything that is wrong; raises psycopg.Error when reading fails."""
    yield from _templates(connection)
    yield from _texts(connection)
    yield from _kept(connection)
    yield from _index(connection)
    for (name,) in connection.execute("SELECT name FROM encoder ORDER BY id OFFSET 1").fetchall():
        yield f"templates of a second encoder, {name}, which cannot be compared with the first's"
    for fault in audit_check.verify(PostgresRows(connection)).faults:
        yield f"audit log: {fault}"


def _templates(connection: Connection) -> Iterator[str]:
    with connection.cursor(name="maskwise_check", binary=True) as cursor:
        cursor.execute(
            "SELECT t.id, e.dim, t.vector, halfvec_send(t.near), t.subject_id <> r.subject_id,"
            " t.alone = EXISTS (SELECT 1 FROM template other WHERE other.subject_id = t.subject_id"
            " AND other.masked <> t.masked), t.wear, t.mask_type, t.mask_spec"
            " FROM template t JOIN encoder e ON e.id = t.encoder_id"
            " JOIN reference r ON r.id = t.reference_id ORDER BY t.id"
        )
        for key, dim, vector, near, stray, wrongly, *wear in cursor:
            fault = codec.vector_fault(vector, dim)
            if fault is not None:
                yield f"template {key} has {fault}"
            elif _half(codec.decode_vectors([vector], dim)[0]) != near:
                yield f"template {key}: the column `near` is not its vector: searches may miss it"
            if stray:
                yield f"template {key} is of another person than its reference"
            if wrongly:
                yield f"template {key}: the column `alone` is wrong: searches may miss it"
            try:
                codec.decode_wear(*wear)
            except GalleryFormatError as error:
                yield f"template {key}: {error}"


def _half(vector: F32) -> bytes:
    return Half(vector).data


def _texts(connection: Connection) -> Iterator[str]:
    for key, name, consent, references in connection.execute(
        "SELECT s.id, s.name, s.consent,"
        " (SELECT count(*) FROM reference r WHERE r.subject_id = s.id) FROM subject s ORDER BY s.id"
    ):
        try:
            codec.decode_text(name)
            codec.decode_text(consent or b"")
        except GalleryFormatError as error:
            yield f"subject {key}: {error}"
        if not references:
            yield f"subject {key} has no reference"
    for key, source, box, masks, templates in connection.execute(
        "SELECT r.id, r.source, r.box, r.masks,"
        " (SELECT count(*) FROM template t WHERE t.reference_id = r.id)"
        " FROM reference r ORDER BY r.id"
    ):
        try:
            codec.decode_text(source)
            codec.decode_numbers(box)
            codec.decode_strings(masks)
        except GalleryFormatError as error:
            yield f"reference {key}: {error}"
        if not templates:
            yield f"reference {key} has no template"


def _kept(connection: Connection) -> Iterator[str]:
    with connection.cursor(name="maskwise_kept", binary=True) as cursor:
        cursor.execute("SELECT reference_id, face FROM kept_face ORDER BY 1")
        for key, face in cursor:
            fault = kept.fault(face)
            if fault is not None:
                yield f"reference {key}: {fault}"


def _index(connection: Connection) -> Iterator[str]:
    encoder = encoder_of(connection)
    if encoder is None or encoder.dim > WIDEST or is_small(connection):
        return
    for name in sorted(set(names(encoder.id).values()) - present(connection)):
        yield (
            f"the index {name} is missing or broken: searches read every row; the next enrolment "
            "makes it anew"
        )
