"""``maskwise evaluate landmarks``: how far a mask moves the points that a detector gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maskwise.cli import evaluate_looking as looking
from maskwise.cli.output import Progress, print_json, print_table, printable, remark
from maskwise.cli.status import OK, SKIPPED
from maskwise.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maskwise.detect import Detector
    from maskwise.evaluate.detection.steady_figures import SteadyFigures


@click.command(name="landmarks")
@looking.looking_options
@click.option(
    "--masks",
    "mask_types",
    metavar="default|all|TYPE,...",
    default="all",
    show_default=True,
    help="The masks that are drawn, one after the other.",
)
@click.option(
    "--teacher",
    metavar="ADDRESS",
    help="A detector whose points on the bare photo are the truth.  [default: each detector's own]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the masks.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    images: str,
    out: Path,
    detectors: tuple[str, ...],
    mask_types: str,
    teacher: str | None,
    most: int | None,
    seed: int,
    anew: bool,
    no_thumbnails: bool,
    as_json: bool,
) -> None:
    """Find out how far a mask moves the five points that detectors give.

    Takes photos with one dominant bare face, draws each mask on them, and looks for the face
    again: nothing but the mask changed, so the points should not. Prints the error of eyes, nose
    and mouth corners in distances of the eyes, and how many faces were lost. Writes
    DIR/index.html, landmarks.json, pairs.jsonl, and sheets with the points drawn. Ctrl-C at any
    time: the same command goes on from there.

    \b
    Examples:
      maskwise evaluate landmarks --images photos/ --detector yunet --out report/
      maskwise evaluate landmarks --images photos/ --detector yunet --detector scrfd:det_10g.onnx \\
        --teacher yunet --masks surgical,n95 --out report/

    Exit codes: 0 done; 1 done, but some photos cannot be read (they count nowhere); 2 usage error;
    130 interrupted.
    """
    from maskwise import occlusion
    from maskwise.evaluate.detection import steadiness
    from maskwise.evaluate.detection.files import check_folder
    from maskwise.evaluate.detection.journal import Journal
    from maskwise.evaluate.detection.steady_figures import steady_figures
    from maskwise.evaluate.detection.steady_write import to_json, write_landmarks
    from maskwise.evaluate.detection.truth import WearTeller
    from maskwise.evaluate.detection.write import About
    from maskwise.masks import parse_types

    types = parse_types(mask_types)
    if not types:
        raise ConfigurationError("--masks: without a mask nothing can move; name one or more")
    names = looking.spread(looking.photos_of(images, out), most)
    check_folder(out)
    opened, notes = _with_points(looking.open_detectors(detectors))
    taught = None if teacher is None else _teacher(teacher)
    asked = steadiness.Asked(
        types, seed, None if taught is None else taught[1], WearTeller(occlusion.create())
    )
    ids = {name: one.id for name, one in opened.items()}
    with (
        looking.kept_when_interrupted(ctx),
        Journal(out / steadiness.JOURNAL, steadiness.KIND, anew=anew) as journal,
        Progress("photos", len(names)) as progress,
    ):
        measured = steadiness.measure(
            names, Path(images), opened, asked, journal, on_photo=progress.advance
        )
    looking.name_unread(measured.unread, len(measured.photos))
    found = [
        steady_figures(
            name,
            ids[name],
            {photo: by_name[name] for photo, by_name in measured.photos.items()},
            types=types,
            taught=taught is not None,
        )
        for name in opened
    ]
    whose = "the detector's own points" if taught is None else f"the points of {taught[0]}"
    about = About(
        Path(images),
        looking.command_line(ctx),
        f"Errors are measured from {whose} on the bare photo, in distances of the eyes.",
        {"masks": list(types), "seed": seed, "answers_kept_from_before": measured.again},
        measured.unread,
        tuple(notes),
    )
    with Progress("sheets", len(found)) as progress:
        written = write_landmarks(
            found, out, about, thumbnails=not no_thumbnails, on_sheet=progress.advance
        )
    for photo, why in written.not_shown.items():
        remark(f"no thumbnail of {photo}: {why}")
    if as_json:
        print_json(
            to_json(found, about)
            | {"out": str(out), "page": str(written.page), "files": list(map(str, written.files))}
        )
    else:
        _print(found, about.truth)
        click.echo(f"report: {printable(str(written.page))}")
    ctx.exit(SKIPPED if measured.unread or written.not_shown else OK)


def _with_points(opened: Mapping[str, Detector]) -> tuple[dict[str, Detector], list[str]]:
    """Those that give the five points, and a sentence on each of the others."""
    notes = []
    having = {}
    for name, detector in opened.items():
        scheme = detector.scheme
        if scheme == "five":
            having[name] = detector
            continue
        gives = "no points" if scheme is None else f"points of {scheme} only"
        notes.append(f"{name} gives {gives} and is left out: the five points are measured.")
    if not having:
        raise ConfigurationError(
            f"{' '.join(notes)} Name a detector that gives them with --detector, such as maskwise"
        )
    for note in notes:
        remark(note)
    return having, notes


def _teacher(address: str) -> tuple[str, Detector]:
    (name, detector), *_ = looking.open_detectors([address]).items()
    if detector.scheme != "five":
        raise ConfigurationError(
            f"--teacher: {name} does not give the five points; name a detector that does, such as "
            "maskwise"
        )
    return name, detector


def _print(found: Sequence[SteadyFigures], truth: str) -> None:
    from maskwise.evaluate.detection.steadiness import STATUSES
    from maskwise.evaluate.detection.steady_figures import BARE, POINTS, TAIL
    from maskwise.evaluate.report.words import NOTHING, percent

    def both(errors: Any, point: int | None) -> str:
        middle, tail = errors.quantile(0.5, point), errors.quantile(TAIL, point)
        return NOTHING if middle is None else f"{percent(middle, 2)} / {percent(tail, 2)}"

    click.echo(f"{printable(truth)}\n")
    for one in found:
        words = ", ".join(f"{n:,} {STATUSES[status]}" for status, n in one.statuses.items())
        click.echo(f"{printable(one.name)}, photos: {words}")
    click.echo("\nMedian / 95th percentile:\n")
    print_table(
        ("detector", "mask", "lost", "all points", *POINTS),
        [
            (
                one.name,
                name,
                NOTHING
                if name == BARE or not errors.lost.trials
                else f"{errors.lost.errors:,} of {errors.lost.trials:,}",
                *(both(errors, point) for point in (None, *range(len(POINTS)))),
            )
            for one in found
            for name, errors in one.masks.items()
        ],
        right=("lost",),
    )
