"""Which point of the mask's surface each pixel shows: rays cast onto the posed face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final

import cv2
import numpy as np

from maskwise.masks.fit import Pose
from maskwise.masks.rays import WIDEST, Rays, Region, View, around
from maskwise.masks.surface import (
    _TABLE_STEP,
    ARC_MAX,
    Y_TOP,
    Shape,
    radius_table,
)
from maskwise.types import F32

_NODES: Final = 18.0
"""Rays a unit that look for the surface; what lies between them is interpolated."""
_EVEN: Final = 1.0


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

    density: px a unit of the sheet that is looked up. What a caster holds never changes a result.
    """

    def __init__(self, pose: Pose, density: float) -> None:
        self._view = View.of(pose)
        self._scale = np.float32(pose.scale)
        self._step = max(1, round(pose.scale / _NODES))
        self._density = density
        self._fine: Rays | None = None
        self._coarse: Rays | None = None
        self._first: tuple[F32, F32] = (np.zeros((0, 0), np.float32),) * 2
        # Surfaces that were looked for, and the first column and row of nodes.
        self._found: dict[Shape, F32] = {}
        self._corner = (0, 0)

    def look_for(self, wanted: Mapping[Shape, Region]) -> None:
        """Find surfaces at once that ``cast`` will be asked for, each in its region."""
        if not wanted:
            return
        region = reduce(around, wanted.values())
        cells = self._cells(region)
        found = self._surfaces(list(wanted), cells, self._rays(region)[1])
        self._found, self._corner = dict(zip(wanted, found, strict=True)), cells[:2]

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
        fine, coarse = self._rays(region)
        cells = left, top, columns, rows = self._cells(region)
        nodes = self._found.get(shape)
        if nodes is None:
            (nodes,) = self._surfaces([shape], cells, coarse)
        else:
            at_x, at_y = left - self._corner[0], top - self._corner[1]
            nodes = nodes[at_y : at_y + rows, at_x : at_x + columns]
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

    def _cells(self, region: Region) -> Region:
        """The nodes that a region needs."""
        x, y, width, height = region
        step = self._step
        # Node k stands in the middle of cell k, as ``cv2.resize`` has it; a cell more each side.
        left, top = x // step - 1, y // step - 1
        return left, top, (x + width - 1) // step + 2 - left, (y + height - 1) // step + 2 - top

    def _surfaces(self, shapes: list[Shape], cells: Region, coarse: Rays) -> list[F32]:
        """The radius of each at these nodes."""
        at = coarse.slices(cells)
        first = self._first[0][at], self._first[1][at]
        return coarse.part(cells).surfaces([radius_table(shape) for shape in shapes], first)

    def _rays(self, region: Region) -> tuple[Rays, Rays]:
        """Rays of every pixel and of the nodes, of the region at least."""
        fine, coarse = self._fine, self._coarse
        if fine is None or coarse is None or not fine.holds(region):
            fine = Rays.through(self._view, region, 1, self._density, 0.5)
            cells = self._cells(region)
            coarse = Rays.through(self._view, cells, self._step, 1 / _TABLE_STEP, 0.0)
            self._fine, self._coarse = fine, coarse
            # Where the rays meet the widest of cylinders, any search for a surface begins.
            self._first = coarse.meet(np.full_like(coarse.level, WIDEST))
        return fine, coarse
