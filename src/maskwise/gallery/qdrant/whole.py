"""Whole references out of the gallery, and back with their ids and times."""

from __future__ import annotations

import base64
import binascii
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from maskwise.errors import GalleryFormatError, InputError, SubjectError
from maskwise.gallery import codec
from maskwise.gallery.qdrant import enrolling, rows
from maskwise.gallery.qdrant.head import View, is_any, is_equal
from maskwise.gallery.qdrant.link import Link
from maskwise.gallery.qdrant.people import People
from maskwise.gallery.qdrant.rows import Row
from maskwise.gallery.qdrant.writing import Writing
from maskwise.gallery.records import NewReference
from maskwise.gallery.stored import StoredReference

BATCH: Final = 64
"""People of whom an export reads at a time, and references that a restore looks up at a time."""

MOST: Final = 256
"""References in memory at a time: some MB with kept faces."""

Place = tuple[int, int]
START: Final[Place] = (0, 0)
"""Before everybody; a place is the order of a person and that of a reference."""


def place_of(link: Link, view: View, uid: str) -> Place:
    """Where the reference stands; SubjectError when there is none."""
    found = _all(link, view, is_equal("kind", "reference"), is_equal("uid", uid))
    owners = [
        owner
        for row in found
        for owner in _all(link, view, is_equal("kind", "person"), is_equal("uid", row["person"]))
    ]
    if not owners:
        raise SubjectError(f"{link.place.shown} has no reference {uid!r}; export it from the start")
    return int(owners[0]["order"]), int(found[0]["order"])


def batch(
    link: Link, view: View, templates: str | None, encoder: Mapping[str, Any] | None, after: Place
) -> tuple[list[StoredReference], Place | None]:
    """The next references in the order of ``Gallery.export``, and the place of the last.

    None for the place at the end.
    """
    everybody = view.alive(is_equal("kind", "person"))
    owners = [
        Row.of(r) for r in link.first_by(link.place.collection, everybody, "order", after[0], BATCH)
    ]
    if not owners or encoder is None or templates is None:
        return [], None
    by_uid = {row["uid"]: row for row in owners}
    order = {row["uid"]: int(row["order"]) for row in owners}
    photos = _all(link, view, is_equal("kind", "reference"), is_any("person", list(by_uid)))
    photos.sort(key=lambda row: (order[row["person"]], int(row["order"])))
    photos = [r for r in photos if (order[r["person"]], int(r["order"])) > after]
    some = photos[:MOST]
    found = list(read(link, view, (templates, encoder), by_uid, some))
    if len(some) < len(photos):
        return found, (order[some[-1]["person"]], int(some[-1]["order"]))
    if len(owners) < BATCH:
        return found, None
    last = owners[-1]["uid"]
    ends = [int(row["order"]) for row in some if row["person"] == last]
    return found, (order[last], max(ends, default=0))


def read(
    link: Link,
    view: View,
    of: tuple[str, Mapping[str, Any]],
    people: Mapping[str, Row],
    photos: Sequence[Row],
) -> Iterable[StoredReference]:
    """The references of these rows, whole; some in memory at a time.

    of: the collection of the templates, and the encoder. people: by uid.
    """
    templates, encoder = of
    for first in range(0, len(photos), BATCH):
        some = photos[first : first + BATCH]
        uids = [row["uid"] for row in some]
        of_photo: dict[str, list[Row]] = {uid: [] for uid in uids}
        condition = view.alive(is_any("reference", uids))
        for record in link.scroll(templates, condition, vectors=True):
            row = Row.of(record)
            of_photo[row["reference"]].append(row)
        faces = kept_faces(link, view, [row["uid"] for row in some if row["kept_bytes"]])
        for row in some:
            held = sorted(of_photo[row["uid"]], key=lambda t: int(t["order"]))
            yield _stored(people[row["person"]], row, held, encoder, faces.get(row["uid"]))


def kept_faces(link: Link, view: View, references: list[str]) -> dict[str, bytes]:
    """The kept faces of these references, by their uids."""
    if not references:
        return {}
    found = _all(link, view, is_equal("kind", "face"), is_any("reference", references))
    try:
        return {row["reference"]: base64.b64decode(row["face"], validate=True) for row in found}
    except (TypeError, binascii.Error, ValueError) as error:
        raise GalleryFormatError(
            f"{link.place.shown}: a kept face is damaged ({error}); restore a snapshot"
        ) from error


def restore(write: Writing, records: Iterable[StoredReference]) -> int:
    """See ``Gallery.restore``."""
    stored, coming = 0, iter(records)
    while some := list(itertools.islice(coming, BATCH)):
        write.stay()
        stored += _restore(write, some)
    return stored


def _restore(write: Writing, records: Sequence[StoredReference]) -> int:
    where = write.link.place.shown
    here = People(write)
    here.load(names=[rows.text(r.subject) for r in records], uids=[r.subject_id for r in records])
    held = _held(write, here, [r.reference_id for r in records])
    stored = 0
    for record in records:
        there = held.get(record.reference_id)
        if there is not None:
            if there.sha256() != record.sha256():
                raise InputError(
                    f"{where} holds the reference {record.reference_id} ({record.subject}) with "
                    "other content: one of the two was changed since the copy; use a new gallery"
                )
            continue
        encoder_id, space, dim = record.encoder
        write.pin(encoder_id, dim, space)
        _put(write, here, _owner(write, here, record), record)
        held[record.reference_id] = record
        stored += 1
    here.store()
    return stored


def _held(write: Writing, here: People, uids: list[str]) -> dict[str, StoredReference]:
    """Those of the references that are there, whole; of whomever they are."""
    link, view = write.link, write.view
    photos = _all(link, view, is_equal("kind", "reference"), is_any("uid", uids))
    if not photos or write.templates is None or write.encoder is None:
        return {}
    here.load(uids=[row["person"] for row in photos])
    found = read(link, view, (write.templates, write.encoder), here.by_uid, photos)
    return {record.reference_id: record for record in found}


def _owner(write: Writing, here: People, record: StoredReference) -> Row:
    name = rows.text(record.subject)
    known, called = here.by_uid.get(record.subject_id), here.by_name.get(name)
    if known is None and called is None:
        owner = rows.person(
            record.subject, record.subject_id, record.subject_created_at, write.next_order()
        )
        here.add(owner)
        return owner
    if known is None or known is not called or known["created_at"] != record.subject_created_at:
        raise InputError(
            f"{write.link.place.shown} has another person called {record.subject!r}, or this one "
            "under another name; rename or delete one of them, or use a new gallery"
        )
    return known


def _put(write: Writing, here: People, owner: Row, record: StoredReference) -> None:
    photo = record.photo
    for row in here.references[owner["uid"]]:
        if row["photo"] == photo.photo_sha256:
            raise InputError(
                f"{record.subject} has the photo {photo.source} already, as reference "
                f"{row['uid']}; use a new gallery"
            )
    row = rows.reference(owner, record.reference_id, record.created_at, write.next_order(), photo)
    here.add_reference(row)
    enrolling.add_templates(write, here, row, photo.templates, record.template_times)
    if photo.kept is not None:
        enrolling.keep_face(write, row, photo.kept)


def _stored(
    owner: Row, row: Row, templates: Sequence[Row], encoder: Mapping[str, Any], kept: bytes | None
) -> StoredReference:
    photo = NewReference(
        rows.from_text(row["source"]),
        [rows.as_template(t, encoder) for t in templates],
        photo_sha256=row["photo"],
        box=codec.decode_numbers(row["box"]),
        ipd_px=rows.from_number(row["ipd_px"]),
        detector_id=rows.from_text(row["detector"]),
        masks=codec.decode_strings(row["masks"]),
        space=encoder["space"],
        kept=kept,
    )
    return StoredReference(
        owner["uid"],
        rows.from_text(owner["name"]),
        owner["created_at"],
        row["uid"],
        row["created_at"],
        photo,
        tuple(t["created_at"] for t in templates),
    )


def _all(link: Link, view: View, *conditions: Any) -> list[Row]:
    condition = view.alive(*conditions)
    return [Row.of(record) for record in link.scroll(link.place.collection, condition)]
