"""Photos out, what was seen of them in, and one writer: in the order in which they were given."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from maskwise import image
from maskwise.answers import EnrolReport, PhotoReport
from maskwise.bulk.work import NO_PHOTO, PhotoJob
from maskwise.enrolment import Asked, Enrolment, Looked
from maskwise.errors import ImageError, InputError

if TYPE_CHECKING:
    from maskwise.gallery import Consent, Gallery

PEOPLE_AT_ONCE: Final = 64
"""People a transaction at most: storing one is mostly waiting for the disk."""
SECONDS_AT_ONCE: Final = 2.0
"""What is finished is stored after so long, at the latest when the next photo comes back."""
BREATH_S: Final = 1.0
"""After so long without a photo to look at, since all are enrolled, a ``NO_PHOTO`` is given: when
it comes back, those people are told and forgotten, and a stop is heeded."""

PersonPhotos: TypeAlias = tuple[str, Sequence[Path]]
"""A name and the photos of that person."""

Crew: TypeAlias = Callable[[Iterable[PhotoJob]], Iterator[tuple[PhotoJob, Looked]]]
"""Works off jobs, which it asks for as it can take them, in any order: ``crew.outcomes``, or
``cluster.outcomes``, with all but the jobs given."""


@dataclass(frozen=True, slots=True)
class BulkReport:
    """What became of a person: ``enrolled``, or why the name cannot be (and photos so many)."""

    enrolled: EnrolReport | None
    refused: str = ""
    photos: int = 0


@dataclass(slots=True)
class _Person:
    """reports: of each photo, by its number, once it is known; looked: what workers said.

    again: the same name is under way already.
    """

    name: str
    enrolment: Enrolment | None
    count: int
    refused: str = ""
    again: bool = False
    reports: dict[int, PhotoReport] = field(default_factory=dict)
    looked: dict[int, Looked] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        return self.enrolment is None or len(self.reports) + len(self.looked) == self.count


def enrol_many(
    gallery: Gallery,
    people: Iterable[PersonPhotos],
    asked: Asked,
    crew: Crew,
    *,
    consent: Consent | None = None,
    on_photo: Callable[[], None] | None = None,
    unlike: Callable[[str], tuple[str, ...]] | None = None,
) -> Generator[BulkReport, None, None]:
    """Enrol people, as ``Recognizer.enrol`` does one after the other; a report each, in order.

    Photos that are enrolled already are told by their content's sha256 and not looked at again, so
    a run that ended early is gone on with by the same call. In memory are the photos that the crew
    has, and the templates of people who are not stored yet: those under way, those who were
    finished while one before them was not, and at most ``PEOPLE_AT_ONCE`` more. Everything of one
    person is stored at once; when the crew stops early, people of whom a photo is missing are not
    stored, and have no report.
    unlike: sentences on photos of a person that do not look like the others; asked when stored.
    Raises what the gallery and the crew raise; what was stored before stays.
    """
    run = _Run(gallery, asked, consent, on_photo)
    last = time.monotonic()
    for job, looked in crew(run.jobs(people)):
        run.came(job, looked)
        whole = run.whole()
        if len(whole) >= PEOPLE_AT_ONCE or time.monotonic() - last > SECONDS_AT_ONCE:
            yield from run.store_all(whole, unlike)
            last = time.monotonic()
    yield from run.store_all(run.whole(), unlike)


class _Run:
    """People under way, the first of them first."""

    def __init__(
        self,
        gallery: Gallery,
        asked: Asked,
        consent: Consent | None,
        on_photo: Callable[[], None] | None,
    ) -> None:
        self._gallery, self._asked, self._consent = gallery, asked, consent
        self._told = on_photo or (lambda: None)
        self._people: deque[_Person] = deque()
        self._names: Counter[str] = Counter()
        self._first = 0  # number of the first of them

    def jobs(self, people: Iterable[PersonPhotos]) -> Iterator[PhotoJob]:
        """The photos that have to be looked at; others are settled on the way."""
        from maskwise.gallery import clean_name

        gave = time.monotonic()
        for number, (name, photos) in enumerate(people):
            try:
                clean = clean_name(name)
                enrolment = Enrolment(self._gallery, clean, self._asked)
                enrolment.consent = self._consent
                person = _Person(clean, enrolment, len(photos), again=self._names[clean] > 0)
            except InputError as error:
                person = _Person(name, None, len(photos), str(error))
            self._people.append(person)
            self._names[person.name] += 1
            for place, path in enumerate(photos if person.enrolment is not None else ()):
                job = self._job(person, number, place, path)
                if job is None and time.monotonic() - gave > BREATH_S:
                    job = PhotoJob(number, NO_PHOTO, "", b"")
                if job is not None:
                    yield job
                    gave = time.monotonic()

    def _job(self, person: _Person, number: int, place: int, path: Path) -> PhotoJob | None:
        name = image.describe(path)
        try:
            content = image.read(path)
        except ImageError as error:
            person.reports[place] = PhotoReport(name, "unreadable", str(error))
        else:
            assert person.enrolment is not None
            if not person.enrolment.has(hashlib.sha256(content).hexdigest()):
                return PhotoJob(number, place, name, content)
            person.reports[place] = PhotoReport(name, "already")
        self._told()
        return None

    def came(self, job: PhotoJob, looked: Looked) -> None:
        """A photo was looked at."""
        if job.photo == NO_PHOTO:
            return
        self._people[job.person - self._first].looked[job.photo] = looked
        self._told()

    def whole(self) -> list[_Person]:
        """Those at the front of whom every photo is known; more may be waited for behind them."""
        found: list[_Person] = []
        for person in self._people:
            if not person.whole:
                break
            found.append(person)
        return found

    def store_all(
        self, people: Sequence[_Person], unlike: Callable[[str], tuple[str, ...]] | None
    ) -> Iterator[BulkReport]:
        """Store the first ones, in transactions of limited size, and tell what became of them."""
        some: list[_Person] = []
        for person in people:
            # Of whom is named twice, the first is stored before the second is asked for.
            if some and (person.again or len(some) == PEOPLE_AT_ONCE):
                yield from self._store(some, unlike)
                some = []
            some.append(person)
        yield from self._store(some, unlike)

    def _store(
        self, people: Sequence[_Person], unlike: Callable[[str], tuple[str, ...]] | None
    ) -> Iterator[BulkReport]:
        """Store the first ones, in one transaction, and tell what became of them."""
        for person in people:
            assert person.enrolment is not None or person.refused
            for place in sorted(person.looked):  # in the order of the photos, as if one by one
                if person.enrolment is not None:
                    person.reports[place] = self._taken(person, person.looked[place])
        new = [
            (person, references)
            for person in people
            if person.enrolment is not None and (references := person.enrolment.taken())
        ]
        stored: dict[int, int] = {}
        if new:
            results = self._gallery.enrol_all((person.name, photos) for person, photos in new)
            stored = {id(p): r.templates for (p, _), r in zip(new, results, strict=True)}
        for person in people:
            self._people.popleft()
            self._names[person.name] -= 1
            if not self._names[person.name]:
                del self._names[person.name]
            self._first += 1
            if person.enrolment is None:
                self._told_all(person.count)
                yield BulkReport(None, person.refused, person.count)
                continue
            templates = stored.get(id(person), 0)
            if not templates:
                person.enrolment.note_consent()
            reports = tuple(person.reports[place] for place in range(person.count))
            warnings = unlike(person.name) if unlike is not None and templates else ()
            yield BulkReport(EnrolReport(person.name, reports, templates, warnings))

    @staticmethod
    def _taken(person: _Person, looked: Looked) -> PhotoReport:
        assert person.enrolment is not None
        reference = looked.reference
        if person.again and reference and person.enrolment.has(reference.photo_sha256):
            return PhotoReport(looked.report.source, "already")
        return person.enrolment.take(looked)

    def _told_all(self, count: int) -> None:
        for _ in range(count):
            self._told()
