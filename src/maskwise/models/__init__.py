"""The weights: what ships, where it came from, and how it is opened."""

from __future__ import annotations

from maskwise.models.session import open_file, open_session, run_batches
from maskwise.models.store import ModelEntry, entry, locate, names

__all__ = ["ModelEntry", "entry", "locate", "names", "open_file", "open_session", "run_batches"]
