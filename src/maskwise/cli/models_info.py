"""``maskwise models info``: all that is known of a model."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from maskwise.cli.options import json_option
from maskwise.cli.output import print_json, printable

if TYPE_CHECKING:
    from maskwise.models.entries import ModelEntry, Pack

_LABEL = 14
_WIDTH = 92


@click.command()
@click.argument("name")
@json_option("one JSON object")
def info(name: str, as_json: bool) -> None:
    """All that is known of a model or a pack, and how to use it.

    \b
    Examples:
      maskwise models info sface
      maskwise models info buffalo_l/w600k_r50
      maskwise models info buffalo_l

    Exit codes: 0 told; 2 no such model.
    """
    from maskwise.models import entries

    pack = entries.packs().get(name)
    facts = _of_pack(pack) if pack is not None else _of_model(name)
    if as_json:
        print_json({key.replace(" ", "_"): value for key, value in facts.items()})
        return
    for key, value in _for_people(facts).items():
        if value not in (None, "", []):
            for line in _lines(key, value):
                click.echo(line)


def _of_model(name: str) -> dict[str, Any]:
    from maskwise.models import entries, inventory

    held = inventory.holding(name)
    entry = held.entry
    return {
        "model": entry.name,
        "kind": entry.kind,
        "about": entry.about,
        "use": _use(entry),
        "state": held.state,
        "get it": _how_to_get(entry.name) if held.state in ("not here", "damaged") else "",
        "licence": entry.licence,
        "in words": _in_words(entry),
        **_accepted(entry.accept),
        "trained on": entry.trained_on,
        "input": entry.preprocessing,
        "paper": entry.paper,
        "origin": entry.origin,
        "size": inventory.size_of(entry) or None,
        "sha256": entry.sha256 or _unknown(entries.packs().get(entry.pack)),
        "file": str(held.path) if held.path is not None else None,
        "mirrors": list(entry.urls),
        "pack": entry.pack or None,
    }


def _of_pack(pack: Pack) -> dict[str, Any]:
    from maskwise.models import inventory

    members = [inventory.holding(name) for name in pack.members]
    wanting = any(one.state in ("not here", "damaged") for one in members)
    return {
        "model": pack.name,
        "kind": "pack",
        "about": pack.about,
        "models": [f"{one.entry.name} ({one.entry.kind}, {one.state})" for one in members],
        "use": [_use(one.entry) for one in members],
        "get it": f"maskwise models pull {pack.name}" if wanting else "",
        "licence": members[0].entry.licence,
        "in words": _in_words(members[0].entry),
        **_accepted(pack.accept),
        "size": pack.size or None,
        "sha256": pack.sha256 or _unknown(None),
        "mirrors": list(pack.urls),
    }


def _unknown(pack: Pack | None) -> str:
    if pack is not None and pack.sha256:
        return f"not known to us; that of {pack.file} is, and what comes out of it is written down"
    return "not known to us: pull it with --sha256 or --trust-first"


def _use(entry: ModelEntry) -> str:
    from maskwise.models.entries import ADDRESSED

    if entry.kind not in ("encoder", "detector"):
        return "by itself, where it is needed"
    return f"--{entry.kind} {entry.name if entry.backend in ADDRESSED else entry.backend}"


def _how_to_get(name: str) -> str:
    from maskwise.models import entries

    return f"maskwise models pull {name}" if name in entries.catalogue() else ""


def _in_words(entry: ModelEntry) -> str:
    from maskwise.models import licences

    if entry.accept:
        return licences.licence(entry.accept).terms
    return licences.in_words(entry.licence)


def _accepted(accept: str) -> dict[str, Any]:
    """The licence that must be accepted, and whether it was; None twice where there is none."""
    from maskwise.models import licences

    return {
        "accept": accept or None,
        "accepted": licences.is_accepted(accept) if accept else None,
    }


def _for_people(facts: dict[str, Any]) -> dict[str, Any]:
    """The same with the licence's name and the answer on one line."""
    told = dict(facts)
    accept, accepted = told.pop("accept"), told["accepted"]
    if accept is not None:
        no = f"no: maskwise models accept {accept}"
        told["accepted"] = f"yes ({accept})" if accepted else no
    return told


def _lines(key: str, value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    texts = [f"{one:,} bytes" if isinstance(one, int) else printable(str(one)) for one in values]
    told = [
        line
        for text in texts
        # An address or a path is copied from here: never cut in two.
        for line in textwrap.wrap(
            text, _WIDTH - _LABEL, break_long_words=False, break_on_hyphens=False
        )
    ]
    return [f"{key if k == 0 else '':<{_LABEL}}{line}" for k, line in enumerate(told)]
