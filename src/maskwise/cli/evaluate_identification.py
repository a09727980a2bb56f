"""``maskwise evaluate identification``: a gallery and probes -> error rates of 1:N search."""

from __future__ import annotations

from pathlib import Path

import click

from maskwise.cli.evaluate_options import (
    Common,
    common_options,
    out_option,
    target_fpir_option,
    wear_options,
)
from maskwise.cli.evaluate_run import Run, named_runs
from maskwise.cli.options import Tools, pass_tools
from maskwise.cli.output import remark


@click.command(name="identification")
@click.option(
    "--gallery",
    metavar="DIR",
    required=True,
    help="Photos of the people to enrol: one sub-folder a person.",
)
@click.option(
    "--probes",
    metavar="DIR",
    required=True,
    help="Photos to look for, laid out alike; whoever is not in the gallery is a stranger.",
)
@click.option(
    "--strangers", metavar="DIR", help="Photos of more strangers; sub-folders are not needed."
)
@out_option()
@wear_options
@target_fpir_option
@common_options
@pass_tools
@click.pass_context
def command(
    ctx: click.Context,
    tools: Tools,
    *,
    gallery: str,
    probes: str,
    strangers: str | None,
    out: Path,
    reference_wears: tuple[str, ...],
    probe_wears: tuple[str, ...],
    target_fpir: tuple[float, ...],
    common: Common,
) -> None:
    """Look for photos in a gallery, as `maskwise identify` does: how often is it wrong?

    The open set: some probes show people who are not enrolled. Prints FPIR, FNIR and ranks, and
    writes DIR/report.html and the scores. No gallery on disk is touched. A probe that is itself
    an enrolled photo is left out.

    \b
    Examples:
      maskwise evaluate identification --gallery staff/ --probes door/ --out report/
      maskwise evaluate identification --gallery staff/ --probes door/ --strangers street/ \\
        --probe-wear as-is --probe-wear virtual:all --out report/

    Exit codes: 0 done; 1 done, but some photos are missing or cannot be read (they count as
    failures); 2 usage error; 130 interrupted.
    """
    from maskwise.evaluate.people import (
        common_folder,
        read_people,
        read_strangers,
        without_enrolled,
    )

    runs = named_runs("identification", reference_wears, probe_wears)
    folders = [gallery, probes, *([] if strangers is None else [strangers])]
    root = common_folder(*folders)
    enrolled = read_people(gallery, root)
    searched = read_people(probes, root)
    if strangers is not None:
        searched += read_strangers(strangers, root, enrolled)
    searched = without_enrolled(searched, enrolled, root)
    with Run(ctx, tools, common, out, names=tuple(runs), folders=folders) as run:
        for note in (*enrolled.notes, *searched.notes):
            remark(note)
        for name, (reference, probe) in runs.items():
            run.begin(name)
            made = run.maker.identification(
                root, enrolled, searched, reference, probe, target_fpir=min(target_fpir)
            )
            run.keep(name, made)
        run.finish(root, target_fpirs=target_fpir)
