"""Options that the commands of ``maskwise evaluate`` share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from maskwise.cli.options import Share, json_option, model_option

if TYPE_CHECKING:
    from maskwise.evaluate.templates import SeveralFaces

Command = TypeVar("Command", bound=Callable[..., Any])

_WEARS: Final = "as-is, none, virtual:default, virtual:all or virtual:TYPE,..."


@dataclass(frozen=True, slots=True)
class Common:
    """What ``common_options`` were given."""

    detector: str | None
    encoder: str | None
    several_faces: SeveralFaces
    seed: int
    cache: str | None
    no_cache: bool
    no_report: bool
    no_thumbnails: bool
    replicates: int | None
    as_json: bool


cache_option = click.option(
    "--cache",
    metavar="DIR",
    help="The folder of the cache of templates.  [default: in your user's cache folder]",
)


def out_option(default: str | None = None) -> Callable[[Command], Command]:
    """``--out``; without a default it must be given."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        metavar="DIR",
        required=default is None,
        default=default,
        show_default=default is not None,
        help="Where the report and the score files go.",
    )


def wear_options(command: Command) -> Command:
    """``--reference-wear`` and ``--probe-wear``, each several times."""
    for option in (
        click.option(
            "--probe-wear",
            "probe_wears",
            metavar="WEAR",
            multiple=True,
            default=("as-is",),
            show_default="as-is",
            help=f"What the probes wear: {_WEARS}. May be given several times.",
        ),
        click.option(
            "--reference-wear",
            "reference_wears",
            metavar="WEAR",
            multiple=True,
            default=("virtual:default",),
            show_default="virtual:default",
            help="What the references wear; virtual:default is what enrolment stores, as-is "
            "enrolment without masks. May be given several times.",
        ),
    ):
        command = option(command)
    return command


def target_option(name: str, default: tuple[float, ...], what: str) -> Callable[[Command], Command]:
    """An error rate, several times; the lowest is that of the report's thresholds."""
    return click.option(
        name,
        type=Share(),
        metavar="SHARE",
        multiple=True,
        default=default,
        show_default=" and ".join(map(str, default)),
        help=f"{what} May be given several times; the thresholds of the report are for the lowest.",
    )


target_fmr_option = target_option(
    "--target-fmr", (0.01, 0.001), "The FMR at which FNMRs are printed."
)
target_fpir_option = target_option(
    "--target-fpir", (0.1, 0.01), "The FPIR at which FNIRs are printed."
)


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options on models, cache and output, handed on as ``common``."""

    @functools.wraps(command)
    def gathered(*args: Any, **given: Any) -> Any:
        common = Common(**{one.name: given.pop(one.name) for one in fields(Common)})
        return command(*args, common=common, **given)

    for option in reversed(
        (
            model_option("detector"),
            model_option("encoder"),
            click.option(
                "--several-faces",
                type=click.Choice(["dominant", "refuse"]),
                default="dominant",
                show_default=True,
                help="Photos whose second face is nearly as large, which enrol and verify refuse: "
                "the dominant face counts, or they are failures.",
            ),
            click.option(
                "--seed",
                type=click.IntRange(0),
                default=0,
                show_default=True,
                help="Of all that is drawn: masks, trials, intervals.",
            ),
            cache_option,
            click.option("--no-cache", is_flag=True, help="Keep no templates on disk."),
            click.option("--no-report", is_flag=True, help="No page: score files and tables only."),
            click.option("--no-thumbnails", is_flag=True, help="Show no face in the page."),
            click.option(
                "--replicates",
                type=click.IntRange(0),
                metavar="N",
                help="How often each interval's bootstrap draws people; 0: never.  [default: "
                "1000, fewer for many trials]",
            ),
            json_option("the figures and what was written, as one JSON object"),
        )
    ):
        gathered = option(gathered)
    return gathered
