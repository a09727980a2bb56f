"""Half-face respirator: rubber facepiece, exhalation valve, two filters, webbing."""

from __future__ import annotations

import numpy as np

from maskwise.masks.parts import (
    around,
    bell,
    rounded,
    step,
    straps,
    tailored,
    top_edge,
    valve,
)
from maskwise.masks.sheet import Point, Sheet, mirrored, rgb, smooth
from maskwise.types import F32, MaskSpec

_WEBBING = rgb("#2a2b2e")
_BANDS = ("#c2337a", "#d9a520", "#e4e4e0", "#6d7f3c")
"""Labels by what is filtered, as in NIOSH's colours: particles, vapours, acids, ammonia."""


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec) - 0.02
    chance = np.clip(sheet.rng.normal(0, 1, 4), -2, 2).tolist()
    pick = sheet.rng.random(4).tolist()
    seat = tailored(sheet, top=top, size=0.015, tilt=0.010)
    for start, end in (((0.64, 0.86), (2.1, -0.12)), ((0.85, 1.36), (2.1, 1.02))):
        straps(sheet, start, end, _WEBBING * (0.8 + 0.5 * pick[3]), 0.12)
    half = [
        (0.0, top),
        (0.17, top + 0.03),
        (0.40, top + 0.28),
        (0.74, 0.80),
        (0.92, 1.10),
        (0.88, 1.45),
        (0.62, 1.78),
        (0.30, 1.94),
        (0.0, 1.97),
    ]
    outline = seat(smooth(mirrored(half), 6))
    part = around(sheet, outline, 0.28)
    body = part.fill(outline)
    part.paint(body, color, flat=True)
    depth = part.depth(body)
    # A rolled lip of rubber against the skin; the body inside it takes the light along its roll.
    part.height += body * (0.04 * bell(depth - 0.05, 0.04) + 0.06 * step(depth - 0.20, 0.03))
    part.tint(body * (0.22 * bell(depth - 0.055, 0.02) - 0.32 * bell(depth - 0.19, 0.025)))
    _shell(part, color, 0.03 * chance[0], hard=bool(pick[0] < 0.5))
    for side in (-1, 1):
        _shine(part, body, side)
    for side in (-1, 1):
        arm = part.stroke(seat([(side * 0.30, 1.12), (side * 0.62, 1.26)]), 0.34)
        part.paint(arm, color * 0.9)
        part.height += 0.04 * part.blur(arm, 0.03)
    at = seat([(0.0, 1.30)])[0]
    valve(part, at, np.clip(color * 0.8, 0, 1), square=bool(pick[1] < 0.3))
    discs = pick[2] < 0.45
    for side in (-1, 1):
        centre = seat([(side * 0.78, 1.33)])[0]
        if discs:
            felt = rgb("#b3306b") if pick[3] < 0.7 else rgb("#d8d8d4")
            _disc(part, centre, color, felt)
        else:
            block = rgb("#26282b") if pick[3] < 0.6 else rgb("#85898c")
            _cartridge(part, centre, block, rgb(_BANDS[int(chance[1] * 10) % 4]))
    part.tint(0.010 * part.cover * part.noise(0.02))


def _shell(part: Sheet, color: F32, lift: float, *, hard: bool) -> None:
    """The middle piece, of harder stuff, that holds valve and filters."""
    half = [(0.0, 0.60), (0.20, 0.64), (0.46, 0.98), (0.42, 1.40), (0.24, 1.66), (0.0, 1.70)]
    shell = part.fill(smooth(mirrored([(x, y + lift) for x, y in half]), 6))
    part.paint(shell, np.clip(color * (1.25 if hard else 1.08) + 0.03, 0, 1))
    part.height += 0.05 * part.blur(shell, 0.025)
    part.tint(-0.20 * np.clip(part.blur(shell, 0.03) - shell, 0, 1))
    grip = part.fill(rounded((0.0, 0.82 + lift), 0.12, 0.075, 0.05))
    part.height -= 0.015 * part.blur(grip, 0.012)
    part.tint(-0.10 * grip)


def _shine(part: Sheet, body: F32, side: int) -> None:
    """Rubber is a little glossy: a soft streak beside the nose."""
    streak = part.stroke([(side * 0.24, 0.52), (side * 0.52, 0.86)], 0.07) * body
    part.paint(0.14 * part.blur(streak, 0.03), rgb("#ffffff"))


def _disc(sheet: Sheet, centre: Point, color: F32, cap: F32) -> None:
    """A round filter of felt that stands out over the cheek: rim, felt, welded seam."""
    part = around(sheet, [centre], 0.46)
    dx, dy = part.arc - np.float32(centre[0]), part.y - np.float32(centre[1])
    away = np.hypot(dx, dy)
    wall = part.ellipse(centre, 0.40, 0.40)
    part.paint(wall, color * 0.55, flat=True)
    part.height += 0.05 * part.blur(wall, 0.02)
    felt = part.ellipse(centre, 0.37, 0.37)
    part.paint(felt, cap)
    part.height += 0.05 * part.blur(felt, 0.03) - 0.012 * felt * bell(away - 0.31, 0.014)
    hub = step(0.12 - away, 0.02)
    part.height += 0.03 * hub
    part.tint(felt * (-0.16 * bell(away - 0.31, 0.016) - 0.10 * bell(away - 0.125, 0.015)))
    part.tint(0.05 * felt * part.noise(0.03))


def _cartridge(sheet: Sheet, centre: Point, color: F32, band: F32) -> None:
    """A rigid cartridge on its bayonet: a block with round corners, a label, a grid of holes."""
    part = around(sheet, [centre], 0.50)
    dx, dy = part.arc - np.float32(centre[0]), part.y - np.float32(centre[1])
    block = part.fill(rounded(centre, 0.38, 0.40, 0.20))
    part.paint(block, color * 0.6, flat=True)
    part.height += 0.05 * part.blur(block, 0.02)
    lid = part.fill(rounded(centre, 0.33, 0.35, 0.17))
    part.paint(lid, color)
    part.height += 0.05 * part.blur(lid, 0.02)
    label = lid * step(0.055 - np.abs(dy - 0.20), 0.006)
    part.paint(label, band)
    inner = part.fill(rounded((centre[0], centre[1] - 0.06), 0.25, 0.17, 0.06))
    holes = inner * (np.sin(dx * 62) * np.sin(dy * 62) > 0.15)
    part.tint(-0.45 * part.blur(holes, 0.006))
    part.tint(-0.20 * np.clip(part.blur(lid, 0.025) - lid, 0, 1) * block)
