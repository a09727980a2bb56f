"""The audit log of a gallery: one entry a write, each holding the hash of the one before.

An entry says who did what to whom and when: people by their uid, the rest as counts and ids, never
a name, a path, a hash of a photo or a number of a template. So it may stay when a person goes.

The functions expect to run in a transaction and raise the engine's errors. What the columns mean,
and how the hash is made, stands in docs/gallery-format.md: an auditor can recompute it without us.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, Final

from maskwise.errors import GalleryFormatError, InputError
from maskwise.gallery.rows import Rows

ACTOR_VARIABLE: Final = "MASKWISE_ACTOR"
"""The environment variable that says who is at work; else it is the system's user name."""

START: Final = "0" * 64
"""``prev_hash`` of the first entry."""

ADDED: Final = ("enrol", "import")
TAKEN_OVER: Final = ("begin", "take-over")
REMOVED: Final = "delete"
_ACTOR_LIMIT: Final = 200  # characters, as for people's names
COLUMNS: Final = "seq, at, actor, action, subject, details, prev_hash, hash"
# Ids, dates, words of ours. Too narrow for most names, so that none comes in by oversight.
_TEXT: Final = re.compile(r"[0-9A-Za-z:.+_-]{0,64}")

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
        return {name.strip(): told[name.strip()] for name in COLUMNS.split(",")}


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What ``audit_check.verify`` found.

    faults: a sentence for everything that is wrong; () for a sound log. entries: how many there
    are. last_hash: of the last one; keep it elsewhere, and ask for it the next time.
    after_expected: how many entries follow the one that was asked for; None when none was, or it
    is not there.
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
    connection: Rows,
    action: str,
    *,
    actor: str,
    subject_id: str | None = None,
    details: Details | None = None,
) -> AuditEntry:
    """Add an entry, in the transaction that does what it tells of.

    action: a word. details: counts and ids; InputError for any other text. The write lock must be
    held (SQLite: BEGIN IMMEDIATE), so that no other process adds one meanwhile.
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
    row = {**told, "details": canonical(told["details"]), "hash": digest(told)}
    connection.execute(
        f"INSERT INTO audit ({COLUMNS}) VALUES (:seq, :at, :actor, :action, :subject, :details,"
        " :prev_hash, :hash)",
        row,
    )
    return _entry({**row, "details": told["details"]})


def take_over(connection: Rows, action: str, actor: str, came: int | None = None) -> AuditEntry:
    """An entry for everybody who is there, with counts: they came by no call that has its own.

    action: ``begin``, once, for a log's first entry; ``take-over`` after rows were put in as a
    whole, such as another engine's copy. came: how many references were, to be told instead of
    what is there in all: counting that for each part of a copy would take longer each time.
    """
    if came is not None:
        (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM subject").fetchone()
        told: Details = {"references_came": came, "last_subject": last}
        return append(connection, action, actor=actor, details=told)
    counts = connection.execute(
        "SELECT (SELECT count(*) FROM subject), (SELECT count(*) FROM reference),"
        " (SELECT count(*) FROM template), (SELECT coalesce(max(id), 0) FROM subject)"
    ).fetchone()
    details: dict[str, int | str | bool | None] = dict(
        zip(("people", "references", "templates", "last_subject"), counts, strict=True)
    )
    if action == "begin":  # makes the chains of two galleries differ from their first entry on
        details["gallery"] = uuid.uuid4().hex
    return append(connection, action, actor=actor, details=details)


def digest(told: Mapping[str, Any]) -> str:
    """The hash of an entry: SHA-256 of its columns but ``hash``, as canonical JSON.

    That is: keys sorted, no spaces, ASCII with ``\\uXXXX`` escapes; details as an object.
    """
    return hashlib.sha256(
        canonical({k: v for k, v in told.items() if k != "hash"}).encode()
    ).hexdigest()


def entries(
    connection: Rows, *, since: str = "", subject_id: str | None = None
) -> list[AuditEntry]:
    """Entries from ``since`` (ISO 8601, UTC) on, of one person or of all, oldest first."""
    found = connection.execute(
        f"SELECT {COLUMNS} FROM audit WHERE at >= ?"
        " AND (CAST(? AS TEXT) IS NULL OR subject = ?) ORDER BY seq",
        (since, subject_id, subject_id),
    )
    rows = (dict(zip(names(), row, strict=True)) for row in found)
    try:
        return [_entry({**row, "details": json.loads(row["details"])}) for row in rows]
    except (TypeError, ValueError, RecursionError) as error:
        raise GalleryFormatError(
            f"the audit log is damaged ({error}); `maskwise audit verify` says where"
        ) from error


def names() -> list[str]:
    """The columns."""
    return [name.strip() for name in COLUMNS.split(",")]


def _entry(row: dict[str, Any]) -> AuditEntry:
    return AuditEntry(subject_id=row.pop("subject"), **row)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces, ASCII: what is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
