"""Motifs that are strewn over a cloth: flowers and paisley, as outlines filled with colour."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from maskwise.masks.fabrics import Layer
from maskwise.masks.surface import ARC_MAX, Y_BOTTOM, Y_TOP
from maskwise.types import F32, F64, U8

_SHIFT: Final = 4  # fractional bits of the corners that OpenCV fills
_SPREAD: Final = 0.7  # px that a smoothed edge of OpenCV's lies outside of its outline
_PETAL_COLORS: Final = ("#f4f1ea", "#d8485c", "#eeb2bd", "#e9b93e", "#6d8fc4", "#8c5aa0", "#e07b39")
_LEAF_COLORS: Final = ("#4f7a45", "#7d9a58", "#2f5741")


class _Canvas:
    """(h, w, 3) bytes in a layer's window, painted with outlines given in units."""

    def __init__(self, layer: Layer, ground: F32) -> None:
        self.layer = layer
        self.pixels: U8 = np.empty((*layer.shape, 3), np.uint8)
        self.pixels[:] = np.rint(ground * 255)

    def fill(self, outlines: F64, ink: F32) -> None:
        """``outlines``, (N, K, 2) in units, that do not meet one another."""
        if not len(outlines):
            return
        origin = (float(self.layer.arc[0, 0]), float(self.layer.y[0, 0]))
        outlines = _shrunk(outlines, _SPREAD / self.layer.density)
        px = np.rint((outlines - origin) * (self.layer.density * (1 << _SHIFT))).astype(np.int32)
        color = [float(v) for v in np.rint(np.clip(ink, 0, 1) * 255)]
        cv2.fillPoly(self.pixels, list(px), color, cv2.LINE_AA, _SHIFT)

    def color(self) -> F32:
        return np.asarray(self.pixels * np.float32(1 / 255), np.float32)


class _Places:
    """Where motifs stand: a staggered grid, each a little off its node; (N,) units."""

    def __init__(
        self, layer: Layer, rng: np.random.Generator, cell: float, turn: float, shift: float
    ) -> None:
        # Drawn for the whole sheet, so that the window has no say in the random numbers.
        half = np.hypot(ARC_MAX, (Y_BOTTOM - Y_TOP) / 2) + abs(shift) + cell
        n = int(half / cell) + 1
        column, row = (k.ravel() for k in np.meshgrid(np.arange(-n, n + 1), np.arange(-n, n + 1)))
        u = (column + 0.5 * (row % 2)) * cell + rng.uniform(-0.16, 0.16, len(row)) * cell
        v = row * cell * 0.87 + rng.uniform(-0.14, 0.14, len(row)) * cell
        self.angle: F64 = rng.uniform(0, 2 * np.pi, len(row))
        self.size: F64 = rng.uniform(0.7, 1.0, len(row))
        self.which: F64 = rng.random(len(row))
        u = u - shift
        self.x: F64 = u * np.cos(turn) - v * np.sin(turn)
        self.y: F64 = u * np.sin(turn) + v * np.cos(turn) + 1
        inside = (self.x > layer.arc[0, 0] - cell) & (self.x < layer.arc[0, -1] + cell)
        inside &= (self.y > layer.y[0, 0] - cell) & (self.y < layer.y[-1, 0] + cell)
        for name in ("x", "y", "angle", "size", "which"):
            setattr(self, name, getattr(self, name)[inside])

    def put(self, outline: F64, scale: float, chosen: np.ndarray | None = None) -> F64:
        """(N, K, 2): ``outline``, (K, 2), turned and scaled at each place."""
        keep = slice(None) if chosen is None else chosen
        c, s = np.cos(self.angle[keep])[:, None], np.sin(self.angle[keep])[:, None]
        size = self.size[keep][:, None] * scale
        px, py = outline[:, 0], outline[:, 1]
        x = self.x[keep][:, None] + size * (px * c - py * s)
        y = self.y[keep][:, None] + size * (px * s + py * c)
        return np.stack([x, y], axis=-1)


def flowers(layer: Layer, rng: np.random.Generator, inks: F32, turn: float, shift: float) -> F32:
    """(h, w, 3): flowers with leaves, in two or three colours, and buds between them."""
    cell = float(rng.uniform(0.24, 0.42))
    petals = int(rng.integers(5, 7))
    blooms, heart, leaf = _flower_colors(rng, inks)
    canvas = _Canvas(layer, inks[0])
    places = _Places(layer, rng, cell, turn, shift)
    for side in (0.5, 2.6, 4.4):
        canvas.fill(places.put(_leaf(side), cell), leaf)
    for k, ink in enumerate(blooms):
        chosen = (places.which * len(blooms)).astype(int) == k
        canvas.fill(places.put(_rose(petals, 0.30, 0.42), 1.13 * cell, chosen), ink * 0.80)
        canvas.fill(places.put(_rose(petals, 0.30, 0.42), cell, chosen), ink)
    canvas.fill(places.put(_rose(petals, 0.12, 0.3), cell, None), heart * 0.75)
    canvas.fill(places.put(_circle(0.075), cell), heart)
    return canvas.color()


def _flower_colors(rng: np.random.Generator, inks: F32) -> tuple[list[F32], F32, F32]:
    """Petals of a few colours, hearts, leaves; each apart from the ground."""
    if rng.random() < 0.35:  # one tone on another
        return [inks[1]], inks[2], 0.5 * (inks[0] + inks[1])
    offered = [_hex(c) for c in _PETAL_COLORS]
    seen = [c for c in offered if float(np.abs(c - inks[0]).max()) > 0.25]
    order = rng.permutation(len(seen))[: int(rng.integers(2, 4))]
    blooms = [seen[k] for k in order]
    leaves = [_hex(c) for c in _LEAF_COLORS]
    leaf = max(leaves, key=lambda c: float(np.abs(c - inks[0]).max()))
    heart = _hex("#f0c94a") if float(np.abs(blooms[0] - _hex("#f0c94a")).max()) > 0.3 else leaf
    return blooms, heart, leaf


def paisley(layer: Layer, rng: np.random.Generator, inks: F32, turn: float, shift: float) -> F32:
    """(h, w, 3): drops with curled tips, one in another, and small rosettes between them."""
    cell = float(rng.uniform(0.40, 0.58))
    ground, ink = inks[0], inks[1]
    accent = inks[2] if rng.random() < 0.3 else ink
    canvas = _Canvas(layer, ground)
    places = _Places(layer, rng, cell, turn, shift)
    drop = _drop()
    middle = np.array([0.02, 0.13])
    for scale, color in ((1.1, ink), (0.94, ground), (0.78, accent), (0.5, ground), (0.3, ink)):
        canvas.fill(places.put((drop - middle) * scale + middle, cell), color)
    # A row of dots about each drop.
    ring = (drop[::6] - middle) * 1.34 + middle
    for at in ring:
        canvas.fill(places.put(_circle(0.022, 8) + at, cell), ink)
    for at in ((0.50, 0.24), (-0.48, -0.16), (0.10, -0.58)):
        canvas.fill(places.put(_rose(6, 0.07, 0.5) + at, cell), accent)
    return canvas.color()


def _shrunk(outlines: F64, by: float) -> F64:
    """(N, K, 2) outlines drawn in by about ``by`` units."""
    x, y = outlines[..., 0], outlines[..., 1]
    twice = x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)
    radius = np.sqrt(np.abs(twice.sum(axis=1)) / (2 * np.pi))
    factor = 1 - np.minimum(by / np.maximum(radius, 1e-9), 0.6)
    middle = outlines.mean(axis=1, keepdims=True)
    return np.asarray(middle + (outlines - middle) * factor[:, None, None], np.float64)


def _rose(petals: int, radius: float, notch: float) -> F64:
    """An outline with round petals; ``notch``: how deep between them, of the radius."""
    t = np.linspace(0, 2 * np.pi, 8 * petals, endpoint=False)
    r = radius * (1 - notch * (1 - np.abs(np.cos(petals * t / 2)) ** 0.6))
    return np.stack([r * np.cos(t), r * np.sin(t)], axis=1)


def _leaf(angle: float) -> F64:
    """A pointed oval that starts near the middle of its flower."""
    s = np.linspace(0, np.pi, 8)
    along, wide = 0.40 - 0.17 * np.cos(s), 0.075 * np.sin(s)
    u, v = np.r_[along, along[::-1]], np.r_[wide, -wide[::-1]]
    c, n = np.cos(angle), np.sin(angle)
    return np.stack([u * c - v * n, u * n + v * c], axis=1)


def _drop() -> F64:
    """The outline of a paisley drop, half a unit high: a bent spine, thick at its foot."""
    s = np.linspace(0, 1, 32)
    spine = np.stack([0.26 * (1 - s) ** 2.2, 0.72 * s - 0.36], axis=1)
    step = np.gradient(spine, axis=0)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1)
    normal /= np.hypot(normal[:, 0], normal[:, 1])[:, None]
    wide = (0.50 * s**0.9 * np.sqrt(np.clip(1 - s, 0, None)))[:, None]
    return np.concatenate([spine + wide * normal, (spine - wide * normal)[::-1]])


def _circle(radius: float, corners: int = 14) -> F64:
    t = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return radius * np.stack([np.cos(t), np.sin(t)], axis=1)


def _hex(color: str) -> F32:
    return np.array([int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)], np.float32)
