"""Searches -> the part of a report on identification."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from maskwise.decide import OperatingPoints
from maskwise.errors import EvaluationError
from maskwise.evaluate.identification import (
    TARGET_FPIRS,
    Identification,
    identification,
)
from maskwise.evaluate.report import thresholds, worst
from maskwise.evaluate.report.failures import search_failure_blocks
from maskwise.evaluate.report.identification_blocks import (
    Decided,
    at_limit,
    decided_blocks,
    error_blocks,
    group_table,
    histogram_block,
    rank_blocks,
    trace_of,
)
from maskwise.evaluate.report.parts import (
    Card,
    Part,
    Section,
    groupings,
    provenance_section,
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
from maskwise.evaluate.searches import Searches

_GRID = tuple(float(f"{v:.4g}") for v in 10.0 ** np.arange(-4, 0, 0.25))


def identification_part(
    key: str,
    name: str,
    searches: Searches,
    *,
    prefix: str,
    points: OperatingPoints | None,
    target_fpir: float,
    replicates: int,
    seed: int,
) -> Part:
    """All that is said of ``searches``. prefix: of the files' names."""
    if not len(searches):
        raise EvaluationError(f"{name}: there is no search in it, so there is nothing to report")
    content = content_sha256(searches)
    searches, scale = thresholds.on_one_scale(searches, points, target_fpir)
    strangers = int(np.count_nonzero(~searches.mated))
    grid = [t for t in _GRID if t >= 1 / max(strangers, 1) and t not in TARGET_FPIRS]
    whole = identification(
        searches, target_fpirs=(*TARGET_FPIRS, *grid), replicates=replicates, seed=seed
    )
    limit = thresholds.of_searches(searches, points, target_fpir)
    decided = None if limit is None else at_limit(searches, limit, replicates, seed)
    groups, notes = groupings(searches)
    wears = searches.probe_wear
    every = {"what the probe wears": wears, **groups} if len(wears.values) > 1 else groups
    parts = {
        kind: {
            value: identification(
                searches.subset(labels.where(value)), value, replicates=replicates, seed=seed
            )
            for value in labels.values
        }
        for kind, labels in every.items()
    }
    trace = trace_of(searches, whole)
    sections = [
        Section(
            "At the threshold that decides",
            (*decided_blocks(prefix, searches, decided), *([scale] if scale else [])),
        ),
        Section("Strangers and misses", tuple(error_blocks(prefix, whole, trace))),
        Section("Ranks", tuple(rank_blocks(prefix, searches, whole, wears))),
        Section("Scores", tuple(histogram_block(prefix, searches, limit))),
        Section(
            "Groups",
            (
                *notes,
                *(
                    group_table(f"{prefix}group-{n + 1}", kind, found)
                    for n, (kind, found) in enumerate(parts.items())
                ),
            ),
        ),
        Section("The worst errors", tuple(worst.of_searches(prefix, searches, limit))),
        Section("Failures", tuple(search_failure_blocks(prefix, searches))),
        provenance_section(searches, content, prefix),
    ]
    return Part(
        key,
        name,
        "searches",
        tuple(_summary(searches, whole, decided)),
        tuple(section for section in sections if section.blocks),
        searches.provenance,
        content,
        tuple(_cards(whole, decided)),
        extra={"replicates": replicates, "bootstrap_seed": seed},
    )


def _summary(searches: Searches, whole: Identification, decided: Decided | None) -> Iterator[str]:
    yield (
        f"{count(len(searches), 'search', 'searches')} in a gallery of "
        f"{count(whole.people, 'person', 'people')} (N) with {count(whole.references, 'photo')}: "
        f"{whole.mated:,} for somebody enrolled (mated), {whole.non_mated:,} for strangers "
        "(non-mated)."
    )
    if whole.fta.errors or whole.missed_mates.errors:
        yield (
            f"{count(whole.fta.errors, 'probe')} gave no template, and "
            f"{count(whole.missed_mates.errors, 'search', 'searches')} were for somebody who could "
            "not be enrolled. They count as misses, and never as false positives."
        )
    if whole.lacking:
        yield f"There is {whole.lacking}, so FPIR and FNIR are not both known."
    if decided is not None:
        sides = []
        if decided.fpir.trials:
            sides.append(
                f"{of_many(decided.fpir)} strangers are taken for somebody enrolled (FPIR "
                f"{percent(decided.fpir.value)}, {percent_range(decided.fpir_interval)})"
            )
        if decided.fnir.trials:
            sides.append(
                f"{of_many(decided.fnir)} enrolled people are not named (FNIR "
                f"{percent(decided.fnir.value)}, {percent_range(decided.fnir_interval)})"
            )
        limit = decided.limit
        yield (
            f"At the threshold {score(limit.threshold)} ({thresholds.origin(limit, 'FPIR')}) "
            f"{', and '.join(sides)}."
        )
    first = whole.ranks[0]
    if first.rate.trials:
        yield (
            f"With no threshold, the right person comes first in {percent(first.rate.value)} of "
            f"mated searches (rank 1, {percent_range(first.interval)})."
        )
    yield from drawn_masks(searches.probe_wear)


def _cards(whole: Identification, decided: Decided | None) -> Iterator[Card]:
    if decided is not None and whole.mated and whole.non_mated:
        own = decided.limit.own
        chosen = "by choice" if own else percent_range(decided.fpir_interval)
        yield Card(
            f"among {count(whole.people, 'person', 'people')}",
            percent(decided.fnir.value, 2),
            f"of enrolled people are not named (FNIR, {percent_range(decided.fnir_interval)})",
            f"where {percent(decided.fpir.value, 2)} of strangers are named (FPIR, {chosen})",
        )
    first = whole.ranks[0]
    if first.rate.trials:
        yield Card(
            "rank 1",
            percent(first.rate.value, 2),
            f"of mated searches put the right person first ({percent_range(first.interval)})",
            "at no threshold: strangers are not asked for",
        )
