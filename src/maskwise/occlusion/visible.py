"""Which landmarks a mask leaves free."""

from __future__ import annotations

from typing import Final

import numpy as np

from maskwise.align import transform_of
from maskwise.occlusion.alpha import alpha_on_chip
from maskwise.types import U8, ChipSpec, Landmarks

_HALF: Final = 128
"""An alpha from here up is covered."""


def visible_landmarks(landmarks: Landmarks, alpha: U8, spec: ChipSpec) -> Landmarks:
    """The same points, of which those that are covered are not visible.

    landmarks: px of any frame. alpha: (38, 38) uint8, ``MaskState.alpha`` of the chip that they
    place; spec: which chip that is, ``MaskClassifier.chip_spec``. What was not visible before stays
    so; what lies outside the chip is free.
    Raises InputError where the landmarks do not place the chip.
    """
    at = np.rint(landmarks.mapped(transform_of(landmarks, spec)).points).astype(np.int64)
    inside = ((at >= 0) & (at < spec.size)).all(axis=1)
    x, y = at[inside].T
    free = landmarks.visible.copy()
    free[inside] &= alpha_on_chip(alpha, spec.size)[y, x] < _HALF
    return Landmarks(landmarks.scheme, landmarks.points, free)
