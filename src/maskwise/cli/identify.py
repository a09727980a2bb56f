"""``maskwise identify``: who every face of every picture is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from maskwise.cli.explain_draw import draw_explanations, explain_option
from maskwise.cli.files import OutputFolder, write_picture
from maskwise.cli.inputs import Photo, find_photos
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
from maskwise.cli.output import Progress, naming, print_json, print_table, printable, remark
from maskwise.cli.results import identification_json, no_face_json, whose
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED
from maskwise.errors import InputError, OutputError

if TYPE_CHECKING:
    from rich.text import Text

    from maskwise.answers import Identification
    from maskwise.pipeline import Recognizer
    from maskwise.types import Decision, Image


NO_FACE_REMEDY = "use a photo that shows the face larger and sharper"


@dataclass(frozen=True, slots=True)
class Looked:
    """One picture that was looked at. problem: why it has no results, None where it has."""

    photo: Photo
    picture: Image | None
    results: Sequence[Identification]
    problem: str | None


@click.command(name="identify")
@click.argument("paths", nargs=-1, required=True, metavar="PHOTO_OR_DIR...")
@gallery_option
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="K",
    help="How many candidates a face --json lists.",
)
@share_option(
    "--fpir",
    "The share of strangers' faces that may be taken for somebody enrolled.  [default: 0.01]",
    "--target-fpir",
)
@model_options("detector", "encoder")
@json_option("one JSON object a face a line")
@click.option(
    "--draw",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write annotated copies of the pictures here; your own files are never replaced.",
)
@explain_option
@pass_tools
@click.pass_context
def command(
    ctx: click.Context,
    tools: Tools,
    *,
    paths: tuple[str, ...],
    gallery: str | None,
    top: int,
    fpir: float | None,
    models: dict[str, str],
    as_json: bool,
    draw: Path | None,
    explain: Path | None,
) -> None:
    """Say who every face of every picture is, or that it is nobody enrolled.

    A face matches when its score reaches the threshold for --fpir; the threshold rises with the
    number of photos enrolled. It "could not tell" where a face that matches nobody is too small,
    blurred, dark or bright to say so, or where two people match and are as near. Candidates are
    listed whatever the outcome.

    \b
    Examples:
      maskwise identify party.jpg
      maskwise identify photos/ --draw annotated/
      maskwise identify photos/ --json --top 3 > faces.jsonl
      maskwise identify party.jpg --explain why/

    Exit codes: 0 every picture was looked at, whoever was found; 1 some input was skipped (not
    readable, or no face in it; each is named); 2 usage or gallery error; 130 interrupted.
    """
    problems: list[str] = []

    def skip(message: str) -> None:
        problems.append(message)
        remark(f"skipped {message}")

    pictures = Pictures(draw, explain)
    interrupted = False
    with open_gallery(gallery) as store:
        require_people(store, gallery)
        photos = find_photos(paths, skip, draw, explain)
        arguments = {} if fpir is None else {"target_fpir": fpir}
        recognizer = tools.recognizer(gallery=store, **models, **arguments)
        pictures.open(photos)
        size = store.size().people
        rows: list[list[str | Text]] = []
        told: list[tuple[str, Decision]] = []
        try:
            with Progress("identifying", len(photos), streams=as_json) as progress:
                for looked in look(recognizer, photos, top=top):
                    shown = looked.photo.shown
                    if looked.problem is not None:
                        problems.append(looked.problem)
                        progress.remark(f"skipped {looked.problem}")
                        if as_json:
                            fpir_used = recognizer.target_fpir
                            ids = recognizer.models
                            print_json(no_face_json(shown, looked.problem, size, fpir_used, ids))
                    for result in looked.results:
                        if as_json:
                            print_json(identification_json(shown, result, recognizer.models))
                        else:
                            rows.append(table_row(shown, result))
                            told.append((shown, result.decision))
                    try:
                        pictures.write(recognizer, looked)
                    except OutputError as error:
                        problems.append(str(error))
                        progress.remark(str(error))
                    progress.advance()
        except KeyboardInterrupt:
            interrupted = True
        if rows:
            print_table(COLUMNS, rows, right=NUMBERS)
            names, decisions = zip(*told, strict=True)
            click.echo(meaning(decisions, recognizer.target_fpir, size, names))
        pictures.tell()
        if interrupted:
            remark("interrupted: what is printed above is complete; the rest was not looked at")
    ctx.exit(INTERRUPTED if interrupted else SKIPPED if problems else OK)


def look(recognizer: Recognizer, photos: Sequence[Photo], *, top: int) -> Iterator[Looked]:
    """Identify the faces of one picture after the other."""
    for photo in photos:
        picture: Image | None = None
        try:
            picture = recognizer.load(photo.path)
            results = recognizer.identify(picture, top=top)
        except InputError as error:
            yield Looked(photo, picture, (), naming(photo.shown, str(error)))
            continue
        problem = None if results else f"{photo.shown}: no face found; {NO_FACE_REMEDY}"
        yield Looked(photo, picture, results, problem)


def draw_results(output: OutputFolder, looked: Looked) -> Path:
    """Write the annotated copy of one picture; OutputError when that fails."""
    from maskwise.annotate import annotate

    assert looked.picture is not None
    target = output.name(looked.photo.relative.with_suffix(".jpg"))
    write_picture(target, annotate(looked.picture, looked.results))
    return target


class Pictures:
    """What ``--draw`` and ``--explain`` write, each into its folder; None: nothing."""

    def __init__(self, draw: Path | None, explain: Path | None) -> None:
        if draw is not None and explain is not None and draw.absolute() == explain.absolute():
            raise click.UsageError("--draw and --explain: name two folders")
        self._folders = (draw, explain)
        self._outputs: tuple[OutputFolder | None, ...] = (None, None)
        self._written = [0, 0]

    def open(self, photos: Sequence[Photo]) -> None:
        """Make the folders; ``photos`` are never replaced."""
        self._outputs = tuple(
            None if folder is None else OutputFolder(folder, (photo.path for photo in photos))
            for folder in self._folders
        )

    def write(self, recognizer: Recognizer, looked: Looked) -> None:
        """Those of one picture; OutputError when one cannot be written."""
        from maskwise.explain import explain_identified

        draw, explain = self._outputs
        if looked.picture is None:
            return
        if draw is not None:
            draw_results(draw, looked)
            self._written[0] += 1
        if explain is not None and looked.results:
            found = explain_identified(recognizer, looked.picture, looked.results)
            draw_explanations(explain, looked.photo.relative, found, recognizer.models)
            self._written[1] += 1

    def tell(self) -> None:
        """How many there are, and where."""
        for folder, count, what in zip(
            self._folders, self._written, ("annotated", "explained"), strict=True
        ):
            if folder is not None:
                remark(f"{count} {what} picture{'' if count == 1 else 's'} in {folder}")


COLUMNS = ("image", "who", "score", "needs", "mask")
NUMBERS = ("score", "needs")
_NAMED = 3
"""Pictures at most that a note names."""


def table_row(shown: str, result: Identification) -> list[str | Text]:
    """One face, for the table with ``COLUMNS``."""
    from rich.text import Text

    from maskwise.annotate import mask_words

    decision = result.decision
    best = result.candidates[0] if result.candidates else None
    who: str | Text
    if decision.outcome == "match" and best is not None:
        who = Text(printable(best.subject), style="bold blue")
    else:
        words = "nobody" if decision.outcome == "no_match" else "could not tell"
        who = Text(words, style="yellow")
        if best is not None:
            who.append(f" (nearest {printable(best.subject)})", style="dim")
    point = decision.operating_point
    return [
        shown,
        who,
        "" if decision.score is None else f"{decision.score:.3f}",
        "" if point is None else f"{point.threshold:.3f}",
        mask_words(result.face.mask),
    ]


def meaning(
    decisions: Iterable[Decision], fpir: float, people: int, pictures: Sequence[str] = ()
) -> str:
    """What a match in the table means, and what the decisions have to add.

    pictures: of which picture each decision is; what is not said of all then names them.
    """
    told = list(decisions)
    points = [d.operating_point for d in told if d.operating_point is not None]
    lines = []
    if points:
        lines.append(
            f"A face matches when its score reaches what it needs; of strangers, about "
            f"{fpir * 100:g} % (FPIR) pass against "
            + (f"these {people} people." if people > 1 else "this one person.")
        )
    held: dict[tuple[str, str], set[str]] = {}
    for p in points:
        words = f"by {whose(p)}, calibrated on {p.calibrated_on}"
        held.setdefault((f"{p.target_fmr:.2g}", words), set()).add(p.wear_pair)
    for (fmr, words), pairs in held.items():
        which = f" ({', '.join(sorted(pairs))})" if len(held) > 1 else ""
        lines.append(f"For that each comparison{which} is held to an FMR of {fmr}, {words}.")
    notes: dict[str, list[int]] = {}
    for k, d in enumerate(told):
        for reason in d.reasons:
            notes.setdefault(reason, []).append(k)
    for reason, of in notes.items():
        on = "" if len(of) == len(told) else _names(pictures, of)
        lines.append(f"Note{on}: {reason}.")
    return "\n".join(printable(line) for line in lines)


def _names(pictures: Sequence[str], at: Iterable[int]) -> str:
    """`` on a.jpg, b.jpg and 3 more``; nothing where there are no pictures."""
    names = list(dict.fromkeys(pictures[k] for k in at)) if pictures else []
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" on {', '.join(names[:_NAMED])}{more}" if names else ""
