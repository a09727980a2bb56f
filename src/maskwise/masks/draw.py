"""One function a type: draws the mask on a sheet, from nothing but a spec.

Sizes are in units of the distance of the eyes (about 62 mm). Names of the face's places on the
sheet: the nose tip stands at y 0.52, the nose base at 0.72, the mouth at 1.0, the chin at 1.81;
the ears hang at arc 1.7 from y 0.1 to 0.75.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np

from maskwise.masks.catalogue import check
from maskwise.masks.parts import (
    WHITE,
    across,
    bell,
    cartridge,
    cloth_noise,
    dashes,
    hem,
    loops,
    nose_wire,
    pattern,
    step,
    straps,
    top_edge,
    valve,
)
from maskwise.masks.sheet import Sheet, Texture, mirrored, rgb, smooth
from maskwise.types import MaskSpec

DENSITIES: Final = (64, 128, 256, 512)
"""px a unit that a sheet is drawn at; the finest is some 2200 px wide."""


def texture(spec: MaskSpec, density: int) -> Texture:
    """The sheet of ``spec``; the last ones are kept, so that the next face costs no drawing.

    The same spec and density give the same bytes. Raises ConfigurationError as ``check`` does.
    """
    return _kept(spec, density) if density <= 128 else _kept_large(spec, density)


def _drawn(spec: MaskSpec, density: int) -> Texture:
    kind = check(spec)
    # Drawn twice as fine where that is cheap: edges and threads come out smooth.
    fine = 2 if density <= 128 else 1
    sheet = Sheet(density * fine, spec.seed)
    DRAWERS[spec.type](sheet, spec)
    drawn = sheet.finish(kind.shape)
    return drawn if fine == 1 else drawn.halved()


# A sheet takes 0.4 MB at density 64, and four times as much at each next one.
_kept = lru_cache(maxsize=64)(_drawn)
_kept_large = lru_cache(maxsize=6)(_drawn)


def _surgical(sheet: Sheet, spec: MaskSpec) -> None:
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


def _n95(sheet: Sheet, spec: MaskSpec) -> None:
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


def _kn95(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec)
    upper, lower = (1.10, 0.80), (1.10, 1.28)
    loops(sheet, upper, lower, WHITE if color.mean() > 0.3 else rgb("#26272a"), 0.055)
    outline = smooth(
        [
            (0.0, top - 0.04),
            (0.0, top - 0.04),
            (0.20, top + 0.06),
            (0.60, 0.54),
            (1.02, 0.74),
            upper,
            (1.14, 1.04),
            lower,
            (1.02, 1.40),
            (0.60, 1.72),
            (0.22, 1.91),
            (0.0, 1.99),
            (0.0, 1.99),
        ]
    )
    body = sheet.fill(mirrored(outline))
    sheet.paint(body, color, flat=True)
    off_centre = np.abs(sheet.arc)
    # The weld down the middle, with its row of dashes; the same along the edges.
    sheet.height += body * (0.025 * bell(off_centre, 0.022) - 0.012 * bell(off_centre, 0.06))
    sheet.tint(-0.10 * body * bell(off_centre - 0.045, 0.012))
    dashes(sheet, body * bell(off_centre - 0.075, 0.011), sheet.y)
    depth = sheet.depth(body)
    for at in (0.055, 0.095):
        dashes(sheet, body * bell(depth - at, 0.010), sheet.y + sheet.arc)
    sheet.tint(-0.07 * body * bell(depth - 0.125, 0.012))
    # Where the halves fold open, a soft crease runs from nose to cheek.
    crease = sheet.y - (0.98 + 0.08 * off_centre)
    sheet.height += body * 0.018 * bell(crease, 0.09) * np.clip(off_centre * 1.5, 0, 1)
    nose_wire(sheet, body, top, 0.40)
    cloth_noise(sheet, body, wrinkle=0.007, grain=0.010)


def _cloth(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = top_edge(spec)
    upper, lower = (1.18, 0.72), (1.16, 1.34)
    loop = color * 0.8 if color.mean() < 0.6 else WHITE * 0.95
    loops(sheet, upper, lower, loop, 0.05)
    outline = smooth(
        [
            (0.0, top - 0.02),
            (0.15, top + 0.03),
            (0.42, top + 0.24),
            (0.80, 0.63),
            upper,
            upper,
            (1.15, 1.02),
            lower,
            lower,
            (0.80, 1.66),
            (0.40, 1.90),
            (0.0, 1.97),
        ]
    )
    body = sheet.fill(mirrored(outline))
    sheet.paint(body, pattern(sheet, spec), flat=True)
    # The two panels meet in a seam that stands out over nose and mouth.
    off_centre = np.abs(sheet.arc)
    sheet.height += body * (0.03 * bell(off_centre, 0.10) - 0.02 * bell(off_centre, 0.014))
    sheet.tint(-0.28 * body * bell(off_centre, 0.012))
    hem(sheet, body, outline, 0.075)
    # Darts at the sides, where the loops gather the cloth.
    gather = np.sin(sheet.y * 26 + sheet.noise(0.5)) * step(off_centre - 0.85, 0.12)
    sheet.height += 0.010 * body * gather
    cloth_noise(sheet, body, wrinkle=0.022, grain=0.030)


def _gas(sheet: Sheet, spec: MaskSpec) -> None:
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


def _bandana(sheet: Sheet, spec: MaskSpec) -> None:
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


DRAWERS: Final[dict[str, Callable[[Sheet, MaskSpec], None]]] = {
    "surgical": _surgical,
    "n95": _n95,
    "kn95": _kn95,
    "cloth": _cloth,
    "gas": _gas,
    "bandana": _bandana,
}
"""The drawing function of every type in the catalogue."""
