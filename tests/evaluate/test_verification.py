"""Verification's rates: by hand, against scikit-learn and SciPy, and by property."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from scipy.stats import mannwhitneyu
from sklearn.metrics import det_curve, roc_auc_score, roc_curve

from maskwise.errors import EvaluationError
from maskwise.evaluate.intervals import Rate
from maskwise.evaluate.verification import (
    auc,
    best_threshold,
    curve,
    eer,
    fmr_at,
    fnmr_at,
    fnmr_at_fmr,
    fold_accuracy,
    own_folds,
    threshold_for_fmr,
)

# The worked example of docs/metrics.md.
MATED = [0.95, 0.9, 0.85, 0.8, 0.6, 0.4]
NON_MATED = [0.7, 0.6, 0.5, 0.4, 0.3, 0.2]

# Small whole numbers: ties are common.
some_scores = hnp.arrays(np.float64, st.integers(1, 40), elements=st.integers(-5, 5).map(float))


def normal(seed: int, mated: int = 300, others: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    # Rounded, so that there are ties within and across the two.
    return rng.normal(2, 1, mated).round(1), rng.normal(0, 1, others).round(1)


def test_the_worked_example() -> None:
    assert fmr_at(NON_MATED, 0.6) == Rate(2, 6)
    assert fnmr_at(MATED, 0.6) == Rate(1, 6)
    assert eer(MATED, NON_MATED).value == pytest.approx(1 / 4)
    assert auc(MATED, NON_MATED) == pytest.approx((4 * 6 + 4.5 + 2.5) / 36)
    at = fnmr_at_fmr(MATED, NON_MATED, 0.2)
    assert (at.fmr, at.fnmr) == (Rate(1, 6), Rate(2, 6))
    assert at.threshold == np.nextafter(0.6, 1)
    assert at.label == "TAR@FAR=0.2"
    assert at.tar == pytest.approx(4 / 6)
    assert not at.supported
    assert at.unsupported == "not supported by 6 non-mated trials: 0.2 needs 150"


def test_the_curve_of_the_worked_example() -> None:
    points = curve(MATED, NON_MATED)
    assert points.thresholds.tolist() == [*sorted({*MATED, *NON_MATED}), math.inf]
    assert points.false_matches.tolist() == [6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0]
    assert points.false_non_matches.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("seed", range(5))
def test_curve_and_auc_are_those_of_scikit_learn(seed: int) -> None:
    mated, others = normal(seed)
    truth, scores = np.repeat([1, 0], [len(mated), len(others)]), np.concatenate([mated, others])
    fmr, fnmr, thresholds = det_curve(truth, scores)
    points = curve(mated, others)
    # Releases of scikit-learn differ in which of the two ends they keep.
    same = np.isin(points.thresholds, thresholds)
    finite = np.isfinite(thresholds)
    np.testing.assert_allclose(points.fmr[same & np.isfinite(points.thresholds)], fmr[finite])
    np.testing.assert_allclose(points.fnmr[same & np.isfinite(points.thresholds)], fnmr[finite])
    assert finite.sum() > 30
    assert auc(mated, others) == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    corners = points.corners()
    assert len(corners.thresholds) < len(points.thresholds)
    area = np.trapezoid if hasattr(np, "trapezoid") else np.trapz
    assert -area(1 - corners.fnmr, corners.fmr) == pytest.approx(auc(mated, others))


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_the_mann_whitney_statistic(seed: int) -> None:
    mated, others = normal(seed)
    statistic = mannwhitneyu(mated, others).statistic
    assert auc(mated, others) == pytest.approx(statistic / (len(mated) * len(others)), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_eer_is_the_root_on_the_roc_curve(seed: int) -> None:
    mated, others = normal(seed)
    truth, scores = np.repeat([1, 0], [len(mated), len(others)]), np.concatenate([mated, others])
    fpr, tpr, _ = roc_curve(truth, scores, drop_intermediate=False)
    root = brentq(lambda x: 1.0 - x - interp1d(fpr, tpr)(x), 0.0, 1.0)
    assert eer(mated, others).value == pytest.approx(root, abs=1e-9)


@given(some_scores, some_scores)
def test_a_det_curve_is_monotone_and_ends_at_both_corners(
    mated: np.ndarray, others: np.ndarray
) -> None:
    points = curve(mated, others)
    assert (np.diff(points.thresholds) > 0).all()
    assert (np.diff(points.false_matches) <= 0).all()
    assert (np.diff(points.false_non_matches) >= 0).all()
    assert (points.fmr[0], points.fnmr[0]) == (1, 0)
    assert (points.fmr[-1], points.fnmr[-1]) == (0, 1)
    for at, threshold in enumerate(points.thresholds):
        assert fmr_at(others, threshold).errors == points.false_matches[at]
        assert fnmr_at(mated, threshold).errors == points.false_non_matches[at]


@given(some_scores, some_scores, st.integers(0, 2**32 - 1))
def test_rates_ignore_the_order_and_increasing_maps(
    mated: np.ndarray, others: np.ndarray, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    expected = eer(mated, others).value, auc(mated, others)
    shuffled = rng.permutation(mated), rng.permutation(others)
    assert (eer(*shuffled).value, auc(*shuffled)) == expected
    for bent in (lambda s: s + 100, np.exp, lambda s: s**3 / 7):
        assert (eer(bent(mated), bent(others)).value, auc(bent(mated), bent(others))) == expected
        for target in (0.01, 0.2, 0.9):
            plain, curved = (
                fnmr_at_fmr(*pair, target)
                for pair in ((mated, others), (bent(mated), bent(others)))
            )
            assert (plain.fmr, plain.fnmr) == (curved.fmr, curved.fnmr)


@given(some_scores, some_scores)
def test_swapping_the_roles_and_the_sign_changes_nothing(
    mated: np.ndarray, others: np.ndarray
) -> None:
    assert eer(-others, -mated).value == pytest.approx(eer(mated, others).value, abs=1e-12)
    assert auc(-others, -mated) == pytest.approx(auc(mated, others), abs=1e-12)
    assert auc(others, mated) == pytest.approx(1 - auc(mated, others), abs=1e-12)


@given(some_scores, some_scores)
def test_separable_scores_have_no_error(mated: np.ndarray, others: np.ndarray) -> None:
    apart = mated + 20
    assert eer(apart, others).value == 0
    assert auc(apart, others) == 1
    assert eer(others, apart).value == 1


@given(some_scores, st.floats(1e-3, 0.999))
def test_a_threshold_is_the_lowest_with_an_fmr_of_at_most_the_target(
    others: np.ndarray, target: float
) -> None:
    threshold = threshold_for_fmr(others, target)
    assert fmr_at(others, threshold).value <= target
    below = np.nextafter(threshold, -np.inf)
    assert fmr_at(others, below).value > target


def test_a_target_is_met_exactly_where_the_count_allows() -> None:
    others = np.arange(1000.0)
    for allowed in range(1, 60):
        assert fmr_at(others, threshold_for_fmr(others, allowed / 1000)).errors == allowed


def test_support_follows_the_rule_of_30() -> None:
    others = np.arange(3000.0)
    assert fnmr_at_fmr([1.0], others, 1e-2).supported
    assert not fnmr_at_fmr([1.0], others[:-1], 1e-2).supported
    beyond = fnmr_at_fmr([1.0], others, 1e-4)
    assert beyond.unsupported == "not supported by 3,000 non-mated trials: 0.0001 needs 300,000"
    assert beyond.fmr == Rate(0, 3000)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_refused(wrong: float) -> None:
    for call in (eer, auc, curve, lambda a, b: fnmr_at_fmr(a, b, 0.1)):
        with pytest.raises(EvaluationError, match="1 of 2 are NaN or infinite"):
            call([0.5, wrong], [0.1])
        with pytest.raises(EvaluationError, match="1 of 2 are NaN or infinite"):
            call([0.5], [wrong, 0.1])


def test_there_is_no_rate_without_trials() -> None:
    with pytest.raises(EvaluationError, match="no rate without trials"):
        fmr_at([], 0.5)
    with pytest.raises(EvaluationError, match="expected numbers"):
        fmr_at(["a"], 0.5)
    for target in (0, 1, -0.1, np.nan):
        with pytest.raises(EvaluationError, match="above 0 and below 1"):
            threshold_for_fmr([0.1], target)


@given(some_scores, some_scores)
def test_the_best_threshold_has_the_fewest_errors(mated: np.ndarray, others: np.ndarray) -> None:
    def wrong(threshold: float) -> int:
        return fmr_at(others, threshold).errors + fnmr_at(mated, threshold).errors

    best = best_threshold(mated, others)
    everywhere = np.arange(-6, 7) - 0.5
    assert wrong(best) == min(map(wrong, everywhere))


def test_fold_accuracy_by_hand() -> None:
    # Fold 0 is decided by the best threshold of fold 1, which is 8, and the other way round, 5.
    scores = np.array([9.0, 5.0, 4.0, 1.0, 8.0, 6.0, 5.5, 2.0, np.nan])
    mated = np.array([1, 1, 0, 0, 1, 0, 0, 0, 1], bool)
    fold = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    found = fold_accuracy(scores, mated, fold)
    assert found.thresholds == (8.0, 5.0)
    assert found.folds == (0.75, 0.5)
    assert found.accuracy == 0.625
    assert found.standard_error == pytest.approx(0.125)
    assert found.failed == 1
    assert found.accuracy_with_failures == pytest.approx((0.75 + 2 / 5) / 2)


@given(st.integers(0, 10_000))
def test_fold_accuracy_ignores_increasing_maps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mated = np.arange(60) % 2 == 0
    scores, fold = rng.normal(mated * 2.0, 1), np.arange(60) // 6
    assert (
        fold_accuracy(scores, mated, fold).folds == fold_accuracy(np.exp(scores), mated, fold).folds
    )


def test_fold_accuracy_says_what_it_lacks() -> None:
    mated = np.array([True, False] * 2)
    with pytest.raises(EvaluationError, match="two folds or more"):
        fold_accuracy(np.arange(4.0), mated, np.zeros(4, int))
    with pytest.raises(EvaluationError, match="fold 1 has no trial"):
        fold_accuracy(np.array([1, 0, np.nan, np.nan]), mated, np.array([0, 0, 1, 1]))
    with pytest.raises(EvaluationError, match="no rate without trials"):
        fold_accuracy(np.arange(4.0), mated, np.array([0, 1, 0, 1]))
    with pytest.raises(EvaluationError, match="folds: "):
        fold_accuracy(np.arange(3.0), mated, np.array([0, 1, 0, 1]))


def test_own_folds_keep_a_person_together_and_are_of_a_size() -> None:
    rng = np.random.default_rng(5)
    people = np.array([f"p{n}" for n in rng.integers(0, 200, 2000)])
    mated = rng.random(2000) < 0.5
    fold = own_folds(people.tolist(), mated)
    assert fold.dtype == np.int32
    for person in np.unique(people):
        assert len(set(fold[people == person].tolist())) == 1
    for kind in (mated, ~mated):
        counts = np.bincount(fold[kind], minlength=10)
        assert counts.min() > 0.7 * counts.max()
    assert not np.array_equal(fold, own_folds(people.tolist(), mated, seed=1))
    assert np.array_equal(fold, own_folds(people.tolist(), mated))
