"""Moving all references to another encoder; the rules are those of SQLite's.

Runs in one write transaction, whose end decides about all of it; raises psycopg.Error.
"""

from __future__ import annotations

from collections.abc import Iterable

from maskwise.errors import InputError
from maskwise.gallery.enrolling import place
from maskwise.gallery.postgres import enrolling, listing
from maskwise.gallery.postgres.link import Connection
from maskwise.gallery.records import GallerySize, NewReference
from maskwise.gallery.replacing import check_new


def replace(
    connection: Connection,
    encoder_id: str,
    references: Iterable[tuple[str, NewReference | None]],
) -> GallerySize:
    """See ``Gallery.replace_templates``."""
    left = {
        str(uid): (int(key), int(subject), facts)
        for uid, key, subject, *facts in connection.execute(
            "SELECT uid, id, subject_id, photo_sha256, source, masks FROM reference"
        ).fetchall()
    }
    # The same encoder again may have another width, which an index of its row could not take.
    connection.execute("UPDATE encoder SET name = name || ' (replaced)'")
    encoder: tuple[int, int, str] | None = None
    for uid, new in references:
        if uid not in left:
            raise InputError(f"re-encode: no reference {uid!r}, or named twice; run it again")
        key, subject, facts = left.pop(uid)
        if new is None:
            connection.execute("DELETE FROM reference WHERE id = %s", (key,))
            continue
        check_new(new, facts, encoder_id)
        dim = len(new.templates[0].vector)
        if encoder is None:
            encoder = (
                enrolling.add_encoder(connection, encoder_id, dim, new.space),
                dim,
                new.space,
            )
        if encoder[1:] != (dim, new.space):
            raise InputError(
                f"re-encode: expected templates of one width and space, got {encoder[1:]} and "
                f"{(dim, new.space)}"
            )
        connection.execute(
            "DELETE FROM template WHERE reference_id = %s AND encoder_id <> %s", (key, encoder[0])
        )
        connection.execute(
            "UPDATE reference SET box = %s, ipd_px = %s, detector = %s WHERE id = %s",
            (*place(new), new.detector_id, key),
        )
        enrolling.add_templates(connection, subject, key, encoder[0], new.templates)
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
    connection.execute("DELETE FROM encoder WHERE id <> %s", (encoder[0],))
    enrolling.tell_who_is_alone(connection)
    return listing.size(connection)
