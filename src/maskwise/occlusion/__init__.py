"""What a face wears: the protocol, and one file a classifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from maskwise.backends import create_backend
from maskwise.occlusion.placed import placed
from maskwise.occlusion.protocol import MaskClassifier

ENTRY_POINTS: Final = "maskwise.mask_classifiers"
"""The entry-point group where other packages announce mask classifiers."""


def _trunk() -> MaskClassifier:
    from maskwise.occlusion.trunk import Trunk

    return Trunk()


CLASSIFIERS: Final[dict[str, Callable[[], MaskClassifier]]] = {"trunk": _trunk}
"""The built-in mask classifiers; each is imported when it is asked for."""


def create(name: str = "trunk") -> MaskClassifier:
    """The mask classifier ``name``; ConfigurationError that lists all when there is none."""
    return create_backend("mask classifier", name, CLASSIFIERS, ENTRY_POINTS)


__all__ = ["CLASSIFIERS", "ENTRY_POINTS", "MaskClassifier", "create", "placed"]
