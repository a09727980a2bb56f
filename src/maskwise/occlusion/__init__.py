"""What a face wears: the protocol, and one file a classifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from maskwise.backends import create_backend
from maskwise.occlusion.placed import placed
from maskwise.occlusion.protocol import MaskClassifier
from maskwise.types import U8, ChipSpec, Landmarks

ENTRY_POINTS: Final = "maskwise.mask_classifiers"
"""The entry-point group where other packages announce mask classifiers."""

DEFAULT: Final = "mask-state"
"""The address of the one that is used where nothing is said."""


def _mask_state() -> MaskClassifier:
    from maskwise.occlusion.mask_state_net import MaskStateNet

    return MaskStateNet()


CLASSIFIERS: Final[dict[str, Callable[[], MaskClassifier]]] = {DEFAULT: _mask_state}
"""The built-in mask classifiers; each is imported when it is asked for."""


def create(name: str = DEFAULT) -> MaskClassifier:
    """The mask classifier ``name``; ConfigurationError that lists all when there is none."""
    return create_backend("mask classifier", name, CLASSIFIERS, ENTRY_POINTS)


def alpha_on_chip(alpha: U8, size: int = 150) -> U8:
    """``MaskState.alpha`` on a chip's pixels; see ``maskwise.occlusion.alpha.alpha_on_chip``."""
    from maskwise.occlusion.alpha import alpha_on_chip  # OpenCV comes with it

    return alpha_on_chip(alpha, size)


def visible_landmarks(landmarks: Landmarks, alpha: U8, spec: ChipSpec) -> Landmarks:
    """Those that a mask leaves free; see ``maskwise.occlusion.visible.visible_landmarks``."""
    from maskwise.occlusion.visible import visible_landmarks  # OpenCV comes with it

    return visible_landmarks(landmarks, alpha, spec)


__all__ = [
    "CLASSIFIERS",
    "DEFAULT",
    "ENTRY_POINTS",
    "MaskClassifier",
    "alpha_on_chip",
    "create",
    "placed",
    "visible_landmarks",
]
