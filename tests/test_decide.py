from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise import decide
from maskwise.decide import (
    OperatingCurve,
    OperatingPoints,
    comparison_fmr,
    pair_id,
    wear_pair,
)
from maskwise.errors import ConfigurationError
from maskwise.likelihood import LogisticMap
from maskwise.types import NO_MASK, Candidate, MaskSpec, Wear, WearPair

CURVE = OperatingCurve((1e-1, 1e-2, 1e-3, 1e-4), (0.2, 0.4, 0.5, 0.6), 10_000, "made up")
HIGHER = OperatingCurve((1e-1, 1e-4), (0.5, 0.8), 10_000, "made up too")
POINTS = OperatingPoints("e/1", {"bare-bare": CURVE, "masked-masked": HIGHER})
VIRTUAL = Wear("virtual", MaskSpec("surgical", "#aaccee"))


def candidate(score: float, wear: Wear = NO_MASK) -> Candidate:
    return Candidate(1, "s1", "Ada", "r1", "ada.jpg", score, wear)


class TestOperatingCurve:
    @pytest.mark.parametrize(
        ("fmr", "threshold"), list(zip(CURVE.fmr, CURVE.thresholds, strict=True))
    )
    def test_the_rows_of_the_table_are_hit(self, fmr: float, threshold: float) -> None:
        assert CURVE.threshold(fmr) == (pytest.approx(threshold), pytest.approx(fmr))

    def test_between_rows_it_is_linear_in_the_logarithm(self) -> None:
        assert CURVE.threshold(math.sqrt(1e-2 * 1e-3))[0] == pytest.approx(0.45)
        assert CURVE.threshold(10**-3.25)[0] == pytest.approx(0.525)

    @given(st.floats(1e-9, 0.999), st.floats(1e-9, 0.999))
    def test_a_smaller_fmr_never_has_a_lower_threshold(self, a: float, b: float) -> None:
        low, high = sorted((a, b))
        assert CURVE.threshold(low)[0] >= CURVE.threshold(high)[0]

    def test_past_the_ends_it_gives_the_end_and_says_which(self) -> None:
        assert CURVE.threshold(1e-6) == (pytest.approx(0.6), 1e-4)
        assert CURVE.threshold(0.5) == (pytest.approx(0.2), 1e-1)

    def test_one_row_is_a_table(self) -> None:
        assert OperatingCurve((1e-3,), (0.5,), 9, "x").threshold(1e-2) == (0.5, 1e-3)

    @pytest.mark.parametrize(
        ("fmr", "thresholds"),
        [
            ((), ()),
            ((1e-2,), (0.4, 0.5)),
            ((1e-3, 1e-2), (0.4, 0.5)),
            ((1e-2, 1e-2), (0.4, 0.5)),
            ((1e-2, 1e-3), (0.5, 0.4)),
            ((1e-2, 0.0), (0.4, 0.5)),
            ((2.0, 1e-2), (0.4, 0.5)),
            ((1e-2, math.nan), (0.4, 0.5)),
            ((1e-2, 1e-3), (0.4, math.nan)),
            ((1e-2, 1e-3), (0.4, math.inf)),
        ],
    )
    def test_a_table_out_of_order_is_refused(self, fmr: Any, thresholds: Any) -> None:
        with pytest.raises(ConfigurationError, match="operating points"):
            OperatingCurve(fmr, thresholds, 9, "x")


class TestComparisonFmr:
    @given(st.floats(1e-6, 0.5), st.integers(1, 10**7))
    def test_so_many_comparisons_reach_the_fpir_together(self, fpir: float, count: int) -> None:
        fmr = comparison_fmr(fpir, count)
        assert 0 < fmr <= fpir * (1 + 1e-12)
        assert -math.expm1(count * math.log1p(-fmr)) == pytest.approx(fpir, rel=1e-9)

    def test_examples_by_hand(self) -> None:
        assert comparison_fmr(0.01, 1) == pytest.approx(0.01)
        assert comparison_fmr(0.19, 2) == pytest.approx(0.1)
        assert comparison_fmr(0.271, 3) == pytest.approx(0.1)

    def test_an_empty_gallery_counts_as_one(self) -> None:
        assert comparison_fmr(0.01, 0) == comparison_fmr(0.01, 1)


class TestAtFmr:
    def test_a_point_names_what_it_is_for(self) -> None:
        point = POINTS.at_fmr("bare-bare", 1e-2)
        assert point.threshold == pytest.approx(0.4)
        assert (point.encoder_id, point.wear_pair) == ("e/1", "bare-bare")
        assert point.calibrated_on == "made up"
        assert point.target_fmr == 1e-2

    @pytest.mark.parametrize("fmr", [0, 1, -0.1, 1.5, math.nan])
    def test_a_share_is_above_0_and_below_1(self, fmr: float) -> None:
        with pytest.raises(ConfigurationError, match="target FMR"):
            POINTS.at_fmr("bare-bare", fmr)

    def test_a_pair_that_was_not_calibrated_names_those_that_were(self) -> None:
        with pytest.raises(ConfigurationError, match="bare-masked pairs; there are: bare-bare, m"):
            POINTS.at_fmr("bare-masked", 1e-3)


class TestVerify:
    @pytest.mark.parametrize(
        ("score", "outcome"), [(0.49999, "no_match"), (0.5, "match"), (0.7, "match")]
    )
    def test_reaching_the_threshold_is_enough(self, score: float, outcome: str) -> None:
        decision = POINTS.verify(score, "bare-bare", 1e-3)
        assert decision.outcome == outcome
        assert decision.score == score
        assert decision.operating_point == POINTS.at_fmr("bare-bare", 1e-3)
        assert (decision.target_fpir, decision.gallery_size, decision.reasons) == (None, None, ())

    def test_the_default_is_one_in_a_thousand(self) -> None:
        assert POINTS.verify(0.5, "bare-bare") == POINTS.verify(0.5, "bare-bare", 1e-3)

    def test_each_pair_has_its_own_threshold(self) -> None:
        assert POINTS.verify(0.6, "bare-bare").outcome == "match"
        assert POINTS.verify(0.6, "masked-masked").outcome == "no_match"

    def test_what_the_calibration_does_not_reach_is_said(self) -> None:
        decision = POINTS.verify(0.7, "bare-bare", 1e-6)
        assert decision.outcome == "match"
        (reason,) = decision.reasons
        assert reason.startswith("unsupported: ")
        assert "1.0e-06" in reason
        assert "down to 1.0e-04 only" in reason
        assert decision.operating_point is not None
        assert not decision.operating_point.supported
        assert POINTS.verify(0.7, "bare-bare", 1e-4).reasons == ()

    def test_a_laxer_target_than_the_table_needs_no_excuse(self) -> None:
        decision = POINTS.verify(0.3, "bare-bare", 0.5)
        assert decision.reasons == ()
        assert decision.operating_point is not None
        assert decision.operating_point.target_fmr == 1e-1

    def test_no_number_is_no_match(self) -> None:
        assert POINTS.verify(math.nan, "bare-bare").outcome == "no_match"


class TestIdentify:
    def test_the_threshold_rises_with_the_gallery(self) -> None:
        thresholds = []
        for references in (1, 10, 100):
            decision = POINTS.identify((candidate(0.55),), False, 7, references, 0.01)
            assert decision.operating_point is not None
            thresholds.append(decision.operating_point.threshold)
            assert (decision.target_fpir, decision.gallery_size) == (0.01, 7)
            wanted = comparison_fmr(0.01, references)
            assert decision.operating_point.target_fmr == pytest.approx(wanted)
        assert thresholds == sorted(set(thresholds))
        assert thresholds[:2] == pytest.approx([0.4, 0.5], abs=1e-3)

    def test_one_score_may_match_in_a_small_gallery_and_not_in_a_large_one(self) -> None:
        few = POINTS.identify((candidate(0.45),), False, 1, 1)
        many = POINTS.identify((candidate(0.45),), False, 50, 50)
        assert (few.outcome, many.outcome) == ("match", "no_match")

    def test_the_best_candidate_and_what_both_wear_decide(self) -> None:
        found = (candidate(0.7, VIRTUAL), candidate(0.1))
        decision = POINTS.identify(found, True, 2, 1)
        assert decision.score == 0.7
        assert decision.operating_point == POINTS.at_fmr("masked-masked", 0.01)

    def test_a_gallery_too_large_for_the_calibration_is_said(self) -> None:
        decision = POINTS.identify((candidate(0.9),), False, 500, 1000)
        (reason,) = decision.reasons
        assert "FPIR of 0.01 over 1000 enrolled photos" in reason
        assert "1.0e-04 only" in reason

    def test_an_empty_gallery_matches_nobody_and_says_so(self) -> None:
        decision = POINTS.identify((), True, 0, 0)
        assert (decision.outcome, decision.score, decision.operating_point) == (
            "no_match",
            None,
            None,
        )
        assert decision.reasons == ("nobody is enrolled in this gallery",)

    @pytest.mark.parametrize("fpir", [0, 1, -1, math.nan])
    def test_a_share_is_above_0_and_below_1(self, fpir: float) -> None:
        with pytest.raises(ConfigurationError, match="target FPIR"):
            POINTS.identify((candidate(0.5),), False, 1, 1, fpir)


@pytest.mark.parametrize(
    ("reference", "probe_masked", "pair"),
    [
        (NO_MASK, False, "bare-bare"),
        (NO_MASK, True, "bare-masked"),
        (VIRTUAL, True, "masked-masked"),
        (VIRTUAL, False, "bare-masked"),
        (Wear("real"), True, "masked-masked"),
        (Wear("real", type="cloth"), False, "bare-masked"),
        (Wear("unknown"), False, "bare-bare"),
        (Wear("unknown"), True, "bare-masked"),
    ],
)
def test_wear_pairs(reference: Wear, probe_masked: bool, pair: WearPair) -> None:
    assert wear_pair(candidate(0.5, reference), probe_masked) == pair


class TestOwn:
    """Own thresholds down to 1e-2, the shipped ones to 1e-4."""

    MAP = LogisticMap(10.0, -5.0, -4.0, 4.0)
    SHIPPED = OperatingPoints(
        "e/1", {"bare-bare": CURVE, "masked-masked": HIGHER}, source="shipped"
    )

    def own(self, *thresholds: float) -> OperatingPoints:
        curve = OperatingCurve((1e-1, 1e-2), thresholds, 1000, "mine", self.MAP)
        return OperatingPoints(
            "e/1", {"bare-bare": curve}, source="own", fallback=self.SHIPPED, default_fmr=0.1
        )

    def test_it_decides_as_far_as_it_reaches(self) -> None:
        decision = self.own(0.1, 0.3).verify(0.35, "bare-bare", 1e-2)
        point = decision.operating_point
        assert point is not None
        assert (point.threshold, point.target_fmr) == (pytest.approx(0.3), 1e-2)
        assert (point.calibration, point.calibrated_on, point.supported) == ("own", "mine", True)
        assert (decision.outcome, decision.reasons) == ("match", ())

    def test_beyond_the_shipped_thresholds_decide_and_it_is_said(self) -> None:
        decision = self.own(0.1, 0.3).verify(0.35, "bare-bare", 1e-3)
        point = decision.operating_point
        assert point is not None
        assert (point.threshold, point.target_fmr) == (pytest.approx(0.5), 1e-3)
        assert (point.calibration, point.supported) == ("shipped", True)
        assert decision.outcome == "no_match"
        (reason,) = decision.reasons
        assert "reaches 1.0e-02 only, so the shipped thresholds decide" in reason

    def test_a_smaller_fmr_never_has_a_lower_threshold_there_either(self) -> None:
        # Its own last row lies above the shipped threshold for 1e-3.
        point = self.own(0.1, 0.55).at_fmr("bare-bare", 1e-3)
        assert point.threshold == pytest.approx(0.55)
        assert self.own(0.1, 0.55).at_fmr("bare-bare", 1e-4).threshold == pytest.approx(0.6)

    def test_beyond_both_is_unsupported(self) -> None:
        decision = self.own(0.1, 0.3).verify(0.9, "bare-bare", 1e-6)
        point = decision.operating_point
        assert point is not None
        assert (point.target_fmr, point.calibration, point.supported) == (1e-4, "shipped", False)
        assert [r.startswith("unsupported: ") for r in decision.reasons] == [False, True]

    def test_a_pair_that_it_lacks_is_the_shipped_one_s(self) -> None:
        decision = self.own(0.1, 0.3).verify(0.9, "masked-masked", 1e-3)
        assert decision.operating_point == self.SHIPPED.at_fmr("masked-masked", 1e-3)
        assert "has none for this pair" in decision.reasons[0]
        with pytest.raises(ConfigurationError, match="no calibrated thresholds for bare-masked"):
            self.own(0.1, 0.3).at_fmr("bare-masked", 1e-3)
        assert self.own(0.1, 0.3).pairs == {"bare-bare", "masked-masked"}

    def test_without_shipped_thresholds_its_own_end_stays(self) -> None:
        curve = OperatingCurve((1e-1, 1e-2), (0.1, 0.3), 1000, "mine")
        decision = OperatingPoints("e/1", {"bare-bare": curve}, source="own").verify(
            0.9, "bare-bare", 1e-3
        )
        point = decision.operating_point
        assert point is not None
        assert (point.calibration, point.target_fmr, point.supported) == ("own", 1e-2, False)
        assert len(decision.reasons) == 1

    def test_its_target_is_the_default_of_verify(self) -> None:
        own = self.own(0.1, 0.3)
        assert own.verify(0.2, "bare-bare") == own.verify(0.2, "bare-bare", 0.1)
        assert own.verify(0.2, "bare-bare") != own.verify(0.2, "bare-bare", 1e-2)
        for wrong in (0, 1, math.nan):
            with pytest.raises(ConfigurationError, match="target FMR"):
                OperatingPoints("e/1", {}, default_fmr=wrong)

    def test_scores_have_an_llr_where_there_is_a_map(self) -> None:
        own = self.own(0.1, 0.3)
        # 10 x score - 5, held to -4..4.
        for score, llr in ((0.5, 0), (0.7, 2), (0.99, 4), (0.0, -4)):
            assert own.verify(score, "bare-bare").llr == pytest.approx(llr)
        assert own.identify((candidate(0.7),), False, 1, 1).llr == pytest.approx(2)
        assert own.verify(0.7, "masked-masked").llr is None
        assert own.verify(math.nan, "bare-bare").llr is None
        assert POINTS.verify(0.7, "bare-bare").llr is None
        behind = OperatingPoints("e/1", {"bare-bare": CURVE}, fallback=own)
        assert behind.llr(0.7, "bare-bare") == pytest.approx(2)

    def test_at_the_end_of_the_map_an_llr_is_a_bound(self) -> None:
        own = self.own(0.1, 0.3)
        behind = OperatingPoints("e/1", {"bare-bare": CURVE}, fallback=own)
        for score, bound in ((0.0, True), (0.5, False), (0.89, False), (0.99, True)):
            assert own.verify(score, "bare-bare").llr_is_bound is bound
            assert own.identify((candidate(score),), False, 1, 1).llr_is_bound is bound
            assert behind.llr_is_bound(score, "bare-bare") is bound
        assert not own.verify(math.nan, "bare-bare").llr_is_bound
        assert not POINTS.verify(0.99, "bare-bare").llr_is_bound

    @given(
        st.lists(st.floats(-1, 1), min_size=2, max_size=2).map(sorted),
        st.floats(1e-9, 0.999),
        st.floats(1e-9, 0.999),
    )
    def test_a_higher_target_fmr_never_raises_the_threshold(
        self, thresholds: list[float], a: float, b: float
    ) -> None:
        own = self.own(*thresholds)
        low, high = sorted((a, b))
        strict, lax = own.at_fmr("bare-bare", low), own.at_fmr("bare-bare", high)
        assert strict.threshold >= lax.threshold
        assert strict.target_fmr <= lax.target_fmr


class TestShipped:
    @pytest.fixture(autouse=True)
    def table(self, monkeypatch: pytest.MonkeyPatch) -> None:
        row = {"fmr": [0.1, 0.01], "threshold": [0.3, 0.4], "non_mated": 9, "calibrated_on": "t"}
        table = {"encoders": {"e/1": {"bare-bare": row}}}
        monkeypatch.setattr(decide, "_shipped_table", lambda: table)

    def test_the_table_of_the_encoder_is_read(self) -> None:
        points = OperatingPoints.shipped("e/1")
        point = points.at_fmr("bare-bare", 0.01)
        assert (point.threshold, point.calibrated_on) == (pytest.approx(0.4), "t")

    def test_an_encoder_without_a_table_is_named(self) -> None:
        with pytest.raises(ConfigurationError, match="encoder e/2 has no calibrated thresholds"):
            OperatingPoints.shipped("e/2")


class TestUncalibrated:
    def reason(self, encoder_id: str) -> str:
        points = OperatingPoints.uncalibrated(encoder_id)
        (reason,) = points.identify((candidate(0.9),), False, 1, 1).reasons
        return reason

    def test_one_encoder_is_to_be_calibrated(self) -> None:
        assert "the encoder e/1 has no calibrated thresholds" in self.reason("e/1")
        assert "maskwise calibrate" in self.reason("e/1")

    def test_of_two_that_compare_both_are_named_and_what_to_do(self) -> None:
        reason = self.reason(pair_id("e/12/yunet", "e/12/mmod"))
        assert "the templates are of e/12/yunet, and this face's of e/12/mmod" in reason
        assert "the detector that the people were enrolled with" in reason
        assert "maskwise calibrate" not in reason  # that does not calibrate two detectors together

    @pytest.fixture
    def shipped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of "new" by a detector's points, of "old" by dlib's, and of old people met by new."""
        new, old = "new/12/by-five/l2", "old/34/by-dlib/l2"
        rows: dict[str, dict[str, str]] = {key: {} for key in (new, old, pair_id(old, new))}
        monkeypatch.setattr(decide, "_shipped_table", lambda: {"encoders": rows})

    @pytest.mark.usefixtures("shipped")
    def test_where_thresholds_ship_for_the_like_it_is_told_how_to_get_them(self) -> None:
        by_dlib = self.reason("new/12/by-dlib/l2")
        assert "thresholds ship for it with --detector maskwise, and for landmarks" in by_dlib
        assert "for landmarks such as these with --encoder old" in by_dlib
        for other in ("new/99/by-else/l2", "new", "else/55/by-68/l2"):
            assert "thresholds ship" not in self.reason(other)
            assert "nothing; calibrate it" in self.reason(other)

    @pytest.mark.usefixtures("shipped")
    def test_of_two_likewise(self) -> None:
        old, new = "old/34/by-dlib/l2", "new/12/by-dlib/l2"
        assert "nothing; take --detector maskwise, with which there are some, use the" in (
            self.reason(pair_id(old, new))
        )
        assert "--detector maskwise" not in self.reason(pair_id(new, old))
        assert "--detector maskwise" not in self.reason(pair_id("old/34/by-five/l2", new))

    def test_two_encoders_are_to_be_calibrated_together(self) -> None:
        reason = self.reason(pair_id("e/12/chip", "e/34/chip"))
        assert "maskwise calibrate --folder DIR --reference-encoder ADDRESS" in reason
