"""``maskwise models``: the weights that ship, those of the store, and their licences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maskwise.cli.models_add import add
from maskwise.cli.models_info import info
from maskwise.cli.models_pull import pull
from maskwise.cli.models_terms import agreed, in_words
from maskwise.cli.models_verify import verify
from maskwise.cli.options import json_option
from maskwise.cli.output import print_json, print_table, printable
from maskwise.cli.status import OK, SKIPPED

if TYPE_CHECKING:
    from maskwise.models.inventory import Holding


@click.group(name="models")
def command() -> None:
    """The store of models: what ships, and what can be fetched or added.

    No other command fetches anything. The store's folder is that in MASKWISE_MODELS, else one in
    your user's data folder; MASKWISE_OFFLINE=1 forbids the network.

    \b
    Examples:
      maskwise models list
      maskwise models info sface
      maskwise models pull sface yunet-2026may
      maskwise models pull buffalo_l --accept insightface-models
      maskwise models add mine.onnx --name mine --backend arcface
    """


for _sub in (info, pull, verify, add):
    command.add_command(_sub)


@command.command(name="list")
@json_option("one JSON object a model a line")
def list_models(as_json: bool) -> None:
    """All models: those that ship, those in the store, and those that can be fetched.

    \b
    Examples:
      maskwise models list
      maskwise models list --json
    """
    from maskwise.models import inventory, licences

    rows = [_row(one) for one in inventory.holdings()] + [_dlib68()]
    if as_json:
        for row in rows:
            print_json(row)
        return
    print_table(
        ("model", "kind", "licence", "MB", "state"),
        [(r["model"], r["kind"], r["licence"], _mb(r["size"]), r["state"]) for r in rows],
        right=("MB",),
        whole=True,
    )
    waiting = sorted({r["accept"] for r in rows if r["accept"]})
    for name in waiting:
        said = "accepted" if licences.is_accepted(name) else "not accepted"
        click.echo(f"licence {name} ({licences.licence(name).use}): {said}")


def _row(one: Holding) -> dict[str, Any]:
    from maskwise.models import inventory

    return {
        "model": one.entry.name,
        "kind": one.entry.kind,
        "backend": one.entry.backend,
        "licence": one.entry.licence,
        "accept": one.entry.accept or None,
        "size": inventory.size_of(one.entry) or None,
        "state": one.state,
        "file": str(one.path) if one.path is not None else None,
    }


def _dlib68() -> dict[str, Any]:
    """The one model that another package brings."""
    from maskwise.landmarks import dlib68
    from maskwise.models import licences

    terms = licences.licence(dlib68.LICENCE)
    path = dlib68.installed_file()
    here = "here" if licences.is_accepted(terms.name) else "licence not accepted"
    return {
        "model": terms.name,
        "kind": "landmarks",
        "backend": "dlib68",
        "licence": terms.use,
        "accept": terms.name,
        "size": None,
        "state": "not here" if path is None else here,
        "file": None if path is None else str(path),
    }


def _mb(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:.1f}"


@command.command()
@click.argument("name", required=False)
def path(name: str | None) -> None:
    """Print the store's folder, or the checked file of a model.

    \b
    Examples:
      maskwise models path
      maskwise models path sface

    Exit codes: 0 printed; 2 no such model, it is not here, or it is damaged.
    """
    from maskwise import models
    from maskwise.models import entries, place

    if name is None:
        click.echo(str(place.folder()))
    elif name in entries.packs():
        for member in entries.packs()[name].members:
            click.echo(str(models.locate(member)))
    else:
        click.echo(str(models.locate(name)))


@command.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@json_option("one JSON object a model a line")
def remove(names: tuple[str, ...], as_json: bool) -> None:
    """Delete models from the store: fetched ones, packs, and those that you added.

    What ships stays. Half-fetched files of a model go too.

    \b
    Examples:
      maskwise models remove sface
      maskwise models remove buffalo_l

    Exit codes: 0 deleted; 2 no such model, or it is not in the store.
    """
    from maskwise.models import inventory

    for name in names:
        gone = inventory.remove(name)
        if as_json:
            files = [str(one) for one in gone]
            print_json({"model": name, "state": "removed", "files": files})
        else:
            for one in gone:
                click.echo(f"deleted {printable(str(one))}")


@command.command()
@click.argument("name", metavar="NAME")
@click.option("--yes", is_flag=True, help="Do not ask: you have read the terms and accept them.")
@json_option("one JSON object")
@click.pass_context
def accept(ctx: click.Context, name: str, yes: bool, as_json: bool) -> None:
    """Accept the licence of models, for your user on this machine.

    \b
    Examples:
      maskwise models accept insightface-models
      maskwise models accept dlib-68-points --yes

    The variable MASKWISE_ACCEPT_LICENCES=NAME,... does the same for one process.
    Exit codes: 0 accepted; 1 you said no; 2 no such licence, or it cannot be written down.
    """
    from maskwise.models import licences

    terms = licences.licence(name)
    click.echo(in_words(terms), err=as_json)
    if not yes and not agreed(terms, "--yes does not ask"):
        click.echo("nothing was accepted", err=True)
        ctx.exit(SKIPPED)
    record = licences.accept(name)
    _tell_accepted(name, record, as_json)
    ctx.exit(OK)


def _tell_accepted(name: str, record: Path, as_json: bool) -> None:
    if as_json:
        print_json({"accept": name, "accepted": True, "file": str(record)})
    else:
        click.echo(f"accepted; to take it back, delete {printable(str(record))}")
