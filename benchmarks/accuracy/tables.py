"""The accuracy tables of benchmarks/accuracy/README.md, from score files alone.

    python benchmarks/accuracy/tables.py OUT

OUT/<list>/scores/ holds maskwise's score files, OUT/<list>/stock/ those of stock.py; a list that
is not there is left out. Rates are of trials with a score, and GFRR takes in those that failed;
intervals are 95 %, by a bootstrap over people. Figures that the trials are too few for are in
brackets. Below each table: by how many points GFRR differs between the pipelines, paired.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwise.evaluate.breakdown import Summary, summarise
from maskwise.evaluate.intervals import bootstrap, percentile_interval
from maskwise.evaluate.report.words import percent, percent_range
from maskwise.evaluate.score_file import read_scores
from maskwise.evaluate.scores import Scores
from maskwise.evaluate.verification import fold_accuracy, own_folds, threshold_for_fmr
from maskwise.types import F64

TARGETS = (1e-2, 1e-3)
REPLICATES = 500
COLUMNS = (
    "pipeline",
    "probes",
    "failed",
    *(word for t in TARGETS for word in (f"FNMR at FMR {t:g}", "GFRR there")),
    "EER",
    "AUC",
)

STOCK, NO_MASKS, VIRTUAL = "stock", "ours, no masks", "ours, virtual masks"
COMPARED = ((STOCK, NO_MASKS), (STOCK, VIRTUAL), (NO_MASKS, VIRTUAL))


@dataclass(frozen=True)
class Table:
    """One list of trials. probes: what they are called, and ``--probe-wear`` of their score files.

    by: the column of the list that splits each file into rows. folds: with LFW's accuracy.
    """

    folder: str
    title: str
    probes: tuple[tuple[str, str], ...]
    by: str = ""
    folds: bool = False


_LFW = (("bare", "as-is"), ("masked", "virtual:all"))
_MFR2 = (("all", "as-is"),)
TABLES = (
    Table("lfw", "LFW, every pair", _LFW),
    Table("lfw-pairs", "LFW's own pairs", _LFW, folds=True),
    Table("mfr2", "MFR2, every pair", _MFR2, by="labelled"),
    Table("mfr2-pairs", "MFR2's own pairs", _MFR2, by="labelled"),
)

Files = list[tuple[str, str, Scores]]
"""Pipeline, probes, scores."""


def files(table: Table, folder: Path) -> Files:
    """The score files of a table, in the order of its rows."""
    ours: dict[tuple[str, str], Scores] = {}
    for path in sorted((folder / "scores").glob("*.npz")):
        scores = read_scores(path)
        settings = scores.provenance.settings
        wears = settings["reference wear"], settings["probe wear"]
        if wears in ours:
            sys.exit(f"{path}: a second file of {wears}; keep one run's files in a folder")
        ours[wears] = scores
    made: Files = []
    for probes, wear in table.probes:
        stock = folder / "stock" / f"stock-{wear.replace(':', '-')}.npz"
        made.append((STOCK, probes, read_scores(stock)))
        for pipeline, reference in ((NO_MASKS, "as-is"), (VIRTUAL, "virtual:default")):
            if (reference, wear) not in ours:
                sys.exit(f"{folder}: no scores of probes {wear} against references {reference}")
            made.append((pipeline, probes, ours[reference, wear]))
    if len({scores.provenance.trials_sha256 for _, _, scores in made}) > 1:
        sys.exit(f"{folder}: score files of different trials; make them again")
    return made


def parts(table: Table, found: Files) -> list[Files]:
    """The files a part of the trials at a time, by ``Table.by``, or by what the probes are called.

    The probes of a part are called what they wear by the list, with their numbers of trials.
    """
    if not table.by:
        return [[one for one in found if one[1] == probes] for probes, _ in table.probes]
    made = []
    for part in (*found[0][2].attributes[table.by].values, ""):
        kept: Files = []
        for pipeline, probes, scores in found:
            some = scores.subset(scores.attributes[table.by].where(part)) if part else scores
            counts = f"{int(some.mated.sum()):,} + {int((~some.mated).sum()):,}"
            kept.append((pipeline, f"{part or probes} ({counts})", some))
        made.append(kept)
    return made


def _row(table: Table, pipeline: str, probes: str, scores: Scores) -> list[str]:
    figures = summarise(scores, target_fmrs=TARGETS, replicates=REPLICATES)
    lost, mated = figures.failures.mated, figures.mated + figures.failures.mated
    failed = f"{lost} ({percent(lost / mated, 2)})" if lost else "0"
    cells = [pipeline, probes, failed, *_rates(figures)]
    if table.folds:
        people = [scores.subjects[place] for place in scores.pairs[:, 0].tolist()]
        found = fold_accuracy(scores.scores, scores.mated, own_folds(people, scores.mated))
        cells.append(f"{percent(found.accuracy)} ± {percent(found.standard_error, 2)}")
        cells.append(percent(found.accuracy_with_failures))
    return cells


def _rates(figures: Summary) -> list[str]:
    if figures.eer is None or figures.auc is None:
        return [figures.lacking, *[""] * (2 * len(TARGETS) + 1)]
    cells = []
    for target in figures.targets:
        both = (
            f"{percent(target.at.fnmr.value)} ({percent_range(target.fnmr_interval)})",
            percent(target.gfrr.value),
        )
        cells += [cell if target.at.supported else f"[{cell}]" for cell in both]
    eer, interval = percent(figures.eer.value), figures.eer_interval
    if interval is not None and interval.high > 0:
        eer += f" ({percent_range(interval)})"
    return [*cells, eer, f"{figures.auc:.4f}"]


def differences(part: Files) -> list[str]:
    """The cells of one part: ``COMPARED``, second less first, at each of ``TARGETS``."""
    lost = {pipeline: _lost(scores) for pipeline, _, scores in part}
    cells = [part[0][1]]
    for first, second in COMPARED:
        (a, drawn_a), (b, drawn_b) = lost[first], lost[second]
        for k in range(len(TARGETS)):
            interval = percentile_interval(drawn_b[:, k] - drawn_a[:, k])
            ends = (
                ""
                if interval is None
                else f" ({_points(interval.low)} to {_points(interval.high)})"
            )
            cells.append(f"{_points(b[k] - a[k])}{ends}")
    return cells


def _lost(scores: Scores) -> tuple[F64, F64]:
    """(J,) GFRR at each of ``TARGETS``, and its (B, J) replicates.

    All files of a list draw the same people: no trial is left out. A failed one is below every
    threshold, and the targets are so much lower as there are fewer non-mated trials with a score.
    """
    given = np.where(scores.failed, -np.inf, scores.scores)
    mated, non_mated = given[scores.mated], given[~scores.mated]
    found = non_mated[np.isfinite(non_mated)]
    people = scores.subject_codes()
    drawn = bootstrap(
        mated,
        non_mated,
        people[scores.mated, 0],
        people[~scores.mated],
        target_fmrs=[target * len(found) / len(non_mated) for target in TARGETS],
        replicates=REPLICATES,
    )
    at = [threshold_for_fmr(found, target) for target in TARGETS]
    return np.array([np.mean(mated < threshold) for threshold in at]), drawn.fnmr_at


def _points(share: float) -> str:
    text = f"{100 * share:+.1f}"
    return "0" if float(text) == 0 else text


def show(table: Table, out: Path) -> None:
    """Print one list's tables as Markdown."""
    found = files(table, out / table.folder)
    first = found[0][2]
    mated = int(first.mated.sum())
    print(
        f"### {table.title}\n\n{mated:,} mated and {len(first) - mated:,} non-mated trials, "
        f"{len(first.people())} people.\n"
    )
    accuracy = ("accuracy (own folds)", "with failures") if table.folds else ()
    columns = [*COLUMNS, *accuracy]
    split = parts(table, found)
    _print(columns, [_row(table, *one) for part in split for one in part])
    names = [[name.removeprefix("ours, ") for name in two] for two in COMPARED]
    titles = [f"{b} less {a}, FMR {t:g}" for a, b in names for t in TARGETS]
    print("GFRR, differences in points:\n")
    _print(["probes", *titles], [differences(part) for part in split])


def _print(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    print(f"| {' | '.join(columns)} |")
    print("|" + "---|" * len(columns))
    for row in cells:
        print(f"| {' | '.join(row)} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="the folder of this measurement")
    out = parser.parse_args().out
    there = [table for table in TABLES if (out / table.folder).is_dir()]
    if not there:
        sys.exit(f"{out}: holds no measurement; make it with the commands of README.md")
    for table in there:
        show(table, out)


if __name__ == "__main__":
    main()
