"""Lay a mask on a face: on an aligned chip, or on a whole photo."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import Final

import cv2
import numpy as np

from maskwise.errors import InputError
from maskwise.masks import photo
from maskwise.masks.cast import PixelMap, pixel_map
from maskwise.masks.draw import DENSITIES, texture
from maskwise.masks.fit import Pose, fit_pose
from maskwise.masks.light import Light, estimate, shade
from maskwise.masks.sheet import Texture
from maskwise.masks.surface import ARC_MAX, Y_TOP, Shape
from maskwise.masks.truth import NOTHING, Part, Worn, WornFace, covered_landmarks, truth
from maskwise.types import F32, U8, Chip, Image, Landmarks, MaskSpec

_SHADOW: Final = 0.32
_FULL_LIGHT: Final = np.float32(0.93)
"""What a white mask keeps of the brightest pixel value where it faces the light."""


class _Face:
    """A face that masks go on: its pose, its light, and what its pixels were found to show."""

    def __init__(self, pixels: U8, landmarks: Landmarks) -> None:
        self.pose: Final[Pose] = fit_pose(landmarks)
        self.light: Final[Light] = estimate(pixels, self.pose)
        self._last: tuple[Shape, _Region, PixelMap] | None = None

    def seen(self, shape: Shape, region: _Region) -> PixelMap:
        """What the pixels of a region show; kept for the next mask of the same shape."""
        if self._last is None or self._last[:2] != (shape, region):
            x, y, width, height = region
            self._last = shape, region, pixel_map(self.pose, shape, (x, y), (width, height))
        return self._last[2]


_Region = tuple[int, int, int, int]


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
    for n, chip in enumerate(chips):
        face = _Face(chip.pixels, chip.landmarks)
        out[n] = chip.pixels
        for m, spec in enumerate(specs):
            _lay(out[n, m], alpha[n, m], face, spec)
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
        _lay(out[n], alpha[n], _Face(chip.pixels, chip.landmarks), spec)
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
    faces = [_Face(image.pixels, points) for points in landmarks]
    pixels = np.array(image.pixels)
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    own: dict[int, Part] = {}
    for k in sorted(range(len(faces)), key=lambda k: faces[k].pose.scale):
        part = _lay(pixels, alpha, faces[k], specs[k])
        if part is not None:
            for below in own.values():
                below.hide(part)
            own[k] = part
    picture = (pixels.shape[0], pixels.shape[1])
    worn = tuple(
        truth(faces[k].pose, landmarks[k], specs[k], own.get(k, NOTHING), picture)
        for k in range(len(faces))
    )
    return Worn(Image(pixels, image.source), alpha, worn)


def _common_size(chips: Sequence[Chip]) -> int:
    sizes = {chip.spec.size for chip in chips}
    if len(sizes) > 1:
        raise InputError(f"chips: expected one size, got {sorted(sizes)} px")
    return sizes.pop() if sizes else 0


def _lay(pixels: U8, alpha: U8, face: _Face, spec: MaskSpec) -> Part | None:
    """Draw one mask into ``pixels`` and its cover into ``alpha``, in place.

    Returns the part that it touched; None when that is outside.
    """
    light = face.light
    sheet = _sheet(spec, face.pose.scale)
    region = _region(sheet, face.pose, pixels.shape)
    if region is None:
        return None
    x, y, width, height = region
    seen = face.seen(sheet.shape, region)
    density = np.float32(sheet.density)
    column = seen.arc * density
    column += np.float32(ARC_MAX) * density - np.float32(0.5)
    row = seen.y * density
    row -= np.float32(Y_TOP) * density + np.float32(0.5)
    # Four channels and float maps: OpenCV's quickest way.
    rgba, relief = (
        np.asarray(cv2.remap(a, column, row, cv2.INTER_LINEAR), np.uint8)
        for a in (sheet.rgba, sheet.relief)
    )
    # Towards the silhouette the sheet is squeezed into few pixels: let it fade over two.
    edge = np.clip(np.float32(0.5) * seen.inside + np.float32(0.25), 0, 1)
    layer = photo.blurred(_lit(rgba, relief, edge, light), light.blur_px)
    cover = cv2.extractChannel(layer, 3)
    kept = np.float32(1) - cv2.extractChannel(relief, 2) * edge * np.float32(_SHADOW / 255)
    kept *= np.float32(1) - cover * np.float32(1 / 255)
    drawn = cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB)
    if light.noise > 0.5:
        grain = photo.noise_for(cover.shape, light.noise, light.grain_px, spec.seed)
        grain = grain * cover * np.float32(1 / 255)
        drawn = cv2.add(drawn, cv2.merge([grain] * 3))
    # OpenCV's own arithmetic: on three channels it is several times as fast as NumPy's.
    window = (slice(y, y + height), slice(x, x + width))
    under = cv2.multiply(pixels[window], cv2.merge([kept] * 3), dtype=cv2.CV_32F)
    pixels[window] = cv2.add(under, drawn, dtype=cv2.CV_8U)
    own = np.rint(cover).astype(np.uint8)
    np.maximum(alpha[window], own, out=alpha[window])
    return Part(x, y, own)


def _lit(rgba: U8, relief: U8, edge: F32, light: Light) -> F32:
    """(H, W, 4) float32, 0..255: the mask under this light, premultiplied, cut at ``edge``."""
    nx, ny = (
        cv2.extractChannel(relief, k) * np.float32(1 / 127) - np.float32(128 / 127) for k in (0, 1)
    )
    bright = shade(nx, ny, light) * edge
    mix = np.eye(4, dtype=np.float32)
    mix[:3, :3] = np.eye(3) * light.saturation + (1 - light.saturation) / 3
    mix[:3] *= light.gain[:, None] * _FULL_LIGHT
    layer = cv2.transform(rgba.astype(np.float32), mix)
    return np.asarray(cv2.multiply(layer, cv2.merge([bright, bright, bright, edge])), np.float32)


def _sheet(spec: MaskSpec, scale: float) -> Texture:
    """The sheet drawn about as fine as the face is large."""
    fit = [d for d in DENSITIES if d >= 0.8 * scale]
    return texture(spec, fit[0] if fit else DENSITIES[-1])


def _region(sheet: Texture, pose: Pose, picture: tuple[int, ...]) -> _Region | None:
    """x, y, width, height in px of what a mask may touch; None when that is outside."""
    if not sheet.net.size:
        return None
    # The net reaches an eighth of a unit beyond the mask.
    px = pose.onto @ sheet.net
    low, high = px.min(axis=1) + pose.shift - 2, px.max(axis=1) + pose.shift + 2
    x, y = (max(0, floor(v)) for v in low)
    width, height = min(ceil(high[0]), picture[1]) - x, min(ceil(high[1]), picture[0]) - y
    return (x, y, width, height) if min(width, height) >= 2 else None


__all__ = [
    "Worn",
    "WornFace",
    "covered_landmarks",
    "wear_each",
    "wear_on_chips",
    "wear_on_image",
]
