"""The thresholds that ship: ``src/maskwise/operating_points.json``.

    MASKWISE_DATA=... python training/operating_points/fit.py [--dry-run]

For the encoders that ship, each by itself, and for probes of our own against references of the
stock one, whose space is the same (``CASES``). Runs the pipeline on the photos of the calibrate
part (see ../photos.py), bare and with random virtual masks drawn on them, compares them as
``verify`` would (see ``maskwise.evaluate.calibration_trials``), and fits each wear pair as
``maskwise calibrate`` does.
Templates are kept in ``training/work/``: a run that was broken off goes on where it was.

The file names the models that it was made with; a test fails when others ship. log.txt gets the
rows, with the share of mated trials that each threshold loses.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from photos import WORK, Part, data_folder, photos
from rich.console import Console
from rich.progress import Progress

from maskwise import Recognizer, encode, masks
from maskwise.evaluate.calibration import Calibration, calibrate
from maskwise.evaluate.calibration_file import to_json
from maskwise.evaluate.calibration_trials import CalibrationTrials, calibration_trials
from maskwise.evaluate.scores import Scores
from maskwise.evaluate.template_cache import TemplateCache
from maskwise.evaluate.templates import Progress as Made
from maskwise.evaluate.trials import TrialList
from maskwise.evaluate.verification import fnmr_at
from maskwise.types import MaskSpec

TARGET = Path(__file__).resolve().parents[2] / "src" / "maskwise" / "operating_points.json"
LOG = Path(__file__).resolve().parent / "log.txt"
SEED = 7
CASES = (
    (encode.DEFAULT, encode.DEFAULT),
    ("dlib-resnet-v1", "dlib-resnet-v1"),
    (encode.DEFAULT, "dlib-resnet-v1"),
)
"""Encoders of probes and references."""
DIGITS = 5
"""Decimals of a threshold, rounded up: scores differ by about 1e-6 from batch to batch."""


def lfw_folder() -> Path:
    return data_folder() / "lfw-dev"


def trials_among(names: list[str]) -> TrialList:
    """Every pair of these photos, ``Person/photo.jpg``."""
    people = tuple(name.partition("/")[0] for name in names)
    first, second = np.triu_indices(len(names), 1)
    codes = np.unique(np.array(people), return_inverse=True)[1].reshape(-1)
    return TrialList(
        "lfw-dev",
        tuple(names),
        people,
        np.stack([first, second], axis=1).astype(np.int32),
        codes[first] == codes[second],
        np.zeros(len(names), bool),
    )


def names_of(part: Part) -> list[str]:
    return [f"{path.parent.name}/{path.name}" for path in photos(part)]


def scored(
    recognizer: Recognizer, names: list[str], references: Recognizer | None
) -> CalibrationTrials:
    with (
        TemplateCache.open(WORK / "templates") as cache,
        Progress(console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task("templates", total=len(names) * (2 if references else 1))

        def told(_: Made) -> None:
            progress.advance(task)

        return calibration_trials(
            recognizer,
            lfw_folder(),
            trials_among(names),
            cache=cache,
            seed=SEED,
            reference=references,
            on_photo=told,
        )


def readable(pav: dict[str, Any]) -> dict[str, Any]:
    """The staircase with fewer digits; points that then fall together are one."""
    points = {
        round(score, DIGITS + 1): round(llr, 3)
        for score, llr in zip(pav["scores"], pav["llrs"], strict=True)
    }
    return {"kind": "pav", "scores": list(points), "llrs": list(points.values())}


def shipped_form(fitted: Calibration, table: dict[str, Any]) -> dict[str, Any]:
    """``table`` with this encoder's rows in place of older ones; provenance by encoder."""
    made = to_json(fitted)
    for row in made["encoders"][fitted.encoder_id].values():
        row["threshold"] = [math.ceil(t * 10**DIGITS) / 10**DIGITS for t in row["threshold"]]
        row["llr"] = readable(row["llr"])
        for key in ("cllr", "min_cllr"):
            row[key] = round(row[key], DIGITS)
    provenance = {**made["provenance"], "mask_drawing": MaskSpec("surgical", "#ffffff").version}
    return {
        "format": made["format"],
        "version": made["version"],
        "encoders": {**table.get("encoders", {}), **made["encoders"]},
        "provenance": {**table.get("provenance", {}), fitted.encoder_id: provenance},
    }


def rows(fitted: Calibration, scores: Scores) -> list[str]:
    lines = []
    for pair, found in fitted.pairs.items():
        here = scores.wear_pair().where(pair) & scores.mated
        lines.append(
            f"{pair}: {found.mated} mated, {found.non_mated} non-mated; "
            f"Cllr {found.cllr:.3f}, at best {found.min_cllr:.3f}"
        )
        for fmr, threshold in zip(found.curve.fmr, found.curve.thresholds, strict=True):
            lost = fnmr_at(scores.scores[here], threshold).value
            lines.append(f"  FMR {fmr:8.2e}  threshold {threshold:.5f}  FNMR {lost:6.3f}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dry-run", action="store_true", help="print the rows, write nothing")
    arguments = parser.parse_args()
    table: dict[str, Any] = {}
    every: list[str] = []
    for probes, references in CASES:
        every += fit(probes, references, table)
        every.append("")
    if not arguments.dry_run:
        text = json.dumps(table, indent=1, sort_keys=True)
        TARGET.write_text(text + "\n", "utf-8")
        LOG.write_text("\n".join(every[:-1]) + "\n", "utf-8")


def fit(probes: str, references: str, table: dict[str, Any]) -> list[str]:
    """Add the thresholds of one case to ``table``; the lines that the log gets.

    probes, references: addresses of encoders.
    """
    recognizer = Recognizer(encoder=probes)
    home = None if references == probes else Recognizer(encoder=references)
    found = scored(recognizer, names_of("calibrate"), home)
    fitted = calibrate(
        found.scores,
        reported_people={name.partition("/")[0] for name in names_of("report")},
        calibrated_on=f"{found.people} people of LFW ({found.photos} photos; masks drawn by "
        "maskwise)",
        # Trials enough for it: on the report people its LLRs hold to the top, where the straight
        # line says 4 for what is 8 (bare-bare).
        kind="pav",
    )
    assert not fitted.refused, fitted.refused
    table |= shipped_form(fitted, table)
    lines = [
        "; ".join(f"{stage} {model}" for stage, model in recognizer.models.items()),
        *([f"references by {home.encoder.id}"] if home else []),
        f"references in {', '.join(masks.DEFAULT_TYPES)}, probes in "
        f"{', '.join(masks.parse_types('all'))}; seed {SEED}",
        f"{found.photos} photos of {found.people} people; left out: {dict(found.failures)}",
        *rows(fitted, found.scores),
    ]
    print("\n".join(lines), flush=True)
    return lines


if __name__ == "__main__":
    main()
