"""The figures that the commands of ``maskwise evaluate`` print, as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from maskwise.cli.evaluate_tables import Figures, Found, Pair, Trials
from maskwise.evaluate.intervals import Interval, Rate
from maskwise.evaluate.report.thresholds import Limit


def figures_json(found: Figures) -> dict[str, Any]:
    """Name of the scores -> figures. Rates come with errors, trials and interval."""
    return {
        **{name: _trials(part) for name, part in found.trials.items()},
        **{name: _found(part) for name, part in found.searches.items()},
    }


def _trials(part: Trials) -> dict[str, Any]:
    folds = part.folds
    return {
        "kind": "trials",
        "wear_pairs": {name: _pair(pair) for name, pair in part.pairs.items()},
        "folds": None
        if folds is None
        else {
            "accuracy": folds.accuracy,
            "standard_error": folds.standard_error,
            "accuracy_with_failures": folds.accuracy_with_failures,
            "failed": folds.failed,
        },
    }


def _pair(pair: Pair) -> dict[str, Any]:
    summary, group = pair.summary, pair.group
    lost = summary.failures
    return {
        "people": summary.people,
        "mated": summary.mated,
        "non_mated": summary.non_mated,
        "failures": {
            "mated": lost.mated,
            "non_mated": lost.non_mated,
            "fta": _rate(lost.fta),
            "fte": _rate(lost.fte),
            "probes": dict(lost.acquire),
            "references": dict(lost.enrol),
        },
        "decided": None
        if group is None or pair.limit is None
        else {
            **_limit(pair.limit),
            "fmr": _rate(group.fmr, group.fmr_interval),
            "fnmr": _rate(group.fnmr, group.fnmr_interval),
        },
        "eer": None if summary.eer is None else summary.eer.value,
        "eer_interval": _interval(summary.eer_interval),
        "auc": summary.auc,
        "auc_interval": _interval(summary.auc_interval),
        "at_fmr": [
            {
                "target": at.at.target,
                "supported": at.at.supported,
                "threshold": at.at.threshold,
                "fmr": _rate(at.at.fmr),
                "fnmr": _rate(at.at.fnmr, at.fnmr_interval),
                "gfar": _rate(at.gfar),
                "gfrr": _rate(at.gfrr),
            }
            for at in summary.targets
        ],
        "lacking": summary.lacking,
    }


def _found(part: Found) -> dict[str, Any]:
    summary = part.summary
    return {
        "kind": "searches",
        "people": summary.people,
        "references": summary.references,
        "length": summary.length,
        "mated": summary.mated,
        "non_mated": summary.non_mated,
        "fta": _rate(summary.fta),
        "missed_mates": _rate(summary.missed_mates),
        "decided": None
        if part.decided is None
        else {
            **_limit(part.decided.limit),
            "fpir": _rate(part.decided.fpir, part.decided.fpir_interval),
            "fnir": _rate(part.decided.fnir, part.decided.fnir_interval),
        },
        "scale": part.scale,
        "ranks": [{"k": one.k, **_rate(one.rate, one.interval)} for one in summary.ranks],
        "cmc": [_number(value) for value in part.cmc],
        "at_fpir": [
            {
                "target": at.target,
                "supported": at.supported,
                "threshold": _number(at.threshold),
                "fpir": _rate(at.fpir),
                "fnir": _rate(at.fnir, at.fnir_interval),
            }
            for at in summary.targets
        ],
        "lacking": summary.lacking,
    }


def _limit(limit: Limit) -> dict[str, Any]:
    return {
        "threshold": _number(limit.threshold),
        "target": limit.target,
        "calibrated_on": limit.calibrated_on or None,
        "beyond_calibration": bool(limit.short),
    }


def _rate(rate: Rate, interval: Interval | None = None) -> dict[str, Any]:
    """errors counts successes in ranks."""
    found: dict[str, Any] = {
        "rate": _number(rate.value),
        "errors": rate.errors,
        "trials": rate.trials,
    }
    return found if interval is None else {**found, "interval": _interval(interval)}


def _interval(interval: Interval | None) -> Mapping[str, Any] | None:
    if interval is None:
        return None
    return {
        "low": interval.low,
        "high": interval.high,
        "level": interval.level,
        "method": interval.method,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
