"""The figures of detectors as tables and as a plot: for the page, and for spreadsheets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from maskwise.evaluate.detection.figures import ALL, BANDS, Figures, wears_in
from maskwise.evaluate.intervals import Rate
from maskwise.evaluate.report.canvas import DASHES, SERIES
from maskwise.evaluate.report.frame import Axis, Frame, legend
from maskwise.evaluate.report.parts import Plot
from maskwise.evaluate.report.tables import Cell, Share, Table, columns
from maskwise.evaluate.report.words import NOTHING

_MOST_POINTS: Final = 500


def share(rate: Rate | None) -> Cell:
    """A rate with its interval; nothing where there is no trial."""
    return None if rate is None or not rate.trials else Share(rate, rate.interval())


def number(value: float | None, digits: int = 1) -> str:
    """Or a dash."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def bands_in(rates: Sequence[dict[str, Rate]]) -> list[str]:
    """The bands that any of them has, small ones first."""
    return [name for name, _, _ in BANDS if any(name in one for one in rates)]


def side_by_side(found: Sequence[Figures]) -> Table:
    """One row a detector."""
    judged = any(one.judged for one in found)
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        row: list[Cell] = [one.name, one.photos, share(one.with_face), one.faces]
        if judged:
            row += [
                share(one.recall.get(ALL, {}).get(ALL)),
                share(one.precision.get(ALL)),
                number(one.overlap, 2),
            ]
        rows.append((*row, number(one.ms_photo), number(one.ms_megapixel)))
    heads = [
        ("detector", "detector"),
        ("photos", "photos"),
        ("with_face", "photos with a face", "in which it found one or more"),
        ("boxes", "boxes"),
    ]
    if judged:
        heads += [
            ("recall", "recall", "faces found, of those that count"),
            ("precision", "precision", "boxes over a face, of those that count"),
            ("overlap", "overlap", "median of intersection over union, over the faces found"),
        ]
    heads += [
        ("ms_photo", "ms a photo", "median, from decoded pixels to boxes"),
        ("ms_megapixel", "ms a megapixel", "median"),
    ]
    return Table("side-by-side", "Side by side", columns(*heads), tuple(rows))


def recall_table(found: Sequence[Figures]) -> Table:
    """Recall by wear and height."""
    bands = bands_in([rates for one in found for rates in one.recall.values()])
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        for wear in wears_in(one):
            rates = one.recall[wear]
            rows.append((one.name, wear, *(share(rates.get(band)) for band in (ALL, *bands))))
    return Table(
        "recall",
        "Recall by what the face wears and by its height",
        columns(
            ("detector", "detector"),
            ("wear", "wear"),
            *((_key(band), "all heights" if band == ALL else band) for band in (ALL, *bands)),
        ),
        tuple(rows),
    )


def precision_table(found: Sequence[Figures]) -> Table:
    """Precision by the height of the boxes."""
    bands = bands_in([one.precision for one in found])
    return Table(
        "precision",
        "Precision by the height of the box",
        columns(
            ("detector", "detector"),
            *((_key(band), "all heights" if band == ALL else band) for band in (ALL, *bands)),
        ),
        tuple(
            (one.name, *(share(one.precision.get(band)) for band in (ALL, *bands))) for one in found
        ),
        notes=("A box over a face that the truth lacks counts as false: look at the extra boxes.",),
    )


def _key(band: str) -> str:
    return band.replace(" ", "_").replace("-", "_")


def _ticks(most: float) -> list[float]:
    """Round numbers from 0 to ``most``, four to ten of them."""
    unit = 10.0 ** math.floor(math.log10(most))
    step = next(unit * part for part in (1, 0.5, 0.25, 0.2) if most >= 3 * unit * part)
    return [step * k for k in range(int(most / step) + 1)]


def curve_plot(found: Sequence[Figures]) -> Plot | None:
    """Recall over extra boxes a photo, as the threshold falls; None where nothing can be drawn."""
    drawn = [one for one in found if one.judged and one.curve and one.recall[ALL][ALL].trials]
    drawn = drawn[:SERIES]
    if not drawn:
        return None
    lines, data = [], []
    for one in drawn:
        step = max(1, math.ceil(len(one.curve) / _MOST_POINTS))
        points = [*one.curve[:-1:step], one.curve[-1]]
        faces, photos = one.recall[ALL][ALL].trials, one.judged or 1
        x = [extra / photos for _, _, extra in points]
        y = [hits / faces for _, hits, _ in points]
        lines.append((x, y))
        data.append(
            {"name": one.name, "threshold": [t for t, _, _ in points], "extra": x, "recall": y}
        )
    most = max((max(x) for x, _ in lines), default=0.0) * 1.05 or 1.0
    frame = Frame(
        Axis(0.0, most, log=False),
        Axis(0.0, 1.0, log=False),
        "Recall over extra boxes",
        "Each line: one detector, from its highest score to its lowest.",
    )
    frame.ticks(
        [(v, f"{v:.3g}") for v in _ticks(most)],
        [(float(v), f"{100 * v:.0f} %") for v in np.linspace(0, 1, 6)],
        "extra boxes a photo",
        "recall",
    )
    placed = [frame.points(x, y) for x, y in lines]
    for at, line in enumerate(placed):
        frame.canvas.line(tuple(line), f"s{at}", 2.0, DASHES[at])
    legend(frame, placed, [one.name for one in drawn])
    frame.edge()
    return Plot(
        "recall-over-extra",
        frame.canvas,
        {"curves": data},
        "To the right: a lower threshold. Extra boxes may be faces that the truth lacks. A line "
        "ends at the threshold that the detector was run with.",
    )
