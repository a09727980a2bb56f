"""Looking for damage in a gallery's file."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Final

from maskwise.errors import GalleryFormatError
from maskwise.gallery import audit_check, codec, kept
from maskwise.gallery.encryption.vault import vault_of

_HEX: Final = "[0-9a-f]"
_TIME: Final = "dddd-dd-ddTdd:dd:dd.ddd+00:00".replace("d", "[0-9]")
_FORMS: Final = (
    ("subject", "uid", _HEX * 32),
    ("subject", "created_at", _TIME),
    ("subject", "expires_at", _TIME),
    ("reference", "uid", _HEX * 32),
    ("reference", "photo_sha256", _HEX * 64),
    ("reference", "created_at", _TIME),
    ("template", "created_at", _TIME),
)
"""Table, column, and the pattern (SQL's GLOB) of what may stand there besides NULL."""


def faults(connection: sqlite3.Connection) -> Iterator[str]:
    """A sentence for everything that is wrong; raises sqlite3.Error when reading fails."""
    for (text,) in connection.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield f"the file is damaged: {text}"
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"{table} {row} belongs to a {parent} that is not there"
    # What does not open is named, and the others are looked at.
    vault = vault_of(connection)
    none: list[str] = []
    with contextlib.nullcontext(none) if vault is None else vault.noting() as sealed:
        yield from _templates(connection, sealed)
        yield from _texts(connection)
        yield from _kept(connection, sealed)
    yield from _forms(connection)
    for (name,) in connection.execute(
        "SELECT name FROM encoder ORDER BY id LIMIT -1 OFFSET 1"
    ).fetchall():
        yield f"templates of a second encoder, {name}, which cannot be compared with the first's"
    for fault in audit_check.verify(connection).faults:
        yield f"audit log: {fault}"


def _forms(connection: sqlite3.Connection) -> Iterator[str]:
    """Ids, times and numbers, which are written in one way."""
    for table, column, pattern in _FORMS:
        for key, value in connection.execute(
            f"SELECT id, CAST({column} AS BLOB) FROM {table} WHERE {column} NOT GLOB ?", (pattern,)
        ):
            yield f"{table} {key}: not a stored {column}: {value!r:.60}"
    for key, value in connection.execute(
        "SELECT id, quality FROM template WHERE quality IS NOT NULL"
        " AND (typeof(quality) NOT IN ('real', 'integer') OR quality NOT BETWEEN 0 AND 1)"
    ):
        yield f"template {key}: not a stored quality: {value!r:.60}"
    for key, value in connection.execute(
        "SELECT key, value FROM setting WHERE key IN ('removals', 'retention_days')"
        " AND (typeof(value) <> 'integer' OR value < (key = 'retention_days'))"
    ):
        yield f"setting {key}: not a stored number: {value!r:.60}"


def _templates(connection: sqlite3.Connection, sealed: list[str]) -> Iterator[str]:
    for key, dim, vector, *wear in connection.execute(
        "SELECT t.id, e.dim, t.vector, t.wear, t.mask_type, t.mask_spec"
        " FROM clear_template t JOIN encoder e ON e.id = t.encoder_id ORDER BY t.id"
    ):
        fault = None if vector is None else codec.vector_fault(vector, dim)
        if vector is None:
            yield sealed.pop(0)  # in the order of the rows
        elif fault is not None:
            yield f"template {key} has {fault}"
        try:
            codec.decode_wear(*wear)
        except GalleryFormatError as error:
            yield f"template {key}: {error}"


def _texts(connection: sqlite3.Connection) -> Iterator[str]:
    for key, name, consent, references in connection.execute(
        "SELECT s.id, s.name, s.consent,"
        " (SELECT count(*) FROM reference r WHERE r.subject_id = s.id)"
        " FROM subject s ORDER BY s.id"
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
            numbers = codec.decode_numbers(box)
            if numbers is not None and len(numbers) != 4:
                yield f"reference {key}: not a stored box: {box!r:.60}"
            codec.decode_strings(masks)
        except GalleryFormatError as error:
            yield f"reference {key}: {error}"
        if not templates:
            yield f"reference {key} has no template"


def _kept(connection: sqlite3.Connection, sealed: list[str]) -> Iterator[str]:
    for key, face in connection.execute("SELECT reference_id, face FROM clear_face"):
        fault = None if face is None else kept.fault(face)
        if face is None:
            yield sealed.pop(0)  # in the order of the rows
        elif fault is not None:
            yield f"reference {key}: {fault}"
