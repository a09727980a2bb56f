"""Moulded N95 cup with two straps, with or without a valve."""

from __future__ import annotations

from maskwise.masks.parts import (
    across,
    bell,
    cloth_noise,
    step,
    straps,
    top_edge,
    valve,
)
from maskwise.masks.sheet import Sheet, mirrored, rgb, smooth
from maskwise.types import MaskSpec


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec)
    strap = rgb("#d9c48a") if color.mean() > 0.5 else rgb("#3a3a3c")
    for start, end in (((0.92, 0.82), (2.1, -0.28)), ((0.88, 1.42), (2.1, 0.98))):
        straps(sheet, start, end, strap, 0.085)
    outline = smooth(
        [
            (0.0, top),
            (0.15, top + 0.02),
            (0.36, top + 0.16),
            (0.70, 0.62),
            (0.96, 0.88),
            (1.02, 1.14),
            (0.92, 1.46),
            (0.66, 1.76),
            (0.34, 1.91),
            (0.0, 1.95),
        ]
    )
    body = sheet.fill(mirrored(outline))
    sheet.paint(body, color, flat=True)
    depth = sheet.depth(body)
    # A flat flange all round, then the cup rises from a pressed groove.
    sheet.height += body * (0.05 * step(depth - 0.11, 0.035) - 0.02 * bell(depth - 0.10, 0.02))
    sheet.tint(-0.10 * body * bell(depth - 0.105, 0.018))
    # Pressed ribs across the cup.
    for y in (0.86, 1.42):
        rib = bell(sheet.y - y - 0.10 * (1 - (sheet.arc / 0.8) ** 2), 0.022)
        rib = rib * step(depth - 0.17, 0.03)
        sheet.height += 0.016 * rib
        sheet.tint(-0.06 * rib)
    wire = sheet.stroke(smooth(across(top + 0.085, 0.34, 0.15)), 0.075)
    sheet.paint(wire, color * 0.35 + 0.50)
    sheet.height += 0.012 * wire
    cloth_noise(sheet, body, wrinkle=0.003, grain=0.012)
    if spec.pattern == "valve":
        valve(sheet, (0.0, 1.22), color * 0.9)
