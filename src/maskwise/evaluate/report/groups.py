"""Groups of trials: each at its own thresholds, and all at one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from maskwise.evaluate.breakdown import Differential, differentials
from maskwise.evaluate.report.figures import Figures
from maskwise.evaluate.report.parts import Block, Plot, worn
from maskwise.evaluate.report.plots import group_rates
from maskwise.evaluate.report.tables import Cell, Figure, Share, Table, columns
from maskwise.evaluate.report.thresholds import Limit
from maskwise.evaluate.report.verification_tables import overview
from maskwise.evaluate.scores import Labels

_MOST_BARS: Final = 16


def group_blocks(
    prefix: str, figures: Figures, limits: Mapping[str, Limit], groups: Mapping[str, Labels]
) -> Iterator[Block]:
    """By mask type, where there are several, and by each of the user's columns."""
    scores = figures.scores
    types = scores.mask_type()
    masks = Labels.coded(types.codes, [worn(label) for label in types.values])
    every = {"mask type": masks, **groups} if len(masks.values) > 1 else dict(groups)
    for number, (name, labels) in enumerate(every.items()):
        key = f"{prefix}group-{number + 1}"
        yield overview(
            key,
            f"By {name}, each group at its own thresholds",
            name,
            {value: figures.of(labels.where(value), value) for value in labels.values},
        )
        yield from _differential_blocks(key, name, figures, limits, labels)


def _differential_blocks(
    key: str, name: str, figures: Figures, limits: Mapping[str, Limit], labels: Labels
) -> Iterator[Block]:
    scores, pairs = figures.scores, figures.scores.wear_pair()
    rows: list[tuple[Cell, ...]] = []
    bars: list[tuple[str, float, float, float]] = []
    notes: list[str] = []
    for pair, limit in limits.items():
        here = pairs.where(pair)
        if len(labels[here].values) < 2:
            continue
        found = differentials(
            scores.subset(here),
            labels[here],
            limit.threshold,
            replicates=figures.replicates,
            seed=figures.seed,
        )
        for group in found.groups:
            called, missed = group.name or "(blank)", group.fnmr_interval
            rows.append(
                (
                    called,
                    pair,
                    Figure(limit.threshold, "score"),
                    Share(group.fmr, group.fmr_interval),
                    Share(group.fnmr, missed),
                )
            )
            if group.fnmr.trials:
                bars.append((f"{called} ({pair})", group.fnmr.value, missed.low, missed.high))
        notes += _ratio_notes(pair, found)
    if not rows:
        return
    if 1 < len(bars) <= _MOST_BARS:
        words = ("name", "fnmr", "low", "high")
        yield Plot(
            f"{key}-fnmr",
            group_rates(bars, f"FNMR by {name}", "FNMR at one threshold for all"),
            {"groups": [dict(zip(words, bar, strict=True)) for bar in bars]},
            "With 95 % intervals. Groups whose intervals overlap may differ by chance.",
        )
    yield Table(
        f"{key}-differential",
        f"By {name}, at one threshold for all",
        columns(
            ("group", name),
            ("wear_pair", "wear pair"),
            ("threshold", "threshold"),
            ("fmr", "FMR"),
            ("fnmr", "FNMR"),
        ),
        tuple(rows),
        tuple(notes),
    )


def _ratio_notes(pair: str, found: Differential) -> Iterator[str]:
    for kind, ratio in (("FMR", found.fmr_ratio), ("FNMR", found.fnmr_ratio)):
        if ratio is not None:
            yield f"{pair}: the worst group's {kind} is {ratio:.2f} times the geometric mean."
    yield from (f"{pair}: {note}." for note in found.notes)
