"""Names and specs: which types there are, and whether a spec can be drawn."""

from __future__ import annotations

import re
from typing import Final

from maskwise.errors import ConfigurationError
from maskwise.masks.catalogue import DEFAULT_TYPES, DRAWING_VERSION, TYPES, MaskType
from maskwise.masks.own import find
from maskwise.masks.prints import check_detail
from maskwise.masks.styles import STYLES
from maskwise.types import MaskSpec

NOSE_COVERAGE: Final[dict[str, float]] = {"low": 0.0, "medium": 0.5, "high": 1.0}
"""How far up the nose a mask goes, by name: to its tip, half way, to between the eyes.

The names are those of the levels in NIST's tests with drawn masks (NISTIR 8311 and 8331); the
heights are ours.
"""


def types() -> tuple[str, ...]:
    """The names of the built-in types, in the catalogue's order."""
    return tuple(TYPES)


def mask_type(name: str) -> MaskType:
    """The type of this name: built in, registered, a package's, or the path of a mask file.

    Raises ConfigurationError that lists all when there is none; see ``maskwise.masks.own``.
    """
    return find(name)


def parse_types(text: str) -> tuple[str, ...]:
    """Names with commas between, "default", "all" or "none" -> the names, without repeats.

    A name may be the path of a mask file, *.toml. "all": every built-in type that is worn in
    the street (frequency over 0), none of the user's own.
    Raises ConfigurationError that lists what exists on an unknown name or an empty text.
    """
    wanted = [part.strip() for part in text.split(",")]
    if wanted == ["all"]:
        return tuple(name for name, kind in TYPES.items() if kind.frequency > 0)
    if wanted == ["default"]:
        return DEFAULT_TYPES
    if wanted == ["none"]:
        return ()
    for name in wanted:
        mask_type(name)
    return tuple(dict.fromkeys(wanted))


def coverage_of(value: float | str) -> float:
    """A number from 0 to 1, or a name of ``NOSE_COVERAGE`` -> the number.

    Raises ConfigurationError on anything else.
    """
    if isinstance(value, str):
        if value not in NOSE_COVERAGE:
            raise ConfigurationError(
                f"no coverage {value!r}; there are: {', '.join(NOSE_COVERAGE)}, "
                "or a number from 0 to 1"
            )
        return NOSE_COVERAGE[value]
    if isinstance(value, bool) or not 0 <= value <= 1:
        raise ConfigurationError(f"coverage must be from 0 to 1, got {value}")
    return float(value)


def spec_for(
    type: str,
    *,
    color: str | None = None,
    pattern: str | None = None,
    detail: str | None = None,
    seed: int = 0,
    coverage: float | str | None = None,
    wear_style: str = "proper",
) -> MaskSpec:
    """A typical mask of ``type``; what is not given takes the type's most usual value.

    color: "#rrggbb". coverage: 0 (the nose tip just covered) to 1 (up to between the eyes), or
    a name of ``NOSE_COVERAGE``. detail: what the pattern "text" or "image" shows. wear_style:
    a name of ``STYLES``.
    Raises ConfigurationError, naming what exists, on anything that does not.
    """
    kind = mask_type(type)
    spec = MaskSpec(
        type=type,
        color=kind.palette[0][0] if color is None else color.lower(),
        pattern=kind.patterns[0] if pattern is None else pattern,
        wear_style=wear_style,
        coverage=0.5 if coverage is None else coverage_of(coverage),
        detail=kind.detail if detail is None else detail,
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
    if not kind.detail:
        check_detail(spec.pattern, spec.detail)
    elif spec.detail != kind.detail:
        raise ConfigurationError(
            f"the mask {spec.type} is not the one of the spec ({kind.detail[:19]}..., expected "
            f"{spec.detail[:19]}...); put the old files back, or make a new spec with spec_for"
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
