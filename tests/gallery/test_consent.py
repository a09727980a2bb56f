"""Dates of consent, and whose time is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.errors import InputError
from maskwise.gallery import Consent, open_gallery
from maskwise.gallery.consent import due, expiry, since
from maskwise.gallery.sqlite import SqliteGallery
from maskwise.testing.enrolments import axis, reference
from maskwise.types import NO_MASK

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("2026-03-02", "2026-03-02T00:00:00.000+00:00"),
        (" 2027-01-31 ", "2027-01-31T00:00:00.000+00:00"),
        ("2026-03-01T15:00:00+02:00", "2026-03-01T13:00:00.000+00:00"),
        ("1", "2026-03-02T12:00:00.000+00:00"),
        ("90", "2026-05-30T12:00:00.000+00:00"),
        ("never", ""),
    ],
)
def test_a_date_or_days(text: str, stamp: str) -> None:
    assert expiry(text, NOW) == stamp
    assert Consent(expires_at=stamp).expires_at == stamp


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-01", "past"),
        ("1999-01-01", "past"),
        ("0", "1 to"),
        ("36526", "1 to"),
        ("2027-02-30", "expected a date"),
        ("31.1.2027", "expected a date"),
        ("", "expected a date"),
        ("-5", "expected a date"),
        ("0001-01-01T00:00:00+14:00", "expected a date"),
    ],
)
def test_what_is_no_date_to_come(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        expiry(text, NOW)


def test_a_time_to_look_from() -> None:
    assert since("2026-01-31") == "2026-01-31T00:00:00.000+00:00"
    with pytest.raises(InputError, match="--since"):
        since("yesterday")


def test_a_consent_that_cannot_be() -> None:
    with pytest.raises(InputError, match="1000 characters"):
        Consent("x" * 1001)
    for bad in ("2027-01-31", "2027-01-31T00:00:00.000+01:00", "soon"):
        with pytest.raises(InputError, match="expires"):
            Consent(expires_at=bad)


@given(
    ages=st.lists(st.integers(0, 60), min_size=1, max_size=6),
    dates=st.lists(st.one_of(st.none(), st.integers(-30, 30)), min_size=6, max_size=6),
    days=st.one_of(st.none(), st.integers(1, 60)),
    by_date=st.booleans(),
)
def test_who_is_due_as_a_plain_loop_says(
    ages: list[int], dates: list[int | None], days: int | None, by_date: bool
) -> None:
    def stamp(offset: int) -> str:
        return (NOW + timedelta(days=offset)).isoformat(timespec="milliseconds")

    with SqliteGallery.in_memory() as gallery:
        wanted = set()
        for number, (age, date) in enumerate(zip(ages, dates, strict=False)):
            name = f"p{number}"
            note = Consent(expires_at=None if date is None else stamp(date))
            photo = reference(name, [(NO_MASK, axis(0))])
            gallery.enrol(name, [replace(photo, consent=note)])
            # An old photo does not count where a newer one came.
            gallery.enrol(name, [reference(f"old {name}", [(NO_MASK, axis(0))])])
            gallery._connection.execute(
                "UPDATE reference SET created_at = CASE WHEN photo_sha256 = ? THEN ? ELSE ? END"
                " WHERE subject_id = ?",
                (photo.photo_sha256, stamp(-age), stamp(-99), number + 1),
            )
            if (by_date and date is not None and date <= 0) or (days is not None and age >= days):
                wanted.add(name)
        found = due(gallery._connection, NOW, days=days, by_date=by_date)
        assert {person.subject for person in found} == wanted
        assert [p.since for p in found] == sorted(p.since for p in found)
        assert all(p.since <= stamp(0) for p in found)


def test_somebody_whose_date_was_moved_meanwhile_stays() -> None:
    with open_gallery(None) as gallery:
        photo = reference("a.jpg", [(NO_MASK, axis(0))])
        past = Consent(expires_at="2001-01-31T00:00:00.000+00:00")
        gallery.enrol("Ann", [replace(photo, consent=past)])
        (ann,) = gallery.due()
        gallery.set_consent("Ann", Consent(expires_at="2099-01-31T00:00:00.000+00:00"))
        assert gallery.delete_due(ann.subject_id) is None
        assert gallery.size().people == 1
