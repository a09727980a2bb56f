"""``maskwise models``: the weights, and the licences that some of them ask to be accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from maskwise.cli.options import json_option
from maskwise.cli.output import print_json, print_table, printable
from maskwise.cli.status import OK, SKIPPED

if TYPE_CHECKING:
    from maskwise.models.licences import Licence

_SHIPPED: Final = "shipped"


@click.group(name="models")
def command() -> None:
    """List the models; accept the licence of those that are not free for every use.

    \b
    Examples:
      maskwise models list
      maskwise models accept dlib-68-points
    """


@command.command(name="list")
@json_option("one JSON object a model a line")
def list_models(as_json: bool) -> None:
    """All models: those that ship, and those that need a licence accepted first.

    \b
    Examples:
      maskwise models list
      maskwise models list --json
    """
    from maskwise import models
    from maskwise.models import licences

    rows = [
        _row(name, models.entry(name).licence, _SHIPPED, models.entry(name).file)
        for name in models.names()
    ] + [_licensed(licences.licence(name)) for name in licences.names()]
    if as_json:
        for row in rows:
            print_json(row)
        return
    print_table(
        ("model", "licence", "state", "file"),
        [(r["model"], r["licence"], r["state"], r["file"] or "not installed") for r in rows],
    )


def _licensed(terms: Licence) -> dict[str, Any]:
    from maskwise.landmarks import dlib68
    from maskwise.models import licences

    state = "accepted" if licences.is_accepted(terms.name) else "not accepted"
    installed = dlib68.installed_file() is not None
    return _row(terms.name, terms.use, state, terms.file if installed else None)


def _row(model: str, licence: str, state: str, file: str | None) -> dict[str, Any]:
    return {"model": model, "licence": licence, "state": state, "file": file}


@command.command()
@click.argument("name", metavar="NAME")
@click.option("--yes", is_flag=True, help="Do not ask: you have read the terms and accept them.")
@json_option("one JSON object")
@click.pass_context
def accept(ctx: click.Context, name: str, yes: bool, as_json: bool) -> None:
    """Accept the licence of a model, for your user on this machine.

    \b
    Examples:
      maskwise models accept dlib-68-points
      maskwise models accept dlib-68-points --yes

    The variable MASKWISE_ACCEPT_LICENCES=NAME,... does the same for one process.
    Exit codes: 0 accepted; 1 you said no; 2 no such licence, or it cannot be written down.
    """
    from maskwise.models import licences

    terms = licences.licence(name)
    click.echo(_in_words(terms), err=as_json)
    if not yes and not _agreed(terms):
        click.echo("nothing was accepted", err=True)
        ctx.exit(SKIPPED)
    path = licences.accept(name)
    if as_json:
        print_json({"accepted": name, "file": str(path)})
    else:
        click.echo(f"accepted; to take it back, delete {printable(str(path))}")
    ctx.exit(OK)


def _in_words(terms: Licence) -> str:
    sources = "\n".join(f"  {source}" for source in terms.sources)
    return (
        f"{terms.weights} ({terms.file})\n\n"
        f"{click.wrap_text(terms.terms, width=78)}\n\n"
        f"The terms in their authors' words:\n{sources}\n"
    )


def _agreed(terms: Licence) -> bool:
    try:
        return click.confirm(f"Do you accept this for {terms.name}?", err=True)
    except click.Abort:
        raise click.UsageError("not confirmed, nothing was accepted; --yes does not ask") from None
