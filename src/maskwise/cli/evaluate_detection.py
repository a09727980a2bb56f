"""``maskwise evaluate detection``: photos -> how well detectors find the faces in them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from maskwise.cli import evaluate_looking as looking
from maskwise.cli.evaluate_detection_tables import print_figures
from maskwise.cli.options import Share
from maskwise.cli.output import Progress, print_json, printable, remark
from maskwise.cli.status import OK, SKIPPED
from maskwise.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maskwise.evaluate.detection.looking import Wanted


class _Px(click.FloatRange):
    """A height of 0 px or more; NaN and infinity are none."""

    def __init__(self) -> None:
        super().__init__(0)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number."""
        px = float(super().convert(value, param, ctx))
        if not math.isfinite(px):
            self.fail(f"{value!r} is no number of px.", param, ctx)
        return px


@click.command(name="detection")
@looking.looking_options
@click.option("--boxes", metavar="FILE", help="The faces that are there: CSV or JSON lines.")
@click.option(
    "--teacher",
    metavar="ADDRESS",
    help="A detector whose sure boxes are taken for the faces that are there.",
)
@click.option(
    "--teacher-score",
    type=Share(),
    metavar="SCORE",
    default=0.8,
    show_default=True,
    help="From which score up the teacher's boxes count; others are neither missed nor extra.",
)
@click.option(
    "--min-height",
    type=_Px(),
    metavar="PX",
    help="Faces less high count neither as found nor as missed.  [default: 32 with a teacher, "
    "else 0]",
)
@click.option(
    "--masked",
    type=click.Choice(["yes", "no"]),
    help="What all faces wear, where --boxes does not tell. Without it the mask state is told by "
    "the points of the teacher, or of the file.",
)
@click.option(
    "--iou",
    type=Share(),
    metavar="SHARE",
    default=0.5,
    show_default=True,
    help="The overlap (intersection over union) from which a box has found a face.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of the faces on the sheets, where there are more than these hold.",
)
@click.pass_context
def command(
    ctx: click.Context,
    *,
    images: str,
    out: Path,
    detectors: tuple[str, ...],
    boxes: str | None,
    teacher: str | None,
    teacher_score: float,
    min_height: float | None,
    masked: Literal["yes", "no"] | None,
    iou: float,
    most: int | None,
    seed: int,
    anew: bool,
    no_thumbnails: bool,
    as_json: bool,
) -> None:
    """Find out how well detectors find the faces in your photos, masked and bare, and how fast.

    With --boxes or --teacher: recall and precision, by the height of faces and by what they wear;
    without either: in how many photos they find a face. Writes DIR/index.html, detection.json,
    the lists misses.jsonl and extra.jsonl, and sheets of these faces to look at. Ctrl-C at any
    time: the same command goes on from there.

    \b
    Examples:
      maskwise evaluate detection --images photos/ --boxes faces.csv --out report/
      maskwise evaluate detection --images photos/ --teacher yunet --out report/ \\
        --detector mmod --detector scrfd:det_10g.onnx

    Exit codes: 0 done; 1 done, but some photos cannot be read (they count nowhere); 2 usage error;
    130 interrupted.
    """
    from maskwise.evaluate.detection.figures import figures
    from maskwise.evaluate.detection.files import check_folder
    from maskwise.evaluate.detection.journal import Journal
    from maskwise.evaluate.detection.looking import JOURNAL, KIND, look
    from maskwise.evaluate.detection.write import About, to_json, write_detection

    if boxes is not None and teacher is not None:
        raise ConfigurationError("--boxes and --teacher contradict each other; give one")
    if teacher is None and looking.was_given(ctx, "teacher_score"):
        raise ConfigurationError("--teacher-score is for --teacher; name a detector with it")
    there = looking.photos_of(images, out)
    check_folder(out)
    opened = looking.open_detectors(detectors)
    asked = _Asked(boxes, teacher, teacher_score, min_height, masked)
    wanted, truth = _wanted(there, asked)
    names = looking.spread(there, most)
    ids = {name: one.id for name, one in opened.items()}
    with (
        looking.kept_when_interrupted(ctx),
        Journal(out / JOURNAL, KIND, anew=anew) as journal,
        Progress("photos", len(names)) as progress,
    ):
        looked = look(names, Path(images), opened, wanted, journal, on_photo=progress.advance)
    looking.name_unread(looked.unread, len(looked.photos))
    found = [
        figures(name, ids[name], looked.photos, least_iou=iou, least_px=wanted.limit_px)
        for name in opened
    ]
    about = About(
        Path(images),
        looking.command_line(ctx),
        truth,
        {"iou": iou, "photos": len(looked.photos), "answers_kept_from_before": looked.again},
        looked.unread,
        tuple(_notes(looked.photos, looked.again)),
    )
    with Progress("sheets", 2 * len(found)) as progress:
        written = write_detection(
            found,
            out,
            about,
            thumbnails=not no_thumbnails,
            seed=seed,
            on_sheet=progress.advance,
        )
    for photo, why in written.not_shown.items():
        remark(f"no thumbnail of {photo}: {why}")
    if as_json:
        print_json(
            to_json(found, about)
            | {"out": str(out), "page": str(written.page), "files": list(map(str, written.files))}
        )
    else:
        print_figures(found, truth)
        click.echo(f"report: {printable(str(written.page))}")
    ctx.exit(SKIPPED if looked.unread or written.not_shown else OK)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options on the truth."""

    boxes: str | None
    teacher: str | None
    teacher_score: float
    min_height: float | None
    masked: str | None


def _wanted(names: Sequence[str], asked: _Asked) -> tuple[Wanted, str]:
    """The truth, and a sentence on it."""
    from maskwise import occlusion
    from maskwise.evaluate.detection import truth
    from maskwise.evaluate.detection.boxes_file import read_boxes
    from maskwise.evaluate.detection.looking import Teacher, Wanted

    all_wear = None if asked.masked is None else asked.masked == "yes"
    wear = truth.WearTeller(occlusion.create()) if asked.masked is None else None
    if asked.teacher is not None:
        least = truth.TEACHER_LEAST_PX if asked.min_height is None else asked.min_height
        (name, detector), *_ = looking.open_detectors([asked.teacher]).items()
        words = (
            f"The truth: boxes of {name} from score "
            f"{asked.teacher_score:g} and {least:g} px up. What it "
            "overlooks nobody misses here, and is extra where others find it."
        )
        taught = Teacher(detector, asked.teacher_score, least)
        return Wanted(teacher=taught, masked=all_wear, wear=wear), words
    if asked.boxes is not None:
        least = asked.min_height or 0.0
        read = read_boxes(asked.boxes, names)
        words = f"The truth: the boxes of {read.name}" + (
            f", from {least:g} px up." if least else "."
        )
        return Wanted(boxes=read, least_px=least, masked=all_wear, wear=wear), words
    for given, option in ((asked.min_height, "--min-height"), (asked.masked, "--masked")):
        if given is not None:
            raise ConfigurationError(
                f"{option} is about the faces that are there; give --boxes or --teacher"
            )
    words = "No truth was given: what is told is where a face was found, not whether it is one."
    return Wanted(), words


def _notes(photos: Sequence[Any], again: int) -> list[str]:
    notes = []
    untold = sum(photo.truth is None for photo in photos)
    if 0 < untold < len(photos):
        notes.append(
            f"{untold:,} of {len(photos):,} photos are not in the file of boxes; they are in the "
            "times and the photos with a face, not in recall and precision."
        )
    if again:
        notes.append(
            f"{again:,} answers, and their times, are from an earlier run (--anew makes them anew)."
        )
    return notes
