"""Which point of the mask's surface each pixel shows: rays cast onto the posed face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, NamedTuple

import cv2
import numpy as np

from maskwise.masks.fit import Pose
from maskwise.masks.rays import Rays, Region, View, around, rays_of
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
    """The radii of surfaces (S, H, W), units, at the nodes ``cells``."""

    cells: Region
    shapes: Sequence[Shape]
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
        from_axis, square, level, turn, start, fall = self.rays
        rays = Rays(from_axis[part], square[part], level[part], turn, start, fall)
        return rays, self.loses[part]


class Caster:
    """Casts the rays of one face; what does not depend on the mask is worked out once.

    density: px a unit of the sheet that is looked up. soft_px: deviation of what softens the
    picture: the silhouette fades as softly. What a caster holds never changes a result.
    """

    def __init__(self, pose: Pose, density: float, soft_px: float = 0.0) -> None:
        # A ramp's deviation is its length by the root of 12.
        fade = sqrt(_FADE**2 + 12 * soft_px**2)
        self.fade, self.least = pose.scale / fade, 0.5 - 0.5 / fade
        self._step = min(max(1, round(pose.scale / _NODES)), _WIDEST_STEP)
        even = max(_LEAST_EVEN, pose.scale / self._step * _EVEN)
        self._even = cv2.getGaussianKernel(2 * round(2 * even) + 1, even)
        view = View.of(pose)
        self.every: Final = 2 if pose.scale >= _LARGE else 1
        """px a side of the blocks that a ray is cast for."""
        self.fine = view.grid(self.every, density, 0.5)
        self.coarse = view.grid(self._step, 1 / _TABLE_STEP, 0.0)
        self.found: _Found | None = None
        self.known: _Known | None = None

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
        cells = self.cells(blocks)
        left, top, columns, rows = cells
        found = self.found
        if found is None or shape not in found.shapes or around(found.cells, cells) != found.cells:
            (found,) = _surfaces([self], [cells], [shape])
        across, below = left - found.cells[0], top - found.cells[1]
        # Its own array, so that its place among others never changes how a sum is rounded.
        at = found.shapes.index(shape)
        part = found.radius[at, below : below + rows, across : across + columns]
        evened = cv2.sepFilter2D(part, -1, self._even, self._even)
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
        known = self.known
        if known is None or around(known.blocks, blocks) != known.blocks:
            (known,) = _through([self], [blocks])
        rays, loses = known.within(blocks)
        column, row = rays.met(radius)
        shows = np.asarray(cv2.scaleAdd(radius, self.fade, loses), np.float32)
        return column, row, shows

    def cells(self, blocks: Region) -> Region:
        """The nodes that blocks need."""
        x, y, width, height = (k * self.every for k in blocks)
        step = self._step
        # Node k stands in the middle of cell k; a cell more each side.
        left, top = x // step - 1, y // step - 1
        return left, top, (x + width - 1) // step + 2 - left, (y + height - 1) // step + 2 - top


def look_for(casters: Sequence[Caster], regions: Sequence[Region], shapes: Sequence[Shape]) -> None:
    """Find at once what ``cast`` will be asked for: of each face, the surfaces of all shapes in
    a region of the picture."""
    if not casters:
        return
    blocks = [c.blocks(region) for c, region in zip(casters, regions, strict=True)]
    cells = [c.cells(b) for c, b in zip(casters, blocks, strict=True)]
    surfaces, through = _surfaces(casters, cells, shapes), _through(casters, blocks)
    for caster, found, known in zip(casters, surfaces, through, strict=True):
        caster.found, caster.known = found, known


def _surfaces(
    casters: Sequence[Caster], cells: Sequence[Region], shapes: Sequence[Shape]
) -> list[_Found]:
    cells = _alike(cells)
    rays = rays_of([caster.coarse for caster in casters], cells)
    radius = rays.surface([radius_table(shape) for shape in shapes])
    _, _, width, height = cells[0]
    by_face = radius.reshape(len(shapes), len(cells), height, width).swapaxes(0, 1)
    return [_Found(c, shapes, r) for c, r in zip(cells, by_face, strict=True)]


def _through(casters: Sequence[Caster], blocks: Sequence[Region]) -> list[_Known]:
    blocks = _alike(blocks)
    grids = [caster.fine for caster in casters]
    # A column more, so that any part is one of a wider array, whatever else is wanted:
    # OpenCV may round the last few of a row, or of a whole array, in their own way.
    rays = rays_of(grids, [(x, y, width + 1, height) for x, y, width, height in blocks])
    loses = np.abs(rays.from_axis)
    out = []
    for k, (caster, grid, own) in enumerate(zip(casters, grids, blocks, strict=True)):
        part = slice(k * own[3], (k + 1) * own[3])
        lost = loses[part]
        lost *= np.float32(-caster.fade)
        lost += np.float32(caster.least)
        from_axis, square, level = (plane[part] for plane in rays[:3])
        known = Rays(from_axis, square, level, grid.turn, grid.start, grid.fall)
        out.append(_Known(own, known, lost))
    return out


def _alike(regions: Sequence[Region]) -> list[Region]:
    """Each region made as large as the largest."""
    if len(regions) == 1:
        return list(regions)
    width, height = (max(region[k] for region in regions) for k in (2, 3))
    return [(x, y, width, height) for x, y, *_ in regions]
