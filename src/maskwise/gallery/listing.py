"""What a gallery's tables say of people: the reading half of the SQLite gallery.

The functions expect to run in one read transaction and raise sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from maskwise.errors import GalleryFormatError
from maskwise.gallery import codec
from maskwise.gallery.encryption.envelope import OVERHEAD
from maskwise.gallery.encryption.vault import vault_of
from maskwise.gallery.migrations import format_of
from maskwise.gallery.records import (
    GallerySize,
    GalleryStats,
    ReferenceDetails,
    SubjectDetails,
    SubjectSummary,
    TemplateDetails,
)
from maskwise.types import Template, Wear

Row = tuple[Any, ...]


def size(connection: sqlite3.Connection) -> GallerySize:
    """How many people, references and templates there are."""
    counts = connection.execute(
        "SELECT (SELECT count(*) FROM subject), (SELECT count(*) FROM reference),"
        " (SELECT count(*) FROM template)"
    ).fetchone()
    return GallerySize(*counts)


def people(connection: sqlite3.Connection) -> list[SubjectSummary]:
    """Everybody, by name."""
    rows = connection.execute(
        "SELECT s.uid, s.name, count(DISTINCT r.id), count(t.id), s.created_at"
        " FROM subject s LEFT JOIN reference r ON r.subject_id = s.id"
        " LEFT JOIN template t ON t.reference_id = r.id GROUP BY s.id ORDER BY s.name"
    )
    return [
        SubjectSummary(uid, codec.decode_text(name), references, templates, created_at)
        for uid, name, references, templates, created_at in rows
    ]


def show(connection: sqlite3.Connection, subject_id: int) -> SubjectDetails:
    """The person of that row."""
    uid, name, created_at, consent, expires_at = connection.execute(
        "SELECT uid, name, created_at, consent, expires_at FROM subject WHERE id = ?",
        (subject_id,),
    ).fetchone()
    rows = connection.execute(
        "SELECT id, uid, source, photo_sha256, box, ipd_px, detector, masks, created_at,"
        f" (SELECT length(face) - {OVERHEAD} * (key_id IS NOT NULL)"
        " FROM kept_face k WHERE k.reference_id = reference.id)"
        " FROM reference WHERE subject_id = ? ORDER BY id",
        (subject_id,),
    ).fetchall()
    references = tuple(_reference(connection, row) for row in rows)
    note = codec.decode_text(consent or b"")
    return SubjectDetails(uid, codec.decode_text(name), created_at, references, note, expires_at)


def _reference(connection: sqlite3.Connection, row: Row) -> ReferenceDetails:
    key, uid, source, sha256, box, ipd_px, detector, masks, created_at, kept_bytes = row
    templates = connection.execute(
        "SELECT t.wear, t.mask_type, t.mask_spec, e.name, t.quality, t.created_at"
        " FROM template t JOIN encoder e ON e.id = t.encoder_id"
        " WHERE t.reference_id = ? ORDER BY t.id",
        (key,),
    )
    return ReferenceDetails(
        reference_id=uid,
        source=codec.decode_text(source),
        photo_sha256=sha256,
        box=codec.decode_numbers(box),
        ipd_px=ipd_px,
        detector_id=detector,
        masks=codec.decode_strings(masks),
        created_at=created_at,
        templates=tuple(
            TemplateDetails(codec.decode_wear(*wear), encoder, quality, at)
            for *wear, encoder, quality, at in templates
        ),
        kept_bytes=kept_bytes or 0,
    )


def templates(connection: sqlite3.Connection, reference: int) -> list[Template]:
    """The templates of the reference of that row, oldest first."""
    rows = connection.execute(
        "SELECT e.name, e.dim, t.quality, t.vector, t.wear, t.mask_type, t.mask_spec"
        " FROM clear_template t JOIN encoder e ON e.id = t.encoder_id"
        " WHERE t.reference_id = ? ORDER BY t.id",
        (reference,),
    ).fetchall()
    with codec.stored(f"reference {reference}"):
        return [
            Template(
                codec.decode_vectors([vector], dim)[0], encoder, codec.decode_wear(*wear), quality
            )
            for encoder, dim, quality, vector, *wear in rows
        ]


def stats(connection: sqlite3.Connection, where: str) -> GalleryStats:
    """The gallery in figures; where: its place."""
    encoder = connection.execute("SELECT name, dim, space FROM encoder ORDER BY id").fetchone()
    name, dim, space = encoder or (None, None, None)
    vault = vault_of(connection)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    return GalleryStats(
        where=where,
        engine="sqlite",
        format=format_of(connection),
        encoder_id=name,
        dim=dim,
        size=size(connection),
        by_wear=by_wear(connection),
        size_bytes=pages * page_bytes,
        encoder_space=space,
        kept_faces=connection.execute("SELECT count(*) FROM kept_face").fetchone()[0],
        data_key=None if vault is None else vault.data_key,
    )


def by_wear(connection: sqlite3.Connection) -> dict[str, int]:
    """Templates by ``Wear.label``."""
    rows = connection.execute(
        "SELECT wear, mask_type, count(*) FROM template GROUP BY wear, mask_type ORDER BY 1, 2"
    )
    return {
        kind if mask_type is None else f"{kind}:{mask_type}": count
        for kind, mask_type, count in rows
    }


def winners(connection: sqlite3.Connection, keys: Iterable[int]) -> Mapping[int, Row]:
    """Template row -> its person's uid and name, its reference's uid and source, its wear.

    Raises GalleryFormatError for one that has none of these.
    """
    wanted = sorted(set(keys))
    found: dict[int, tuple[str, str, str, str, Wear]] = {}
    for first in range(0, len(wanted), 500):  # SQLite before 3.32 takes 999 parameters.
        some = wanted[first : first + 500]
        marks = ",".join("?" * len(some))
        for key, uid, name, reference, source, *wear in connection.execute(
            "SELECT t.id, s.uid, s.name, r.uid, r.source, t.wear, t.mask_type, t.mask_spec"
            " FROM template t JOIN reference r ON r.id = t.reference_id"
            f" JOIN subject s ON s.id = r.subject_id WHERE t.id IN ({marks})",
            some,
        ):
            found[key] = (
                uid,
                codec.decode_text(name),
                reference,
                codec.decode_text(source),
                codec.decode_wear(*wear),
            )
    lost = set(wanted) - set(found)
    if lost:
        raise GalleryFormatError(
            f"template {min(lost)} belongs to nobody; the gallery is damaged: run `maskwise "
            "gallery check`, restore a backup or enrol again"
        )
    return found
