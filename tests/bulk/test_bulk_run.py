"""Enrolment by several processes: the same as by one, in the same order, and gone on with."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from maskwise import Recognizer, bulk
from maskwise.bulk import run as bulk_run
from maskwise.enrolment import Asked, Looked
from maskwise.errors import ConfigurationError, StorageError
from maskwise.gallery import Gallery, open_gallery
from maskwise.gallery.consent import Consent
from maskwise.quality import gates
from maskwise.testing.command_line import GOLD, GREEN, RED, TEAL, make_recognizer, photo

ASKED = Asked(("surgical", "n95"), strict=False, keep=False, limits=gates("standard"))

Jobs = Iterable[bulk.PhotoJob]
Done = Iterator[tuple[bulk.PhotoJob, Looked]]
Crew = Callable[[Jobs], Done]


@pytest.fixture
def recognizer() -> Recognizer:
    return make_recognizer()


@pytest.fixture
def people(tmp_path: Path) -> list[bulk.PersonPhotos]:
    """Seven people; one of them without a photo that will do, one with the same photo twice."""
    found: list[bulk.PersonPhotos] = []
    colours = (RED, GREEN, GOLD, TEAL)
    for number, name in enumerate(("Zoe", "Ann", "Bob", "Cid", "Dora", "Eve", "Fay")):
        photos = [
            photo(tmp_path / name / f"{n}.png", colours[number % 4], left=60 + 9 * number + n)
            for n in range(3)
        ]
        if name == "Bob":
            photos[1].write_bytes(photos[0].read_bytes())
        if name == "Cid":
            photo(photos[0], masked=True)  # the mask first, then bare ones
        if name == "Dora":
            for path in photos:
                path.write_bytes(b"no picture")
        found.append((name, photos))
    found.append(("", found[0][1]))
    return found


def workshop(recognizer: Recognizer) -> bulk.Workshop:
    return bulk.Workshop(make_recognizer, ASKED, recognizer.models)


def shuffled(shop: bulk.Workshop, under_way: int = 6, seed: int = 0) -> Crew:
    """A crew whose results come back in another order, of some that are under way."""

    def crew(jobs: Jobs) -> Done:
        rng = random.Random(seed)
        waiting, todo = [], iter(jobs)
        while some := list(itertools.islice(todo, under_way - len(waiting))) or waiting:
            if some is not waiting:
                waiting += some
            job = waiting.pop(rng.randrange(len(waiting)))
            yield job, shop.do(job)

    return crew


def told(gallery: Gallery) -> list[tuple[object, ...]]:
    """All that a gallery holds but for ids and times."""
    return [
        (
            record.subject,
            record.photo.source,
            record.photo.photo_sha256,
            record.photo.masks,
            [(t.wear, t.vector.tolist()) for t in record.photo.templates],
        )
        for record in gallery.export()
    ]


def one_by_one(recognizer: Recognizer, people: Sequence[bulk.PersonPhotos]) -> list[object]:
    return [recognizer.enrol(name, photos, masks=ASKED.types) for name, photos in people if name]


@pytest.mark.parametrize("seed", range(5))
def test_it_stores_and_reports_what_one_process_would(
    recognizer: Recognizer, people: list[bulk.PersonPhotos], seed: int
) -> None:
    expected = one_by_one(recognizer, people)
    with open_gallery(None) as gallery:
        ticks: list[int] = []
        reports = list(
            bulk.enrol_many(
                gallery,
                people,
                ASKED,
                shuffled(workshop(recognizer), seed=seed),
                on_photo=lambda: ticks.append(1),
                unlike=recognizer.unlike,
            )
        )
        found = [report.enrolled for report in reports[:-1]]
        for mine, theirs in zip(found, expected, strict=True):
            assert mine is not None
            assert mine.subject == theirs.subject  # type: ignore[attr-defined]
            assert mine.templates == theirs.templates  # type: ignore[attr-defined]
            assert [(p.source, p.status, p.note) for p in mine.photos] == [
                (p.source, p.status, p.note)
                for p in theirs.photos  # type: ignore[attr-defined]
            ]
        assert reports[-1].enrolled is None
        assert "cannot be empty" in reports[-1].refused
        assert told(gallery) == told(recognizer.gallery)
        assert len(ticks) == sum(len(photos) for _, photos in people)


def test_what_is_enrolled_is_not_looked_at_again(
    recognizer: Recognizer, people: list[bulk.PersonPhotos]
) -> None:
    asked_for: list[str] = []

    def noting(jobs: Jobs) -> Done:
        for job in jobs:
            asked_for.append(job.name)
            yield job, shop.do(job)

    shop = workshop(recognizer)
    with open_gallery(None) as gallery:
        list(bulk.enrol_many(gallery, people[:2], ASKED, noting))
        assert len(asked_for) == 6
        reports = list(bulk.enrol_many(gallery, people[:3], ASKED, noting))
        # Bob's second photo is his first one again.
        assert [Path(name).parent.name for name in asked_for[6:]] == ["Bob"] * 3
        statuses = [[p.status for p in r.enrolled.photos] for r in reports if r.enrolled]
        assert statuses[:2] == [["already"] * 3] * 2
        assert sorted(statuses[2]) == ["already", "enrolled", "enrolled"]


def test_a_crew_that_stops_early_leaves_whole_people(
    recognizer: Recognizer, people: list[bulk.PersonPhotos]
) -> None:
    shop = workshop(recognizer)
    with open_gallery(None) as gallery:

        def eight(jobs: Jobs) -> Done:
            for job in itertools.islice(jobs, 8):
                yield job, shop.do(job)

        stops = bulk.enrol_many(gallery, people, ASKED, eight)
        assert [r.enrolled.subject for r in stops if r.enrolled] == ["Zoe", "Ann"]
        assert [p.subject for p in gallery.people()] == ["Ann", "Zoe"]
        list(bulk.enrol_many(gallery, people, ASKED, shuffled(shop)))
        one_by_one(recognizer, people)
        assert told(gallery) == told(recognizer.gallery)


def test_few_photos_are_in_memory_at_once(
    recognizer: Recognizer, people: list[bulk.PersonPhotos]
) -> None:
    taken = 0

    def counting() -> Iterator[bulk.PersonPhotos]:
        nonlocal taken
        for person in people[:-1]:
            taken += 1
            yield person

    shop = workshop(recognizer)

    def crew(jobs: Jobs) -> Done:
        for number, job in enumerate(jobs):
            assert taken <= number // 3 + 1
            yield job, shop.do(job)

    with open_gallery(None) as gallery:
        assert len(list(bulk.enrol_many(gallery, counting(), ASKED, crew))) == 7


def test_a_gallery_that_fails_keeps_what_was_stored(
    recognizer: Recognizer, people: list[bulk.PersonPhotos], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_run, "PEOPLE_AT_ONCE", 1)
    with open_gallery(None) as gallery:
        real, calls = gallery.enrol_all, []

        def full(people):  # type: ignore[no-untyped-def]
            calls.append(1)
            if len(calls) == 3:
                raise StorageError("the disk is full")
            return real(people)

        monkeypatch.setattr(gallery, "enrol_all", full)
        reports = []
        with pytest.raises(StorageError):
            reports.extend(
                bulk.enrol_many(gallery, people, ASKED, shuffled(workshop(recognizer), 1))
            )
        assert [p.subject for p in gallery.people()] == ["Ann", "Zoe"]


def test_consent_is_noted_also_of_people_who_are_there(
    recognizer: Recognizer, people: list[bulk.PersonPhotos]
) -> None:
    shop = workshop(recognizer)
    with open_gallery(None) as gallery:
        for text in ("form 1", "form 2"):
            crew = shuffled(shop)
            list(bulk.enrol_many(gallery, people[:2], ASKED, crew, consent=Consent(text)))
            assert gallery.show("Zoe").consent == text


def test_a_worker_with_other_models_is_refused(
    recognizer: Recognizer, people: list[bulk.PersonPhotos]
) -> None:
    job = bulk.PhotoJob(0, 0, "x", people[0][1][0].read_bytes())
    other = bulk.Workshop(make_recognizer, ASKED, {**recognizer.models, "encoder": "another"})
    with pytest.raises(ConfigurationError, match="the same models on every machine"):
        other.do(job)
    old = bulk.Workshop(make_recognizer, ASKED, recognizer.models, ("0.0.1", 1))
    with pytest.raises(ConfigurationError, match=r"this is 0\.0\.1"):
        old.do(job)


def test_a_photo_that_ended_its_process_is_named(recognizer: Recognizer) -> None:
    looked = workshop(recognizer).failed(bulk.PhotoJob(0, 0, "big.jpg", b""))
    assert looked.report.status == "unreadable"
    assert "big.jpg" in looked.report.note
    assert looked.reference is None
