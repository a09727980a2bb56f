"""Chips of other sizes by the same reference points."""

from __future__ import annotations

from typing import Final

from maskwise.align import ARCFACE_CHIP, DLIB_CHIP
from maskwise.errors import ConfigurationError
from maskwise.types import ChipSpec

LEAST, MOST = 16, 1024
"""px of a chip's side: what an encoder may want."""

_WIDER: Final = 128


def arcface_chip(size: int, nominal: int = 112) -> ChipSpec:
    """insightface's chip in ``size`` px, as insightface/utils/face_align.py scales it.

    nominal: 112, or 128: 8 px more at each side and 16 at the bottom, which are 128 px together.
    Raises ConfigurationError for other sizes than 16 to 1024 px, and for another nominal one.
    """
    if nominal not in (ARCFACE_CHIP.size, _WIDER):
        raise ConfigurationError(f"chip: expected the nominal size 112 or 128, got {nominal}")
    _check(size)
    if size == nominal == ARCFACE_CHIP.size:
        return ARCFACE_CHIP
    reference = ARCFACE_CHIP.reference.copy()
    reference[:, 0] += (nominal - ARCFACE_CHIP.size) / 2
    name = f"arcface-{nominal}" if size == nominal else f"arcface-{nominal}-at-{size}"
    return ChipSpec(name, size, "five", reference * (size / nominal), fit="chip")


def dlib_chip(size: int) -> ChipSpec:
    """dlib's chip (five points, a quarter of padding) in ``size`` px; its edges stay its edges.

    Raises ConfigurationError for other sizes than 16 to 1024 px.
    """
    _check(size)
    if size == DLIB_CHIP.size:
        return DLIB_CHIP
    reference = (DLIB_CHIP.reference + 0.5) * (size / DLIB_CHIP.size) - 0.5
    return ChipSpec(f"dlib5-{size}-p25", size, "dlib5", reference, fit="picture")


def _check(size: int) -> None:
    if not LEAST <= size <= MOST:
        raise ConfigurationError(f"chip: expected a size of {LEAST} to {MOST} px, got {size}")
