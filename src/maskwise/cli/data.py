"""``maskwise data``: public sets of photos to evaluate on."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from maskwise.cli.options import json_option
from maskwise.cli.output import print_json, printable, remark


@click.group(name="data")
def command() -> None:
    """Fetch public sets of photos, to evaluate on.

    \b
    Examples:
      maskwise data lfw
    """


@command.command()
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where it goes, in a folder lfw_home.  [default: scikit-learn's data folder]",
)
@json_option("one JSON object")
def lfw(*, out: Path | None, as_json: bool) -> None:
    """Fetch Labeled Faces in the Wild (about 230 MB): 13,233 photos of 5,749 people.

    Needs a network and scikit-learn (pip install "maskwise[data]"), whose loader fetches it and
    checks its sha256. What is there already is not fetched again. News photographs, collected for
    research: they stay their owners', and no licence comes with them.

    \b
    Examples:
      maskwise data lfw
      maskwise data lfw --out data/

    Exit codes: 0 it is there; 2 it cannot be fetched, or no scikit-learn; 130 interrupted, and
    nothing was kept.
    """
    from maskwise.datasets import LFW_SIZE, LFW_TERMS, fetch_lfw

    remark(LFW_TERMS)
    with _spinner(f"fetching LFW, {LFW_SIZE}") as on_bytes:
        found = fetch_lfw(out, on_bytes)
    words = ["maskwise", "evaluate", "verification", "--images", str(found.photos)]
    words += ["--pairs", str(found.pairs[0]), "--out", "lfw-report"]
    if as_json:
        print_json(
            {
                "photos": str(found.photos),
                "pairs": [str(path) for path in found.pairs],
                "sha256": found.sha256,
                "people": found.people,
                "photo_count": found.photo_count,
                "fetched": found.fetched,
                "next": words,
            }
        )
        return
    click.echo(
        f"photos: {printable(str(found.photos))} "
        f"({found.photo_count:,} photos of {found.people:,} people, "
        f"{'fetched now' if found.fetched else 'there already'})"
    )
    for what, path in zip(("pairs", "View 1, train", "View 1, test"), found.pairs, strict=True):
        click.echo(f"{what}: {printable(str(path))}")
    click.echo(f"next: {printable(shlex.join(words))}")


@contextmanager
def _spinner(what: str) -> Iterator[Callable[[int], None]]:
    """Tell on stderr how much has come, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status(what) as status:
        yield lambda count: status.update(f"{what}: {count / 1e6:.0f} MB have come")
