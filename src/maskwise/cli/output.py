"""What the commands print: results on stdout, progress and remarks on stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal

import click

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import ProgressColumn
    from rich.text import Text

_LEAST_FIRST_COLUMN: Final = 24


def printable(text: str) -> str:
    r"""``text`` on one line, fit for any terminal.

    A byte of a file name that is no UTF-8 shows as ``\xff``, a control character (line breaks
    and escape sequences among them) as ``\x1b``.
    """
    raw = text.encode("utf-8", "surrogateescape" if _has_raw_bytes(text) else "backslashreplace")
    shown = raw.decode("utf-8", "backslashreplace")
    return "".join(_escaped(c) if _breaks_lines(c) else c for c in shown)


def _breaks_lines(character: str) -> bool:
    """Control characters, line separators, and what turns the direction of the text."""
    return (
        unicodedata.category(character) in ("Cc", "Zl", "Zp")
        or "\u202a" <= character <= "\u202e"
        or "\u2066" <= character <= "\u2069"
    )


def _has_raw_bytes(text: str) -> bool:
    surrogates = [c for c in text if "\ud800" <= c <= "\udfff"]
    return bool(surrogates) and all("\udc80" <= c <= "\udcff" for c in surrogates)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def naming(source: str, reason: str) -> str:
    """``reason`` with the name of what it is about before it, unless it begins so."""
    name = printable(source)
    return reason if reason.startswith(f"{name}:") else f"{name}: {reason}"


def remark(message: str) -> None:
    """One line for people, on stderr."""
    click.echo(f"maskwise: {printable(message)}", err=True)


def print_json(value: Any) -> None:
    r"""One line of JSON on stdout, at once.

    All ASCII: a byte of a file name that is no UTF-8 stands as its surrogate (``\udcff``), which
    Python's ``os.fsencode`` turns back into the byte.
    """
    click.echo(json.dumps(value, ensure_ascii=True, allow_nan=False))


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str | Text]],
    *,
    right: Sequence[str] = (),
    whole: bool = False,
) -> None:
    """A table on stdout; columns named in ``right`` are aligned to the right.

    On a terminal the first column loses its beginning where all do not fit side by side; with
    ``whole`` it stays as it is, to be copied, and the others are folded.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Cut nothing short when the output goes to a file or a pipe.
    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    cells = [[Text(printable(c)) if isinstance(c, str) else c for c in row] for row in rows]
    others = [
        max([len(name), *(row[k].cell_len for row in cells)]) for k, name in enumerate(columns)
    ]
    room = max(_LEAST_FIRST_COLUMN, console.width - sum(others[1:]) - 3 * len(columns))
    room = max(room, others[0]) if whole else room
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for k, column in enumerate(columns):
        justify: Literal["right", "left"] = "right" if column in right else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=whole and k == 0)
    for first, *rest in cells:
        table.add_row(
            first if first.cell_len <= room else Text("..." + first.plain[3 - room :]), *rest
        )
    console.print(table)
    console.print()


def _rate_column(unit: str) -> ProgressColumn:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Rate(ProgressColumn):
        """How many a second lately, or at all where that is not known yet."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.3g} {unit}/s")

    return Rate()


class Progress:
    """A bar on stderr where that is a terminal, else nothing; remarks go above it.

    streams: the command prints results to stdout as they come; on a terminal these show the
    progress themselves, and a bar would be torn by them. unit: what is counted, in the plural,
    where its rate is to be shown.
    """

    def __init__(self, what: str, total: int, *, streams: bool = False, unit: str = "") -> None:
        self._what = what
        self._unit = unit
        self._total = total
        self._bar: Bar | None = None
        self._wanted = total > 1 and sys.stderr.isatty() and not (streams and sys.stdout.isatty())

    def __enter__(self) -> Progress:
        if self._wanted:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as Bar

            # Not redirected: rich would send what we print on stdout to stderr.
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                *([_rate_column(self._unit)] if self._unit else []),
                console=Console(stderr=True, highlight=False),
                redirect_stdout=False,
                redirect_stderr=False,
                transient=True,
            )
            self._bar.add_task(self._what, total=self._total)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, count: int = 1) -> None:
        """``count`` more are done."""
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], count)

    def remark(self, message: str) -> None:
        """One line for people, on stderr, above the bar."""
        if self._bar is None:
            remark(message)
        else:
            from rich.text import Text

            self._bar.console.print(Text(f"maskwise: {printable(message)}"), soft_wrap=True)
