"""The figures that the commands of ``maskwise evaluate`` print, as tables."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import click

from maskwise.cli.output import print_table
from maskwise.decide import OperatingPoints
from maskwise.errors import EvaluationError
from maskwise.evaluate.breakdown import Group, Summary, differentials, summarise
from maskwise.evaluate.identification import (
    RANKS,
    AtFpir,
    Identification,
    cmc,
    identification,
)
from maskwise.evaluate.intervals import Interval, Rate
from maskwise.evaluate.report.identification_blocks import Decided, at_limit
from maskwise.evaluate.report.thresholds import (
    Limit,
    caution,
    of_searches,
    of_trials,
    on_one_scale,
    origin,
    points_for,
)
from maskwise.evaluate.report.words import NOTHING as _NOTHING
from maskwise.evaluate.report.words import percent, percent_range, score
from maskwise.evaluate.scores import UNKNOWN, Labels, Scores
from maskwise.evaluate.searches import Searches
from maskwise.evaluate.verification import FoldAccuracy, fold_accuracy

_FEW: Final = "too few"


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One wear pair of some trials. limit: the threshold that decides; group: the rates at it."""

    summary: Summary
    limit: Limit | None
    group: Group | None


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """All of one set of trials, by wear pair."""

    pairs: Mapping[str, Pair]
    folds: FoldAccuracy | None


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """All of one set of searches. decided: at the threshold that decides. scale: what was done so
    that one serves for all (``on_one_scale``). cmc: rank 1, 2, ..., 20."""

    summary: Identification
    decided: Decided | None
    scale: str
    cmc: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Name of the scores -> their figures. target_fmrs, target_fpirs: falling."""

    trials: Mapping[str, Trials]
    searches: Mapping[str, Found]
    target_fmrs: Sequence[float]
    target_fpirs: Sequence[float]


def figures(
    parts: Mapping[str, Scores | Searches],
    *,
    target_fmrs: Sequence[float],
    target_fpirs: Sequence[float],
    points: OperatingPoints | None = None,
    replicates: int,
    seed: int,
) -> Figures:
    """The figures of each part. points: whose thresholds decide; None: those that ship."""
    fmrs, fpirs = (tuple(sorted(set(given))[::-1]) for given in (target_fmrs, target_fpirs))
    trials: dict[str, Trials] = {}
    searches: dict[str, Found] = {}
    for name, part in parts.items():
        known = points_for(part.provenance.encoder_id, points)
        if isinstance(part, Scores):
            trials[name] = _trials(part, known, fmrs, replicates, seed)
        else:
            searches[name] = _found(part, known, fpirs, replicates, seed)
    return Figures(trials, searches, fmrs, fpirs)


def _trials(
    scores: Scores,
    points: OperatingPoints | None,
    targets: Sequence[float],
    replicates: int,
    seed: int,
) -> Trials:
    worn = scores.wear_pair()
    limits = of_trials(scores, points, targets[-1])
    pairs: dict[str, Pair] = {}
    for name in worn.values:
        part = scores.subset(worn.where(name))
        summary = summarise(part, name, target_fmrs=targets, replicates=replicates, seed=seed)
        limit, group = limits.get(name), None
        if limit is not None:
            group = differentials(
                part,
                Labels.all_one(name, len(part)),
                limit.threshold,
                replicates=replicates,
                seed=seed,
            ).groups[0]
        pairs[name] = Pair(summary, limit, group)
    folds = None
    if scores.fold is not None:
        with contextlib.suppress(EvaluationError):  # too few trials of a kind are left
            folds = fold_accuracy(scores.scores, scores.mated, scores.fold)
    return Trials(pairs, folds)


def _found(
    searches: Searches,
    points: OperatingPoints | None,
    targets: Sequence[float],
    replicates: int,
    seed: int,
) -> Found:
    searches, scale = on_one_scale(searches, points, targets[-1])
    summary = identification(
        searches, ranks=RANKS, target_fpirs=targets, replicates=replicates, seed=seed
    )
    limit = of_searches(searches, points, targets[-1])
    decided = None if limit is None else at_limit(searches, limit, replicates, seed)
    return Found(summary, decided, scale, tuple(cmc(searches).tolist()))


def print_figures(found: Figures) -> None:
    """What is decided, and what thresholds that fit these very photos would give."""
    if found.trials:
        _print_trials(found)
    if found.searches:
        if found.trials:
            click.echo()
        _print_searches(found)


def _print_trials(found: Figures) -> None:
    pairs = [
        (name, worn, pair)
        for name, part in found.trials.items()
        for worn, pair in part.pairs.items()
    ]
    click.echo("Is it the same person? (verification)\n")
    print_table(
        ("scores", "worn", "mated", "non-mated", "failed", "threshold", "FMR", "FNMR"),
        [
            (
                name,
                worn,
                f"{pair.summary.mated:,}",
                f"{pair.summary.non_mated:,}",
                f"{pair.summary.failures.mated:,} + {pair.summary.failures.non_mated:,}",
                _NOTHING if pair.limit is None else score(pair.limit.threshold),
                _NOTHING if pair.group is None else _rate(pair.group.fmr, pair.group.fmr_interval),
                _NOTHING
                if pair.group is None
                else _rate(pair.group.fnmr, pair.group.fnmr_interval),
            )
            for name, worn, pair in pairs
        ],
        right=("mated", "non-mated", "failed", "threshold"),
    )
    click.echo(
        "Worn: by reference and probe; a masked probe meets references with masks drawn on them.\n"
        "Mated: pairs of photos of one person; FNMR: the share of them that does not pass as one.\n"
        "Non-mated: pairs of two people; FMR: the share of them that passes as one. In brackets:\n"
        "95 % intervals. Failed: mated + non-mated pairs of which a photo gave no template; they\n"
        "are in no rate here, and folded in in the report."
    )
    if any(worn == UNKNOWN for _, worn, _ in pairs):
        click.echo(
            "Unknown: no face was found in one of the two photos, so what it wears is not known."
        )
    _say_whose([pair.limit for _, _, pair in pairs], "FMR")
    for name, part in found.trials.items():
        if part.folds is not None:
            click.echo(f"{name}: accuracy over {_folds(part.folds)}")
    click.echo("\nAt thresholds picked on these very pairs:\n")
    columns = [f"FNMR at FMR {percent(target)}" for target in found.target_fmrs]
    print_table(
        ("scores", "worn", "EER", "AUC", *columns),
        [
            (
                name,
                worn,
                _share(_eer(pair.summary), pair.summary.eer_interval),
                _share(pair.summary.auc, pair.summary.auc_interval),
                *(
                    _rate(at.at.fnmr, at.fnmr_interval)
                    if at.at.supported
                    else f"{_FEW} ({at.at.fmr.trials:,})"
                    for at in pair.summary.targets
                ),
                *[_NOTHING] * (len(columns) - len(pair.summary.targets)),
            )
            for name, worn, pair in pairs
        ],
    )
    _explain_few([at.at.supported for _, _, p in pairs for at in p.summary.targets], "FMR")


def _print_searches(found: Figures) -> None:
    parts = found.searches
    click.echo("Who is it? (identification among N people, of R candidates the first)\n")
    print_table(
        ("scores", "N", "R", "mated", "strangers", "failed", "T", "FPIR", "FNIR"),
        [
            (
                name,
                f"{part.summary.people:,}",
                f"{part.summary.length}",
                f"{part.summary.mated:,}",
                f"{part.summary.non_mated:,}",
                f"{part.summary.fta.errors:,} + {part.summary.missed_mates.errors:,}",
                *_decided(part.decided),
            )
            for name, part in parts.items()
        ],
        right=("N", "R", "mated", "strangers", "failed", "T"),
    )
    click.echo(
        "Mated: searches for somebody enrolled; FNIR: the share of them that does not name the\n"
        "right person. FPIR: the share of strangers' searches that names somebody. Failed: probes\n"
        "without a template + mated searches for somebody who could not be enrolled; they count\n"
        "as misses, and name nobody."
    )
    _say_whose([p.decided.limit for p in parts.values() if p.decided is not None], "FPIR")
    for name, part in parts.items():
        if part.scale:
            click.echo(f"{name}: {part.scale}")
    click.echo("\nWithout a threshold, and at thresholds picked on these very searches:\n")
    columns = [f"FNIR at FPIR {percent(target)}" for target in found.target_fpirs]
    print_table(
        ("scores", *(f"rank {k}" for k in RANKS), *columns),
        [
            (
                name,
                *(
                    _rate(rank.rate, rank.interval) if rank.k == 1 else percent(rank.rate.value)
                    for rank in part.summary.ranks
                ),
                *(_at_fpir(at) for at in part.summary.targets),
                *[_NOTHING] * (len(columns) - len(part.summary.targets)),
            )
            for name, part in parts.items()
        ],
    )
    click.echo("Rank k: the share of mated searches with the right person among the k best.")
    _explain_few([at.supported for p in parts.values() for at in p.summary.targets], "FPIR")


def _decided(decided: Decided | None) -> tuple[str, str, str]:
    if decided is None:
        return _NOTHING, _NOTHING, _NOTHING
    return (
        score(decided.limit.threshold),
        _rate(decided.fpir, decided.fpir_interval),
        _rate(decided.fnir, decided.fnir_interval),
    )


def _at_fpir(at: AtFpir) -> str:
    if not at.supported:
        return f"{_FEW} ({at.fpir.trials:,})"
    return f"{_rate(at.fnir, at.fnir_interval)}, T {score(at.threshold)}"


def _say_whose(limits: Sequence[Limit | None], rate: str) -> None:
    """Where the thresholds come from."""
    known = [limit for limit in limits if limit is not None]
    for text in dict.fromkeys(origin(limit, rate) for limit in known):
        click.echo(f"Thresholds: {text}.")
    for text in caution(known, rate):
        click.echo(text)


def _explain_few(supported: Sequence[bool], rate: str) -> None:
    if not all(supported):
        what = "non-mated pairs" if rate == "FMR" else "searches of strangers"
        click.echo(f"{_FEW} (n): n {what} say nothing of such an {rate}; it takes 30 / {rate}.")


def _rate(rate: Rate, interval: Interval) -> str:
    if not rate.trials:
        return _NOTHING
    return f"{percent(rate.value)} ({percent_range(interval)})"


def _eer(summary: Summary) -> float | None:
    return None if summary.eer is None else summary.eer.value


def _share(value: float | None, interval: Interval | None) -> str:
    if value is None:
        return _NOTHING
    if interval is None or interval.low == interval.high:  # all replicates alike: says nothing
        return percent(value)
    return f"{percent(value)} ({percent_range(interval)})"


def _folds(folds: FoldAccuracy) -> str:
    text = (
        f"{len(folds.folds)} folds {percent(folds.accuracy)} +- {percent(folds.standard_error, 2)}"
    )
    if folds.failed:
        text += f"; {percent(folds.accuracy_with_failures)} with {folds.failed:,} failed pairs"
    return text
