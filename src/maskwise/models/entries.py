"""What is known of each model: those that ship, and those that ``maskwise models pull`` fetches.

manifest.toml lists what lies in files/; catalogue.toml what does not ship, packs (zips) among it.
Nothing here opens a model or a connection.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any, Final, Literal, cast

from maskwise.errors import ModelError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

Kind = Literal["encoder", "detector", "landmarks", "mask-state"]
"""What a model does."""

ADDRESSED: Final[dict[str, Kind]] = {
    "arcface": "encoder",
    "sface": "encoder",
    "file": "encoder",
    "maskwise": "detector",
    "yunet": "detector",
    "scrfd": "detector",
}
"""Backends that read models of the store by name (``BACKEND:NAME``), and what they do."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One table of manifest.toml or catalogue.toml, or a model that the user added.

    name: of the table; ``PACK/MEMBER`` for what lies in a pack. file: below models/files, or
    below the store's folder. sha256: 64 hex digits, or "" where nobody has told us. size: bytes,
    0 where that is not known. licence: SPDX, or in words, as the weights' author granted it.
    kind, backend: what it does, and which of our backends reads it. about, trained_on, origin,
    paper, preprocessing: for people. made_by: the script that wrote a file that ships.
    accept: the name of the licence in ``models.licences`` that must be accepted first, or "".
    urls: mirrors of the file itself; without any it comes out of its pack. pack, member: the
    zip's name in the catalogue, and the path inside it.
    """

    name: str
    file: str
    sha256: str
    size: int
    licence: str
    kind: Kind
    backend: str
    about: str
    trained_on: str
    origin: str
    paper: str
    preprocessing: str
    made_by: str = ""
    accept: str = ""
    urls: tuple[str, ...] = ()
    pack: str = ""
    member: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """A zip that holds several models.

    sha256, size: of the zip; "" and 0 where they are not known. members: the names of its models.
    beside: small files of the zip that say how its models are run, where it holds them.
    """

    name: str
    file: str
    sha256: str
    size: int
    urls: tuple[str, ...]
    accept: str
    about: str
    members: tuple[str, ...]
    beside: tuple[str, ...] = ()


@cache
def shipped() -> dict[str, ModelEntry]:
    """manifest.toml; ModelError when a table has other fields than it should."""
    keys = {f.name for f in fields(ModelEntry)} - {"name", "accept", "urls", "pack", "member"}
    entries = {}
    for name, table in _tables("manifest.toml").items():
        if set(table) != keys:
            raise ModelError(
                f"manifest.toml: [{name}] has the fields {sorted(table)}, expected {sorted(keys)}"
            )
        entries[name] = ModelEntry(name=name, **table)
    return entries


@cache
def catalogue() -> dict[str, ModelEntry]:
    """The models of catalogue.toml, those inside packs among them; none of them ships."""
    tables = _tables("catalogue.toml")
    found = {name: _entry(name, table) for name, table in tables["models"].items()}
    for pack, table in tables["packs"].items():
        for stem, path in table["members"].items():
            name = f"{pack}/{stem}"
            own = tables["files"].get(name, tables["files"].get(stem))
            found[name] = _entry(
                name,
                own,
                file=f"{pack}/{path.rsplit('/', 1)[-1]}",
                licence=table["licence"],
                accept=table["accept"],
                origin=table["origin"],
                pack=pack,
                member=path,
            )
    return found


@cache
def packs() -> dict[str, Pack]:
    """The packs of catalogue.toml."""
    return {
        name: Pack(
            name=name,
            file=table["file"],
            sha256=table["sha256"],
            size=table["size"],
            urls=tuple(table["urls"]),
            accept=table["accept"],
            about=table["about"],
            members=tuple(f"{name}/{stem}" for stem in table["members"]),
            beside=tuple(table.get("beside", ())),
        )
        for name, table in _tables("catalogue.toml")["packs"].items()
    }


def _entry(name: str, table: dict[str, Any], **more: Any) -> ModelEntry:
    return ModelEntry(name=name, **{**table, "urls": tuple(table.get("urls", ())), **more})


def _tables(file: str) -> dict[str, Any]:
    text = resources.files("maskwise.models").joinpath(file).read_text("utf-8")
    return cast("dict[str, Any]", tomllib.loads(text))
