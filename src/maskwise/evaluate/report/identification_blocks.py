"""Tables and plots on identification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maskwise.evaluate.identification import (
    RANKS,
    TARGET_FPIRS,
    Identification,
    cmc,
    fnir,
    fpir,
)
from maskwise.evaluate.intervals import (
    LEAST_PEOPLE,
    Interval,
    Rate,
    bootstrap_share,
    rate_interval,
)
from maskwise.evaluate.report import thresholds
from maskwise.evaluate.report.parts import (
    Block,
    Plot,
)
from maskwise.evaluate.report.plots import Mark, Trace, cmc_curves, data, error_curves, histogram
from maskwise.evaluate.report.tables import Cell, Figure, Share, Table, columns
from maskwise.evaluate.report.thresholds import Limit
from maskwise.evaluate.report.words import score
from maskwise.evaluate.scores import Labels
from maskwise.evaluate.searches import Searches
from maskwise.evaluate.verification import LEAST_ERRORS, curve
from maskwise.types import F64

_LONGEST = 20


@dataclass(frozen=True, slots=True)
class Decided:
    """The rates at one threshold, with their intervals."""

    limit: Limit
    fpir: Rate
    fpir_interval: Interval
    fnir: Rate
    fnir_interval: Interval


def at_limit(searches: Searches, limit: Limit, replicates: int, seed: int) -> Decided:
    """The rates of ``searches`` at a threshold. replicates: 0 for no bootstrap."""
    false, missed = fpir(searches, limit.threshold), fnir(searches, limit.threshold)
    people = np.unique(np.array(searches.subjects, np.str_), return_inverse=True)[1].reshape(-1)
    right = (searches.rank == 1) & (searches.mate_score >= limit.threshold)
    passed = searches.other_score >= limit.threshold
    intervals = []
    for rate, errors, of in ((false, passed, ~searches.mated), (missed, ~right, searches.mated)):
        interval = rate.interval()
        if replicates and len(np.unique(people[of])) >= LEAST_PEOPLE:
            drawn = bootstrap_share(errors[of], people[of], replicates=replicates, seed=seed)
            interval = rate_interval(rate, drawn)
        intervals.append(interval)
    return Decided(limit, false, intervals[0], missed, intervals[1])


def decided_blocks(prefix: str, searches: Searches, decided: Decided | None) -> Iterator[Block]:
    """What holds at the threshold."""
    if decided is None:
        return
    limit = decided.limit
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
                Share(decided.fpir, decided.fpir_interval),
                Share(decided.fnir, decided.fnir_interval),
                thresholds.origin(limit, "FPIR"),
            ),
        ),
        tuple(thresholds.caution([limit], "FPIR")),
    )


def error_blocks(prefix: str, whole: Identification, trace: Trace | None) -> Iterator[Block]:
    """FNIR over FPIR, and at each target FPIR."""
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
    for at in whole.targets[: len(TARGET_FPIRS)]:
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


def trace_of(searches: Searches, whole: Identification) -> Trace | None:
    """FNIR over FPIR; None where strangers or mated searches lack."""
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


def rank_blocks(
    prefix: str, searches: Searches, whole: Identification, wears: Labels
) -> Iterator[Block]:
    """CMC, and the table of ranks."""
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


def histogram_block(prefix: str, searches: Searches, limit: Limit | None) -> Iterator[Block]:
    """The scores of searches, with the threshold."""
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


def group_table(key: str, kind: str, parts: Mapping[str, Identification]) -> Table:
    """One row a group."""
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
