"""Masks as they might be met: random draws from the catalogue, or from a mix of one's own."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import Any, Final, TypeAlias

import numpy as np

from maskwise.errors import ConfigurationError
from maskwise.masks.catalogue import TYPES, MaskType
from maskwise.masks.prints import TOLD_PATTERNS, check_detail
from maskwise.masks.specs import NOSE_COVERAGE, coverage_of, mask_type, spec_for
from maskwise.masks.styles import STYLES, WearStyle
from maskwise.types import MaskSpec

Weights: TypeAlias = tuple[tuple[str, float], ...]

_COVERAGE: Final = (0.5, 0.2)
"""Mean and standard deviation of the usual coverage, cut at 0 and 1."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What random masks are drawn from. Weights are (name, weight), in any unit; () : as usual.

    types: by the catalogue's frequencies as usual; a user's own where they are named.
    patterns: a type's first is as usual as its others together; a pattern that a type does not
    have is passed over for that type. colors: "#rrggbb", taken as they are; as usual the type's
    palette, each a little shifted. styles: how they are worn. coverage: from, to, drawn evenly;
    None: normal about 0.5 (sigma 0.2). texts, images: the details that the patterns "text" and
    "image" choose from; those patterns come only where there is one.
    """

    types: Weights = ()
    patterns: Weights = ()
    colors: Weights = ()
    styles: Weights = (("proper", 1.0),)
    coverage: tuple[float, float] | None = None
    texts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> Mix:
        """Read what a TOML or JSON file holds.

        Keys as the fields. Weights are a table (``{surgical = 3, kn95 = 1}``) or a list of names
        of equal weight; coverage is a name of ``NOSE_COVERAGE``, a number, or two of them.
        Raises ConfigurationError that names the key on anything else.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(str(key) for key in table if key not in known)
        if unknown:
            raise ConfigurationError(
                f"mix: unknown key {unknown[0]!r}; there are: {', '.join(known)}"
            )
        read: dict[str, Any] = {}
        for key, check in _CHECKS.items():
            if key in table:
                read[key] = _weights(key, table[key], check)
        for key, pattern in (("texts", "text"), ("images", "image")):
            if key in table:
                read[key] = _details(key, table[key], pattern)
        if "coverage" in table:
            read["coverage"] = _range(table["coverage"])
        mix = cls(**read)
        for pattern, given in (("text", mix.texts), ("image", mix.images)):
            if dict(mix.patterns).get(pattern) and not given:
                raise ConfigurationError(
                    f"mix: patterns has {pattern!r}: say which in {pattern}s = [...]"
                )
        return mix

    def sample(self, rng: np.random.Generator) -> MaskSpec:
        """A mask of this mix; the same state of ``rng`` gives the same one."""
        return random_spec(rng, mix=self)


USUAL: Final = Mix()


def random_spec(
    rng: np.random.Generator,
    type: str | None = None,
    *,
    styles: Sequence[str] = (),
    mix: Mix = USUAL,
) -> MaskSpec:
    """A mask as it might be met: type (unless given), colour, pattern, coverage, style and seed.

    styles: names of ``STYLES`` to draw from, as often as each is met; by default the mix's,
    which is "proper" alone. The same state of ``rng`` gives the same spec.
    Raises ConfigurationError on a type or style that does not exist.
    """
    if type is None:
        weights = mix.types or tuple((t.name, t.frequency) for t in TYPES.values())
        type = _pick(rng, weights)
    kind = mask_type(type)
    pattern = _pattern(rng, kind, mix)
    spread = {"text": mix.texts, "image": mix.images}.get(pattern, ())
    detail = str(spread[int(rng.integers(len(spread)))]) if spread else None
    worn = tuple((name, _style(name).frequency) for name in styles) or mix.styles
    return spec_for(
        type,
        color=_pick(rng, mix.colors) if mix.colors else _color(rng, kind),
        pattern=pattern,
        detail=detail,
        seed=int(rng.integers(2**31)),
        coverage=_coverage(rng, mix),
        wear_style=_pick(rng, worn),
    )


def _pick(rng: np.random.Generator, weights: Weights) -> str:
    if len(weights) == 1:
        return weights[0][0]
    # Much quicker than rng.choice on so few.
    sums = list(accumulate(weight for _, weight in weights))
    return weights[bisect_right(sums, float(rng.random()) * sums[-1], hi=len(sums) - 1)][0]


def _pattern(rng: np.random.Generator, kind: MaskType, mix: Mix) -> str:
    told = {"text": mix.texts, "image": mix.images}
    drawable = [p for p in kind.patterns if p not in TOLD_PATTERNS or told[p]]
    if mix.patterns:
        wanted = tuple((p, w) for p, w in mix.patterns if p in drawable and w > 0)
        return _pick(rng, wanted) if wanted else kind.patterns[0]
    others = drawable[1:]
    if not others or rng.random() < 0.5:
        return kind.patterns[0]
    return str(others[int(rng.integers(len(others)))])


def _color(rng: np.random.Generator, kind: MaskType) -> str:
    base = _pick(rng, kind.palette)
    rgb = np.array([int(base[k : k + 2], 16) for k in (1, 3, 5)], float)
    rgb = np.clip(rgb + rng.normal(0, 7) + rng.normal(0, 4, 3), 0, 255).round().astype(int)
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _coverage(rng: np.random.Generator, mix: Mix) -> float:
    if mix.coverage is None:
        return float(np.clip(rng.normal(*_COVERAGE), 0, 1).round(3))
    return float(np.round(rng.uniform(*mix.coverage), 3))


def _style(name: str) -> WearStyle:
    if name not in STYLES:
        raise ConfigurationError(f"no wear style {name!r}; there are: {', '.join(STYLES)}")
    return STYLES[name]


def _weights(key: str, value: object, check: Callable[[str], object]) -> Weights:
    if isinstance(value, list | tuple):
        value = {name if isinstance(name, str) else repr(name): 1.0 for name in value}
    if not isinstance(value, Mapping) or not value:
        raise ConfigurationError(
            f"mix: {key} must be a table of weights or a list of names, and not empty"
        )
    out = []
    for name, weight in value.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise ConfigurationError(f"mix: {key}.{name} must be a number, got {weight!r}")
        if not math.isfinite(weight) or weight < 0:
            raise ConfigurationError(f"mix: {key}.{name} must be 0 or more, got {weight}")
        try:
            check(name)
        except ConfigurationError as error:
            raise ConfigurationError(f"mix: {key}: {error}") from error
        out.append((str(name), float(weight)))
    if not any(weight for _, weight in out):
        raise ConfigurationError(f"mix: {key} needs a weight over 0")
    return tuple(out)


def _a_pattern(name: str) -> None:
    there = dict.fromkeys(p for kind in TYPES.values() for p in kind.patterns)
    if name not in there:
        raise ConfigurationError(f"no pattern {name!r}; there are: {', '.join(there)}")


def _a_color(name: str) -> None:
    if not re.fullmatch(r"#[0-9a-f]{6}", name):
        raise ConfigurationError(f"no colour {name!r}; write it as #rrggbb, lower case")


_CHECKS: Final[dict[str, Callable[[str], object]]] = {
    "types": mask_type,
    "patterns": _a_pattern,
    "colors": _a_color,
    "styles": _style,
}


def _details(key: str, value: object, pattern: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise ConfigurationError(f"mix: {key} must be a list of strings")
    try:
        for detail in value:
            check_detail(pattern, detail)
    except ConfigurationError as error:
        raise ConfigurationError(f"mix: {key}: {error}") from error
    return tuple(value)


def _range(value: object) -> tuple[float, float]:
    ends: list[Any] = list(value) if isinstance(value, list | tuple) else [value, value]
    if len(ends) != 2 or not all(isinstance(v, str | int | float) for v in ends):
        raise ConfigurationError(
            f"mix: coverage must be one or two of: a number from 0 to 1, "
            f"{', '.join(NOSE_COVERAGE)}; got {value!r}"
        )
    try:
        low, high = (coverage_of(v) for v in ends)
    except ConfigurationError as error:
        raise ConfigurationError(f"mix: {error}") from error
    if low > high:
        raise ConfigurationError(f"mix: coverage goes from low to high, got {value!r}")
    return low, high
