"""Which point of the mask's surface each pixel shows: rays cast onto the posed face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final, NamedTuple

import cv2
import numpy as np

from maskwise.masks.fit import Pose
from maskwise.masks.rays import Region, View, around
from maskwise.masks.surface import _TABLE_STEP, ARC_MAX, Y_TOP, Shape, radius_table
from maskwise.types import F32

_NODES: Final = 16.0
"""Rays a unit that look for the surface; what lies between them is interpolated."""
_WIDEST_STEP: Final = 4
"""px from one such ray to the next, at most."""
_EVEN: Final = 1 / 18
_LEAST_EVEN: Final = 0.85
"""Units, and steps: where the silhouette of nose or chin passes, the surface jumps. It is evened
out by so much, or the edge would show the steps."""
_FADE: Final = np.float32(2)
"""px at the silhouette of the head, where the sheet is squeezed into few pixels."""


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
    column, row, shows = Caster(pose, 1.0).cast(shape, (*origin, *size))
    arc = column + np.float32(0.5 - ARC_MAX)
    return PixelMap(arc, row + np.float32(0.5 + Y_TOP), (shows - np.float32(0.25)) * _FADE)


class _Found(NamedTuple):
    """The radii of surfaces, units, at the nodes ``cells``, each in its part of the rows; and how
    far from the head's axis the rays pass there."""

    cells: Region
    shapes: list[Shape]
    radius: F32
    from_axis: F32


class Caster:
    """Casts the rays of one face; what does not depend on the mask is worked out once.

    density: px a unit of the sheet that is looked up. What a caster holds never changes a result.
    """

    def __init__(self, pose: Pose, density: float) -> None:
        self._scale = pose.scale
        self._step = min(max(1, round(pose.scale / _NODES)), _WIDEST_STEP)
        self._even = max(_LEAST_EVEN, pose.scale / self._step * _EVEN)
        self._taps = 2 * round(2 * self._even) + 1
        view = View.of(pose)
        self._fine = view.grid(1, density, 0.5)
        self._coarse = view.grid(self._step, 1 / _TABLE_STEP, 0.0)
        self._found: _Found | None = None

    def look_for(self, wanted: Mapping[Shape, Region]) -> None:
        """Find surfaces at once that ``cast`` will be asked for, each in its region."""
        if wanted:
            cells = self._cells(reduce(around, wanted.values()))
            self._found = self._surfaces(list(wanted), cells)

    def cast(self, shape: Shape, region: Region) -> tuple[F32, F32, F32]:
        """(column, row, shows) of a region, (H, W) float32: where on the sheet its pixels look.

        column, row: px of the sheet. shows: how much of it is to show, to be cut at 0 and 1: it
        fades towards the silhouette of the head.

        What changes slowly is reckoned for a coarse grid of rays, and interpolated; where on
        the sheet a ray ends, for every pixel, so that it is exact beside the silhouette, too.
        """
        cells = left, top, columns, rows = self._cells(region)
        found = self._found
        if found is None or shape not in found.shapes or around(found.cells, cells) != found.cells:
            found = self._surfaces([shape], cells)
        step, left, top = self._step, left - found.cells[0], top - found.cells[1]
        below = top + found.shapes.index(shape) * found.cells[3]
        # Its own array, so that its place among others never changes how a sum is rounded.
        radius = np.asarray(
            cv2.GaussianBlur(
                found.radius[below : below + rows, left : left + columns],
                (self._taps, self._taps),
                self._even,
            ),
            np.float32,
        )
        from_axis = found.from_axis[top : top + rows, left : left + columns]
        shows = radius - np.abs(from_axis)
        shows *= np.float32(self._scale / _FADE)
        shows += np.float32(0.25)
        x, y = region[0] - cells[0] * step, region[1] - cells[1] * step
        window = (slice(y, y + region[3]), slice(x, x + region[2]))
        radius, shows = (
            np.asarray(cv2.resize(a, (columns * step, rows * step)), np.float32)[window]
            for a in (radius, shows)
        )
        column, row = self._fine.rays(region).met(radius)
        return column, row, shows

    def _cells(self, region: Region) -> Region:
        """The nodes that a region needs."""
        x, y, width, height = region
        step = self._step
        # Node k stands in the middle of cell k, as ``cv2.resize`` has it; a cell more each side.
        left, top = x // step - 1, y // step - 1
        return left, top, (x + width - 1) // step + 2 - left, (y + height - 1) // step + 2 - top

    def _surfaces(self, shapes: list[Shape], cells: Region) -> _Found:
        rays = self._coarse.rays(cells)
        tables = [radius_table(shape) for shape in shapes]
        return _Found(cells, shapes, rays.repeated(len(shapes)).surface(tables), rays.from_axis)
