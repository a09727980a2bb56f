"""What ``maskwise enrol`` does with people, one after the other or many at once, and counts."""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from maskwise.cli.inputs import Person
from maskwise.cli.output import Progress, naming, printable, remark
from maskwise.cli.results import mask_json, quality_json, reasons_json
from maskwise.cli.stopping import stopping
from maskwise.errors import InputError, MaskwiseError, StorageError

if TYPE_CHECKING:
    from maskwise.answers import EnrolReport
    from maskwise.bulk import PhotoJob
    from maskwise.enrolment import Looked
    from maskwise.gallery import Consent
    from maskwise.pipeline import Recognizer


@dataclass(frozen=True, slots=True)
class How:
    """What is asked for all photos of a run."""

    strict: bool = False
    quality: str = "standard"
    keep: Literal["none", "faces"] = "none"
    consent: Consent | None = None


_STATUSES = ("enrolled", "already", "no_face", "several_faces", "unreadable", "poor")


@dataclass(slots=True)
class Summary:
    """What became of everybody.

    problems: a sentence for everything that was left out. poor: what was measured of the photos
    that are not good enough. warnings: sentences on photos that were enrolled all the same.
    """

    people: int = 0
    without_template: int = 0
    photos: Counter[str] = field(default_factory=Counter)
    templates: int = 0
    problems: list[str] = field(default_factory=list)
    poor: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def add(self, report: EnrolReport) -> None:
        """Count one person in."""
        self.people += 1
        self.photos.update(photo.status for photo in report.photos)
        self.templates += report.templates
        self.without_template += report.skipped == len(report.photos)
        self.warnings += map(printable, report.warnings)
        self.poor += [
            {
                "image": photo.source,
                "subject": report.subject,
                "mask": None if photo.mask is None else mask_json(photo.mask),
                "quality": quality_json(photo.quality),
                "quality_reasons": reasons_json(photo.reasons),
            }
            for photo in report.photos
            if photo.status == "poor"
        ]

    def tell(self, report: EnrolReport, progress: Progress) -> None:
        """Count one person in, and say what is to be said of the photos."""
        self.add(report)
        for photo in report.photos:
            if photo.status not in ("enrolled", "already"):
                problem = naming(photo.source, photo.note or photo.status)
                self.problems.append(printable(problem))
                progress.remark(f"skipped {problem}")
            elif photo.note:
                progress.remark(naming(photo.source, photo.note))
        for warning in report.warnings:
            progress.remark(f"warning: {warning}")

    def refuse(self, why: str, progress: Progress) -> None:
        """Count in somebody with a name that cannot be."""
        self.people += 1
        self.without_template += 1
        self.problems.append(printable(why))
        progress.remark(f"skipped {why}")

    @property
    def rate(self) -> float:
        """Photos a second since this was made, those that were there already among them."""
        return sum(self.photos.values()) / max(time.monotonic() - self.started, 1e-9)

    def as_json(self, gallery: str, interrupted: bool) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "gallery": gallery,
            "people": {
                "enrolled": self.people - self.without_template,
                "skipped": self.without_template,
            },
            "photos": {status: self.photos[status] for status in _STATUSES},
            "templates": self.templates,
            "rate": round(self.rate, 2),
            "poor": self.poor,
            "problems": self.problems,
            "warnings": self.warnings,
            "interrupted": interrupted,
        }

    def kept(self, people: int, gallery: str) -> str:
        """What a run that ended early leaves behind."""
        return (
            f"{self.people} of {people} people were finished and are kept in {gallery}; run the "
            "same command again to go on"
        )

    def text(self, gallery: str) -> str:
        """For people, in three lines."""
        enrolled = self.people - self.without_template
        lost = f", {self.without_template} without a usable photo" if self.without_template else ""
        counts = self.photos
        return (
            f"people     {enrolled} of {self.people} with photos in the gallery{lost}\n"
            f"photos     {counts['enrolled']} enrolled, {counts['already']} already, "
            f"{counts['no_face']} no face, {counts['several_faces']} several faces, "
            f"{counts['unreadable']} unreadable, {counts['poor']} poor\n"
            f"templates  {self.templates} stored in {printable(gallery)}"
        )


def enrol(
    recognizer: Recognizer,
    people: list[Person],
    summary: Summary,
    how: How,
    *,
    make: functools.partial[Recognizer],
    workers: int,
    cluster: str | None,
) -> None:
    """Enrol people by this process, by several, or by a cluster; says what an error leaves."""
    try:
        if cluster is None and workers == 1:
            enrol_people(recognizer, people, summary, how)
        else:
            enrol_in_bulk(
                recognizer, people, summary, how, make=make, workers=workers, cluster=cluster
            )
    except MaskwiseError as error:
        if summary.people or isinstance(error, StorageError):
            remark(summary.kept(len(people), recognizer.gallery.where))
        raise


def enrol_people(
    recognizer: Recognizer, people: list[Person], summary: Summary, how: How | None = None
) -> None:
    """Enrol one person after the other, with a bar, counting into ``summary``."""
    how = how or How()
    total = sum(len(person.photos) for person in people)
    with Progress("enrolling", total, unit="photos") as progress:
        for person in people:
            try:
                report = recognizer.enrol(
                    person.name,
                    [photo.path for photo in person.photos],
                    strict=how.strict,
                    quality=how.quality,
                    keep=how.keep,
                    consent=how.consent,
                    on_photo=lambda _: progress.advance(),
                )
            except InputError as error:  # a name that cannot be
                summary.refuse(str(error), progress)
                progress.advance(len(person.photos))
                continue
            summary.tell(report, progress)


def enrol_in_bulk(
    recognizer: Recognizer,
    people: list[Person],
    summary: Summary,
    how: How,
    *,
    make: functools.partial[Recognizer],
    workers: int,
    cluster: str | None,
) -> None:
    """The same by several processes, or the workers of a cluster; KeyboardInterrupt at the end.

    make: gives the stages of a worker. What is under way is finished after Ctrl-C, and those who
    are whole by it are stored.
    """
    from maskwise import bulk
    from maskwise.bulk import cluster as machines
    from maskwise.crew import outcomes
    from maskwise.enrolment import Asked
    from maskwise.quality import gates

    asked = Asked(tuple(recognizer.mask_types), how.strict, how.keep == "faces", gates(how.quality))
    workshop = bulk.Workshop(make, asked, recognizer.models)
    total = sum(len(person.photos) for person in people)
    recognizer.gallery.check_encoder(recognizer.encoder.id)
    with Progress("enrolling", total, unit="photos") as progress, stopping() as stop:

        def crew(jobs: Iterable[PhotoJob]) -> Iterator[tuple[PhotoJob, Looked]]:
            if cluster is not None:
                return machines.outcomes(cluster, workshop, jobs, lambda: stop.asked)
            return outcomes(workshop, jobs, workers, lambda: stop.asked)

        for done in bulk.enrol_many(
            recognizer.gallery,
            ((person.name, [photo.path for photo in person.photos]) for person in people),
            asked,
            crew,
            consent=how.consent,
            on_photo=progress.advance,
            unlike=recognizer.unlike,
        ):
            if done.enrolled is None:
                summary.refuse(done.refused, progress)
            else:
                summary.tell(done.enrolled, progress)
        if stop.asked:
            raise KeyboardInterrupt
