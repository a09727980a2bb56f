"""``maskwise doctor``: what is installed, chosen, and wrong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from maskwise.cli.options import gallery_place_option, json_option, model_options
from maskwise.cli.output import print_json, printable
from maskwise.cli.status import OK, SKIPPED

if TYPE_CHECKING:
    from rich.console import RenderableType

    from maskwise.doctor import Finding

_COLOURS: Final = {"ok": "green", "note": "yellow", "wrong": "bold red"}
_NAME: Final = 24


@click.command(name="doctor")
@gallery_place_option
@model_options("detector", "encoder")
@json_option("one JSON object")
@click.pass_context
def command(ctx: click.Context, gallery: str | None, models: dict[str, str], as_json: bool) -> None:
    """Look at the installation: versions, devices, models, gallery, and what is wrong.

    \b
    Examples:
      maskwise doctor
      maskwise --device cuda doctor
      maskwise doctor --gallery staff.db --json

    Nothing is changed or fetched. Ends with two photos of sample people being compared.
    Exit codes: 0 nothing is wrong; 1 something is.
    """
    from maskwise.doctor import examine

    found: list[Finding] = []
    for finding in examine(gallery, models):
        if not as_json:
            _show(finding, new_area=not found or found[-1].area != finding.area)
        found.append(finding)
    counts = {state: sum(f.state == state for f in found) for state in ("ok", "note", "wrong")}
    if as_json:
        print_json({"wrong": counts["wrong"], "notes": counts["note"], "checks": _rows(found)})
    else:
        _print("")
        _print(_summary(counts), "bold red" if counts["wrong"] else "bold green")
    ctx.exit(SKIPPED if counts["wrong"] else OK)


def _rows(found: list[Finding]) -> list[dict[str, str]]:
    return [
        {"area": f.area, "name": f.name, "state": f.state, "says": f.says, "remedy": f.remedy}
        for f in found
    ]


def _show(finding: Finding, *, new_area: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    if new_area:
        _print(f"\n{finding.area}", "bold")
    state = Text(finding.state, _COLOURS[finding.state])
    says = Text(printable(finding.says), overflow="fold")
    # An error may name its remedy itself.
    more = "" if finding.says.endswith(finding.remedy) else f"-> {printable(finding.remedy)}"
    remedy = Text(more, "bold", overflow="fold")
    if not sys.stdout.isatty():
        name = f"{printable(finding.name):<{_NAME}}"
        _print(f"  {finding.state:<6}{name}  {says}{f'  {remedy}' if more else ''}")
        return
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_column(width=7)
    line.add_column(width=_NAME)
    line.add_column()
    line.add_row(Text("  ") + state, Text(printable(finding.name)), says)
    if more:
        line.add_row("", "", remedy)
    _print(line)


def _summary(counts: dict[str, int]) -> str:
    notes = f", {_counted(counts['note'], 'note')}" if counts["note"] else ""
    if counts["wrong"]:
        return f"{_counted(counts['wrong'], 'thing')} wrong{notes}"
    return f"nothing is wrong{notes}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def _print(text: RenderableType, style: str = "") -> None:
    from rich.console import Console

    # Cut nothing short when the output goes to a file or a pipe.
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, highlight=False, markup=False).print(text, style=style or None)
