"""Whose threshold decides a search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made import PROVENANCE, made_scores, made_searches

from maskwise.decide import OperatingCurve, OperatingPoints, comparison_fmr
from maskwise.evaluate.identification import fnir, fpir
from maskwise.evaluate.report.thresholds import of_searches, of_trials, on_one_scale, origin
from maskwise.evaluate.scores import DECIDED, Labels
from maskwise.evaluate.searches import Searches


def curve(lowest: float, highest: float) -> OperatingCurve:
    return OperatingCurve((0.1, 1e-6), (lowest, highest), 1000, "made people")


POINTS = OperatingPoints(
    PROVENANCE.encoder_id, {"bare-bare": curve(1.0, 4.0), "masked-masked": curve(2.0, 6.0)}
)


def mixed() -> Searches:
    """A third of the probes is bare; one of the bare ones is taken for masked."""
    found = made_searches()
    bare = np.arange(len(found)) % 3 == 0
    return replace(found, probe_wear=Labels.of(np.where(bare, "none", "virtual:cloth")))


def with_decided(searches: Searches) -> Searches:
    pairs = np.where(searches.probe_wear.where("none"), "bare-bare", "masked-masked")
    pairs[[0, 66]] = "masked-masked"
    pairs[~searches.probe_failure.where("")] = "no score"
    return replace(searches, attributes=((DECIDED, Labels.of(pairs)),))


@pytest.mark.parametrize("told", [False, True])
def test_one_scale_decides_as_each_threshold_does(told: bool) -> None:
    searches = with_decided(mixed()) if told else mixed()
    moved, said = on_one_scale(searches, POINTS, 0.05)
    limit = of_searches(moved, POINTS, 0.05)
    assert limit is not None
    assert limit.calibrated_on == "made people"
    wanted = comparison_fmr(0.05, searches.references)
    t_bare, t_masked = (
        POINTS.at_fmr(pair, wanted).threshold for pair in ("bare-bare", "masked-masked")
    )
    assert limit.threshold == t_masked
    bare = searches.probe_wear.where("none")
    if told:
        bare &= ~np.isin(np.arange(len(searches)), [0, 66])
    own = np.where(bare, t_bare, t_masked)
    with np.errstate(invalid="ignore"):
        named, right = searches.other_score >= own, searches.mate_score >= own
    strangers, mates = ~searches.mated, searches.mated
    assert fpir(moved, limit.threshold).errors == np.count_nonzero(named & strangers) > 0
    missed = ~(right & (searches.rank == 1))
    assert fnir(moved, limit.threshold).errors == np.count_nonzero(missed & mates)
    # Shifting told something: without it the count is another.
    assert fpir(searches, limit.threshold).errors != fpir(moved, limit.threshold).errors
    count = np.count_nonzero(bare & searches.probe_failure.where(""))
    assert said.startswith(f"{count} searches are decided by the threshold for bare-bare")
    assert on_one_scale(searches, POINTS, 0.05)[0].rank.tolist() == searches.rank.tolist()


def test_masked_probes_against_bare_references_are_on_the_scale_of_like_pairs() -> None:
    # score_searches shifts them there, so their threshold is not that of bare-masked pairs.
    found = made_searches()
    searches = replace(found, reference_wear=Labels.all_one("none", len(found)))
    points = OperatingPoints(
        PROVENANCE.encoder_id, {"bare-masked": curve(0.1, 0.2), "masked-masked": curve(2.0, 6.0)}
    )
    limit = of_searches(searches, points, 0.05)
    assert limit is not None
    wanted = comparison_fmr(0.05, searches.references)
    assert limit.threshold == points.at_fmr("masked-masked", wanted).threshold


@pytest.mark.parametrize("points", [None, OperatingPoints("x", {"bare-bare": curve(1.0, 4.0)})])
def test_without_a_calibration_of_all_they_stay_as_they_are(
    points: OperatingPoints | None,
) -> None:
    searches = mixed()
    moved, said = on_one_scale(searches, points, 0.05)
    assert moved is searches
    assert said == ""
    limit = of_searches(moved, points, 0.1)
    assert limit is not None
    assert limit.own


def test_one_kind_is_on_one_scale() -> None:
    searches = made_searches()
    moved, said = on_one_scale(searches, POINTS, 0.05)
    assert moved is searches
    assert said == ""


def test_a_target_beyond_the_calibration_is_told() -> None:
    searches = mixed()
    fine, beyond = (of_searches(searches, POINTS, target) for target in (0.05, 1e-5))
    assert fine is not None
    assert beyond is not None
    assert origin(fine, "FPIR") == "calibrated on made people, for an FPIR of 5 %"
    assert origin(beyond, "FPIR").endswith(
        f"for an FPIR of 0.001 %, which it does not support over {searches.references} enrolled "
        "photos: more strangers may pass"
    )
    scores = made_scores()
    for target, told in (
        (1e-3, "for an FMR of 0.1 %"),
        (
            1e-9,
            "for an FMR of 0.0001 %, the lowest that it supports (1e-09 was asked for)",
        ),
    ):
        limit = of_trials(scores, POINTS, target)["bare-bare"]
        assert origin(limit, "FMR") == f"calibrated on made people, {told}"
