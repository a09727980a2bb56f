"""The seam of encoding."""

from __future__ import annotations

from typing import Protocol

from maskwise.types import F32, U8, ChipSpec


class Encoder(Protocol):
    """Turns aligned chips into vectors. A backend writes the batch call only."""

    @property
    def id(self) -> str:
        """Name, weights' sha256 (12 hex digits), chip spec and pre-processing version."""
        ...

    @property
    def space(self) -> str:
        """Which space the vectors lie in: templates of encoders with one space may be compared.

        An encoder that was trained to give another's vectors names that one's space; any other has
        a space of its own, such as its name and the sha256 of its weights. Another chip or other
        pre-processing is still the same space, and another id: scores differ a little, so each
        pair of encoders has its own calibration.
        """
        ...

    @property
    def chip_spec(self) -> ChipSpec:
        """The chips that ``encode_batch`` wants."""
        ...

    @property
    def dim(self) -> int:
        """D: how many numbers a template has."""
        ...

    def encode_batch(self, chips: U8) -> F32:
        """(N, S, S, 3) uint8 RGB chips -> (N, D) float32 rows of unit length; N may be 0."""
        ...
