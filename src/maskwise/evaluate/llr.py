"""Score -> log-likelihood ratio -> probability, and how good such a map is (Cllr).

The log-likelihood ratio (LLR, natural logarithm) of a score says how much likelier it is among
mated than among non-mated trials. With a prior p that the two are one person, the probability is
1 / (1 + exp(-(LLR + ln(p / (1 - p))))): a score alone has no probability, whatever is printed
elsewhere.

No map returns an LLR beyond what its trials can show: among M mated and N non-mated ones the
likelihood ratio stays between 1 / (M + 1) and N + 1, as one unseen trial more would allow
(Laplace's rule of succession).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from maskwise.errors import EvaluationError
from maskwise.evaluate.verification import checked
from maskwise.likelihood import LlrMap, LogisticMap, PavMap, map_from_json, probability
from maskwise.types import F64

__all__ = [
    "LlrMap",
    "LogisticMap",
    "PavMap",
    "cllr",
    "fit_logistic",
    "fit_pav",
    "map_from_json",
    "min_cllr",
    "probability",
]

_RIDGE: Final = 1e-6
"""Of the slope, in standard deviations: keeps it finite where the scores are separable."""
_STEPS: Final = 100
_CLOSE: Final = 1e-10


def fit_logistic(mated: npt.ArrayLike, non_mated: npt.ArrayLike) -> LogisticMap:
    """Logistic regression with both kinds of trial weighing the same: its logit is the LLR.

    Minimises Cllr over slope and offset by Newton's method (Bruemmer and du Preez 2006,
    "Application-independent evaluation of speaker detection", Computer Speech and Language 20).
    A slope below 0 is refused: scores that fall as faces become more alike are no scores.
    """
    same, other = checked(mated, "mated"), checked(non_mated, "non-mated")
    scores = np.concatenate([same, other])
    truth = np.repeat([1.0, 0.0], [same.size, other.size])
    weight = np.repeat([0.5 / same.size, 0.5 / other.size], [same.size, other.size])
    middle, spread = scores.mean(), scores.std()
    if spread == 0:
        return LogisticMap(0.0, 0.0, *_limits(same.size, other.size))
    inputs = np.stack([(scores - middle) / spread, np.ones_like(scores)], axis=1)
    ridge = np.diag([_RIDGE, 0.0])
    at = np.zeros(2)
    loss = _loss(inputs, truth, weight, at)
    for _ in range(_STEPS):
        expected = probability(inputs @ at, 0.5)
        slope = inputs.T @ (weight * (expected - truth)) + ridge @ at
        bend = (inputs * (weight * expected * (1 - expected))[:, None]).T @ inputs + ridge
        step = np.linalg.solve(bend + 1e-15 * np.eye(2), slope)
        # Newton may overshoot where the scores hardly overlap: halve until the loss falls.
        while (lower := _loss(inputs, truth, weight, at - step)) > loss + 1e-15:
            step /= 2
        at, loss = at - step, lower
        if np.abs(step).max() < _CLOSE * max(1.0, np.abs(at).max()):
            break
    if at[0] < 0:
        raise EvaluationError(
            "mated scores are lower than non-mated ones; higher must be more alike, so turn the "
            "scores round or check which trials are mated"
        )
    slope_out = at[0] / spread
    return LogisticMap(
        float(slope_out), float(at[1] - slope_out * middle), *_limits(same.size, other.size)
    )


def _loss(inputs: F64, truth: F64, weight: F64, at: F64) -> float:
    logits = inputs @ at
    losses = np.logaddexp(0.0, np.where(truth == 1, -logits, logits))
    return float(weight @ losses + 0.5 * _RIDGE * at[0] ** 2)


def fit_pav(mated: npt.ArrayLike, non_mated: npt.ArrayLike) -> PavMap:
    """The rising map that fits best: isotonic regression, by pooling adjacent violators.

    In a block of m mated and n non-mated trials, LLR = ln((m / M) / (n / N)) (Bruemmer and du
    Preez 2006; Ayer and others 1955, Ann. Math. Stat. 26), held to what the trials can show.
    Between blocks the LLR is interpolated.
    """
    same, other = checked(mated, "mated"), checked(non_mated, "non-mated")
    low, high, m, n = _blocks(same, other)
    with np.errstate(divide="ignore"):
        llrs = np.log(m / same.size) - np.log(n / other.size)
    llrs = np.clip(llrs, *_limits(same.size, other.size))
    scores = np.stack([low, high], axis=1).ravel()
    both = np.repeat(llrs, 2)
    keep = np.append(True, np.diff(scores) > 0)
    return PavMap(tuple(scores[keep].tolist()), tuple(both[keep].tolist()))


def _limits(mated: int, non_mated: int) -> tuple[float, float]:
    """The least and the largest LLR that so many trials can show."""
    return -math.log(mated + 1), math.log(non_mated + 1)


def _blocks(same: F64, other: F64) -> tuple[F64, F64, F64, F64]:
    """Isotonic regression of mated (1) on the score: of each block the lowest and the highest
    score, and how many mated and non-mated trials are in it. Equal scores are one observation.
    """
    scores = np.unique(np.concatenate([same, other]))
    m = np.bincount(np.searchsorted(scores, same), minlength=len(scores))
    n = np.bincount(np.searchsorted(scores, other), minlength=len(scores))
    # Neighbours of one kind alone end up in blocks of one value: joining them first is exact,
    # and leaves few blocks for the loop.
    kind = np.where(n == 0, 1, np.where(m == 0, -1, 0))
    first = np.flatnonzero(np.append(True, (np.diff(kind) != 0) | (kind[1:] == 0)))
    m, n = np.add.reduceat(m, first), np.add.reduceat(n, first)
    ends = np.append(first[1:], len(scores)) - 1
    blocks: list[list[int]] = []  # first, last, mated, non-mated
    for begin, end, more_m, more_n in zip(first, ends, m.tolist(), n.tolist(), strict=True):
        block = [begin, end, more_m, more_n]
        # m/n of the block before >= m/n of this one: no rise, so pool.
        while blocks and blocks[-1][2] * block[3] >= block[2] * blocks[-1][3]:
            before = blocks.pop()
            block = [before[0], block[1], before[2] + block[2], before[3] + block[3]]
        blocks.append(block)
    made = np.array(blocks)
    return scores[made[:, 0]], scores[made[:, 1]], made[:, 2] * 1.0, made[:, 3] * 1.0


def cllr(mated_llrs: npt.ArrayLike, non_mated_llrs: npt.ArrayLike) -> float:
    """The cost of LLRs in bits, 0 to infinity; 1 is what LLRs of 0 cost.

    (mean over mated of log2(1 + exp(-LLR)) + mean over non-mated of log2(1 + exp(LLR))) / 2
    (Bruemmer and du Preez 2006). Infinite LLRs are allowed; a wrong one costs infinity.
    """
    costs = []
    for llrs, sign in ((mated_llrs, -1.0), (non_mated_llrs, 1.0)):
        given = np.asarray(llrs, np.float64)
        if not given.size or np.isnan(given).any():
            raise EvaluationError("Cllr needs LLRs of mated and of non-mated trials, none of NaN")
        costs.append(float(np.mean(np.logaddexp(0.0, sign * given))))
    return (costs[0] + costs[1]) / (2 * math.log(2))


def min_cllr(mated: npt.ArrayLike, non_mated: npt.ArrayLike) -> float:
    """Cllr after the best rising map of these very scores: what discrimination alone costs.

    The pooled map, unlimited, fitted and judged on the same trials (Bruemmer and du Preez 2006).
    """
    same, other = checked(mated, "mated"), checked(non_mated, "non-mated")
    _, _, m, n = _blocks(same, other)
    with np.errstate(divide="ignore"):
        llrs = np.log(m / same.size) - np.log(n / other.size)
    costs_m = (m[m > 0] * np.logaddexp(0.0, -llrs[m > 0])).sum() / same.size
    costs_n = (n[n > 0] * np.logaddexp(0.0, llrs[n > 0])).sum() / other.size
    return float((costs_m + costs_n) / (2 * math.log(2)))
