"""The judge of real_or_drawn.py: what it sees of a chip, and how often it is right.

Logistic regressions, asked only about photos (or people) that they were not fitted on. Of several
penalties the one that tells best counts: a weak judge must not pass for a good mask. Nothing that
was fitted is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import onnxruntime
import resnet
from sklearn.linear_model import LogisticRegression

from maskwise.types import F32, F64, U8, Bool

FOLDS, REPLICATES = 5, 500
PENALTIES = (1e-4, 1e-3, 1e-2)
I64 = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


class Trunk:
    """The encoder's first eight blocks, averaged over 4 x 4 cells: what the mask state sees."""

    def __init__(self) -> None:
        data = resnet.build_trunk(8, 4).SerializeToString()
        self._session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

    def __call__(self, pixels: U8) -> F32:
        starts = range(0, len(pixels), 32)
        return np.concatenate(
            [self._session.run(None, {"chips": pixels[k : k + 32]})[0] for k in starts]
        )


def texture(pixels: U8) -> F32:
    """(N, 1431): gradients by direction in 10 x 10 cells, local binary patterns in 3 x 3."""
    return np.stack([_texture(cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY)) for chip in pixels])


def _texture(grey: U8) -> F32:
    g = grey.astype(np.float32)
    dx, dy = cv2.Sobel(g, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(g, cv2.CV_32F, 0, 1, ksize=1)
    direction = np.minimum((np.arctan2(dy, dx) % np.pi) / np.pi * 9, 8.999).astype(int)
    size = len(g)
    cell = np.arange(size) * 10 // size
    place = (cell[:, None] * 10 + cell[None]) * 9 + direction
    hog = np.bincount(place.ravel(), np.hypot(dx, dy).ravel(), 900).reshape(100, 9)
    hog /= np.sqrt((hog**2).sum(1, keepdims=True) + 100.0)
    centre = g[1:-1, 1:-1]
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    code = np.zeros(centre.shape, int)
    for bit, (y, x) in enumerate(around):
        code += (g[y : y + size - 2, x : x + size - 2] >= centre).astype(int) << bit
    third = np.arange(size - 2) * 3 // (size - 2)
    place = (third[:, None] * 3 + third[None]) * 59 + _UNIFORM[code]
    lbp = np.bincount(place.ravel(), minlength=531) / centre.size * 9
    return np.concatenate([hog.ravel(), np.sqrt(lbp)]).astype(np.float32)


def _uniform() -> I64:
    """Ojala, Pietikainen and Maenpaa 2002: patterns of at most two changes have their own bins."""
    turns = [bin(c ^ ((c >> 1) | ((c & 1) << 7))).count("1") for c in range(256)]
    out = np.full(256, 58, np.int64)
    out[[c for c in range(256) if turns[c] <= 2]] = np.arange(58)
    return out


_UNIFORM = _uniform()


def judged(x: F32, truth: Bool, group: I64, seed: int, penalty: float) -> F64:
    """(N,) scores by a judge that saw no chip of the same group."""
    folds = np.random.default_rng(seed).permutation(group.max() + 1)[group] % FOLDS
    out = np.empty(len(x))
    for fold in range(FOLDS):
        test = folds == fold
        model = LogisticRegression(C=penalty, max_iter=300, tol=1e-3, class_weight="balanced")
        out[test] = model.fit(x[~test], truth[~test]).decision_function(x[test])
    return out


def scaled(x: F32) -> F32:
    """Every feature of unit variance, turned onto N axes: the same judge at less cost."""
    x = (x - x.mean(0)) / np.maximum(x.std(0), 1e-6)
    if x.shape[1] <= len(x):
        return x
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    return np.asarray(u * s, np.float32)


def auc(score: F64, truth: Bool, weight: F64 | None = None) -> float:
    """The probability that a real mask scores above a drawn one, ties for half."""
    w = np.ones(len(score)) if weight is None else weight
    values, place = np.unique(score, return_inverse=True)
    yes = np.bincount(place, w * truth, len(values))
    no = np.bincount(place, w * ~truth, len(values))
    total = yes.sum() * no.sum()
    return float((yes * (np.cumsum(no) - no / 2)).sum() / total) if total else float("nan")


def measured(sets: Sequence[tuple[F64, Bool, I64]], seed: int) -> dict[str, Any]:
    """Mean AUC of the draws and its interval: the groups are drawn, the same for every draw."""
    count = max(int(group.max()) for _, _, group in sets) + 1
    rng = np.random.default_rng(seed)
    replicates = []
    for _ in range(REPLICATES):
        times = np.bincount(rng.integers(count, size=count), minlength=count).astype(float)
        replicates.append(np.mean([auc(s, t, times[g]) for s, t, g in sets]))
    low, high = np.nanquantile(replicates, [0.025, 0.975])
    _, truth, group = sets[0]
    return {
        "auc": float(np.mean([auc(s, t) for s, t, _ in sets])),
        "interval": [float(low), float(high)],
        "real": int(truth.sum()),
        "drawn": int((~truth).sum()),
        "draws": len(sets),
        "groups": len(np.unique(group)),
    }


def told_apart(
    pairs: Sequence[tuple[F32, F32, I64, I64]],
    seed: int,
    kinds: Sequence[Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Of several (real, drawn, their groups): the AUC by the penalty that tells them apart best.

    kinds: what each drawn one is; then "kinds" has, for every kind, its AUC against all real ones.
    """
    sets = []
    for real, drawn_, group, other in pairs:
        x = scaled(np.concatenate([real, drawn_]))
        truth = np.arange(len(x)) < len(real)
        sets.append((x, truth, np.concatenate([group, other])))
    best: tuple[float, float, list[tuple[F64, Bool, I64]]] | None = None
    for penalty in PENALTIES:
        scores = [(judged(x, t, g, seed, penalty), t, g) for x, t, g in sets]
        mean = float(np.mean([auc(s, t) for s, t, _ in scores]))
        if best is None or mean > best[0]:
            best = mean, penalty, scores
    assert best is not None
    out = {**measured(best[2], seed), "penalty": best[1]}
    if kinds is not None:
        out["kinds"] = by_kind(best[2], kinds)
    return out


def by_kind(
    sets: Sequence[tuple[F64, Bool, I64]], kinds: Sequence[Sequence[str]]
) -> dict[str, list[float]]:
    """Kind -> AUC of its drawn ones against all real ones, and how many there are of it."""
    out = {}
    for kind in sorted({kind for drawn in kinds for kind in drawn}):
        aucs, count = [], 0
        for (score, truth, _), drawn in zip(sets, kinds, strict=True):
            kept = truth.copy()
            kept[~truth] = np.array(drawn) == kind
            if (kept & ~truth).any():
                aucs.append(auc(score[kept], truth[kept]))
                count += int((kept & ~truth).sum())
        out[kind] = [float(np.mean(aucs)), count]
    return out


def carried(
    learn: Sequence[tuple[F32, F32]], real: F32, drawn_: Sequence[F32], people: I64, seed: int
) -> dict[str, Any]:
    """AUC on (real, drawn) of judges fitted on ``learn``; people: (N real + N drawn,)."""
    best: tuple[float, float, list[tuple[F64, Bool, I64]]] | None = None
    truth = np.arange(len(people)) < len(real)
    for penalty in PENALTIES:
        scores = []
        for (yes, no), worn in zip(learn, drawn_, strict=True):
            x = np.concatenate([yes, no])
            mean, scale = x.mean(0), np.maximum(x.std(0), 1e-6)
            model = LogisticRegression(C=penalty, max_iter=300, tol=1e-3)
            model.fit((x - mean) / scale, np.arange(len(x)) < len(yes))
            test = (np.concatenate([real, worn]) - mean) / scale
            scores.append((model.decision_function(test), truth, people))
        middle = float(np.mean([auc(s, t) for s, t, _ in scores]))
        if best is None or middle > best[0]:
            best = middle, penalty, scores
    assert best is not None
    return {**measured(best[2], seed), "penalty": best[1]}
