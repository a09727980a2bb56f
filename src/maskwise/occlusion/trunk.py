"""Mask or not, from the first blocks of dlib's encoder and a logistic regression on top.

The trunk's averaged features tell a covered mouth from a bare one far better than the final 128
numbers do. The model is one file of its own; ``training/occlusion/train.py`` makes it.
"""

from __future__ import annotations

from typing import Final

from maskwise import models
from maskwise.align import DLIB_CHIP
from maskwise.types import U8, ChipSpec, MaskState, check_chips

_MODEL: Final = "mask-state"


class Trunk:
    """The MaskClassifier that ships: the probability alone. The model opens at the first use.

    threads: of one run; see ``maskwise.models.open_session``.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self._threads = threads

    @property
    def id(self) -> str:
        """``mask-state/<12 hex digits of the file's sha256>``."""
        return f"{_MODEL}/{models.entry(_MODEL).sha256[:12]}"

    @property
    def chip_spec(self) -> ChipSpec:
        """``DLIB_CHIP``: 150 px, a quarter of padding, five points."""
        return DLIB_CHIP

    def classify(self, chips: U8) -> list[MaskState]:
        """(N, 150, 150, 3) uint8 RGB chips -> N states; type and coverage are None.

        Raises InputError on another shape or dtype, ModelError when the weights are missing or
        damaged.
        """
        check_chips(chips, DLIB_CHIP.size)
        if not len(chips):
            return []
        return [MaskState(float(p)) for p in models.run_batches(_MODEL, chips, self._threads)]
