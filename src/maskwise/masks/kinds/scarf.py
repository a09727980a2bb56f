"""Scarf: thick rib knit, wound loosely about nose, chin and neck in two or three turns."""

from __future__ import annotations

import numpy as np

from maskwise.masks.fabrics import Layer, Piece, ribbed
from maskwise.masks.parts import Values, bell, step, top_edge
from maskwise.masks.patterns import colored
from maskwise.masks.sheet import Point, Sheet, smooth
from maskwise.types import F32, MaskSpec

_WIDTH = 2.14


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    rng = np.random.default_rng((spec.seed, 1))
    top = top_edge(spec) + 0.02
    rib = float(rng.uniform(0.075, 0.11))
    tilt = rng.normal(0, 0.07, 3).clip(-0.13, 0.13) * np.array([0.35, 1.0, 1.0])
    # What is wound first lies lowest: the turn about the neck, then over the mouth, then the
    # last one, thrown across the chin.
    turns = [(1.15, 2.64, 0.6 * tilt[2]), (top, 1.50, tilt[0]), (1.36, 2.20, tilt[1])]
    for k, (upper, lower, slope) in enumerate(turns):
        nose = k == 1
        edges = (
            _edge(upper, float(slope), 0.34 if nose else -0.12, nose),
            _edge(lower, float(slope), -0.16 if k == 0 else -0.22, False),
        )
        _turn(sheet, spec, k, edges, rib)


def _turn(
    sheet: Sheet, spec: MaskSpec, k: int, edges: tuple[list[Point], list[Point]], rib: float
) -> None:
    upper, lower = edges
    piece = Piece(sheet, spec, [*upper, *reversed(lower)], tag=10 + k)
    fine, soft = piece.fine, piece.soft
    across = _across(soft, edges)
    middle = np.zeros(1)
    width = float(_height(lower, middle)[0] - _height(upper, middle)[0])
    # A roll of cloth, thick in its middle, dark where it meets the next.
    soft.height += np.float32(0.10) * np.sqrt(np.clip(1 - (2 * across - 1) ** 2, 0, 1))
    soft.shade -= np.float32(0.10) * step(across - np.float32(0.8), 0.15)
    fine.shade -= np.float32(0.34) * bell(piece.depth(), 0.05)
    _folds(soft, across)
    soft.shade += np.float32(0.03) * (soft.noise(1 / 32) + soft.noise(0.2))
    ribs = _across(fine, edges) * np.float32(width)
    ribs = ribs + piece.upsampled(np.float32(0.02) * soft.noise(0.5))
    ribbed(fine, ribs, fine.arc + np.float32(0.3 * k), rib)
    piece.lay(colored(piece, spec, shift=0.37 * k))


def _across(layer: Layer, edges: tuple[list[Point], list[Point]]) -> F32:
    """(h, w): 0 at the upper edge of a turn, 1 at its lower one."""
    rise, foot = (_height(edge, layer.arc[0]) for edge in edges)
    return np.asarray((layer.y - rise) / (foot - rise), np.float32)


def _height(edge: list[Point], arc: Values) -> F32:
    """y of an edge at ``arc``, (w,)."""
    points = np.asarray(edge, np.float64)
    return np.interp(arc, points[:, 0], points[:, 1]).astype(np.float32)


def _edge(y: float, slope: float, drop: float, nose: bool) -> list[Point]:
    """A line round the head, left to right, ``drop`` lower at the sides; arched over a nose."""
    half = (0.18, 0.50, 1.00, 1.60, _WIDTH)
    fall = (0.04, 0.22, 0.8, 0.95, 1.0) if nose else (0.02, 0.10, 0.45, 0.85, 1.0)
    right = [(x, y + drop * f + slope * x) for x, f in zip(half, fall, strict=True)]
    left = [(-x, y + drop * f - slope * x) for x, f in zip(half, fall, strict=True)]
    return smooth([*reversed(left), (0.0, y), *right])


def _folds(soft: Layer, across: F32) -> None:
    """Deep folds along the turn, wandering, deepest in its middle."""
    wave = np.sin(across * np.float32(2 * np.pi * 1.7) + 2 * soft.noise(1.2, 0.4))
    inside = np.clip(4 * across * (1 - across), 0, 1)
    soft.fold(wave * inside, 0.035, 0.20)
    soft.fold(np.float32(0.6) * soft.noise(0.5, 0.2) * inside, 0.02, 0.05)
