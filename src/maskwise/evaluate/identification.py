"""Error rates of 1:N search in an open set, in the words of ISO/IEC 19795-1.

A candidate list holds the R best people of a gallery of N, with score >= T.

- FPIR(N, T): the share of non-mated searches that return anybody.
- FNIR(N, R, T): the share of mated searches that do not return the right person.
- Rank k, CMC: the share of mated searches with the right person among the k best, no threshold.

A search whose probe gave no template returns nobody: a miss if mated, no false positive if not.
A person who could not be enrolled is missed too. Both are counted apart as well. People with the
mate's score count as before the mate: a tie is no success.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from maskwise.errors import EvaluationError
from maskwise.evaluate.intervals import (
    LEAST_PEOPLE,
    LEVEL,
    REPLICATES,
    Interval,
    Rate,
    bootstrap,
    bootstrap_share,
    rate_interval,
)
from maskwise.evaluate.searches import Searches
from maskwise.evaluate.verification import most_errors, threshold_for_fmr, unsupported
from maskwise.types import F64, Bool

TARGET_FPIRS: Final = (0.1, 0.03, 0.01, 0.003, 0.001)
RANKS: Final = (1, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class AtFpir:
    """FNIR at the lowest threshold whose FPIR is at most ``target``; as ``AtFmr``.

    fnir_interval: the threshold is picked anew in each replicate, the gallery stays.
    """

    target: float
    threshold: float
    fpir: Rate
    fnir: Rate
    fnir_interval: Interval
    supported: bool
    unsupported: str = ""


@dataclass(frozen=True, slots=True)
class RankRate:
    """Mated searches with the right person among the ``k`` best (``errors`` counts successes)."""

    k: int
    rate: Rate
    interval: Interval


@dataclass(frozen=True, slots=True)
class Identification:
    """Figures of one set of searches: N people, R of the FNIRs' candidate lists.

    mated, non_mated: searches, failures among them. fta: probes without a template. missed_mates:
    mated searches whose person could not be enrolled. lacking: what there is none of.
    """

    name: str
    people: int
    references: int
    length: int
    mated: int
    non_mated: int
    fta: Rate
    missed_mates: Rate
    ranks: tuple[RankRate, ...]
    targets: tuple[AtFpir, ...]
    lacking: str = ""


def fpir(searches: Searches, threshold: float) -> Rate:
    """FPIR(N, T): non-mated searches in which anybody has score >= T. ISO/IEC 19795-1."""
    strangers = _strangers(searches)
    passed = np.isfinite(strangers) & (strangers >= threshold)
    return Rate(int(np.count_nonzero(passed)), strangers.size)


def fnir(searches: Searches, threshold: float, length: int = 1) -> Rate:
    """FNIR(N, R, T): mated searches without the right person in the R best with score >= T.

    length: R. ISO/IEC 19795-1.
    """
    found = _mates(searches, length)
    right = np.isfinite(found) & (found >= threshold)
    return Rate(int(np.count_nonzero(~right)), found.size)


def cmc(searches: Searches, longest: int = 20) -> F64:
    """Cumulative match characteristic: (longest,) float64, the share of mated searches with the
    right person among the 1, 2, ... best; failures count as missed. NaN without a mated search.
    """
    ranks = searches.rank[searches.mated]
    if not ranks.size:
        return np.full(longest, np.nan)
    counts = np.bincount(np.clip(ranks, 0, longest + 1), minlength=longest + 2)
    out: F64 = np.cumsum(counts[1 : longest + 1]) / ranks.size
    return out


def rank_rate(searches: Searches, k: int) -> Rate:
    """Mated searches with the right person among the k best (here "errors" are successes)."""
    ranks = searches.rank[searches.mated]
    return Rate(int(np.count_nonzero((ranks > 0) & (ranks <= k))), ranks.size)


def threshold_for_fpir(searches: Searches, target: float) -> float:
    """The lowest threshold with FPIR <= target, 0 < target < 1; as ``threshold_for_fmr``.

    Failed searches count; -inf where so many failed that no threshold is needed.
    Raises EvaluationError for another target, and without a non-mated search.
    """
    if not 0 < target < 1:
        raise EvaluationError(f"the target FPIR is a share above 0 and below 1, got {target}")
    strangers = _strangers(searches)
    scored = strangers[np.isfinite(strangers)]
    if not strangers.size:
        raise EvaluationError("no stranger was searched for, so there is no FPIR")
    if most_errors(strangers.size, target) >= scored.size:
        return -math.inf
    # Failed searches have no score; the lowest stands for them, which no rate below notices.
    filled = np.where(np.isfinite(strangers), strangers, scored.min())
    return threshold_for_fmr(filled, target)


def predicted_fpir(fmr: float, references: int) -> float:
    """1 - (1 - FMR)^references: what independent comparisons would give (ISO/IEC 19795-1)."""
    return 1.0 if fmr >= 1 else -math.expm1(references * math.log1p(-fmr))


def identification(
    searches: Searches,
    name: str = "all",
    *,
    length: int = 1,
    ranks: Sequence[int] = RANKS,
    target_fpirs: Sequence[float] = TARGET_FPIRS,
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> Identification:
    """The figures of ``searches``. length: R of FNIR(N, R, T). replicates: 0 for no bootstrap.

    The bootstrap draws the probes' people anew; the gallery is taken as it is.
    """
    mates, strangers, lost = _mates(searches, length), _strangers(searches), _lost(searches)
    people = np.unique(np.array(searches.subjects, np.str_), return_inverse=True)[1].reshape(-1)
    of_mates, of_strangers = people[searches.mated], people[~searches.mated]
    known, unknown = len(np.unique(of_mates)), len(np.unique(of_strangers))
    rows = []
    for k in ranks:
        rate = rank_rate(searches, k)
        interval = rate.interval(level)
        if replicates and known >= LEAST_PEOPLE:
            found = searches.rank[searches.mated]
            hits = (found > 0) & (found <= k)
            interval = rate_interval(
                rate, bootstrap_share(hits, of_mates, replicates=replicates, seed=seed), level
            )
        rows.append(RankRate(k, rate, interval))
    targets: list[AtFpir] = []
    if mates.size and strangers.size:
        drawn = None
        if replicates and min(known, unknown) >= LEAST_PEOPLE:
            drawn = bootstrap(
                mates,
                strangers,
                of_mates,
                of_strangers,
                target_fmrs=target_fpirs,
                replicates=replicates,
                seed=seed,
            )
        for column, target in enumerate(target_fpirs):
            threshold = threshold_for_fpir(searches, target)
            missed = fnir(searches, threshold, length)
            interval = missed.interval(level)
            if drawn is not None:
                interval = rate_interval(missed, drawn.fnmr_at[:, column], level)
            why = unsupported(strangers.size, target, "non-mated searches")
            passed = fpir(searches, threshold)
            targets.append(AtFpir(target, threshold, passed, missed, interval, not why, why))
    kinds = (("mated", mates.size), ("non-mated", strangers.size))
    return Identification(
        name,
        searches.people,
        searches.references,
        length,
        mates.size,
        strangers.size,
        Rate(int(np.count_nonzero(lost)), len(searches)),
        Rate(int(np.count_nonzero(~searches.mate_failure.where(""))), mates.size),
        tuple(rows),
        tuple(targets),
        " and ".join(f"no {kind} search" for kind, there in kinds if not there),
    )


def _lost(searches: Searches) -> Bool:
    """(S,) bool: probes without a template."""
    found: Bool = ~searches.probe_failure.where("")
    return found


def _mates(searches: Searches, length: int) -> F64:
    """(M,) of the mated searches: the right person's score, -inf where not among the best."""
    if length < 1:
        raise EvaluationError(f"a candidate list has room for 1 person or more, got {length}")
    rank = searches.rank[searches.mated]
    among = (rank > 0) & (rank <= length)
    return np.where(among, searches.mate_score[searches.mated], -np.inf)


def _strangers(searches: Searches) -> F64:
    """(N,) of the non-mated searches: the best score, -inf where the probe failed."""
    best = searches.other_score[~searches.mated]
    return np.where(np.isnan(best), -np.inf, best)
