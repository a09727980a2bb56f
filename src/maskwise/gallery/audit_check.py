"""Looking for what tampered with the audit log of a gallery."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from maskwise.errors import InputError
from maskwise.gallery.audit import (
    ADDED,
    COLUMNS,
    REMOVED,
    START,
    TAKEN_OVER,
    AuditReport,
    canonical,
    digest,
    names,
)
from maskwise.gallery.rows import Rows, on_sqlite

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_TRIGGERS: Final = ("audit_appended", "audit_deleted", "audit_updated")


def verify(connection: Rows, expect: str | None = None) -> AuditReport:
    """Check every entry, the order, and that the log and the people fit together.

    expect: the hash of an entry that must be there, as an earlier look gave it. Without one, a log
    whose end was cut off, or that was made anew as a whole, cannot be told from a sound one.
    Raises InputError for what is no hash.
    """
    if expect is not None and not _HASH.fullmatch(expect):
        raise InputError(f"--expect: a hash has 64 hex digits (0-9, a-f), got {expect!r}")
    faults: list[str] = []
    last_seq, last_hash, seen_at = 0, START, 0 if expect == START else None
    count = 0
    try:
        for row in connection.execute(f"SELECT {COLUMNS} FROM audit ORDER BY seq"):
            told = dict(zip(names(), row, strict=True))
            faults += _faults_of(told, last_seq, last_hash)
            last_seq, last_hash, count = told["seq"], str(told["hash"]), count + 1
            if last_hash == expect:
                seen_at = count
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
        faults.append(f"what follows entry {last_seq} cannot be read: it was changed")
    if not count:
        faults.append("the audit log is empty: even a new gallery's has one entry")
    faults += _not_in_step(connection)
    if expect is not None and seen_at is None:
        faults.append(
            f"no entry has the hash {expect}: the end of the log was cut off, or the log was made "
            "anew"
        )
    after = None if seen_at is None else count - seen_at
    return AuditReport(count, last_hash, tuple(faults), after)


def _faults_of(told: dict[str, Any], last_seq: int, last_hash: str) -> Iterator[str]:
    """What is wrong with one entry, after the one before."""
    seq = told["seq"]
    if seq < 1:
        yield f"entry {seq} stands before the first"
    elif seq == last_seq + 2:
        yield f"entry {last_seq + 1} is missing"
    elif seq > last_seq + 2:
        yield f"entries {last_seq + 1} to {seq - 1} are missing"
    elif told["prev_hash"] != last_hash:
        yield f"entry {seq} does not follow entry {last_seq}: one of them was changed or moved"
    try:
        details = json.loads(told["details"])
        sound = canonical(details) == told["details"]
        sound = sound and digest({**told, "details": details}) == told["hash"]
    except (TypeError, ValueError, RecursionError):
        sound = False
    if not sound:
        yield f"entry {seq} was changed: its hash does not fit what it says"


def _not_in_step(connection: Rows) -> Iterator[str]:
    """Where people came or went behind the log's back."""
    if not set(_TRIGGERS) <= _triggers(connection):
        yield "the triggers that keep the log append-only were removed"
    known = 0
    # As bytes SQLite gives whatever stands there, also what is no text any more.
    bytes_ = "BLOB" if on_sqlite(connection) else "TEXT"
    for seq, details in connection.execute(
        f"SELECT seq, CAST(details AS {bytes_}) FROM audit"
        f" WHERE action IN {TAKEN_OVER} ORDER BY seq"
    ):
        last = _last_subject(details)
        if last is None:
            yield f"entry {seq} does not say who was there before it"
        known = max(known, last or 0)
    added = f"action IN {ADDED}"
    for words, query, values in (
        (
            "is in the gallery, and no entry tells of it",
            "SELECT uid FROM subject WHERE id > ? AND NOT EXISTS (SELECT 1 FROM audit a"
            f" WHERE a.subject = subject.uid AND {added})",
            (known,),
        ),
        (
            "is in the gallery, though an entry tells of the deletion",
            "SELECT uid FROM subject WHERE EXISTS (SELECT 1 FROM audit a"
            f" WHERE a.subject = subject.uid AND a.action = '{REMOVED}' AND NOT EXISTS"
            " (SELECT 1 FROM audit b WHERE b.subject = a.subject AND b.seq > a.seq"
            f" AND b.{added}))",
            (),
        ),
        (
            "is not in the gallery, and no entry tells of a deletion",
            f"SELECT DISTINCT a.subject FROM audit a WHERE {added}"
            " AND NOT EXISTS (SELECT 1 FROM subject s WHERE s.uid = a.subject) AND NOT EXISTS"
            f" (SELECT 1 FROM audit d WHERE d.subject = a.subject AND d.action = '{REMOVED}'"
            " AND d.seq > a.seq)",
            (),
        ),
    ):
        for (uid,) in connection.execute(query, values):
            yield f"the person {uid} {words}"


def _triggers(connection: Rows) -> set[str]:
    if on_sqlite(connection):
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    else:  # A trigger may be there and switched off.
        found = connection.execute(
            "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')"
            " AND tgrelid = 'audit'::regclass"
        )
    return {name for (name,) in found}


def _last_subject(details: bytes | str) -> int | None:
    try:
        return int(json.loads(details)["last_subject"])
    except (TypeError, ValueError, KeyError):
        return None
