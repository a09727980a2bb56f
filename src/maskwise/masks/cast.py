"""Which point of the mask's surface each pixel shows: rays cast onto the posed face."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, hypot
from typing import Final, NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from maskwise.masks.fit import Pose
from maskwise.masks.surface import (
    _TABLE_STEP,
    ARC_MAX,
    ARC_RADIUS,
    AXIS_Z,
    Y_TOP,
    Shape,
    radius_table,
)
from maskwise.types import F32, F64

Region: TypeAlias = tuple[int, int, int, int]
"""x, y, width, height in px of a picture."""

_NODES: Final = 18.0
"""Rays a unit that look for the surface; what lies between them is interpolated."""
_EVEN: Final = 1.0
_ROUNDS: Final = 3
_WIDEST: Final = np.float32(1.25)
_SAME: Final = np.float32(1e-6)
_LEAST_SLOPE: Final = np.float32(0.7)


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
    """
    column, row, inside = Caster(pose, 1.0).cast(shape, (*origin, *size))
    arc = column + np.float32(0.5 - ARC_MAX)
    return PixelMap(arc, row + np.float32(0.5 + Y_TOP), inside)


class Caster:
    """Casts the rays of one face; what does not depend on the mask is worked out once.

    density: px a unit of the sheet that is looked up. wide: a region that masks of this face may
    ask for parts of; without it, the first one asked for. What it holds never changes a result.
    """

    def __init__(self, pose: Pose, density: float, wide: Region | None = None) -> None:
        self._view = _View.of(pose)
        self._scale = np.float32(pose.scale)
        self._step = max(1, round(pose.scale / _NODES))
        self._density = density
        self._wide = wide
        self._fine: _Rays | None = None
        self._coarse: _Rays | None = None
        self._first: tuple[F32, F32] = (np.zeros((0, 0), np.float32),) * 2

    def cast(self, shape: Shape, region: Region, *, per_px: float = 1.0) -> tuple[F32, F32, F32]:
        """(column, row, inside) of a region, (H, W) float32: where on the sheet its pixels look.

        column, row: px of the sheet; inside: from the silhouette of the head, negative outside,
        ``per_px`` for each px of the picture (a power of two, so that nothing rounds anew).
        The surface's radius is looked for on a coarse grid of rays and interpolated, as it
        changes slowly; where a ray meets the cylinder of that radius is then reckoned for every
        pixel, so that the squeezed sheet beside the silhouette is exact.
        """
        x, y, width, height = region
        step = self._step
        # Node k stands in the middle of cell k, as ``cv2.resize`` has it; a cell more each side.
        left, top = x // step - 1, y // step - 1
        columns, rows = (x + width - 1) // step + 2 - left, (y + height - 1) // step + 2 - top
        fine, coarse = self._rays(region)
        cells = (left, top, columns, rows)
        part = coarse.slices(cells)
        first = self._first[0][part], self._first[1][part]
        nodes = coarse.part(cells).surface(radius_table(shape), first)
        # At the silhouette it jumps: evened out over the nodes, or the edge would show their steps.
        radius = cv2.GaussianBlur(nodes, (5, 5), _EVEN)
        if step > 1:
            radius = cv2.resize(
                radius, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR
            )
        x, y = x - left * step, y - top * step
        rays, here = fine.part(region), np.asarray(radius, np.float32)
        here = here[y : y + height, x : x + width]
        column, row = rays.meet(here)
        inside = np.asarray(cv2.subtract(here, rays.off_axis), np.float32)
        inside *= np.float32(per_px * self._scale)
        return column, row, inside

    def _rays(self, region: Region) -> tuple[_Rays, _Rays]:
        """Rays of every pixel and of the nodes, of the region at least."""
        fine, coarse, step = self._fine, self._coarse, self._step
        if fine is None or coarse is None or not fine.holds(region):
            x, y, width, height = self._wide or region
            if not (x <= region[0] and y <= region[1]) or not (
                region[0] + region[2] <= x + width and region[1] + region[3] <= y + height
            ):
                x, y, width, height = region
            left, top = x // step - 1, y // step - 1
            columns, rows = (x + width - 1) // step + 2 - left, (y + height - 1) // step + 2 - top
            fine = _Rays.through(self._view, (x, y, width, height), 1, self._density, 0.5)
            coarse = _Rays.through(
                self._view, (left, top, columns, rows), step, 1 / _TABLE_STEP, 0.0
            )
            self._fine, self._coarse = fine, coarse
            # Where the rays meet the widest of cylinders, any search for a surface begins.
            self._first = coarse.meet(np.full_like(coarse.level, _WIDEST))
        return fine, coarse


class _Rays(NamedTuple):
    """Parallel rays through the grid of a picture, and a raster of the sheet that they look up.

    A ray meets a circular cylinder of radius r about the head's axis at the root
    s = sqrt(r^2 - from_axis^2) before the axis: at the angle ``azimuth`` + atan2(from_axis, s)
    and the height ``level`` + s ``fall``. from_axis, its square, off_axis, its absolute value:
    (H, W) float32, units. level, (H, W), and what is derived from it, in px of the raster.
    x, y: the grid's first column and row.
    """

    x: int
    y: int
    from_axis: F32
    off_axis: F32
    square: F32
    level: F32
    turn: np.float32
    start: np.float32
    fall: np.float32

    @staticmethod
    def through(view: _View, region: Region, step: int, density: float, half: float) -> _Rays:
        """Rays through the middles of cells of ``step`` px, by cell; the raster has its first
        pixel ``half`` a pixel inside the sheet's corner."""
        x, y, width, height = region
        middle = (step - 1) / 2
        columns: F64 = np.arange(float(x), float(x + width)) * step + middle
        rows: F64 = np.arange(float(y), float(y + height)) * step + middle
        (ax, ay, a0), (lx, ly, l0) = view.from_axis, view.level
        from_axis = _plane(columns * ax, rows * ay + a0)
        lx, ly, l0 = lx * density, ly * density, (l0 - Y_TOP) * density - half
        return _Rays(
            x,
            y,
            from_axis,
            np.abs(from_axis),
            from_axis * from_axis,
            _plane(columns * lx, rows * ly + l0),
            np.float32(-ARC_RADIUS * density),
            np.float32(((view.azimuth + np.pi / 2) * ARC_RADIUS + ARC_MAX) * density - half),
            np.float32(view.fall * density),
        )

    def holds(self, region: Region) -> bool:
        x, y, width, height = region
        rows, columns = self.level.shape
        return (
            self.x <= x
            and self.y <= y
            and x + width <= self.x + columns
            and y + height <= self.y + rows
        )

    def slices(self, region: Region) -> tuple[slice, slice]:
        """Rows and columns of a region of the grid."""
        x, y, width, height = region
        return slice(y - self.y, y - self.y + height), slice(x - self.x, x - self.x + width)

    def part(self, region: Region) -> _Rays:
        at = self.slices(region)
        return _Rays(
            region[0],
            region[1],
            self.from_axis[at],
            self.off_axis[at],
            self.square[at],
            self.level[at],
            self.turn,
            self.start,
            self.fall,
        )

    def meet(self, radius: F32) -> tuple[F32, F32]:
        """(column, row) of the raster where the rays meet cylinders of this radius; beyond it,
        its silhouette."""
        # OpenCV's functions are several times as fast as NumPy's, or take half the time where
        # an array is a part of a wider one.
        s = np.asarray(cv2.multiply(radius, radius), np.float32)
        cv2.subtract(s, self.square, dst=s)
        cv2.threshold(s, 0, 0, cv2.THRESH_TOZERO, dst=s)
        cv2.sqrt(s, dst=s)
        # From the viewer's right, 0 to pi: no jump lies there.
        column = np.asarray(cv2.phase(self.from_axis, s), np.float32)
        column *= self.turn
        column += self.start
        s *= self.fall
        cv2.add(s, self.level, dst=s)
        return column, s

    def surface(self, table: F32, first: tuple[F32, F32]) -> F32:
        """The radius of the mask's surface where the rays meet it, (H, W) float32 units.

        first: where they meet the cylinder of the widest radius, of ``meet``.

        The radius where a ray meets one cylinder gives the next, starting from the widest. Plain
        steps swing to and fro near the silhouette: each is scaled by the secant through the
        last two (Steffensen's method). Three rounds come within 0.002 units on average.
        """
        last: F32 | np.float32 = _WIDEST
        gap = _looked_up(table, *first)
        gap -= _WIDEST
        radius = gap * np.float32(0.5)
        radius += _WIDEST
        for _ in range(_ROUNDS - 1):
            next_gap = _looked_up(table, *self.meet(radius))
            next_gap -= radius
            step = radius - last
            step[np.abs(step) < _SAME] = _SAME
            # One less the slope of what the table answers; held where the secant says nothing.
            slope = gap - next_gap
            slope /= step
            cv2.threshold(slope, 3, 0, cv2.THRESH_TRUNC, dst=slope)
            np.maximum(slope, _LEAST_SLOPE, out=slope)
            last, gap = radius, next_gap
            radius = next_gap / slope
            radius += last
        return np.asarray(radius, np.float32)


def _looked_up(table: F32, column: F32, row: F32) -> F32:
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


def _plane(across: npt.NDArray[np.floating], down: npt.NDArray[np.floating]) -> F32:
    return np.asarray(across.astype(np.float32) + down.astype(np.float32)[:, None], np.float32)
