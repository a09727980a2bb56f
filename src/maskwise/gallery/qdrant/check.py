"""Looking for damage in the collections, and for what failed writes have left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from qdrant_client import models

from maskwise.errors import GalleryFormatError
from maskwise.gallery import codec, kept
from maskwise.gallery.qdrant import listing, rows, whole
from maskwise.gallery.qdrant.head import Head, View, is_equal, now_ms
from maskwise.gallery.qdrant.link import Link
from maskwise.gallery.qdrant.rows import Row

_SWEPT = "no search sees them; the next enrolment, renaming or deletion sweeps them away"


def faults(link: Link, head: Head) -> Iterator[str]:
    """A sentence for everything that is wrong."""
    view = head.view
    people = listing.people_where(link, view)
    photos = listing.photos_where(link, view)
    yield from _people(people, photos)
    yield from _photos(people, photos)
    yield from _templates(link, head, view, people, photos)
    yield from _faces(link, view, photos)
    if not head.writer or head.turn_ends <= now_ms():  # else they are somebody's who is writing
        yield from _left_over(link, head)


def _people(people: list[Row], photos: list[Row]) -> Iterator[str]:
    with_photos = {row["person"] for row in photos}
    for row in people:
        try:
            rows.from_text(row["name"])
        except GalleryFormatError as error:
            yield f"person {row['uid']}: {error}"
        if row["uid"] not in with_photos:
            yield f"person {row['uid']} has no reference"
    for key in ("uid", "name", "order"):
        for value, count in Counter(row[key] for row in people).items():
            if count > 1:
                yield f"{count} people have the {key} {value}"


def _photos(people: list[Row], photos: list[Row]) -> Iterator[str]:
    known = {row["uid"] for row in people}
    for row in photos:
        if row["person"] not in known:
            yield f"reference {row['uid']} belongs to a person who is not there"
        try:
            rows.from_text(row["source"])
            rows.from_text(row["detector"])
            rows.from_number(row["ipd_px"])
            codec.decode_numbers(row["box"])
            codec.decode_strings(row["masks"])
        except GalleryFormatError as error:
            yield f"reference {row['uid']}: {error}"
    for uid, count in Counter(row["uid"] for row in photos).items():
        if count > 1:
            yield f"{count} references have the uid {uid}"


def _templates(
    link: Link, head: Head, view: View, people: list[Row], photos: list[Row]
) -> Iterator[str]:
    of_photo = {row["uid"]: row["person"] for row in photos}
    orders = {row["uid"]: row["order"] for row in people}
    counts: Counter[str] = Counter()
    kinds: dict[str, set[tuple[bool, bool]]] = {}
    if head.templates is not None and head.encoder is not None:
        for record in link.scroll(head.templates, view.alive(), vectors=True):
            row = Row.of(record)
            counts[row["reference"]] += 1
            kinds.setdefault(row["person"], set()).add((bool(row["masked"]), bool(row["alone"])))
            yield from _template(row, int(head.encoder["dim"]))
            if of_photo.get(row["reference"]) != row["person"]:
                yield f"template {row.id} is of another person than its reference"
            elif row["owner"] != orders.get(row["person"]):
                yield f"template {row.id}: the field `owner` is wrong: searches may miss it"
    for uid, found in kinds.items():
        alone = len({masked for masked, _ in found}) == 1
        if {flag for _, flag in found} != {alone}:
            yield f"person {uid}: the field `alone` is wrong: searches may miss templates"
    for photo in photos:
        count = counts[photo["uid"]]
        if not count:
            yield f"reference {photo['uid']} has no template"
        elif count != photo["templates"]:
            due = photo["templates"]
            yield f"reference {photo['uid']} has {count} templates where {due} are due"


def _template(row: Row, dim: int) -> Iterator[str]:
    vector = np.empty(0, np.float32) if row.vector is None else row.vector
    fault = codec.vector_fault(codec.encode_vector(vector), dim)
    if fault is not None:
        yield f"template {row.id} has {fault}"
    try:
        wear = rows.wear_of(row)
    except GalleryFormatError as error:
        yield f"template {row.id}: {error}"
        return
    if bool(row["masked"]) != (wear.kind in rows.MASKED):
        yield f"template {row.id}: the field `masked` is wrong: searches may miss it"


def _faces(link: Link, view: View, photos: list[Row]) -> Iterator[str]:
    due = {row["uid"]: int(row["kept_bytes"]) for row in photos if row["kept_bytes"]}
    for record in link.scroll(
        link.place.collection, view.alive(is_equal("kind", "face")), payload=["reference"]
    ):
        uid = Row.of(record)["reference"]
        size = due.pop(uid, None)
        try:
            face = whole.kept_faces(link, view, [uid])[uid]
        except GalleryFormatError as error:
            yield f"reference {uid}: {error}"
            continue
        fault = kept.fault(face)
        if fault is not None:
            yield f"reference {uid}: {fault}"
        if size != len(face):
            yield f"reference {uid}: a kept face of {len(face)} bytes where {size or 0} are due"
    for uid in due:
        yield f"reference {uid}: its kept face is gone"


def _left_over(link: Link, head: Head) -> Iterator[str]:
    main = link.place.collection
    view = head.view
    later = models.Range(gt=head.seq)
    for name in [main, *([head.templates] if head.templates else [])]:
        unfinished: list[models.Filter] = [
            models.Filter(must=[models.FieldCondition(key=key, range=later)])
            for key in ("since", "until")
        ]
        if view.void:
            unfinished += [view.left_by_failures(key) for key in ("since", "until")]
        count = link.count(name, models.Filter(should=list(unfinished)))
        if count:
            yield f"{count} points in {name} are left from a write that failed: {_SWEPT}"
        ended = link.count(name, view.ended())
        if ended:
            yield f"{ended} deleted points are still in {name}: {_SWEPT}"
    prefix = f"{main}_templates_"
    for found in link.ask("get_collections").collections:
        number = found.name.removeprefix(prefix)
        if found.name.startswith(prefix) and number.isdigit() and found.name != head.templates:
            swept = int(number) in view.void or found.name in head.drop or int(number) > head.seq
            says = _SWEPT if swept else "delete it"
            yield f"the collection {found.name} is left from a write: {says}"
