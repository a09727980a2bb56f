"""``MaskState.alpha`` on the pixels of a chip."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from maskwise.types import U8

_CHIP: Final = 150
_CELL: Final = 4
"""px: the 38 cells of a side span 152 px, one beyond each border of the chip."""


def alpha_on_chip(alpha: U8, size: int = _CHIP) -> U8:
    """(38, 38) uint8 -> (size, size) uint8: how much of each pixel of the chip is covered.

    size: px a side of the chip that the classifier looked at. Between the middles of the cells in
    straight lines.
    """
    side = _CELL * len(alpha)
    wide = cv2.resize(alpha, (side, side), interpolation=cv2.INTER_LINEAR)
    chip = wide[1 : _CHIP + 1, 1 : _CHIP + 1]
    if size != _CHIP:
        chip = np.asarray(cv2.resize(chip, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.ascontiguousarray(chip, np.uint8)
