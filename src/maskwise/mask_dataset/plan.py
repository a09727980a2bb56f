"""Which masks a photo gets. Hangs on the plan, the file's name and the face's number alone."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass, replace
from pathlib import PurePath
from typing import Any, Final

import numpy as np

from maskwise.errors import ConfigurationError, InputError
from maskwise.masks import TYPES, Mix, mask_type, random_spec, spec_for
from maskwise.types import MaskSpec

RANDOM: Final = "random"
GIVEN: Final = "spec"


@dataclass(frozen=True, slots=True)
class Look:
    """One picture to make of every photo.

    kind: a type, "random", or "spec". number: from 0, where there are several of a kind.
    style: how it is worn; None: as the kind has it. label: ends the file's name.
    """

    kind: str
    number: int
    style: str | None
    label: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is drawn on every photo.

    kinds: types, or ("random",): one picture each. per_image: pictures a kind; from two up what
    is not fixed here varies between them. styles: ways to wear them, one picture each; none: as
    the kind has it. color, pattern, detail, coverage: fixed for all, where given. mix: the
    shares that "random" draws by. given: these very masks, one a
    face (None: none) or one for all faces, instead of all that. designs: how many different
    masks are drawn of each look; None: every face has one of its own. Drawing a mask costs several
    times as much as putting it on a small face.
    """

    kinds: tuple[str, ...]
    per_image: int = 1
    styles: tuple[str, ...] = ()
    color: str | None = None
    pattern: str | None = None
    detail: str | None = None
    coverage: float | None = None
    seed: int = 0
    mix: Mix = Mix()  # noqa: RUF009  frozen
    given: tuple[MaskSpec | None, ...] = ()
    designs: int | None = None

    def looks(self) -> tuple[Look, ...]:
        """The pictures that are made of every photo."""
        if self.given:
            return (Look(GIVEN, 0, None, GIVEN),)
        looks = []
        digits = len(str(self.per_image))
        for kind in self.kinds:
            for style in self.styles or (None,):
                # A type of the user's own may be a file.
                named = PurePath(kind).stem if kind.endswith(".toml") else kind
                if style is not None and len(self.styles) > 1:
                    named += f"_{style}"
                for number in range(self.per_image):
                    several = f"_{number + 1:0{digits}}" if self.per_image > 1 else ""
                    looks.append(Look(kind, number, style, named + several))
        return tuple(looks)

    def settings(self) -> dict[str, Any]:
        """All of it, for comparing one plan with another; fit for JSON."""
        kept = {**asdict(self), "version": spec_for(next(iter(TYPES))).version}
        kept["given"] = [None if spec is None else spec.to_json() for spec in self.given]
        # Of masks that are files, what the files hold.
        names = {*self.kinds, *(name for name, _ in self.mix.types)} - {RANDOM, GIVEN}
        details = {name: mask_type(name).detail for name in sorted(names)}
        if any(details.values()):
            kept["details"] = {name: detail for name, detail in details.items() if detail}
        return kept

    def check(self) -> None:
        """ConfigurationError, naming what exists, when any of it cannot be drawn."""
        for spec in self.given:
            if spec is not None:
                _checked(spec)
        for look in () if self.given else self.looks():
            if look.kind == RANDOM and self.pattern is not None:
                self._types_with(self.pattern)
            self.spec(look, PurePath("a"), 0)

    def specs(self, look: Look, relative: PurePath, faces: int) -> list[MaskSpec | None]:
        """A mask for each of ``faces`` faces of the photo ``relative`` (to the folder given).

        Raises InputError when masks were given for another number of faces.
        """
        if len(self.given) > 1 and len(self.given) != faces:
            raise InputError(
                f"{faces} face{'' if faces == 1 else 's'} found, and {len(self.given)} masks "
                "given; give one for all, or one a face"
            )
        if self.given:
            return list(self.given) if len(self.given) > 1 else [self.given[0]] * faces
        return [self.spec(look, relative, face) for face in range(faces)]

    def spec(self, look: Look, relative: PurePath, face: int) -> MaskSpec:
        """The mask of a photo's face number ``face``, where none is given."""
        name = os.fsencode(relative.as_posix())
        which = b"%d" % face if look.number == 0 else b"%d.%d" % (face, look.number)
        digest = hashlib.sha256(b"%d/%s/%s" % (self.seed, which, name)).digest()
        if self.designs is not None:
            design = int.from_bytes(digest, "big") % self.designs
            digest = hashlib.sha256(b"%d/design %d.%d" % (self.seed, design, look.number)).digest()
        if look.kind != RANDOM and self.per_image == 1:
            return spec_for(
                look.kind,
                color=self.color,
                pattern=self.pattern,
                detail=self.detail,
                coverage=self.coverage,
                wear_style=look.style or "proper",
                seed=int.from_bytes(digest[:3], "big"),
            )
        rng = np.random.default_rng(list(digest))
        drawn = self._drawn(rng, None if look.kind == RANDOM else look.kind)
        fixed = {
            "color": self.color and self.color.lower(),
            "pattern": self.pattern,
            "coverage": self.coverage,
            "wear_style": look.style,
        }
        changes: dict[str, Any] = {k: v for k, v in fixed.items() if v is not None}
        if self.pattern is not None:
            changes["detail"] = self.detail
        return _checked(replace(drawn, **changes))

    def _drawn(self, rng: np.random.Generator, kind: str | None) -> MaskSpec:
        if kind is None and self.pattern is not None:
            # Of the types that come in this pattern.
            names, weights = zip(*self._types_with(self.pattern), strict=True)
            share = np.array(weights, np.float64)
            kind = str(rng.choice(names, p=share / share.sum()))
        return random_spec(rng, kind, mix=self.mix)

    def _types_with(self, pattern: str) -> list[tuple[str, float]]:
        drawn = self.mix.types or [(t.name, t.frequency) for t in TYPES.values()]
        found = [(n, w) for n, w in drawn if w > 0 and pattern in mask_type(n).patterns]
        if not found:
            known = dict.fromkeys(p for n, _ in drawn for p in mask_type(n).patterns)
            raise ConfigurationError(f"no pattern {pattern!r}; there are: {', '.join(known)}")
        return found


def _checked(spec: MaskSpec) -> MaskSpec:
    from maskwise.masks.specs import check

    check(spec)
    return spec
