"""Scores -> error rates, and what they differ by, with intervals by a bootstrap over people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from maskwise.types import F64, Bool

I64 = npt.NDArray[np.int64]

REPLICATES = 500
RATES = ("FNMR at 1e-2", "FNMR at 1e-3", "EER", "rank 1")
_TAIL = 0.3
"""Share of the non-mated scores, from the top, in which all thresholds lie."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Which of (R, P) scores count as what.

    mated, other: (R, P) bool. rows, columns: (R,), (P,) people as codes. enrolled: rows of the
    gallery, a person each. searched: columns that are looked for in it.
    """

    mated: Bool
    other: Bool
    rows: I64
    columns: I64
    enrolled: I64
    searched: I64

    @classmethod
    def of(
        cls,
        rows: npt.NDArray[np.str_],
        row_photos: npt.NDArray[np.str_],
        columns: npt.NDArray[np.str_],
        column_photos: npt.NDArray[np.str_],
    ) -> Trials:
        """All pairs of two photos; everybody's first reference is enrolled, other photos sought."""
        codes = np.unique(np.concatenate([rows, columns]), return_inverse=True)[1].reshape(-1)
        r, c = codes[: len(rows)], codes[len(rows) :]
        same = r[:, None] == c
        own = row_photos[:, None] == column_photos
        first = np.unique(r, return_index=True)[1]
        taken = (same & own)[first].any(axis=0)
        sought = np.flatnonzero(~taken & np.isin(c, r))
        return cls(same & ~own, ~same, r, c, first, sought)

    @cached_property
    def weights(self) -> F64:
        """(1 + REPLICATES, people): how often each is drawn; the first row is the sample itself."""
        people = 1 + int(max(self.rows.max(), self.columns.max()))
        there = np.unique(np.concatenate([self.rows, self.columns]))
        drawn = np.random.default_rng(7).multinomial(
            len(there), np.full(len(there), 1 / len(there)), REPLICATES
        )
        out = np.ones((1 + REPLICATES, people))
        out[1:, there] = drawn
        return out

    @cached_property
    def pairs(self) -> tuple[I64, I64]:
        """The people of the non-mated trials."""
        r, c = np.nonzero(self.other)
        return self.rows[r], self.columns[c]

    def rates(self, scores: F64) -> F64:
        """(1 + REPLICATES, 4) per cent, by ``RATES``; NaN where no weight is left."""
        mated, other = scores[self.mated], scores[self.other]
        people = self.rows[np.nonzero(self.mated)[0]]
        order = np.argsort(mated)
        mated, people = mated[order], people[order]
        keep = max(int(_TAIL * len(other)), min(len(other), 1000))
        top = np.argpartition(other, -keep)[-keep:]
        top = top[np.argsort(-other[top])]
        first, second = self.pairs[0][top], self.pairs[1][top]
        below = np.searchsorted(mated, other[top])
        hits = self.rows[self.enrolled][scores[self.enrolled][:, self.searched].argmax(axis=0)]
        sought = self.columns[self.searched]
        right = hits == sought
        n_rows = np.bincount(self.rows, self.other.any(axis=1), self.weights.shape[1])
        n_columns = np.bincount(self.columns, self.other.any(axis=0), self.weights.shape[1])
        whole = len(other) == n_rows.sum() * n_columns.sum() - (n_rows * n_columns).sum()
        found = []
        for w in self.weights:
            if whole:
                total = (w @ n_rows) * (w @ n_columns) - (w * w) @ (n_rows * n_columns)
            else:
                total = (w[self.pairs[0]] * w[self.pairs[1]]).sum()
            with np.errstate(invalid="ignore"):
                passed = np.cumsum(w[first] * w[second]) / total
                lost = np.concatenate([[0.0], np.cumsum(w[people])]) / w[people].sum()
                rank = w[sought] @ right / w[sought].sum()
            # The threshold is the non-mated score at which the FMR is reached.
            at = [min(int(np.searchsorted(passed, f)), keep - 1) for f in (1e-2, 1e-3)]
            cross = int(np.argmax(passed >= lost[below]))
            equal = (passed[cross] + lost[below[cross]]) / 2
            found.append([*(lost[below[k]] for k in at), equal, rank])
        return 100 * np.array(found)


def told(name: str, found: F64, before: F64) -> str:
    """One line: each rate, and the interval of its difference to the rule before."""
    low, high = np.nanquantile(found[1:] - before[1:], [0.025, 0.975], axis=0)
    cells = [
        f"{value:6.2f} ({a:+6.2f} {b:+6.2f})"
        for value, a, b in zip(found[0], low, high, strict=True)
    ]
    return f"  {name:34} {'  '.join(cells)}"


def logistic(mated: F64, other: F64) -> tuple[F64, float]:
    """(K,) weights and bias; both classes count alike, ridge 1e-3, Newton's steps."""
    x = np.concatenate([mated, other])
    middle, spread = x.mean(axis=0), x.std(axis=0)
    x = np.hstack([(x - middle) / spread, np.ones((len(x), 1))])
    y = np.arange(len(x)) < len(mated)
    each_counts = np.where(y, 0.5 / len(mated), 0.5 / len(other))
    w = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ w))
        slope = x.T @ (each_counts * (p - y)) + 1e-3 * w
        bend = (x * (each_counts * p * (1 - p))[:, None]).T @ x + 1e-3 * np.eye(len(w))
        w -= np.linalg.solve(bend, slope)
    weights = np.asarray(w[:-1] / spread)
    return weights, float(w[-1] - weights @ middle)
