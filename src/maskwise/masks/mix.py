"""Masks as they might be met: random draws from the catalogue."""

from __future__ import annotations

import numpy as np

from maskwise.masks.catalogue import TYPES
from maskwise.masks.specs import mask_type, spec_for
from maskwise.types import MaskSpec


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
