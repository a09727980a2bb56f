"""The figures of the model card: scores and searches in, plain numbers out, as the JSON has them.

Two networks are always compared on the same trials: one that either gave no score is left out of
both and counted (``lost``). Rates are shares of 1. Every figure with an interval is
``{"value", "low", "high"}``: 95 %, by a bootstrap over people (maskwise.evaluate.intervals). The
replicates of two networks draw the same people, so that differences, second less first, are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from maskwise.evaluate.breakdown import differentials
from maskwise.evaluate.identification import identification
from maskwise.evaluate.intervals import (
    LEAST_PEOPLE,
    Bootstrap,
    Interval,
    Rate,
    bootstrap,
    bootstrap_share,
    percentile_interval,
    rate_interval,
)
from maskwise.evaluate.scores import Scores, wear_kind
from maskwise.evaluate.searches import Searches
from maskwise.evaluate.verification import (
    best_threshold,
    eer,
    fnmr_at_fmr,
    fold_accuracy,
    own_folds,
    threshold_for_fmr,
)
from maskwise.types import F64

FMR = 1e-3
FPIRS = (0.1, 0.01)
SEEDS_OF_FOLDS = range(1, 7)
LOSS = 0.002
"""Of accuracy: what counts as a loss in a list of pairs (0.2 points)."""

Figure = dict[str, Any]


def figure(value: float, interval: Interval | None) -> Figure:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {"value": value, "low": low, "high": high}


def of_rate(rate: Rate, interval: Interval) -> Figure:
    return {**figure(rate.value, interval), "errors": rate.errors, "trials": rate.trials}


def same_trials(found: Sequence[Scores]) -> tuple[list[Scores], dict[str, int]]:
    """The trials that all have a score of, and how many those are not."""
    lost = np.logical_or.reduce([scores.failed for scores in found])
    mated = found[0].mated
    kinds = {"mated": int((lost & mated).sum()), "non_mated": int((lost & ~mated).sum())}
    return [scores.subset(~lost) for scores in found], kinds


def verification(found: Sequence[Scores], replicates: int, seed: int = 0) -> Figure:
    """FNMR at an FMR of 0.001, EER, and accuracy, of one or two networks on the same trials."""
    kept, lost = same_trials(found)
    made = [_rates(scores, replicates, seed) for scores in kept]
    out = {
        "mated": int(kept[0].mated.sum()),
        "non_mated": int((~kept[0].mated).sum()),
        "people": len(kept[0].people()),
        "lost": lost,
        "by": [figures for figures, _ in made],
    }
    if len(made) == 2:
        (a, drawn_a), (b, drawn_b) = made
        out["difference"] = {
            name: _difference(a[name]["value"], b[name]["value"], drawn_a, drawn_b, name)
            for name in ("fnmr", "eer", "balanced")
        }
    return out


Drawn = dict[str, F64] | None
"""The replicates of each figure; None where there are too few people to draw from."""


def _rates(scores: Scores, replicates: int, seed: int) -> tuple[Figure, Drawn]:
    mated, strangers = scores.scores[scores.mated], scores.scores[~scores.mated]
    people = scores.subject_codes()
    drawn: Drawn = None
    if len(np.unique(people)) >= LEAST_PEOPLE:
        # The threshold that is best for both kinds alike is always a mated score.
        made = bootstrap(
            mated,
            strangers,
            people[scores.mated, 0],
            people[~scores.mated],
            thresholds=np.unique(mated).tolist(),
            target_fmrs=(FMR,),
            replicates=replicates,
            seed=seed,
        )
        drawn = {"fnmr": made.fnmr_at[:, 0], "eer": made.eer, "balanced": _balanced(made)}
    at = fnmr_at_fmr(mated, strangers, FMR)
    interval = at.fnmr.interval()
    if drawn is not None:
        interval = rate_interval(at.fnmr, drawn["fnmr"])
    best = best_threshold(mated, strangers)
    right = np.concatenate([mated >= best, strangers < best])
    return {
        "threshold": at.threshold,
        "fnmr": of_rate(at.fnmr, interval) | {"supported": at.supported},
        "eer": figure(eer(mated, strangers).value, _interval(drawn, "eer")),
        "accuracy": {"value": float(right.mean()), "wrong": int((~right).sum())},
        "balanced": figure(balanced_accuracy(mated, strangers), _interval(drawn, "balanced")),
    }, drawn


def balanced_accuracy(mated: F64, strangers: F64) -> float:
    """The share that the best threshold decides right, both kinds weighted alike."""
    at = np.unique(mated)
    missed = np.searchsorted(np.sort(mated), at) / len(mated)
    passed = 1 - np.searchsorted(np.sort(strangers), at) / len(strangers)
    return float(1 - (missed + passed).min() / 2)


def _balanced(drawn: Bootstrap) -> F64:
    out: F64 = 1 - (drawn.fmr + drawn.fnmr).min(axis=1) / 2
    return out


def _interval(drawn: Drawn, name: str) -> Interval | None:
    return None if drawn is None else percentile_interval(drawn[name])


def _difference(a: float, b: float, drawn_a: Drawn, drawn_b: Drawn, name: str) -> Figure:
    interval = None
    if drawn_a is not None and drawn_b is not None:
        interval = percentile_interval(drawn_b[name] - drawn_a[name])
    return figure(b - a, interval)


# Bare faces: what lists of pairs say.


def own_list(found: Sequence[Scores]) -> Figure:
    """LFW's accuracy of a list without folds, in our own; ``folds``: the first, then six others."""
    kept, lost = same_trials(found)
    people = _first_people(kept[0])
    by = []
    for scores in kept:
        folds = own_folds(people, scores.mated)
        first = fold_accuracy(scores.scores, scores.mated, folds)
        others = [
            fold_accuracy(scores.scores, scores.mated, own_folds(people, scores.mated, seed=seed))
            for seed in SEEDS_OF_FOLDS
        ]
        best = best_threshold(scores.scores[scores.mated], scores.scores[~scores.mated])
        wrong = int(((scores.scores >= best) != scores.mated).sum())
        by.append(
            {
                "folds": first.accuracy,
                "standard_error": first.standard_error,
                "other_folds": float(np.mean([one.accuracy for one in others])),
                "best": 1 - wrong / len(scores),
                "wrong_at_best": wrong,
            }
        )
    mated = int(kept[0].mated.sum())
    return {"mated": mated, "non_mated": len(kept[0]) - mated, "lost": lost, "by": by}


def random_lists(found: Sequence[Scores], each: int, count: int, seed: int = 0) -> Figure:
    """Accuracy of ``count`` random lists of ``each`` mated and as many non-mated trials.

    Both networks get the same lists, in folds of their own, with the threshold of the other nine.
    """
    (a, b), _ = same_trials(found)
    mated, strangers = np.flatnonzero(a.mated), np.flatnonzero(~a.mated)
    each = min(each, len(mated), len(strangers))
    people = np.array(_first_people(a))
    rng = np.random.default_rng(seed)
    right = np.zeros((count, 2))
    for row in range(count):
        rows = np.concatenate(
            [rng.choice(kind, each, replace=False) for kind in (mated, strangers)]
        )
        folds = own_folds(people[rows].tolist(), a.mated[rows], seed=row)
        for column, scores in enumerate((a, b)):
            right[row, column] = fold_accuracy(
                scores.scores[rows], scores.mated[rows], folds
            ).accuracy
    change = right[:, 1] - right[:, 0]
    return {
        "lists": count,
        "each": each,
        "by": [{"mean": float(m)} for m in right.mean(axis=0)],
        "difference": {"mean": float(change.mean()), "sd": float(change.std(ddof=1))},
        "loss": LOSS,
        "share_with_loss": float((change < -LOSS).mean()),
    }


def _first_people(scores: Scores) -> list[str]:
    return [scores.subjects[place] for place in scores.pairs[:, 0].tolist()]


# Types of mask, and searches.


def by_type(found: Sequence[Scores], replicates: int, seed: int = 0) -> Figure:
    """FNMR of probes in each type of mask, at each network's one threshold of FMR 0.001."""
    kept, lost = same_trials(found)
    by: list[dict[str, Figure]] = []
    for scores in kept:
        threshold = threshold_for_fmr(scores.scores[~scores.mated], FMR)
        groups = differentials(
            scores, scores.probe_wear, threshold, replicates=replicates, seed=seed
        ).groups
        by.append(
            {
                group.name.partition(":")[2]: of_rate(group.fnmr, group.fnmr_interval)
                for group in groups
                if wear_kind(group.name) == "virtual" and group.fnmr.trials
            }
        )
    return {"lost": lost, "by": by}


def searched(found: Sequence[Searches], replicates: int, seed: int = 0) -> Figure:
    """Rank 1, and FNIR and TPIR at the FPIRs of the card; a probe without a template is missed."""
    first = found[0]
    by = []
    for searches in found:
        made = identification(
            searches, ranks=(1,), target_fpirs=FPIRS, replicates=replicates, seed=seed
        )
        row: Figure = {
            "rank1": of_rate(made.ranks[0].rate, made.ranks[0].interval),
            "probes_without_template": made.fta.errors,
            "mates_not_enrolled": made.missed_mates.errors,
            "at_fpir": {},
        }
        for at in made.targets:
            missed = of_rate(at.fnir, at.fnir_interval)
            row["at_fpir"][f"{at.target:g}"] = {
                "fnir": missed,
                "tpir": 1 - missed["value"],
                "fpir": at.fpir.value,
                "supported": at.supported,
            }
        by.append(row)
    out: Figure = {
        "people": first.people,
        "references": first.references,
        "mated": int(first.mated.sum()),
        "non_mated": int((~first.mated).sum()),
        "by": by,
    }
    if len(found) == 2:
        out["difference"] = {"rank1": _rank_difference(found[0], found[1], replicates, seed)}
    return out


def _rank_difference(a: Searches, b: Searches, replicates: int, seed: int) -> Figure:
    people = np.unique(np.array(a.subjects, np.str_), return_inverse=True)[1].reshape(-1)[a.mated]
    hits = [searches.rank[searches.mated] == 1 for searches in (a, b)]
    interval = None
    if len(np.unique(people)) >= LEAST_PEOPLE:
        first, second = (
            bootstrap_share(hit, people, replicates=replicates, seed=seed) for hit in hits
        )
        interval = percentile_interval(second - first)
    return figure(float(hits[1].mean() - hits[0].mean()), interval)
