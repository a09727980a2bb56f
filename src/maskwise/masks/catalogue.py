"""Which masks there are: types, their colours and patterns, how they stand off the face."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from maskwise.errors import ConfigurationError
from maskwise.masks.styles import STYLES
from maskwise.masks.surface import Bulge, Shape
from maskwise.types import MaskSpec

if TYPE_CHECKING:
    from maskwise.masks.sheet import Sheet

Drawer: TypeAlias = "Callable[[Sheet, MaskSpec], None]"

DRAWING_VERSION: Final = 2
"""Goes into every spec; raised when the same spec would give visibly other pixels."""


@dataclass(frozen=True, slots=True)
class MaskType:
    """One entry of the catalogue.

    title: for people. palette: (colour, weight), the most usual first. patterns: the most
    usual first. shape: how it stands off the face. frequency: weight in a random draw; 0: only
    where it is named. draw: the function that paints it, called with a Sheet and the spec; or
    "module:function", imported by the first mask that is drawn.
    """

    name: str
    title: str
    palette: tuple[tuple[str, float], ...]
    patterns: tuple[str, ...]
    shape: Shape
    frequency: float = 1.0
    draw: Drawer | str = ""

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
_FABRIC_PATTERNS: Final = ("plain", "checks", "stripes", "dots")

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
            ("plain",),
            Shape(bulges=(Bulge(0.0, 1.05, 0.75, 0.50, 0.06),)),
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
            ("plain",),
            Shape(bulges=(Bulge(0.0, 1.02, 0.95, 0.62, 0.26, crease=True),)),
            2.0,
        ),
        MaskType(
            "cloth",
            "sewn cloth mask of two panels",
            _FABRICS,
            _FABRIC_PATTERNS,
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
            "bandana",
            "bandana or neck gaiter, down to the neck",
            _FABRICS,
            ("plain", "dots", "stripes", "checks"),
            Shape(drape=1.0),
            1.0,
        ),
    )
}
"""Every type by name, in the order of lists for people."""

DEFAULT_TYPES: Final = ("surgical", "n95", "kn95", "cloth", "gas", "bandana")
"""What enrolment draws on a face unless told otherwise."""


def types() -> tuple[str, ...]:
    """The names of the catalogue, in its order."""
    return tuple(TYPES)


def mask_type(name: str) -> MaskType:
    """The entry ``name``; ConfigurationError that lists all when there is none."""
    if name not in TYPES:
        raise ConfigurationError(f"no mask type {name!r}; there are: {', '.join(TYPES)}")
    return TYPES[name]


def parse_types(text: str) -> tuple[str, ...]:
    """Names with commas between, "default", "all" or "none" -> the names, without repeats.

    Raises ConfigurationError that lists what exists on an unknown name or an empty text.
    """
    wanted = [part.strip() for part in text.split(",")]
    if wanted == ["all"]:
        return types()
    if wanted == ["default"]:
        return DEFAULT_TYPES
    if wanted == ["none"]:
        return ()
    for name in wanted:
        if name not in TYPES:
            raise ConfigurationError(
                f"no mask type {name!r}; there are: {', '.join(TYPES)} (or default, all, none)"
            )
    return tuple(dict.fromkeys(wanted))


def spec_for(
    type: str,
    *,
    color: str | None = None,
    pattern: str | None = None,
    detail: str = "",
    seed: int = 0,
    coverage: float | None = None,
    wear_style: str = "proper",
) -> MaskSpec:
    """A typical mask of ``type``; what is not given takes the type's most usual value.

    color: "#rrggbb". coverage: 0 (the nose tip just covered) to 1 (up to between the eyes).
    detail: what the pattern "text" or "image" shows.
    Raises ConfigurationError, naming what exists, on anything that does not.
    """
    spec = MaskSpec(
        type=type,
        color=mask_type(type).palette[0][0] if color is None else color.lower(),
        pattern=mask_type(type).patterns[0] if pattern is None else pattern,
        wear_style=wear_style,
        coverage=0.5 if coverage is None else float(coverage),
        detail=detail,
        seed=int(seed),
        version=DRAWING_VERSION,
    )
    check(spec)
    return spec


def check(spec: MaskSpec) -> MaskType:
    """The type of a spec that can be drawn; ConfigurationError when it cannot."""
    kind = mask_type(spec.type)
    if spec.pattern not in kind.patterns:
        raise ConfigurationError(
            f"no pattern {spec.pattern!r} for {spec.type}; there are: {', '.join(kind.patterns)}"
        )
    if not re.fullmatch(r"#[0-9a-f]{6}", spec.color):
        raise ConfigurationError(f"no colour {spec.color!r}; write it as #rrggbb, like #8fbfe0")
    if spec.wear_style not in STYLES:
        raise ConfigurationError(
            f"no wear style {spec.wear_style!r}; there are: {', '.join(STYLES)}"
        )
    if not 0 <= spec.coverage <= 1:
        raise ConfigurationError(f"coverage must be from 0 to 1, got {spec.coverage}")
    if spec.seed < 0:
        raise ConfigurationError(f"the seed must be 0 or more, got {spec.seed}")
    if spec.version != DRAWING_VERSION:
        raise ConfigurationError(
            f"the mask was drawn by version {spec.version} of the drawing code, "
            f"this is version {DRAWING_VERSION}; make a new spec with spec_for"
        )
    return kind


def random_spec(rng: np.random.Generator, type: str | None = None) -> MaskSpec:
    """A mask as it might be met: type (unless given), colour, pattern, coverage and seed.

    Colours are the palette's, each shifted a little; coverage is normal about 0.5 (sigma 0.2).
    """
    if type is None:
        weights = np.array([t.frequency for t in TYPES.values()])
        type = str(rng.choice(list(TYPES), p=weights / weights.sum()))
    kind = mask_type(type)
    weights = np.array([weight for _, weight in kind.palette], float)
    base = kind.palette[int(rng.choice(len(kind.palette), p=weights / weights.sum()))][0]
    rgb = np.array([int(base[k : k + 2], 16) for k in (1, 3, 5)], float)
    rgb = np.clip(rgb + rng.normal(0, 7) + rng.normal(0, 4, 3), 0, 255).round().astype(int)
    # The first pattern is as usual as all the others together.
    others = kind.patterns[1:]
    plain = not others or rng.random() < 0.5
    return spec_for(
        type,
        color="#{:02x}{:02x}{:02x}".format(*rgb),
        pattern=kind.patterns[0] if plain else str(rng.choice(others)),
        seed=int(rng.integers(2**31)),
        coverage=float(np.clip(rng.normal(0.5, 0.2), 0, 1).round(3)),
    )
