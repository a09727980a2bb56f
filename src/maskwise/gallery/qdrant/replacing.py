"""Moving all references to another encoder, into a collection of its own; rules as SQLite's."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from maskwise.errors import InputError
from maskwise.gallery import codec
from maskwise.gallery.enrolling import now
from maskwise.gallery.qdrant import listing, rows
from maskwise.gallery.qdrant.head import is_any, is_equal
from maskwise.gallery.qdrant.link import AT_ONCE
from maskwise.gallery.qdrant.rows import Row
from maskwise.gallery.qdrant.writing import Writing
from maskwise.gallery.records import GallerySize, NewReference

Moved = tuple[str, NewReference | None]


def replace(write: Writing, encoder_id: str, references: Iterable[Moved]) -> GallerySize:
    """See ``Gallery.replace_templates``."""
    link, view = write.link, write.view
    left = {row["uid"]: row for row in listing.photos_where(link, view)}
    people = {row["uid"]: row for row in listing.people_where(link, view)}
    photos: dict[str, int] = dict.fromkeys(people, 0)  # by person, those that stay
    wears: dict[str, set[bool]] = {}
    gone: list[Row] = []
    replaced: list[Row] = []
    stays = templates = 0
    dim_and_space: tuple[int, str] | None = None
    coming = iter(references)
    while some := list(itertools.islice(coming, AT_ONCE)):
        for uid, new in some:
            write.stay()
            if uid not in left:
                raise InputError(f"re-encode: no reference {uid!r}, or named twice; run it again")
            row = left.pop(uid)
            if new is None:
                gone.append(row)
                continue
            _check(new, row, encoder_id)
            found = (len(new.templates[0].vector), new.space)
            if dim_and_space is None:
                write.begin_templates(encoder_id, *found)
                dim_and_space = found
            if dim_and_space != found:
                raise InputError(
                    f"re-encode: expected templates of one width and space, got {dim_and_space} "
                    f"and {found}"
                )
            stays += 1
            templates += len(new.templates)
            photos[row["person"]] += 1
            wears.setdefault(row["person"], set()).update(
                _put(write, people[row["person"]], row, new, replaced)
            )
        write.end_rows(replaced)
        replaced.clear()
    if left:
        raise InputError(
            f"re-encode: {len(left)} references were not named: somebody was enrolled meanwhile; "
            "run it again"
        )
    if not stays:
        raise InputError("re-encode: nobody would be left in the gallery; nothing was changed")
    write.flush()
    _end_photos(write, gone)
    write.end_rows([people[uid] for uid, count in photos.items() if not count])
    _tell_who_is_not_alone(write, [uid for uid, kinds in wears.items() if len(kinds) > 1])
    return GallerySize(sum(1 for count in photos.values() if count), stays, templates)


def _put(
    write: Writing, person: Row, row: Row, new: NewReference, replaced: list[Row]
) -> set[bool]:
    """The reference anew, with its templates; returns whether these are masked.

    replaced: gets the point that stood for it.
    """
    row.change(**rows.place(new), templates=len(new.templates))
    if row.changed:
        replaced.append(Row({}, row.id))
        row.id = Row({}).id
        write.put(row)
    faces = [rows.template(person, row, t, now(), write.next_order()) for t in new.templates]
    for face in faces:
        write.put_template(face)
    return {bool(face["masked"]) for face in faces}


def _end_photos(write: Writing, gone: Sequence[Row]) -> None:
    write.end_rows(gone)
    uids = [row["uid"] for row in gone if row["kept_bytes"]]
    for first in range(0, len(uids), AT_ONCE):
        some = is_any("reference", uids[first : first + AT_ONCE])
        write.end(is_equal("kind", "face"), some)


def _tell_who_is_not_alone(write: Writing, uids: Sequence[str]) -> None:
    """In place: nobody looks into the new collection yet."""
    assert write.templates is not None
    for first in range(0, len(uids), AT_ONCE):
        some = write.view.alive(is_any("person", list(uids[first : first + AT_ONCE])))
        write.link.set_payload(write.templates, {"alone": False}, some)


def _check(new: NewReference, row: Row, encoder_id: str) -> None:
    if new.templates[0].encoder_id != encoder_id:
        raise InputError(
            f"re-encode: expected templates of {encoder_id}, got {new.templates[0].encoder_id}"
        )
    stored = (row["photo"], row["source"], row["masks"])
    if stored != (new.photo_sha256, rows.text(new.source), codec.encode_list(new.masks)):
        raise InputError(f"re-encode: {new.source} was enrolled anew meanwhile; run it again")
