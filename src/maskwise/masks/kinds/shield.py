"""Masks that the mouth is seen through: a window in cloth, or a clear plate over nose and mouth.

Where they are clear the sheet's cover stays low: the face below is seen, dimmed a little.
"""

from __future__ import annotations

import numpy as np

from maskwise.masks.parts import (
    WHITE,
    around,
    bell,
    cloth_noise,
    dashes,
    hem,
    loops,
    rounded,
    step,
    tailored,
    top_edge,
)
from maskwise.masks.sheet import Sheet, mirrored, rgb, smooth
from maskwise.types import F32, MaskSpec

_GLASS = rgb("#e9eef0")
_CLEAR = 0.13
"""Cover of the clear foil without a reflection."""


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    if spec.pattern == "clear":
        _plate(sheet, spec)
    else:
        _cloth(sheet, spec)


def _cloth(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec)
    chance = np.clip(sheet.rng.normal(0, 1, 4), -2, 2).tolist()
    seat = tailored(sheet, top=top)
    upper, lower = (1.16, 0.70 + 0.03 * chance[0]), (1.14, 1.34 + 0.03 * chance[1])
    loops(sheet, upper, lower, color * 0.8 if color.mean() < 0.6 else WHITE * 0.95, 0.045)
    half = [
        (0.0, top - 0.01),
        (0.15, top + 0.03),
        (0.42, min(top + 0.22, 0.58)),
        (0.80, 0.62),
        upper,
        upper,
        (1.15, 1.02),
        lower,
        lower,
        (0.80, 1.66),
        (0.40, 1.90),
        (0.0, 1.97),
    ]
    outline = seat(smooth(mirrored(half), 6))
    part = around(sheet, outline)
    body = part.fill(outline)
    part.paint(body, color, flat=True)
    hem(part, body, outline, 0.07)
    cloth_noise(part, body, wrinkle=0.012, grain=0.020)
    size = (0.50 + 0.03 * chance[2], 0.30 + 0.02 * chance[3])
    window = part.fill(seat(rounded((0.0, 1.06), *size, 0.20)))
    frame = part.fill(seat(rounded((0.0, 1.06), size[0] + 0.07, size[1] + 0.07, 0.26)))
    bound = np.clip(frame - window, 0, 1)
    part.height += 0.018 * part.blur(bound, 0.012)
    depth = part.depth(frame)
    part.tint(-0.14 * body * bell(depth, 0.012) * step(1 - frame, 0.4))
    dashes(part, bound * bell(depth - 0.035, 0.012), part.y + part.arc)
    _glaze(part, window, tuple(chance))


def _plate(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec)
    chance = np.clip(sheet.rng.normal(0, 1, 4), -2, 2).tolist()
    seat = tailored(sheet, top=top)
    upper, lower = (1.00, 0.84), (0.96, 1.40)
    loops(sheet, (1.04, 1.22), (1.02, 1.46), WHITE * 0.95, 0.045)
    half = [
        (0.0, top),
        (0.40, top + 0.06),
        (0.80, top + 0.28),
        upper,
        lower,
        (0.76, 1.70),
        (0.40, 1.90),
        (0.0, 1.95),
    ]
    outline = seat(smooth(mirrored(half), 6))
    part = around(sheet, outline)
    plate = part.fill(outline)
    _glaze(part, plate, tuple(chance))
    # The cut edge gathers light; the chin piece is a solid trough.
    depth = part.depth(plate)
    part.paint(0.45 * plate * bell(depth - 0.012, 0.014), WHITE)
    trough = plate * step(part.y - (1.60 - 0.22 * (part.arc / 0.9) ** 2), 0.012)
    part.paint(trough, color)
    part.height += 0.03 * part.blur(trough, 0.02)


def _glaze(part: Sheet, pane: F32, chance: tuple[float, ...]) -> None:
    """Take the cloth out of ``pane`` and put foil there: faint, with two slanting reflections."""
    part.height *= 1 - pane
    kept = 1 - pane
    slant = part.arc + 0.45 * (part.y - 1.1) + 0.05 * chance[0]
    glare = (
        bell(slant + 0.30, 0.07) + 0.6 * bell(slant + 0.13, 0.025) + 0.4 * bell(slant - 0.42, 0.05)
    )
    fog = 0.05 * bell(np.hypot(part.arc, part.y - (0.98 + 0.03 * chance[1])), 0.25)
    foil = pane * np.clip(_CLEAR + 0.22 * glare * (1 + 0.15 * chance[2]) + fog, 0, 0.42)
    part.cover *= kept
    part.paint(foil, _GLASS)
