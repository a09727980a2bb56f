"""The tables on verification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from maskwise.evaluate.breakdown import AtTarget, Group, Summary
from maskwise.evaluate.intervals import Rate
from maskwise.evaluate.report import thresholds
from maskwise.evaluate.report.tables import Cell, Figure, Share, Table, columns
from maskwise.evaluate.report.thresholds import Limit
from maskwise.evaluate.report.words import percent
from maskwise.evaluate.verification import TARGET_FMRS, FoldAccuracy


def headline(
    name: str,
    parts: Mapping[str, Summary],
    limits: Mapping[str, Limit],
    decided: Mapping[str, Group],
    accuracy: Mapping[str, FoldAccuracy],
) -> Iterator[tuple[Cell, ...]]:
    """Rows of the table that sets score files side by side; columns: ``HEADLINE``."""
    for pair, part in parts.items():
        group = decided.get(pair)
        at = _target(part, 1e-3)
        yield (
            name,
            pair,
            part.mated,
            part.non_mated,
            Share(part.failures.fta),
            Figure(accuracy[pair].accuracy if pair in accuracy else None),
            Figure(part.eer.value if part.eer else None, "share", part.eer_interval),
            _at_target(_target(part, 1e-2)),
            _at_target(at),
            Share(at.gfrr) if at is not None and at.at.supported else None,
            Figure(limits[pair].threshold, "score") if pair in limits else None,
            Share(group.fmr, group.fmr_interval) if group else None,
            Share(group.fnmr, group.fnmr_interval) if group else None,
        )


HEADLINE: Final = columns(
    ("part", "score file"),
    ("wear_pair", "wear pair"),
    ("mated", "mated"),
    ("non_mated", "non-mated"),
    ("fta", "FTA", "failure to acquire: probes that gave no template"),
    ("accuracy", "accuracy", "over the folds of the list, where it has folds"),
    ("eer", "EER", "where FMR and FNMR are equal"),
    ("fnmr_at_0.01", "FNMR at FMR 1 %", "threshold picked on these trials"),
    ("fnmr_at_0.001", "FNMR at FMR 0.1 %", "threshold picked on these trials"),
    ("gfrr_at_0.001", "GFRR there", "FNMR with failures folded in"),
    ("threshold", "threshold"),
    ("fmr", "FMR at it"),
    ("fnmr", "FNMR at it"),
)


def _at_target(at: AtTarget | None) -> Cell:
    if at is None:
        return None
    if not at.at.supported:
        return f"not supported by {at.at.fmr.trials:,} trials"
    return Share(at.at.fnmr, at.fnmr_interval)


def decided_table(
    prefix: str,
    limits: Mapping[str, Limit],
    decided: Mapping[str, Group],
    by_pair: Mapping[str, Summary],
) -> Table:
    """What holds at each wear pair's threshold."""
    rows: list[tuple[Cell, ...]] = []
    for pair, part in by_pair.items():
        if pair not in limits:
            rows.append((pair, None, None, None, None, None, part.lacking or "no threshold"))
            continue
        limit, group = limits[pair], decided[pair]
        lost = part.failures
        rows.append(
            (
                pair,
                Figure(limit.threshold, "score"),
                Share(group.fmr, group.fmr_interval),
                Share(group.fnmr, group.fnmr_interval),
                Share(Rate(group.fmr.errors, group.fmr.trials + lost.non_mated)),
                Share(Rate(group.fnmr.errors + lost.mated, group.fnmr.trials + lost.mated)),
                thresholds.origin(limit, "FMR"),
            )
        )
    return Table(
        f"{prefix}decisions",
        "What passes and what does not, by what reference and probe wear",
        columns(
            ("wear_pair", "wear pair"),
            ("threshold", "threshold", "accepted from this score up"),
            ("fmr", "FMR", "share of non-mated comparisons that are accepted"),
            ("fnmr", "FNMR", "share of mated comparisons that are not accepted"),
            ("gfar", "GFAR", "FMR with failures folded in"),
            ("gfrr", "GFRR", "FNMR with failures folded in"),
            ("origin", "where the threshold comes from"),
        ),
        tuple(rows),
        tuple(thresholds.caution(limits.values(), "FMR")),
    )


def overview(key: str, title: str, first: str, parts: Mapping[str, Summary]) -> Table:
    """One row a part of the trials."""
    shown = [t for t in TARGET_FMRS if any(_supported(p, t) for p in parts.values())] or [1e-2]
    rows = [
        (
            name or "(blank)",
            part.people,
            part.mated,
            part.non_mated,
            Share(part.failures.fta),
            Share(part.failures.fte),
            Figure(part.eer.value if part.eer else None, "share", part.eer_interval),
            Figure(part.auc, "share", part.auc_interval),
            *(_at_target(_target(part, t)) for t in shown),
        )
        for name, part in parts.items()
    ]
    return Table(
        key,
        title,
        columns(
            ("group", first),
            ("people", "people"),
            ("mated", "mated"),
            ("non_mated", "non-mated"),
            ("fta", "FTA", "failure to acquire: probes that gave no template"),
            ("fte", "FTE", "failure to enrol: references that gave no template"),
            ("eer", "EER", "where FMR and FNMR are equal"),
            ("auc", "AUC", "the chance that of a mated and a non-mated score the mated is higher"),
            *((f"fnmr_at_{t:g}", f"FNMR at FMR {percent(t)}") for t in shown),
        ),
        tuple(rows),
        tuple(f"{name or '(blank)'}: {p.lacking}." for name, p in parts.items() if p.lacking),
    )


def _target(part: Summary, target: float) -> AtTarget | None:
    return next((t for t in part.targets if t.at.target == target), None)


def _supported(part: Summary, target: float) -> bool:
    found = _target(part, target)
    return found is not None and bool(found.at.supported)


def targets_table(prefix: str, parts: Mapping[str, Summary]) -> Table:
    """At each target FMR, or why nothing is said there."""
    rows: list[tuple[Cell, ...]] = []
    for name, part in parts.items():
        for at in part.targets[: len(TARGET_FMRS)]:
            point = at.at
            head: tuple[Cell, ...] = (name, Figure(point.target))
            if not point.supported:
                rows.append((*head, *[None] * 6, point.unsupported))
                continue
            rows.append(
                (
                    *head,
                    Figure(point.threshold, "score"),
                    Share(point.fmr),
                    Share(point.fnmr, at.fnmr_interval),
                    Figure(point.tar),
                    Share(at.gfar),
                    Share(at.gfrr),
                    "",
                )
            )
    return Table(
        f"{prefix}at-target-fmr",
        "FNMR at an FMR of at most ...",
        columns(
            ("group", "trials"),
            ("target_fmr", "target FMR"),
            ("threshold", "threshold", "the lowest that keeps to the target on these trials"),
            ("fmr", "FMR"),
            ("fnmr", "FNMR"),
            ("tar", "TAR@FAR", "the label in papers: 1 - FNMR at this FMR"),
            ("gfar", "GFAR", "FMR with failures folded in"),
            ("gfrr", "GFRR", "FNMR with failures folded in"),
            ("note", "note"),
        ),
        tuple(rows),
        ("Thresholds are picked on the very trials that are counted here.",),
    )


def folds_table(prefix: str, found: Mapping[str, FoldAccuracy]) -> Table:
    """Accuracy over the folds of the list."""
    return Table(
        f"{prefix}folds",
        "Accuracy over the folds of the list (the protocol of LFW)",
        columns(
            ("group", "trials"),
            ("accuracy", "accuracy"),
            ("standard_error", "standard error"),
            ("accuracy_with_failures", "failures as errors"),
            ("failed", "trials without a score"),
            ("folds", "folds"),
        ),
        tuple(
            (
                name,
                Figure(one.accuracy),
                Figure(one.standard_error),
                Figure(one.accuracy_with_failures),
                one.failed,
                len(one.folds),
            )
            for name, one in found.items()
        ),
        tuple(
            f"{name}, fold by fold: {', '.join(percent(value) for value in one.folds)}."
            for name, one in found.items()
        ),
    )
