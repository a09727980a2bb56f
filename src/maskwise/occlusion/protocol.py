"""The seam of the mask state."""

from __future__ import annotations

from typing import Protocol

from maskwise.types import U8, ChipSpec, MaskState


class MaskClassifier(Protocol):
    """Tells whether the face of a chip wears a mask. A backend writes the batch call only."""

    @property
    def id(self) -> str:
        """Name and the first hex digits of the weights' sha256."""
        ...

    @property
    def chip_spec(self) -> ChipSpec:
        """The chips that ``classify`` wants."""
        ...

    def classify(self, chips: U8) -> list[MaskState]:
        """(N, S, S, 3) uint8 RGB chips -> one state a chip; N may be 0."""
        ...
