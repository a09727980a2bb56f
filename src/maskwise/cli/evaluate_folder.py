"""``maskwise evaluate folder``: your own photos -> how well it works on them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from maskwise.cli.evaluate_options import (
    Common,
    common_options,
    out_option,
    target_fmr_option,
    target_fpir_option,
)
from maskwise.cli.evaluate_run import Run
from maskwise.cli.options import Tools, pass_tools
from maskwise.cli.output import remark

_NON_MATED: Final = 100_000
_AS_IS: Final = "as-is"


@click.command(name="folder")
@click.argument("folder", metavar="DIR")
@out_option("evaluation")
@click.option(
    "--masks",
    metavar="default|all|none|TYPE,...",
    default="default",
    show_default=True,
    help="The masks that are drawn, on probes and, as enrolment does, on references.",
)
@click.option(
    "--non-mated",
    type=click.IntRange(0),
    default=_NON_MATED,
    show_default=True,
    metavar="N",
    help="How many pairs of two people are compared, drawn by --seed; all where there are fewer.",
)
@target_fmr_option
@target_fpir_option
@common_options
@pass_tools
@click.pass_context
def command(
    ctx: click.Context,
    tools: Tools,
    *,
    folder: str,
    out: Path,
    masks: str,
    non_mated: int,
    target_fmr: tuple[float, ...],
    target_fpir: tuple[float, ...],
    common: Common,
) -> None:
    """Find out how well it works on your photos: a folder with one sub-folder a person.

    Compares every two photos of a person, and many of two people; then enrols some people and
    looks for them and for strangers: once with the photos as they are, once with a mask drawn on
    the photo that is looked for. Prints how often it is wrong, and writes DIR/report.html.

    It takes two people or more, and two photos or more of some. Ctrl-C at any time: the same
    command goes on from there.

    \b
    Examples:
      maskwise evaluate folder photos/
      maskwise evaluate folder photos/ --masks surgical,n95 --out report/ --no-thumbnails

    Exit codes: 0 done; 1 done, but some photos cannot be read (they count as failures);
    2 usage error; 130 interrupted.
    """
    from maskwise.evaluate.people import file_hashes, split_people, without_copies
    from maskwise.evaluate.trials import from_folder
    from maskwise.masks import parse_types

    types = parse_types(masks)
    wears = {_AS_IS: "as-is"} | ({f"virtual:{','.join(types)}": "masked"} if types else {})
    references = f"virtual:{','.join(types)}" if types else _AS_IS
    jobs = {
        f"{kind}-{name}": (kind, wear)
        for kind in ("verification", "identification")
        for wear, name in wears.items()
    }
    with Run(ctx, tools, common, out, names=tuple(jobs), folders=[folder]) as run:
        trials = from_folder(folder, non_mated=non_mated, seed=common.seed)
        photos, people = trials.photos, trials.subjects
        hashes = file_hashes(folder, photos)
        trials = without_copies(trials, hashes)
        split = split_people(photos, people, hashes, seed=common.seed)
        for note in (*trials.notes, *split.notes):
            remark(note)
        for name, (kind, wear) in jobs.items():
            run.begin(name)
            if kind == "verification":
                run.keep(name, run.maker.verification(folder, trials, references, wear))
            else:
                made = run.maker.identification(
                    folder,
                    split.gallery,
                    split.probes,
                    references,
                    wear,
                    target_fpir=min(target_fpir),
                    notes=split.notes,
                )
                run.keep(name, made)
        run.finish(Path(folder), target_fmrs=target_fmr, target_fpirs=target_fpir)
