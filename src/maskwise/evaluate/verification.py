"""Error rates of 1:1 comparison, in the words of ISO/IEC 19795-1.

A trial is accepted when score >= threshold. FMR: the share of non-mated trials that are
accepted. FNMR: the share of mated trials that are not. Scores are float64 arrays of any scale,
higher is more alike; NaN and infinity are refused. Equal scores are always treated alike.
Counts are kept and rates follow from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from maskwise.errors import EvaluationError
from maskwise.evaluate.intervals import I64, Rate, crossing_rate
from maskwise.types import F64, Bool

TARGET_FMRS: Final = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
LEAST_ERRORS: Final = 30
"""False matches that N trials must lead one to expect at a target FMR (N x FMR) before a figure
at that FMR is called supported. The rule of 30 (Doddington, Przybocki, Martin and Reynolds 2000,
"The NIST speaker recognition evaluation", Speech Communication 31): from 30 errors up the true
rate lies within 30 % of the observed one, with 90 % confidence, if trials are independent."""
LFW_FOLDS: Final = 10


@dataclass(frozen=True, slots=True)
class AtFmr:
    """FNMR at the lowest threshold whose FMR is at most ``target``.

    supported: whether the number of non-mated trials is enough; ``unsupported`` says why not.
    threshold: just above the score of the next false match. The rates are counted at it either
    way: below what is supported, FMR 0 and a threshold just above the highest non-mated score.
    """

    target: float
    threshold: float
    fmr: Rate
    fnmr: Rate
    supported: bool
    unsupported: str = ""

    @property
    def label(self) -> str:
        """As face recognition papers write it: TAR@FAR is 1 - FNMR at that FMR."""
        return f"TAR@FAR={self.target:g}"

    @property
    def tar(self) -> float:
        """1 - FNMR."""
        return 1.0 - self.fnmr.value


@dataclass(frozen=True, slots=True)
class Eer:
    """The equal error rate, and the lowest threshold at which FNMR >= FMR."""

    value: float
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Every operating point: a DET curve as FMR over FNMR, a ROC curve as 1 - FNMR over FMR.

    thresholds: (K,) float64, rising: each score that occurs, then +inf (nobody is accepted).
    false_matches: (K,) int64, falling, of ``non_mated`` trials. false_non_matches: (K,) int64,
    rising, of ``mated`` ones.
    """

    thresholds: F64
    false_matches: I64
    false_non_matches: I64
    mated: int
    non_mated: int

    @property
    def fmr(self) -> F64:
        """(K,) float64."""
        out: F64 = self.false_matches / self.non_mated
        return out

    @property
    def fnmr(self) -> F64:
        """(K,) float64."""
        out: F64 = self.false_non_matches / self.mated
        return out

    def corners(self) -> Curve:
        """Without the points that lie on the straight line between their neighbours: same plot."""
        steps = np.stack([np.diff(self.false_matches), np.diff(self.false_non_matches)])
        turn = steps[0][:-1] * steps[1][1:] != steps[0][1:] * steps[1][:-1]
        keep = np.concatenate([[True], turn, [True]])
        return Curve(
            self.thresholds[keep],
            self.false_matches[keep],
            self.false_non_matches[keep],
            self.mated,
            self.non_mated,
        )


@dataclass(frozen=True, slots=True)
class FoldAccuracy:
    """Accuracy by LFW's protocol: mean and standard error over the folds.

    accuracy, standard_error: over trials with a score. folds: of each. thresholds: of each.
    failed: trials without a score. accuracy_with_failures: each of those counted as an error.
    """

    accuracy: float
    standard_error: float
    folds: tuple[float, ...]
    thresholds: tuple[float, ...]
    failed: int
    accuracy_with_failures: float


def fmr_at(non_mated: npt.ArrayLike, threshold: float) -> Rate:
    """FMR: non-mated trials with score >= threshold. ISO/IEC 19795-1."""
    scores = checked(non_mated, "non-mated")
    return Rate(int(np.count_nonzero(scores >= threshold)), scores.size)


def fnmr_at(mated: npt.ArrayLike, threshold: float) -> Rate:
    """FNMR: mated trials with score < threshold. ISO/IEC 19795-1."""
    scores = checked(mated, "mated")
    return Rate(int(np.count_nonzero(scores < threshold)), scores.size)


def threshold_for_fmr(non_mated: npt.ArrayLike, target: float) -> float:
    """The lowest float64 t with FMR(t) <= target, 0 < target < 1.

    With the scores falling, s_0 >= s_1 >= ..., and k = ``most_errors(N, target)`` accepted, that
    is the next float64 above s_k: ties with s_k are refused together.
    """
    scores = checked(non_mated, "non-mated")
    if not 0 < target < 1:
        raise EvaluationError(f"the target FMR is a share above 0 and below 1, got {target}")
    place = scores.size - 1 - most_errors(scores.size, target)
    return float(np.nextafter(np.partition(scores, place)[place], np.inf))


def most_errors(count: int, target: float) -> int:
    """The largest k with k / count <= target, as floats divide: 3 of 1000 for 0.003."""
    most = min(math.floor(count * target) + 1, count)
    while most / count > target:
        most -= 1
    return most


def fnmr_at_fmr(
    mated: npt.ArrayLike,
    non_mated: npt.ArrayLike,
    target: float,
    *,
    least_errors: float = LEAST_ERRORS,
) -> AtFmr:
    """FNMR at an FMR of at most ``target``, and whether so many trials support it."""
    threshold = threshold_for_fmr(non_mated, target)
    fmr = fmr_at(non_mated, threshold)
    why = unsupported(fmr.trials, target, "non-mated trials", least_errors)
    return AtFmr(target, threshold, fmr, fnmr_at(mated, threshold), not why, why)


def unsupported(trials: int, target: float, what: str, least_errors: float = LEAST_ERRORS) -> str:
    """Why ``trials`` do not support a figure at a rate of ``target``; "" where they do."""
    needed = math.ceil(least_errors / target * (1 - 1e-12))
    if trials >= needed:
        return ""
    return f"not supported by {trials:,} {what}: {target:g} needs {needed:,}"


def curve(mated: npt.ArrayLike, non_mated: npt.ArrayLike) -> Curve:
    """All operating points of M mated and N non-mated scores; K <= M + N + 1."""
    same, other = _sorted(mated, "mated"), _sorted(non_mated, "non-mated")
    thresholds = np.append(np.unique(np.concatenate([same, other])), np.inf)
    return Curve(
        thresholds,
        other.size - np.searchsorted(other, thresholds).astype(np.int64),
        np.searchsorted(same, thresholds).astype(np.int64),
        same.size,
        other.size,
    )


def eer(mated: npt.ArrayLike, non_mated: npt.ArrayLike) -> Eer:
    """Where FMR = FNMR, on straight lines between neighbouring points of the DET curve.

    0 for scores that are separable; the same when the roles are swapped and the scores negated.
    """
    points = curve(mated, non_mated)
    fmr, fnmr = points.fmr, points.fnmr
    # The first point accepts all (FMR 1, FNMR 0) and the last nobody: there is a crossing.
    at = int(np.argmax(fnmr >= fmr))
    before, after = fmr[at - 1 : at], fmr[at : at + 1]
    value = crossing_rate((before, fnmr[at - 1 : at]), (after, fnmr[at : at + 1]))
    return Eer(float(value[0]), float(points.thresholds[at]))


def auc(mated: npt.ArrayLike, non_mated: npt.ArrayLike) -> float:
    """The area under the ROC curve: the chance that a mated score is the higher of two.

    P(mated > non-mated) + P(equal) / 2: the Mann-Whitney statistic over M x N (Hanley and McNeil
    1982, Radiology 143).
    """
    same, other = checked(mated, "mated"), _sorted(non_mated, "non-mated")
    below = np.searchsorted(other, same).sum(dtype=np.int64)
    up_to = np.searchsorted(other, same, side="right").sum(dtype=np.int64)
    return (int(below) + int(up_to)) / (2 * same.size * other.size)


def best_threshold(mated: npt.ArrayLike, non_mated: npt.ArrayLike) -> float:
    """The score at which most trials are decided right; of equally good ones the lowest."""
    points = curve(mated, non_mated)
    wrong = points.false_matches + points.false_non_matches
    return float(points.thresholds[np.argmin(wrong)])


def fold_accuracy(scores: npt.ArrayLike, mated: Bool, fold: npt.ArrayLike) -> FoldAccuracy:
    """LFW's View 2: for each fold, the threshold that is best on the others decides it.

    scores: (T,) float64, NaN for a trial that failed. mated: (T,) bool. fold: (T,) int.
    accuracy = mean of the folds' accuracies; standard error = their standard deviation (K - 1)
    over sqrt(K) (Huang, Ramesh, Berg and Learned-Miller 2007, "Labeled Faces in the Wild").
    Raises EvaluationError for fewer than two folds, and folds without a scored trial or whose
    others lack mated or non-mated ones.
    """
    given, same, folds = np.asarray(scores, np.float64), np.asarray(mated), np.asarray(fold)
    if not given.shape == same.shape == folds.shape or given.ndim != 1:
        raise EvaluationError(
            f"folds: {given.shape} scores, {same.shape} mated, {folds.shape} fold"
        )
    scored = ~np.isnan(given)
    names = np.unique(folds)
    if len(names) < 2:
        raise EvaluationError(f"the accuracy over folds needs two folds or more, got {len(names)}")
    for name in np.setdiff1d(names, folds[scored]):
        raise EvaluationError(f"fold {name} has no trial with a score")
    right, with_failures, thresholds = [], [], []
    for name in names:
        here, rest = folds == name, (folds != name) & scored
        threshold = best_threshold(given[rest & same], given[rest & ~same])
        correct = np.count_nonzero(((given >= threshold) == same)[here & scored])
        right.append(correct / np.count_nonzero(here & scored))
        with_failures.append(correct / np.count_nonzero(here))
        thresholds.append(threshold)
    return FoldAccuracy(
        float(np.mean(right)),
        float(np.std(right, ddof=1) / math.sqrt(len(names))),
        tuple(right),
        tuple(thresholds),
        int(np.count_nonzero(~scored)),
        float(np.mean(with_failures)),
    )


def own_folds(
    first_person: Sequence[str], mated: Bool, *, folds: int = LFW_FOLDS, seed: int = 0
) -> npt.NDArray[np.int32]:
    """Folds for a list that has none: (T,) int32; NOT LFW's official ones.

    All trials whose first person (sorted by name) is one are in one fold. People come in random
    order, by ``seed``, each to the fold with the fewest trials of the kind they bring most of.
    """
    names, codes = np.unique(np.asarray(first_person, np.str_), return_inverse=True)
    codes = codes.reshape(-1)
    kinds = np.stack(
        [np.bincount(codes[np.asarray(mated) == kind], minlength=len(names)) for kind in (1, 0)]
    )
    filled = np.zeros((2, folds), np.int64)
    of: npt.NDArray[np.int32] = np.zeros(len(names), np.int32)
    for person in np.random.default_rng(seed).permutation(len(names)):
        brings = kinds[:, person]
        of[person] = np.argmin(filled[int(np.argmax(brings))])
        filled[:, of[person]] += brings
    return of[codes]


def checked(scores: npt.ArrayLike, what: str) -> F64:
    """(N,) float64, N > 0, all finite; EvaluationError otherwise."""
    try:
        out: F64 = np.asarray(scores, np.float64)
    except (TypeError, ValueError) as error:
        raise EvaluationError(f"{what} scores: expected numbers ({error})") from error
    if out.ndim != 1 or not out.size:
        raise EvaluationError(
            f"{what} scores: expected one or more in one dimension, got {out.shape}; "
            "there is no rate without trials"
        )
    if not np.isfinite(out).all():
        count = np.count_nonzero(~np.isfinite(out))
        raise EvaluationError(
            f"{what} scores: {count} of {out.size} are NaN or infinite; a trial that failed has "
            "no score and is counted apart"
        )
    return out


def _sorted(scores: npt.ArrayLike, what: str) -> F64:
    return np.sort(checked(scores, what))
