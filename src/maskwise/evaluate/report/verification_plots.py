"""DET curves and histograms of trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from maskwise.evaluate.breakdown import Summary
from maskwise.evaluate.report.parts import Block, Plot
from maskwise.evaluate.report.plots import Mark, Trace, data, error_curves, histogram
from maskwise.evaluate.report.thresholds import Limit
from maskwise.evaluate.report.words import score
from maskwise.evaluate.scores import Scores
from maskwise.evaluate.verification import LEAST_ERRORS, curve

_MOST_POINTS: Final = 2000  # of a curve in the JSON; the drawing has fewer pixels
_BINS: Final = 60


def det_plot(key: str, traces: Sequence[Trace]) -> Plot:
    """FNMR over FMR, with intervals."""
    return Plot(
        key,
        error_curves(traces, "DET curves", "FMR (strangers accepted)", "FNMR (people missed)"),
        {
            "curves": [
                {
                    "name": trace.name,
                    "fmr": data(trace.x),
                    "fnmr": data(trace.y),
                    "supported_from_fmr": trace.supported_from,
                    "interval": None
                    if trace.band is None
                    else dict(zip(("fmr", "low", "high"), map(data, trace.band), strict=True)),
                }
                for trace in traces
            ]
        },
        "Lower is better. To the left fewer strangers pass and more people are missed. Bands: 95 % "
        f"intervals. Pale: fewer than {LEAST_ERRORS} false matches, so not supported.",
    )


def traces_of(scores: Scores, by_pair: Mapping[str, Summary]) -> Iterator[Trace]:
    """The DET curve of each wear pair that has one."""
    pairs, fine = scores.wear_pair(), ~scores.failed
    for name, part in by_pair.items():
        if part.lacking:
            continue
        here = pairs.where(name) & fine
        points = curve(scores.scores[here & scores.mated], scores.scores[here & ~scores.mated])
        points = points.corners()
        x, y = points.fmr[::-1], points.fnmr[::-1]
        if len(x) > _MOST_POINTS:
            # Evenly along the curve as it is drawn, on logarithmic axes.
            along = np.cumsum(
                np.hypot(*(np.diff(np.log10(np.maximum(v, 1e-9)), prepend=0) for v in (x, y)))
            )
            wanted = np.linspace(along[0], along[-1], _MOST_POINTS)
            keep = np.unique(np.searchsorted(along, wanted).clip(0, len(x) - 1))
            x, y = x[keep], y[keep]
        grid = sorted((t for t in part.targets if t.at.fmr.errors), key=lambda t: t.at.target)
        band = None
        if part.eer_interval is not None and grid:
            band = (
                np.array([at.at.target for at in grid]),
                np.array([at.fnmr_interval.low for at in grid]),
                np.array([at.fnmr_interval.high for at in grid]),
            )
        yield Trace(name, x, y, band, LEAST_ERRORS / part.non_mated)


def histograms(prefix: str, scores: Scores, limits: Mapping[str, Limit]) -> Iterator[Block]:
    """One a wear pair, all on the same scale."""
    pairs, fine = scores.wear_pair(), ~scores.failed
    if not fine.any():
        return
    span = float(scores.scores[fine].min()), float(scores.scores[fine].max())
    for name in pairs.values:
        here = pairs.where(name) & fine
        if not here.any():
            continue
        mated, other = scores.scores[here & scores.mated], scores.scores[here & ~scores.mated]
        limit = limits.get(name)
        marks = [Mark(limit.threshold, f"threshold {score(limit.threshold)}")] if limit else []
        edges = np.linspace(*span, 61) if span[1] > span[0] else np.array(span)
        yield Plot(
            f"{prefix}scores-{name}",
            histogram(mated, other, marks, f"Scores, {name}", span=span),
            {
                "edges": data(edges),
                "mated": np.histogram(mated, edges)[0].tolist() if len(edges) > 2 else [],
                "non_mated": np.histogram(other, edges)[0].tolist() if len(edges) > 2 else [],
                "threshold": limit.threshold if limit else None,
            },
            f"{mated.size:,} mated and {other.size:,} non-mated scores, each as shares of its own "
            "kind. FMR: what of the non-mated lies right of the threshold. FNMR: what of the mated "
            "lies left of it.",
        )
