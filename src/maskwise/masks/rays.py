"""Parallel rays through a picture, and where they meet the surface of a mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, hypot
from typing import Any, Final, NamedTuple, TypeAlias

import cv2
import numpy as np

from maskwise.masks.fit import Pose
from maskwise.masks.surface import ARC_MAX, ARC_RADIUS, AXIS_Z, Y_TOP
from maskwise.types import F32

Region: TypeAlias = tuple[int, int, int, int]
"""x, y, width, height in px of a picture, or in cells of a grid over it."""

WIDEST: Final = np.float32(1.25)
"""Units: no surface is farther from the head's axis."""
_ROUNDS: Final = 3
_STEEPEST: Final = 3.0
_FLATTEST: Final = np.full((1, 1), 0.7)
_NOT_NOUGHT: Final = np.float32(1e-9)
"""Lost in any step that is one."""


def around(one: Region, other: Region) -> Region:
    """What holds both."""
    x, y = min(one[0], other[0]), min(one[1], other[1])
    right, bottom = (max(one[k] + one[k + 2], other[k] + other[k + 2]) for k in (0, 1))
    return x, y, right - x, bottom - y


class Rays(NamedTuple):
    """Parallel rays through a grid over a picture, and a raster of the sheet that they look up.

    A ray meets a circular cylinder of radius r about the head's axis at the root
    s = sqrt(r^2 - from_axis^2) before the axis: at the angle ``azimuth`` + atan2(from_axis, s)
    and the height ``level`` + s ``fall``. from_axis and its square: (H, W) float32, units.
    level, and what is derived from it, in px of the raster. start, fall: (N, 1) where N grids
    stand one below the other, with as many rows each.
    """

    from_axis: F32
    square: F32
    level: F32
    turn: np.float32
    start: np.float32 | F32
    fall: np.float32 | F32

    def repeated(self, count: int) -> Rays:
        """These rays so many times, one below the other."""
        if count == 1:
            return self
        from_axis, square, level = (np.concatenate([plane] * count) for plane in self[:3])
        start, fall = (
            np.concatenate([v] * count) if isinstance(v, np.ndarray) else v
            for v in (self.start, self.fall)
        )
        return Rays(from_axis, square, level, self.turn, start, fall)

    def met(self, radius: F32) -> tuple[F32, F32]:
        """(column, row) of the raster where the rays meet cylinders of this radius; beyond one,
        its silhouette."""
        # OpenCV's functions are several times as fast as NumPy's, or take half the time where
        # an array is a part of a wider one. Each step is rounded alike wherever a ray stands
        # in its array (no multiplication and addition in one).
        s = np.asarray(cv2.multiply(radius, radius), np.float32)
        cv2.subtract(s, self.square, dst=s)
        cv2.threshold(s, 0, 0, cv2.THRESH_TOZERO, dst=s)
        cv2.sqrt(s, dst=s)
        # From the viewer's right, 0 to pi: no jump lies there.
        column = np.asarray(cv2.phase(self.from_axis, s), np.float32)
        column *= self.turn
        if isinstance(self.start, np.ndarray):
            by_grid = (len(self.start), -1)
            np.add(at := column.reshape(by_grid), self.start, out=at)
            np.multiply(at := s.reshape(by_grid), self.fall, out=at)
        else:
            column += self.start
            s *= self.fall
        cv2.add(s, self.level, dst=s)
        return column, s

    def surface(self, tables: Sequence[F32]) -> F32:
        """The radius where the rays meet the surface of each table, (T H, W) float32 units:
        that of ``tables[0]`` in the uppermost rows, and so on.

        The radius where a ray meets one cylinder gives the next, starting from the widest. Plain
        steps swing to and fro near the silhouette: each is scaled by the secant through the
        last two (Steffensen's method). Three rounds come within 0.002 units on average.
        """
        last: F32 | np.float32 = WIDEST
        # The first cylinder is the same for all.
        gap = _looked_up(tables, *self.met(np.full_like(self.from_axis, WIDEST)), each=False)
        gap -= WIDEST
        radius = np.asarray(gap * np.float32(0.5), np.float32)
        radius += WIDEST
        rays = self.repeated(len(tables))
        for _ in range(_ROUNDS - 1):
            next_gap = _looked_up(tables, *rays.met(radius))
            next_gap -= radius
            step = radius - last
            step += _NOT_NOUGHT
            # One less the slope of what the table answers; held where the secant says little,
            # or nothing.
            slope = gap - next_gap
            cv2.divide(slope, step, dst=slope)
            cv2.threshold(slope, _STEEPEST, 0, cv2.THRESH_TRUNC, dst=slope)
            cv2.max(slope, _FLATTEST, dst=slope)
            last, gap = radius, next_gap
            radius = np.asarray(next_gap / slope, np.float32)
            radius += last
        return radius


def _looked_up(tables: Sequence[F32], column: F32, row: F32, *, each: bool = True) -> F32:
    """What the tables have at ``column``, ``row``, one below the other: ``each`` at its part of
    the rows, from top to bottom, or all at the same."""
    count = len(tables)
    height = len(column) // count if each else len(column)
    out = np.empty((count * height, column.shape[1]), np.float32)
    for k, table in enumerate(tables):
        part = slice(k * height, (k + 1) * height)
        at = part if each else slice(None)
        cv2.remap(
            table,
            column[at],
            row[at],
            cv2.INTER_LINEAR,
            dst=out[part],
            borderMode=cv2.BORDER_REPLICATE,
        )
    return out


@dataclass(frozen=True, slots=True)
class View:
    """``Rays`` as a function of the pixel: each factor is for x, for y, and a constant."""

    from_axis: tuple[float, float, float]
    level: tuple[float, float, float]
    azimuth: float
    fall: float

    @staticmethod
    def of(pose: Pose) -> View:
        """What a pose makes of it."""
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
        return View(
            factors(across, -AXIS_Z * across[2]),
            factors(along, -AXIS_Z * along[2]),
            atan2(d[0], d[2]),
            fall,
        )

    def grid(self, step: int, density: float, half: float) -> Grid:
        """Rays through the middles of cells of ``step`` px; the raster has ``density`` px a unit,
        and its first pixel ``half`` a pixel inside the sheet's corner."""
        middle = (step - 1) / 2
        (ax, ay, a0), (lx, ly, l0) = self.from_axis, self.level
        lx, ly, l0 = lx * density, ly * density, (l0 - Y_TOP) * density - half
        return Grid(
            (ax * step, ay * step, a0 + (ax + ay) * middle),
            (lx * step, ly * step, l0 + (lx + ly) * middle),
            np.float32(-ARC_RADIUS * density),
            np.float32(((self.azimuth + np.pi / 2) * ARC_RADIUS + ARC_MAX) * density - half),
            np.float32(self.fall * density),
        )


class Grid(NamedTuple):
    """A grid of rays, without an end; see ``Rays``. The first two by cell, as in ``View``."""

    from_axis: tuple[float, float, float]
    level: tuple[float, float, float]
    turn: np.float32
    start: np.float32
    fall: np.float32


def rays_of(grids: Sequence[Grid], regions: Sequence[Region]) -> Rays:
    """Those of a region of each grid, one below the other. The regions are as large as the first,
    and so is what a pixel of the raster stands for."""
    _, _, width, height = regions[0]
    numbers: Sequence[Any] = [
        (x, y, *grid.from_axis, *grid.level, grid.start, grid.fall)
        for grid, (x, y, *_) in zip(grids, regions, strict=True)
    ]
    # (N, 1, 1) each, or plain numbers, which are quicker.
    x, y, ax, ay, a0, lx, ly, l0, start, fall = (
        numbers[0] if len(numbers) == 1 else np.array(numbers, np.float32).T[..., None, None]
    )
    columns = np.arange(width, dtype=np.float32) + x
    rows = np.arange(height, dtype=np.float32)[:, None] + y
    from_axis = (columns * ax + (rows * ay + a0)).reshape(-1, width)
    level = (columns * lx + (rows * ly + l0)).reshape(-1, width)
    if len(numbers) > 1:
        start, fall = start[:, 0], fall[:, 0]
    return Rays(from_axis, from_axis * from_axis, level, grids[0].turn, start, fall)
