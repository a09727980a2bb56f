"""Three-layer surgical mask: pleats, nose wire, ear loops."""

from __future__ import annotations

import numpy as np

from maskwise.masks.parts import (
    WHITE,
    cloth_noise,
    hem,
    loops,
    nose_wire,
    step,
    top_edge,
)
from maskwise.masks.sheet import Sheet, mirrored, rgb, smooth
from maskwise.types import MaskSpec


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec)
    jitter = sheet.rng.normal(0, 0.012, 6)
    upper, lower = (1.17, 0.74 + jitter[0]), (1.20, 1.36 + jitter[1])
    loops(sheet, upper, lower, WHITE if color.mean() > 0.3 else rgb("#26272a"), 0.045)
    outline = smooth(
        [
            (0.0, top),
            (0.16, top + 0.03),
            (0.42, top + 0.20),
            (0.80, 0.62 + 0.25 * (top - 0.29)),
            upper,
            upper,
            (1.21, 1.05),
            lower,
            lower,
            (0.86, 1.68),
            (0.45, 1.90),
            (0.0, 1.97),
        ]
    )
    body = sheet.fill(mirrored(outline))
    sheet.paint(body, color, flat=True)
    # Three pleats, sewn down at the sides and pulled open over the chin.
    spread = 1 - (sheet.arc / 1.2) ** 2
    for k, (side, sag) in enumerate(((0.90, 0.00), (1.08, 0.10), (1.26, 0.20))):
        line = side + (sag + 0.02 + 0.4 * jitter[2 + k]) * np.clip(spread, 0, 1)
        below = sheet.y - line
        sheet.height += body * 0.030 * step(below, 0.018) * np.exp(-np.clip(below, 0, None) / 0.16)
        fold = np.exp(-np.clip(below, 0, None) / 0.05) * step(below, 0.010)
        sheet.tint(-0.20 * body * fold * np.clip(0.45 + 0.55 * spread, 0, 1))
    hem(sheet, body, outline, 0.085)
    nose_wire(sheet, body, top, 0.42)
    cloth_noise(sheet, body, wrinkle=0.010, grain=0.012)
