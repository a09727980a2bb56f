"""Lay a mask on a face: on an aligned chip, or on a whole photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from maskwise.errors import InputError
from maskwise.masks.catalogue import check
from maskwise.masks.draw import DENSITIES, texture
from maskwise.masks.fit import Pose, fit_pose, pixel_map
from maskwise.masks.light import Light, estimate
from maskwise.masks.sheet import Texture
from maskwise.masks.surface import ARC_MAX, Y_TOP, Shape, points_on
from maskwise.types import F32, U8, Chip, Image, Landmarks, MaskSpec

_SHADOW: Final = 0.32
_FULL_LIGHT: Final = np.float32(0.93)
"""What a white mask keeps of the brightest pixel value where it faces the light."""


@dataclass(frozen=True, slots=True, eq=False)
class _Face:
    """A face that a mask goes on."""

    pose: Pose
    light: Light


def wear_on_chips(chips: Sequence[Chip], specs: Sequence[MaskSpec]) -> tuple[U8, U8]:
    """Every mask on every chip.

    Returns pixels (N, M, S, S, 3) uint8 RGB, and what the masks cover, (N, M, S, S) uint8, 0 to
    255. All chips must be of one size. The same chip and spec give the same pixels.
    Raises InputError when sizes differ or a chip's landmarks cannot be a face's, and
    ConfigurationError when a spec cannot be drawn.
    """
    sizes = {chip.spec.size for chip in chips}
    if len(sizes) > 1:
        raise InputError(f"chips: expected one size, got {sorted(sizes)} px")
    size = sizes.pop() if sizes else 0
    out = np.empty((len(chips), len(specs), size, size, 3), np.uint8)
    alpha = np.zeros((len(chips), len(specs), size, size), np.uint8)
    for n, chip in enumerate(chips):
        pose = fit_pose(chip.landmarks)
        face = _Face(pose, estimate(chip.pixels, pose))
        out[n] = chip.pixels
        for m, spec in enumerate(specs):
            _lay(out[n, m], alpha[n, m], face, spec)
    return out, alpha


def wear_on_image(image: Image, landmarks: Sequence[Landmarks], specs: Sequence[MaskSpec]) -> Image:
    """The picture with one mask a face: ``specs[k]`` on ``landmarks[k]``, px of ``image``.

    Smaller faces first, so that the nearer of two that overlap is on top. Only the faces'
    surroundings change. Raises InputError when the counts differ or landmarks cannot be a
    face's, and ConfigurationError when a spec cannot be drawn.
    """
    if len(landmarks) != len(specs):
        raise InputError(
            f"wear_on_image: expected one spec a face, got {len(specs)} for {len(landmarks)} faces"
        )
    poses = [fit_pose(points) for points in landmarks]
    # The light is read before any mask hides a neighbour's cheek.
    faces = [_Face(pose, estimate(image.pixels, pose)) for pose in poses]
    pixels = np.array(image.pixels)
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    for k in sorted(range(len(faces)), key=lambda k: faces[k].pose.scale):
        _lay(pixels, alpha, faces[k], specs[k])
    return Image(pixels, image.source)


def _lay(pixels: U8, alpha: U8, face: _Face, spec: MaskSpec) -> None:
    """Draw one mask into ``pixels`` and its cover into ``alpha``, in place."""
    shape, light = check(spec).shape, face.light
    sheet = _sheet(spec, face.pose.scale)
    region = _region(sheet, face.pose, shape, pixels.shape)
    if region is None:
        return
    x, y, width, height = region
    seen = pixel_map(face.pose, shape, (x, y), (width, height))
    density = np.float32(sheet.density)
    column = seen.arc * density + (np.float32(ARC_MAX) * density - np.float32(0.5))
    row = seen.y * density - (np.float32(Y_TOP) * density + np.float32(0.5))
    rgba, relief = (
        np.asarray(cv2.remap(a, column, row, cv2.INTER_LINEAR), np.uint8)
        for a in (sheet.rgba, sheet.relief)
    )
    # Towards the silhouette the sheet is squeezed into few pixels: let it fade over two.
    edge = np.clip(np.float32(0.5) * seen.inside + np.float32(0.25), 0, 1)
    layer = _lit(rgba, relief, edge, light)
    # The sheet's own softness is about 0.5 px here: add what the photo has beyond it, and at
    # least what keeps thin straps from breaking up.
    extra = np.sqrt(max(light.blur_px**2 - 0.25, 0.2))
    layer = np.asarray(cv2.GaussianBlur(layer, (0, 0), extra), np.float32)
    drawn, cover = cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB), layer[..., 3] * np.float32(1 / 255)
    shadow = relief[..., 2] * edge * np.float32(_SHADOW / 255)
    window = (slice(y, y + height), slice(x, x + width))
    kept = (1 - cover) * (1 - shadow)
    if light.noise > 0.5:
        grain = np.random.default_rng(spec.seed).standard_normal(cover.shape, np.float32)
        grain *= cover * np.float32(light.noise)
        drawn = cv2.add(drawn, cv2.merge([grain] * 3))
    # OpenCV's own arithmetic: on three channels it is several times as fast as NumPy's.
    under = cv2.multiply(pixels[window], cv2.merge([kept] * 3), dtype=cv2.CV_32F)
    pixels[window] = cv2.add(under, drawn, dtype=cv2.CV_8U)
    seen_alpha = cv2.extractChannel(layer, 3)
    np.maximum(alpha[window], np.rint(seen_alpha).astype(np.uint8), out=alpha[window])


def _lit(rgba: U8, relief: U8, edge: F32, light: Light) -> F32:
    """(H, W, 4) float32, 0..255: the mask under this light, premultiplied, cut at ``edge``.

    The shade is 1 where the cloth faces the viewer under the usual light from above.
    """
    nx = (cv2.extractChannel(relief, 0) - np.float32(128)) * np.float32(1 / 127)
    ny = (cv2.extractChannel(relief, 1) - np.float32(128)) * np.float32(1 / 127)
    facing = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0))
    shade = np.float32(0.63) + np.float32(0.37) * facing - np.float32(0.34) * ny
    shade = np.clip(shade + np.float32(0.9 * light.side) * nx, 0.25, 1.08) * edge
    mix = np.eye(4, dtype=np.float32)
    mix[:3, :3] = np.eye(3) * light.saturation + (1 - light.saturation) / 3
    mix[:3] *= light.gain[:, None] * _FULL_LIGHT
    layer = cv2.transform(rgba.astype(np.float32), mix)
    return np.asarray(cv2.multiply(layer, cv2.merge([shade, shade, shade, edge])), np.float32)


def _sheet(spec: MaskSpec, scale: float) -> Texture:
    """The sheet drawn about as fine as the face is large."""
    fit = [d for d in DENSITIES if d >= 0.8 * scale]
    return texture(spec, fit[0] if fit else DENSITIES[-1])


def _region(
    sheet: Texture, pose: Pose, shape: Shape, picture: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    """x, y, width, height in px of what a mask may touch; None when that is outside."""
    px = pose.project(points_on(shape, sheet.extent[:, 0], sheet.extent[:, 1]))
    limit = np.array([picture[1], picture[0]])
    margin = 0.12 * pose.scale + 2
    low = np.clip(np.floor(px.min(0) - margin), 0, limit).astype(int)
    high = np.clip(np.ceil(px.max(0) + margin), 0, limit).astype(int)
    width, height = (int(v) for v in high - low)
    return (int(low[0]), int(low[1]), width, height) if min(width, height) >= 2 else None
