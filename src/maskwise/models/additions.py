"""Models that the user added to the store: ``added/NAME/`` with a file entry.json.

A model is one ONNX file that a built-in backend reads, or a manifest (TOML) with the files that it
names. Files are copied, and checked by their sha256 ever after.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from maskwise.errors import ModelError
from maskwise.models.entries import ModelEntry

FOLDER: Final = "added"
ENTRY: Final = "entry.json"
_KEYS: Final = ("kind", "backend", "sha256", "size", "licence", "origin", "about")


def all_of(folder: Path) -> dict[str, ModelEntry]:
    """Name -> what was written down of it; ModelError when one of these files is damaged."""
    try:
        found = sorted((folder / FOLDER).glob(f"*/{ENTRY}"))
    except OSError:
        return {}
    return {path.parent.name: _read(path) for path in found}


def _read(path: Path) -> ModelEntry:
    try:
        table: dict[str, Any] = json.loads(path.read_text("utf-8"))
        name = path.parent.name
        values = {key: table[key] for key in _KEYS}
        return ModelEntry(
            name=name,
            file=f"{FOLDER}/{name}/{table['file']}",
            trained_on=table.get("trained_on", ""),
            paper="",
            preprocessing="",
            **values,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} cannot be read ({error}): delete its folder and add the model again"
        ) from error
