"""Making one person of two."""

from __future__ import annotations

from maskwise.errors import InputError
from maskwise.gallery.qdrant import listing, rows
from maskwise.gallery.qdrant.head import is_equal
from maskwise.gallery.qdrant.people import People
from maskwise.gallery.qdrant.rows import Row
from maskwise.gallery.qdrant.writing import Writing
from maskwise.gallery.records import clean_name


def merge(write: Writing, subject: str, into: str) -> tuple[int, int]:
    """See ``Gallery.merge``; returns how many references were moved and dropped."""
    link = write.link
    one, other = (listing.known(link, write.view, name) for name in (subject, into))
    if one["uid"] == other["uid"]:
        raise InputError(f"merge: {clean_name(subject)!r} and {clean_name(into)!r} are one person")
    here = People(write)
    here.load(names=[row["name"] for row in (one, other)])
    owner = here.by_uid[other["uid"]]
    there = {row["photo"] for row in here.references[other["uid"]]}
    moved: list[str] = []
    dropped: list[Row] = []
    for photo in list(here.references[one["uid"]]):
        if photo["photo"] in there:
            dropped.append(photo)
            for template in list(here.templates[photo["uid"]]):
                here.drop_template(template)
            here.references[one["uid"]].remove(photo)
            continue
        moved.append(photo["uid"])
        here.move(photo, owner)
    write.end_rows([*dropped, here.by_uid[one["uid"]]])
    _move_faces(write, one["uid"], moved, owner)
    here.forget(one["uid"])
    here.store()
    return len(moved), len(dropped)


def _move_faces(write: Writing, old: str, moved: list[str], owner: Row) -> None:
    faces = write.view.alive(is_equal("kind", "face"), is_equal("person", old))
    found = [Row.of(record) for record in write.link.scroll(write.main, faces)]
    write.end(is_equal("kind", "face"), is_equal("person", old))
    for row in found:
        if row["reference"] in moved:
            write.put(rows.Row({**row.payload, "person": owner["uid"]}))
