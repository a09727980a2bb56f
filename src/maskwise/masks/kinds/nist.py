"""Plain masks of two outlines, wide and round, for tests under conditions like NIST's.

NIST's tests with drawn masks (NISTIR 8311 and 8331) lay solid shapes of one colour on the photos:
wide ones, from ear to ear, and round ones, on nose and mouth alone. The outlines are ours. No
fabric, no straps; the light of the photo falls on them as on the others.
"""

from __future__ import annotations

from maskwise.masks.parts import top_edge
from maskwise.masks.sheet import Point, Sheet, mirrored, rgb, smooth
from maskwise.types import MaskSpec


def wide(sheet: Sheet, spec: MaskSpec) -> None:
    top = top_edge(spec)
    cheek = (0.45, 0.5 * (top + 0.50) + 0.06)
    ear = [(1.50, 0.50), (1.50, 0.50), (1.50, 1.00), (1.20, 1.50)]
    _solid(sheet, spec, [(0.0, top), (0.18, top + 0.03), cheek, *ear, (0.75, 1.82), (0.0, 1.95)])


def round_(sheet: Sheet, spec: MaskSpec) -> None:
    top = top_edge(spec)
    side = [(0.72, 0.86), (0.80, 1.15), (0.70, 1.48), (0.42, 1.76)]
    _solid(
        sheet, spec, [(0.0, top), (0.20, top + 0.05), (0.50, 0.42 + 0.5 * top), *side, (0, 1.86)]
    )


def _solid(sheet: Sheet, spec: MaskSpec, outline: list[Point]) -> None:
    sheet.paint(sheet.fill(mirrored(smooth(outline))), rgb(spec.color))
