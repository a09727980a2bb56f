"""How a mask is worn: a displacement of the drawn sheet on the face, whatever the type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from maskwise.masks.surface import Shape
from maskwise.types import MaskSpec

if TYPE_CHECKING:
    from maskwise.masks.sheet import Sheet


@dataclass(frozen=True, slots=True)
class WearStyle:
    """One way to wear a mask. covers: whether mouth and nose are (partly) hidden by it.

    frequency: weight in a random draw.
    """

    name: str
    title: str
    covers: bool = True
    frequency: float = 1.0


STYLES: Final[dict[str, WearStyle]] = {s.name: s for s in (WearStyle("proper", "as it should be"),)}


def place(sheet: Sheet, spec: MaskSpec) -> None:
    """Move what is drawn on ``sheet`` to where ``spec.wear_style`` has it, in place."""


def shape_of(shape: Shape, spec: MaskSpec) -> Shape:
    """The type's ``shape``, moved as the sheet is."""
    return shape
