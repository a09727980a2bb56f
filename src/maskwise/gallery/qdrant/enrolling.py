"""Putting people, references and templates into the gallery; the rules are those of SQLite's."""

from __future__ import annotations

import base64
import itertools
import uuid
from collections.abc import Iterable, Sequence
from typing import Final

from maskwise.errors import InputError
from maskwise.gallery import codec
from maskwise.gallery.enrolling import now, role
from maskwise.gallery.qdrant import rows
from maskwise.gallery.qdrant.head import is_equal
from maskwise.gallery.qdrant.people import People
from maskwise.gallery.qdrant.rows import Row
from maskwise.gallery.qdrant.writing import Writing
from maskwise.gallery.records import EnrolResult, NewReference, clean_name
from maskwise.types import Template

PEOPLE_AT_ONCE: Final = 64
"""People in memory at a time: some MB with kept faces."""

Person = tuple[str, Sequence[NewReference]]


def enrol_all(write: Writing, people: Iterable[Person]) -> list[EnrolResult]:
    """See ``Gallery.enrol_all``."""
    results: list[EnrolResult] = []
    waiting = _staying(write, people)
    while some := list(itertools.islice(waiting, PEOPLE_AT_ONCE)):
        named = [(clean_name(name), photos) for name, photos in some]
        here = People(write)
        here.load(names=[rows.text(name) for name, _ in named])
        results += [_enrol(write, here, name, photos) for name, photos in named]
        here.store()
    return results


def add_templates(
    write: Writing,
    here: People,
    reference: Row,
    templates: Sequence[Template],
    times: Sequence[str] = (),
) -> None:
    """Templates of a reference; times: when each was made, default now."""
    owner = here.by_uid[reference["person"]]
    for template, at in zip(templates, times or [now()] * len(templates), strict=True):
        row = rows.template(owner, reference, template, at, write.next_order())
        here.templates[reference["uid"]].append(row)


def keep_face(write: Writing, reference: Row, face: bytes) -> None:
    """Keep a face of a reference, in place of the one that may be there."""
    if reference["kept_bytes"]:
        write.flush()  # it may have come in this very write
        write.end(is_equal("kind", "face"), is_equal("reference", reference["uid"]))
    reference.change(kept_bytes=len(face))
    write.put(
        Row(
            {
                "kind": "face",
                "person": reference["person"],
                "reference": reference["uid"],
                "face": base64.b64encode(face).decode("ascii"),
            }
        )
    )


def _staying(write: Writing, people: Iterable[Person]) -> Iterable[Person]:
    """The people; between them the turn is kept, however long they take to come."""
    for one in people:
        write.stay()
        yield one


def _enrol(
    write: Writing, here: People, name: str, references: Sequence[NewReference]
) -> EnrolResult:
    encoders = {(t.encoder_id, len(t.vector), r.space) for r in references for t in r.templates}
    if len(encoders) != 1:
        raise InputError(
            f"enrol {name}: expected references with templates of one encoder, got "
            f"{len(references)} references of {len(encoders)} encoders"
        )
    write.pin(*encoders.pop())
    owner = here.by_name.get(rows.text(name))
    if owner is None:
        owner = rows.person(name, uuid.uuid4().hex, now(), write.next_order())
        here.add(owner)
    stored = sum(_store(write, here, owner, photo) for photo in references)
    return EnrolResult(owner["uid"], len({r.photo_sha256 for r in references}), stored)


def _store(write: Writing, here: People, owner: Row, photo: NewReference) -> int:
    """Add a reference, or bring the one of the same photo up to date; returns templates stored."""
    known = [r for r in here.references[owner["uid"]] if r["photo"] == photo.photo_sha256]
    if known:
        (row,) = known[:1]
        masks = (*codec.decode_strings(row["masks"]), *photo.masks)
        row.change(**rows.facts(photo, list(dict.fromkeys(masks))))
        roles = {role(t.wear) for t in photo.templates}
        for old in list(here.templates[row["uid"]]):
            if role(rows.wear_of(old)) in roles:
                here.drop_template(old)
    else:
        masks = tuple(dict.fromkeys(photo.masks))
        row = rows.reference(owner, uuid.uuid4().hex, now(), write.next_order(), photo)
        row.payload["masks"] = codec.encode_list(masks)
        here.add_reference(row)
    add_templates(write, here, row, photo.templates)
    if photo.kept is not None:
        keep_face(write, row, photo.kept)
    return len(photo.templates)
