"""The audit log of an SQLite gallery: one entry a write, each holding the hash of the one before.

An entry says who did what to whom and when: people by their uid, the rest as counts and ids, never
a name, a path, a hash of a photo or a number of a template. So it may stay when a person goes.

The functions expect to run in a transaction and raise sqlite3.Error. What the columns mean, and
how the hash is made, stands in docs/gallery-format.md: an auditor can recompute it without us.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, Final

from maskwise.errors import GalleryFormatError, InputError

ACTOR_VARIABLE: Final = "MASKWISE_ACTOR"
"""The environment variable that says who is at work; else it is the system's user name."""

START: Final = "0" * 64
"""``prev_hash`` of the first entry."""

ADDED: Final = ("enrol", "import")
REMOVED: Final = "delete"
_ACTOR_LIMIT: Final = 200  # characters, as for people's names
_COLUMNS: Final = "seq, at, actor, action, subject, details, prev_hash, hash"
_HASH: Final = re.compile(r"[0-9a-f]{64}")
# Ids, dates, words of ours. Too narrow for most names, so that none comes in by oversight.
_TEXT: Final = re.compile(r"[0-9A-Za-z:.+_-]{0,64}")
_TRIGGERS: Final = ("audit_appended", "audit_deleted", "audit_updated")

Details = Mapping[str, int | str | bool | None]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. seq: from 1, without gaps. at: UTC, ISO 8601. subject_id: of whom, or None.

    details: counts and ids. hash: SHA-256 of the others, 64 hex digits (see ``digest``).
    """

    seq: int
    at: str
    actor: str
    action: str
    subject_id: str | None
    details: Details
    prev_hash: str
    hash: str

    def as_json(self) -> dict[str, Any]:
        """All of it, for ``--json``; the hash can be recomputed from this."""
        told = asdict(self)
        told["subject"] = told.pop("subject_id")
        return {name.strip(): told[name.strip()] for name in _COLUMNS.split(",")}


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What ``verify`` found. faults: a sentence for everything that is wrong; () for a sound log.

    entries: how many there are. last_hash: of the last one; keep it elsewhere, and ask for it the
    next time. after_expected: how many entries follow the one that was asked for; None when none
    was, or it is not there.
    """

    entries: int
    last_hash: str
    faults: tuple[str, ...]
    after_expected: int | None = None


def default_actor() -> str:
    """``$MASKWISE_ACTOR``, else the user of this process; "unknown" where there is no name."""
    named = os.environ.get(ACTOR_VARIABLE, "").strip()
    if named:
        return clean_actor(named)
    try:
        import pwd  # POSIX; unlike getpass it asks the system, not the environment

        return clean_actor(pwd.getpwuid(os.getuid()).pw_name)
    except (ImportError, KeyError, InputError):
        pass
    try:
        return clean_actor(getpass.getuser())
    except Exception:  # what it raises differs by system and version
        return "unknown"


def clean_actor(name: str) -> str:
    """Who acts, as the log keeps it: one line, what cannot be printed as escapes.

    Raises InputError for an empty name or one of more than 200 characters.
    """
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name.strip()
    )
    if not 0 < len(shown) <= _ACTOR_LIMIT:
        raise InputError(
            f"an actor's name has 1 to {_ACTOR_LIMIT} characters, got {len(shown)}; "
            f"set --actor or {ACTOR_VARIABLE}"
        )
    return shown


def append(
    connection: sqlite3.Connection,
    action: str,
    *,
    actor: str,
    subject_id: str | None = None,
    details: Details | None = None,
) -> AuditEntry:
    """Add an entry, in the transaction that does what it tells of.

    action: a word. details: counts and ids; InputError for any other text. The write lock must be
    held (BEGIN IMMEDIATE), so that no other process adds one meanwhile.
    """
    for key, value in {"action": action, **(details or {})}.items():
        if isinstance(value, str) and not _TEXT.fullmatch(value):
            raise InputError(f"audit: {key} holds counts and ids only, got {value!r}")
    last = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    seq, prev_hash = last or (0, START)
    told = {
        "seq": int(seq) + 1,
        "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "actor": actor,
        "action": action,
        "subject": subject_id,
        "details": dict(details or {}),
        "prev_hash": str(prev_hash),
    }
    row = {**told, "details": _canonical(told["details"]), "hash": digest(told)}
    connection.execute(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (:seq, :at, :actor, :action, :subject, :details,"
        " :prev_hash, :hash)",
        row,
    )
    return _entry({**row, "details": told["details"]})


def digest(told: Mapping[str, Any]) -> str:
    """The hash of an entry: SHA-256 of its columns but ``hash``, as canonical JSON.

    That is: keys sorted, no spaces, ASCII with ``\\uXXXX`` escapes; details as an object.
    """
    return hashlib.sha256(
        _canonical({k: v for k, v in told.items() if k != "hash"}).encode()
    ).hexdigest()


def entries(
    connection: sqlite3.Connection, *, since: str = "", subject_id: str | None = None
) -> list[AuditEntry]:
    """Entries from ``since`` (ISO 8601, UTC) on, of one person or of all, oldest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM audit WHERE at >= ? AND (? IS NULL OR subject = ?) ORDER BY seq",
        (since, subject_id, subject_id),
    )
    rows = (dict(zip(_names(), row, strict=True)) for row in found)
    try:
        return [_entry({**row, "details": json.loads(row["details"])}) for row in rows]
    except (TypeError, ValueError, RecursionError) as error:
        raise GalleryFormatError(
            f"the audit log is damaged ({error}); `maskwise audit verify` says where"
        ) from error


def verify(connection: sqlite3.Connection, expect: str | None = None) -> AuditReport:
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
        for row in connection.execute(f"SELECT {_COLUMNS} FROM audit ORDER BY seq"):
            told = dict(zip(_names(), row, strict=True))
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
        sound = _canonical(details) == told["details"]
        sound = sound and digest({**told, "details": details}) == told["hash"]
    except (TypeError, ValueError, RecursionError):
        sound = False
    if not sound:
        yield f"entry {seq} was changed: its hash does not fit what it says"


def _not_in_step(connection: sqlite3.Connection) -> Iterator[str]:
    """Where people came or went behind the log's back."""
    triggers = {
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='trigger'")
    }
    if not set(_TRIGGERS) <= triggers:
        yield "the triggers that keep the log append-only were removed"
    first = connection.execute("SELECT CAST(details AS BLOB) FROM audit WHERE seq = 1").fetchone()
    try:
        known = int(json.loads(first[0])["last_subject"])
    except (TypeError, ValueError, KeyError):
        known = 0
        yield "the first entry does not say how the log began"
    added = f"action IN {ADDED}"
    for words, query in (
        (
            "is in the gallery, and no entry tells of it",
            "SELECT uid FROM subject WHERE id > ? AND NOT EXISTS (SELECT 1 FROM audit a"
            f" WHERE a.subject = subject.uid AND {added})",
        ),
        (
            "is in the gallery, though an entry tells of the deletion",
            "SELECT uid FROM subject WHERE ? IS NOT NULL AND EXISTS (SELECT 1 FROM audit a"
            f" WHERE a.subject = subject.uid AND a.action = '{REMOVED}')",
        ),
        (
            "is not in the gallery, and no entry tells of a deletion",
            f"SELECT DISTINCT a.subject FROM audit a WHERE ? IS NOT NULL AND {added}"
            " AND NOT EXISTS (SELECT 1 FROM subject s WHERE s.uid = a.subject) AND NOT EXISTS"
            f" (SELECT 1 FROM audit d WHERE d.subject = a.subject AND d.action = '{REMOVED}')",
        ),
    ):
        for (uid,) in connection.execute(query, (known,)):
            yield f"the person {uid} {words}"


def _names() -> list[str]:
    return [name.strip() for name in _COLUMNS.split(",")]


def _entry(row: dict[str, Any]) -> AuditEntry:
    return AuditEntry(subject_id=row.pop("subject"), **row)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
