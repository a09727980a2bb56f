"""Which of our backends reads a model of the store."""

from __future__ import annotations

from maskwise.errors import ConfigurationError
from maskwise.models.store import entry


def reader_of(name: str, kind: str) -> str | None:
    """The backend that reads the model ``name``; None for no such model, or one of another kind.

    kind: "encoder" or "detector".
    """
    try:
        found = entry(name)
    except ConfigurationError:
        return None
    return found.backend if found.kind == kind else None
