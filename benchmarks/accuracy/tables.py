"""The accuracy tables of benchmarks/accuracy/README.md, from score files alone.

    python benchmarks/accuracy/tables.py OUT

OUT/<list>/scores/ holds maskwise's score files, OUT/<list>/stock/ those of stock.py; a list that
is not there is left out. Rates are of trials with a score, and GFRR takes in those that failed;
intervals are 95 %, by a bootstrap over people. Figures that the trials are too few for are in
brackets.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from maskwise.evaluate.breakdown import Summary, summarise
from maskwise.evaluate.report.words import percent, percent_range
from maskwise.evaluate.score_file import read_scores
from maskwise.evaluate.scores import Scores
from maskwise.evaluate.verification import fold_accuracy, own_folds

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


def rows(table: Table, found: Files) -> list[list[str]]:
    """The table's cells."""
    if not table.by:
        return [_row(table, *one) for one in found]
    made = []
    for part in (*found[0][2].attributes[table.by].values, ""):
        for pipeline, probes, scores in found:
            kept = scores.subset(scores.attributes[table.by].where(part)) if part else scores
            counts = f"{int(kept.mated.sum()):,} + {int((~kept.mated).sum()):,}"
            made.append(_row(table, pipeline, f"{part or probes} ({counts})", kept))
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


def show(table: Table, out: Path) -> None:
    """Print one table as Markdown."""
    found = files(table, out / table.folder)
    first = found[0][2]
    mated = int(first.mated.sum())
    print(
        f"### {table.title}\n\n{mated:,} mated and {len(first) - mated:,} non-mated trials, "
        f"{len(first.people())} people.\n"
    )
    accuracy = ("accuracy (own folds)", "with failures") if table.folds else ()
    columns = [*COLUMNS, *accuracy]
    for cells in (columns, ["---"] * len(columns), *rows(table, found)):
        print(f"| {' | '.join(cells)} |")
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
