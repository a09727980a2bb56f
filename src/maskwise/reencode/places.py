"""The files beside a gallery: what a run replaced, and drafts of runs that were interrupted."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone
from pathlib import Path

from maskwise.errors import ConfigurationError, StorageError
from maskwise.gallery import Gallery
from maskwise.gallery.where import BEFORE, DRAFT
from maskwise.masks.catalogue import DRAWING_VERSION
from maskwise.models.runtime.providers import precision
from maskwise.own_calibration import place_beside, read_own
from maskwise.pipeline import Recognizer


def draft_of(gallery: Gallery, recognizer: Recognizer) -> Path | None:
    """Where a run with these models collects what it encoded; None for a gallery in memory."""
    if gallery.file is None:
        return None
    # No id tells of the precision, and half a gallery of each would be worse than either.
    models = json.dumps([recognizer.models, DRAWING_VERSION, precision()])
    tag = hashlib.sha256(models.encode()).hexdigest()[:12]
    return gallery.file.with_name(f"{gallery.file.name}{DRAFT}{tag}")


def free_place(file: Path, suffix: str = "") -> Path:
    """``<file>.before-<UTC time><suffix>``, a name that no file has yet."""
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    for more in ("", *(f"-{n}" for n in range(2, 1000))):
        place = file.with_name(f"{file.name}{BEFORE}{stamp}{more}{suffix}")
        if not place.exists():
            return place
    raise StorageError(f"{file}: no name is free for a copy; delete old copies beside it")


def discard(place: Path | None) -> None:
    """Delete a draft."""
    if place is not None:
        for name in ("", "-wal", "-shm"):
            place.with_name(place.name + name).unlink(missing_ok=True)


def retire_calibration(gallery: Path, recognizer: Recognizer) -> Path | None:
    """Move the calibration away that other models made; where to, or None."""
    place = place_beside(gallery)
    try:
        # None: there is none. One that can be read is of these models: it still holds.
        read_own(place, recognizer.encoder.id, recognizer.models)
    except ConfigurationError:
        moved = free_place(place)
        try:
            place.rename(moved)
        except OSError as error:
            raise StorageError(
                f"{place}: the gallery was re-encoded, but its old calibration cannot be moved "
                f"away ({error.strerror}); move it yourself, it no longer holds"
            ) from error
        return moved
    return None
