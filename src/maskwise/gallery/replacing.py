"""Moving all references of a gallery's tables to another encoder.

Runs in one write transaction, whose end decides about all of it; raises sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from maskwise.errors import InputError
from maskwise.gallery import codec, enrolling, listing
from maskwise.gallery.records import GallerySize, NewReference


def replace(
    connection: sqlite3.Connection,
    encoder_id: str,
    references: Iterable[tuple[str, NewReference | None]],
) -> GallerySize:
    """See ``Gallery.replace_templates``."""
    left = {
        str(uid): (int(key), facts)
        for uid, key, *facts in connection.execute(
            "SELECT uid, id, photo_sha256, source, masks FROM reference"
        ).fetchall()
    }
    (newest_old,) = connection.execute("SELECT coalesce(max(id), 0) FROM template").fetchone()
    encoder: tuple[int, int, str] | None = None
    for uid, new in references:
        if uid not in left:
            raise InputError(f"re-encode: no reference {uid!r}, or named twice; run it again")
        key, facts = left.pop(uid)
        if new is None:
            connection.execute("DELETE FROM reference WHERE id = ?", (key,))
            continue
        check_new(new, facts, encoder_id)
        dim = len(new.templates[0].vector)
        if encoder is None:
            encoder = _encoder(connection, encoder_id, dim, new.space), dim, new.space
        if encoder[1:] != (dim, new.space):
            raise InputError(
                f"re-encode: expected templates of one width and space, got {encoder[1:]} and "
                f"{(dim, new.space)}"
            )
        connection.execute(
            "DELETE FROM template WHERE reference_id = ? AND id <= ?", (key, newest_old)
        )
        connection.execute(
            "UPDATE reference SET box = ?, ipd_px = ?, detector = ? WHERE id = ?",
            (*enrolling.place(new), new.detector_id, key),
        )
        enrolling.add_templates(connection, key, encoder[0], new.templates)
    if left:
        raise InputError(
            f"re-encode: {len(left)} references were not named: somebody was enrolled meanwhile; "
            "run it again"
        )
    if encoder is None:
        raise InputError("re-encode: nobody would be left in the gallery; nothing was changed")
    connection.execute(
        "DELETE FROM subject WHERE NOT EXISTS"
        " (SELECT 1 FROM reference r WHERE r.subject_id = subject.id)"
    )
    connection.execute("DELETE FROM encoder WHERE id <> ?", (encoder[0],))
    return listing.size(connection)


def check_new(new: NewReference, stored: list[object], encoder_id: str) -> None:
    """Raise InputError unless this is the stored photo, with templates of that encoder.

    stored: sha256 of the photo, source and masks, as the columns hold them.
    """
    if new.templates[0].encoder_id != encoder_id:
        raise InputError(
            f"re-encode: expected templates of {encoder_id}, got {new.templates[0].encoder_id}"
        )
    sha256, source, masks = stored
    if (sha256, source) != (new.photo_sha256, codec.encode_text(new.source)) or (
        masks != codec.encode_list(new.masks)
    ):
        raise InputError(f"re-encode: {new.source} was enrolled anew meanwhile; run it again")


def _encoder(connection: sqlite3.Connection, encoder_id: str, dim: int, space: str) -> int:
    row = connection.execute("SELECT id FROM encoder WHERE name = ?", (encoder_id,)).fetchone()
    if row is None:
        return enrolling.add_encoder(connection, encoder_id, dim, space)
    connection.execute(
        "UPDATE encoder SET dim = ?, space = ? WHERE id = ?", (dim, space or encoder_id, row[0])
    )
    return int(row[0])
