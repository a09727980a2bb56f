"""Find the weights files that ship with maskwise and check that they are what they should be."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from maskwise.errors import ConfigurationError, ModelError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

FOLDER_VARIABLE: Final = "MASKWISE_MODELS"
"""Environment: a folder whose files are taken before the shipped ones of the same name."""

_REMEDY: Final = "reinstall maskwise (pip install --force-reinstall --no-deps maskwise)"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One table of manifest.toml.

    name: of the table. file: below models/files. sha256: 64 hex digits. size: bytes.
    licence: SPDX, as the weights' author granted it. trained_on, origin, paper, preprocessing:
    for people. made_by: the script that wrote the file.
    """

    name: str
    file: str
    sha256: str
    size: int
    licence: str
    trained_on: str
    origin: str
    paper: str
    preprocessing: str
    made_by: str


def names() -> list[str]:
    """The names of all shipped models, sorted."""
    return sorted(_manifest())


def entry(name: str) -> ModelEntry:
    """What the manifest says of model ``name``; ConfigurationError when there is none."""
    try:
        return _manifest()[name]
    except KeyError:
        raise ConfigurationError(f"no model {name!r}; there are: {', '.join(names())}") from None


def locate(name: str) -> Path:
    """The checked file of model ``name``.

    Taken from the folder in MASKWISE_MODELS where that holds it, else from the package. The
    sha256 is computed once a process for each file.
    Raises ModelError naming the file when it is missing or differs from the manifest,
    ConfigurationError when there is no such model, or no such folder.
    """
    model = entry(name)
    override = os.environ.get(FOLDER_VARIABLE)
    if override:
        folder = Path(override).absolute()
        if not folder.is_dir():
            raise ConfigurationError(
                f"{FOLDER_VARIABLE}: {override!r} is no folder; correct it or unset it"
            )
        if (path := folder / model.file).is_file():
            return _checked(path, model, f"put the right file there or unset {FOLDER_VARIABLE}")
    return _checked(_shipped_folder() / model.file, model, _REMEDY)


@cache
def _manifest() -> dict[str, ModelEntry]:
    text = resources.files("maskwise.models").joinpath("manifest.toml").read_text("utf-8")
    keys = {f.name for f in fields(ModelEntry)} - {"name"}
    entries = {}
    for name, table in tomllib.loads(text).items():
        if set(table) != keys:
            raise ModelError(
                f"manifest.toml: [{name}] has the fields {sorted(table)}, expected {sorted(keys)}"
            )
        entries[name] = ModelEntry(name=name, **table)
    return entries


@cache
def _shipped_folder() -> Path:
    folder = resources.files("maskwise.models").joinpath("files")
    if not isinstance(folder, Path):
        raise ModelError(
            "maskwise runs from inside an archive, where its models cannot be opened: "
            "install it unpacked, with pip"
        )
    return folder


@cache
def _checked(path: Path, model: ModelEntry, remedy: str) -> Path:
    """``path`` itself; a raised error is not cached, so a mended file is seen."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"model file {path} cannot be read ({error.strerror or error}): {remedy}"
        ) from error
    if len(data) != model.size or hashlib.sha256(data).hexdigest() != model.sha256:
        raise ModelError(
            f"model file {path} is damaged: expected {model.size} bytes with sha256 "
            f"{model.sha256[:12]}..., got {len(data)} bytes: {remedy}"
        )
    return path
