"""The network that ships: whether a mask is worn, how, of which type, and what is covered.

Made by ``training/occlusion/train.py``; what it can do and what not stands in docs/mask-state.md.
"""

from __future__ import annotations

from typing import Any, Final

import numpy.typing as npt

from maskwise import models
from maskwise.align import FIVE_CHIP
from maskwise.types import U8, ChipSpec, MaskState, WearStyle, check_chips

STYLES: Final = ("none", "proper", "under-nose", "under-chin")
"""What the shares of the output ``style`` are of; proper and under-nose add up to the
``probability``."""

TYPES: Final = (
    "surgical",
    "n95",
    "kn95",
    "duckbill",
    "cloth",
    "gas",
    "bandana",
    "gaiter",
    "scarf",
    "shield",
    "other",
)
"""What the shares of the output ``type`` are of; the first ten are types of the catalogue."""

TOLD: Final = ("surgical", "n95", "kn95", "duckbill")
"""The types that are ever told: of real masks the others are wrong more often than right (see
docs/mask-state.md)."""

TYPE_SHARE: Final = 0.8
"""A type is told from this share up."""

_MODEL: Final = "mask-state"


class MaskStateNet:
    """The MaskClassifier that ships. The model opens at the first use.

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
        """``FIVE_CHIP``: dlib's chip of 150 px, placed by the detector's five points."""
        return FIVE_CHIP

    def classify(self, chips: U8) -> list[MaskState]:
        """(N, 150, 150, 3) uint8 RGB chips -> N states, with coverage and alpha.

        Raises InputError on another shape or dtype, ModelError when the weights are missing or
        damaged.
        """
        check_chips(chips, FIVE_CHIP.size)
        if not len(chips):
            return []
        said = models.outputs_of(_MODEL, chips, self._threads)
        columns = (said[name] for name in ("probability", "style", "type", "alpha"))
        return [_state(float(p), *rest) for p, *rest in zip(*columns, strict=True)]


def _state(
    probability: float, style: npt.NDArray[Any], kinds: npt.NDArray[Any], alpha: U8
) -> MaskState:
    """style: (4,) shares of STYLES; kinds: (11,) shares of TYPES; alpha: (38, 38)."""
    return MaskState(
        probability,
        type=_type(kinds) if probability >= 0.5 else None,
        coverage=float(alpha.mean()) / 255,
        style=_style(probability, style),
        alpha=alpha,
    )


def _type(shares: npt.NDArray[Any]) -> str | None:
    most = int(shares.argmax())
    name = TYPES[most]
    return name if shares[most] >= TYPE_SHARE and name in TOLD else None


def _style(probability: float, shares: npt.NDArray[Any]) -> WearStyle | None:
    none, proper, under_nose, under_chin = (float(share) for share in shares)
    if probability >= 0.5:
        return "proper" if proper >= under_nose else "under-nose"
    return "under-chin" if under_chin > none else None
