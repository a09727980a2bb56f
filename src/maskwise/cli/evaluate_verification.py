"""``maskwise evaluate verification``: pairs of photos -> error rates of 1:1 comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from maskwise.cli.evaluate_options import (
    Common,
    common_options,
    out_option,
    target_fmr_option,
    wear_options,
)
from maskwise.cli.evaluate_run import Run, named_runs
from maskwise.cli.options import Tools, pass_tools
from maskwise.cli.output import remark

if TYPE_CHECKING:
    from maskwise.evaluate.pairs import PairsFormat


@click.command(name="verification")
@click.option("--images", metavar="DIR", required=True, help="The folder with the photos.")
@click.option("--pairs", metavar="FILE", required=True, help="Which photos are compared.")
@click.option(
    "--format",
    "pairs_format",
    type=click.Choice(["auto", "lfw", "csv"]),
    default="auto",
    show_default=True,
    help="Of the file of pairs: LFW's (and MFR2's), or CSV with the columns a, b, same.",
)
@out_option()
@wear_options
@target_fmr_option
@common_options
@pass_tools
@click.pass_context
def command(
    ctx: click.Context,
    tools: Tools,
    *,
    images: str,
    pairs: str,
    pairs_format: PairsFormat,
    out: Path,
    reference_wears: tuple[str, ...],
    probe_wears: tuple[str, ...],
    target_fmr: tuple[float, ...],
    common: Common,
) -> None:
    """Compare pairs of photos, as `maskwise verify` does: how often is it wrong?

    Prints FMR and FNMR with intervals, and writes DIR/report.html and the scores. Wears that are
    given several times are evaluated one after the other and set side by side. Ctrl-C at any time:
    the same command goes on from there.

    \b
    Examples:
      maskwise evaluate verification --images lfw/ --pairs pairs.txt --out report/
      maskwise evaluate verification --images photos/ --pairs pairs.csv --out report/ \\
        --probe-wear as-is --probe-wear virtual:all

    Exit codes: 0 done; 1 done, but some photos are missing or cannot be read (they count as
    failures); 2 usage error; 130 interrupted.
    """
    from maskwise.evaluate.trials import read_trials

    runs = named_runs("verification", reference_wears, probe_wears)
    trials = read_trials(pairs, images, format=pairs_format)
    with Run(ctx, tools, common, out, names=tuple(runs)) as run:
        for note in trials.notes:
            remark(note)
        for name, (reference, probe) in runs.items():
            run.begin(name)
            run.keep(name, run.maker.verification(images, trials, reference, probe))
        run.finish(Path(images), target_fmrs=target_fmr)
