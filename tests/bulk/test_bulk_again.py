"""A run over photos that are mostly enrolled already, and people who are named twice."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from maskwise import Recognizer, bulk, crew
from maskwise.bulk import run as bulk_run
from maskwise.bulk.work import NO_PHOTO
from maskwise.enrolment import Asked, Looked
from maskwise.gallery import open_gallery
from maskwise.quality import gates
from maskwise.testing.command_line import GREEN, RED, make_recognizer, photo

ASKED = Asked((), strict=False, keep=False, limits=gates("off"))

Jobs = Iterable[bulk.PhotoJob]
Done = Iterator[tuple[bulk.PhotoJob, Looked]]


@pytest.fixture
def recognizer() -> Recognizer:
    return make_recognizer()


@pytest.fixture
def shop(recognizer: Recognizer) -> bulk.Workshop:
    return bulk.Workshop(make_recognizer, ASKED, recognizer.models)


@pytest.fixture
def people(tmp_path: Path) -> list[bulk.PersonPhotos]:
    return [(f"P{n:02}", [photo(tmp_path / f"{n}.png", GREEN, left=20 + n)]) for n in range(30)]


def in_this_process(shop: bulk.Workshop, jobs: Jobs) -> Done:
    return crew.outcomes(shop, jobs, 1, lambda: False)


def test_people_who_are_there_are_told_and_forgotten_on_the_way(
    shop: bulk.Workshop, people: list[bulk.PersonPhotos], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_run, "BREATH_S", -1.0)
    monkeypatch.setattr(bulk_run, "SECONDS_AT_ONCE", -1.0)
    with open_gallery(None) as gallery:
        list(bulk.enrol_many(gallery, people[1:], ASKED, lambda jobs: in_this_process(shop, jobs)))
        given: list[str] = []

        def taking() -> Iterator[bulk.PersonPhotos]:
            for person in people:
                given.append(person[0])
                yield person

        told: list[str] = []
        for report in bulk.enrol_many(
            gallery, taking(), ASKED, lambda jobs: in_this_process(shop, jobs)
        ):
            assert report.enrolled is not None
            told.append(report.enrolled.subject)
            assert len(given) - len(told) <= 1
            statuses = [photo.status for photo in report.enrolled.photos]
            assert statuses == ["enrolled" if told == ["P00"] else "already"]
        assert told == [name for name, _ in people]


def test_a_stop_is_heeded_where_there_is_nothing_to_look_at(
    shop: bulk.Workshop, people: list[bulk.PersonPhotos], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_run, "BREATH_S", -1.0)
    with open_gallery(None) as gallery:
        list(bulk.enrol_many(gallery, people, ASKED, lambda jobs: in_this_process(shop, jobs)))
        read: list[int] = []
        reports = list(
            bulk.enrol_many(
                gallery,
                people,
                ASKED,
                lambda jobs: crew.outcomes(shop, jobs, 1, lambda: len(read) >= 10),
                on_photo=lambda: read.append(1),
            )
        )
    assert len(read) == len(reports) == 10


def test_a_job_without_a_photo_opens_no_models(people: list[bulk.PersonPhotos]) -> None:
    def never() -> Recognizer:
        raise AssertionError

    shop = bulk.Workshop(never, ASKED, {})
    assert shop.do(bulk.PhotoJob(0, NO_PHOTO, "", b"")).reference is None


@pytest.mark.parametrize("at_once", [1, 64])
def test_a_person_named_twice_is_enrolled_as_by_one_process(
    recognizer: Recognizer,
    shop: bulk.Workshop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
) -> None:
    """Two folders of one name in two Unicode forms, as a disk of a Mac and another have them."""
    monkeypatch.setattr(bulk_run, "PEOPLE_AT_ONCE", at_once)
    first, second = (
        photo(tmp_path / "1.png", RED),
        photo(tmp_path / "2.png", RED, left=80, masked=True),
    )
    names = [unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD")]
    people = [(names[0], [first]), ("Ann", [second]), (names[1], [first, second])]
    expected = [recognizer.enrol(*person, masks="none", quality="off") for person in people]
    with open_gallery(None) as gallery:
        found = [
            report.enrolled
            for report in bulk.enrol_many(
                gallery,
                people,
                ASKED,
                lambda jobs: iter([(job, shop.do(job)) for job in jobs]),
                unlike=recognizer.unlike,
            )
        ]
        assert gallery.size() == recognizer.gallery.size()
    assert [
        (r.templates, [(p.status, p.note) for p in r.photos]) for r in found if r is not None
    ] == [(r.templates, [(p.status, p.note) for p in r.photos]) for r in expected]
    assert [p.status for p in expected[2].photos] == ["already", "enrolled"]
