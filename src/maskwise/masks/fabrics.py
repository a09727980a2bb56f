"""Cloth: a piece of it on a sheet, its folds, hems and seams, and how it is woven or knitted.

Sizes are in units of the distance of the eyes (about 63 mm), so that nothing depends on the
density of the sheet; texture finer than a few pixels fades out instead of making bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from maskwise.masks.parts import Values, around, bell, step
from maskwise.masks.sheet import Point, Sheet
from maskwise.masks.surface import ARC_MAX, Y_BOTTOM, Y_TOP
from maskwise.types import F32, MaskSpec

_SOFT_DENSITY: Final = 64
"""px a unit that folds and shades are worked out at: they are smooth, and at a quarter of the
pixels they cost a quarter."""
_LATTICE: Final = 64  # cells of noise are whole multiples of 1/64: whole pixels at any density
_TAU: Final = float(2 * np.pi)


class Layer:
    """A window of a sheet at some density.

    arc: (1, w), y: (h, 1) float32 units. height: (h, w) float32, units that the cloth stands
    off. shade: (h, w) float32, what its colour is multiplied by, less 1.
    """

    def __init__(self, arc: F32, y: F32, density: float, rng: np.random.Generator) -> None:
        self.arc, self.y, self.density, self.rng = arc, y, density, rng
        self.shape = (y.shape[0], arc.shape[1])
        self.height: F32 = np.zeros(self.shape, np.float32)
        self.shade: F32 = np.zeros(self.shape, np.float32)

    def noise(self, cell: float, along: float | None = None) -> F32:
        """(h, w): smooth noise, deviation about 1; blobs of ``cell`` x ``along`` units.

        The same at every density: its lattice is drawn for the whole sheet.
        """
        sizes = [max(1, round(size * _LATTICE)) for size in (along or cell, cell)]
        spans, origins = (Y_BOTTOM - Y_TOP, 2 * ARC_MAX), (self.y[0, 0] - Y_TOP, self.arc[0, 0])
        origins = (origins[0], origins[1] + ARC_MAX)
        counts = [
            int(np.ceil(span * _LATTICE / size)) + 1
            for span, size in zip(spans, sizes, strict=True)
        ]
        values = self.rng.standard_normal(counts, np.float32)
        cuts, starts, lengths = [], [], []
        for origin, extent, size, count in zip(origins, self.shape, sizes, counts, strict=True):
            px = size * self.density / _LATTICE
            start = round(float(origin) * self.density - 0.5)
            first = max(0, int(start / px) - 2)
            last = min(count, int(np.ceil((start + extent) / px)) + 2)
            cuts.append(slice(first, last))
            starts.append(start - round(first * px))
            lengths.append(round((last - first) * px))
        rows, columns = self.shape
        # One way after the other: of what lies beyond the window only the lattice is gone over.
        values = np.ascontiguousarray(values[cuts[0], cuts[1]])
        tall = cv2.resize(values, (values.shape[1], lengths[0]), interpolation=cv2.INTER_CUBIC)[
            starts[0] : starts[0] + rows
        ]
        fine = cv2.resize(tall, (lengths[1], rows), interpolation=cv2.INTER_CUBIC)
        return np.asarray(fine[:, starts[1] : starts[1] + columns], np.float32)

    def fold(self, wave: F32, height: float, dark: float = 0.0) -> None:
        """Add folds: ``wave`` about -1..1, standing off ``height`` units; valleys darken."""
        self.height += np.float32(height) * wave
        if dark:
            self.shade += np.float32(dark) * np.minimum(wave, 0)


class Cut:
    """A window of a sheet in two layers: ``fine`` as the sheet is, ``soft`` for what is smooth.

    tag: tells the random numbers of several cuts of one mask apart; they come from it and the
    seed alone, whatever else the sheet draws.
    """

    def __init__(self, window: Sheet, spec: MaskSpec, tag: int = 0) -> None:
        rng = np.random.default_rng((spec.seed, tag))
        self.fine = Layer(window.arc, window.y, window.density, rng)
        self._halvings = max(0, round(np.log2(window.density / _SOFT_DENSITY)))
        every = 2**self._halvings
        self.soft = Layer(window.arc[:, ::every], window.y[::every], window.density / every, rng)

    def upsampled(self, values: F32) -> F32:
        """(h, w) or (h, w, 3) of the soft layer -> of the fine one, without facets."""
        for _ in range(self._halvings):
            values = np.asarray(cv2.pyrUp(values), np.float32)
        rows, columns = self.fine.shape
        return values[:rows, :columns]


class Piece(Cut):
    """A piece of cloth inside ``outline``, composed layer by layer, then laid on the sheet.

    cover: (h, w) float32, 0..1, of the fine layer.
    """

    def __init__(
        self, sheet: Sheet, spec: MaskSpec, outline: Sequence[Point], tag: int = 0
    ) -> None:
        self._window = around(sheet, outline)
        super().__init__(self._window, spec, tag)
        self.cover: F32 = self._window.fill(outline)

    def depth(self) -> F32:
        """(h, w), fine: units from the edge of the piece; 0 outside."""
        return self._window.depth(self.cover)

    def hem(self, depth: F32, width: float, stitches: float = 1.0) -> None:
        """An edge folded over, and its line of stitches (0: none)."""
        fine, (layer, near) = self.fine, self._at_edge(depth)
        layer.height += np.float32(0.010) * step(np.float32(width) - near, 0.012)
        layer.shade -= np.float32(0.12) * bell(near - np.float32(width), 0.014)
        seen = stitches * _fade(0.033, fine.density)
        if seen:
            line = bell(depth - np.float32(0.6 * width), 0.010)
            line *= np.sin((fine.y + fine.arc) * np.float32(95)) > 0
            fine.height -= np.float32(0.004 * seen) * line
            fine.shade -= np.float32(0.14 * seen) * line

    def round_edge(self, depth: F32, width: float, rise: float) -> None:
        """A rounded edge ``width`` wide, ``rise`` units thick, instead of a knife's."""
        layer, near = self._at_edge(depth)
        t = 1 - np.minimum(near * np.float32(1 / width), 1)
        layer.height -= np.float32(rise) * t * t

    def _at_edge(self, depth: F32) -> tuple[Layer, F32]:
        """The layer that an edge is worked out on, and ``depth`` there.

        The soft one where the sheet is coarse: it will be halved, and takes a hem's detail.
        """
        if self.fine.density > 2 * _SOFT_DENSITY:
            return self.fine, depth
        every = 2**self._halvings
        return self.soft, np.ascontiguousarray(depth[::every, ::every])

    def lay(self, color: F32) -> None:
        """Paint ``color``, (h, w, 3) or (3,), shaded, and take the place of what lies below."""
        fine = self.fine
        lit = np.maximum(fine.shade + self.upsampled(self.soft.shade) + 1, np.float32(0.15))
        if color.ndim == 1:
            shaded = cv2.merge([lit * value for value in color])
        else:
            shaded = cv2.multiply(color, cv2.merge([lit, lit, lit]))
        self._window.paint(self.cover, np.asarray(shaded, np.float32), flat=True)
        relief = fine.height + self.upsampled(self.soft.height)
        self._window.height += self.cover * relief


def pulled(layer: Layer, corner: Point, reach: float, count: float) -> F32:
    """(h, w), -1..1: folds that fan out from where a loop pulls at ``corner``, on both sides."""
    off = np.abs(layer.arc) - np.float32(corner[0])
    drop = layer.y - np.float32(corner[1])
    away = np.sqrt(off * off + drop * drop)
    turn = drop / (np.abs(off) + np.float32(0.18))
    # Not the same on both sides.
    left, right = layer.rng.uniform(0, 6, 2)
    phase = np.where(layer.arc < 0, np.float32(left), np.float32(right))
    wave = np.sin(turn * np.float32(count) + phase + np.float32(0.8) * layer.noise(0.5))
    fall = np.exp(away * np.float32(-1 / reach)) * step(away - np.float32(0.06), 0.05)
    return np.asarray(wave * fall, np.float32)


def hung(layer: Layer, sag: float, period: float, loose: float) -> F32:
    """(h, w), -1..1: folds that hang between both sides, ``sag`` units lower in the middle.

    loose: 0..1, how far they wander from even curves.
    """
    curve = layer.y + np.float32(sag) * (layer.arc * np.float32(1 / 1.2)) ** 2
    wander = np.float32(2.4 * loose) * layer.noise(0.6, 0.35)
    wave = np.sin(curve * np.float32(_TAU / period) + wander)
    # Valleys of cloth are narrower than its swells.
    valley = (1 - wave) * np.float32(0.5)
    return np.asarray(1 - 2 * valley * valley, np.float32)


def woven(cut: Cut, thread: float, strength: float = 1.0) -> None:
    """Plain weave: threads over and under, ``thread`` units apart; and its uneven yarn."""
    soft, fine = cut.soft, cut.fine
    yarn = soft.noise(0.5, 1 / 32) + soft.noise(1 / 32, 0.5) + soft.noise(0.25)
    soft.shade += np.float32(0.012 * strength) * yarn
    seen = _fade(2 * thread, fine.density)
    if seen:
        k = np.float32(np.pi / thread)
        over = np.sin(fine.arc * k) * np.sin(fine.y * k)
        fine.height += np.float32(0.055 * strength * thread * seen) * over
        fine.shade += np.float32(0.035 * strength * seen) * over


def ribbed(layer: Layer, across: F32, along: Values, rib: float, strength: float = 1.0) -> None:
    """Rib knit: rounded ribs ``rib`` units apart over ``across``, stitches ``along`` them."""
    hump = np.abs(np.cos(across * np.float32(np.pi / rib)))
    seen = strength * _fade(rib, layer.density)
    layer.height += np.float32(0.12 * rib * seen) * hump
    layer.shade += np.float32(0.30 * seen) * (np.minimum(hump * np.float32(1.6), 1) - 0.8)
    stitch = 0.55 * rib
    seen = strength * _fade(stitch, layer.density)
    if seen:
        # Each loop of yarn leans to the middle of its rib: a row of V.
        loop = np.sin((along + hump * np.float32(0.5 * rib)) * np.float32(_TAU / stitch))
        layer.height += np.float32(0.05 * rib * seen) * loop * hump
        layer.shade += np.float32(0.10 * seen) * loop


def _fade(period: float, density: float) -> float:
    """0..1: how much of a texture of this period shows: from 2.7 px, wholly from 5.4."""
    return min(max((period * density - 2.7) / 2.7, 0.0), 1.0)
