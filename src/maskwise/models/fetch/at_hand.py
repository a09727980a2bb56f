"""Find files in a folder that was carried here by hand: by their names, else by their sha256."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from maskwise.models import entries
from maskwise.models.digests import sha256_of
from maskwise.models.entries import ModelEntry, Pack
from maskwise.models.fetch.packs import is_zip
from maskwise.paths import is_file

_DEPTH: Final = 3
"""How many folders below the one that was named are looked into: PACK/, models/PACK/, ..."""


def model_in(folder: Path, model: ModelEntry, sha256: str) -> Path | None:
    """The file of ``model`` in ``folder``, whatever it is called; None where there is none.

    sha256: what it must have, "" where that is not known: then only its name counts. A file of its
    name which is another one is returned where no file is right, to be told so.
    """
    places = (folder / model.file, folder / Path(model.file).name)
    named = [path for path in places if is_file(path)]
    if not sha256:
        return named[0] if named else None
    right = next((path for path in named if _is(path, model.size, sha256)), None)
    right = right or file_in(folder, model.size, sha256)
    return right or (named[0] if named else None)


def file_in(folder: Path, size: int, sha256: str) -> Path | None:
    """The first file in ``folder``, or some folders down, of this size (bytes) and sha256.

    None where there is none, and where size or sha256 are not known (0, ""). Only files of that
    size are hashed. Links to folders are not followed.
    """
    if not (size and sha256):
        return None
    return next((path for path in _files(folder) if _is(path, size, sha256)), None)


def found_in(folder: Path) -> list[str]:
    """The names of the models of the catalogue that lie in ``folder``, and of the packs, sorted.

    A file with no model's name counts as the first model that has its sha256: several packs hold
    the same files.
    """
    packs = {name: folder / pack.file for name, pack in entries.packs().items()}
    found = {name: path for name, path in packs.items() if is_zip(path)}
    zipped = {member for name in found for member in entries.packs()[name].members}
    found |= {
        name: folder / model.file
        for name, model in entries.catalogue().items()
        if name not in zipped and is_file(folder / model.file)
    }
    every: list[Pack | ModelEntry] = [*entries.packs().values(), *entries.catalogue().values()]
    there = {one.sha256 for one in every if one.name in found or one.name in zipped}
    lacking: dict[str, Pack | ModelEntry] = {}
    for one in every:
        if one.size and one.sha256 and one.sha256 not in there:
            lacking.setdefault(one.sha256, one)
    sizes = {one.size for one in lacking.values()}
    for path in _files(folder):
        if _size(path) in sizes and (sha256 := _sha256(path) or "") in lacking:
            found[lacking[sha256].name] = path
    return sorted(found)


def _files(folder: Path) -> Iterator[Path]:
    """Those that may be read, the nearest first, in the order of their names."""
    for here, folders, names in os.walk(folder):
        folders.sort()
        if len(Path(here).relative_to(folder).parts) == _DEPTH:
            folders.clear()
        for name in sorted(names):
            path = Path(here, name)
            if is_file(path):
                yield path


def _is(path: Path, size: int, sha256: str) -> bool:
    return _size(path) == size and _sha256(path) == sha256


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _sha256(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None
