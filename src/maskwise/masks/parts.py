"""Parts of masks that several types share: straps, hems, seams, valves, patterns.

Sizes are in units of the distance of the eyes; a ``sheet`` is drawn on in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, cos, floor, sin
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from maskwise.masks.grain import threads, white
from maskwise.masks.sheet import _SHIFT, Outline, Point, Sheet, rgb, smooth
from maskwise.masks.surface import ARC_MAX, Y_TOP
from maskwise.types import F32, MaskSpec

Values: TypeAlias = npt.NDArray[np.floating[Any]]
WHITE: Final = rgb("#f2f2f0")
_EAR_TOP: Final[Point] = (2.0, 0.06)
_EAR_LOBE: Final[Point] = (1.97, 0.72)


class Window(Sheet):
    """A rectangle of ``sheet``, drawn on by the same methods: only its pixels are gone over.

    low, high: (arc, y) of two corners, in units; it grows to whole pixels, and a spare one.
    """

    def __init__(self, sheet: Sheet, low: Point, high: Point) -> None:
        rows, width = sheet.cover.shape
        x, u = _pixels_of(low[0], high[0], float(sheet.arc[0, 0]), sheet.density, width)
        y, v = _pixels_of(low[1], high[1], float(sheet.y[0, 0]), sheet.density, rows)
        self.density, self.rng = sheet.density, sheet.rng
        self.arc, self.y = sheet.arc[:, x:u], sheet.y[y:v]
        self.color, self.cover, self.height = (
            a[y:v, x:u] for a in (sheet.color, sheet.cover, sheet.height)
        )

    def noise(self, cell: float, along: float | None = None) -> F32:
        """As the sheet's, over this window alone."""
        rows, width = self.cover.shape
        tall = max(3, round(rows / self.density / (cell if along is None else along)))
        wide = max(3, round(width / self.density / cell))
        if tall >= rows and wide >= width:
            return white(self.rng, rows, width)
        values = self.rng.standard_normal((min(tall, rows), min(wide, width)), np.float32)
        out = cv2.resize(values, (width, rows), interpolation=cv2.INTER_CUBIC)
        return np.asarray(out, np.float32)

    def _pixels(self, corners: Outline) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        origin = (float(self.arc[0, 0]) + ARC_MAX, float(self.y[0, 0]) - Y_TOP)
        corner = [round(v * self.density - 0.5) * (1 << _SHIFT) for v in origin]
        return super()._pixels(corners) - np.array(corner, np.int32)


def _pixels_of(low: float, high: float, origin: float, density: int, count: int) -> tuple[int, int]:
    """First and end of the pixels, of ``count`` from ``origin`` on, that hold this stretch."""
    first = min(max(floor((low - origin) * density + 0.5) - 2, 0), count - 2)
    return first, min(max(ceil((high - origin) * density + 0.5) + 2, first + 2), count)


def around(sheet: Sheet, points: Sequence[Point], margin: float = 0.03) -> Window:
    """The window about an outline or a line, and ``margin`` units beyond."""
    xs, ys = zip(*points, strict=True)
    low, high = (min(xs) - margin, min(ys) - margin), (max(xs) + margin, max(ys) + margin)
    return Window(sheet, low, high)


def top_edge(spec: MaskSpec) -> float:
    """The upper edge at the nose: from the tip (coverage 0) to between the eyes (1)."""
    return 0.50 - 0.42 * spec.coverage


def bell(x: Values, width: float) -> F32:
    """1 at 0, falling as a Gaussian: 1/e at ``width``."""
    t = np.asarray(x * np.float32(1 / width), np.float32)
    t = t * -t
    # OpenCV's is three times as fast as NumPy's, and knows two dimensions only.
    return np.asarray(cv2.exp(t) if t.ndim == 2 else np.exp(t), np.float32)


def step(x: Values, width: float) -> F32:
    """0 below, 1 above, soft over +-``width``."""
    t = np.asarray(x * np.float32(0.5 / width), np.float32)
    t += np.float32(0.5)
    if t.ndim == 2:
        cv2.threshold(t, 1, 0, cv2.THRESH_TRUNC, dst=t)
        cv2.threshold(t, 0, 0, cv2.THRESH_TOZERO, dst=t)
    else:
        t = np.clip(t, 0, 1)
    out = t * np.float32(-2)
    out += np.float32(3)
    out *= t
    out *= t
    return np.asarray(out, np.float32)


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
            points = smooth([(side * x, y) for x, y in (inner, middle, end)], 5)
            _band(sheet, points, color, width)


def straps(sheet: Sheet, start: Point, end: Point, color: F32, width: float) -> None:
    """A band round the head, on both sides."""
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    for side in (-1, 1):
        _band(sheet, [(side * x, y) for x, y in (start, middle, end)], color, width)


def _band(sheet: Sheet, points: list[Point], color: F32, width: float) -> None:
    part = around(sheet, points, width)
    band = part.stroke(points, width)
    if width * part.density < 3:  # the core would be less than a pixel
        part.paint(band, color * 0.96)
        part.height += 0.016 * band
        return
    part.paint(band, color * 0.94)
    core = part.stroke(points, width * 0.45)
    part.paint(core, color)
    part.height += 0.012 * band + 0.008 * core


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


def valve(sheet: Sheet, centre: Point, color: F32, *, square: bool = False) -> None:
    """An exhalation valve with slots, round or square."""
    part = around(sheet, [centre], 0.30)

    def plate(half: float) -> F32:
        if square:
            return part.fill(rounded(centre, half, 0.95 * half, 0.3 * half))
        return part.ellipse(centre, half, 0.95 * half)

    part.tint(-0.25 * part.blur(plate(0.25), 0.02) * part.cover)
    rim = plate(0.235)
    part.paint(rim, color * 0.92)
    part.height += 0.07 * part.blur(rim, 0.015)
    cap = plate(0.185)
    part.paint(cap, np.clip(color * 1.02, 0, 1))
    part.height += 0.03 * part.blur(cap, 0.02)
    dx, dy = part.arc - np.float32(centre[0]), part.y - np.float32(centre[1])
    slots = cap * (np.sin(dy * 70) > 0.55) * step(0.13 - np.abs(dx), 0.01)
    part.tint(-0.35 * slots)
    part.height -= 0.015 * slots


def rounded(centre: Point, half_width: float, half_height: float, corner: float) -> list[Point]:
    """The outline of a rectangle with round corners."""
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    c, s = np.cos(t), np.sin(t)
    xs = centre[0] + np.sign(c) * (half_width - corner) + corner * c
    ys = centre[1] + np.sign(s) * (half_height - corner) + corner * s
    return [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]


def tailored(
    sheet: Sheet, *, top: float, size: float = 0.03, tilt: float = 0.016
) -> Callable[[Sequence[Point]], list[Point]]:
    """The small chances of size and seat, drawn from the seed, as a mapping of outlines.

    size: deviation of width and of height (below ``top``), as a share; tilt: of the slope.
    """
    wide, tall, slope, shift = np.clip(sheet.rng.normal(0, 1, 4), -2, 2)
    wide, tall = 1 + size * wide, 1 + 0.8 * size * tall
    slope, shift = tilt * slope, 0.6 * tilt * shift
    return lambda points: [
        (float(wide * x + shift), float(top + tall * (y - top) + slope * x)) for x, y in points
    ]


def crumple(sheet: Sheet, count: int, depth: float) -> None:
    """Single soft creases, most of them slanting from the sides towards the mouth."""
    for _ in range(count):
        side = 2 * int(sheet.rng.integers(0, 2)) - 1
        x, y = sheet.rng.uniform(0.15, 0.95), sheet.rng.uniform(0.65, 1.65)
        turn, size = side * (sheet.rng.normal(0.0, 0.5) + 0.9 * (y - 1.1)), sheet.rng.normal()
        length, width = sheet.rng.uniform(0.12, 0.32), sheet.rng.uniform(0.04, 0.10)
        reach = 1.6 * length
        part = Window(sheet, (side * x - reach, y - reach), (side * x + reach, y + reach))
        dx, dy = part.arc - np.float32(side * x), part.y - np.float32(y)
        s, c = np.float32(sin(turn)), np.float32(cos(turn))
        along = np.clip(1 - ((dx * c + dy * s) * np.float32(1 / reach)) ** 2, 0, 1)
        ridge = bell(dy * c - dx * s, width)
        for _ in range(3):
            ridge *= along
        part.height += np.float32(depth * min(max(size, -2), 2)) * ridge


def nonwoven(sheet: Sheet, body: F32, strength: float = 1.0) -> None:
    """Pressed fibres: uneven thickness, threads every way, and the grid of bonded points.

    The last that a type draws: how many chances it takes depends on the density.
    """
    cloud = sheet.noise(0.09) + sheet.noise(0.045)
    # Threads thinner than a pixel average out in it.
    fade = np.float32(min(1.0, 0.007 * sheet.density))
    fibres = (
        threads(sheet.rng, sheet.density, *sheet.cover.shape)
        if sheet.density >= 200
        else sheet.noise(max(0.007, 1 / sheet.density))
    )
    sheet.tint(body * (np.float32(0.011 * strength) * cloud + np.float32(0.014) * fade * fibres))
    sheet.height += np.float32(0.0005 * strength) * fade * body * fibres
    pitch = 0.021
    if pitch * sheet.density > 4:
        # A diamond grid is a difference of two waves.
        grid = np.cos(sheet.arc * np.float32(2 * np.pi / pitch)) - np.cos(
            sheet.y * np.float32(2 * np.pi / pitch)
        )
        dots = body * np.clip(grid - 1, 0, 1)
        sheet.height -= np.float32(0.0016 * strength) * dots
        sheet.tint(np.float32(-0.03 * strength) * dots)


def stamp(
    sheet: Sheet, text: str, centre: Point, *, height: float, color: F32, cover: float
) -> None:
    """A line of print, ``height`` units tall."""
    (width, tall), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 3)
    ink = np.zeros((tall + base + 8, width + 8), np.uint8)
    cv2.putText(ink, text, (4, tall + 4), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 3, cv2.LINE_AA)
    unit = height / tall
    reach = (ink.shape[1] * unit / 2, ink.shape[0] * unit / 2)
    part = Window(
        sheet,
        (centre[0] - reach[0], centre[1] - reach[1]),
        (centre[0] + reach[0], centre[1] + reach[1]),
    )
    # Area-averaged to the sheet's grain, then placed by interpolation.
    shrink = min(1.0, 1 / (unit * sheet.density))
    small = cv2.resize(ink, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    column = (part.arc - (centre[0] - reach[0])) * np.float32(small.shape[1] / (2 * reach[0]))
    row = (part.y - (centre[1] - reach[1])) * np.float32(small.shape[0] / (2 * reach[1]))
    column, row = (np.broadcast_to(a - 0.5, part.cover.shape) for a in (column, row))
    seen = cv2.remap(small, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR)
    part.paint(seen * np.float32(cover / 255) * part.cover, color)
