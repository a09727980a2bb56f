"""Lay a mask on a face: on an aligned chip, or on a whole photo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from maskwise.errors import InputError
from maskwise.masks import photo
from maskwise.masks.jpeg_loss import save_again
from maskwise.masks.placing import Face, Placed, faces_on, place
from maskwise.masks.shading import lit, planes
from maskwise.masks.truth import NOTHING, Part, Worn, WornFace, covered_landmarks, truth
from maskwise.types import F32, U8, Chip, Image, Landmarks, MaskSpec

_AT_ONCE: Final = 16
"""Faces whose poses, lights and surfaces are kept while masks are laid on them."""
_ONE, _HALF, _QUARTER = np.float32(1), np.float32(0.5), np.float32(0.25)


def wear_on_chips(chips: Sequence[Chip], specs: Sequence[MaskSpec]) -> tuple[U8, U8]:
    """Every mask on every chip.

    Returns pixels (N, M, S, S, 3) uint8 RGB, and what the masks cover, (N, M, S, S) uint8, 0 to
    255. All chips must be of one size. The same chip and spec give the same pixels.
    Raises InputError when sizes differ or a chip's landmarks cannot be a face's, and
    ConfigurationError when a spec cannot be drawn.
    """
    size = _common_size(chips)
    out = np.empty((len(chips), len(specs), size, size, 3), np.uint8)
    alpha = np.zeros((len(chips), len(specs), size, size), np.uint8)
    for start in range(0, len(chips), _AT_ONCE):
        part = chips[start : start + _AT_ONCE]
        faces = faces_on([chip.pixels for chip in part], [chip.landmarks for chip in part])
        placed = place(faces, specs, (size, size))
        # A mask on one face after the other: its sheet stays in the core's cache.
        for m, spec in enumerate(specs):
            for n, chip in enumerate(part):
                pixels = out[start + n, m]
                pixels[:] = chip.pixels
                _lay(pixels, alpha[start + n, m], faces[n], placed[m][n], spec.seed)
    return out, alpha


def wear_each(chips: Sequence[Chip], specs: Sequence[MaskSpec]) -> tuple[U8, U8]:
    """One mask a chip: ``specs[k]`` on ``chips[k]``, as training with fresh masks wants it.

    Returns pixels (N, S, S, 3) uint8 RGB, and what the masks cover, (N, S, S) uint8, 0 to 255;
    the same bytes as ``wear_on_chips`` gives for each pair. Raises as that does, and InputError
    when the counts differ.
    """
    if len(chips) != len(specs):
        raise InputError(
            f"wear_each: expected one spec a chip, got {len(specs)} for {len(chips)} chips"
        )
    size = _common_size(chips)
    out = np.empty((len(chips), size, size, 3), np.uint8)
    alpha = np.zeros((len(chips), size, size), np.uint8)
    for start in range(0, len(chips), _AT_ONCE):
        part = chips[start : start + _AT_ONCE]
        faces = faces_on([chip.pixels for chip in part], [chip.landmarks for chip in part])
        for n, (chip, face) in enumerate(zip(part, faces, strict=True), start):
            out[n] = chip.pixels
            ((placed,),) = place([face], [specs[n]], (size, size))
            _lay(out[n], alpha[n], face, placed, specs[n].seed)
    return out, alpha


def wear_on_image(image: Image, landmarks: Sequence[Landmarks], specs: Sequence[MaskSpec]) -> Worn:
    """The picture with one mask a face: ``specs[k]`` on ``landmarks[k]``, px of ``image``.

    Smaller faces first, so that the nearer of two that overlap is on top. Only the faces'
    surroundings change. Raises InputError when the counts differ or landmarks cannot be a
    face's, and ConfigurationError when a spec cannot be drawn.
    """
    if len(landmarks) != len(specs):
        raise InputError(
            f"wear_on_image: expected one spec a face, got {len(specs)} for {len(landmarks)} faces"
        )
    # The light is read before any mask hides a neighbour's cheek.
    faces = faces_on([image.pixels] * len(landmarks), landmarks, as_saved=True)
    pixels = image.pixels.copy()
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    own: dict[int, Part] = {}
    for k in sorted(range(len(faces)), key=lambda k: faces[k].pose.scale):
        ((placed,),) = place([faces[k]], [specs[k]], alpha.shape)
        part = _lay(pixels, alpha, faces[k], placed, specs[k].seed)
        if part is not None:
            if faces[k].light.jpeg:
                save_again(pixels, part.alpha, part.x, part.y, faces[k].light.jpeg)
            for below in own.values():
                below.hide(part)
            own[k] = part
    picture = (pixels.shape[0], pixels.shape[1])
    worn = tuple(
        truth(faces[k].pose, landmarks[k], specs[k], own.get(k, NOTHING), picture)
        for k in range(len(faces))
    )
    # Read-only already, it is not copied again.
    pixels.flags.writeable = False
    return Worn(Image(pixels, image.source), alpha, worn)


def _common_size(chips: Sequence[Chip]) -> int:
    sizes = {chip.spec.size for chip in chips}
    if len(sizes) > 1:
        raise InputError(f"chips: expected one size, got {sorted(sizes)} px")
    return sizes.pop() if sizes else 0


def _lay(pixels: U8, alpha: U8, face: Face, placed: Placed, seed: int) -> Part | None:
    """Draw one mask into ``pixels`` and its cover into ``alpha``, in place.

    Returns the part that it touched; None when that is outside.
    """
    light = face.light
    sheet, region = placed
    if region is None:
        return None
    x, y, width, height = region
    # Light and shadow change slowly: the usual light shows the finest already, and what this one
    # adds is reckoned for blocks of pixels.
    rays = face.rays
    low = rays.cast_blocks(sheet.shape, rays.blocks(region))
    column, row, edge = (rays.spread(plane) for plane in low)
    cv2.threshold(edge, 1, 0, cv2.THRESH_TRUNC, dst=edge)
    cv2.threshold(edge, 0, 0, cv2.THRESH_TOZERO, dst=edge)
    # Four channels and float maps: OpenCV's quickest way.
    rgba = cv2.remap(sheet.shown, column, row, cv2.INTER_LINEAR)
    if not face.softened:
        # Bytes, before they are lit, in half the time: what multiplies them is softer than such
        # a photo, or fades as softly already.
        rgba = cv2.sepFilter2D(rgba, -1, face.soft, face.soft)
    column, row = low[0], low[1]
    column *= _HALF
    column -= _QUARTER
    row *= _HALF
    row -= _QUARTER
    relief = np.asarray(cv2.remap(sheet.coarse, column, row, cv2.INTER_LINEAR), np.uint8)
    bright, kept = (rays.spread(plane) for plane in lit(relief, light))
    bright *= edge
    kept *= edge
    np.subtract(_ONE, kept, out=kept)
    if light.saturation < 1:
        rgba = cv2.transform(rgba, _greyed(light.saturation))
    # From here plane by plane: nothing is merged, and bytes turn into floats as they are used.
    worn = np.empty((4, height, width), np.float32)
    weights = [(bright, gain) for gain in face.gain] + [(edge, 1.0)]
    for into, plane, (weight, gain) in zip(
        worn, planes(np.asarray(rgba, np.uint8)), weights, strict=True
    ):
        cv2.multiply(plane, weight, dst=into, scale=gain, dtype=cv2.CV_32F)
        if face.softened:
            cv2.sepFilter2D(into, -1, face.soft, face.soft, dst=into)
    window = (slice(y, y + height), slice(x, x + width))
    if (across := alpha[window].shape) != (height, width):
        worn, kept = (a[..., : across[0], : across[1]].copy() for a in (worn, kept))
    drawn, cover = worn[:3], worn[3]
    own = np.asarray(cv2.convertScaleAbs(cover), np.uint8)
    cv2.max(alpha[window], own, dst=alpha[window])
    noisy = light.noise > 0.5
    if noisy:
        grain = photo.noise_for(cover.shape, light.noise / 255, light.grain_px, seed)
        grain *= cover
        drawn += grain
    # What the mask leaves of what is under it.
    cv2.scaleAdd(kept * cover, -1 / 255, kept, dst=kept)
    for into, under in zip(drawn, planes(pixels[window]), strict=True):
        cv2.accumulateProduct(under.astype(np.float32), kept, into)
        if noisy:
            # Grain may have taken it below nought.
            cv2.threshold(into, 0, 0, cv2.THRESH_TOZERO, dst=into)
    flat = cv2.convertScaleAbs(drawn.reshape(-1, drawn.shape[2]))
    pixels[window] = cv2.merge(list(flat.reshape(drawn.shape)))
    return Part(x, y, own)


def _greyed(saturation: float) -> F32:
    """(4, 4) float32: a sheet's RGBA as a camera of this saturation shows it."""
    mix = np.diag([saturation, saturation, saturation, 1.0])
    mix[:3, :3] += (1 - saturation) / 3
    return np.asarray(mix, np.float32)


__all__ = [
    "Worn",
    "WornFace",
    "covered_landmarks",
    "wear_each",
    "wear_on_chips",
    "wear_on_image",
]
