"""How far masks move the five points: medians and 95th percentiles, and faces that were lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from maskwise.evaluate.detection.figures import share_json
from maskwise.evaluate.detection.steadiness import STATUSES, Status, Steady
from maskwise.evaluate.intervals import Rate
from maskwise.types import F64

POINTS: Final = ("right eye", "left eye", "nose", "right mouth corner", "left mouth corner")
"""Of the scheme ``five``, in its order; left is the subject's."""

ALL_MASKS: Final = "all masks"
BARE: Final = "bare"

TAIL: Final = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Under one mask. lost: faces not found again, of those that were found bare.

    errors: (N, 5) float64, of the others, in distances of the eyes.
    """

    lost: Rate
    errors: F64

    def quantile(self, share: float, point: int | None = None) -> float | None:
        """Of one point, or of all five together; None where nothing was measured."""
        given = self.errors if point is None else self.errors[:, point]
        return float(np.quantile(given, share)) if given.size else None


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One photo under one mask. errors: (5,), None where the face was lost."""

    photo: str
    mask: str
    steady: Steady
    errors: F64 | None


@dataclass(frozen=True, slots=True, eq=False)
class SteadyFigures:
    """Of one detector. statuses: how many photos of each. masks: "all masks", then each type;
    "bare" first where a teacher's points are the truth. pairs: the worst first, lost ones before.
    worn: photos whose face wears a mask already, for looking at.
    """

    name: str
    id: str
    statuses: Mapping[Status, int]
    masks: Mapping[str, Errors]
    pairs: tuple[Pair, ...]
    worn: Mapping[str, Steady]


def steady_figures(
    name: str, identity: str, photos: Mapping[str, Steady], *, types: Sequence[str], taught: bool
) -> SteadyFigures:
    """photos: path -> what came out for this detector. taught: the truth is a teacher's."""
    counts = Counter(one.status for one in photos.values())
    measured = {photo: one for photo, one in photos.items() if one.status == "measured"}
    pairs = [
        Pair(photo, kind, one, None if (p := one.masks[kind].points) is None else one.error(p))
        for photo, one in measured.items()
        for kind in types
    ]
    by_mask: dict[str, Errors] = {}
    if taught:
        own = [one.error(one.bare) for one in measured.values() if one.bare is not None]
        by_mask[BARE] = Errors(Rate(0, len(own)), _stacked(own))
    by_mask[ALL_MASKS] = _errors(pairs)
    for kind in types:
        by_mask[kind] = _errors([pair for pair in pairs if pair.mask == kind])
    return SteadyFigures(
        name,
        identity,
        {status: counts[status] for status in STATUSES if counts[status]},
        by_mask,
        tuple(sorted(pairs, key=_worst_first)),
        {photo: one for photo, one in photos.items() if one.status == "wears_mask"},
    )


def _errors(pairs: Sequence[Pair]) -> Errors:
    found = [pair.errors for pair in pairs if pair.errors is not None]
    return Errors(Rate(len(pairs) - len(found), len(pairs)), _stacked(found))


def _stacked(rows: Sequence[F64]) -> F64:
    return np.array(rows, np.float64).reshape(-1, len(POINTS))


def _worst_first(pair: Pair) -> tuple[float, str, str]:
    worst = float("inf") if pair.errors is None else float(pair.errors.mean())
    return -worst, pair.photo, pair.mask


def steady_json(found: SteadyFigures) -> dict[str, Any]:
    """Every figure; errors in distances of the eyes."""
    return {
        "detector": found.name,
        "id": found.id,
        "photos": dict(found.statuses),
        "masks": {
            name: {
                "lost": share_json(one.lost),
                "measured": len(one.errors),
                "all_points": _quantiles(one, None),
                "points": {
                    point.replace(" ", "_"): _quantiles(one, at) for at, point in enumerate(POINTS)
                },
            }
            for name, one in found.masks.items()
        },
    }


def _quantiles(one: Errors, point: int | None) -> dict[str, float | None]:
    return {"median": one.quantile(0.5, point), "p95": one.quantile(TAIL, point)}


def pair_row(name: str, pair: Pair) -> dict[str, Any]:
    """A line of ``pairs.jsonl``."""
    under = pair.steady.masks[pair.mask]
    return {
        "detector": name,
        "photo": pair.photo,
        "mask": pair.mask,
        "spec": under.spec.to_json(),
        "lost": pair.errors is None,
        "mean_error": None if pair.errors is None else round(float(pair.errors.mean()), 5),
        "errors": None if pair.errors is None else [round(float(e), 5) for e in pair.errors],
        "eyes_px": round(pair.steady.eyes_px, 2),
    }
