"""``maskwise enrol``: people into the gallery, bare and wearing each virtual mask."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

import click

from maskwise.cli.actor import actor_option
from maskwise.cli.enrol_people import How, Summary, enrol
from maskwise.cli.inputs import Person, as_name, find_people, find_photos
from maskwise.cli.key_options import key_for
from maskwise.cli.options import (
    Tools,
    gallery_is_there,
    gallery_option,
    json_option,
    model_options,
    pass_tools,
)
from maskwise.cli.output import print_json, printable, remark
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED

if TYPE_CHECKING:
    from maskwise.gallery import Consent


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
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many processes look at photos.  [default: by the number of photos and cores]",
)
@click.option(
    "--cluster",
    metavar="tcp://HOST:PORT",
    help="Let the workers of a dask cluster look at the photos; this process stores.",
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
    workers: int | None,
    cluster: str | None,
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
    from maskwise.bulk import MOST
    from maskwise.crew import usual_workers
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
    if cluster is not None and workers is not None:
        raise click.UsageError("--workers are processes here, --cluster has its own; name one")
    workers = workers or usual_workers(sum(len(person.photos) for person in people), MOST)
    place = gallery or default_place()
    # Before the gallery is opened: a mistyped folder, model or mask leaves no empty one.
    recognizer = tools.recognizer(gallery=place, gallery_key=key_for(place), masks=masks, **models)
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
            how = How(strict, quality, keep, agreed)
            make = functools.partial(tools.recognizer, masks=masks, **models)
            enrol(recognizer, people, summary, how, make=make, workers=workers, cluster=cluster)
        except KeyboardInterrupt:
            interrupted = True
            remark(f"interrupted: {summary.kept(len(people), store.where)}")
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
