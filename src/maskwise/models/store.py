"""Find a model's file, wherever it lies, and check that it is what it should be.

What ships lies in the package. What was pulled or added lies in the store's folder: the one that
MASKWISE_MODELS names, else ``models`` in the user's data folder. No file is handed out whose
sha256 differs from what is known of it, or whose licence must be accepted and was not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from maskwise.errors import ConfigurationError, ModelError
from maskwise.models import additions, beside, entries, licences, trust
from maskwise.models.digests import sha256_of
from maskwise.models.entries import ModelEntry
from maskwise.models.place import FOLDER_VARIABLE, folder, named_folder
from maskwise.paths import expanded, is_file

_REMEDY: Final = "reinstall maskwise (pip install --force-reinstall --no-deps maskwise)"
_FILES: Final = (".onnx", ".toml")


class MissingModelError(ModelError):
    """A model that is known and was not pulled."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A checked file.

    name: fit for the id of an encoder: the same wherever the same known file lies. It is the
    model's name (without its pack's), or the stem of a file that nobody knows. sha256: 64 hex
    digits. entry: what is known of it, None for a file that neither we nor the store know.
    """

    name: str
    path: Path
    sha256: str
    entry: ModelEntry | None


def names() -> list[str]:
    """The names of all shipped models, sorted."""
    return sorted(entries.shipped())


def known() -> list[str]:
    """The names of all models that maskwise knows, those that do not ship among them, sorted."""
    return sorted({*entries.shipped(), *entries.catalogue()})


def added() -> list[str]:
    """The names of the models that the user added to the store, sorted."""
    return sorted(additions.all_of(folder()))


def entry(name: str) -> ModelEntry:
    """What is known of model ``name``; ConfigurationError when there is none.

    The sha256 of one that was trusted at its first pull is the one that was written down then.
    """
    model = entries.shipped().get(name) or entries.catalogue().get(name)
    if model is None:
        model = additions.all_of(folder()).get(name)
    if model is None:
        raise _no_such(name)
    if not model.sha256 and (seen := trust.recorded(folder(), name)) is not None:
        return replace(model, sha256=seen.sha256, size=seen.size)
    return model


def locate(name: str) -> Path:
    """The checked file of model ``name``.

    One that ships is taken from the folder in MASKWISE_MODELS where that holds it, else from the
    package; any other from the store's folder. A file is hashed once a process, and again when
    it changed.
    Raises ModelError naming the file when it is missing or is not what it should be, LicenceError
    when its licence must be accepted and was not, ConfigurationError when there is no such
    model, or no such folder.
    """
    model = entry(name)
    if name in entries.shipped():
        override = named_folder()
        if override is not None and is_file(path := override / model.file):
            remedy = f"put the right file there or unset {FOLDER_VARIABLE}"
            return _checked(path, model, remedy)
        return _checked(shipped_folder() / model.file, model, _REMEDY)
    path = folder() / model.file
    if not is_file(path):
        raise MissingModelError(f"the model {name} is not here: maskwise models pull {name}")
    if model.accept:
        licences.require(model.accept)
    if not model.sha256:
        pack = entries.packs().get(model.pack)
        trusting = "" if pack is not None and pack.sha256 else f" --from {path} --trust-first"
        raise ModelError(
            f"{path}: nobody has told us the sha256 of {name}, so it cannot be checked: "
            f"maskwise models pull {name}{trusting}"
        )
    if is_added(model):
        return _checked_addition(path, model)
    changed = beside.changed(folder(), entries.packs().get(model.pack))
    if changed is not None:
        raise ModelError(f"{changed} is damaged or gone: maskwise models pull {name}")
    return _checked(path, model, f"maskwise models pull {name}")


def resolve(what: str) -> ModelFile:
    """The file that ``what`` means: the name of a model, or a path (``~`` is the home folder).

    A name goes before a path that is spelled alike. A file that is known by its sha256 is treated
    as by its name wherever it lies: its licence must be accepted.
    Raises as ``locate``; ConfigurationError for what is neither a model nor a file, and for a
    pack.
    """
    if what in entries.packs():
        members = ", ".join(entries.packs()[what].members)
        raise ConfigurationError(f"{what} is a pack of several models; name one: {members}")
    if what in entries.shipped() or what in entries.catalogue():
        return _named(entry(what), locate(what))
    mine = additions.all_of(folder()).get(what)
    if mine is not None:
        return _named(mine, locate(what))
    try:
        path = expanded(what)
        if not what or not path.exists():
            if what.startswith(("~", ".", "/")) or path.suffix.lower() in _FILES:
                raise ConfigurationError(f"{path}: there is no such file")
            raise _no_such(what, "and no such file")
        if not path.is_file():
            raise ConfigurationError(f"{path} is no file; name one file in it")
        sha = sha256_of(path)
    except ValueError as error:  # a null byte
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"{what!r} is no path ({error})") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error})") from error
    path = path.absolute()  # whatever folder one is in when it is opened
    found = by_sha256(sha)
    wanted = licences.of_file(sha) if found is None else found.accept
    if wanted:
        licences.require(wanted)
    if found is None:
        return ModelFile(path.stem, path, sha, None)
    return ModelFile(_plain(found), path, sha, found)


def unchanged(file: ModelFile) -> Path:
    """Its path; ModelError where it was replaced since: results would bear the old file's name.

    As cheap as a look at the file's size and times, unless these changed.
    """
    try:
        same = sha256_of(file.path) == file.sha256
    except OSError as error:
        raise ModelError(
            f"model file {file.path} cannot be read ({error.strerror or error})"
        ) from error
    if not same:
        raise ModelError(
            f"model file {file.path} was replaced while it was in use: put the old one back, or "
            "start anew"
        )
    return file.path


def by_sha256(sha: str) -> ModelEntry | None:
    """The model whose file has this sha256; None when none is known."""
    models = (entry(name) for name in [*known(), *added()])
    return next((model for model in models if model.sha256 == sha), None)


def is_added(model: ModelEntry) -> bool:
    """Whether the user added it to the store."""
    return model.name not in entries.shipped() and model.name not in entries.catalogue()


def _named(model: ModelEntry, path: Path) -> ModelFile:
    return ModelFile(_plain(model), path, sha256_of(path), model)


def _plain(model: ModelEntry) -> str:
    return model.name.rsplit("/", 1)[-1]


def _no_such(name: str, more: str = "") -> ConfigurationError:
    there = ", ".join([*known(), *added()])
    return ConfigurationError(f"no model {name!r}{more and f' {more}'}; there are: {there}")


@cache
def shipped_folder() -> Path:
    """The folder of what ships; ModelError where maskwise is not unpacked."""
    place = resources.files("maskwise.models").joinpath("files")
    if not isinstance(place, Path):
        raise ModelError(
            "maskwise runs from inside an archive, where its models cannot be opened: "
            "install it unpacked, with pip"
        )
    return place


def _checked_addition(path: Path, model: ModelEntry) -> Path:
    """``path`` itself, when it and all that was added with it are unchanged."""
    remedy = f"maskwise models remove {model.name}, then add it again (it came from {model.origin})"
    for part, sha in additions.parts_of(folder(), model.name).items():
        try:
            same = sha256_of(part) == sha
        except OSError as error:
            raise ModelError(
                f"model file {part} cannot be read ({error.strerror or error}): {remedy}"
            ) from error
        if not same:
            raise ModelError(f"model file {part} is damaged: {remedy}")
    return path


def _checked(path: Path, model: ModelEntry, remedy: str) -> Path:
    """``path`` itself."""
    try:
        size = path.stat().st_size
        sha = sha256_of(path) if size == model.size else None
    except OSError as error:
        raise ModelError(
            f"model file {path} cannot be read ({error.strerror or error}): {remedy}"
        ) from error
    if sha != model.sha256:
        raise ModelError(
            f"model file {path} is damaged: expected {model.size} bytes with sha256 "
            f"{model.sha256[:12]}..., got {size} bytes: {remedy}"
        )
    return path
