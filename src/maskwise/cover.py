"""Neutralise the part of a chip that a mask covers, the same way whether one is worn or not.

An encoder sees pixels: aligned on the eyes alone, a masked chip still shows the mask, and its
encoding says so. Covering the same part of both sides makes them alike again. What that gains, and
what it costs bare faces, is measured in docs/why-zeroed-landmarks.md.

The part is what a surgical mask hides of the mean face, in every chip the same pixels: a chip is
aligned, so the face is about there. An outline fitted to each face's own landmarks was tried and
did worse, as it differs between two photos of one person, and under a mask follows guesses.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, get_args

import numpy as np

from maskwise import masks
from maskwise.align import DLIB_CHIP
from maskwise.errors import ConfigurationError
from maskwise.types import F32, U8, Chip, ChipSpec, Landmarks, check_chips

Cover = Literal["mean", "flat", "mask"]
"""What the covered part is filled with, see ``cover``."""

COVERS: Final[tuple[str, ...]] = get_args(Cover)

FLAT: Final = (123, 117, 104)
"""The grey of ``flat``, RGB: the mean that dlib's network takes off its input (122.782, 117.001,
104.298; input_rgb_image in dlib/dnn/input.h), so that the covered part is next to zero to it."""

MASK_TYPE: Final = "surgical"
"""The virtual mask whose outline is covered."""


def cover(chips: U8, how: Cover, chip_spec: ChipSpec = DLIB_CHIP) -> U8:
    """The chips without what lies under a mask: (N, S, S, 3) uint8 RGB, as ``chips``; N may be 0.

    chips: aligned as ``chip_spec`` wants, on any of its points. ``DLIB_CHIP`` serves for chips by
    the 68 points too: the face stands in the same place.
    how: "mean" fills the covered part with the mean colour of what is visible of the face (of the
    columns that the mask spans), so that it takes over the photo's light; "flat" with ``FLAT``,
    the same for all chips; "mask" with a surgical mask drawn on it.
    Raises ConfigurationError for another ``how``, InputError when the chips are of another shape.
    """
    check_cover(how)
    check_chips(chips, chip_spec.size)
    if not len(chips):
        return np.array(chips)
    if how == "mask":
        # Covered first: the mask takes its light from the skin, and none of it from beneath.
        drawn, _ = _worn(cover(chips, "mean", chip_spec), chip_spec)
        return drawn
    hidden: F32 = outline(chip_spec)[..., None] * np.float32(1 / 255)
    seen = chips * (1 - hidden)
    colour = np.array(FLAT, np.float32)
    if how == "mean":
        face = (hidden[..., 0] > 0.5).any(axis=0)
        colour = seen[:, :, face].sum(axis=(1, 2), keepdims=True) / (1 - hidden[:, face]).sum()
    done: U8 = np.rint(seen + hidden * colour).astype(np.uint8)
    return done


def outline(chip_spec: ChipSpec = DLIB_CHIP) -> U8:
    """(S, S) uint8, read-only: how much of each pixel is covered, 0 to 255; the straps are left."""
    return _outline(chip_spec)


def check_cover(how: object) -> None:
    """ConfigurationError, which lists what there is, unless ``how`` is a ``Cover``."""
    if how not in COVERS:
        raise ConfigurationError(f"no cover {how!r}; there are: {', '.join(COVERS)}")


# ChipSpecs are compared by identity: there are few, and they are constants.
@lru_cache(maxsize=8)
def _outline(chip_spec: ChipSpec) -> U8:
    import cv2

    blank = np.full((1, chip_spec.size, chip_spec.size, 3), 128, np.uint8)
    drawn = _worn(blank, chip_spec)[1][0]
    # Opening takes away what is narrower than the kernel: the straps.
    kernel = np.ones((2 * (chip_spec.size // 60) + 1,) * 2, np.uint8)
    alpha: U8 = np.asarray(cv2.morphologyEx(drawn, cv2.MORPH_OPEN, kernel), np.uint8)
    alpha.flags.writeable = False
    return alpha


def _worn(chips: U8, chip_spec: ChipSpec) -> tuple[U8, U8]:
    """The mask on every chip, (N, S, S, 3), and what it hides, (N, S, S) 0..255."""
    mean_face = Landmarks(chip_spec.scheme, chip_spec.reference.astype(np.float32), chip_spec.used)
    placed = [Chip(pixels, np.eye(2, 3), chip_spec, mean_face) for pixels in chips]
    drawn, alpha = masks.wear_on_chips(placed, [masks.spec_for(MASK_TYPE)])
    return drawn[:, 0], alpha[:, 0]
