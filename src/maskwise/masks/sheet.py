"""The sheet that a mask is drawn on: the face's surface, unrolled, at any density.

Columns run over arc, rows over y (see surface.py), both in units of the eye distance, so that
a drawing function never sees a pixel. A finished sheet is a ``Texture``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from maskwise.masks import usual
from maskwise.masks.surface import (
    ARC_MAX,
    ARC_RADIUS,
    Y_BOTTOM,
    Y_TOP,
    Shape,
    points_on,
    radius_table,
)
from maskwise.types import F32, F64, U8

Point: TypeAlias = tuple[float, float]
Outline: TypeAlias = Sequence[Point] | F64
"""Corners in units, as pairs or (N, 2)."""
_SHIFT: Final = 4  # fractional bits of the polygon corners that OpenCV draws


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """A mask ready to be laid on a face. Arrays are read-only, (H, W, ...) uint8.

    rgba: colour premultiplied by alpha, and alpha. relief: x and y of the surface normal in
    the face frame (128 + 127 n), the contact shadow that the mask throws on the face, and
    the size of z. shown: rgba as the usual light shows it, in shares of ``usual.BRIGHTEST``.
    coarse: relief at half the size.
    net: (3, N) float32 points of the face frame, a net over what is not empty: none of that is
    farther than a twentieth of a unit from one.
    density: px a unit. shape: how the mask stands off the face.
    """

    rgba: U8
    relief: U8
    shown: U8
    coarse: U8
    net: F32
    density: float
    shape: Shape

    def halved(self) -> Texture:
        """The same at half the density."""
        height, width = self.rgba.shape[:2]
        size = (width // 2, height // 2)
        rgba, relief, shown = (
            _locked(np.asarray(cv2.resize(a, size, interpolation=cv2.INTER_AREA), np.uint8))
            for a in (self.rgba, self.relief, self.shown)
        )
        coarse = _locked(usual.halved(relief))
        return Texture(rgba, relief, shown, coarse, self.net, self.density / 2, self.shape)


def rgb(color: str) -> F32:
    """The colour ``#rrggbb`` as (3,) float32, 0..1."""
    return np.array([int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)], np.float32)


class Sheet:
    """Colour, cover and relief of one mask while it is drawn.

    arc: (1, W), y: (H, 1) float32, units. color: (H, W, 3) float32, 0..1. cover: (H, W)
    float32, 0..1. height: (H, W) float32, units that the cloth stands off the shape.
    """

    def __init__(self, density: int, seed: int) -> None:
        self.density = density
        self.rng = np.random.default_rng(seed)
        width, rows = _size(density)
        self.arc: F32 = (((np.arange(width) + 0.5) / density) - ARC_MAX).astype(np.float32)[None]
        self.y: F32 = (((np.arange(rows) + 0.5) / density) + Y_TOP).astype(np.float32)[:, None]
        self.color: F32 = np.zeros((rows, width, 3), np.float32)
        self.cover: F32 = np.zeros((rows, width), np.float32)
        self.height: F32 = np.zeros((rows, width), np.float32)

    # Shapes: each gives an (H, W) float32 of 0..1.

    def fill(self, corners: Outline) -> F32:
        """The inside of a polygon, soft at its edge."""
        out = np.zeros(self.cover.shape, np.uint8)
        cv2.fillPoly(out, [self._pixels(corners)], 255, cv2.LINE_AA, _SHIFT)
        return np.asarray(out * np.float32(1 / 255), np.float32)

    def stroke(self, points: Sequence[Point], width: float) -> F32:
        """A band of ``width`` units along the points, with round ends."""
        line = np.asarray(points, np.float64)
        step = line[1:] - line[:-1]
        normal = np.empty_like(step)
        normal[:, 0], normal[:, 1] = -step[:, 1], step[:, 0]
        _to_unit(normal)
        corner = np.empty_like(line)
        corner[0], corner[-1] = normal[0], normal[-1]
        np.add(normal[:-1], normal[1:], out=corner[1:-1])
        _to_unit(corner)
        # A band thinner than a pixel becomes a fainter one of a pixel.
        wide = max(width, 1.2 / self.density)
        corner *= wide / 2
        band = self.fill(np.concatenate([line + corner, (line - corner)[::-1]]))
        return band if wide == width else band * np.float32(width / wide)

    def ellipse(self, centre: Point, width: float, height: float) -> F32:
        """An ellipse of these half-axes."""
        t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        xs, ys = centre[0] + width * np.cos(t), centre[1] + height * np.sin(t)
        return self.fill(np.stack([xs, ys], axis=1))

    def depth(self, cover: F32) -> F32:
        """Units from the edge, inside ``cover``; 0 outside."""
        solid = (cover > 0.5).astype(np.uint8)
        distance = cv2.distanceTransform(solid, cv2.DIST_L2, 3)
        return np.asarray(distance / self.density, np.float32)

    def noise(self, cell: float, along: float | None = None) -> F32:
        """Smooth noise, mean 0 and deviation about 1; blobs of ``cell`` x ``along`` units."""
        rows, width = self.cover.shape
        tall = max(3, round((Y_BOTTOM - Y_TOP) / (cell if along is None else along)))
        wide = max(3, round(2 * ARC_MAX / cell))
        # Drawn at the sheet's own grain at most: finer noise would only cost time.
        values = self.rng.normal(0, 1, (tall, wide)).astype(np.float32)
        out = cv2.resize(values, (width, rows), interpolation=cv2.INTER_CUBIC)
        return np.asarray(out, np.float32)

    def blur(self, values: F32, sigma: float) -> F32:
        """Gaussian blur of ``sigma`` units."""
        px = sigma * self.density
        if px < 0.3:
            return values
        return np.asarray(cv2.GaussianBlur(values, (0, 0), px), np.float32)

    def paint(self, cover: F32, color: F32, *, flat: bool = False) -> None:
        """Lay ``color``, (3,) or (H, W, 3), over what is there; ``flat``: and hide its relief."""
        x, y, width, height = cv2.boundingRect((cover > 0).view(np.uint8))
        if not width:
            return
        part = (slice(y, y + height), slice(x, x + width))
        c = np.asarray(cover[part], np.float32)
        if flat:
            self.height[part] *= 1 - c
        whole = self.cover[part] + c * (1 - self.cover[part])
        # Weighted by what each covers: a soft edge on bare ground takes no black from it.
        share = c / np.maximum(whole, np.float32(1e-6))
        over = color[part] if color.ndim == 3 else np.reshape(color, (1, 1, 3))
        over = np.asarray(over, np.float32)
        into = self.color[part]
        # OpenCV's own arithmetic: on three channels it is several times as fast as NumPy's.
        cv2.multiply(into, cv2.merge([1 - share] * 3), dst=into)
        channels = [share * over[..., k] for k in range(3)]
        cv2.add(into, cv2.merge(channels), dst=into)
        self.cover[part] = whole

    def tint(self, amount: npt.ArrayLike) -> None:
        """Multiply the colour by 1 + ``amount``."""
        factor = np.broadcast_to(np.asarray(amount, np.float32) + 1, self.cover.shape)
        cv2.multiply(self.color, cv2.merge([factor] * 3), dst=self.color)

    def finish(self, shape: Shape) -> Texture:
        """Normals from shape and relief, the shadow beside the edge, all as bytes."""
        density = self.density
        rgba, relief, shown = (np.zeros((*self.cover.shape, 4), np.uint8) for _ in range(3))
        step = max(1, density // 8)
        # Nothing is to be seen beyond where the shadow ends.
        _, top, _, height = cv2.boundingRect((self.cover > 0).view(np.uint8))
        top, end = max(0, top - 2 * step), min(len(self.cover), top + height + 2 * step)
        rows = slice(top - top % step, end)
        if height:
            cover = self.cover[rows]
            shadow = _shadow(cover, density)
            normals = _normals(_radius(shape, density)[rows] + self.height[rows], self.arc, density)
            cv2.merge([*normals[:2], shadow, normals[2]], dst=relief[rows])
            bright = usual.brightness(*normals[1:]) * np.float32(1 / usual.BRIGHTEST)
            np.minimum(bright, np.float32(1), out=bright)
            alpha = cv2.convertScaleAbs(cover, alpha=255)
            for light, into in ((cover, rgba), (cover * bright, shown)):
                color = cv2.multiply(
                    self.color[rows], cv2.merge([light] * 3), scale=255, dtype=cv2.CV_8U
                )
                cv2.merge([color, alpha], dst=into[rows])
            fine = max(1, density // 10)
            spread = cv2.dilate(shadow, np.ones((fine + 1, fine + 1), np.uint8))
            y, x = np.nonzero(spread[::fine, ::fine] > 2)
            net = points_on(shape, self.arc[0, x * fine], self.y[rows][y * fine, 0])
        else:
            net = np.zeros((0, 3))
        coarse = usual.halved(relief)
        for image in (rgba, relief, shown, coarse):
            image.flags.writeable = False
        return Texture(
            rgba, relief, shown, coarse, net.T.astype(np.float32, "C"), float(density), shape
        )

    def _pixels(self, corners: Outline) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        points = (np.asarray(corners, np.float64) - [-ARC_MAX, Y_TOP]) * self.density - 0.5
        return np.rint(points * (1 << _SHIFT)).astype(np.int32)


def _size(density: int) -> tuple[int, int]:
    """Width and height of a sheet, px."""
    return round(2 * ARC_MAX * density), round((Y_BOTTOM - Y_TOP) * density)


def _shadow(cover: F32, density: float) -> U8:
    """(H, W): the cloth keeps light from the skin beside it, a little more below its edge."""
    rows, width = cover.shape
    # As soft as it is, half the size will do.
    half = cv2.resize(cover, (width // 2, rows // 2), interpolation=cv2.INTER_AREA)
    half = cv2.GaussianBlur(half, (0, 0), 0.03 * density)
    near = np.asarray(cv2.resize(half, (width, rows), interpolation=cv2.INTER_LINEAR), np.float32)
    drop = round(0.02 * density)
    out = near.copy()
    if drop:
        np.maximum(out[drop:], np.float32(0.8) * near[:-drop], out=out[drop:])
    return np.asarray(cv2.convertScaleAbs(out, alpha=1.1 * 255), np.uint8)


def _radius(shape: Shape, density: int) -> F32:
    """The radius over a whole sheet; kept where that takes little memory."""
    return _kept_radius(shape, density) if density <= 128 else _radius_of(shape, density)


def _radius_of(shape: Shape, density: int) -> F32:
    table = cv2.resize(radius_table(shape), _size(density), interpolation=cv2.INTER_LINEAR)
    # Rounds off the cells of the table, whose edges the shading would show.
    out = np.asarray(cv2.GaussianBlur(table, (0, 0), density / 32), np.float32)
    out.flags.writeable = False
    return out


_kept_radius = lru_cache(maxsize=24)(_radius_of)


def _normals(r: F32, arc: F32, density: int) -> list[U8]:
    """x, y and the size of z of the normals of the surface ``r``, as 128 + 127 n, (H, W) each."""
    # For a surface r(angle, y) the outward normal is e_r - (r_angle / r) e_angle - r_y e_y.
    half = density / 2
    lean = cv2.filter2D(r, -1, np.array([[-1.0, 0.0, 1.0]]) * (half * ARC_RADIUS))
    lean = np.asarray(lean, np.float32) / r
    ny = np.asarray(cv2.filter2D(r, -1, np.array([[-1.0], [0.0], [1.0]]) * -half), np.float32)
    angle = arc / np.float32(ARC_RADIUS)
    sine, cosine = np.sin(angle), np.cos(angle)
    scale = lean * lean
    scale += ny * ny
    scale += 1
    cv2.sqrt(scale, dst=scale)
    np.divide(np.float32(127), scale, out=scale)
    nx = lean * -cosine
    nx += sine
    lean *= sine
    lean += cosine
    nz = np.abs(lean, out=lean)
    return [
        np.asarray(cv2.convertScaleAbs(n * scale, alpha=1, beta=128), np.uint8)
        for n in (nx, ny, nz)
    ]


def _locked(array: U8) -> U8:
    array.flags.writeable = False
    return array


def _to_unit(vectors: F64) -> None:
    """(N, 2), in place."""
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    vectors /= np.maximum(length, 1e-9)[:, None]


def smooth(points: Sequence[Point], pieces: int = 10) -> list[Point]:
    """A curve through the points (Catmull-Rom); a point given twice is a corner."""
    p = np.asarray([points[0], *points, points[-1]], np.float64)
    t = np.linspace(0, 1, pieces, endpoint=False)[:, None]
    a, b, c, d = (p[k : len(p) - 3 + k, None] for k in range(4))
    curves = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3
    )
    kept = curves[(b != c).any(axis=(1, 2))].reshape(-1, 2)
    return [(x, y) for x, y in np.vstack([kept, p[-1:]]).tolist()]


def mirrored(points: Sequence[Point]) -> list[Point]:
    """The right half of an outline, from the top middle to the bottom middle -> the whole."""
    return [*points, *((-x, y) for x, y in reversed(points))]
