"""Bandana, from the nose down to the neck."""

from __future__ import annotations

import numpy as np

from maskwise.masks.parts import (
    bell,
    cloth_noise,
    step,
    top_edge,
)
from maskwise.masks.patterns import pattern
from maskwise.masks.sheet import Sheet, mirrored, smooth
from maskwise.types import MaskSpec


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    top = top_edge(spec) + 0.02
    outline = smooth(
        [
            (0.0, top),
            (0.18, top + 0.03),
            (0.50, top + 0.20),
            (1.00, 0.55),
            (1.60, 0.60),
            (2.14, 0.55),
            (2.14, 0.55),
            (2.14, 2.2),
            (2.14, 2.2),
            (1.2, 2.45),
            (0.5, 2.62),
            (0.0, 2.66),
        ]
    )
    body = sheet.fill(mirrored(outline))
    sheet.paint(body, pattern(sheet, spec), flat=True)
    # Folds hang from the cheeks to the chest, and lie round the neck below the chin.
    sag = sheet.y - 0.35 * (sheet.arc / 1.2) ** 2
    low = step(sheet.y - 1.75, 0.25)
    folds = sheet.noise(1.1, 0.16) * (0.25 + low) + 0.5 * np.sin(sag * 9 + sheet.noise(1.2)) * low
    slant = sheet.noise(0.35, 1.0) * np.clip(np.abs(sheet.arc) - 0.35, 0, 1)
    sheet.height += body * (0.045 * folds + 0.026 * slant)
    sheet.height += body * 0.012 * bell(sheet.depth(body) - 0.02, 0.02)
    cloth_noise(sheet, body, wrinkle=0.014, grain=0.025)
