"""Which point of the mask's surface each pixel shows: rays cast onto the posed face."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, hypot
from typing import Final

import cv2
import numpy as np

from maskwise.masks.fit import Pose
from maskwise.masks.surface import ARC_RADIUS, AXIS_Z, Shape, radius_table, table_cell
from maskwise.types import F32, F64

_NODES: Final = 18.0
"""Rays a unit that look for the surface; what lies between them is interpolated."""
_EVEN: Final = 1.0
_ROUNDS: Final = 3
_WIDEST: Final = np.float32(1.25)
_SAME: Final = np.float32(1e-6)


@dataclass(frozen=True, slots=True, eq=False)
class PixelMap:
    """What the pixels of a region show. All (H, W) float32.

    arc, y: sheet coordinates. inside: px from the silhouette of the head, negative outside.
    """

    arc: F32
    y: F32
    inside: F32


def pixel_map(pose: Pose, shape: Shape, origin: tuple[int, int], size: tuple[int, int]) -> PixelMap:
    """Cast a ray through each pixel onto the mask's surface.

    origin: x, y of the region in px; size: its width and height.

    The surface's radius is looked for on a coarse grid of rays and interpolated, as it changes
    slowly; where a ray meets the cylinder of that radius is then reckoned for every pixel, so
    that the squeezed sheet beside the silhouette is exact.
    """
    width, height = size
    view = _View.of(pose)
    step = max(1, round(pose.scale / _NODES))
    # Node k stands in the middle of cell k, as ``cv2.resize`` has it; a cell more on each side.
    columns, rows = -(-width // step) + 2, -(-height // step) + 2
    middle = (step - 1) / 2 - step
    coarse = _Rays.through(
        view,
        origin[0] + middle + step * np.arange(float(columns)),
        origin[1] + middle + step * np.arange(float(rows)),
    )
    # At the silhouette it jumps: evened out over the nodes, or the edge would show their steps.
    radius = np.asarray(cv2.GaussianBlur(coarse.surface(shape), (5, 5), _EVEN), np.float32)
    if step > 1:
        radius = np.asarray(
            cv2.resize(radius, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR),
            np.float32,
        )
    radius = np.ascontiguousarray(radius[step : step + height, step : step + width])
    rays = _Rays.through(
        view, origin[0] + np.arange(float(width)), origin[1] + np.arange(float(height))
    )
    arc, y = rays.meet(radius)
    inside = radius
    inside -= np.abs(rays.from_axis)
    inside *= np.float32(pose.scale)
    return PixelMap(arc, y, inside)


@dataclass(frozen=True, slots=True, eq=False)
class _Rays:
    """Parallel rays through the grid of a picture.

    A ray meets a circular cylinder of radius r about the head's axis at the root
    s = sqrt(r^2 - from_axis^2) before the axis: at the angle ``azimuth`` + atan2(from_axis, s)
    and the height ``level`` + s ``fall``. from_axis, level: (H, W) float32, units.
    """

    from_axis: F32
    level: F32
    azimuth: float
    fall: float

    @staticmethod
    def through(view: _View, columns: F64, rows: F64) -> _Rays:
        """Rays at these ``columns`` (W,) and ``rows`` (H,) of the picture, px."""
        (ax, ay, a0), (lx, ly, l0) = view.from_axis, view.level
        return _Rays(
            _plane(columns * ax, rows * ay + a0),
            _plane(columns * lx, rows * ly + l0),
            view.azimuth,
            view.fall,
        )

    def meet(self, radius: F32) -> tuple[F32, F32]:
        """(arc, y) where the rays meet cylinders of this radius; beyond it, its silhouette."""
        s = radius * radius
        s -= self.from_axis * self.from_axis
        s = np.sqrt(np.maximum(s, 0))
        # OpenCV's arc tangent is 30 times as fast as NumPy's. From the viewer's right, 0 to pi:
        # no jump lies there.
        arc = np.asarray(cv2.phase(self.from_axis, s), np.float32)
        arc *= np.float32(-ARC_RADIUS)
        arc += np.float32((self.azimuth + np.pi / 2) * ARC_RADIUS)
        s *= np.float32(self.fall)
        s += self.level
        return arc, s

    def surface(self, shape: Shape) -> F32:
        """The radius of the mask's surface where the rays meet it, (H, W) float32 units.

        The radius where a ray meets one cylinder gives the next, starting from the widest. Plain
        steps swing to and fro near the silhouette: each is scaled by the secant through the
        last two (Steffensen's method). Three rounds come within 0.002 units on average.
        """
        table = radius_table(shape)
        last = np.full_like(self.from_axis, _WIDEST)
        gap = _looked_up(table, *self.meet(last)) - last
        radius = last + np.float32(0.5) * gap
        for _ in range(_ROUNDS - 1):
            next_gap = _looked_up(table, *self.meet(radius)) - radius
            step = radius - last
            step[np.abs(step) < _SAME] = _SAME
            # One less the slope of what the table answers; held where the secant says nothing.
            slope = np.clip((gap - next_gap) / step, 0.7, 3)
            last, gap = radius, next_gap
            radius = radius + next_gap / slope
        return np.asarray(radius, np.float32)


def _looked_up(table: F32, arc: F32, y: F32) -> F32:
    column, row = table_cell(arc, y)
    found = cv2.remap(table, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


@dataclass(frozen=True, slots=True)
class _View:
    """``_Rays`` as a function of the pixel: each factor is for x, for y, and a constant."""

    from_axis: tuple[float, float, float]
    level: tuple[float, float, float]
    azimuth: float
    fall: float

    @staticmethod
    def of(pose: Pose) -> _View:
        # A ray is X = x right + y down + w d, with d towards the viewer.
        right, down, d = pose.rotation.tolist()
        a = hypot(d[0], d[2])
        # How far before the picture's plane the axis is passed, times d's part along it.
        fall = d[1] / a

        def factors(v: tuple[float, float, float], start: float) -> tuple[float, float, float]:
            """Of v . (X - start) over the picture, in px."""
            x, y = (sum(p * q for p, q in zip(v, w, strict=True)) for w in (right, down))
            x, y = x / pose.scale, y / pose.scale
            return x, y, start - x * float(pose.shift[0]) - y * float(pose.shift[1])

        across = (d[2] / a, 0.0, -d[0] / a)
        along = (-fall * d[0] / a, 1.0, -fall * d[2] / a)
        return _View(
            factors(across, -AXIS_Z * across[2]),
            factors(along, -AXIS_Z * along[2]),
            atan2(d[0], d[2]),
            fall,
        )


def _plane(across: F64, down: F64) -> F32:
    return np.asarray(across.astype(np.float32) + down.astype(np.float32)[:, None], np.float32)
