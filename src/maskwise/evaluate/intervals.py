"""How sure a rate is: Wilson, the rule of three, and a bootstrap over people.

Trials of one person are alike, and so are the trials that one photo takes part in: a thousand
comparisons among ten people are not a thousand observations. The bootstrap therefore draws
people, not trials.

Method: each replicate draws S of the S people with replacement; a person drawn w times has
weight w. A mated trial counts w times, a non-mated trial w_a x w_b times, with the weights of
its two people. For pairs within one set of people this is the vertex bootstrap (Snijders and
Borgatti 1999, "Non-parametric standard errors and tests for network statistics"), which Fogliato,
Patil and Perona 2024 ("Confidence intervals for error rates in 1:1 matching tasks") examine for
exactly this use; with one person a trial it is the subsets bootstrap of Bolle, Ratha and Pankanti
2004 ("Error analysis of pattern recognition systems"). Thresholds that follow from scores are
picked anew in each replicate. Intervals are the percentiles of the replicates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from maskwise.errors import EvaluationError
from maskwise.types import F64, Bool

I64 = npt.NDArray[np.int64]

LEVEL: Final = 0.95
REPLICATES: Final = 1000
LEAST_PEOPLE: Final = 10
"""Fewer people than this are too few to draw from: intervals then come from the trials alone."""
_CHUNK_WEIGHTS: Final = 1 << 22  # weights held at once: 32 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval: low to high, at ``level``. method: in words, for tables."""

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, slots=True)
class Rate:
    """Errors of trials; the rate follows from the counts. ``value`` is NaN without a trial."""

    errors: int
    trials: int

    @property
    def value(self) -> float:
        """errors / trials."""
        return self.errors / self.trials if self.trials else math.nan

    def interval(self, level: float = LEVEL) -> Interval:
        """As if the trials were independent: ``wilson``, or ``rule_of_three`` at 0 and at 1."""
        if not self.trials:
            return Interval(0.0, 1.0, level, "no trials")
        if self.errors in (0, self.trials):
            return rule_of_three(self, level)
        return wilson(self, level)


def wilson(rate: Rate, level: float = LEVEL) -> Interval:
    """Wilson's score interval for a proportion of independent trials.

    (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n); Wilson 1927, J. Am. Stat. Assoc. 22.
    """
    _check(rate, level)
    z, n, p = NormalDist().inv_cdf(0.5 + level / 2), rate.trials, rate.value
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At p = 0 and 1 the end is p itself, which rounding may miss.
    low = 0.0 if rate.errors == 0 else max(0.0, middle - half)
    high = 1.0 if rate.errors == n else min(1.0, middle + half)
    return Interval(low, high, level, "Wilson, trials taken as independent")


def rule_of_three(rate: Rate, level: float = LEVEL) -> Interval:
    """One-sided interval where no trial, or each, is an error.

    With no error in n independent trials the rate is below 1 - (1 - level)^(1/n), about 3/n at
    95 % (Hanley and Lippman-Hand 1983, JAMA 249; ISO/IEC 19795-1 names it too).
    Raises EvaluationError for other counts.
    """
    _check(rate, level)
    if rate.errors not in (0, rate.trials):
        raise EvaluationError(f"the rule of three is for 0 errors, or nothing else, got {rate}")
    reach = -math.expm1(math.log1p(-level) / rate.trials)
    low, high = (0.0, reach) if rate.errors == 0 else (1 - reach, 1.0)
    return Interval(low, high, level, "rule of three, trials taken as independent")


def _check(rate: Rate, level: float) -> None:
    if not 0 < level < 1 or not 0 <= rate.errors <= rate.trials or not rate.trials:
        raise EvaluationError(f"expected 0 to N errors of N > 0 trials, got {rate}, level {level}")


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """B replicates of each figure; NaN where a replicate has no mated or no non-mated trial.

    fmr, fnmr: (B, K) float64 at K fixed thresholds. fmr_at, fnmr_at, threshold_at: (B, J) at
    the lowest threshold of an FMR of at most each of J targets (+inf where only that does).
    eer, auc: (B,). people: S.
    """

    fmr: F64
    fnmr: F64
    fmr_at: F64
    fnmr_at: F64
    threshold_at: F64
    eer: F64
    auc: F64
    people: int


def percentile_interval(replicates: npt.ArrayLike, level: float = LEVEL) -> Interval | None:
    """The middle ``level`` of (B,) replicates; None where most of them are no number."""
    given = np.asarray(replicates, np.float64)
    kept = given[~np.isnan(given)]
    if 2 * len(kept) <= len(given):
        return None
    # Of two neighbours the outer one: replicates may be infinite, and those do not interpolate.
    low = np.quantile(kept, 0.5 - level / 2, method="lower")
    high = np.quantile(kept, 0.5 + level / 2, method="higher")
    return Interval(float(low), float(high), level, "bootstrap over people")


def rate_interval(rate: Rate, replicates: npt.ArrayLike, level: float = LEVEL) -> Interval:
    """Of the bootstrap; as ``Rate.interval`` where that cannot speak.

    Without an error (or without anything else) every replicate is the same, which says nothing
    of the rate. That interval takes the trials as independent and is then rather too narrow.
    """
    if rate.errors in (0, rate.trials):
        return rate.interval(level)
    return percentile_interval(replicates, level) or rate.interval(level)


def bootstrap(
    mated: F64,
    non_mated: F64,
    mated_people: I64,
    non_mated_people: I64,
    *,
    thresholds: Sequence[float] = (),
    target_fmrs: Sequence[float] = (),
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Bootstrap:
    """Replicates of the error rates over people drawn anew; the module says how.

    mated: (M,) float64 scores, non_mated: (N,); -inf stands for a trial that failed.
    mated_people: (M,) int64, whose trial it is. non_mated_people: (N, 2) int64, or (N,) where one
    person alone is drawn (searches in a fixed gallery). Equal seeds give equal replicates,
    whatever the order of the trials.
    Raises EvaluationError for scores that are NaN, and where a kind of trial or people lack.
    """
    codes, mated_at, non_mated_at = _people(mated_people, non_mated_people)
    if not (mated.size and non_mated.size) or replicates < 1:
        raise EvaluationError(
            f"a bootstrap needs mated and non-mated trials, got {mated.size} and "
            f"{non_mated.size}, and {replicates} replicates"
        )
    if np.isnan(mated).any() or np.isnan(non_mated).any():
        raise EvaluationError("a bootstrap needs scores that are numbers, got NaN")
    # Stable sorting is not needed: ties are always taken together.
    rise_m, rise_n = np.argsort(mated), np.argsort(non_mated)
    plan = _Plan(mated[rise_m], non_mated[rise_n], thresholds, target_fmrs)
    mated_at, non_mated_at = mated_at[rise_m], non_mated_at[rise_n]
    rng, people = np.random.default_rng(seed), len(codes)
    each = max(1, _CHUNK_WEIGHTS // max(mated.size + non_mated.size, people))
    parts = []
    for start in range(0, replicates, each):
        rows = min(each, replicates - start)
        weights = _draw(rng, rows, people)
        of_n = weights[:, non_mated_at[:, 0]]
        if non_mated_at.shape[1] == 2:
            of_n *= weights[:, non_mated_at[:, 1]]
        parts.append(plan.figures(_summed(weights[:, mated_at]), _summed(of_n)))
    fmr, fnmr, fmr_to, fnmr_to, at, eer, auc = map(np.concatenate, zip(*parts, strict=True))
    return Bootstrap(fmr, fnmr, fmr_to, fnmr_to, at, eer, auc, people)


def bootstrap_share(hits: Bool, people: I64, *, replicates: int = REPLICATES, seed: int = 0) -> F64:
    """(B,) float64 replicates of the share of True in (M,) ``hits``, whose ``people`` are drawn."""
    at = np.unique(people, return_inverse=True)[1].reshape(-1)
    of_each, hits_of_each = np.bincount(at), np.bincount(at, weights=hits)
    rng, count, parts = np.random.default_rng(seed), len(of_each), []
    each = max(1, _CHUNK_WEIGHTS // count)
    for start in range(0, replicates, each):
        weights = _draw(rng, min(each, replicates - start), count)
        parts.append((weights @ hits_of_each) / (weights @ of_each))
    return np.concatenate(parts)


def _draw(rng: np.random.Generator, rows: int, people: int) -> I64:
    """(rows, people) int64: how often each is drawn when as many are drawn as there are."""
    drawn = rng.integers(people, size=(rows, people))
    drawn += people * np.arange(rows)[:, None]
    weights: I64 = np.bincount(drawn.ravel(), minlength=rows * people).reshape(rows, people)
    return weights


def _people(mated: I64, non_mated: I64) -> tuple[npt.NDArray[Any], I64, I64]:
    """The people in use, and where in them those of each trial are: (M,) and (N, 1 or 2)."""
    columns = non_mated.reshape(len(non_mated), -1)
    codes, at = np.unique(np.concatenate([mated, columns.ravel()]), return_inverse=True)
    if len(codes) < 2:
        raise EvaluationError(f"a bootstrap draws people: it needs two or more, got {len(codes)}")
    at = at.reshape(-1).astype(np.int64)
    return codes, at[: len(mated)], at[len(mated) :].reshape(columns.shape)


def _summed(weights: I64) -> I64:
    """(C, T) -> (C, T + 1): the weight of the k lowest trials."""
    out: I64 = np.zeros((len(weights), weights.shape[1] + 1), np.int64)
    np.cumsum(weights, axis=1, out=out[:, 1:])
    return out


class _Plan:
    """Where the figures are read off the sums of weights; the same for every replicate."""

    def __init__(
        self, mated: F64, non_mated: F64, thresholds: Sequence[float], targets: Sequence[float]
    ) -> None:
        self._targets = targets
        # Thresholds that matter: each score, and one above all of them.
        self._levels = np.append(np.unique(np.concatenate([mated, non_mated])), np.inf)
        self._m = np.searchsorted(mated, self._levels)
        self._n = np.searchsorted(non_mated, self._levels)
        self._fixed_m = np.searchsorted(mated, thresholds)
        self._fixed_n = np.searchsorted(non_mated, thresholds)
        self._below = np.searchsorted(non_mated, mated)
        self._up_to = np.searchsorted(non_mated, mated, side="right")

    def figures(self, mated: I64, non_mated: I64) -> tuple[F64, ...]:
        """fmr, fnmr, fmr_at, fnmr_at, threshold_at, eer, auc of C replicates' sums."""
        with np.errstate(invalid="ignore", divide="ignore"):
            all_m, all_n = mated[:, -1:].astype(np.float64), non_mated[:, -1:].astype(np.float64)
            void = np.where((all_m == 0) | (all_n == 0), np.nan, 0.0)
            fmr = (all_n - non_mated[:, self._fixed_n]) / all_n + void
            fnmr = mated[:, self._fixed_m] / all_m + void
            row = np.arange(len(mated))

            def rates(at: I64) -> tuple[F64, F64]:
                missed = mated[row, self._m[at]] / all_m[:, 0]
                return (all_n[:, 0] - non_mated[row, self._n[at]]) / all_n[:, 0], missed

            def first(holds: Any) -> I64:
                return _first(len(row), len(self._levels), lambda at: holds(*rates(at)))

            at = [first(lambda fmr, _, t=target: fmr <= t) for target in self._targets]
            chosen = np.stack(at, axis=1) if at else np.zeros((len(row), 0), np.int64)
            columns = [rates(chosen[:, j]) for j in range(chosen.shape[1])]
            empty = np.zeros((len(row), 0))
            fmr_at = np.stack([c[0] for c in columns], axis=1) if columns else empty
            fnmr_at = np.stack([c[1] for c in columns], axis=1) if columns else empty
            crossing = first(lambda fmr, fnmr: fnmr >= fmr)
            after, before = rates(crossing), rates(np.maximum(crossing - 1, 0))
            eer = crossing_rate(before, after)
            below, up_to = non_mated[:, self._below], non_mated[:, self._up_to]
            wins = ((below + up_to) * np.diff(mated, axis=1)).sum(axis=1)
            auc = wins / (2 * all_m[:, 0] * all_n[:, 0])
        void_row = void[:, 0]
        threshold = self._levels[chosen] + void
        return fmr, fnmr, fmr_at + void, fnmr_at + void, threshold, eer + void_row, auc + void_row


def crossing_rate(before: tuple[F64, F64], after: tuple[F64, F64]) -> F64:
    """Where the line between two (fmr, fnmr) points meets fmr = fnmr; ``after`` where equal."""
    gap, next_gap = before[0] - before[1], after[1] - after[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(gap + next_gap > 0, gap / (gap + next_gap), 1.0)
    out: F64 = before[0] + np.clip(share, 0, 1) * (after[0] - before[0])
    return out


def _first(rows: int, count: int, holds: Any) -> I64:
    """(rows,) int64: the first of ``count`` places at which a monotone condition holds."""
    low, high = np.zeros(rows, np.int64), np.full(rows, count - 1, np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        found = holds(middle)
        # A replicate without a trial of a kind has no rates: its place stays the last.
        further = np.minimum(middle + 1, high)
        high, low = np.where(found, middle, high), np.where(found, low, further)
    return low
