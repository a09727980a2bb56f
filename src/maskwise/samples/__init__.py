"""Pictures of synthetic people, for trying things out; see README.md beside them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def people() -> Path:
    """The folder to enrol: one folder a person, named after them, with their photos."""
    return _folder("people")


def probes() -> Path:
    """The folder to identify: ``<person>_<bare or mask type>.jpg``.

    Who is called ``stranger-<number>`` is not among ``people()``.
    """
    return _folder("probes")


def _folder(name: str) -> Path:
    # A wheel is unpacked when it is installed: the pictures are files.
    return Path(str(resources.files("maskwise.samples"))) / name
