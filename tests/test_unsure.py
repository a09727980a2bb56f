"""When a decision becomes "not enough to tell", and when it stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from maskwise.decide import OperatingCurve, OperatingPoints, comparison_fmr
from maskwise.types import NO_MASK, Candidate, Decision, MaskSpec, Outcome, Wear
from maskwise.unsure import CLOSE, unless_close, weighed

BARE = OperatingCurve((0.1, 1e-6), (0.5, 0.9), 1000, "made up")
OTHER = OperatingCurve((0.1, 1e-6), (0.3, 0.7), 1000, "made up")
POINTS = OperatingPoints("e", {"bare-bare": BARE, "bare-masked": OTHER})
REFERENCES = 10
THRESHOLD = POINTS.at_fmr("bare-bare", 1e-3).threshold
DECADE = THRESHOLD - POINTS.at_fmr("bare-bare", 1e-2).threshold
VIRTUAL = Wear("virtual", MaskSpec("surgical", "#a0c8e0"))


def candidate(rank: int, score: float, wear: Wear = NO_MASK) -> Candidate:
    name = "ABC"[rank - 1]
    return Candidate(rank, f"s{rank}", name, f"r{rank}", f"{name}.jpg", score, wear)


def decided(
    candidates: tuple[Candidate, ...], points: OperatingPoints = POINTS, masked: bool = False
) -> Decision:
    decision = points.identify(candidates, masked, 10, REFERENCES)
    return unless_close(decision, candidates, points, probe_masked=masked, references=REFERENCES)


@pytest.mark.parametrize(
    ("outcome", "score", "after"),
    [
        ("match", 0.9, "match"),
        ("no_match", 0.3, "insufficient"),
        ("insufficient", 0.3, "insufficient"),
        ("no_match", None, "no_match"),  # nobody is enrolled
    ],
)
def test_a_poor_picture_takes_no_match_its_meaning(
    outcome: Outcome, score: float | None, after: Outcome
) -> None:
    decision = Decision(outcome, score, None, reasons=("before",), llr=-3.0, llr_is_bound=True)
    assert weighed(decision, ()) is decision
    found = weighed(decision, ("too dark",))
    told = {"llr": -3.0, "llr_is_bound": True} if after == outcome else {}
    bare = replace(decision, outcome=after, llr=None, llr_is_bound=False)
    assert found == replace(bare, reasons=("before", "too dark"), **told)


@given(st.floats(0, 0.1), st.floats(-0.1, 0.1))
def test_two_are_close_where_both_pass_and_their_scores_hardly_differ(
    over: float, apart: float
) -> None:
    assume(abs(abs(apart) - CLOSE * DECADE) > 1e-9)
    limit = POINTS.at_fmr("bare-bare", comparison_fmr(0.01, REFERENCES)).threshold
    first, second = limit + over, limit + over - apart
    assume(second == first or abs(second - limit) > 1e-9)
    first, second = max(first, second), min(first, second)
    found = decided((candidate(1, first), candidate(2, second)))
    close = second >= limit and first - second < CLOSE * DECADE
    assert found.outcome == ("insufficient" if close else "match")
    assert any("more than one close candidate: A" in r for r in found.reasons) == close


def test_it_says_who_they_are_and_what_to_do() -> None:
    found = decided((candidate(1, 0.9512), candidate(2, 0.9496), candidate(3, 0.9495)))
    assert found.reasons[0].startswith("more than one close candidate: A (0.951) and B (0.950); ")
    assert "delete one" in found.reasons[0]
    assert found.score == 0.9512


def test_margins_count_where_the_two_wear_other_things() -> None:
    shift = THRESHOLD - POINTS.at_fmr("bare-masked", 1e-3).threshold
    near = (candidate(1, 0.9), candidate(2, 0.9 - shift, VIRTUAL))
    assert decided(near).outcome == "insufficient"
    far = (candidate(1, 0.9), candidate(2, 0.9 - shift - DECADE, VIRTUAL))
    assert decided(far).outcome == "match"


def test_what_was_not_calibrated_is_left_alone() -> None:
    alone = OperatingPoints("e", {"bare-bare": BARE})
    two = (candidate(1, 0.9), candidate(2, 0.9, VIRTUAL))
    assert decided(two, alone).outcome == "match"
    assert decided(two[:1], alone).outcome == "match"
    nothing = OperatingPoints.uncalibrated("e")
    assert len(decided(two, nothing).reasons) == 1
