"""Intervals: against SciPy, by hand, and by how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from maskwise.errors import EvaluationError
from maskwise.evaluate import verification
from maskwise.evaluate.intervals import (
    Rate,
    bootstrap,
    bootstrap_share,
    percentile_interval,
    rate_interval,
    rule_of_three,
    wilson,
)


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_that_of_scipy(trials: int, share: float, level: float) -> None:
    errors = round(share * trials)
    ours = wilson(Rate(errors, trials), level)
    theirs = binomtest(errors, trials).proportion_ci(level, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(st.integers(1, 100_000))
def test_the_rule_of_three_is_the_exact_one_sided_bound(trials: int) -> None:
    bound = rule_of_three(Rate(0, trials))
    exact = binomtest(0, trials, alternative="less").proportion_ci(0.95, method="exact")
    assert bound.low == 0
    assert bound.high == pytest.approx(exact.high, rel=1e-9)
    assert bound.high <= 3 / trials
    mirrored = rule_of_three(Rate(trials, trials))
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - bound.high, 1))
    if trials > 100:
        assert bound.high == pytest.approx(3 / trials, rel=0.02)


def test_a_rate_chooses_its_interval_by_its_counts() -> None:
    assert Rate(0, 50).interval().method.startswith("rule of three")
    assert Rate(50, 50).interval().method.startswith("rule of three")
    assert Rate(1, 50).interval().method.startswith("Wilson")
    assert (Rate(0, 0).interval().low, Rate(0, 0).interval().high) == (0, 1)
    assert np.isnan(Rate(0, 0).value)
    for wrong in (Rate(0, 0), Rate(3, 2), Rate(-1, 2)):
        with pytest.raises(EvaluationError):
            wilson(wrong)
    with pytest.raises(EvaluationError, match="for 0 errors"):
        rule_of_three(Rate(1, 2))


def crossed(
    seed: int, people: int = 30, photos: int = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All trials among people, each with an effect of their own on every trial of theirs."""
    rng = np.random.default_rng(seed)
    whose = np.repeat(np.arange(people), photos)
    a, b = np.triu_indices(len(whose), 1)
    first, second = whose[a], whose[b]
    ease = rng.normal(0, 1, people)
    scores = rng.normal(0, 1, len(a)) + ease[first] + ease[second] + 3.0 * (first == second)
    same = first == second
    return scores[same], scores[~same], first[same], np.stack([first, second], 1)[~same]


def by_hand(data: tuple[np.ndarray, ...], threshold: float, replicates: int, seed: int) -> None:
    """The same draws, one replicate after the other, each trial repeated by its weight."""
    mated, others, mated_people, other_people = data
    target = 0.1
    drawn = bootstrap(
        *(mated, others, mated_people, other_people),
        thresholds=(threshold,),
        target_fmrs=(target,),
        replicates=replicates,
        seed=seed,
    )
    people = int(max(mated_people.max(), other_people.max())) + 1
    picks = np.random.default_rng(seed).integers(people, size=(replicates, people))
    for row, pick in enumerate(picks):
        weight = np.bincount(pick, minlength=people)
        same = np.repeat(mated, weight[mated_people])
        other = np.repeat(others, weight[other_people].reshape(len(others), -1).prod(axis=1))
        at = verification.fnmr_at_fmr(same, other, target)
        expected = (
            verification.fmr_at(other, threshold).value,
            verification.fnmr_at(same, threshold).value,
            at.fmr.value,
            at.fnmr.value,
            verification.eer(same, other).value,
            verification.auc(same, other),
        )
        got = (
            *(drawn.fmr[row, 0], drawn.fnmr[row, 0], drawn.fmr_at[row, 0], drawn.fnmr_at[row, 0]),
            *(drawn.eer[row], drawn.auc[row]),
        )
        assert got == pytest.approx(expected, abs=1e-12)
        # The table's threshold is a score; the lowest one lies just above the score before.
        assert drawn.threshold_at[row, 0] >= at.threshold
        assert verification.fmr_at(other, drawn.threshold_at[row, 0]) == at.fmr


@pytest.mark.parametrize("rounded", [False, True])
def test_replicates_are_those_of_repeated_trials(rounded: bool) -> None:
    data = crossed(3, people=12)
    if rounded:
        data = (data[0].round(0), data[1].round(0), *data[2:])
    by_hand(data, 1.0, replicates=25, seed=4)


def test_replicates_of_one_person_a_trial() -> None:
    mated, others, mated_people, pairs = crossed(5, people=12)
    by_hand((mated, others, mated_people, pairs[:, 0]), 1.0, replicates=10, seed=9)


def test_failed_trials_count_as_rejected() -> None:
    mated, others, *people = crossed(1)
    mated[:20], others[:50] = -np.inf, -np.inf
    found = bootstrap(mated, others, *people, thresholds=(0.0,), target_fmrs=(0.1,), replicates=50)
    assert found.fnmr_at.min() > 0
    assert np.isfinite(found.eer).all()


def test_equal_seeds_give_equal_replicates_in_any_order() -> None:
    mated, others, a, b = crossed(2)
    order = np.random.default_rng(0).permutation(len(others))
    one, two, three = (
        bootstrap(mated, scores, a, people, replicates=40, seed=seed)
        for scores, people, seed in (
            (others, b, 7),
            (others[order], b[order], 7),
            (others, b, 8),
        )
    )
    assert np.array_equal(one.eer, two.eer)
    assert np.array_equal(one.auc, two.auc)
    assert not np.array_equal(one.eer, three.eer)
    assert one.people == 30


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bootstrap(*crossed(2), replicates=30).eer
    monkeypatch.setattr("maskwise.evaluate.intervals._CHUNK_WEIGHTS", 10_000)
    assert np.array_equal(bootstrap(*crossed(2), replicates=30).eer, whole)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Trials that share people: the bootstrap's 95 % hold it, intervals of trials do not."""
    threshold = 1.0
    truth_fmr = np.mean([(crossed(10_000 + n)[1] >= threshold).mean() for n in range(400)])
    truth_fnmr = np.mean([(crossed(10_000 + n)[0] < threshold).mean() for n in range(400)])
    held = {"fmr": 0, "fnmr": 0, "wilson fmr": 0, "wilson fnmr": 0}
    rounds = 200
    for seed in range(rounds):
        data = crossed(seed)
        drawn = bootstrap(*data, thresholds=(threshold,), replicates=200, seed=seed)
        fmr, fnmr = (
            verification.fmr_at(data[1], threshold),
            verification.fnmr_at(data[0], threshold),
        )
        for name, truth, interval in (
            ("fmr", truth_fmr, rate_interval(fmr, drawn.fmr[:, 0])),
            ("fnmr", truth_fnmr, rate_interval(fnmr, drawn.fnmr[:, 0])),
            ("wilson fmr", truth_fmr, wilson(fmr)),
            ("wilson fnmr", truth_fnmr, wilson(fnmr)),
        ):
            held[name] += interval.low <= truth <= interval.high
    assert held["fmr"] / rounds > 0.88
    assert held["fnmr"] / rounds > 0.88
    assert held["wilson fmr"] / rounds < 0.5
    assert held["wilson fnmr"] / rounds < held["fnmr"] / rounds


def test_a_share_is_that_of_people_drawn_anew() -> None:
    hits = np.array([1, 1, 0, 1, 0, 0], bool)
    people = np.array([5, 5, 5, 8, 8, 9])
    drawn = bootstrap_share(hits, people, replicates=20, seed=3)
    picks = np.random.default_rng(3).integers(3, size=(20, 3))
    for value, pick in zip(drawn, picks, strict=True):
        weight = np.bincount(pick, minlength=3)[[0, 0, 0, 1, 1, 2]]
        assert value == pytest.approx((weight * hits).sum() / weight.sum())


def test_percentiles_of_replicates() -> None:
    found = percentile_interval(np.arange(1001.0))
    assert found is not None
    assert (found.low, found.high) == (25, 975)
    assert percentile_interval([np.nan, np.nan, 1.0]) is None
    with_infinity = percentile_interval([1.0, 2.0, np.inf])
    assert with_infinity is not None
    assert with_infinity.high == np.inf


def test_without_an_error_replicates_say_nothing() -> None:
    assert rate_interval(Rate(0, 40), np.zeros(9)).high == pytest.approx(1 - 0.05 ** (1 / 40))
    assert rate_interval(Rate(1, 40), np.full(9, np.nan)).method.startswith("Wilson")


def test_a_bootstrap_says_what_it_lacks() -> None:
    pairs = np.array([[0, 1]])
    for mated, others, people, why in (
        (np.zeros(0), np.zeros(1), np.zeros(0, int), "mated and non-mated"),
        (np.array([np.nan]), np.zeros(1), np.zeros(1, int), "NaN"),
    ):
        with pytest.raises(EvaluationError, match=why):
            bootstrap(mated, others, people, pairs)
    with pytest.raises(EvaluationError, match="two or more"):
        bootstrap(np.zeros(1), np.zeros(1), np.zeros(1, int), np.zeros((1, 2), int))


def test_replicates_that_drew_no_trial_of_a_kind_are_void() -> None:
    # Mated trials are of people 0 and 1, non-mated ones of 2 to 4: some replicates lack a kind.
    found = bootstrap(
        np.array([0.9, 0.8, 0.7]),
        np.array([0.1, 0.2, 0.85]),
        np.array([0, 1, 1]),
        np.array([[2, 3], [3, 4], [2, 4]]),
        target_fmrs=(0.1, 0.5),
        replicates=500,
    )
    void = np.isnan(found.eer)
    assert 0 < np.count_nonzero(void) < 500
    assert (np.isnan(found.fnmr_at) == void[:, None]).all()
    assert (np.isnan(found.threshold_at) == void[:, None]).all()
