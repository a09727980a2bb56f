"""KN95 or FFP2, folded down the middle, with ear loops."""

from __future__ import annotations

import numpy as np

from maskwise.masks.parts import (
    WHITE,
    around,
    bell,
    crumple,
    dashes,
    loops,
    nonwoven,
    nose_wire,
    stamp,
    step,
    tailored,
    top_edge,
)
from maskwise.masks.patterns import printed
from maskwise.masks.sheet import Sheet, mirrored, rgb, smooth
from maskwise.types import MaskSpec


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec)
    chance = np.clip(sheet.rng.normal(0, 1, 6), -2, 2).tolist()
    pick = sheet.rng.random(3).tolist()
    seat = tailored(sheet, top=top)
    corner = 0.74 + 0.04 * chance[0] + 0.25 * (top - 0.29)
    upper, lower = (1.13, corner), (1.11, corner + 0.50 + 0.04 * chance[1])
    loops(sheet, upper, lower, WHITE if color.mean() > 0.25 else rgb("#26272a"), 0.045)
    middle = 0.5 * (upper[1] + lower[1])
    half = [
        (0.0, top - 0.04),
        (0.0, top - 0.04),
        (0.16, top + 0.03),
        (0.42, 0.60 * (top + 0.13) + 0.40 * (corner - 0.18)),
        (0.80, corner - 0.10),
        upper,
        upper,
        (1.155, middle),
        lower,
        lower,
        (0.94, 1.46),
        (0.58, 1.74),
        (0.22, 1.92),
        (0.0, 1.99),
        (0.0, 1.99),
    ]
    outline = seat(smooth(mirrored(half), 6))
    part = around(sheet, outline)
    part.paint(part.fill([(x * 1.006, y - 0.010) for x, y in outline]), color * 0.85 + 0.08)
    body = part.fill(outline)
    part.paint(body, printed(part, spec), flat=True)
    off_centre = np.abs(part.arc)
    # The weld down the middle: a sharp ridge, with a row of points on either side.
    part.height += body * (0.022 * bell(off_centre, 0.020) - 0.010 * bell(off_centre, 0.055))
    weld = body * bell(off_centre - 0.042, 0.010)
    shade = -0.08 * weld - 0.06 * body * bell(off_centre, 0.008)
    dashes(part, weld, part.y)
    # Welded edges: two rows of points, and at the sides a patch where the loops are fixed.
    depth = part.depth(body)
    along = part.y + part.arc
    dashes(part, body * (bell(depth - 0.035, 0.010) + bell(depth - 0.075, 0.010)), along)
    shade -= body * (0.06 * bell(depth - 0.105, 0.014) + 0.03 * step(0.10 - depth, 0.01))
    part.height += body * 0.008 * step(depth - 0.10, 0.014)
    ends = step(off_centre - 1.03, 0.02)
    shade -= 0.05 * body * bell(off_centre - 1.02, 0.014)
    dashes(part, body * ends * 0.7, 1.7 * part.y)
    # Lines of the flat fold, from the nose to the loops and from the chin to the loops.
    for y, sag, size in ((0.80, 0.10, 0.012), (1.34, -0.02, 0.010)):
        line = part.y - (y + 0.02 * chance[2] + sag * off_centre)
        part.height += body * size * bell(line, 0.05) * np.clip(off_centre * 1.6, 0, 1)
    gather = np.sin(part.y * 24 + chance[3] + 2 * part.arc) * step(off_centre - 0.92, 0.12)
    part.height += 0.008 * body * gather
    part.tint(shade)
    crumple(part, 5, 0.009)
    nose_wire(part, body, top + 0.01, 0.36)
    if pick[0] < 0.55:
        ink = rgb("#4a4f57") if color.mean() > 0.3 else rgb("#a9adb3")
        side, name = (-1 if pick[1] < 0.5 else 1), ("KN95" if pick[2] < 0.5 else "FFP2 NR")
        for text, y, height in ((name, 1.26, 0.060), ("GB2626 EN149", 1.34, 0.028)):
            stamp(part, text, seat([(side * 0.62, y)])[0], height=height, color=ink, cover=0.5)
    nonwoven(part, body, 0.8)
