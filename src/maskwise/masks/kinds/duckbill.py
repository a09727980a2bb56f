"""FFP2 duckbill: a flat pouch that opens like a beak before the mouth, two straps."""

from __future__ import annotations

import numpy as np

from maskwise.masks.parts import (
    WHITE,
    around,
    bell,
    crumple,
    dashes,
    nonwoven,
    nose_wire,
    step,
    straps,
    tailored,
    top_edge,
)
from maskwise.masks.sheet import Sheet, mirrored, rgb, smooth
from maskwise.types import MaskSpec

BEAK = 1.05
"""Height of the front seam, where the catalogue's shape stands off the most."""


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec)
    chance = np.clip(sheet.rng.normal(0, 1, 4), -2, 2).tolist()
    seat = tailored(sheet, top=top, size=0.025)
    strap = WHITE if color.mean() > 0.25 else rgb("#2a2b2e")
    corner = 0.84 + 0.03 * chance[0] + 0.15 * (top - 0.29)
    low = corner + 0.36 + 0.03 * chance[1]
    straps(sheet, (1.06, corner + 0.06), (2.1, -0.25), strap, 0.055)
    straps(sheet, (1.06, low - 0.06), (2.1, 1.02), strap, 0.055)
    half = [
        (0.0, top - 0.01),
        (0.17, top + 0.02),
        (0.40, min(top + 0.19, 0.63)),
        (0.72, corner - 0.14),
        (1.10, corner),
        (1.10, corner),
        (1.13, 0.5 * (corner + low)),
        (1.10, low),
        (1.10, low),
        (0.80, 1.55),
        (0.46, 1.80),
        (0.0, 1.90),
    ]
    outline = seat(smooth(mirrored(half), 6))
    part = around(sheet, outline)
    part.paint(part.fill([(x * 1.004, y - 0.010) for x, y in outline]), WHITE * 0.88)
    body = part.fill(outline)
    part.paint(body, color, flat=True)
    off_centre = np.abs(part.arc)
    # The beak: two panels meet in a welded seam, straight over the mouth; its ends are the
    # corners of the pouch, from where folds run to the straps.
    inner = step(0.74 - off_centre, 0.05)
    bow = part.y - (BEAK + 0.02 * chance[2] * part.arc + 0.05 * (off_centre / 0.7) ** 2)
    lip = np.exp(np.abs(bow) * np.float32(-1 / 0.16))
    part.height += body * inner * (0.022 * lip + 0.012 * bell(bow, 0.018))
    shade = -0.12 * bell(bow - 0.028, 0.016) * inner
    seam = body * bell(bow + 0.035, 0.011) * inner
    dashes(part, seam, part.arc)
    for end, size in (((1.06, corner + 0.10), 0.020), ((1.06, low - 0.10), 0.016)):
        t = np.clip((off_centre - 0.66) / 0.40, 0, 1)
        fold = part.y - (BEAK + 0.05 + t * (end[1] - BEAK - 0.05))
        reach = step(off_centre - 0.64, 0.06)
        part.height += body * size * bell(fold, 0.045) * reach
        shade -= 0.06 * bell(fold - 0.04, 0.03) * reach
    depth = part.depth(body)
    along = part.y + part.arc
    dashes(part, body * bell(depth - 0.04, 0.010), along)
    shade -= 0.05 * bell(depth - 0.075, 0.012)
    part.height += body * 0.008 * step(depth - 0.07, 0.014)
    part.tint(body * shade)
    crumple(part, 6, 0.013)
    nose_wire(part, body, top, 0.36)
    nonwoven(part, body)
