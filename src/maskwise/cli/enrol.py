"""``maskwise enrol``: people into the gallery, bare and wearing each virtual mask."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import click

from maskwise.cli.actor import actor_option
from maskwise.cli.inputs import Person, as_name, find_people, find_photos
from maskwise.cli.options import (
    Tools,
    gallery_is_there,
    gallery_option,
    json_option,
    model_options,
    pass_tools,
)
from maskwise.cli.output import Progress, naming, print_json, printable, remark
from maskwise.cli.results import mask_json, quality_json, reasons_json
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED
from maskwise.errors import InputError, StorageError

if TYPE_CHECKING:
    from maskwise.answers import EnrolReport
    from maskwise.gallery import Consent
    from maskwise.pipeline import Recognizer


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


@click.command(name="enrol")
@click.argument("paths", nargs=-1, required=True, metavar="PEOPLE_DIR | PHOTO...")
@click.option(
    "--subject", metavar="NAME", help="Whose photos these are: every PHOTO is of this person."
)
@gallery_option
@click.option(
    "--masks",
    default="default",
    show_default=True,
    metavar="default|all|none|TYPE,...",
    help="The virtual masks that each bare face is enrolled with; a mask file of your own (.toml) "
    "is a type, too.",
)
@click.option("--strict", is_flag=True, help="Skip every photo that shows a second face.")
@click.option(
    "--quality",
    type=click.Choice(["strict", "standard", "off"]),
    default="standard",
    show_default=True,
    help="How good a face must be: its size, sharpness, light and pose. Photos that are not are "
    "skipped, and said why.",
)
@click.option(
    "--keep",
    type=click.Choice(["none", "faces"]),
    default="none",
    show_default=True,
    help="What of the photos is kept beside the templates: nothing, or a small picture of each "
    "face, so that `gallery re-encode` needs no photos.",
)
@click.option(
    "--consent", metavar="TEXT", help="What they agreed to, in words; kept with each person."
)
@click.option(
    "--expires",
    metavar="DATE|DAYS|never",
    help="When they are to be deleted (2027-01-31, or days from now), by `gallery retention`.",
)
@actor_option
@model_options("detector", "encoder")
@json_option("the summary as one JSON object")
@pass_tools
@click.pass_context
def command(
    ctx: click.Context,
    tools: Tools,
    *,
    paths: tuple[str, ...],
    subject: str | None,
    gallery: str | None,
    masks: str,
    strict: bool,
    quality: str,
    keep: Literal["none", "faces"],
    consent: str | None,
    expires: str | None,
    models: dict[str, str],
    as_json: bool,
) -> None:
    """Enrol people from photos, so that identify finds them. (Also spelled enroll.)

    PEOPLE_DIR holds one folder a person, or photos named after the person (Ada_Lovelace.jpg,
    Ada_Lovelace_2.jpg), or both. With --subject, all PHOTOs (or folders of photos) are of that
    one person.

    The gallery keeps templates and no photos, unless you ask for --keep faces. --consent and
    --expires hold for everybody of this run, also for photos that are enrolled already.

    A photo with several faces enrols the dominant one (size x centrality); it is skipped when
    the runner-up has 70 % of its area or more. A face that is too small, blurred, dark, bright
    or turned away is skipped, too (--quality). A photo that is enrolled already is left as it
    is, so running the command again is fast. Everything of one person is stored at once:
    Ctrl-C keeps everybody who was finished.

    \b
    Examples:
      maskwise enrol people/
      maskwise enrol people/ --gallery staff.db --masks surgical,n95
      maskwise enrol --subject "Ada Lovelace" ada-1.jpg ada-2.jpg

    Exit codes: 0 all photos enrolled; 1 some input was skipped (each is named); 2 usage or
    gallery error; 130 interrupted.
    """
    from maskwise.gallery import default_place
    from maskwise.gallery.where import without_secrets

    summary = Summary()
    agreed = _consent(consent, expires)

    def skip(message: str) -> None:
        summary.problems.append(printable(message))
        remark(f"skipped {message}")

    if subject is None:
        people = find_people(paths, skip)
    else:
        from maskwise.gallery import clean_name

        subject = clean_name(as_name(subject))
        photos = find_photos(paths, skip)
        people = [Person(subject, photos)] if photos else []
    place = gallery or default_place()
    # Before the gallery is opened: a mistyped folder, model or mask leaves no empty one.
    recognizer = tools.recognizer(gallery=place, masks=masks, **models)
    if not people and not gallery_is_there(place):
        if as_json:
            print_json(summary.as_json(without_secrets(place), False))
        else:
            click.echo(summary.text(without_secrets(place)))
        ctx.exit(SKIPPED)
    interrupted = False
    with recognizer:
        store = recognizer.gallery
        remark(f"gallery {store.where}")
        try:
            enrol_people(
                recognizer,
                people,
                summary,
                strict=strict,
                quality=quality,
                keep=keep,
                consent=agreed,
            )
        except KeyboardInterrupt:
            interrupted = True
            remark(f"interrupted: {summary.kept(len(people), store.where)}")
        except StorageError:
            remark(summary.kept(len(people), store.where))
            raise
        if as_json:
            print_json(summary.as_json(store.where, interrupted))
        else:
            click.echo(summary.text(store.where))
    ctx.exit(INTERRUPTED if interrupted else SKIPPED if summary.problems else OK)


def _consent(text: str | None, expires: str | None) -> Consent | None:
    from maskwise.gallery.consent import Consent, expiry

    if text is None and expires is None:
        return None
    return Consent(text, None if expires is None else expiry(expires))


def enrol_people(
    recognizer: Recognizer,
    people: list[Person],
    summary: Summary,
    *,
    strict: bool = False,
    quality: str = "standard",
    keep: Literal["none", "faces"] = "none",
    consent: Consent | None = None,
) -> None:
    """Enrol one person after the other, with a bar, counting into ``summary``."""
    total = sum(len(person.photos) for person in people)
    with Progress("enrolling", total) as progress:
        for person in people:
            try:
                report = recognizer.enrol(
                    person.name,
                    [photo.path for photo in person.photos],
                    strict=strict,
                    quality=quality,
                    keep=keep,
                    consent=consent,
                    on_photo=lambda _: progress.advance(),
                )
            except InputError as error:  # a name that cannot be
                summary.people += 1
                summary.without_template += 1
                summary.problems.append(printable(str(error)))
                progress.remark(f"skipped {error}")
                progress.advance(len(person.photos))
                continue
            summary.add(report)
            for photo in report.photos:
                if photo.status not in ("enrolled", "already"):
                    problem = naming(photo.source, photo.note or photo.status)
                    summary.problems.append(printable(problem))
                    progress.remark(f"skipped {problem}")
                elif photo.note:
                    progress.remark(naming(photo.source, photo.note))
            for warning in report.warnings:
                progress.remark(f"warning: {warning}")
