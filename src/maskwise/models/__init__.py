"""The weights: what ships, what the store holds, where it came from, and how it is opened."""

from __future__ import annotations

from maskwise.models.entries import ModelEntry
from maskwise.models.session import open_file, open_session, outputs_of, run_batches
from maskwise.models.store import ModelFile, added, entry, known, locate, names, resolve

__all__ = [
    "ModelEntry",
    "ModelFile",
    "added",
    "entry",
    "known",
    "locate",
    "names",
    "open_file",
    "open_session",
    "outputs_of",
    "resolve",
    "run_batches",
]
