"""Packs of insightface 2, whose manifest.json says which file is for what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from maskwise.compat.insightface.files import DETECTION
from maskwise.errors import ModelError
from maskwise.models.digests import sha256_of

_FILE: Final = "manifest.json"
_VERSION: Final = 2
_SCRFD: Final = {"mean": 127.5, "std": 128.0}


def tasks_of(folder: Path) -> dict[str, Path] | None:
    """Task -> file, by the manifest in ``folder``; None without one, or with an older one.

    As insightface/model_zoo/package_manifest.py reads it: ``manifest_version`` 2, ``tasks`` with a
    ``file`` each, and perhaps its ``sha256``. Raises ModelError when it makes no sense, a file is
    missing or not the one that it names, or the detector wants other pixels than SCRFD's.
    """
    manifest = folder / _FILE
    try:
        pack = json.loads(manifest.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{manifest} cannot be read ({error})") from error
    if not isinstance(pack, dict) or pack.get("manifest_version") != _VERSION:
        return None
    try:
        return {name: _file(folder, name, task) for name, task in pack["tasks"].items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ModelError(f"{manifest} makes no sense ({error!r})") from error


def _file(folder: Path, name: str, task: dict[str, Any]) -> Path:
    path: Path = folder / task["file"]
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(f"{folder / _FILE} names a file outside its folder: {task['file']}")
    if not path.is_file():
        raise ModelError(f"{folder / _FILE} names {task['file']}, which is not there")
    if "sha256" in task and sha256_of(path) != task["sha256"]:
        raise ModelError(f"{path} is not the file that {folder / _FILE} names: its sha256 differs")
    given = task.get("preprocessing", _SCRFD)
    if name == DETECTION and given != _SCRFD:
        raise ModelError(
            f"{path} wants pixels as {given!r}; maskwise runs detectors with {_SCRFD} alone"
        )
    return path
