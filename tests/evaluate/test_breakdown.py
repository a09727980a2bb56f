"""Figures of a set and of its parts, failures counted apart and folded in."""

from __future__ import annotations

import numpy as np
import pytest
from made import made_scores

from maskwise.errors import EvaluationError
from maskwise.evaluate import verification
from maskwise.evaluate.breakdown import (
    breakdown,
    differentials,
    failures,
    generalised,
    max_over_geometric_mean,
    summarise,
)
from maskwise.evaluate.intervals import Rate, bootstrap
from maskwise.evaluate.scores import Labels, Scores


def small(
    mated_scores: list[float], other_scores: list[float], lost: tuple[str, ...] = ("", "")
) -> Scores:
    """Trials of photo 0 (of A) with photo 1 (A) and photo 2 (B); then one of each that failed."""
    scores = [*mated_scores, *other_scores, *([np.nan] * 2 if any(lost) else [])]
    probes = [1] * len(mated_scores) + [2] * len(other_scores) + [3, 4] * any(lost)
    reference, probe = (["" for _ in scores] for _ in range(2))
    if any(lost):
        reference[-2:], probe[-2:] = [lost[0]] * 2, [lost[1]] * 2
    count = len(scores)
    return Scores(
        made_scores().provenance,
        ("a0", "a1", "b0", "a2", "b1", "a3"),
        ("A", "A", "B", "A", "B", "A"),
        np.array([[5 if r else 0, p] for r, p in zip(reference, probes, strict=True)], np.int32),
        np.array(scores),
        np.isin(probes, [1, 3]),
        Labels.all_one("none", count),
        Labels.all_one("none", count),
        Labels.of(reference),
        Labels.of(probe),
    )


def test_failures_are_counted_by_photo_and_by_trial() -> None:
    found = failures(small([0.9, 0.8, 0.7], [0.1, 0.2, 0.3], ("", "no_face")))
    assert (found.fta, found.fte) == (Rate(2, 4), Rate(0, 1))
    assert (dict(found.acquire), dict(found.enrol)) == ({"no_face": 2}, {})
    assert (found.mated, found.non_mated) == (1, 1)
    found = failures(small([0.9, 0.8, 0.7], [0.1, 0.2, 0.3], ("unreadable", "")))
    assert (found.fta, found.fte) == (Rate(0, 4), Rate(1, 2))
    assert dict(found.enrol) == {"unreadable": 1}


def test_a_failed_trial_is_never_accepted() -> None:
    scores = small([0.9, 0.8, 0.2], [0.1, 0.2, 0.7], ("", "no_face"))
    assert generalised(scores, 0.5) == (Rate(1, 4), Rate(2, 4))
    assert generalised(scores, -np.inf) == (Rate(3, 4), Rate(1, 4))


def test_generalised_rates_are_the_standards_where_failures_fall_alike() -> None:
    """One trial for each pair of 20 references and 30 probes; 4 and 3 of them fail."""
    rng = np.random.default_rng(0)
    reference, probe = (x.ravel() for x in np.meshgrid(np.arange(20), np.arange(30)))
    lost_r, lost_p = reference < 4, probe < 3
    scores = rng.normal(0, 1, reference.size)
    # Of the trials left, exactly a quarter is accepted.
    fine = ~lost_r & ~lost_p
    scores[lost_r | lost_p] = np.nan
    threshold = np.sort(scores[fine])[::-1][fine.sum() // 4 - 1]
    made = Scores(
        made_scores().provenance,
        tuple(f"{n}" for n in range(50)),
        tuple(f"{n}" for n in range(50)),
        np.stack([reference, probe + 20], axis=1).astype(np.int32),
        scores,
        np.zeros(reference.size, bool),
        Labels.all_one("none", reference.size),
        Labels.all_one("none", reference.size),
        Labels.of(np.where(lost_r, "no_face", "")),
        Labels.of(np.where(lost_p, "no_face", "")),
    )
    found = failures(made)
    assert (found.fte, found.fta) == (Rate(4, 20), Rate(3, 30))
    fmr = verification.fmr_at(scores[fine], threshold).value
    gfar, _ = generalised(made, threshold)
    assert gfar.value == pytest.approx((1 - 4 / 20) * (1 - 3 / 30) * fmr)


def test_a_summary_is_made_of_the_trials_with_scores() -> None:
    scores = made_scores()
    fine = ~scores.failed
    mated = scores.scores[fine & scores.mated]
    others = scores.scores[fine & ~scores.mated]
    found = summarise(scores, target_fmrs=(1e-2, 1e-4), replicates=50, seed=2)
    assert (found.mated, found.non_mated, found.people) == (mated.size, others.size, 40)
    assert found.auc == verification.auc(mated, others)
    assert found.eer == verification.eer(mated, others)
    assert [row.at for row in found.targets] == [
        verification.fnmr_at_fmr(mated, others, target) for target in (1e-2, 1e-4)
    ]
    assert [row.at.supported for row in found.targets] == [True, False]
    people = scores.subject_codes()
    drawn = bootstrap(
        *(mated, others, people[fine & scores.mated, 0], people[fine & ~scores.mated]),
        target_fmrs=(1e-2,),
        replicates=50,
        seed=2,
    )
    interval = found.targets[0].fnmr_interval
    assert interval.method == "bootstrap over people"
    assert interval.low == np.quantile(drawn.fnmr_at[:, 0], 0.025, method="lower")
    assert interval.low < found.targets[0].at.fnmr.value < interval.high
    assert found.eer_interval is not None
    assert found.eer_interval.low < found.eer.value < found.eer_interval.high
    row = found.targets[0]
    assert row.gfrr == Rate(
        row.at.fnmr.errors + found.failures.mated, row.at.fnmr.trials + found.failures.mated
    )


def test_few_people_or_no_replicates_leave_the_trials_alone() -> None:
    few = summarise(made_scores(people=9), replicates=20)
    none = summarise(made_scores(), replicates=0)
    for found in (few, none):
        assert (found.eer_interval, found.auc_interval) == (None, None)
        assert "independent" in found.targets[0].fnmr_interval.method


def test_a_set_without_one_kind_says_so() -> None:
    scores = made_scores()
    only = summarise(scores.subset(~scores.mated), replicates=10)
    assert only.lacking == "no mated trial has a score"
    assert (only.mated, only.auc, only.eer, only.targets) == (0, None, None, ())
    nothing = summarise(scores.subset(np.zeros(0, np.int64)))
    assert nothing.lacking == "no mated and no non-mated trial has a score"


def test_parts_have_the_figures_of_their_own_trials() -> None:
    scores = made_scores()
    for labels in (scores.wear_pair(), scores.mask_type(), scores.attributes["light / side"]):
        parts = breakdown(scores, labels, replicates=0)
        assert list(parts) == list(labels.values)
        assert len(parts) == 2
        assert sum(part.mated for part in parts.values()) == summarise(scores, replicates=0).mated
    parts = breakdown(scores, scores.wear_pair(), replicates=0)
    bare = scores.subset(scores.wear_pair().where("bare-bare"))
    assert parts["bare-bare"] == summarise(bare, "bare-bare", replicates=0)
    assert parts["bare-masked"].eer.value > parts["bare-bare"].eer.value
    with pytest.raises(EvaluationError, match="a label for each"):
        breakdown(scores, Labels.all_one("x", 3))


def test_differentials_by_hand() -> None:
    base = small([0.9] * 8 + [0.2] * 2, [0.1] * 6 + [0.8] * 4)
    # Group x: 1 of 5 mated below, 1 of 5 others above. Group y: 1 of 5, 3 of 5.
    groups = Labels.of(list("xxxx" + "yyyy" + "xy" + "xxxx" + "yy" + "xyyy"))
    found = differentials(base, groups, 0.5)
    assert [(g.name, g.fmr, g.fnmr) for g in found.groups] == [
        ("x", Rate(1, 5), Rate(1, 5)),
        ("y", Rate(3, 5), Rate(1, 5)),
    ]
    assert found.fmr_ratio == pytest.approx(0.6 / np.sqrt(0.2 * 0.6))
    assert found.fnmr_ratio == pytest.approx(1)
    assert found.notes == ()
    none = differentials(base, groups, 2.0)
    assert none.fmr_ratio is None
    assert none.notes == ("FMR: x has no error in 5 trials, so there is no ratio",)
    one = differentials(base, Labels.all_one("", 20), 0.5)
    assert one.notes[0] == "FMR: a ratio compares two groups or more, got 1"


def test_differentials_have_intervals_over_people() -> None:
    scores = made_scores()
    found = differentials(scores, scores.wear_pair(), 2.0, replicates=40)
    for group in found.groups:
        assert group.fmr_interval.method == group.fnmr_interval.method == "bootstrap over people"
        assert group.fmr_interval.low < group.fmr.value < group.fmr_interval.high
    assert found.fnmr_ratio is not None
    assert found.fnmr_ratio > 1.2


def test_a_group_without_trials_has_no_ratio() -> None:
    notes: list[str] = []
    assert max_over_geometric_mean({"a": Rate(1, 2), "": Rate(0, 0)}, "fnmr", notes) is None
    assert notes == ["FNMR: (blank) has no trial with a score, so there is no ratio"]
