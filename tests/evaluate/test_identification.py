"""Open-set identification: by hand, by brute force, and by property."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import PROVENANCE, made_searches

from maskwise.decide import comparison_fmr
from maskwise.errors import EvaluationError
from maskwise.evaluate.identification import (
    cmc,
    fnir,
    fpir,
    identification,
    predicted_fpir,
    rank_rate,
    threshold_for_fpir,
)
from maskwise.evaluate.intervals import Rate
from maskwise.evaluate.scores import Labels
from maskwise.evaluate.searches import Searches, rank_searches

# Five references of the people 0, 1, 1, 2, 3. Probes of 0, 1, 2, and of the strangers 8 and 9.
OWNERS = [0, 1, 1, 2, 3]
PROBES = [0, 1, 2, 8, 9]
MATRIX = np.array(
    [
        [0.9, 0.3, 0.2, 0.1, 0.2],  # first
        [0.6, 0.4, 0.5, 0.7, 0.1],  # third, behind 2 and 0
        [0.3, 0.1, 0.8, 0.8, 0.2],  # tied with 1: second
        [0.2, 0.6, 0.1, 0.3, 0.2],
        [0.1, 0.1, 0.1, 0.1, 0.4],
    ]
)


def searches(matrix: np.ndarray = MATRIX, **changes: Any) -> Searches:
    found = rank_searches(matrix, OWNERS, PROBES)
    given: dict[str, Any] = {
        "provenance": PROVENANCE,
        "probes": tuple("vwxyz"),
        "subjects": tuple(f"p{n}" for n in PROBES),
        "people": 4,
        "references": 5,
        "mated": np.array([1, 1, 1, 0, 0], bool),
        "mate_score": found.mate_score,
        "rank": found.rank,
        "other_score": found.other_score,
        "other": Labels.of([f"p{code}" if code >= 0 else "" for code in found.other]),
        "probe_wear": Labels.all_one("none", 5),
        "reference_wear": Labels.all_one("none", 5),
        "probe_failure": Labels.of(np.where(np.isnan(matrix).all(axis=1), "no_face", "")),
        "mate_failure": Labels.all_one("", 5),
    }
    return Searches(**{**given, **changes})


def test_what_is_kept_of_a_search() -> None:
    found = rank_searches(MATRIX, OWNERS, PROBES)
    assert found.mate_score[:3].tolist() == [0.9, 0.5, 0.8]
    assert np.isnan(found.mate_score[3:]).all()
    assert found.rank.tolist() == [1, 3, 2, 0, 0]
    assert found.other_score.tolist() == [0.3, 0.7, 0.8, 0.6, 0.4]
    assert found.other.tolist() == [1, 2, 1, 1, 3]


def test_rates_by_hand() -> None:
    made = searches()
    assert [rank_rate(made, k) for k in (1, 2, 3)] == [Rate(1, 3), Rate(2, 3), Rate(3, 3)]
    assert cmc(made, 4).tolist() == pytest.approx([1 / 3, 2 / 3, 1, 1])
    assert fpir(made, 0.6) == Rate(1, 2)
    assert fpir(made, 0.61) == Rate(0, 2)
    assert fnir(made, 0.5) == Rate(2, 3)
    assert fnir(made, 0.8, length=2) == Rate(1, 3)
    assert fnir(made, 0.5, length=3) == Rate(0, 3)
    assert fnir(made, 0.81, length=3) == Rate(2, 3)
    threshold = threshold_for_fpir(made, 0.5)
    assert threshold == np.nextafter(0.4, 1)
    assert fpir(made, threshold) == Rate(1, 2)


def test_a_failed_probe_is_a_miss_and_never_a_false_positive() -> None:
    matrix = MATRIX.copy()
    matrix[[0, 3]] = np.nan
    made = searches(matrix)
    assert rank_rate(made, 9) == Rate(2, 3)
    assert fnir(made, -math.inf, length=9) == Rate(1, 3)
    assert fpir(made, -math.inf) == fpir(made, -1e9) == Rate(1, 2)
    # Of two strangers one failed: an FPIR of at most a half asks for no threshold at all.
    assert threshold_for_fpir(made, 0.5) == -math.inf
    assert threshold_for_fpir(made, 0.4) == np.nextafter(0.4, 1)
    found = identification(made, ranks=(1,), target_fpirs=(0.5,), replicates=0)
    assert found.fta == Rate(2, 5)
    assert found.targets[0].fpir == Rate(1, 2)


def test_a_person_who_could_not_be_enrolled_is_missed() -> None:
    matrix = MATRIX.copy()
    matrix[:, 3] = np.nan
    made = searches(matrix, mate_failure=Labels.of(["", "", "no_face", "", ""]))
    assert made.rank.tolist() == [1, 2, 0, 0, 0]
    assert fnir(made, -1e9, length=9) == Rate(1, 3)
    assert identification(made, replicates=0).missed_mates == Rate(1, 3)


@given(st.integers(0, 10_000))
def test_ranks_are_those_of_sorting(seed: int) -> None:
    rng = np.random.default_rng(seed)
    owners, probes = rng.integers(0, 6, rng.integers(1, 12)), rng.integers(0, 8, 5)
    matrix = rng.integers(0, 5, (5, len(owners))).astype(float)
    found = rank_searches(matrix, owners, probes)
    for row, probe in enumerate(probes):
        best: dict[int, float] = {}
        for owner, score in zip(owners.tolist(), matrix[row].tolist(), strict=True):
            best[owner] = max(score, best.get(owner, -math.inf))
        mate = best.pop(int(probe), None)
        top = max(best.values(), default=None)
        if mate is None:
            assert found.rank[row] == 0
            assert np.isnan(found.mate_score[row])
        else:
            assert found.mate_score[row] == mate
            assert found.rank[row] == 1 + sum(score >= mate for score in best.values())
        if top is None:
            assert found.other[row] == -1
            assert np.isnan(found.other_score[row])
        else:
            assert found.other_score[row] == top
            assert best[int(found.other[row])] == top


def test_rates_are_monotone() -> None:
    made = made_searches()
    curve = cmc(made, 31)
    assert (np.diff(curve) >= 0).all()
    thresholds = np.linspace(-4, 8, 60)
    assert (np.diff([fpir(made, t).value for t in thresholds]) <= 0).all()
    for length in (1, 5):
        assert (np.diff([fnir(made, t, length).value for t in thresholds]) >= 0).all()
    assert fnir(made, 3, 5).errors <= fnir(made, 3, 1).errors
    # Without a threshold, FNIR is what rank k misses.
    assert fnir(made, -1e9, 5).value == pytest.approx(1 - curve[4])


@given(st.floats(0.01, 0.9))
def test_a_threshold_is_the_lowest_that_keeps_to_the_fpir(target: float) -> None:
    made = made_searches()
    threshold = threshold_for_fpir(made, target)
    assert fpir(made, threshold).value <= target
    assert fpir(made, np.nextafter(threshold, -np.inf)).value > target


def test_one_person_in_the_gallery_makes_fpir_the_fmr_of_the_best_reference() -> None:
    made = made_searches(people=12, strangers=200)
    best = made.other_score[~made.mated & ~np.isnan(made.other_score)]
    lost = np.count_nonzero(~made.mated) - best.size
    assert fpir(made, 1.0) == Rate(int((best >= 1).sum()), best.size + lost)


def test_figures_come_with_intervals_over_the_probes_people() -> None:
    made = made_searches(people=40, strangers=400)
    found = identification(made, length=1, target_fpirs=(0.1, 0.01), replicates=100)
    assert (found.people, found.references, found.length) == (40, 40, 1)
    assert (found.mated, found.non_mated) == (80, 800)
    assert found.fta == Rate(2, 880)
    assert found.missed_mates == Rate(2, 80)
    assert [row.supported for row in found.targets] == [True, False]
    assert found.targets[1].unsupported.startswith("not supported by 800 non-mated searches")
    for row in found.targets:
        assert row.fpir.value <= row.target
        assert row.fnir_interval.method == "bootstrap over people"
        assert row.fnir_interval.low <= row.fnir.value <= row.fnir_interval.high
    assert found.ranks[0].interval.method == "bootstrap over people"
    assert found.ranks[0].interval.low < found.ranks[0].rate.value < found.ranks[0].interval.high
    assert found == identification(made, length=1, target_fpirs=(0.1, 0.01), replicates=100)


def test_a_set_without_strangers_or_without_mates_says_so() -> None:
    made = made_searches()
    known = identification(made.subset(made.mated), replicates=10)
    assert (known.lacking, known.targets) == ("no non-mated search", ())
    assert known.ranks[0].rate.trials == 60
    strangers = identification(made.subset(~made.mated), replicates=10)
    assert (strangers.lacking, strangers.targets) == ("no mated search", ())
    assert math.isnan(strangers.ranks[0].rate.value)
    assert np.isnan(cmc(made.subset(~made.mated))).all()
    with pytest.raises(EvaluationError, match="no stranger"):
        threshold_for_fpir(made.subset(made.mated), 0.1)
    for target in (0, 1, np.nan):
        with pytest.raises(EvaluationError, match="above 0 and below 1"):
            threshold_for_fpir(made, target)
    with pytest.raises(EvaluationError, match="1 person or more"):
        fnir(made, 0, 0)


def test_the_predicted_fpir_is_met_by_independent_scores() -> None:
    rng = np.random.default_rng(0)
    found = rank_searches(rng.normal(0, 1, (4000, 50)), np.arange(50), np.full(4000, 99))
    share = (found.other_score >= 3.0).mean()
    fmr = 0.5 * math.erfc(3 / math.sqrt(2))
    assert share == pytest.approx(predicted_fpir(fmr, 50), abs=0.01)
    assert predicted_fpir(comparison_fmr(0.01, 700), 700) == pytest.approx(0.01)
    assert predicted_fpir(1.0, 3) == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rank": np.array([2, 3, 2, 0, 0])}, "search 0 has a rank that its scores contradict"),
        ({"rank": np.array([1, 3, 1, 0, 0])}, "search 2 has a rank that its scores contradict"),
        ({"rank": np.array([1, 3, 0, 0, 0])}, "search 2 has a rank without"),
        ({"mated": np.array([1, 1, 0, 0, 0], bool)}, "search 2 has a mate_score where"),
        ({"probe_failure": Labels.of(["", "", "", "lost", ""])}, "search 3 has a score though"),
        ({"mate_failure": Labels.of(["", "", "", "lost", ""])}, "search 3 misses the enrolment"),
        ({"other_score": np.array([0.3, 0.7, 0.8, 0.6, np.nan])}, "search 4 has neither"),
        ({"other_score": np.array([0.3, 0.7, 0.8, 0.6, np.inf])}, "infinite"),
        ({"subjects": ("a",)}, "needs a subject"),
        ({"probe_wear": Labels.all_one("hat", 5)}, "no wear"),
        ({"other": Labels.all_one("", 4)}, "expected 5, got 4"),
    ],
)
def test_searches_that_contradict_themselves_are_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(EvaluationError, match=why):
        searches(**changes)


def test_scores_that_are_no_numbers_are_refused() -> None:
    for wrong in (np.nan, np.inf, -np.inf):
        matrix = MATRIX.copy()
        matrix[1, 2] = wrong
        with pytest.raises(EvaluationError, match="NaN or infinite"):
            rank_searches(matrix, OWNERS, PROBES)
    with pytest.raises(EvaluationError, match=r"expected \(5, 4\)"):
        rank_searches(MATRIX, OWNERS[1:], PROBES)
    nothing = rank_searches(np.full((5, 5), np.nan), OWNERS, PROBES)
    assert nothing.rank.tolist() == [0] * 5


def test_a_gallery_of_one_has_no_other_person() -> None:
    found = rank_searches(np.array([[0.5], [0.2]]), [4], [4, 7])
    assert found.rank.tolist() == [1, 0]
    assert np.isnan(found.other_score[0])
    assert found.other.tolist() == [-1, 4]


def test_a_subset_keeps_its_searches_alone() -> None:
    made = made_searches()
    part = made.subset(np.arange(len(made)) < 10)
    assert part.probes == made.probes[:10]
    assert part.subjects == made.subjects[:10]
    assert dataclasses.asdict(part.provenance) == dataclasses.asdict(made.provenance)
    assert len(part.attributes[0][1]) == 10
