"""The figures of a whole set of trials, and of its parts: wear pairs, mask types, groups.

Failures are counted apart and folded in: a trial whose photo gave no template is never accepted.
The generalised rates (GFAR, GFRR; ISO/IEC 19795-1) are counted over all trials that way. Where
failures fall alike on all trials that is the standard's GFRR = FTE + (1 - FTE) FTA +
(1 - FTE) (1 - FTA) FNMR and GFAR = (1 - FTE) (1 - FTA) FMR; where not, the count is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from maskwise.errors import EvaluationError
from maskwise.evaluate.intervals import (
    LEAST_PEOPLE,
    LEVEL,
    REPLICATES,
    Bootstrap,
    Interval,
    Rate,
    bootstrap,
    percentile_interval,
    rate_interval,
)
from maskwise.evaluate.scores import Labels, Scores
from maskwise.evaluate.verification import TARGET_FMRS, AtFmr, Eer, auc, eer, fnmr_at_fmr
from maskwise.types import Bool


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures to acquire (FTA: distinct probes) and to enrol (FTE: distinct references).

    A probe or reference is a photo in what it wears. acquire, enrol: how many, by reason.
    mated, non_mated: trials without a score.
    """

    fta: Rate
    fte: Rate
    acquire: Mapping[str, int]
    enrol: Mapping[str, int]
    mated: int
    non_mated: int


@dataclass(frozen=True, slots=True)
class AtTarget:
    """What holds at an FMR of at most a target, failures apart and folded in.

    fnmr_interval: the threshold is picked anew in each replicate. gfar, gfrr: generalised false
    accept and reject rates at that threshold.
    """

    at: AtFmr
    fnmr_interval: Interval
    gfar: Rate
    gfrr: Rate


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of one set of trials. mated, non_mated: trials with a score; people: in them.

    auc, eer and targets are None or () where mated or non-mated trials lack; ``lacking`` then
    says so. Their intervals are None with fewer than ``LEAST_PEOPLE`` people or no replicates.
    """

    name: str
    mated: int
    non_mated: int
    people: int
    failures: Failures
    auc: float | None
    auc_interval: Interval | None
    eer: Eer | None
    eer_interval: Interval | None
    targets: tuple[AtTarget, ...]
    lacking: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The rates of one group at one threshold, with their intervals."""

    name: str
    fmr: Rate
    fmr_interval: Interval
    fnmr: Rate
    fnmr_interval: Interval


@dataclass(frozen=True, slots=True)
class Differential:
    """How unequal groups fare at one threshold.

    fmr_ratio, fnmr_ratio: the worst group's rate over the geometric mean of all groups' (1: all
    alike), the measure that NIST settled on ("Max/GeoMean", NISTIR 8429, 2022); in the terms of
    ISO/IEC 19795-10 a differential performance measure. None, with a note, where a group has no
    error or no trial: the mean would be 0 or unknown.
    """

    threshold: float
    groups: tuple[Group, ...]
    fmr_ratio: float | None
    fnmr_ratio: float | None
    notes: tuple[str, ...]


def failures(scores: Scores) -> Failures:
    """Failures to acquire and to enrol in ``scores``."""
    fta, acquire = _failed(scores.pairs[:, 1], scores.probe_wear, scores.probe_failure)
    fte, enrol = _failed(scores.pairs[:, 0], scores.reference_wear, scores.reference_failure)
    lost = scores.failed
    return Failures(
        fta,
        fte,
        acquire,
        enrol,
        int(np.count_nonzero(lost & scores.mated)),
        int(np.count_nonzero(lost & ~scores.mated)),
    )


def _failed(
    photo: np.ndarray[tuple[int, ...], np.dtype[np.int32]], wear: Labels, failure: Labels
) -> tuple[Rate, Mapping[str, int]]:
    sides = photo.astype(np.int64) * max(len(wear.values), 1) + wear.codes
    _, first = np.unique(sides, return_index=True)
    reasons = Counter(failure[first].counts())
    fine = reasons.pop("", 0)
    ordered = dict(sorted(reasons.items()))
    return Rate(len(first) - fine, len(first)), MappingProxyType(ordered)


def generalised(scores: Scores, threshold: float) -> tuple[Rate, Rate]:
    """GFAR and GFRR at ``threshold``: over all trials, those that failed being rejected."""
    with np.errstate(invalid="ignore"):
        accepted = scores.scores >= threshold
    mated = scores.mated
    return (
        Rate(int(np.count_nonzero(accepted & ~mated)), int(np.count_nonzero(~mated))),
        Rate(int(np.count_nonzero(~accepted & mated)), int(np.count_nonzero(mated))),
    )


def summarise(
    scores: Scores,
    name: str = "all",
    *,
    target_fmrs: Sequence[float] = TARGET_FMRS,
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> Summary:
    """The figures of all trials of ``scores``. replicates: 0 for no bootstrap."""
    same, other = _split(scores)
    lost, people = failures(scores), _people_with_scores(scores)
    if not (same.any() and other.any()):
        kinds = " and no ".join(
            kind for kind, there in (("mated", same), ("non-mated", other)) if not there.any()
        )
        lacking = f"no {kinds} trial has a score"
        counts = int(np.count_nonzero(same)), int(np.count_nonzero(other))
        return Summary(name, *counts, people, lost, None, None, None, None, (), lacking)
    mated, non_mated = scores.scores[same], scores.scores[other]
    drawn = _bootstrap(scores, same, other, replicates=replicates, seed=seed, targets=target_fmrs)
    targets = []
    for column, target in enumerate(target_fmrs):
        at = fnmr_at_fmr(mated, non_mated, target)
        interval = at.fnmr.interval(level)
        if drawn is not None:
            interval = rate_interval(at.fnmr, drawn.fnmr_at[:, column], level)
        targets.append(AtTarget(at, interval, *generalised(scores, at.threshold)))
    return Summary(
        name,
        mated.size,
        non_mated.size,
        people,
        lost,
        auc(mated, non_mated),
        None if drawn is None else percentile_interval(drawn.auc, level),
        eer(mated, non_mated),
        None if drawn is None else percentile_interval(drawn.eer, level),
        tuple(targets),
    )


def breakdown(
    scores: Scores,
    labels: Labels,
    *,
    target_fmrs: Sequence[float] = TARGET_FMRS,
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[str, Summary]:
    """The figures of each part, each at its own thresholds, e.g. by ``scores.wear_pair()``."""
    _check_length(scores, labels)
    return {
        value: summarise(
            scores.subset(labels.where(value)),
            value,
            target_fmrs=target_fmrs,
            replicates=replicates,
            seed=seed,
            level=level,
        )
        for value in labels.values
    }


def differentials(
    scores: Scores,
    labels: Labels,
    threshold: float,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> Differential:
    """FMR and FNMR of each group at one threshold for all, and how far the worst stands out."""
    _check_length(scores, labels)
    groups = []
    for name in labels.values:
        part = scores.subset(labels.where(name))
        same, other = _split(part)
        fmr = Rate(int(np.count_nonzero(part.scores[other] >= threshold)), int(other.sum()))
        fnmr = Rate(int(np.count_nonzero(part.scores[same] < threshold)), int(same.sum()))
        drawn = _bootstrap(
            part, same, other, replicates=replicates, seed=seed, thresholds=(threshold,)
        )
        intervals = fmr.interval(level), fnmr.interval(level)
        if drawn is not None:
            intervals = (
                rate_interval(fmr, drawn.fmr[:, 0], level),
                rate_interval(fnmr, drawn.fnmr[:, 0], level),
            )
        groups.append(Group(name, fmr, intervals[0], fnmr, intervals[1]))
    notes: list[str] = []
    ratios = [
        max_over_geometric_mean({group.name: getattr(group, kind) for group in groups}, kind, notes)
        for kind in ("fmr", "fnmr")
    ]
    return Differential(threshold, tuple(groups), ratios[0], ratios[1], tuple(notes))


def max_over_geometric_mean(rates: Mapping[str, Rate], kind: str, notes: list[str]) -> float | None:
    """max(r) / (r_1 r_2 ... r_G)^(1/G); None, and a note, where that cannot be said."""
    if len(rates) < 2:
        notes.append(f"{kind.upper()}: a ratio compares two groups or more, got {len(rates)}")
        return None
    for name, rate in rates.items():
        if not rate.errors:
            what = f"no error in {rate.trials} trials" if rate.trials else "no trial with a score"
            notes.append(f"{kind.upper()}: {name or '(blank)'} has {what}, so there is no ratio")
            return None
    values = np.array([rate.value for rate in rates.values()])
    return float(values.max() / np.exp(np.log(values).mean()))


def _split(scores: Scores) -> tuple[Bool, Bool]:
    """Which trials have a score and are mated, and which non-mated."""
    fine = ~scores.failed
    return fine & scores.mated, fine & ~scores.mated


def _people_with_scores(scores: Scores) -> int:
    return len(np.unique(scores.subject_codes()[~scores.failed]))


def _bootstrap(
    scores: Scores,
    same: Bool,
    other: Bool,
    *,
    replicates: int,
    seed: int,
    thresholds: Sequence[float] = (),
    targets: Sequence[float] = (),
) -> Bootstrap | None:
    people = scores.subject_codes()
    used = len(np.unique(people[same | other]))
    if not replicates or used < LEAST_PEOPLE or not (same.any() and other.any()):
        return None
    return bootstrap(
        scores.scores[same],
        scores.scores[other],
        people[same, 0],
        people[other],
        thresholds=thresholds,
        target_fmrs=targets,
        replicates=replicates,
        seed=seed,
    )


def _check_length(scores: Scores, labels: Labels) -> None:
    if len(labels) != len(scores):
        raise EvaluationError(f"expected a label for each of {len(scores)} trials: {len(labels)}")
