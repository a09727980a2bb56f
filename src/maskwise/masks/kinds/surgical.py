"""Three-layer surgical mask: pleats, nose wire, ear loops."""

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
    step,
    tailored,
    top_edge,
)
from maskwise.masks.patterns import printed
from maskwise.masks.sheet import Sheet, mirrored, rgb, smooth
from maskwise.types import F32, MaskSpec


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec)
    chance = np.clip(sheet.rng.normal(0, 1, 8), -2, 2).tolist()
    seat = tailored(sheet, top=top)
    corner = 0.58 + 0.05 * chance[0] + 0.30 * (top - 0.29)
    tall = 0.76 + 0.06 * chance[1]
    upper, lower = (1.17, corner), (1.14, corner + tall)
    loops(sheet, upper, lower, WHITE if color.mean() > 0.25 else rgb("#2b2c30"), 0.036)
    # A low mask has an almost straight edge: it must not sag beside the nose.
    nose, cheek = min(top + 0.115, corner - 0.02), min(0.5 * (top + 0.22 + corner), corner)
    edge = [(0.0, top), (0.16, top + 0.02), (0.31, nose), (0.56, cheek), (0.86, corner)]
    half = [
        *edge,
        upper,
        upper,
        (1.19, corner + 0.5 * tall),
        lower,
        lower,
        (0.88, 1.64),
        (0.48, 1.88),
        (0.0, 1.97 + 0.02 * chance[2]),
    ]
    outline = seat(smooth(mirrored(half), 6))
    part = around(sheet, outline)
    # The inner layer is white, and looks out a little above and at the sides.
    part.paint(part.fill([(x * 1.008, y - 0.013) for x, y in outline]), WHITE * 0.9)
    body = part.fill(outline)
    part.paint(body, printed(part, spec), flat=True)
    # Pleats: folds that hang over one another, sewn down at the sides, open over the chin.
    spread = np.clip(1 - (part.arc / 1.18) ** 2, 0, 1)
    opened = 1 + 0.25 * chance[3]
    shade = np.zeros_like(part.cover)
    for k, (share, sag) in enumerate(((0.32, 0.04), (0.55, 0.11), (0.78, 0.17))):
        wave = 0.012 * np.sin(part.arc * 4 + chance[4 + k])
        line = corner + share * tall + (opened * sag + 0.01 * chance[4 + k]) * spread + wave
        above = line - part.y
        fall = np.exp(np.abs(above) * np.float32(-1 / 0.10))
        lip = step(above, 0.012)
        depth = np.float32(0.026 + 0.005 * chance[4 + k]) * (0.4 + 0.6 * spread)
        part.height += body * (depth * lip * fall)
        shade += (1 - lip) * fall**2
    part.tint(-0.17 * body * shade)
    # The cloth buckles where the loops gather the sides.
    off_centre = np.abs(part.arc)
    gather = np.sin(part.y * (19 + 2 * chance[7]) + chance[0] + 1.5 * part.arc)
    part.height += 0.016 * body * gather * step(off_centre - 0.98, 0.16)
    # Beside the nose the wire presses the cloth in.
    part.height -= 0.03 * body * bell(off_centre - 0.26, 0.09) * bell(part.y - top - 0.16, 0.14)
    crumple(part, 6, 0.017)
    _welds(part, body)
    nose_wire(part, body, top, 0.36)
    nonwoven(part, body)


def _welds(part: Sheet, body: F32) -> None:
    """The folded edge, and two rows of welded points along it."""
    depth = part.depth(body)
    part.height += body * (0.006 * step(0.085 - depth, 0.012))
    part.tint(-0.05 * body * bell(depth - 0.09, 0.012))
    along = part.y + part.arc
    for at in (0.03, 0.06):
        dashes(part, body * bell(depth - at, 0.009), along)
