"""Detectors that tests of the evaluation of detectors make up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from maskwise.testing.fakes import MASK_BLUE, FakeDetector
from maskwise.types import Detection, Image, Landmarks, Scheme

SHARES = np.array([(0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75)], np.float32)
"""Where a face has the five points, in its box."""


def with_points(found: Detection, push: tuple[float, float] = (0, 0)) -> Detection:
    """``found`` with the five points; ``push``: how far they are off, in px."""
    side = found.box[2:] - found.box[:2]
    return replace(
        found,
        landmarks=Landmarks("five", found.box[:2] + SHARES * side + np.array(push, np.float32)),
    )


class FiveDetector(FakeDetector):
    """As FakeDetector, with the five points. Counts how often it was asked."""

    id = "five/0123"
    scheme: Scheme | None = "five"

    def __init__(self) -> None:
        self.asked = 0

    def detect(self, image: Image) -> list[Detection]:
        self.asked += 1
        return [with_points(d) for d in super().detect(image)]


class BareDetector(FiveDetector):
    """Overlooks faces that are masked in ``MASK_BLUE``."""

    id = "bare/0123"

    def detect(self, image: Image) -> list[Detection]:
        return [d for d in super().detect(image) if not _blue(image, d)]


def _blue(image: Image, found: Detection) -> bool:
    x1, y1, x2, y2 = (int(v) for v in found.box)
    return tuple(image.pixels[(y1 + 3 * y2) // 4, (x1 + x2) // 2].tolist()) == MASK_BLUE


class FixedDetector:
    """Says one thing of the first picture, and another of every other one."""

    id = "fixed/0123"
    scheme: Scheme | None = "five"

    def __init__(self, first: list[Detection], then: list[Detection]) -> None:
        self._first, self._then = first, then
        self._seen = 0

    def detect(self, image: Image) -> list[Detection]:
        self._seen += 1
        return self._first if self._seen == 1 else self._then
