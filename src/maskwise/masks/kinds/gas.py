"""Half-face respirator with two cartridges."""

from __future__ import annotations

import numpy as np

from maskwise.masks.parts import (
    bell,
    cartridge,
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
    top = top_edge(spec) - 0.02
    webbing = rgb("#2a2b2e")
    for start, end in (((0.80, 0.80), (2.1, -0.10)), ((0.85, 1.36), (2.1, 1.02))):
        straps(sheet, start, end, webbing, 0.13)
    outline = smooth(
        [
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
    )
    body = sheet.fill(mirrored(outline))
    sheet.paint(body, color, flat=True)
    depth = sheet.depth(body)
    # A rolled lip of rubber against the skin, and the rigid shell inside it.
    sheet.height += body * (0.04 * bell(depth - 0.05, 0.04) + 0.06 * step(depth - 0.20, 0.03))
    sheet.tint(-0.30 * body * bell(depth - 0.19, 0.025))
    shell = sheet.fill(
        mirrored(
            smooth(
                [(0.0, 0.56), (0.20, 0.60), (0.46, 0.98), (0.42, 1.40), (0.24, 1.66), (0.0, 1.70)]
            )
        )
    )
    sheet.paint(shell, np.clip(color * 1.25 + 0.03, 0, 1))
    sheet.height += 0.05 * sheet.blur(shell, 0.025)
    valve(sheet, (0.0, 1.28), np.clip(color * 0.8, 0, 1))
    cap = rgb("#b3306b") if spec.seed % 3 == 0 else rgb("#d8d8d4")
    for side in (-1, 1):
        cartridge(sheet, (side * 0.78, 1.33), color, cap)
    cloth_noise(sheet, body, wrinkle=0.0, grain=0.012)
