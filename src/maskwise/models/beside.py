"""Small files of a pack that say how its models are run (insightface 2: manifest.json).

They come out of a zip with the models, are written down then, and held to their sha256 like models.
What somebody put there by hand is believed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from maskwise.models import trust
from maskwise.models.digests import sha256_of
from maskwise.models.entries import Pack

MOST: Final = 100_000
"""Bytes that such a file may have."""


def key(pack: Pack, name: str) -> str:
    """Under which it is written down, and its path below the store's folder."""
    return f"{pack.name}/{name}"


def changed(folder: Path, pack: Pack | None) -> Path | None:
    """The first such file of ``pack`` that is gone or another than was written down; else None."""
    if pack is None:
        return None
    for name in pack.beside:
        path = folder / key(pack, name)
        seen = trust.recorded(folder, key(pack, name))
        if seen is not None and not _is(path, seen.sha256):
            return path
    return None


def _is(path: Path, sha256: str) -> bool:
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False
