"""Moulded N95 cup with two straps, with or without a valve."""

from __future__ import annotations

import numpy as np

from maskwise.masks.parts import (
    across,
    around,
    bell,
    nonwoven,
    stamp,
    step,
    straps,
    tailored,
    top_edge,
    valve,
)
from maskwise.masks.sheet import Point, Sheet, mirrored, rgb, smooth
from maskwise.types import F32, MaskSpec

_STEEL = rgb("#9b9da0")


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec)
    chance = np.clip(sheet.rng.normal(0, 1, 4), -2, 2).tolist()
    pick = sheet.rng.random(4).tolist()
    seat = tailored(sheet, top=top, size=0.022, tilt=0.012)
    strap = rgb("#3a3a3c")
    if color.mean() > 0.4:
        strap = rgb("#e2c14c" if pick[0] < 0.45 else "#e8e4d8" if pick[0] < 0.8 else "#6f97c4")
    ends = ((0.93, 0.86 + 0.03 * chance[0]), (0.89, 1.40 + 0.03 * chance[1]))
    for start, end in zip(ends, ((2.1, -0.30), (2.1, 1.00)), strict=True):
        straps(sheet, start, end, strap, 0.075)
    half = [
        (0.0, top),
        (0.15, top + 0.02),
        (0.36, min(top + 0.16, 0.61)),
        (0.70, 0.66 + 0.2 * (top - 0.29)),
        (0.96, 0.90),
        (1.02, 1.14),
        (0.92, 1.46),
        (0.66, 1.74),
        (0.34, 1.89),
        (0.0, 1.93),
    ]
    outline = seat(smooth(mirrored(half), 6))
    part = around(sheet, outline)
    body = part.fill(outline)
    part.paint(body, color, flat=True)
    depth = part.depth(body)
    # A flat pressed flange all round; from a groove the cup rises.
    cup = step(depth - 0.10, 0.030)
    part.height += body * (0.045 * cup - 0.02 * bell(depth - 0.085, 0.018))
    shade = -0.13 * bell(depth - 0.085, 0.018) - 0.05 * bell(depth - 0.02, 0.015)
    # A pressed rim runs round the middle of the cup, and stiffens it.
    rim = depth - (0.30 + 0.03 * chance[2])
    part.height += body * (0.020 * step(rim, 0.022) + 0.007 * bell(rim, 0.022))
    shade -= 0.05 * bell(rim + 0.03, 0.02)
    if pick[1] < 0.6:
        for y in (0.90, 1.46):
            bow = part.y - y - 0.10 * (1 - (part.arc / 0.8) ** 2)
            rib = bell(bow, 0.02) * step(depth - 0.16, 0.03)
            part.height += 0.014 * rib
            shade -= 0.05 * bell(bow - 0.025, 0.018) * step(depth - 0.16, 0.03)
    part.tint(body * shade)
    _clip(part, body, seat(smooth(across(top + 0.075, 0.34, 0.15))))
    for x, y in ends:
        for side in (-1, 1):
            near = around(part, [(side * (x - 0.05), y)], 0.06)
            staple = near.stroke([(side * (x - 0.07), y - 0.01), (side * (x - 0.03), y)], 0.02)
            near.paint(staple, _STEEL)
            near.height += 0.006 * staple
    if spec.pattern == "valve":
        at = seat([(0.0, 1.20)])[0]
        valve(part, at, color * 0.9 + 0.03, square=bool(pick[2] < 0.4))
    elif pick[3] < 0.6:
        ink = rgb("#3c4046") if color.mean() > 0.4 else rgb("#b9bcc0")
        for text, y, height in (("N95", 1.02, 0.085), ("TC-84A", 1.14, 0.05)):
            stamp(part, text, seat([(0.0, y)])[0], height=height, color=ink, cover=0.55)
    nonwoven(part, body, 0.9)


def _clip(part: Sheet, body: F32, line: list[Point]) -> None:
    """The aluminium strip over the nose, which takes the light along its middle."""
    strip = part.stroke(line, 0.075) * body
    part.paint(strip, _STEEL + 0.08)
    core = part.stroke(line, 0.03) * body
    part.tint(0.16 * part.blur(core, 0.008))
    part.height += 0.014 * part.blur(strip, 0.006)
