"""Lay a mask on a face: on an aligned chip, or on a whole photo."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import Final, NamedTuple

import cv2
import numpy as np

from maskwise.errors import InputError
from maskwise.masks import photo
from maskwise.masks.cast import Caster
from maskwise.masks.draw import DENSITIES, texture
from maskwise.masks.fit import Pose, fit_pose
from maskwise.masks.jpeg_loss import save_again
from maskwise.masks.light import Light, estimate
from maskwise.masks.rays import Region, around
from maskwise.masks.shading import lit, planes
from maskwise.masks.sheet import Texture
from maskwise.masks.surface import AXIS_Z, Shape
from maskwise.masks.truth import NOTHING, Part, Worn, WornFace, covered_landmarks, truth
from maskwise.masks.usual import BRIGHTEST
from maskwise.types import F32, U8, Chip, Image, Landmarks, MaskSpec

_AT_ONCE: Final = 16
"""Faces whose poses, lights and surfaces are kept while masks are laid on them."""
_ONE, _HALF, _QUARTER = np.float32(1), np.float32(0.5), np.float32(0.25)
_SOFT: Final = 1.0
"""px of softness from where a worn mask is softened with its shading and its silhouette."""
_SQUEEZED: Final = 0.1
"""Units before the head's axis: what lies up to there is squeezed into a quarter of a pixel."""
_FULL_LIGHT: Final = np.float32(0.93)
"""What a white mask keeps of the brightest pixel value where it faces the light."""


class _Face:
    """A face that masks go on: its pose, its light, and what does not depend on the mask.

    as_saved: whether the pixels stand where their file has them.
    """

    def __init__(self, pixels: U8, landmarks: Landmarks, *, as_saved: bool = False) -> None:
        self.pose: Final[Pose] = fit_pose(landmarks)
        self.light: Final[Light] = estimate(pixels, self.pose, as_saved=as_saved)
        # The sheet that is about as fine as the face is large.
        fit = [d for d in DENSITIES if d >= 0.8 * self.pose.scale]
        self.density: Final = fit[0] if fit else DENSITIES[-1]
        extra, self.soft = photo.softness(self.light.blur_px)
        self.softened: Final = extra > _SOFT
        fades = 0.0 if self.softened else extra
        self.rays: Final = Caster(self.pose, float(self.density), fades)
        towards = self.pose.rotation[2] * (1, 0, 1)
        self.seen: Final = np.vstack([self.pose.onto, towards]).astype(np.float32)
        """(3, 3): px of the picture, and how far before the head's axis a ray finds a point."""
        self.behind: Final = float(towards[2]) * AXIS_Z + _SQUEEZED
        self.gain: Final[list[float]] = (self.light.gain * (_FULL_LIGHT * BRIGHTEST)).tolist()

    def placed(self, specs: Sequence[MaskSpec], picture: tuple[int, ...]) -> list[_Placed]:
        """Each mask's sheet, and where it lies on a picture of (height, width)."""
        sheets = [texture(spec, self.density) for spec in specs]
        out = [_Placed(sheet, _region(sheet, self, picture)) for sheet in sheets]
        wanted: dict[Shape, Region] = {}
        for sheet, region in out:
            if region is not None:
                so_far = wanted.get(sheet.shape)
                wanted[sheet.shape] = region if so_far is None else around(so_far, region)
        self.rays.look_for(wanted)
        return out


class _Placed(NamedTuple):
    """A mask's sheet, and the part of the picture that it may touch; None outside."""

    sheet: Texture
    region: Region | None


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
        faces = [_Face(chip.pixels, chip.landmarks) for chip in part]
        placed = [face.placed(specs, (size, size)) for face in faces]
        # A mask on one face after the other: its sheet stays in the core's cache.
        for m, spec in enumerate(specs):
            for n, chip in enumerate(part):
                pixels = out[start + n, m]
                pixels[:] = chip.pixels
                _lay(pixels, alpha[start + n, m], faces[n], placed[n][m], spec.seed)
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
    for n, (chip, spec) in enumerate(zip(chips, specs, strict=True)):
        out[n] = chip.pixels
        face = _Face(chip.pixels, chip.landmarks)
        (placed,) = face.placed([spec], (size, size))
        _lay(out[n], alpha[n], face, placed, spec.seed)
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
    faces = [_Face(image.pixels, points, as_saved=True) for points in landmarks]
    pixels = image.pixels.copy()
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    own: dict[int, Part] = {}
    for k in sorted(range(len(faces)), key=lambda k: faces[k].pose.scale):
        (placed,) = faces[k].placed([specs[k]], alpha.shape)
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


def _lay(pixels: U8, alpha: U8, face: _Face, placed: _Placed, seed: int) -> Part | None:
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
    column, row = (plane * _HALF - _QUARTER for plane in low[:2])
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


def _region(sheet: Texture, face: _Face, picture: tuple[int, ...]) -> Region | None:
    """x, y, width, height in px of what a mask may touch; None when that is outside."""
    if not sheet.net.size:
        return None
    px = face.seen @ sheet.net
    across, down, before = px
    to_x, to_y = face.pose.shift.tolist()
    # Half a mesh of the net, and what the photo's softness spreads.
    more = 1 + face.pose.scale / 20
    # No ray meets the half of the surface that lies behind the head's axis.
    keep = before > face.behind
    keep &= across > -more - to_x
    keep &= across < picture[1] + more - to_x
    keep &= down > -more - to_y
    keep &= down < picture[0] + more - to_y
    px = px.compress(keep, axis=1)
    if not px.size:
        return None
    left, top, _ = np.minimum.reduce(px, axis=1).tolist()
    right, bottom, _ = np.maximum.reduce(px, axis=1).tolist()
    x, y = max(0, floor(left + to_x - more)), max(0, floor(top + to_y - more))
    width = min(ceil(right + to_x + more), picture[1]) - x
    height = min(ceil(bottom + to_y + more), picture[0]) - y
    if min(width, height) < 2:
        return None
    # Whole blocks, of two px; they may pass the border by one.
    width, height = width + x % 2, height + y % 2
    return x - x % 2, y - y % 2, width + width % 2, height + height % 2


__all__ = [
    "Worn",
    "WornFace",
    "covered_landmarks",
    "wear_each",
    "wear_on_chips",
    "wear_on_image",
]
