"""What training/operating_points/fit.py does between the evaluation's modules and the file."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from maskwise.evaluate.calibration import calibrate, fit_curve
from maskwise.evaluate.llr import fit_pav, map_from_json
from maskwise.evaluate.scores import Labels, Provenance, Scores

FOLDER = Path(__file__).resolve().parents[2] / "training" / "operating_points"


@pytest.fixture(scope="module")
def fit() -> Iterator[ModuleType]:
    if not FOLDER.is_dir():
        pytest.skip("needs training/operating_points, which only a checkout holds")
    before = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("fit")
    finally:
        sys.path[:] = before


def test_every_pair_is_a_trial_and_people_are_folders(fit: ModuleType) -> None:
    trials = fit.trials_among(["A/1.jpg", "A/2.jpg", "B/1.jpg"])
    assert trials.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert trials.mated.tolist() == [True, False, False]
    assert trials.subjects == ("A", "A", "B")


def test_a_staircase_of_fewer_digits_still_rises(fit: ModuleType) -> None:
    given = {"scores": [0.1234567, 0.1234568, 0.5, 0.75], "llrs": [1.0, 1.20004, 3.0, 3.0]}
    shown = fit.readable({"kind": "pav", **given})
    assert shown == {"kind": "pav", "scores": [0.123457, 0.5, 0.75], "llrs": [1.2, 3.0, 3.0]}
    rng = np.random.default_rng(0)
    made = fit_pav(rng.normal(0.9, 0.02, 500), rng.normal(0.8, 0.03, 5000))
    back = map_from_json(fit.readable(made.to_json()))
    assert back.llr([0.0, 2.0]) == pytest.approx(made.llr([0.0, 2.0]), abs=1e-3)


def test_thresholds_are_rounded_up_and_other_encoders_stay(fit: ModuleType) -> None:
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(40), 2)
    first, second = np.triu_indices(80, 1)
    mated = people[first] == people[second]
    one = Labels.all_one("none", len(mated))
    fine = Labels.all_one("", len(mated))
    scores = Scores(
        Provenance("net/1", {"encoder": "net/1"}, "a", "b", "0", 7, "now"),
        tuple(f"{n}/{k}" for n in range(40) for k in range(2)),
        tuple(str(n) for n in people),
        np.stack([first, second], axis=1).astype(np.int32),
        rng.normal(0.7 + 0.2 * mated, 0.05),
        mated,
        *(one, one, fine, fine),
    )
    fitted = calibrate(scores, reported_people=(), calibrated_on="40 people", kind="pav")
    before = {"encoders": {"net/0": {}, "net/1": {}}, "provenance": {"net/0": {"x": 1}}}
    made = json.loads(json.dumps(fit.shipped_form(fitted, before)))
    assert made["encoders"]["net/0"] == {}
    assert made["provenance"]["net/0"] == {"x": 1}
    assert made["provenance"]["net/1"]["models"] == {"encoder": "net/1"}
    row = made["encoders"]["net/1"]["bare-bare"]
    exact = fit_curve(scores.scores[~mated], calibrated_on="").thresholds
    assert row["threshold"] == pytest.approx(exact, abs=1e-5)
    assert all(shown >= t for shown, t in zip(row["threshold"], exact, strict=True))
