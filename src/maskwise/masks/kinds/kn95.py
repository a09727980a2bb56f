"""KN95 or FFP2, folded down the middle, with ear loops."""

from __future__ import annotations

import numpy as np

from maskwise.masks.parts import (
    WHITE,
    bell,
    cloth_noise,
    dashes,
    loops,
    nose_wire,
    top_edge,
)
from maskwise.masks.sheet import Sheet, mirrored, rgb, smooth
from maskwise.types import MaskSpec


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec)
    upper, lower = (1.10, 0.80), (1.10, 1.28)
    loops(sheet, upper, lower, WHITE if color.mean() > 0.3 else rgb("#26272a"), 0.055)
    outline = smooth(
        [
            (0.0, top - 0.04),
            (0.0, top - 0.04),
            (0.20, top + 0.06),
            (0.60, 0.54),
            (1.02, 0.74),
            upper,
            (1.14, 1.04),
            lower,
            (1.02, 1.40),
            (0.60, 1.72),
            (0.22, 1.91),
            (0.0, 1.99),
            (0.0, 1.99),
        ]
    )
    body = sheet.fill(mirrored(outline))
    sheet.paint(body, color, flat=True)
    off_centre = np.abs(sheet.arc)
    # The weld down the middle, with its row of dashes; the same along the edges.
    sheet.height += body * (0.025 * bell(off_centre, 0.022) - 0.012 * bell(off_centre, 0.06))
    sheet.tint(-0.10 * body * bell(off_centre - 0.045, 0.012))
    dashes(sheet, body * bell(off_centre - 0.075, 0.011), sheet.y)
    depth = sheet.depth(body)
    for at in (0.055, 0.095):
        dashes(sheet, body * bell(depth - at, 0.010), sheet.y + sheet.arc)
    sheet.tint(-0.07 * body * bell(depth - 0.125, 0.012))
    # Where the halves fold open, a soft crease runs from nose to cheek.
    crease = sheet.y - (0.98 + 0.08 * off_centre)
    sheet.height += body * 0.018 * bell(crease, 0.09) * np.clip(off_centre * 1.5, 0, 1)
    nose_wire(sheet, body, top, 0.40)
    cloth_noise(sheet, body, wrinkle=0.007, grain=0.010)
