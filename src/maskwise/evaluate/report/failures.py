"""The lists of what has no score, with reasons."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from maskwise.evaluate.breakdown import Failures
from maskwise.evaluate.report.parts import MOST_ROWS, Block, worn
from maskwise.evaluate.report.tables import Cell, Share, Table, columns
from maskwise.evaluate.scores import Labels, Scores
from maskwise.evaluate.searches import Searches

_COLUMNS = columns(
    ("role", "role"),
    ("photo", "photo"),
    ("subject", "person"),
    ("wear", "wears"),
    ("reason", "reason"),
    ("trials", "trials lost"),
)


def failure_blocks(prefix: str, scores: Scores, found: Failures) -> Iterator[Block]:
    """Counts by reason, and each photo once a role."""
    if not (found.fta.errors or found.fte.errors):
        yield "No failure: every photo gave a template."
        return
    counts: list[tuple[Cell, ...]] = [
        ("probe (failure to acquire)", "any", Share(found.fta)),
        *(("probe (failure to acquire)", reason, n) for reason, n in found.acquire.items()),
        ("reference (failure to enrol)", "any", Share(found.fte)),
        *(("reference (failure to enrol)", reason, n) for reason, n in found.enrol.items()),
    ]
    yield Table(
        f"{prefix}failures",
        "Photos without a template",
        columns(("role", "role"), ("reason", "reason"), ("photos", "photos")),
        tuple(counts),
    )
    rows: list[tuple[Cell, ...]] = []
    for role, column, wear, why in (
        ("reference", 0, scores.reference_wear, scores.reference_failure),
        ("probe", 1, scores.probe_wear, scores.probe_failure),
    ):
        for place, wears, reason, trials in _each(scores.pairs[:, column], wear, why):
            rows.append(
                (role, scores.photos[place], scores.subjects[place], worn(wears), reason, trials)
            )
    yield Table(
        f"{prefix}failed-photos", "Which photos", _COLUMNS, tuple(rows[:MOST_ROWS]), _cut(rows), 30
    )


def search_failure_blocks(prefix: str, searches: Searches) -> Iterator[Block]:
    """The same of searches: probes, and people who could not be enrolled."""
    rows: list[tuple[Cell, ...]] = []
    lost = np.flatnonzero(~searches.probe_failure.where(""))
    reasons, wears = searches.probe_failure.words(), searches.probe_wear.words()
    for place in lost.tolist():
        who = searches.subjects[place], worn(str(wears[place]))
        rows.append(("probe", searches.probes[place], *who, str(reasons[place]), 1))
    missing, why = np.flatnonzero(~searches.mate_failure.where("")), searches.mate_failure.words()
    people: dict[tuple[str, str], int] = {}
    for place in missing.tolist():
        key = searches.subjects[place], str(why[place])
        people[key] = people.get(key, 0) + 1
    rows += [
        ("person not enrolled", None, name, None, reason, n) for (name, reason), n in people.items()
    ]
    for reason, number in searches.enrol_failures:
        yield f"References that gave no template: {number:,} ({reason})."
    if rows:
        yield Table(
            f"{prefix}failed-photos",
            "Probes without a template, and people who could not be enrolled",
            _COLUMNS,
            tuple(rows[:MOST_ROWS]),
            _cut(rows),
            30,
        )
    elif not searches.enrol_failures:
        yield "No failure: every photo gave a template."


def _each(
    photo: npt.NDArray[np.int32], wear: Labels, why: Labels
) -> list[tuple[int, str, str, int]]:
    """Photo, what it wears, the reason, and how many trials it costs."""
    lost = np.flatnonzero(~why.where(""))
    keys = np.stack([photo[lost], wear.codes[lost], why.codes[lost]], axis=1).astype(np.int64)
    if not len(keys):
        return []
    found, trials = np.unique(keys, axis=0, return_counts=True)
    return [
        (int(place), wear.values[w], why.values[r], int(n))
        for (place, w, r), n in zip(found.tolist(), trials.tolist(), strict=True)
    ]


def _cut(rows: list[tuple[Cell, ...]]) -> tuple[str, ...]:
    more = len(rows) - MOST_ROWS
    return (f"{more:,} more are not listed anywhere.",) if more > 0 else ()
