"""The plots of a report: DET, histogram of scores, CMC, and rates of groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskwise.evaluate.report.canvas import DASHES, SERIES, Canvas, Point, Words
from maskwise.evaluate.report.frame import BOTTOM, TOP, Axis, Frame, legend
from maskwise.evaluate.report.words import percent
from maskwise.types import F64


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A curve of error rates. x, y: (K,) float64 shares, x rising.

    band: (B,) x, low, high: the interval of y. supported_from: the least x that so many trials
    support; left of it the line is pale.
    """

    name: str
    x: F64
    y: F64
    band: tuple[F64, F64, F64] | None = None
    supported_from: float = 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at a score."""

    at: float
    text: str


def error_curves(traces: Sequence[Trace], title: str, x_title: str, y_title: str) -> Canvas:
    """DET curves on two logarithmic axes: what a point below the last tick is, is said."""
    least_x = min([float(t.x[t.x > 0].min()) for t in traces if (t.x > 0).any()], default=0.1)
    least_y = min([float(t.y[t.y > 0].min()) for t in traces if (t.y > 0).any()], default=0.1)
    x = Axis(_decade(least_x), 1.0, True)
    y = Axis(_decade(least_y), 1.0, True)
    names = ", ".join(t.name for t in traces)
    plot = Frame(x, y, title, f"{y_title} over {x_title}, for {names}")
    plot.ticks(_decades(x), _decades(y), x_title, y_title)
    for number, trace in enumerate(traces[:SERIES]):
        if trace.band is not None:
            at, low, high = trace.band
            outline = plot.points(at, high) + plot.points(at, low)[::-1]
            plot.canvas.area(outline, f"s{number}", 0.16)
    lines: list[list[Point]] = []
    for number, trace in enumerate(traces[:SERIES]):
        points = _thinned(plot.points(trace.x, trace.y))
        split = plot.points([max(trace.supported_from, x.low)], [1.0])[0][0]
        pale, firm = _parted(points, split)
        plot.canvas.line(pale, f"s{number}", 1.3, DASHES[number], 0.45)
        plot.canvas.line(firm, f"s{number}", 2.2, DASHES[number])
        lines.append(points)
    legend(plot, lines, [trace.name for trace in traces[:SERIES]])
    plot.edge()
    return plot.canvas


def histogram(
    mated: F64,
    non_mated: F64,
    marks: Sequence[Mark],
    title: str,
    *,
    span: tuple[float, float],
    bins: int = 60,
) -> Canvas:
    """Shares of mated and non-mated scores, with thresholds. span: lowest and highest score."""
    low, high = span if span[1] > span[0] else (span[0] - 0.5, span[0] + 0.5)
    edges = np.linspace(low, high, bins + 1)
    counts = [np.histogram(given, edges)[0] for given in (non_mated, mated)]
    shares = [made / max(made.sum(), 1) for made in counts]
    most = max(1e-9, *(float(made.max()) for made in shares))
    plot = Frame(
        Axis(low, high, False),
        Axis(0, most * 1.28, False),
        title,
        f"Shares of {mated.size} mated and {non_mated.size} non-mated trials by score",
    )
    steps = _round_steps(low, high)
    plot.ticks(
        [(value, f"{value:g}") for value in steps],
        [(value, percent(value)) for value in _round_steps(0, most * 1.28, 4)],
        "score (higher is more alike)",
        "share of trials of the kind",
    )
    for share, ink, dash, name in (
        (shares[0], "s1", DASHES[1], "non-mated"),
        (shares[1], "s0", (), "mated"),
    ):
        outline = plot.points(np.repeat(edges, 2), np.concatenate([[0], np.repeat(share, 2), [0]]))
        plot.canvas.area(outline, ink, 0.28)
        plot.canvas.line(outline, ink, 1.6, dash)
        if share.any():
            top = int(np.argmax(share))
            ((x, y),) = plot.points([(edges[top] + edges[top + 1]) / 2], [share[top]])
            x = min(max(x, plot.left + 34), plot.right - 34)
            plot.canvas.words(Words((x, y - 5), name, ink, 12.5, "middle", halo=True, bold=True))
    for place, mark in enumerate(marks):
        if not low <= mark.at <= high:
            continue
        ((x, _),) = plot.points([mark.at], [0])
        plot.canvas.line(((x, plot.top), (x, plot.bottom)), "text", 1.4, (4, 3))
        right = x > (plot.left + plot.right) / 2
        plot.canvas.words(
            Words(
                (x - 4 if right else x + 4, plot.top + 11 + 14 * place),
                mark.text,
                "text",
                11.5,
                "end" if right else "start",
                halo=True,
            )
        )
    plot.edge()
    return plot.canvas


def cmc_curves(curves: Sequence[tuple[str, F64]], title: str) -> Canvas:
    """Cumulative match characteristics: (K,) shares from rank 1 on."""
    given = [(name, values) for name, values in curves if np.isfinite(values).all()][:SERIES]
    longest = max([len(values) for _, values in given], default=1)
    least = min([float(values.min()) for _, values in given], default=0.0)
    low = max(0.0, math.floor(least * 10 - 1e-9) / 10)
    low = low if low < 1 else 0.9
    plot = Frame(Axis(1, max(longest, 2), False), Axis(low, 1, False), title, "Share by rank")
    ranks = [k for k in (1, 2, 3, 5, 10, 15, 20, 50) if k <= longest]
    plot.ticks(
        [(k, str(k)) for k in ranks],
        [(value, percent(value)) for value in _round_steps(low, 1, 5)],
        "rank",
        "right person among the first",
    )
    lines: list[list[Point]] = []
    for number, (_, values) in enumerate(given):
        points = plot.points(np.arange(1, len(values) + 1), values)
        plot.canvas.line(points, f"s{number}", 2.2, DASHES[number])
        lines.append(points)
    legend(plot, lines, [name for name, _ in given])
    plot.edge()
    return plot.canvas


def group_rates(
    rows: Sequence[tuple[str, float, float, float]], title: str, x_title: str
) -> Canvas:
    """A dot and an interval for each group: (name, rate, low, high), on a scale from 0."""
    most = max([high for *_, high in rows], default=0.0) or 0.01
    top = min(1.0, most * 1.05)
    height = TOP + BOTTOM + 34 * len(rows)
    plot = Frame(Axis(0, top, False), Axis(0, 1, False), title, x_title, height=height)
    plot.left = 14.0
    plot.ticks([(v, percent(v)) for v in _round_steps(0, top, 4)], [], x_title, "")
    for place, (name, rate, low, high) in enumerate(rows):
        y = TOP + 34 * place + 24
        ((a, _), (b, _), (c, _)) = plot.points([low, high, rate], [0, 0, 0])
        plot.canvas.words(Words((plot.left + 2, y - 8), name, px=12, halo=True))
        plot.canvas.line(((a, y), (b, y)), "s0", 2)
        for end in (a, b):
            plot.canvas.line(((end, y - 3), (end, y + 3)), "s0", 1.5)
        plot.canvas.dot((c, y), "s0")
    return plot.canvas


def _thinned(points: list[Point], least: float = 0.35) -> list[Point]:
    """Without points that lie on the one before, as far as anybody sees."""
    kept: list[Point] = []
    for place, point in enumerate(points):
        if not kept or place == len(points) - 1 or math.dist(kept[-1], point) >= least:
            kept.append(point)
    return kept


def _parted(points: list[Point], x: float) -> tuple[list[Point], list[Point]]:
    """What is left of ``x``, and what is right of it, joined."""
    left = [p for p in points if p[0] <= x]
    right = [p for p in points if p[0] > x]
    return left + right[:1], (left[-1:] if right else []) + right


def _decade(value: float) -> float:
    return min(10.0 ** math.floor(math.log10(value) + 1e-9), 0.1)


def _decades(axis: Axis) -> list[tuple[float, str]]:
    first = round(math.log10(axis.low))
    return [(10.0**power, percent(10.0**power).replace(" ", "")) for power in range(first, 1)]


def _round_steps(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from ``low`` to ``high``, at most ``most`` + 1."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * k for k in (1, 2, 2.5, 5, 10) if power * k >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def data(canvas_data: Any) -> Any:
    """NumPy arrays of a plot's data as lists, for JSON; NaN and infinity as None."""
    if isinstance(canvas_data, np.ndarray):
        return [value if math.isfinite(value) else None for value in canvas_data.tolist()]
    if isinstance(canvas_data, dict):
        return {key: data(value) for key, value in canvas_data.items()}
    if isinstance(canvas_data, (list, tuple)):
        return [data(value) for value in canvas_data]
    return canvas_data
