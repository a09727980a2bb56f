"""``maskwise models pull``: fetch models, or take them from a file carried by hand."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maskwise.cli.models_terms import agreed, in_words
from maskwise.cli.options import json_option
from maskwise.cli.output import print_json, printable, remark
from maskwise.cli.status import OK, SKIPPED
from maskwise.errors import ConfigurationError
from maskwise.paths import expanded

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress as Bar


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1)
@click.option(
    "--accept",
    "accepts",
    metavar="LICENCE",
    multiple=True,
    help="Accept this licence, as `maskwise models accept` does, without being asked.",
)
@click.option(
    "--url",
    metavar="URL",
    default="",
    help="Fetch it from here: a file, a zip, or a folder laid out as a store (ends in /).",
)
@click.option(
    "--from",
    "source",
    metavar="FILE_OR_DIR",
    type=click.Path(path_type=Path),
    help="Take it from a file, a zip or a folder at hand; without NAME all that lies in a folder.",
)
@click.option(
    "--to",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Put it there instead of the store, to be carried elsewhere.",
)
@click.option(
    "--sha256", metavar="HEX", default="", help="What it must have, where the catalogue knows none."
)
@click.option(
    "--trust-first",
    is_flag=True,
    help="Where the catalogue knows no sha256: take what comes, write its sha256 down, and hold it "
    "to that ever after.",
)
@json_option("one JSON object a model a line")
@click.pass_context
def pull(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    accepts: tuple[str, ...],
    url: str,
    source: Path | None,
    to: Path | None,
    sha256: str,
    trust_first: bool,
    as_json: bool,
) -> None:
    """Fetch models into the store, each checked by its sha256 before it gets its name.

    NAME is a model, a pack (all of its models), or PACK/MODEL. What is there and whole is left
    alone. A broken-off pull is gone on with by the same command.

    \b
    Examples:
      maskwise models pull sface yunet-2026may
      maskwise models pull buffalo_l/w600k_r50 --accept insightface-models
      maskwise models pull sface --to carried/
      maskwise models pull --from carried/

    Exit codes: 0 all are there; 1 you did not accept a licence; 2 one cannot be fetched, is not
    what it should be, or does not fit; 130 interrupted, and what came is kept.
    """
    wanted = _wanted(names, source, url, sha256)
    if not _licences_settled(wanted, accepts):
        click.echo("nothing was fetched", err=True)
        ctx.exit(SKIPPED)
    from maskwise.models.fetch.pull import pull as bring

    for name in wanted:
        with _Bar() as bar:
            try:
                pulled = bring(
                    name,
                    bar,
                    to=to,
                    url=url,
                    source=source,
                    sha256=sha256,
                    trust_first=trust_first,
                )
            except KeyboardInterrupt:
                if bar.kept:
                    bar.remark(f"what came of {name} is kept; the same command goes on from there")
                raise
        for one in pulled:
            if as_json:
                print_json(
                    {
                        "model": one.name,
                        "state": one.how,
                        "file": str(one.path),
                        "sha256": one.sha256,
                    }
                )
            else:
                click.echo(f"{one.name}: {one.how}, {printable(str(one.path))}")
    ctx.exit(OK)


def _wanted(names: tuple[str, ...], source: Path | None, url: str, sha256: str) -> list[str]:
    """The names, or all that lies in the folder at hand."""
    from maskwise.models.fetch import at_hand
    from maskwise.models.fetch.wish import members_of

    if source is not None and url:
        raise click.UsageError("--from and --url exclude each other")
    if sha256 and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise click.UsageError("--sha256: expected 64 hex digits")
    if not names:
        if source is None:
            raise click.UsageError("name a model, see `maskwise models list`")
        source = expanded(source)
        if not source.exists():
            raise click.UsageError(f"--from {source}: there is no such file or folder")
        if not source.is_dir():
            raise click.UsageError(f"name the model that {source} is (NAME --from {source})")
        names = tuple(at_hand.found_in(source))
        if not names:
            raise ConfigurationError(f"{source}: there is no model that the catalogue knows")
    elif len(names) > 1 and (sha256 or (url and not url.endswith("/"))):
        raise click.UsageError("--sha256 and the --url of a file are for one NAME")
    for name in names:
        members_of(name)
    return list(names)


def _licences_settled(names: list[str], accepts: tuple[str, ...]) -> bool:
    """Accept what was named, ask for what is lacking; False when the user says no."""
    from maskwise.models import licences
    from maskwise.models.fetch.wish import members_of

    needed = sorted({model.accept for name in names for model in members_of(name)} - {""})
    for name in accepts:
        licences.licence(name)
        licences.accept(name)
    for name in needed:
        if licences.is_accepted(name):
            continue
        terms = licences.licence(name)
        click.echo(in_words(terms), err=True)
        if not agreed(terms, f"--accept {name} does not ask"):
            return False
        licences.accept(name)
    return True


class _Bar:
    """Bytes, rate and time left on stderr where that is a terminal; remarks go above it."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._task: tuple[str, int | None] = ("", None)
        self.kept = False

    def __enter__(self) -> _Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def begin(self, what: str, total: int) -> None:
        """A line where there is no terminal, else a new bar."""
        from maskwise.models.writing import in_mb

        self.kept = True
        self._stop()
        if not sys.stderr.isatty():
            remark(f"fetching {what}" + (f" ({in_mb(total)})" if total else ""))
            return
        self._task = (printable(what), total or None)
        self._bar = _download_bar()
        self._bar.start()

    def have(self, count: int) -> None:
        """So many bytes are there."""
        if self._bar is None:
            return
        if self._bar.task_ids:
            self._bar.update(self._bar.task_ids[0], completed=count)
        else:  # what an earlier pull left is no part of the rate
            name, total = self._task
            self._bar.add_task(name, total=total, completed=count)

    def remark(self, message: str) -> None:
        """One line for people."""
        if self._bar is None:
            remark(message)
        else:
            from rich.text import Text

            self._bar.console.print(Text(f"maskwise: {printable(message)}"), soft_wrap=True)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _download_bar() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True, highlight=False),
        redirect_stdout=False,
        redirect_stderr=False,
        transient=True,
    )
