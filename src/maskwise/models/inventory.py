"""What is in the store and what could be: its state, and taking models out of it again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from maskwise.errors import ConfigurationError, MaskwiseError, ModelError, OutputError
from maskwise.models import additions, beside, entries, licences, place, store, trust
from maskwise.models.entries import ModelEntry
from maskwise.models.lock import alone

_ENDS: Final = ("", ".part", ".part.json", ".new")  # what a pull may leave beside a file

State = Literal["shipped", "here", "not here", "licence not accepted", "damaged"]


@dataclass(frozen=True, slots=True)
class Holding:
    """A model and where it stands. path: of its file, None where there is none."""

    entry: ModelEntry
    state: State
    path: Path | None


def holdings() -> list[Holding]:
    """All models: those that ship, those that the user added, and the rest of the catalogue.

    Files are looked at, not hashed: "damaged" is one of another size.
    """
    return [
        holding(name) for name in [*store.names(), *store.added(), *sorted(entries.catalogue())]
    ]


def holding(name: str) -> Holding:
    """Where the model ``name`` stands; ConfigurationError when there is none."""
    entry = store.entry(name)
    path = place_of(entry)
    try:
        size = path.stat().st_size
    except OSError:
        missing = name in entries.shipped()
        return Holding(entry, "damaged" if missing else "not here", None)
    if size != entry.size:
        return Holding(entry, "damaged", path)
    if entry.accept and not licences.is_accepted(entry.accept):
        return Holding(entry, "licence not accepted", path)
    return Holding(entry, "shipped" if name in entries.shipped() else "here", path)


def place_of(entry: ModelEntry) -> Path:
    """Where its file lies, or would."""
    if entry.name in entries.shipped():
        override = place.named_folder()
        if override is not None and (override / entry.file).is_file():
            return override / entry.file
        return store.shipped_folder() / entry.file
    return place.folder() / entry.file


def size_of(entry: ModelEntry) -> int:
    """Bytes of all its files, where it is the user's own; else of its one file, 0 if not known."""
    if not store.is_added(entry):
        return entry.size
    try:
        parts = additions.parts_of(place.folder(), entry.name)
        return sum(path.stat().st_size for path in parts)
    except (OSError, ModelError):
        return entry.size


def problem_of(name: str) -> str:
    """What is wrong with the files of ``name``, hashed now; "" when all is well."""
    try:
        store.locate(name)
    except MaskwiseError as error:
        return str(error)
    return ""


def remove(name: str) -> list[Path]:
    """Delete a model, or all of a pack, from the store, half-fetched files too; what was deleted.

    Raises ConfigurationError for what ships and what nobody knows, ModelError when it is not
    there, OutputError when it cannot be deleted.
    """
    folder = place.folder()
    if name in entries.shipped():
        raise ConfigurationError(f"{name} ships with maskwise: it cannot be removed by itself")
    # What is damaged can be taken out, too.
    if name not in entries.packs() and name not in additions.names_in(folder):
        store.entry(name)
    paths = [path for path in _files(folder, name) if path.exists()]
    if not paths:
        raise ModelError(f"the model {name} is not here: there is nothing to remove")
    with alone(folder, lambda: None):
        try:
            for path in paths:
                is_folder = path.is_dir() and not path.is_symlink()
                shutil.rmtree(path) if is_folder else path.unlink()
        except OSError as error:
            raise OutputError(
                f"{error.filename or folder}: cannot be deleted ({error.strerror or error})"
            ) from error
        pack = entries.packs().get(name)
        small = [beside.key(pack, one) for one in pack.beside] if pack else []
        for one in (name, *(pack.members if pack else ()), *small):
            trust.forget(folder, one)
    return paths


def _files(folder: Path, name: str) -> list[Path]:
    if name not in entries.packs() and name not in entries.catalogue():
        return [folder / additions.FOLDER / name]
    files = [folder / entries.catalogue()[name].file] if name in entries.catalogue() else []
    if (pack := entries.packs().get(name)) is not None:
        files = [folder / pack.file]
        files += [folder / entries.catalogue()[member].file for member in pack.members]
        files += [folder / beside.key(pack, one) for one in pack.beside]
    return [file.with_name(file.name + end) for file in files for end in _ENDS]
