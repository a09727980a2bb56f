"""Whole references out of a server's tables, and back with their ids and times.

The functions expect to run in one transaction and raise psycopg.Error. The rules are those of
SQLite's (``gallery.whole``); here many references go in with a handful of statements, since each
costs a way to the server and back.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from maskwise.errors import SubjectError
from maskwise.gallery import codec
from maskwise.gallery.enrolling import place
from maskwise.gallery.postgres import bulk, enrolling
from maskwise.gallery.postgres.link import Connection
from maskwise.gallery.stored import StoredReference
from maskwise.gallery.whole import (
    BATCH,
    COLUMNS,
    Place,
    another_person,
    assembled,
    check_same,
    photo_there,
)
from maskwise.types import Template

_COLUMNS: Final = COLUMNS.format(faces="kept_face")


def place_of(connection: Connection, where: str, uid: str) -> Place:
    """Where the reference stands; SubjectError when there is none."""
    row = connection.execute(
        "SELECT subject_id, id FROM reference WHERE uid = %s", (uid,)
    ).fetchone()
    if row is None:
        raise SubjectError(f"{where} has no reference {uid!r}; export it from the start")
    return int(row[0]), int(row[1])


def batch(connection: Connection, after: Place) -> tuple[list[StoredReference], Place]:
    """The next references in the order of ``Gallery.export``, and the place of the last."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM (SELECT * FROM reference WHERE (subject_id, id) > (%s, %s)"
        " ORDER BY subject_id, id LIMIT %s) r JOIN subject s ON s.id = r.subject_id"
        " ORDER BY s.id, r.id".encode(),
        (*after, BATCH),
        binary=True,
    ).fetchall()
    found = _references(connection, rows)
    return found, (after if not rows else (int(rows[-1][0]), int(rows[-1][1])))


def _references(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[StoredReference]:
    keys = [row[1] for row in rows]
    held: dict[int, list[Template]] = defaultdict(list)
    times: dict[int, list[str]] = defaultdict(list)
    spaces: dict[int, str] = {}
    for key, at, space, encoder, dim, quality, vector, *wear in connection.execute(
        "SELECT t.reference_id, t.created_at, e.space, e.name, e.dim, t.quality, t.vector,"
        " t.wear, t.mask_type, t.mask_spec FROM template t JOIN encoder e ON e.id = t.encoder_id"
        " WHERE t.reference_id = ANY(%s) ORDER BY t.id",
        (keys,),
        binary=True,
    ):
        numbers = codec.decode_vectors([vector], dim)[0]
        with codec.stored(f"a template of reference {key}"):
            held[key].append(Template(numbers, encoder, codec.decode_wear(*wear), quality))
        times[key].append(at)
        spaces.setdefault(key, space)
    return [assembled(row, held[row[1]], times[row[1]], spaces.get(row[1], "")) for row in rows]


def restore(connection: Connection, where: str, records: Iterable[StoredReference]) -> int:
    """See ``Gallery.restore``."""
    stored = 0
    left = iter(records)
    while some := list(itertools.islice(left, BATCH)):
        new = _not_there(connection, where, some)
        if new:
            _put(connection, where, new)
        stored += len(new)
    return stored


def _not_there(
    connection: Connection, where: str, records: Sequence[StoredReference]
) -> list[StoredReference]:
    """Those that are not stored, each once; InputError for one that is there and differs."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM subject s JOIN reference r ON r.subject_id = s.id"
        " WHERE r.uid = ANY(%s)".encode(),
        ([record.reference_id for record in records],),
        binary=True,
    ).fetchall()
    held = {record.reference_id: record for record in _references(connection, rows)}
    new = []
    for record in records:
        same = held.setdefault(record.reference_id, record)
        if same is record:
            new.append(record)
        else:
            check_same(where, same, record)
    return new


def _put(connection: Connection, where: str, records: Sequence[StoredReference]) -> None:
    people, added = _people(connection, where, records)
    _check_photos(connection, people, records)
    encoders: dict[tuple[str, str, int], int] = {}
    for encoder_id, space, dim in dict.fromkeys(record.encoder for record in records):
        row = enrolling.pin(connection, where, encoder_id, dim, space)
        encoders[encoder_id, space, dim] = row
    bulk.put(
        connection,
        "reference",
        (
            *("uid", "subject_id", "photo_sha256", "created_at", "source", "box", "ipd_px"),
            *("detector", "masks"),
        ),
        (
            (
                record.reference_id,
                people[record.subject_id],
                record.photo.photo_sha256,
                record.created_at,
                codec.encode_text(record.photo.source),
                *place(record.photo),
                record.photo.detector_id,
                codec.encode_list(record.photo.masks),
            )
            for record in records
        ),
    )
    keys = _numbers(connection, "reference", [record.reference_id for record in records])
    kinds: dict[str, set[bool]] = defaultdict(set)
    for record in records:
        kinds[record.subject_id] |= {enrolling.is_masked(t.wear) for t in record.photo.templates}
    alone = {uid for uid in added if len(kinds[uid]) == 1}
    bulk.put(
        connection,
        "template",
        enrolling.TEMPLATE_COLUMNS,
        (
            enrolling.template_row(
                people[record.subject_id],
                keys[record.reference_id],
                encoders[record.encoder],
                record.subject_id in alone,
                time,
                template,
            )
            for record in records
            for template, time in zip(record.photo.templates, record.template_times, strict=True)
        ),
    )
    enrolling.tell_who_is_alone(connection, list(set(people.values())))
    bulk.put(
        connection,
        "kept_face",
        ("reference_id", "face"),
        (
            (keys[record.reference_id], record.photo.kept)
            for record in records
            if record.photo.kept is not None
        ),
    )


def _people(
    connection: Connection, where: str, records: Sequence[StoredReference]
) -> tuple[dict[str, int], set[str]]:
    """The row of each person by uid, and the uids of those who were added."""
    facts: dict[str, tuple[tuple[bytes, str], StoredReference]] = {}
    for record in records:
        told = (codec.encode_text(record.subject), record.subject_created_at)
        if facts.setdefault(record.subject_id, (told, record))[0] != told:
            raise another_person(where, record)
    uids = {told[0]: uid for uid, (told, _) in facts.items()}
    rows = connection.execute(
        "SELECT id, uid, name, created_at FROM subject WHERE uid = ANY(%s) OR name = ANY(%s)",
        (list(facts), list(uids)),
        binary=True,
    ).fetchall()
    found: dict[str, int] = {}
    for key, uid, name, created_at in rows:
        uid_asked = uid if uid in facts else uids[bytes(name)]
        if uid != uid_asked or facts[uid][0] != (bytes(name), created_at):
            raise another_person(where, facts[uid_asked][1])
        found[uid] = int(key)
    if len(uids) != len(facts):  # two of them by one name
        names = [told[0] for told, _ in facts.values()]
        twice = next(r for (n, _), r in facts.values() if names.count(n) > 1)
        raise another_person(where, twice)
    new = [uid for uid in facts if uid not in found]
    rows_to_add = []
    for uid in new:
        (name, created_at), record = facts[uid]
        agreed = record.photo.consent
        text = None if agreed is None or not agreed.text else codec.encode_text(agreed.text)
        until = None if agreed is None else agreed.expires_at or None
        rows_to_add.append((uid, name, created_at, text, until))
    columns = ("uid", "name", "created_at", "consent", "expires_at")
    bulk.put(connection, "subject", columns, rows_to_add)
    found |= _numbers(connection, "subject", new)
    return found, set(new)


def _check_photos(
    connection: Connection, people: dict[str, int], records: Sequence[StoredReference]
) -> None:
    """Raise InputError where a person has one of the photos as another reference."""
    rows = connection.execute(
        "SELECT subject_id, photo_sha256, uid FROM reference"
        " WHERE subject_id = ANY(%s) AND photo_sha256 = ANY(%s)",
        (list(set(people.values())), [record.photo.photo_sha256 for record in records]),
    )
    taken = {(int(key), sha256): uid for key, sha256, uid in rows}
    for record in records:
        photo = people[record.subject_id], record.photo.photo_sha256
        if photo in taken:
            raise photo_there(record, taken[photo])
        taken[photo] = record.reference_id


def _numbers(connection: Connection, table: str, uids: Sequence[str]) -> dict[str, int]:
    """The rows of people or references by uid."""
    rows = connection.execute(
        f"SELECT uid, id FROM {table} WHERE uid = ANY(%s)".encode(), (list(uids),)
    )
    return {uid: int(key) for uid, key in rows}
