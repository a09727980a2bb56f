"""Parts of masks that several types share: straps, hems, seams, valves, patterns.

Sizes are in units of the distance of the eyes; a ``sheet`` is drawn on in place.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from maskwise.masks.sheet import Point, Sheet, rgb, smooth
from maskwise.types import F32, MaskSpec

Values: TypeAlias = npt.NDArray[np.floating[Any]]
WHITE: Final = rgb("#f2f2f0")
_EAR_TOP: Final[Point] = (1.74, 0.06)
_EAR_LOBE: Final[Point] = (1.72, 0.74)


def top_edge(spec: MaskSpec) -> float:
    """The upper edge at the nose: from the tip (coverage 0) to between the eyes (1)."""
    return 0.50 - 0.42 * spec.coverage


def bell(x: Values, width: float) -> F32:
    """1 at 0, falling as a Gaussian: 1/e at ``width``."""
    return np.asarray(np.exp(-((x / np.float32(width)) ** 2)), np.float32)


def step(x: Values, width: float) -> F32:
    """0 below, 1 above, soft over +-``width``."""
    t = np.clip(x / np.float32(2 * width) + np.float32(0.5), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def across(y: float, half: float, drop: float) -> list[Point]:
    """A line over the nose, ``drop`` lower at its ends."""
    ts = (-1.0, -0.6, -0.25, 0.0, 0.25, 0.6, 1.0)
    return [(t * half, y + drop * abs(t) ** 1.4) for t in ts]


def loops(sheet: Sheet, upper: Point, lower: Point, color: F32, width: float) -> None:
    """Elastic from two corners to the ear, on both sides; the body is painted over its ends."""
    for side in (-1, 1):
        for start, end, bend in ((upper, _EAR_TOP, -0.02), (lower, _EAR_LOBE, 0.06)):
            inner = (start[0] - 0.06, start[1] + 0.02)
            middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + bend)
            points = smooth([(side * x, y) for x, y in (inner, middle, end)])
            _band(sheet, points, color, width)


def straps(sheet: Sheet, start: Point, end: Point, color: F32, width: float) -> None:
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


def hem(sheet: Sheet, body: F32, outline: list[Point], width: float) -> None:
    """A folded edge with its line of stitches."""
    depth = sheet.depth(body)
    sheet.height += body * (0.010 * step(width - depth, 0.012))
    sheet.tint(-0.10 * body * bell(depth - width, 0.012))
    dashes(sheet, body * bell(depth - 0.6 * width, 0.009), sheet.y + sheet.arc)


def dashes(sheet: Sheet, line: F32, along: Values) -> None:
    """Stitches or weld points on a line: small dents in a row."""
    dents = line * (np.sin(along * 95) > 0)
    sheet.height -= 0.004 * dents
    sheet.tint(-0.12 * dents)


def nose_wire(sheet: Sheet, body: F32, top: float, half: float) -> None:
    """The wire shows as a flat ridge below the upper edge."""
    wire = sheet.stroke(smooth(across(top + 0.075, half, 0.17)), 0.07) * body
    soft = sheet.blur(wire, 0.012)
    sheet.height += 0.014 * soft
    sheet.tint(0.05 * soft - 0.07 * (sheet.blur(wire, 0.035) - soft).clip(0, 1))


def cloth_noise(sheet: Sheet, body: F32, *, wrinkle: float, grain: float) -> None:
    """Creases (units of height, on blobs of a fifth of a unit) and the weave's grain."""
    if wrinkle:
        creases = sheet.noise(0.42, 0.20) + 0.5 * sheet.noise(0.16, 0.12)
        sheet.height += wrinkle * body * creases
    sheet.tint(grain * body * np.clip(sheet.noise(0.02) + sheet.noise(0.3), -3, 3))


def valve(sheet: Sheet, centre: Point, color: F32) -> None:
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
        * step(0.13 - np.abs(sheet.arc - centre[0]), 0.01)
    )
    sheet.tint(-0.35 * slots)
    sheet.height -= 0.015 * slots


def cartridge(sheet: Sheet, centre: Point, color: F32, cap: F32) -> None:
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
    grooves = lid * (np.cos(np.hypot(dx, dy) * 75) > 0.6) * step(0.27 - np.hypot(dx, dy), 0.01)
    sheet.tint(-0.08 * grooves)
