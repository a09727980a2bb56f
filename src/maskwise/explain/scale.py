"""Where strangers' scores end, as far as the calibration tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from maskwise.decide import OperatingPoints
from maskwise.explain.values import Tick
from maskwise.types import WearPair

RATES: Final = (1e-1, 1e-2, 1e-3, 1e-4)
"""The FMRs that a scale of scores has ticks for, where they are calibrated."""


def ticks(points: OperatingPoints, pair: WearPair) -> tuple[Tick, ...]:
    """The thresholds of ``RATES`` for ``pair``, those that the calibration's trials support."""
    if pair not in points.pairs:
        return ()
    found = [(rate, points.at_fmr(pair, rate)) for rate in RATES]
    # At the ends of its table a curve answers with another rate than was asked for.
    return tuple(
        Tick(rate, point.threshold)
        for rate, point in found
        if point.supported and point.target_fmr > rate * 0.99
    )


def strangers(marks: Sequence[Tick], score: float) -> float:
    """The share of strangers that reach ``score``: straight in log10 between the ticks.

    Before the first and after the last it goes on as steeply as on the whole, to at most 1: for a
    drawing, no figure that a calibration supports. Raises ValueError for fewer than two ticks.
    """
    at = np.array([t.threshold for t in marks])
    logs = np.log10([t.fmr for t in marks])
    if len(at) < 2:
        raise ValueError("strangers: a slope takes two ticks")
    slope = (logs[-1] - logs[0]) / max(at[-1] - at[0], 1e-9)
    beyond = min(score - at[0], 0.0) + max(score - at[-1], 0.0)
    return float(min(10 ** (np.interp(score, at, logs) + slope * beyond), 1.0))
