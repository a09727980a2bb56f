"""``maskwise evaluate report``: score files -> a page, its tables and plots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from maskwise.cli.options import Tools, json_option, pass_tools, share_option
from maskwise.cli.output import Progress, print_json, printable, remark
from maskwise.cli.status import OK, SKIPPED
from maskwise.errors import ConfigurationError

if TYPE_CHECKING:
    from maskwise.decide import OperatingPoints
    from maskwise.evaluate.report.thumbnails import FindFace
    from maskwise.types import F32, Image


@click.command(name="report")
@click.argument("scores", metavar="SCORES...", nargs=-1, required=True)
@click.option("--out", metavar="DIR", required=True, help="The folder to write the report into.")
@click.option(
    "--images",
    metavar="DIR",
    help="The folder of the photos: shows the faces of the worst errors.",
)
@click.option("--no-thumbnails", is_flag=True, help="Show no face, also where --images is given.")
@click.option(
    "--calibration",
    metavar="FILE",
    help="Whose thresholds to judge (from maskwise calibrate).  [default: those that ship for the "
    "encoder, else some picked on the trials]",
)
@share_option("--fmr", "The FMR of the thresholds for verification.  [default: 0.001]")
@share_option("--fpir", "The FPIR of the thresholds for identification.  [default: 0.01]")
@click.option("--title", metavar="TEXT", help="The heading of the page.")
@click.option(
    "--replicates",
    type=click.IntRange(0),
    metavar="N",
    help="How often each interval's bootstrap draws people; 0: never.  [default: 1000, fewer "
    "for many trials]",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the bootstrap."
)
@json_option("what was written, and the summary, as one JSON object")
@pass_tools
@click.pass_context
def command(
    ctx: click.Context,
    tools: Tools,
    *,
    scores: tuple[str, ...],
    out: str,
    images: str | None,
    no_thumbnails: bool,
    calibration: str | None,
    fmr: float | None,
    fpir: float | None,
    title: str | None,
    replicates: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Make a report of score files: error rates with intervals, plots, the worst errors.

    Everything is computed from the score files alone; photos are opened for thumbnails only.
    DIR/report.html is one page that needs nothing else; tables and plots lie beside it as files.

    \b
    Examples:
      maskwise evaluate report scores.npz --out report/
      maskwise evaluate report bare.npz masked.npz --out report/ --images photos/
      maskwise evaluate report scores.npz --out report/ --images photos/ --no-thumbnails

    Exit codes: 0 done; 1 done, but some thumbnails could not be made; 2 usage error.
    """
    from maskwise.decide import DEFAULT_FMR, DEFAULT_FPIR
    from maskwise.evaluate.report import read_parts, write_report

    parts = read_parts(scores)
    if Path(out) in map(Path, scores):
        raise ConfigurationError(f"{out} is a score file; name a folder to write to")
    shows = images is not None and not no_thumbnails
    with Progress("reporting", len(parts)) as progress:
        found = write_report(
            parts,
            out,
            **({} if title is None else {"title": title}),
            operating_points=_points(calibration),
            target_fmr=DEFAULT_FMR if fmr is None else fmr,
            target_fpir=DEFAULT_FPIR if fpir is None else fpir,
            images=images,
            thumbnails=not no_thumbnails,
            find_face=_face_finder(tools) if shows else None,
            replicates=replicates,
            seed=seed,
            command=_command_line(ctx, scores),
            on_part=lambda _: progress.advance(),
        )
    for photo, why in found.not_shown.items():
        remark(f"no thumbnail of {photo}: {why}")
    if as_json:
        print_json(
            {
                "page": str(found.page),
                "json": str(found.json),
                "files": [str(path) for path in found.files],
                "summary": {name: list(lines) for name, lines in found.summary.items()},
                "not_shown": dict(found.not_shown),
            }
        )
    else:
        for name, lines in found.summary.items():
            click.echo(printable(name))
            for line in lines:
                click.echo(f"  {printable(line)}")
        click.echo(f"\nreport: {printable(str(found.page))}")
    ctx.exit(SKIPPED if found.not_shown else OK)


def _points(calibration: str | None) -> OperatingPoints | None:
    if calibration is None:
        return None
    from maskwise.evaluate.calibration_file import read_calibration

    return read_calibration(calibration).operating_points()


def _face_finder(tools: Tools) -> FindFace:
    """The face that stands out most, also of several alike; models load when first asked."""
    from maskwise.stages import prominence

    recognizer = tools.recognizer()

    def find(picture: Image) -> F32 | None:
        found = recognizer.detect(picture)
        if not found:
            return None
        return max(found, key=lambda face: prominence(face, picture)).box

    return find


def _command_line(ctx: click.Context, scores: tuple[str, ...]) -> str:
    """As it could be typed again, without what only says where to write."""
    import shlex

    given = []
    for name in ("calibration", "fmr", "fpir", "replicates", "seed"):
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            given += [f"--{name}", str(ctx.params[name])]
    return f"maskwise evaluate report {shlex.join([*scores, *given])}"
