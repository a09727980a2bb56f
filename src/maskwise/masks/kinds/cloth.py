"""Cloth masks of three cuts: two sewn panels, pleated, or pressed out of one stretchy sheet.

The seed tells the cut: of four numbers in a row two give panels, one pleats, one the pressed cut.
"""

from __future__ import annotations

import numpy as np

from maskwise.masks.fabrics import Layer, Piece, hung, pulled, woven
from maskwise.masks.parts import WHITE, Values, bell, loops, step, top_edge
from maskwise.masks.patterns import colored
from maskwise.masks.sheet import Point, Sheet, mirrored, rgb, smooth
from maskwise.types import F32, MaskSpec

_UPPER, _LOWER = (1.18, 0.72), (1.16, 1.34)


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    (_panels, _panels, _pleated, _pressed)[spec.seed % 4](sheet, spec)


def _outline(top: float, wide: Values) -> list[Point]:
    """The right half of a mask with corners for loops; ``wide``: shifts of its lower edge."""
    return smooth(
        [
            (0.0, top - 0.02),
            (0.15, top + 0.03),
            (0.42, top + 0.24),
            (0.80, 0.63),
            _UPPER,
            _UPPER,
            (1.15, 1.02),
            _LOWER,
            _LOWER,
            (0.80, 1.66 + float(wide[0])),
            (0.40, 1.90 + float(wide[1])),
            (0.0, 1.97 + float(wide[1])),
        ]
    )


def _loop_color(color: F32, rng: np.random.Generator) -> F32:
    """Elastic is black, white, or dyed like the cloth."""
    if color.mean() > 0.6:
        return np.asarray(WHITE * np.float32(0.95), np.float32)
    dyed = rng.random() < 0.6
    return np.asarray(color * np.float32(0.8), np.float32) if dyed else rgb("#232428")


def _panels(sheet: Sheet, spec: MaskSpec) -> None:
    rng = np.random.default_rng((spec.seed, 1))
    loops(sheet, _UPPER, _LOWER, _loop_color(rgb(spec.color), rng), 0.05)
    outline = mirrored(_outline(top_edge(spec), rng.normal(0, 0.02, 2)))
    piece = Piece(sheet, spec, outline)
    fine, soft, depth = piece.fine, piece.soft, piece.depth()
    # The two panels meet in a seam that stands out over nose and mouth.
    off_centre = np.abs(fine.arc)
    fine.height += 0.03 * bell(off_centre, 0.10) - 0.014 * bell(off_centre, 0.014)
    fine.shade -= 0.24 * bell(off_centre, 0.012)
    fine.shade -= 0.08 * bell(off_centre - 0.045, 0.010)
    piece.hem(depth, 0.075)
    piece.round_edge(depth, 0.02, 0.008)
    for corner, count in ((_UPPER, 9.0), (_LOWER, 8.0)):
        soft.fold(pulled(soft, corner, 0.34, count), 0.020, 0.10)
    _creases(soft, 0.024)
    woven(piece, 1 / 64)
    piece.lay(colored(piece, spec))


def _pleated(sheet: Sheet, spec: MaskSpec) -> None:
    rng = np.random.default_rng((spec.seed, 1))
    loops(sheet, _UPPER, _LOWER, _loop_color(rgb(spec.color), rng), 0.05)
    outline = mirrored(_outline(top_edge(spec), rng.normal(0, 0.02, 2)))
    piece = Piece(sheet, spec, outline)
    fine, soft, depth = piece.fine, piece.soft, piece.depth()
    # Three pleats, sewn down at the sides; cloth springs them open in the middle.
    spread = np.clip(1 - (fine.arc / np.float32(1.15)) ** 2, 0, 1)
    for side, sag in ((0.92, 0.02), (1.08, 0.10), (1.24, 0.18)):
        bend, slope = rng.normal(0, 0.015), rng.normal(0, 0.02)
        at = np.float32(side) + np.float32(sag + bend) * spread + np.float32(slope) * fine.arc
        below = fine.y - at
        fall, lip = np.exp(np.clip(below, 0, None) * np.float32(-1 / 0.15)), step(below, 0.014)
        fine.height += np.float32(0.034) * lip * fall
        # e^(-x/0.05) of the same depth below.
        fine.shade -= (0.12 + 0.12 * spread) * lip * (fall * fall * fall)
    # A strip of cloth binds the sides.
    side_strip = np.abs(fine.arc) - np.float32(1.06)
    fine.height += 0.012 * step(side_strip, 0.012)
    fine.shade -= 0.16 * bell(side_strip, 0.012)
    piece.hem(depth, 0.06)
    piece.round_edge(depth, 0.02, 0.008)
    for corner in (_UPPER, _LOWER):
        soft.fold(pulled(soft, corner, 0.26, 8.0), 0.012, 0.06)
    _creases(soft, 0.018)
    woven(piece, 1 / 64)
    piece.lay(colored(piece, spec))


def _pressed(sheet: Sheet, spec: MaskSpec) -> None:
    """Smooth and thick, without hems; its own cloth is cut out into the loops."""
    rng = np.random.default_rng((spec.seed, 1))
    color, top = rgb(spec.color), top_edge(spec)
    low = float(rng.normal(0, 0.02))
    loops(sheet, (1.20, 0.74), (1.20, 1.20), color, 0.13)
    outline = smooth(
        [
            (0.0, top - 0.03),
            (0.14, top + 0.02),
            (0.42, top + 0.26),
            (0.80, 0.60),
            (1.22, 0.66),
            (1.22, 0.66),
            (1.16, 0.98),
            (1.24, 1.24),
            (1.24, 1.24),
            (0.84, 1.66),
            (0.42, 1.90 + low),
            (0.0, 1.98 + low),
        ]
    )
    piece = Piece(sheet, spec, mirrored(outline))
    fine, soft = piece.fine, piece.soft
    off_centre = np.abs(fine.arc)
    fine.height += 0.035 * bell(off_centre, 0.11) - 0.006 * bell(off_centre, 0.012)
    fine.shade -= 0.13 * bell(off_centre, 0.010)
    piece.round_edge(piece.depth(), 0.035, 0.018)
    for corner in (_UPPER, (1.18, 1.22)):
        soft.fold(pulled(soft, corner, 0.30, 5.0), 0.010)
    _creases(soft, 0.012)
    soft.shade += np.float32(0.012) * (soft.noise(1 / 32) + soft.noise(0.25))
    piece.lay(colored(piece, spec))


def _creases(soft: Layer, height: float) -> None:
    """What wearing leaves: soft dents all over, and slack below the cheeks."""
    dents = soft.noise(0.42, 0.20) + np.float32(0.5) * soft.noise(0.16, 0.12)
    soft.fold(np.float32(0.6) * dents, height, 0.05)
    slack = hung(soft, 0.22, 0.30, 0.9) * bell(soft.y - np.float32(1.5), 0.26)
    soft.fold(slack, 0.5 * height, 0.06)
