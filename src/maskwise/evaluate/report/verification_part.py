"""Trials -> the part of a report on verification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from maskwise.decide import OperatingPoints
from maskwise.errors import EvaluationError
from maskwise.evaluate.breakdown import Group, Summary, differentials
from maskwise.evaluate.report import thresholds, worst
from maskwise.evaluate.report.failures import failure_blocks
from maskwise.evaluate.report.figures import Figures
from maskwise.evaluate.report.groups import group_blocks
from maskwise.evaluate.report.parts import Block, Card, Part, Section, groupings, provenance_section
from maskwise.evaluate.report.plots import Trace
from maskwise.evaluate.report.thresholds import Limit
from maskwise.evaluate.report.verification_plots import det_plot, histograms, traces_of
from maskwise.evaluate.report.verification_tables import (
    decided_table,
    folds_table,
    headline,
    overview,
    targets_table,
)
from maskwise.evaluate.report.words import (
    count,
    drawn_masks,
    of_many,
    percent,
    percent_range,
    score,
)
from maskwise.evaluate.score_file import content_sha256
from maskwise.evaluate.scores import Labels, Scores
from maskwise.evaluate.verification import TARGET_FMRS, FoldAccuracy


def verification_part(
    key: str,
    name: str,
    scores: Scores,
    *,
    prefix: str,
    points: OperatingPoints | None,
    target_fmr: float,
    replicates: int,
    seed: int,
) -> Part:
    """All that is said of ``scores``. prefix: of the files' names."""
    if not len(scores):
        raise EvaluationError(f"{name}: there is no trial in it, so there is nothing to report")
    figures = Figures(scores, replicates, seed)
    pairs = scores.wear_pair()
    everything = np.ones(len(scores), bool)
    whole = figures.of(everything, "all", curve=True)
    by_pair = {value: figures.of(pairs.where(value), value, curve=True) for value in pairs.values}
    # One wear pair is all there is: two rows would say the same.
    parts = {"all": whole, **by_pair} if len(by_pair) > 1 else by_pair
    accuracy = {
        part: found
        for part in parts
        if (found := figures.accuracy(everything if part == "all" else pairs.where(part)))
    }
    limits = thresholds.of_trials(scores, points, target_fmr)
    decided = {
        pair: differentials(
            part := scores.subset(pairs.where(pair)),
            Labels.all_one(pair, len(part)),
            limit.threshold,
            replicates=replicates,
            seed=seed,
        ).groups[0]
        for pair, limit in limits.items()
    }
    traces = tuple(traces_of(scores, by_pair))
    groups, notes = groupings(scores)
    content = content_sha256(scores)
    sections = [
        Section(
            "At the threshold that decides",
            (decided_table(prefix, limits, decided, by_pair),),
        ),
        Section(
            "Error rates",
            tuple(
                _error_blocks(prefix, parts, accuracy, traces, has_folds=scores.fold is not None)
            ),
        ),
        Section("Scores", tuple(histograms(prefix, scores, limits))),
        Section("Groups", (*notes, *group_blocks(prefix, figures, limits, groups))),
        Section("The worst errors", tuple(worst.of_trials(prefix, scores, limits))),
        Section("Failures", tuple(failure_blocks(prefix, scores, whole.failures))),
        provenance_section(scores, content, prefix),
    ]
    return Part(
        key,
        name,
        "trials",
        tuple(_summary(scores, whole, by_pair, limits, decided)),
        tuple(section for section in sections if section.blocks),
        scores.provenance,
        content,
        tuple(_cards(limits, decided)),
        tuple(headline(name, parts, limits, decided, accuracy)),
        traces,
        {"replicates": replicates, "bootstrap_seed": seed},
    )


def _summary(
    scores: Scores,
    whole: Summary,
    by_pair: Mapping[str, Summary],
    limits: Mapping[str, Limit],
    decided: Mapping[str, Group],
) -> Iterator[str]:
    photos = len(np.unique(scores.pairs))
    mated = int(np.count_nonzero(scores.mated))
    yield (
        f"{count(len(scores), 'comparison')} of {count(photos, 'photo')} of "
        f"{count(len(scores.people()), 'person', 'people')}: {mated:,} of a person with "
        f"themselves (mated), {len(scores) - mated:,} of two different people (non-mated)."
    )
    lost = whole.failures
    if lost.fta.errors or lost.fte.errors:
        yield (
            f"No template could be made of {lost.fta.errors:,} of {lost.fta.trials:,} probes and "
            f"{lost.fte.errors:,} of {lost.fte.trials:,} references, so {lost.mated:,} mated and "
            f"{lost.non_mated:,} non-mated comparisons have no score. They are listed below, and "
            "count as rejections in the generalised rates."
        )
    else:
        yield "Every photo gave a template: no comparison is missing."
    for pair, part in by_pair.items():
        if part.lacking:
            yield f"{pair}: {part.lacking}, so there are no error rates."
        elif pair in decided:
            yield _plain_words(pair, limits[pair], decided[pair])
    for at in whole.targets[: len(TARGET_FMRS)]:
        if not at.at.supported:
            yield f"FMRs of {percent(at.at.target)} and less are {at.at.unsupported}."
            break
    yield from drawn_masks(scores.probe_wear)


def _plain_words(pair: str, limit: Limit, group: Group) -> str:
    said = []
    if group.fmr.trials:
        said.append(
            f"{of_many(group.fmr)} comparisons of different people pass (FMR "
            f"{percent(group.fmr.value)}, {percent_range(group.fmr_interval)})"
        )
    if group.fnmr.trials:
        said.append(
            f"{of_many(group.fnmr)} comparisons of one person fail (FNMR "
            f"{percent(group.fnmr.value)}, {percent_range(group.fnmr_interval)})"
        )
    return (
        f"{pair}: {', and '.join(said)}, at the threshold {score(limit.threshold)}, "
        f"{thresholds.origin(limit, 'FMR')}."
    )


def _cards(limits: Mapping[str, Limit], decided: Mapping[str, Group]) -> Iterator[Card]:
    for pair, group in decided.items():
        if group.fnmr.trials and group.fmr.trials:
            chosen = "by choice" if limits[pair].own else percent_range(group.fmr_interval)
            yield Card(
                pair,
                percent(group.fnmr.value, 2),
                f"of mated comparisons fail (FNMR, {percent_range(group.fnmr_interval)})",
                f"where {percent(group.fmr.value, 2)} of non-mated ones pass (FMR, {chosen})",
            )


def _error_blocks(
    prefix: str,
    parts: Mapping[str, Summary],
    accuracy: Mapping[str, FoldAccuracy],
    traces: Sequence[Trace],
    *,
    has_folds: bool,
) -> Iterator[Block]:
    if traces:
        yield det_plot(f"{prefix}det", traces)
    yield overview(f"{prefix}overview", "By wear pair", "wear pair", parts)
    yield targets_table(prefix, parts)
    if accuracy:
        yield folds_table(prefix, accuracy)
    lacking = [part for part in parts if part not in accuracy] if has_folds else []
    if lacking:
        yield (
            f"No accuracy over folds for {', '.join(lacking)}: some fold lacks trials with a score."
        )
