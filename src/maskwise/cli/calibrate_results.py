"""What ``maskwise calibrate`` prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

import click

from maskwise.cli.output import print_table, printable
from maskwise.errors import ConfigurationError, EvaluationError

if TYPE_CHECKING:
    from rich.text import Text

    from maskwise.cli.calibrate_place import Place
    from maskwise.evaluate.calibration import Calibration
    from maskwise.evaluate.scores import Scores
    from maskwise.types import WearPair

_SHIPPED: Final = 5  # the column of what ships for the same FMR


@dataclass(frozen=True, slots=True)
class Source:
    """What is calibrated on. photos: with a face, None where only scores are known."""

    scores: Scores
    people: int
    photos: int | None
    words: str
    failures: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PairResult:
    """One wear pair at the target. fnmr: of the trials that it was fitted on.

    reaches: the lowest FMR of its own table. unsupported: why the target is beyond it, "" where
    it is not; threshold and fnmr are then those at ``reaches``. shipped: the shipped threshold.
    """

    threshold: float
    fnmr: float
    reaches: float
    unsupported: str
    shipped: float | None


def result_at(fitted: Calibration, source: Source, pair: WearPair, target: float) -> PairResult:
    """What the calibration of one pair says at ``target``."""
    from maskwise.decide import OperatingPoints
    from maskwise.evaluate.calibration import check_target
    from maskwise.evaluate.verification import fnmr_at

    curve = fitted.pairs[pair].curve
    threshold, reached = curve.threshold(target)
    unsupported = ""
    try:
        check_target(fitted, pair, target)
    except EvaluationError as error:
        unsupported = f"unsupported: {error}"
        if source.photos is not None:
            photos = source.photos * math.sqrt(reached / target)
            unsupported += f" (all pairs of about {math.ceil(photos):,} such photos)"
    scores = source.scores
    here = scores.wear_pair().where(pair) & scores.mated & ~scores.failed
    try:
        shipped = OperatingPoints.shipped(fitted.encoder_id).at_fmr(pair, target).threshold
    except ConfigurationError:
        shipped = None
    rate = fnmr_at(scores.scores[here], threshold).value
    return PairResult(threshold, rate, curve.fmr[-1], unsupported, shipped)


def calibration_json(
    fitted: Calibration,
    source: Source,
    results: Mapping[WearPair, PairResult],
    place: Place | None,
    dry_run: bool,
) -> dict[str, Any]:
    """The same as docs/cli.md describes it."""
    pairs = {}
    for pair, result in results.items():
        row = fitted.pairs[pair]
        pairs[pair] = {
            "threshold": result.threshold,
            "supported": not result.unsupported,
            "reaches_fmr": result.reaches,
            "fnmr": result.fnmr,
            "shipped_threshold": result.shipped,
            "mated": row.mated,
            "non_mated": row.non_mated,
            "people": row.people,
            "cllr": row.cllr,
            "min_cllr": row.min_cllr,
        }
    return {
        "calibration": None if place is None else place.shown,
        "dry_run": dry_run,
        "encoder": fitted.encoder_id,
        "target_fmr": fitted.target_fmr,
        "calibrated_on": source.words,
        "people": source.people,
        "photos": source.photos,
        "left_out": dict(source.failures),
        "pairs": pairs,
        "refused": dict(fitted.refused),
        "unsupported": [r.unsupported for r in results.values() if r.unsupported],
    }


def print_calibration(
    fitted: Calibration,
    source: Source,
    results: Mapping[WearPair, PairResult],
    place: Place | None,
    target: float,
) -> None:
    """A table of the wear pairs, and what is to be said of them, for people."""
    from maskwise.decide import probes_of, references_of
    from maskwise.types import WearPair

    rows: list[list[str | Text]] = []
    for pair in get_args(WearPair):
        if pair not in results:
            continue
        result, row = results[pair], fitted.pairs[pair]
        rows.append(
            [
                pair,
                f"{row.mated:,}",
                f"{row.non_mated:,}",
                f"{result.threshold:.4f}" + "*" * bool(result.unsupported),
                f"{result.fnmr:.1%}",
                "" if result.shipped is None else f"{result.shipped:.4f}",
                f"{result.reaches:.1e}",
            ]
        )
    columns = ["wear pair", "mated", "non-mated", "threshold", "lost", "shipped", "reaches FMR"]
    if all(result.shipped is None for result in results.values()):
        del columns[_SHIPPED]
        for line in rows:
            del line[_SHIPPED]
    print_table(columns, rows, right=columns[1:])
    references = references_of(fitted.encoder_id)
    of_two = references != fitted.encoder_id
    lines = [
        f"Thresholds at which at most {target:g} of pairs of different people pass (FMR), fitted "
        f"on {source.words}.",
        *([f"References of {references}, probes of {probes_of(fitted.encoder_id)}."] * of_two),
        "Lost: the share of pairs of one person that do not pass (FNMR).",
        *(f"* {r.unsupported}." for r in results.values() if r.unsupported),
        *(f"{pair}: not calibrated: {why}." for pair, why in fitted.refused.items()),
    ]
    if source.failures:
        told = ", ".join(
            f"{count} {why.replace('_', ' ')}" for why, count in source.failures.items()
        )
        lines.append(f"Photos left out: {told}.")
    if any(r.unsupported for r in results.values()) or fitted.refused:
        lines.append("Where these do not reach, the shipped thresholds decide, if there are some.")
    lines.append("Nothing was written." if place is None else f"Written to {place.shown}.")
    click.echo("\n".join(printable(line) for line in lines))
