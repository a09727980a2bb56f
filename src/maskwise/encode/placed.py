"""An encoder that is fed chips placed by other landmarks than its own."""

from __future__ import annotations

from maskwise.encode.protocol import Encoder
from maskwise.types import F32, U8, ChipSpec, Scheme


class Placed:
    """``encoder``, its chips placed by landmarks of ``scheme``; see ``maskwise.align.by_scheme``.

    The same network and the same space. Its id is another one: the chips lie a little differently,
    so its templates have thresholds of their own.
    Raises InputError when no mean face tells where the chip has points of ``scheme``.
    """

    def __init__(self, encoder: Encoder, scheme: Scheme) -> None:
        self._encoder = encoder
        from maskwise.align import by_scheme  # OpenCV comes with it

        self._spec = by_scheme(encoder.chip_spec, scheme)

    @property
    def id(self) -> str:
        """The encoder's, with the name of these chips in the place of its own chips'."""
        own, name = self._encoder.id, self._encoder.chip_spec.name
        return own.replace(name, self._spec.name) if name in own else f"{own}/{self._spec.name}"

    @property
    def space(self) -> str:
        """The encoder's."""
        return self._encoder.space

    @property
    def chip_spec(self) -> ChipSpec:
        """The encoder's chip by the other landmarks."""
        return self._spec

    @property
    def dim(self) -> int:
        """The encoder's."""
        return self._encoder.dim

    def encode_batch(self, chips: U8) -> F32:
        """(N, S, S, 3) uint8 RGB chips -> (N, D) float32 rows of unit length; N may be 0."""
        return self._encoder.encode_batch(chips)


def placed(encoder: Encoder, scheme: Scheme) -> Encoder:
    """``encoder`` itself where its chips are placed by ``scheme``, else ``Placed``."""
    return encoder if encoder.chip_spec.scheme == scheme else Placed(encoder, scheme)
