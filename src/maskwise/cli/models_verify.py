"""``maskwise models verify``: are the files what they should be, and do they run?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from maskwise.cli.options import json_option
from maskwise.cli.output import Progress, print_json, printable
from maskwise.cli.status import OK, SKIPPED

if TYPE_CHECKING:
    from maskwise.models.inventory import Holding


@click.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option("--golden", is_flag=True, help="Run each encoder and detector on the sample people.")
@json_option("one JSON object a model a line")
@click.pass_context
def verify(ctx: click.Context, names: tuple[str, ...], golden: bool, as_json: bool) -> None:
    """Hash every model that is here, and compare; --golden also runs them.

    --golden looks at two photos of six of the sample people: an encoder must give templates of unit
    length and tell these people apart, a detector must find each face once. Where numbers of the
    model were written down, they are compared too.

    \b
    Examples:
      maskwise models verify
      maskwise models verify buffalo_l/w600k_r50 --golden

    Exit codes: 0 all is well; 1 something is not (each is named); 2 no such model.
    """
    from maskwise.models import entries, inventory

    wanted = [
        member
        for name in names
        for member in (entries.packs()[name].members if name in entries.packs() else (name,))
    ]
    held = [inventory.holding(name) for name in wanted] if wanted else inventory.holdings()
    looked_at = [one for one in held if wanted or one.state != "not here"]
    rows = []
    with Progress("verifying", len(looked_at), streams=as_json) as progress:
        for one in looked_at:
            row = _row(one, golden, skip=not wanted and one.state == "licence not accepted")
            rows.append(row)
            if as_json:
                print_json(row)
            progress.advance()
    if not as_json:
        width = max(len(row["model"]) for row in rows)
        for row in rows:
            click.echo(f"{row['model']:<{width}}  {printable(_state(row))}")
    ctx.exit(OK if all(row["ok"] for row in rows) else SKIPPED)


def _row(one: Holding, golden: bool, *, skip: bool) -> dict[str, Any]:
    from maskwise.models import inventory

    entry = one.entry
    problem = "" if skip else inventory.problem_of(entry.name)
    facts: dict[str, Any] = {"not looked at": one.state} if skip else {}
    if golden and not problem and not skip:
        from maskwise.cli import models_golden

        verdict = models_golden.run(entry)
        if verdict is not None:
            facts = verdict.facts
            problem = "; ".join(verdict.problems)
    return {"model": entry.name, "ok": not problem, "problem": problem or None, "facts": facts}


def _state(row: dict[str, Any]) -> str:
    facts = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in row["facts"].items())
    return (row["problem"] or "ok") + (f" ({facts})" if facts else "")
