"""Names and specs: which types there are, and whether a spec can be drawn."""

from __future__ import annotations

import re

from maskwise.errors import ConfigurationError
from maskwise.masks.catalogue import DEFAULT_TYPES, DRAWING_VERSION, TYPES, MaskType
from maskwise.masks.styles import STYLES
from maskwise.types import MaskSpec


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
