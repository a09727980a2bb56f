"""Virtual masks: which there are, how they look, and how they fit a face.

| file | what |
|---|---|
| catalogue, styles | types, colours, ways to wear them |
| specs, mix | names and specs; random draws |
| own, own_picture | types of the user's: registered, by entry point, from a picture |
| kinds/, parts, grain | one drawing function a type, and what they share |
| fabrics, patterns, motifs | cloth: folds and weave, what is printed on it, flowers and paisley |
| prints, pictures | patterns that take a text or a picture, checked and drawn |
| sheet, draw | the mask drawn on the unrolled face, and kept |
| face, fit | the landmarks of the average face, and the pose from those of a photo |
| surface, cast | the head in three dimensions, and what of it each pixel shows |
| light, shading | the light on a face, told from its skin, and a mask in that light |
| photo, jpeg_loss | softness, grain and JPEG loss of the photo, given to the mask |
| wear, truth | all of it on a chip or a photo, and what is covered |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from maskwise.masks.catalogue import DEFAULT_TYPES, TYPES, MaskType
from maskwise.masks.mix import Mix, random_spec
from maskwise.masks.own import register
from maskwise.masks.specs import NOSE_COVERAGE, mask_type, parse_types, spec_for, types
from maskwise.masks.styles import STYLES

if TYPE_CHECKING:
    from pathlib import Path

    from maskwise.masks.wear import Worn
    from maskwise.types import U8, Bool, Chip, Image, Landmarks, MaskSpec

# OpenCV is imported by the first mask that is worn, not with the catalogue.


def wear_on_chips(chips: Sequence[Chip], specs: Sequence[MaskSpec]) -> tuple[U8, U8]:
    """Every mask on every chip: (N, M, S, S, 3) uint8 RGB, and its cover (N, M, S, S) uint8.

    See ``maskwise.masks.wear.wear_on_chips``.
    """
    from maskwise.masks import wear

    return wear.wear_on_chips(chips, specs)


def wear_each(chips: Sequence[Chip], specs: Sequence[MaskSpec]) -> tuple[U8, U8]:
    """One mask a chip: (N, S, S, 3) uint8 RGB, and its cover (N, S, S) uint8.

    See ``maskwise.masks.wear.wear_each``.
    """
    from maskwise.masks import wear

    return wear.wear_each(chips, specs)


def wear_on_image(image: Image, landmarks: Sequence[Landmarks], specs: Sequence[MaskSpec]) -> Worn:
    """The picture with one mask a face, and the truth about them.

    See ``maskwise.masks.wear.wear_on_image``.
    """
    from maskwise.masks import wear

    return wear.wear_on_image(image, landmarks, specs)


def covered_landmarks(landmarks: Landmarks, alpha: U8) -> Bool:
    """(K,) bool: the points that a mask hides. See ``maskwise.masks.wear.covered_landmarks``."""
    from maskwise.masks import wear

    return wear.covered_landmarks(landmarks, alpha)


def load_own(path: str | Path) -> MaskType:
    """The mask of a user's picture, by its TOML file. See ``maskwise.masks.own_picture``."""
    from maskwise.masks import own_picture

    return own_picture.load_own(path)


__all__ = [
    "DEFAULT_TYPES",
    "NOSE_COVERAGE",
    "STYLES",
    "TYPES",
    "MaskType",
    "Mix",
    "covered_landmarks",
    "load_own",
    "mask_type",
    "parse_types",
    "random_spec",
    "register",
    "spec_for",
    "types",
    "wear_each",
    "wear_on_chips",
    "wear_on_image",
]
