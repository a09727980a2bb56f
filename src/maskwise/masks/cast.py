"""Which point of the mask's surface each pixel shows: rays cast onto the posed face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from math import sqrt
from typing import Final, NamedTuple

import cv2
import numpy as np

from maskwise.masks.fit import Pose
from maskwise.masks.rays import Rays, Region, View, around
from maskwise.masks.surface import _TABLE_STEP, ARC_MAX, Y_TOP, Shape, radius_table
from maskwise.types import F32

_NODES: Final = 14.0
"""Rays a unit that look for the surface; what lies between them is interpolated."""
_WIDEST_STEP: Final = 4
"""px from one such ray to the next, at most."""
_LARGE: Final = 24.0
"""px a unit of a face where every other pixel will do to find what it shows."""
_EVEN: Final = 1 / 18
_LEAST_EVEN: Final = 0.85
"""Units, and steps: where the silhouette of nose or chin passes, the surface jumps. It is evened
out by so much, or the edge would show the steps."""
_FADE: Final = 2.0
"""px at the silhouette of the head, where the sheet is squeezed into few pixels: half of it
shows half a pixel inside."""


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
    return PixelMap(
        arc, row + np.float32(0.5 + Y_TOP), (shows - np.float32(0.25)) * np.float32(_FADE)
    )


class _Found(NamedTuple):
    """The radii of surfaces, units, at the nodes ``cells``, each in its part of the rows."""

    cells: Region
    shapes: list[Shape]
    radius: F32


class _Known(NamedTuple):
    """The rays through blocks of pixels, and what the surface's radius loses, in px at
    ``_FADE``, before it shows beside the head's silhouette."""

    blocks: Region
    rays: Rays
    loses: F32

    def within(self, blocks: Region) -> tuple[Rays, F32]:
        """Those of some of them."""
        x, y = blocks[0] - self.blocks[0], blocks[1] - self.blocks[1]
        part = (slice(y, y + blocks[3]), slice(x, x + blocks[2]))
        from_axis, square, level, *rest = self.rays
        return Rays(from_axis[part], square[part], level[part], *rest), self.loses[part]


class Caster:
    """Casts the rays of one face; what does not depend on the mask is worked out once.

    density: px a unit of the sheet that is looked up. soft_px: deviation of what softens the
    picture: the silhouette fades as softly. What a caster holds never changes a result.
    """

    def __init__(self, pose: Pose, density: float, soft_px: float = 0.0) -> None:
        # A ramp's deviation is its length by the root of 12.
        fade = sqrt(_FADE**2 + 12 * soft_px**2)
        self._fade, self._least = pose.scale / fade, 0.5 - 0.5 / fade
        self._step = min(max(1, round(pose.scale / _NODES)), _WIDEST_STEP)
        self._even = max(_LEAST_EVEN, pose.scale / self._step * _EVEN)
        self._taps = 2 * round(2 * self._even) + 1
        view = View.of(pose)
        self.every: Final = 2 if pose.scale >= _LARGE else 1
        """px a side of the blocks that a ray is cast for."""
        self._fine = view.grid(self.every, density, 0.5)
        self._coarse = view.grid(self._step, 1 / _TABLE_STEP, 0.0)
        self._found: _Found | None = None
        self._known: _Known | None = None

    def look_for(self, wanted: Mapping[Shape, Region]) -> None:
        """Find surfaces at once that ``cast`` will be asked for, each in its region."""
        if wanted:
            blocks = self.blocks(reduce(around, wanted.values()))
            self._found = self._surfaces(list(wanted), self._cells(blocks))
            self._known = self._rays(blocks)

    def cast(self, shape: Shape, region: Region) -> tuple[F32, F32, F32]:
        """(column, row, shows) of a region, (H, W) float32: where on the sheet its pixels look.

        column, row: px of the sheet. shows: how much of it is to show, to be cut at 0 and 1: it
        fades towards the silhouette of the head.
        """
        x, y, width, height = region
        blocks = self.blocks(region)
        left, top = x - blocks[0] * self.every, y - blocks[1] * self.every
        window = (slice(top, top + height), slice(left, left + width))
        column, row, shows = (
            self.spread(plane)[window] for plane in self.cast_blocks(shape, blocks)
        )
        return column, row, shows

    def blocks(self, region: Region) -> Region:
        """The blocks of ``every`` x ``every`` px that hold a region of the picture."""
        x, y, width, height = region
        left, top = x // self.every, y // self.every
        right, bottom = -(-(x + width) // self.every), -(-(y + height) // self.every)
        return left, top, right - left, bottom - top

    def spread(self, plane: F32) -> F32:
        """A value for each block -> one for each of their pixels."""
        if self.every == 1:
            return plane
        size = (plane.shape[1] * self.every, plane.shape[0] * self.every)
        return np.asarray(cv2.resize(plane, size), np.float32)

    def cast_blocks(self, shape: Shape, blocks: Region) -> tuple[F32, F32, F32]:
        """``cast`` for the middles of blocks of pixels.

        What changes slowly is reckoned for a coarse grid of rays, and interpolated; where on
        the sheet a ray ends, for every block, so that it is exact beside the silhouette, too.
        """
        every, step = self.every, self._step
        cells = self._cells(blocks)
        left, top, columns, rows = cells
        found = self._found
        if found is None or shape not in found.shapes or around(found.cells, cells) != found.cells:
            found = self._surfaces([shape], cells)
        across, below = left - found.cells[0], top - found.cells[1]
        below += found.shapes.index(shape) * found.cells[3]
        # Its own array, so that its place among others never changes how a sum is rounded.
        evened = cv2.GaussianBlur(
            found.radius[below : below + rows, across : across + columns],
            (self._taps, self._taps),
            self._even,
        )
        # Which node stands in the middle of the first block.
        x, y = ((k * every + (every - step) / 2) / step for k in blocks[:2])
        share = every / step
        radius = np.asarray(
            cv2.warpAffine(
                evened,
                np.array([[share, 0, x - left], [0, share, y - top]]),
                blocks[2:],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            np.float32,
        )
        known = self._known
        if known is None or around(known.blocks, blocks) != known.blocks:
            known = self._rays(blocks)
        rays, loses = known.within(blocks)
        column, row = rays.met(radius)
        shows = np.asarray(cv2.scaleAdd(radius, self._fade, loses), np.float32)
        return column, row, shows

    def _cells(self, blocks: Region) -> Region:
        """The nodes that blocks need."""
        x, y, width, height = (k * self.every for k in blocks)
        step = self._step
        # Node k stands in the middle of cell k; a cell more each side.
        left, top = x // step - 1, y // step - 1
        return left, top, (x + width - 1) // step + 2 - left, (y + height - 1) // step + 2 - top

    def _surfaces(self, shapes: list[Shape], cells: Region) -> _Found:
        rays = self._coarse.rays(cells)
        tables = [radius_table(shape) for shape in shapes]
        return _Found(cells, shapes, rays.surface(tables))

    def _rays(self, blocks: Region) -> _Known:
        x, y, width, height = blocks
        # A column more, so that any part is one of a wider array, whatever else is wanted:
        # OpenCV may round the last few of a row, or of a whole array, in their own way.
        rays = self._fine.rays((x, y, width + 1, height))
        loses = np.abs(rays.from_axis)
        loses *= np.float32(-self._fade)
        loses += np.float32(self._least)
        return _Known(blocks, rays, loses)
