"""Axes, and the names of lines, of a plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from maskwise.evaluate.report.canvas import DASHES, Canvas, Point, Words
from maskwise.types import F64

WIDTH: Final = 420
HEIGHT: Final = 330
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 34, 44
_WIDE, _NARROW = frozenset("mwMW@%"), frozenset("iljtfr.,:;'|!() ")


def width_of(text: str) -> float:
    """Of bold text of 12.5 px, in a wide font: the reader's is not known."""
    return sum(12.2 if c in _WIDE else 5.4 if c in _NARROW else 8.3 for c in text)


@dataclass(frozen=True, slots=True)
class Axis:
    """Share of a side of the plot for each value. low, high: the ends; log: of base ten."""

    low: float
    high: float
    log: bool

    def place(self, values: npt.ArrayLike) -> F64:
        """0 at ``low``, 1 at ``high``; what lies beyond is held at the ends."""
        given, low, high = np.asarray(values, np.float64), self.low, self.high
        if self.log:
            given = np.log10(np.maximum(given, low))
            low, high = math.log10(low), math.log10(high)
        out: F64 = np.clip((given - low) / (high - low), 0, 1)
        return out


class Frame:
    """A canvas with axes."""

    def __init__(
        self, x: Axis, y: Axis, title: str, description: str, *, height: float = HEIGHT
    ) -> None:
        self.x, self.y = x, y
        self.canvas = Canvas(WIDTH, height, title, description)
        self.left, self.right = float(LEFT), float(WIDTH - RIGHT)
        self.top, self.bottom = float(TOP), float(height - BOTTOM)
        self.canvas.words(Words((8, 16), title, bold=True))

    def points(self, x: npt.ArrayLike, y: npt.ArrayLike) -> list[Point]:
        """Of the data, on the canvas."""
        across = self.left + self.x.place(x) * (self.right - self.left)
        down = self.bottom - self.y.place(y) * (self.bottom - self.top)
        return list(zip(across.tolist(), down.tolist(), strict=True))

    def ticks(
        self,
        x: Sequence[tuple[float, str]],
        y: Sequence[tuple[float, str]],
        x_title: str,
        y_title: str,
    ) -> None:
        """Grid lines with their labels, and what the axes are."""
        for value, label in x:
            ((at, _),) = self.points([value], [self.y.low])
            self.canvas.line(((at, self.top), (at, self.bottom)), "grid")
            place = "end" if at > self.right - 8 and len(label) > 3 else "middle"
            self.canvas.words(Words((at, self.bottom + 15), label, "soft", 11.5, place))
        for value, label in y:
            ((_, at),) = self.points([self.x.low], [value])
            self.canvas.line(((self.left, at), (self.right, at)), "grid")
            self.canvas.words(Words((self.left - 5, at + 4), label, "soft", 11.5, "end"))
        middle = (self.left + self.right) / 2
        self.canvas.words(
            Words((middle, self.canvas.height - 8), x_title, px=12.5, anchor="middle")
        )
        upright = (self.top + self.bottom) / 2
        self.canvas.words(Words((13, upright), y_title, px=12.5, anchor="middle", turned=True))

    def edge(self) -> None:
        """The axes' lines, over what was drawn."""
        corner = ((self.left, self.top), (self.left, self.bottom), (self.right, self.bottom))
        self.canvas.line(corner, "soft")


def legend(plot: Frame, lines: Sequence[list[Point]], names: Sequence[str]) -> None:
    """The names of the lines, from the highest line down, in the corner that they leave free."""
    most = plot.right - plot.left - 16
    wide = min(max(map(width_of, names), default=0.0) + 34, most)
    high = 17.0 * len(names) + 4
    corners = [
        (x, y)
        for y in (plot.top + 4, plot.bottom - high - 4)
        for x in (plot.right - wide - 4, plot.left + 8)
    ]

    def crowd(corner: Point) -> int:
        return sum(
            corner[0] - 6 <= x <= corner[0] + wide and corner[1] - 4 <= y <= corner[1] + high + 4
            for line in lines
            for a, b in pairwise(line)
            for x, y in _between(a, b)
        )

    left, top = min(corners, key=crowd)
    heights = [sum(y for _, y in line) / max(len(line), 1) for line in lines]
    for row, number in enumerate(sorted(range(len(names)), key=heights.__getitem__)):
        y = top + 17 * row + 13
        text = names[number]
        while len(text) > 1 and width_of(text) > wide - 30:
            text = f"{text[:-2]}…"
        plot.canvas.line(((left, y - 4), (left + 24, y - 4)), f"s{number}", 2.2, DASHES[number])
        plot.canvas.words(Words((left + 30, y), text, f"s{number}", 12.5, halo=True, bold=True))


def _between(a: Point, b: Point) -> list[Point]:
    """Points on the line from a to b, about 6 apart."""
    steps = max(1, round(math.dist(a, b) / 6))
    return [
        (a[0] + k / steps * (b[0] - a[0]), a[1] + k / steps * (b[1] - a[1])) for k in range(steps)
    ]
