"""Lay a mask on a face: on an aligned chip, or on a whole photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from maskwise.errors import InputError
from maskwise.masks.cast import pixel_map
from maskwise.masks.draw import DENSITIES, texture
from maskwise.masks.fit import Pose, fit_pose
from maskwise.masks.light import Light, estimate
from maskwise.masks.sheet import Texture
from maskwise.masks.surface import ARC_MAX, ARC_RADIUS, Y_TOP, Shape, points_on
from maskwise.types import F32, U8, Bool, Chip, Image, Landmarks, MaskSpec

_SKIN: Final = Shape(tent=0.0)
_SHADOW: Final = 0.32
_FULL_LIGHT: Final = np.float32(0.93)
"""What a white mask keeps of the brightest pixel value where it faces the light."""


@dataclass(frozen=True, slots=True, eq=False)
class WornFace:
    """The truth about one mask on a picture. Pixels of the picture throughout.

    spec: redraws it. landmarks: what it was fitted to. x, y: the corner of ``alpha``, (h, w)
    uint8, 0 to 255: how much of each pixel this mask covers, less what a nearer face's mask
    hides of it; (0, 0) where the face lies outside. covered: (K,) bool, the landmarks beneath it.
    coverage: 0..1, the covered share of the face from brow to chin, as far as it shows.
    """

    spec: MaskSpec
    landmarks: Landmarks
    x: int
    y: int
    alpha: U8
    covered: Bool
    coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class Worn:
    """A picture with its masks. alpha: (H, W) uint8, what any mask covers. faces: as given."""

    image: Image
    alpha: U8
    faces: tuple[WornFace, ...]


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
    poses = [fit_pose(points) for points in landmarks]
    # The light is read before any mask hides a neighbour's cheek.
    faces = [_Face(pose, estimate(image.pixels, pose)) for pose in poses]
    pixels = np.array(image.pixels)
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    own: dict[int, tuple[int, int, U8]] = {}
    for k in sorted(range(len(faces)), key=lambda k: faces[k].pose.scale):
        drawn = _lay(pixels, alpha, faces[k], specs[k])
        if drawn is not None:
            for below in own.values():
                _hide(below, drawn)
            own[k] = drawn
    nothing = (0, 0, np.zeros((0, 0), np.uint8))
    worn = tuple(
        _truth(faces[k].pose, landmarks[k], specs[k], own.get(k, nothing))
        for k in range(len(faces))
    )
    return Worn(Image(pixels, image.source), alpha, worn)


def covered_landmarks(landmarks: Landmarks, alpha: U8) -> Bool:
    """(K,) bool: which points lie where ``alpha``, (H, W) uint8 in their frame, is over a half."""
    column, row = np.rint(landmarks.points.T).astype(int)
    height, width = alpha.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    out = np.zeros(len(column), bool)
    out[inside] = alpha[row[inside], column[inside]] > 127
    return out


def _hide(below: tuple[int, int, U8], above: tuple[int, int, U8]) -> None:
    """Take out of one mask's alpha what the mask above hides, in place."""
    (x, y, alpha), (u, v, over) = below, above
    left, top = max(x, u), max(y, v)
    right, bottom = (
        min(x + alpha.shape[1], u + over.shape[1]),
        min(y + alpha.shape[0], v + over.shape[0]),
    )
    if left >= right or top >= bottom:
        return
    part = alpha[top - y : bottom - y, left - x : right - x]
    kept = 255 - over[top - v : bottom - v, left - u : right - u].astype(np.float32)
    part[:] = np.rint(part * (kept / 255))


def _truth(
    pose: Pose, landmarks: Landmarks, spec: MaskSpec, drawn: tuple[int, int, U8]
) -> WornFace:
    x, y, alpha = drawn
    covered = covered_landmarks(landmarks.mapped(np.array([[1.0, 0, -x], [0, 1, -y]])), alpha)
    return WornFace(spec, landmarks, x, y, alpha, covered, _coverage(pose, x, y, alpha))


# Places of the front of the face, from the brows to the chin: (arc, y) in units.
_FRONT: Final = np.array(
    [
        (a, h)
        for h in np.linspace(-0.35, 1.8, 24)
        for a in np.linspace(-1.2, 1.2, 25)
        if (a / 1.25) ** 2 + ((h - 0.55) / 1.35) ** 2 <= 1
    ]
)


def _coverage(pose: Pose, x: int, y: int, alpha: U8) -> float:
    places = points_on(_SKIN, *_FRONT.T)
    angle = _FRONT[:, 0] / ARC_RADIUS
    facing = pose.rotation[2, 0] * np.sin(angle) + pose.rotation[2, 2] * np.cos(angle)
    column, row = np.rint(pose.project(places[facing > 0]) - [x, y]).astype(int).T
    height, width = alpha.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return float(alpha[row[inside], column[inside]].sum() / 255 / len(column))


def _lay(pixels: U8, alpha: U8, face: _Face, spec: MaskSpec) -> tuple[int, int, U8] | None:
    """Draw one mask into ``pixels`` and its cover into ``alpha``, in place.

    Returns x, y and the cover of the part that it touched; None when that is outside.
    """
    light = face.light
    sheet = _sheet(spec, face.pose.scale)
    shape = sheet.shape
    region = _region(sheet, face.pose, shape, pixels.shape)
    if region is None:
        return None
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
    own = np.rint(cv2.extractChannel(layer, 3)).astype(np.uint8)
    np.maximum(alpha[window], own, out=alpha[window])
    return x, y, own


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
