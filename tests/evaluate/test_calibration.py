"""Thresholds and LLRs: fitted right, on the right people, and kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from made import made_scores
from scipy.special import expit
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from maskwise import decide
from maskwise.errors import EvaluationError, OutputError
from maskwise.evaluate.calibration import (
    calibrate,
    check_disjoint,
    check_target,
    fit_curve,
    fit_pair,
)
from maskwise.evaluate.calibration_file import (
    read_calibration,
    to_json,
    write_calibration,
)
from maskwise.evaluate.llr import (
    LogisticMap,
    PavMap,
    cllr,
    fit_logistic,
    fit_pav,
    map_from_json,
    min_cllr,
    probability,
)
from maskwise.evaluate.scores import Labels
from maskwise.evaluate.verification import auc, fmr_at

some_scores = hnp.arrays(np.float64, st.integers(1, 40), elements=st.integers(-5, 5).map(float))


def normal(seed: int, mated: int = 400, others: int = 5000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(2, 1, mated).round(2), rng.normal(0, 1, others).round(2)


@pytest.mark.parametrize("seed", range(3))
def test_the_logistic_map_is_that_of_scikit_learn(seed: int) -> None:
    mated, others = normal(seed)
    found = fit_logistic(mated, others)
    theirs = LogisticRegression(C=1e9, class_weight="balanced", tol=1e-10, max_iter=1000).fit(
        np.concatenate([mated, others])[:, None], np.repeat([1, 0], [len(mated), len(others)])
    )
    assert found.slope == pytest.approx(theirs.coef_[0, 0], rel=1e-3)
    assert found.offset == pytest.approx(theirs.intercept_[0], rel=1e-3)


def test_the_logistic_map_finds_the_llr_of_two_normal_distributions() -> None:
    mated, others = normal(0, 40_000, 40_000)
    at = np.array([0.0, 1.0, 2.0])
    truth = norm.logpdf(at, 2) - norm.logpdf(at, 0)
    assert fit_logistic(mated, others).llr(at) == pytest.approx(truth, abs=0.1)
    # Steps of the pooled map are rougher.
    assert fit_pav(mated, others).llr(at) == pytest.approx(truth, abs=0.3)


@given(some_scores, some_scores)
def test_pooling_is_isotonic_regression(mated: np.ndarray, others: np.ndarray) -> None:
    scores = np.concatenate([mated, others])
    truth = np.repeat([1.0, 0.0], [len(mated), len(others)])
    share = IsotonicRegression(y_min=0, y_max=1).fit(scores, truth).predict(scores)
    with np.errstate(divide="ignore"):
        llrs = np.log(share / (1 - share)) - np.log(len(mated) / len(others))
    limited = np.clip(llrs, -np.log(len(mated) + 1), np.log(len(others) + 1))
    np.testing.assert_allclose(fit_pav(mated, others).llr(scores), limited, atol=1e-9)
    expected = cllr(llrs[: len(mated)], llrs[len(mated) :])
    assert min_cllr(mated, others) == pytest.approx(expected, abs=1e-9)


@given(some_scores, some_scores, st.sampled_from(["logistic", "pav"]))
def test_maps_rise_and_stay_within_what_the_trials_show(
    mated: np.ndarray, others: np.ndarray, kind: str
) -> None:
    if kind == "logistic" and mated.mean() <= others.mean():
        return
    found = (fit_logistic if kind == "logistic" else fit_pav)(mated, others)
    llrs = found.llr(np.linspace(-20, 20, 401))
    assert (np.diff(llrs) >= 0).all()
    assert llrs.min() >= -np.log(len(mated) + 1) - 1e-12
    assert llrs.max() <= np.log(len(others) + 1) + 1e-12
    back = map_from_json(json.loads(json.dumps(found.to_json())))
    assert back == found


@given(some_scores, some_scores)
def test_min_cllr_is_a_floor_between_0_and_1(mated: np.ndarray, others: np.ndarray) -> None:
    floor = min_cllr(mated, others)
    assert -1e-12 <= floor <= 1 + 1e-12
    assert floor <= cllr(mated, others) + 1e-12
    assert floor <= cllr(mated * 0.3 - 1, others * 0.3 - 1) + 1e-12
    assert min_cllr(np.exp(mated), np.exp(others)) == pytest.approx(floor, abs=1e-12)
    assert min_cllr(mated + 20, others) == pytest.approx(0, abs=1e-12)


def test_cllr_by_hand_and_against_log_loss() -> None:
    assert cllr([0.0], [0.0, 0.0]) == 1
    assert cllr([np.log(3)], [-np.log(3)]) == pytest.approx(np.log2(4 / 3))
    assert cllr([np.inf], [-np.inf]) == 0
    assert cllr([-np.inf], [-np.inf]) == np.inf
    rng = np.random.default_rng(0)
    mated, others = rng.normal(1, 2, 50), rng.normal(-1, 2, 50)
    loss = log_loss(np.repeat([1, 0], 50), expit(np.concatenate([mated, others])))
    assert cllr(mated, others) == pytest.approx(loss / np.log(2))
    for wrong in ([], [np.nan]):
        with pytest.raises(EvaluationError, match="Cllr needs"):
            cllr(wrong, [0.0])


def test_a_probability_needs_a_prior() -> None:
    assert probability([0.0, np.log(4)], 0.5) == pytest.approx([0.5, 0.8])
    assert probability(np.log(999), 1e-3) == pytest.approx(0.5)
    assert probability([-1e4, 1e4], 0.5).tolist() == [0, 1]
    for prior in (0, 1, np.nan):
        with pytest.raises(EvaluationError, match="prior"):
            probability(0.0, prior)


def test_separable_scores_give_a_finite_map() -> None:
    found = fit_logistic([10.0, 11, 12], [0.0, 1, 2])
    assert np.isfinite([found.slope, found.offset]).all()
    assert found.llr([0, 6, 12]) == pytest.approx([-np.log(4), 0, np.log(4)], abs=0.05)
    flat = fit_logistic([1.0, 1], [1.0])
    assert flat.llr(5.0) == 0
    with pytest.raises(EvaluationError, match="higher must be more alike"):
        fit_logistic([0.0, 1, 2], [1.0, 2, 3])


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {},
        {"kind": "other"},
        {"kind": "logistic", "slope": -1, "offset": 0, "low": -1, "high": 1},
        {"kind": "logistic", "slope": 1, "offset": 0, "low": 1, "high": -1},
        {"kind": "logistic", "slope": "x", "offset": 0, "low": -1, "high": 1},
        {"kind": "logistic", "slope": 1},
        {"kind": "pav", "scores": [1, 0], "llrs": [0, 1]},
        {"kind": "pav", "scores": [0, 1], "llrs": [1, 0]},
        {"kind": "pav", "scores": [0, 1], "llrs": [0]},
        {"kind": "pav", "scores": [], "llrs": []},
        {"kind": "pav", "scores": [0], "llrs": [0], "more": 1},
    ],
)
def test_a_map_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(EvaluationError, match="no map"):
        map_from_json(wrong)


def test_the_table_keeps_to_each_fmr_with_the_lowest_threshold() -> None:
    others = np.random.default_rng(0).normal(0, 1, 20_000).round(3)
    table = fit_curve(others, calibrated_on="noise")
    assert table.fmr[0] == 0.1
    assert table.fmr[-1] == 10 / 20_000
    assert len(table.fmr) == 10  # 5.623e-4 is too close to the last
    for fmr, threshold in zip(table.fmr, table.thresholds, strict=True):
        assert fmr_at(others, threshold).value <= fmr
        assert fmr_at(others, np.nextafter(threshold, -np.inf)).value > fmr
    assert (table.non_mated, table.calibrated_on) == (20_000, "noise")
    stricter = fit_curve(others, calibrated_on="noise", least_matches=30)
    assert stricter.fmr[-1] == 30 / 20_000


@given(st.integers(100, 40_000))
def test_the_last_row_has_its_false_matches(count: int) -> None:
    others = np.arange(float(count))
    table = fit_curve(others, calibrated_on="")
    assert fmr_at(others, table.thresholds[-1]).errors in (10, 11)
    assert all(b < a for a, b in zip(table.fmr, table.fmr[1:], strict=False))


def test_a_table_like_the_shipped_one() -> None:
    """The rows that ship were made of 2,007,524 trials: the same FMRs come out."""
    shipped = json.loads(Path(decide.__file__).with_name("operating_points.json").read_text())
    rows = [row for table in shipped["encoders"].values() for row in table.values()]
    assert rows
    for row in rows:
        table = fit_curve(np.arange(float(row["non_mated"])), calibrated_on="")
        assert table.fmr == pytest.approx(row["fmr"], rel=2e-3)


def test_too_few_trials_are_refused() -> None:
    mated, others = normal(0, 29, 5000)
    with pytest.raises(EvaluationError, match=r"29 mated trials are too few.*\(30 at least\)"):
        fit_pair(mated, others, people=9, calibrated_on="")
    mated, others = normal(0, 30, 99)
    with pytest.raises(EvaluationError, match=r"99 non-mated trials are too few.*\(100 at least\)"):
        fit_pair(mated, others, people=9, calibrated_on="")


@pytest.mark.parametrize("kind", ["logistic", "pav"])
def test_a_pair_has_its_counts_and_costs(kind: Any) -> None:
    mated, others = normal(1)
    found = fit_pair(mated, others, people=12, calibrated_on="noise", kind=kind)
    assert (found.mated, found.non_mated, found.people) == (400, 5000, 12)
    assert found.min_cllr == min_cllr(mated, others)
    assert found.min_cllr - 1e-9 <= found.cllr < found.min_cllr + 0.05
    assert isinstance(found.scores_to_llr, LogisticMap if kind == "logistic" else PavMap)


def test_each_wear_pair_has_thresholds_of_its_own() -> None:
    scores = made_scores(people=60)
    found = calibrate(scores, reported_people=(), calibrated_on="60 people")
    assert set(found.pairs) == {"bare-bare", "bare-masked"}
    assert found.encoder_id == scores.provenance.encoder_id
    points = found.operating_points()
    for pair in ("bare-bare", "bare-masked"):
        here = scores.wear_pair().where(pair) & ~scores.failed & ~scores.mated
        assert found.pairs[pair].non_mated == here.sum()
        point = points.at_fmr(pair, 1e-2)
        assert (point.target_fmr, point.calibrated_on) == (1e-2, "60 people")
        assert fmr_at(scores.scores[here], point.threshold).value <= 1e-2
        assert check_target(found, pair, 1e-2) == point.threshold
    assert found.pairs["bare-masked"].min_cllr > found.pairs["bare-bare"].min_cllr


def test_reported_people_take_no_part() -> None:
    scores = made_scores()
    with pytest.raises(EvaluationError, match=r"2 of the people .*\(p003, p007\): .*by person"):
        calibrate(scores, reported_people=["p003", "p007", "other"], calibrated_on="")
    check_disjoint({"a"}, {"b"})
    with pytest.raises(EvaluationError, match="5 of the people"):
        check_disjoint(set("abcdef"), set("bcdefg"))
    # Who is named in the list of photos but in no trial takes no part either.
    kept = scores.subset(
        ~np.isin(np.array(scores.subjects)[scores.pairs], ["p003", "p007"]).any(axis=1)
    )
    assert calibrate(kept, reported_people=["p003", "p007"], calibrated_on="").pairs


def test_what_cannot_be_fitted_is_named() -> None:
    scores = made_scores(people=40)
    few = scores.subset(scores.wear_pair().where("bare-bare") | ~scores.mated)
    found = calibrate(few, reported_people=(), calibrated_on="")
    assert set(found.pairs) == {"bare-bare"}
    assert found.refused["bare-masked"].startswith("0 mated trials are too few")
    with pytest.raises(EvaluationError, match="bare-masked is not calibrated: 0 mated"):
        check_target(found, "bare-masked", 0.1)
    with pytest.raises(EvaluationError, match="masked-masked is not calibrated: there was no"):
        check_target(found, "masked-masked", 0.1)
    with pytest.raises(EvaluationError, match=r"1e-06 is not supported by .* needs 10,000,000"):
        check_target(found, "bare-bare", 1e-6)
    unknown = made_scores(probe_wear=Labels.all_one("unknown", len(made_scores())))
    with pytest.raises(EvaluationError, match=r"nothing to calibrate: unknown: \d+ trials"):
        calibrate(unknown, reported_people=(), calibrated_on="")
    with pytest.raises(EvaluationError, match="there is no trial"):
        calibrate(scores.subset(np.zeros(0, int)), reported_people=(), calibrated_on="")


@pytest.mark.parametrize("kind", ["logistic", "pav"])
def test_a_calibration_comes_back(tmp_path: Path, kind: Any) -> None:
    made = calibrate(made_scores(), reported_people=(), calibrated_on="40 people", kind=kind)
    write_calibration(tmp_path / "c.json", made)
    back = read_calibration(tmp_path / "c.json")
    assert back == made
    write_calibration(tmp_path / "d.json", back)
    assert (tmp_path / "c.json").read_bytes() == (tmp_path / "d.json").read_bytes()


def test_the_file_has_the_form_of_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = calibrate(made_scores(), reported_people=(), calibrated_on="40 people")
    monkeypatch.setattr(decide, "_shipped_table", lambda: to_json(made))
    shipped = decide.OperatingPoints.shipped(made.encoder_id)
    for pair in made.pairs:
        own = made.operating_points().at_fmr(pair, 1e-2)
        assert (shipped.at_fmr(pair, 1e-2).calibration, own.calibration) == ("shipped", "own")
        assert shipped.at_fmr(pair, 1e-2) == replace(own, calibration="shipped")
        assert shipped.llr(1.5, pair) == made.pairs[pair].scores_to_llr.llr(1.5)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda c: c.update(version=3), "version 3.*update maskwise"),
        (lambda c: c.update(version=2), "make it again"),
        (lambda c: c.update(format="x"), "is no calibration; make one"),
        (lambda c: c.pop("format"), "make it again"),
        (lambda c: c.update(encoders={}), "make it again"),
        (lambda c: c["encoders"]["net/0123456789ab/chip/l2-1"].update(x={}), "no wear pair: 'x'"),
        (lambda c: c["encoders"]["net/0123456789ab/chip/l2-1"]["bare-bare"].pop("llr"), "again"),
        (
            lambda c: c["encoders"]["net/0123456789ab/chip/l2-1"]["bare-bare"]["fmr"].reverse(),
            "that fall",
        ),
        (lambda c: c["provenance"].pop("seed"), "make it again"),
    ],
)
def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path, change: Any, why: str) -> None:
    path = tmp_path / "c.json"
    content = to_json(calibrate(made_scores(), reported_people=(), calibrated_on=""))
    content = json.loads(json.dumps(content))
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(EvaluationError, match=f"{path}: .*{why}"):
        read_calibration(path)


def test_a_file_that_is_not_there_or_no_json(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no such file"):
        read_calibration(tmp_path / "c.json")
    for content in (b"", b"[]", b"\xff", b"{}"):
        (tmp_path / "c.json").write_bytes(content)
        with pytest.raises(EvaluationError, match=r"c\.json: .*make it again"):
            read_calibration(tmp_path / "c.json")
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_calibration(tmp_path)
    made = calibrate(made_scores(), reported_people=(), calibrated_on="")
    with pytest.raises(OutputError, match="cannot be written"):
        write_calibration(tmp_path / "missing" / "c.json", made)


def test_fitted_probabilities_hold_on_fresh_trials() -> None:
    found = fit_logistic(*normal(0, 2000, 20_000))
    mated, others = normal(99, 2000, 20_000)
    scores = np.concatenate([mated, others])
    truth = np.repeat([True, False], [2000, 20_000])
    stated = probability(found.llr(scores), 2000 / 22_000)
    for low in np.arange(0, 1, 0.2):
        here = (stated >= low) & (stated < low + 0.2)
        assert truth[here].mean() == pytest.approx(stated[here].mean(), abs=0.06)
    assert auc(found.llr(mated), found.llr(others)) == pytest.approx(auc(mated, others), abs=1e-3)
