"""One function a type: draws the mask on a sheet, from nothing but a spec.

Sizes are in units of the distance of the eyes (about 62 mm). Names of the face's places on the
sheet: the nose tip stands at y 0.52, the nose base at 0.72, the mouth at 1.0, the chin at 1.81;
the ears hang at arc 1.7 from y 0.1 to 0.75.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from maskwise.masks.catalogue import check
from maskwise.masks.sheet import Point, Sheet, Texture, mirrored, rgb, smooth
from maskwise.types import F32, MaskSpec

Values: TypeAlias = npt.NDArray[np.floating[Any]]
WHITE: Final = rgb("#f2f2f0")
_EAR_TOP: Final[Point] = (1.74, 0.06)
_EAR_LOBE: Final[Point] = (1.72, 0.74)
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
    top = _top(spec)
    jitter = sheet.rng.normal(0, 0.012, 6)
    upper, lower = (1.17, 0.74 + jitter[0]), (1.20, 1.36 + jitter[1])
    _loops(sheet, upper, lower, WHITE if color.mean() > 0.3 else rgb("#26272a"), 0.045)
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
        sheet.height += body * 0.030 * _step(below, 0.018) * np.exp(-np.clip(below, 0, None) / 0.16)
        fold = np.exp(-np.clip(below, 0, None) / 0.05) * _step(below, 0.010)
        sheet.tint(-0.20 * body * fold * np.clip(0.45 + 0.55 * spread, 0, 1))
    _hem(sheet, body, outline, 0.085)
    _nose_wire(sheet, body, top, 0.42)
    _cloth_noise(sheet, body, wrinkle=0.010, grain=0.012)


def _n95(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = _top(spec)
    strap = rgb("#d9c48a") if color.mean() > 0.5 else rgb("#3a3a3c")
    for start, end in (((0.92, 0.82), (2.1, -0.28)), ((0.88, 1.42), (2.1, 0.98))):
        _strap(sheet, start, end, strap, 0.085)
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
    sheet.height += body * (0.05 * _step(depth - 0.11, 0.035) - 0.02 * _bell(depth - 0.10, 0.02))
    sheet.tint(-0.10 * body * _bell(depth - 0.105, 0.018))
    # Pressed ribs across the cup.
    for y in (0.86, 1.42):
        rib = _bell(sheet.y - y - 0.10 * (1 - (sheet.arc / 0.8) ** 2), 0.022)
        rib = rib * _step(depth - 0.17, 0.03)
        sheet.height += 0.016 * rib
        sheet.tint(-0.06 * rib)
    wire = sheet.stroke(smooth(_across(top + 0.085, 0.34, 0.15)), 0.075)
    sheet.paint(wire, color * 0.35 + 0.50)
    sheet.height += 0.012 * wire
    _cloth_noise(sheet, body, wrinkle=0.003, grain=0.012)
    if spec.pattern == "valve":
        _valve(sheet, (0.0, 1.22), color * 0.9)


def _kn95(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = _top(spec)
    upper, lower = (1.10, 0.80), (1.10, 1.28)
    _loops(sheet, upper, lower, WHITE if color.mean() > 0.3 else rgb("#26272a"), 0.055)
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
    sheet.height += body * (0.025 * _bell(off_centre, 0.022) - 0.012 * _bell(off_centre, 0.06))
    sheet.tint(-0.10 * body * _bell(off_centre - 0.045, 0.012))
    _dashes(sheet, body * _bell(off_centre - 0.075, 0.011), sheet.y)
    depth = sheet.depth(body)
    for at in (0.055, 0.095):
        _dashes(sheet, body * _bell(depth - at, 0.010), sheet.y + sheet.arc)
    sheet.tint(-0.07 * body * _bell(depth - 0.125, 0.012))
    # Where the halves fold open, a soft crease runs from nose to cheek.
    crease = sheet.y - (0.98 + 0.08 * off_centre)
    sheet.height += body * 0.018 * _bell(crease, 0.09) * np.clip(off_centre * 1.5, 0, 1)
    _nose_wire(sheet, body, top, 0.40)
    _cloth_noise(sheet, body, wrinkle=0.007, grain=0.010)


def _cloth(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = _top(spec)
    upper, lower = (1.18, 0.72), (1.16, 1.34)
    loop = color * 0.8 if color.mean() < 0.6 else WHITE * 0.95
    _loops(sheet, upper, lower, loop, 0.05)
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
    sheet.paint(body, _pattern(sheet, spec), flat=True)
    # The two panels meet in a seam that stands out over nose and mouth.
    off_centre = np.abs(sheet.arc)
    sheet.height += body * (0.03 * _bell(off_centre, 0.10) - 0.02 * _bell(off_centre, 0.014))
    sheet.tint(-0.28 * body * _bell(off_centre, 0.012))
    _hem(sheet, body, outline, 0.075)
    # Darts at the sides, where the loops gather the cloth.
    gather = np.sin(sheet.y * 26 + sheet.noise(0.5)) * _step(off_centre - 0.85, 0.12)
    sheet.height += 0.010 * body * gather
    _cloth_noise(sheet, body, wrinkle=0.022, grain=0.030)


def _gas(sheet: Sheet, spec: MaskSpec) -> None:
    color = rgb(spec.color)
    top = _top(spec) - 0.02
    webbing = rgb("#2a2b2e")
    for start, end in (((0.80, 0.80), (2.1, -0.10)), ((0.85, 1.36), (2.1, 1.02))):
        _strap(sheet, start, end, webbing, 0.13)
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
    sheet.height += body * (0.04 * _bell(depth - 0.05, 0.04) + 0.06 * _step(depth - 0.20, 0.03))
    sheet.tint(-0.30 * body * _bell(depth - 0.19, 0.025))
    shell = sheet.fill(
        mirrored(
            smooth(
                [(0.0, 0.56), (0.20, 0.60), (0.46, 0.98), (0.42, 1.40), (0.24, 1.66), (0.0, 1.70)]
            )
        )
    )
    sheet.paint(shell, np.clip(color * 1.25 + 0.03, 0, 1))
    sheet.height += 0.05 * sheet.blur(shell, 0.025)
    _valve(sheet, (0.0, 1.28), np.clip(color * 0.8, 0, 1))
    cap = rgb("#b3306b") if spec.seed % 3 == 0 else rgb("#d8d8d4")
    for side in (-1, 1):
        _cartridge(sheet, (side * 0.78, 1.33), color, cap)
    _cloth_noise(sheet, body, wrinkle=0.0, grain=0.012)


def _bandana(sheet: Sheet, spec: MaskSpec) -> None:
    top = _top(spec) + 0.02
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
    sheet.paint(body, _pattern(sheet, spec), flat=True)
    # Folds hang from the cheeks to the chest, and lie round the neck below the chin.
    sag = sheet.y - 0.35 * (sheet.arc / 1.2) ** 2
    low = _step(sheet.y - 1.75, 0.25)
    folds = sheet.noise(1.1, 0.16) * (0.25 + low) + 0.5 * np.sin(sag * 9 + sheet.noise(1.2)) * low
    slant = sheet.noise(0.35, 1.0) * np.clip(np.abs(sheet.arc) - 0.35, 0, 1)
    sheet.height += body * (0.045 * folds + 0.026 * slant)
    sheet.height += body * 0.012 * _bell(sheet.depth(body) - 0.02, 0.02)
    _cloth_noise(sheet, body, wrinkle=0.014, grain=0.025)


DRAWERS: Final[dict[str, Callable[[Sheet, MaskSpec], None]]] = {
    "surgical": _surgical,
    "n95": _n95,
    "kn95": _kn95,
    "cloth": _cloth,
    "gas": _gas,
    "bandana": _bandana,
}
"""The drawing function of every type in the catalogue."""


# Parts that several types share.


def _top(spec: MaskSpec) -> float:
    """The upper edge at the nose: from the tip (coverage 0) to between the eyes (1)."""
    return 0.50 - 0.42 * spec.coverage


def _bell(x: Values, width: float) -> F32:
    return np.asarray(np.exp(-((x / np.float32(width)) ** 2)), np.float32)


def _step(x: Values, width: float) -> F32:
    """0 below, 1 above, soft over +-``width``."""
    t = np.clip(x / np.float32(2 * width) + np.float32(0.5), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _across(y: float, half: float, drop: float) -> list[Point]:
    """A line over the nose, ``drop`` lower at its ends."""
    ts = (-1.0, -0.6, -0.25, 0.0, 0.25, 0.6, 1.0)
    return [(t * half, y + drop * abs(t) ** 1.4) for t in ts]


def _loops(sheet: Sheet, upper: Point, lower: Point, color: F32, width: float) -> None:
    """Elastic from two corners to the ear, on both sides; the body is painted over its ends."""
    for side in (-1, 1):
        for start, end, bend in ((upper, _EAR_TOP, -0.02), (lower, _EAR_LOBE, 0.06)):
            inner = (start[0] - 0.06, start[1] + 0.02)
            middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + bend)
            points = smooth([(side * x, y) for x, y in (inner, middle, end)])
            _band(sheet, points, color, width)


def _strap(sheet: Sheet, start: Point, end: Point, color: F32, width: float) -> None:
    """A band round the head, on both sides."""
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    for side in (-1, 1):
        _band(sheet, [(side * x, y) for x, y in (start, middle, end)], color, width)


def _band(sheet: Sheet, points: list[Point], color: F32, width: float) -> None:
    band = sheet.stroke(points, width)
    sheet.paint(band, color * 0.94)
    core = sheet.stroke(points, width * 0.45)
    sheet.paint(core, color)
    sheet.height += 0.012 * band + 0.008 * core


def _hem(sheet: Sheet, body: F32, outline: list[Point], width: float) -> None:
    """A folded edge with its line of stitches."""
    depth = sheet.depth(body)
    sheet.height += body * (0.010 * _step(width - depth, 0.012))
    sheet.tint(-0.10 * body * _bell(depth - width, 0.012))
    _dashes(sheet, body * _bell(depth - 0.6 * width, 0.009), sheet.y + sheet.arc)


def _dashes(sheet: Sheet, line: F32, along: Values) -> None:
    """Stitches or weld points on a line: small dents in a row."""
    dents = line * (np.sin(along * 95) > 0)
    sheet.height -= 0.004 * dents
    sheet.tint(-0.12 * dents)


def _nose_wire(sheet: Sheet, body: F32, top: float, half: float) -> None:
    """The wire shows as a flat ridge below the upper edge."""
    wire = sheet.stroke(smooth(_across(top + 0.075, half, 0.17)), 0.07) * body
    soft = sheet.blur(wire, 0.012)
    sheet.height += 0.014 * soft
    sheet.tint(0.05 * soft - 0.07 * (sheet.blur(wire, 0.035) - soft).clip(0, 1))


def _cloth_noise(sheet: Sheet, body: F32, *, wrinkle: float, grain: float) -> None:
    """Creases (units of height, on blobs of a fifth of a unit) and the weave's grain."""
    if wrinkle:
        creases = sheet.noise(0.42, 0.20) + 0.5 * sheet.noise(0.16, 0.12)
        sheet.height += wrinkle * body * creases
    sheet.tint(grain * body * np.clip(sheet.noise(0.02) + sheet.noise(0.3), -3, 3))


def _valve(sheet: Sheet, centre: Point, color: F32) -> None:
    """A round exhalation valve with slots."""
    rim = sheet.ellipse(centre, 0.235, 0.225)
    sheet.paint(rim, color * 0.92)
    sheet.height += 0.07 * sheet.blur(rim, 0.015)
    cap = sheet.ellipse(centre, 0.185, 0.175)
    sheet.paint(cap, np.clip(color * 1.02, 0, 1))
    sheet.height += 0.03 * sheet.blur(cap, 0.02)
    slots = (
        cap
        * (np.sin((sheet.y - centre[1]) * 70) > 0.55)
        * _step(0.13 - np.abs(sheet.arc - centre[0]), 0.01)
    )
    sheet.tint(-0.35 * slots)
    sheet.height -= 0.015 * slots


def _cartridge(sheet: Sheet, centre: Point, color: F32, cap: F32) -> None:
    """A round filter that stands out over the cheek: side wall, rim, and a coloured lid."""
    wall = sheet.ellipse(centre, 0.40, 0.40)
    sheet.paint(wall, color * 0.55, flat=True)
    sheet.height += 0.05 * sheet.blur(wall, 0.02)
    lid = sheet.ellipse(centre, 0.345, 0.345)
    sheet.paint(lid, cap)
    sheet.height += 0.06 * sheet.blur(lid, 0.02)
    ring = lid - sheet.ellipse(centre, 0.30, 0.30)
    sheet.tint(-0.22 * np.clip(ring, 0, 1))
    dx, dy = sheet.arc - centre[0], sheet.y - centre[1]
    grooves = lid * (np.cos(np.hypot(dx, dy) * 75) > 0.6) * _step(0.27 - np.hypot(dx, dy), 0.01)
    sheet.tint(-0.08 * grooves)


def _pattern(sheet: Sheet, spec: MaskSpec) -> F32:
    """(H, W, 3) colour of the cloth."""
    base = rgb(spec.color)
    other = np.clip(base * 0.45, 0, 1) if base.mean() > 0.45 else base * 0.5 + 0.45
    turn, size = float(sheet.rng.uniform(-0.12, 0.12)), float(sheet.rng.uniform(0.85, 1.2))
    u = (sheet.arc * np.cos(turn) + sheet.y * np.sin(turn)) / size
    v = (sheet.y * np.cos(turn) - sheet.arc * np.sin(turn)) / size
    if spec.pattern == "checks":
        mix = 0.5 * (_wave(u, 0.24) + _wave(v, 0.24))
    elif spec.pattern == "stripes":
        mix = _wave(v, 0.26)
    elif spec.pattern == "dots":
        row = np.floor(v / 0.17)
        du = np.mod(u + 0.1 * np.mod(row, 2), 0.2) - 0.1
        mix = _step(0.052 - np.hypot(du, np.mod(v, 0.17) - 0.085), 0.008)
    else:
        mix = np.zeros_like(sheet.cover)
    mix = np.broadcast_to(mix, sheet.cover.shape)[..., None]
    return np.asarray(base + mix * (other - base), np.float32)


def _wave(x: F32, period: float) -> F32:
    """Bands of half a period, soft at their edges."""
    return _step(np.sin(x * np.float32(2 * np.pi / period)).astype(np.float32), 0.12)
