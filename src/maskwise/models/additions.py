"""Models that the user added to the store: ``added/NAME/`` with a file entry.json.

A model is one ONNX file that a built-in backend reads, or a manifest (TOML, docs/encoders.md) with
the file that it names. Files are copied, and held to their sha256 ever after.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any, Final

from maskwise.errors import ConfigurationError, ModelError, OutputError
from maskwise.models import entries, licences
from maskwise.models.digests import sha256_of
from maskwise.models.entries import ADDRESSED, ModelEntry
from maskwise.models.lock import alone
from maskwise.models.writing import make_folder, not_written, require_space, write_whole
from maskwise.paths import is_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

FOLDER: Final = "added"
ENTRY: Final = "entry.json"
_KEYS: Final = (
    *("kind", "backend", "sha256", "size"),
    *("licence", "origin", "about", "trained_on", "paper"),
)
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # of Windows
_TAKEN: Final = ("mmod", "dlib-hog", "dlib-resnet-v1", "maskwise-v1", *ADDRESSED)
_MOST_TOML: Final = 1 << 20
_GARBAGE: Final = (OSError, ValueError, KeyError, TypeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Addition:
    """What is to be copied. files: their path below the model's folder -> where they lie now.

    main: the one that a backend opens. table: what the manifest says of licence and origin.
    """

    name: str
    backend: str
    main: str
    files: dict[str, Path]
    table: dict[str, Any]


def all_of(folder: Path) -> dict[str, ModelEntry]:
    """Name -> what was written down of it; ModelError when one of these files is damaged."""
    return {name: _read(folder / FOLDER / name / ENTRY) for name in names_in(folder)}


def names_in(folder: Path) -> list[str]:
    """The names of all of them, also of those that are damaged; sorted."""
    try:
        found = sorted(path.parent.name for path in (folder / FOLDER).glob(f"*/{ENTRY}"))
    except OSError:
        return []
    return [name for name in found if name[0] != "."]


def parts_of(folder: Path, name: str) -> dict[Path, str]:
    """Every file of an added model -> the sha256 that it must have; ModelError as ``all_of``."""
    home = folder / FOLDER / name
    try:
        table = json.loads((home / ENTRY).read_text("utf-8"))
        return {home / part: str(sha) for part, sha in table["files"].items()}
    except (*_GARBAGE, AttributeError) as error:
        raise _damaged(home / ENTRY, error) from error


def from_onnx(path: Path, name: str, backend: str) -> Addition:
    """One ONNX file for a built-in backend.

    Raises ConfigurationError for a name or a backend that cannot be, ModelError for what is no
    ONNX file.
    """
    from maskwise.models.runtime.onnx_graph import read_graph

    _require_name(name)
    readers = sorted(set(ADDRESSED) - {"file"})
    if backend not in readers:
        raise ConfigurationError(f"no backend {backend!r} reads added files: {', '.join(readers)}")
    read_graph(path)
    return Addition(name, backend, path.name, {path.name: path}, {})


def from_manifest(path: Path, name: str | None) -> Addition:
    """A manifest of the user's, and the file that it names, which lies beside or below it.

    name: by default the manifest's ``name``, else its stem.
    Raises ConfigurationError for what is no such manifest.
    """
    table = _toml(path)
    called = name or str(table.get("name") or path.stem)
    _require_name(called)
    files = {"model.toml": path}
    named = table.get("file")
    if isinstance(named, str) and named:
        relative = PurePosixPath(named.replace("\\", "/"))
        elsewhere = relative.is_absolute() or Path(named).is_absolute() or named[0] == "~"
        if elsewhere or ".." in relative.parts:
            raise ConfigurationError(
                f"{path}: {named} lies elsewhere; put it beside the manifest and name it so, that "
                "both can be carried together"
            )
        if str(relative) in ("model.toml", ENTRY):
            raise ConfigurationError(f"{path}: the model's file cannot be called {named}")
        if not is_file(path.parent / relative):
            raise ConfigurationError(f"{path}: there is no file {path.parent / relative}")
        files[str(relative)] = path.parent / relative
    elif "sha256" not in table:
        raise ConfigurationError(f'{path}: says not which file it is of (file = "NAME.onnx")')
    return Addition(called, "file", "model.toml", files, table)


def add(folder: Path, addition: Addition, licence: str | None = None) -> ModelEntry:
    """Copy it into the store in ``folder``; all of it is there afterwards, or nothing.

    licence: what the user says of it; by default the manifest's.
    Raises ConfigurationError when there is one of that name, LicenceError when it is a file whose
    licence must be accepted, ModelError for a file that cannot be read, OutputError when
    it cannot be written.
    """
    digests = {part: _readable_sha256(path) for part, path in addition.files.items()}
    for accept in sorted({_terms_of(sha) for sha in digests.values()} - {""}):
        licences.require(accept)
    home = folder / FOLDER / addition.name
    new = folder / FOLDER / f".{addition.name}.new"
    with alone(folder, lambda: None):
        others = (path.name.casefold() for path in (folder / FOLDER).glob("[!.]*"))
        if addition.name.casefold() in others:  # stores are carried to other file systems
            raise ConfigurationError(
                f"there is a model {addition.name} already: maskwise models remove {addition.name}"
                ", or choose another name with --name"
            )
        needed = sum(path.stat().st_size for path in addition.files.values())
        require_space(folder, needed, addition.name)
        shutil.rmtree(new, ignore_errors=True)
        try:
            for part, path in addition.files.items():
                make_folder((new / part).parent)
                shutil.copyfile(path, new / part)
            copied = {part: sha256_of(new / part) for part in digests}
            write_whole(new / ENTRY, _written(addition, copied, new, licence))
            new.rename(home)
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise not_written(home, error, needed) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return all_of(folder)[addition.name]


def _terms_of(sha256: str) -> str:
    """The licence that a file needs by whatever name it was added; a store may be carried."""
    known = (model for model in entries.catalogue().values() if model.sha256 == sha256 != "")
    return next((model.accept for model in known), licences.of_file(sha256))


def _readable_sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error})") from error


def _written(addition: Addition, digests: dict[str, str], home: Path, licence: str | None) -> bytes:
    table = addition.table
    values = {
        "kind": ADDRESSED[addition.backend],
        "backend": addition.backend,
        "file": addition.main,
        "sha256": digests[addition.main],
        "size": (home / addition.main).stat().st_size,
        "licence": licence or str(table.get("licence") or "not told"),
        "origin": str(addition.files[addition.main].absolute()),
        "about": str(table.get("about") or "Added by you."),
        "trained_on": str(table.get("trained_on") or "Not told."),
        "paper": str(table.get("paper") or ""),
        "added": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "files": digests,
    }
    return json.dumps(values, indent=2).encode()


def _read(path: Path) -> ModelEntry:
    try:
        table: dict[str, Any] = json.loads(path.read_text("utf-8"))
        name = path.parent.name
        values = {key: table[key] for key in _KEYS}
        file = f"{FOLDER}/{name}/{table['file']}"
        entry = ModelEntry(name=name, file=file, preprocessing="", **values)
        texts = all(isinstance(values[key], str) for key in _KEYS if key != "size")
        if not (texts and isinstance(entry.size, int) and ADDRESSED[entry.backend] == entry.kind):
            raise ValueError("a value is not what it should be")
        return replace(entry, accept=_terms_of(entry.sha256))
    except _GARBAGE as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ModelError:
    name = path.parent.name
    return ModelError(
        f"{path} cannot be read ({error}): maskwise models remove {name}, then add it again"
    )


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name) or _DEVICES.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is no name for a model: letters, digits, '.', '_' and '-', 64 at most, "
            "beginning with a letter or a digit, and no device of Windows (--name)"
        )
    taken = {*_TAKEN, *entries.shipped(), *entries.catalogue(), *entries.packs()}
    if name.casefold() in {one.casefold() for one in taken}:
        raise ConfigurationError(f"{name} is the name of something else; choose one with --name")


def _toml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_TOML:
            raise ConfigurationError(f"{path} is too large for a manifest")
        table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:  # nested thousands deep
        raise ConfigurationError(f"{path} is no TOML file ({error})") from error
    return table
