"""What a photo is made to wear before it becomes a template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from maskwise import masks
from maskwise.errors import ConfigurationError
from maskwise.types import MaskSpec

DrawnOn = Literal["chip", "photo"]

_VIRTUAL: Final = "virtual:"


@dataclass(frozen=True, slots=True)
class Look:
    """As the photo is, or wearing a virtual mask.

    types: of the mask; () for none. seed: None for the type's typical mask, as enrolment draws
    it (of one type); else a random mask of one of ``types``, drawn by seed and photo.
    drawn_on: ``chip``: on the aligned face, as enrolment does. ``photo``: on the whole photo,
    in which the face is then looked for anew, as a camera would have it.
    bare_only: a face that wears a real mask is refused.
    """

    types: tuple[str, ...] = ()
    seed: int | None = None
    drawn_on: DrawnOn = "chip"
    bare_only: bool = False

    def __post_init__(self) -> None:
        for name in self.types:
            masks.spec_for(name)
        if len(self.types) > 1 and self.seed is None:
            raise ConfigurationError(f"Look: several types {self.types} need a seed to choose by")
        if self.seed is not None and self.seed < 0:
            raise ConfigurationError(f"the seed must be 0 or more, got {self.seed}")

    @property
    def label(self) -> str:
        """``as-is``, ``none``, ``virtual:n95`` or ``virtual:n95,cloth seed 7 on photo``."""
        if not self.types:
            return "none" if self.bare_only else "as-is"
        drawn = "" if self.seed is None else f" seed {self.seed}"
        return f"{_VIRTUAL}{','.join(self.types)}{drawn}" + " on photo" * (self.drawn_on == "photo")

    def spec(self, photo_sha256: str) -> MaskSpec | None:
        """The mask on this photo, always the same for a photo's content; None for none.

        A random one takes its type by the catalogue's frequencies, the rest as
        ``masks.random_spec``.
        """
        if not self.types:
            return None
        if self.seed is None:
            return masks.spec_for(self.types[0])
        identity = np.frombuffer(bytes.fromhex(photo_sha256), ">u4").tolist()
        rng = np.random.default_rng([self.seed, *identity])
        # A type that is met seldom (0) or is the user's own counts once where it is named.
        weights = np.array([masks.mask_type(name).frequency or 1.0 for name in self.types])
        kind = str(rng.choice(self.types, p=weights / weights.sum()))
        return masks.random_spec(rng, kind)

    def key(self, photo_sha256: str) -> str:
        """What the photo wears, as text: photos of one content and key have one template."""
        spec = self.spec(photo_sha256)
        return "as-is" if spec is None else f"{self.drawn_on}:{spec.to_json()}"


AS_IS: Final = Look()
BARE: Final = Look(bare_only=True)


def reference_looks(wear: str) -> tuple[Look, ...]:
    """The templates that a reference has, for ``--reference-wear``.

    ``as-is``: one. ``none``: one, of bare faces only. ``virtual:<types>``: as it is, and one a
    type, as enrolment stores them. Raises ConfigurationError for anything else.
    """
    plain = _plain(wear)
    return plain or (AS_IS, *(Look((name,)) for name in _types(wear)))


def probe_look(wear: str, seed: int = 0, drawn_on: DrawnOn = "photo") -> Look:
    """What a probe wears, for ``--probe-wear``.

    ``as-is``; ``none``: bare faces only; ``virtual:<types>``: a random mask of one of them, drawn
    by ``seed`` and photo. Raises ConfigurationError for anything else.
    """
    plain = _plain(wear)
    return plain[0] if plain else Look(_types(wear), seed, drawn_on)


def _plain(wear: str) -> tuple[Look, ...]:
    found = {"as-is": AS_IS, "none": BARE}.get(wear)
    return () if found is None else (found,)


def _types(wear: str) -> tuple[str, ...]:
    names = wear.removeprefix(_VIRTUAL)
    types = masks.parse_types(names) if names and names != wear else ()
    if not types:
        raise ConfigurationError(
            f"no wear {wear!r}; there are: as-is, none, virtual:default, virtual:all, "
            "virtual:<types with commas>"
        )
    return types
