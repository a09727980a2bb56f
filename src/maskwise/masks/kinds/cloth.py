"""Sewn cloth mask of two panels."""

from __future__ import annotations

import numpy as np

from maskwise.masks.parts import (
    WHITE,
    bell,
    cloth_noise,
    hem,
    loops,
    step,
    top_edge,
)
from maskwise.masks.patterns import pattern
from maskwise.masks.sheet import Sheet, mirrored, rgb, smooth
from maskwise.types import MaskSpec


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec)
    upper, lower = (1.18, 0.72), (1.16, 1.34)
    loop = color * 0.8 if color.mean() < 0.6 else WHITE * 0.95
    loops(sheet, upper, lower, loop, 0.05)
    outline = smooth(
        [
            (0.0, top - 0.02),
            (0.15, top + 0.03),
            (0.42, top + 0.24),
            (0.80, 0.63),
            upper,
            upper,
            (1.15, 1.02),
            lower,
            lower,
            (0.80, 1.66),
            (0.40, 1.90),
            (0.0, 1.97),
        ]
    )
    body = sheet.fill(mirrored(outline))
    sheet.paint(body, pattern(sheet, spec), flat=True)
    # The two panels meet in a seam that stands out over nose and mouth.
    off_centre = np.abs(sheet.arc)
    sheet.height += body * (0.03 * bell(off_centre, 0.10) - 0.02 * bell(off_centre, 0.014))
    sheet.tint(-0.28 * body * bell(off_centre, 0.012))
    hem(sheet, body, outline, 0.075)
    # Darts at the sides, where the loops gather the cloth.
    gather = np.sin(sheet.y * 26 + sheet.noise(0.5)) * step(off_centre - 0.85, 0.12)
    sheet.height += 0.010 * body * gather
    cloth_noise(sheet, body, wrinkle=0.022, grain=0.030)
