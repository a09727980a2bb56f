"""``maskwise explain``: why every face of a picture was decided so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from maskwise.cli.explain_draw import draw_explanations
from maskwise.cli.files import OutputFolder
from maskwise.cli.identify import NO_FACE_REMEDY
from maskwise.cli.options import (
    Tools,
    gallery_option,
    json_option,
    model_options,
    open_gallery,
    pass_tools,
    require_people,
    share_option,
)
from maskwise.cli.output import naming, print_json, printable, remark
from maskwise.cli.status import OK, SKIPPED
from maskwise.errors import ImageError

if TYPE_CHECKING:
    from maskwise.explain import FaceExplanation
    from maskwise.pipeline import Recognizer
    from maskwise.types import Image


@click.command(name="explain")
@click.argument("photo", metavar="PHOTO")
@gallery_option
@click.option(
    "--subject",
    metavar="NAME",
    help="Explain the score of this person instead of the nearest one's.",
)
@click.option(
    "--against",
    metavar="PHOTO_B",
    help="Explain what verify says of PHOTO and this photo; the gallery is not opened.",
)
@share_option("--fpir", "As for identify; not with --against.  [default: 0.01]", "--target-fpir")
@share_option(
    "--fmr",
    "As for verify; with --against only.  [default: that of the calibration beside the gallery, "
    "else 0.001]",
    "--target-fmr",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="K",
    help="How many candidates are listed.",
)
@model_options("detector", "encoder")
@json_option("one JSON object a face a line")
@click.option(
    "--draw",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a picture of each face and a page of all here; your own files are never replaced.",
)
@pass_tools
@click.pass_context
def command(
    ctx: click.Context,
    tools: Tools,
    *,
    photo: str,
    gallery: str | None,
    subject: str | None,
    against: str | None,
    fpir: float | None,
    fmr: float | None,
    top: int,
    models: dict[str, str],
    as_json: bool,
    draw: Path | None,
) -> None:
    """Show what was seen of every face of PHOTO, and why it was decided so.

    Tells the box, the landmarks (visible or hidden by a mask), the template that won, the score
    and its threshold, what the threshold lets pass, the nearest people, and which parts of the
    face the score rests on: how far it falls when they are covered. With --draw, as pictures.

    \b
    Examples:
      maskwise explain party.jpg --draw explained/
      maskwise explain party.jpg --subject "Ada Lovelace"
      maskwise explain selfie.jpg --against passport.jpg --draw explained/

    Exit codes: 0 explained, whatever was decided; 1 a photo cannot be read, or shows no face (with
    --against, also: several alike in size); 2 usage or gallery error.
    """
    if against is not None and (subject is not None or fpir is not None):
        raise click.UsageError("--against compares two photos: no --subject, and --fmr for --fpir.")
    if against is None and fmr is not None:
        raise click.UsageError("--fmr goes with --against; for a gallery use --fpir.")
    inputs = [photo] if against is None else [photo, against]
    output = None if draw is None else OutputFolder(draw, map(Path, inputs))
    if against is not None:
        from maskwise.gallery import default_place

        more = {} if fmr is None else {"target_fmr": fmr}
        recognizer = tools.recognizer(gallery=gallery or default_place(), **models, **more)
        found, problems = _pair(recognizer, photo, against)
        ctx.exit(_tell(recognizer, photo, found, problems, as_json=as_json, output=output))
    with open_gallery(gallery) as store:
        require_people(store, gallery)
        more = {} if fpir is None else {"target_fpir": fpir}
        recognizer = tools.recognizer(gallery=store, **models, **more)
        found, problems = _photo(recognizer, photo, subject, top)
        people = store.size().people
        status = _tell(
            recognizer, photo, found, problems, as_json=as_json, output=output, people=people
        )
    ctx.exit(status)


def _photo(
    recognizer: Recognizer, photo: str, subject: str | None, top: int
) -> tuple[Sequence[FaceExplanation], Sequence[str]]:
    """The faces, or what is wrong with the photo."""
    from maskwise.explain import explain_photo

    try:
        picture = recognizer.load(photo)
    except ImageError as error:
        return [], [naming(photo, str(error))]
    found = explain_photo(recognizer, picture, subject=subject, top=top)
    return found, [] if found else [f"{photo}: no face found; {NO_FACE_REMEDY}"]


def _pair(
    recognizer: Recognizer, photo: str, other: str
) -> tuple[Sequence[FaceExplanation], Sequence[str]]:
    """Likewise of two photos: both are read first, so that all that is wrong is said at once."""
    from maskwise.explain import explain_pair

    problems: list[str] = []

    def read(path: str) -> Image | None:
        try:
            return recognizer.load(path)
        except ImageError as error:
            problems.append(naming(path, str(error)))
            return None

    first, second = read(photo), read(other)
    if first is None or second is None:
        return [], problems
    found, reasons = explain_pair(recognizer, first, second)
    return [] if found is None else [found], reasons


def _tell(
    recognizer: Recognizer,
    photo: str,
    found: Sequence[FaceExplanation],
    problems: Sequence[str],
    *,
    as_json: bool,
    output: OutputFolder | None,
    people: int | None = None,
) -> int:
    """Print all, and draw it; returns the exit status. people: in the gallery."""
    from maskwise.cli.explain_results import explanation_json, nothing_json, text

    for problem in problems:
        remark(f"skipped {problem}")
    written: list[Path] = []
    if output is not None and found:
        written = draw_explanations(output, Path(Path(photo).name), found, recognizer.models)
    if as_json:
        cards: Sequence[Path | None] = written[:-1] or [None] * len(found)
        for e, card in zip(found, cards, strict=True):
            print_json(explanation_json(photo, e, recognizer.models, card))
        if not found:
            print_json(nothing_json(photo, problems, recognizer, people))
    else:
        for number, e in enumerate(found, 1):
            which = f", face {number} of {len(found)}" if len(found) > 1 else ""
            click.echo("\n".join(printable(line) for line in text(f"{photo}{which}", e)) + "\n")
    if written:
        remark(f"drawn: {written[-1]}, and as pictures: {', '.join(map(str, written[:-1]))}")
    return SKIPPED if problems else OK
