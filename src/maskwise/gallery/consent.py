"""What a person agreed to, until when, and whose time is over.

The functions with a connection expect to run in a transaction and raise the engine's errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Final, Literal

from maskwise.errors import InputError
from maskwise.gallery import codec
from maskwise.gallery.rows import Rows

CONSENT_LIMIT: Final = 1000
"""The longest note on a consent, in characters."""

LONGEST_DAYS: Final = 36_525
"""A hundred years: more is a slip of the pen."""

RETENTION_KEY: Final = "retention_days"
"""Row of the table ``setting``; absent where people are kept without limit."""

Reason = Literal["expired", "age"]


@dataclass(frozen=True, slots=True)
class Consent:
    """What is noted of a person's consent; None leaves what is noted, "" takes it away.

    text: in words: what was agreed to, how, where the paper lies. expires_at: when the person is
    to be deleted, as ``expiry`` makes it: UTC, ISO 8601 to the millisecond.
    """

    text: str | None = None
    expires_at: str | None = None

    def __post_init__(self) -> None:
        if self.text is not None and len(self.text) > CONSENT_LIMIT:
            raise InputError(
                f"consent: a note has at most {CONSENT_LIMIT} characters, got {len(self.text)}; "
                "name the place of the document instead"
            )
        if self.expires_at and self.expires_at != _stamp(_moment(self.expires_at)):
            raise InputError(
                f"Consent.expires_at: expected UTC as gallery.consent.expiry gives it, got "
                f"{self.expires_at!r}"
            )


@dataclass(frozen=True, slots=True)
class DueSubject:
    """A person whose time is over, and why: the date that was set, or the age of the last photo.

    since: when it was over; UTC, ISO 8601.
    """

    subject_id: str
    subject: str
    reason: Reason
    since: str


def expiry(text: str, now: datetime | None = None) -> str:
    """When a person is to go: ``2027-01-31`` (its beginning, UTC), ``90`` (days from now), never.

    Returns UTC, ISO 8601 to the millisecond; "" for ``never``. Raises InputError for what is
    neither, and what lies in the past.
    """
    now = now or datetime.now(timezone.utc)
    if text.strip().lower() == "never":
        return ""
    if text.strip().isdecimal():
        return _stamp(now + timedelta(days=check_days(int(text), "--expires")))
    moment = _moment(text)
    if moment <= now:
        raise InputError(f"--expires: {text} lies in the past; delete the person instead")
    return _stamp(moment)


def since(text: str) -> str:
    """A date or time for ``--since``, as the log writes times; InputError for what is none."""
    return _stamp(_moment(text, "--since"))


def check_days(days: int, option: str) -> int:
    """``days``; InputError unless it is 1 to a hundred years."""
    if not 1 <= days <= LONGEST_DAYS:
        raise InputError(f"{option}: expected 1 to {LONGEST_DAYS} days, got {days}")
    return days


def note(connection: Rows, subject: int, consent: Consent) -> None:
    """Write what is not None to the person of that row."""
    if consent.text is not None:
        text = codec.encode_text(consent.text) if consent.text else None
        connection.execute("UPDATE subject SET consent = ? WHERE id = ?", (text, subject))
    if consent.expires_at is not None:
        connection.execute(
            "UPDATE subject SET expires_at = ? WHERE id = ?", (consent.expires_at or None, subject)
        )


def retention_days(connection: Rows) -> int | None:
    """How many days after the last photo people are due; None: no limit."""
    row = connection.execute("SELECT value FROM setting WHERE key = ?", (RETENTION_KEY,)).fetchone()
    return None if row is None else int(row[0])


def set_retention_days(connection: Rows, days: int | None) -> None:
    """Set or take away the limit."""
    connection.execute("DELETE FROM setting WHERE key = ?", (RETENTION_KEY,))
    if days is not None:
        connection.execute("INSERT INTO setting VALUES (?, ?)", (RETENTION_KEY, days))


def due(
    connection: Rows,
    now: datetime,
    *,
    days: int | None,
    by_date: bool,
    subject_id: str | None = None,
) -> list[DueSubject]:
    """Who is due at ``now``: by the date that was set for them, or by age, the longest first.

    days: since the newest photo was enrolled; None: age does not count. by_date: whether dates
    do. subject_id: of this person only.
    """
    cutoff = "" if days is None else _stamp(now - timedelta(days=days))
    found = []
    for uid, name, expires_at, newest in connection.execute(
        "SELECT s.uid, s.name, s.expires_at, coalesce(max(r.created_at), s.created_at)"
        " FROM subject s LEFT JOIN reference r ON r.subject_id = s.id"
        " WHERE CAST(? AS TEXT) IS NULL OR s.uid = ? GROUP BY s.id",
        (subject_id, subject_id),
    ):
        if by_date and expires_at is not None and expires_at <= _stamp(now):
            found.append(DueSubject(uid, codec.decode_text(name), "expired", expires_at))
        elif days is not None and newest <= cutoff:
            over = _stamp(_moment(newest) + timedelta(days=days))
            found.append(DueSubject(uid, codec.decode_text(name), "age", over))
    return sorted(found, key=lambda person: (person.since, person.subject))


def _moment(text: str, option: str = "--expires") -> datetime:
    """A date (its beginning) or a time, UTC where no zone is given."""
    try:
        if len(text.strip()) == len("2027-01-31"):
            moment = datetime.combine(date.fromisoformat(text.strip()), time())
        else:
            moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        also = ", a number of days, or never" if option == "--expires" else ""
        raise InputError(
            f"{option}: expected a date such as 2027-01-31{also}, got {text!r}"
        ) from error


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
