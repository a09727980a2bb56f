"""Searches -> the part of a report on identification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from maskwise.decide import OperatingPoints
from maskwise.errors import EvaluationError
from maskwise.evaluate.identification import (
    RANKS,
    Identification,
    cmc,
    fnir,
    fpir,
    identification,
)
from maskwise.evaluate.intervals import Rate
from maskwise.evaluate.report import thresholds, worst
from maskwise.evaluate.report.failures import search_failure_blocks
from maskwise.evaluate.report.parts import (
    Block,
    Card,
    Part,
    Plot,
    Section,
    groupings,
    provenance_section,
)
from maskwise.evaluate.report.plots import Mark, Trace, cmc_curves, data, error_curves, histogram
from maskwise.evaluate.report.tables import Cell, Figure, Share, Table, columns
from maskwise.evaluate.report.thresholds import Limit
from maskwise.evaluate.report.words import count, of_many, percent, percent_range, score
from maskwise.evaluate.score_file import content_sha256
from maskwise.evaluate.scores import Labels
from maskwise.evaluate.searches import Searches
from maskwise.evaluate.verification import LEAST_ERRORS, curve
from maskwise.types import F64

_TARGETS = (0.1, 0.03, 0.01, 0.003, 0.001)
_GRID = tuple(float(f"{v:.4g}") for v in 10.0 ** np.arange(-4, 0, 0.25))
_LONGEST = 20


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
    strangers = int(np.count_nonzero(~searches.mated))
    grid = [t for t in _GRID if t >= 1 / max(strangers, 1) and t not in _TARGETS]
    whole = identification(
        searches, target_fpirs=(*_TARGETS, *grid), replicates=replicates, seed=seed
    )
    limit = thresholds.of_searches(searches, points, target_fpir)
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
    trace = _trace(searches, whole)
    content = content_sha256(searches)
    sections = [
        Section("At the threshold that decides", tuple(_decided(prefix, searches, limit))),
        Section("Strangers and misses", tuple(_error_blocks(prefix, whole, trace))),
        Section("Ranks", tuple(_rank_blocks(prefix, searches, whole, wears))),
        Section("Scores", tuple(_histogram(prefix, searches, limit))),
        Section(
            "Groups",
            (
                *notes,
                *(
                    _group_table(f"{prefix}group-{n + 1}", kind, found)
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
        tuple(_summary(searches, whole, limit)),
        tuple(section for section in sections if section.blocks),
        searches.provenance,
        content,
        tuple(_cards(searches, whole, limit)),
        extra={"replicates": replicates, "bootstrap_seed": seed},
    )


def _summary(searches: Searches, whole: Identification, limit: Limit | None) -> Iterator[str]:
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
    if limit is not None:
        false, missed = fpir(searches, limit.threshold), fnir(searches, limit.threshold)
        sides = []
        if false.trials:
            sides.append(
                f"{of_many(false)} strangers are taken for somebody enrolled (FPIR "
                f"{percent(false.value)}, {percent_range(false.interval())})"
            )
        if missed.trials:
            sides.append(
                f"{of_many(missed)} enrolled people are not named (FNIR "
                f"{percent(missed.value)}, {percent_range(missed.interval())})"
            )
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


def _cards(searches: Searches, whole: Identification, limit: Limit | None) -> Iterator[Card]:
    if limit is not None and whole.mated and whole.non_mated:
        false, missed = fpir(searches, limit.threshold), fnir(searches, limit.threshold)
        chosen = "by choice" if limit.own else percent_range(false.interval())
        yield Card(
            f"among {count(whole.people, 'person', 'people')}",
            percent(missed.value, 2),
            f"of enrolled people are not named (FNIR, {percent_range(missed.interval())})",
            f"where {percent(false.value, 2)} of strangers are named (FPIR, {chosen})",
        )
    first = whole.ranks[0]
    if first.rate.trials:
        yield Card(
            "rank 1",
            percent(first.rate.value, 2),
            f"of mated searches put the right person first ({percent_range(first.interval)})",
            "at no threshold: strangers are not asked for",
        )


def _decided(prefix: str, searches: Searches, limit: Limit | None) -> Iterator[Block]:
    if limit is None:
        return
    false, missed = fpir(searches, limit.threshold), fnir(searches, limit.threshold)
    yield Table(
        f"{prefix}decisions",
        f"N = {searches.people:,}, R = 1, T = {score(limit.threshold)}",
        columns(
            ("threshold", "threshold (T)", "accepted from this score up"),
            ("fpir", "FPIR", "share of strangers' searches that name anybody"),
            ("fnir", "FNIR", "share of mated searches that do not name the right person"),
            ("origin", "where the threshold comes from"),
        ),
        (
            (
                Figure(limit.threshold, "score"),
                _share(false),
                _share(missed),
                thresholds.origin(limit, "FPIR"),
            ),
        ),
        tuple(thresholds.caution([limit], "FPIR")),
    )


def _share(rate: Rate) -> Share:
    return Share(rate, rate.interval())


def _error_blocks(prefix: str, whole: Identification, trace: Trace | None) -> Iterator[Block]:
    if trace is not None:
        yield Plot(
            f"{prefix}fpir-fnir",
            error_curves(
                [trace], "FNIR over FPIR", "FPIR (strangers named)", "FNIR (enrolled people missed)"
            ),
            {
                "fpir": data(trace.x),
                "fnir": data(trace.y),
                "supported_from_fpir": trace.supported_from,
                "interval": None
                if trace.band is None
                else dict(zip(("fpir", "low", "high"), map(data, trace.band), strict=True)),
            },
            f"Lower is better; it holds for a gallery of {whole.people:,} people. Bands: 95 % "
            f"intervals. Pale: fewer than {LEAST_ERRORS} false positives, so not supported.",
        )
    rows: list[tuple[Cell, ...]] = []
    for at in whole.targets[: len(_TARGETS)]:
        if not at.supported:
            rows.append((Figure(at.target), None, None, None, at.unsupported))
            continue
        rows.append(
            (
                Figure(at.target),
                Figure(at.threshold, "score"),
                Share(at.fpir),
                Share(at.fnir, at.fnir_interval),
                "",
            )
        )
    if rows:
        yield Table(
            f"{prefix}at-target-fpir",
            f"FNIR at an FPIR of at most ..., N = {whole.people:,}, R = {whole.length}",
            columns(
                ("target_fpir", "target FPIR"),
                ("threshold", "threshold"),
                ("fpir", "FPIR"),
                ("fnir", "FNIR"),
                ("note", "note"),
            ),
            tuple(rows),
            ("Thresholds are picked on the very searches that are counted here.",),
        )


def _trace(searches: Searches, whole: Identification) -> Trace | None:
    if whole.lacking:
        return None
    lowest = -1e300  # stands for a search that failed: accepted at no threshold that is drawn
    strangers = np.nan_to_num(searches.other_score[~searches.mated], nan=lowest)
    mates = np.where(searches.rank == 1, searches.mate_score, lowest)[searches.mated]
    points = curve(mates, strangers).corners()
    keep = points.thresholds > lowest
    x, y = points.fmr[keep][::-1], points.fnmr[keep][::-1]
    grid = sorted((at for at in whole.targets if at.fpir.errors), key=lambda at: at.target)
    band: tuple[F64, F64, F64] | None = None
    if any(at.fnir_interval.method.startswith("bootstrap") for at in grid):
        band = (
            np.array([at.target for at in grid]),
            np.array([at.fnir_interval.low for at in grid]),
            np.array([at.fnir_interval.high for at in grid]),
        )
    name = f"N = {searches.people:,}, R = 1"
    return Trace(name, x, y, band, LEAST_ERRORS / whole.non_mated)


def _rank_blocks(
    prefix: str, searches: Searches, whole: Identification, wears: Labels
) -> Iterator[Block]:
    if not whole.mated:
        return
    curves: Sequence[tuple[str, F64]] = [
        (value, cmc(searches.subset(wears.where(value)), _LONGEST)) for value in wears.values
    ]
    yield Plot(
        f"{prefix}cmc",
        cmc_curves(curves, "Ranks (CMC)"),
        {"curves": [{"name": name, "rates": data(values)} for name, values in curves]},
        "The share of mated searches with the right person among the first, at no threshold, by "
        "what the probe wears. Strangers are not asked for here.",
    )
    yield Table(
        f"{prefix}ranks",
        "The right person among the first k",
        columns(("k", "k"), ("rate", "share of mated searches")),
        tuple((rank.k, Share(rank.rate, rank.interval)) for rank in whole.ranks),
    )


def _histogram(prefix: str, searches: Searches, limit: Limit | None) -> Iterator[Block]:
    mates = searches.mate_score[searches.mated]
    others = searches.other_score[~searches.mated]
    mates, others = mates[~np.isnan(mates)], others[~np.isnan(others)]
    both = np.concatenate([mates, others])
    if not both.size:
        return
    span = float(both.min()), float(both.max())
    marks = [Mark(limit.threshold, f"threshold {score(limit.threshold)}")] if limit else []
    edges = np.linspace(*span, 61) if span[1] > span[0] else np.array([])
    yield Plot(
        f"{prefix}scores",
        histogram(mates, others, marks, "Scores of searches", span=span),
        {
            "edges": data(edges),
            "mated": np.histogram(mates, edges)[0].tolist() if edges.size else [],
            "non_mated": np.histogram(others, edges)[0].tolist() if edges.size else [],
            "threshold": limit.threshold if limit and np.isfinite(limit.threshold) else None,
        },
        f"Mated: the right person's score in {mates.size:,} searches. Non-mated: the best score "
        f"that each of {others.size:,} strangers reached.",
    )


def _group_table(key: str, kind: str, parts: Mapping[str, Identification]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, part in parts.items():
        rank = next(r for r in part.ranks if r.k == RANKS[0])
        at = next((t for t in part.targets if t.target == 0.01), None)
        cell: Cell = None
        if at is not None:
            cell = (
                Share(at.fnir, at.fnir_interval)
                if at.supported
                else f"not supported by {at.fpir.trials:,} searches"
            )
        rows.append(
            (
                name or "(blank)",
                part.mated,
                part.non_mated,
                Share(part.fta),
                Share(rank.rate, rank.interval),
                cell,
            )
        )
    return Table(
        key,
        f"By {kind}, each group at its own thresholds",
        columns(
            ("group", kind),
            ("mated", "mated"),
            ("non_mated", "non-mated"),
            ("fta", "FTA", "failure to acquire: probes that gave no template"),
            ("rank_1", "rank 1"),
            ("fnir_at_0.01", "FNIR at FPIR 1 %"),
        ),
        tuple(rows),
    )
