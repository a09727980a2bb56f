"""Where strangers' scores end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.decide import OperatingCurve, OperatingPoints
from maskwise.explain.scale import strangers, ticks
from maskwise.explain.values import Tick

MARKS = (Tick(0.1, 0.88), Tick(0.01, 0.91), Tick(0.001, 0.93), Tick(1e-4, 0.94))


def points(*fmr: float) -> OperatingPoints:
    curve = OperatingCurve(fmr, tuple(0.5 + k / 10 for k in range(len(fmr))), 1000, "fakes")
    return OperatingPoints("fake-encoder", {"bare-bare": curve})


def test_ticks_are_the_thresholds_that_verify_holds_to() -> None:
    made = points(0.1, 0.01, 1e-3, 1e-4)
    found = ticks(made, "bare-bare")
    assert [t.fmr for t in found] == [0.1, 0.01, 1e-3, 1e-4]
    for tick in found:
        assert tick.threshold == made.verify(0.0, "bare-bare", tick.fmr).operating_point.threshold  # type: ignore[union-attr]


def test_rates_that_no_trials_support_have_no_tick() -> None:
    assert [t.fmr for t in ticks(points(0.05, 0.01, 2e-3), "bare-bare")] == [0.01]
    assert ticks(points(0.1, 0.01), "masked-masked") == ()
    assert ticks(OperatingPoints.uncalibrated("x"), "bare-bare") == ()


def test_strangers_are_those_of_the_ticks() -> None:
    for mark in MARKS:
        assert strangers(MARKS, mark.threshold) == pytest.approx(mark.fmr)
    assert strangers(MARKS, 0.5) == 1
    with pytest.raises(ValueError, match="two"):
        strangers(MARKS[:1], 0.9)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_score_is_reached_by_no_more(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert 0 < strangers(MARKS, high) <= strangers(MARKS, low) <= 1
