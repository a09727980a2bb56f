"""Which masks there are: types, their colours and patterns, how they stand off the face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeAlias

from maskwise.masks.prints import FABRIC_PATTERNS, TOLD_PATTERNS
from maskwise.masks.surface import Bulge, Shape
from maskwise.types import MaskSpec

if TYPE_CHECKING:
    from maskwise.masks.sheet import Sheet

Drawer: TypeAlias = "Callable[[Sheet, MaskSpec], None]"

DRAWING_VERSION: Final = 4
"""Goes into every spec; raised when the same spec would give visibly other pixels."""


@dataclass(frozen=True, slots=True)
class MaskType:
    """One entry of the catalogue.

    title: for people. palette: (colour, weight), the most usual first. patterns: the most
    usual first. shape: how it stands off the face. frequency: weight in a random draw; 0: only
    where it is named. draw: the function that paints it, called with a Sheet and the spec; or
    "module:function", imported by the first mask that is drawn. detail: what its specs carry so
    that they never draw another mask (a hash); "" where the name says it all.
    """

    name: str
    title: str
    palette: tuple[tuple[str, float], ...]
    patterns: tuple[str, ...]
    shape: Shape
    frequency: float = 1.0
    draw: Drawer | str = ""
    detail: str = ""

    def drawer(self) -> Drawer:
        """The drawing function; by default ``draw`` of the file of this name in ``kinds``."""
        if callable(self.draw):
            return self.draw
        module, _, function = (self.draw or f"maskwise.masks.kinds.{self.name}:draw").partition(":")
        found: Drawer = getattr(import_module(module), function)
        return found


_FABRICS: Final = (
    ("#363c49", 5),
    ("#26272b", 5),
    ("#f0eee8", 2),
    ("#7d8794", 2),
    ("#24406e", 3),
    ("#8a1f2d", 2),
    ("#56683f", 1),
    ("#c9a48c", 1),
    ("#d98aa5", 1),
    ("#e0b64a", 1),
    ("#4b8f92", 1),
    ("#6a4a86", 1),
)
_CLOTH: Final = (*FABRIC_PATTERNS, *TOLD_PATTERNS)
_KNITS: Final = (
    ("#4a4d55", 4),
    ("#25262a", 4),
    ("#8a8c90", 3),
    ("#e9e3d6", 3),
    ("#b59a78", 2),
    ("#7b2230", 3),
    ("#26395c", 3),
    ("#4d5b41", 2),
    ("#b9783f", 1),
    ("#c58c98", 1),
)
_SOLID: Final = (("#9cc8e6", 1), ("#1c1c1e", 1), ("#f2f2f2", 1), ("#b3202c", 1))

TYPES: Final[dict[str, MaskType]] = {
    t.name: t
    for t in (
        MaskType(
            "surgical",
            "three-layer surgical mask with pleats and nose wire",
            (
                ("#8fbfe0", 8),
                ("#f2f4f4", 3),
                ("#9ccfbd", 2),
                ("#2a2b2e", 3),
                ("#efb3c4", 1),
                ("#6fa3d4", 2),
            ),
            ("plain", *TOLD_PATTERNS),
            Shape(bulges=(Bulge(0.0, 1.05, 0.75, 0.50, 0.09), Bulge(1.17, 0.95, 0.18, 0.42, 0.04))),
            3.0,
        ),
        MaskType(
            "n95",
            "moulded N95 cup, with or without a valve",
            (("#f1f1ec", 8), ("#b9d3dc", 1), ("#303236", 1)),
            ("plain", "valve"),
            Shape(bulges=(Bulge(0.0, 1.05, 0.62, 0.62, 0.22),)),
        ),
        MaskType(
            "kn95",
            "KN95 or FFP2, folded down the middle",
            (("#f4f4f2", 8), ("#2a2b2e", 3), ("#c9cdd0", 1), ("#a9c3d8", 1), ("#e9c6cc", 1)),
            ("plain", *TOLD_PATTERNS),
            Shape(bulges=(Bulge(0.0, 1.02, 0.95, 0.62, 0.26, crease=True),)),
            2.0,
        ),
        MaskType(
            "duckbill",
            "FFP2 duckbill: a pouch with a flat beak, two straps",
            (("#f0f1ee", 7), ("#c4dbe6", 2), ("#2c2d31", 1), ("#e9c3a0", 1)),
            ("plain",),
            Shape(bulges=(Bulge(0.0, 1.05, 0.72, 0.34, 0.24),)),
            0.8,
        ),
        MaskType(
            "cloth",
            "cloth mask: two panels, pleated, or pressed",
            _FABRICS,
            _CLOTH,
            Shape(bulges=(Bulge(0.0, 1.0, 0.8, 0.6, 0.08),)),
            2.5,
        ),
        MaskType(
            "gas",
            "half-face respirator with two cartridges",
            (("#3b3e43", 5), ("#5c6670", 2), ("#23426b", 1), ("#7a7f84", 1)),
            ("plain",),
            Shape(bulges=(Bulge(0.0, 1.0, 0.45, 0.55, 0.22), Bulge(0.78, 1.33, 0.42, 0.42, 0.30))),
            0.6,
        ),
        MaskType(
            "shield",
            "see-through mask: the mouth shows through a window, or a clear plate",
            (("#f0f0ec", 3), ("#2b2d33", 3), ("#8fb4cf", 1), ("#d9a3ad", 1), ("#7d8794", 1)),
            ("window", "clear"),
            Shape(bulges=(Bulge(0.0, 1.05, 0.80, 0.60, 0.14),)),
            0.0,
        ),
        MaskType(
            "bandana",
            "bandana folded to a triangle, knotted behind",
            _FABRICS,
            _CLOTH,
            Shape(drape=1.0),
            1.0,
        ),
        MaskType(
            "gaiter",
            "neck gaiter, a tight tube down to the neck",
            _FABRICS,
            _CLOTH,
            Shape(tent=0.7, drape=0.35),
            1.0,
        ),
        MaskType(
            "scarf",
            "knitted scarf, wound about nose, chin and neck",
            _KNITS,
            ("plain", "stripes", "checks"),
            Shape(
                drape=1.0,
                bulges=(Bulge(0.0, 1.7, 1.3, 0.7, 0.12), Bulge(1.2, 2.0, 0.9, 0.7, 0.36)),
            ),
            0.8,
        ),
        MaskType(
            "nist-wide",
            "plain shape from ear to ear, as in NIST's tests",
            _SOLID,
            ("plain",),
            Shape(),
            0.0,
            "maskwise.masks.kinds.nist:wide",
        ),
        MaskType(
            "nist-round",
            "plain round shape on nose and mouth, as in NIST's tests",
            _SOLID,
            ("plain",),
            Shape(),
            0.0,
            "maskwise.masks.kinds.nist:round_",
        ),
    )
}
"""Every type by name, in the order of lists for people."""

DEFAULT_TYPES: Final = ("surgical", "n95", "cloth", "gas")
"""What enrolment draws on a face unless told otherwise.

Four that do as well as all nine on people that nothing is reported on: see
benchmarks/templates_per_person.
"""
