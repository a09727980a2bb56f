"""``maskwise models verify``: are the files what they should be, and do they run?"""

from __future__ import annotations

import click

from maskwise.cli.options import json_option
from maskwise.cli.output import print_json, print_table
from maskwise.cli.status import OK, SKIPPED


@click.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option("--golden", is_flag=True, help="Run each encoder and detector on the sample people.")
@json_option("one JSON object a model a line")
@click.pass_context
def verify(ctx: click.Context, names: tuple[str, ...], golden: bool, as_json: bool) -> None:
    """Hash every model that is here, and compare; --golden also runs them.

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
    rows = []
    for one in held:
        if not wanted and one.state == "not here":
            continue
        problem = inventory.problem_of(one.entry.name)
        rows.append({"model": one.entry.name, "ok": not problem, "problem": problem or None})
    for row in rows:
        if as_json:
            print_json(row)
    if not as_json:
        print_table(
            ("model", "state"), [(str(r["model"]), str(r["problem"] or "ok")) for r in rows]
        )
    ctx.exit(OK if all(row["ok"] for row in rows) else SKIPPED)
