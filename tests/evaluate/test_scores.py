"""Trials with scores: what they refuse, and what follows from wear."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import made_scores

from maskwise.errors import EvaluationError
from maskwise.evaluate.scores import Labels, Scores


@given(st.lists(st.sampled_from(["", "a", "b", "ü", "z z"]), max_size=30))
def test_labels_give_the_words_back(words: list[str]) -> None:
    labels = Labels.of(words)
    assert labels.words().tolist() == words or not words
    assert labels.values == tuple(sorted(set(words)))
    assert {word: words.count(word) for word in set(words)} == labels.counts()
    for word in ("a", "missing"):
        assert labels.where(word).tolist() == [w == word for w in words]
    half = labels[np.arange(len(words)) % 2 == 0]
    assert half.words().tolist() == words[::2] or not words
    coded = Labels.coded(np.array([2, 0, 2]), ["x", "unused", "y"])
    assert coded.words().tolist() == ["y", "x", "y"]


def test_labels_refuse_what_is_not_in_order() -> None:
    for codes, values in (([0], ("b", "a")), ([0, 2], ("a", "b")), ([0], ("a", "b")), ([0], ())):
        with pytest.raises(EvaluationError, match=r"Labels"):
            Labels(np.array(codes, np.uint16), values)
    with pytest.raises(EvaluationError, match="different words"):
        Labels.of([str(n) for n in range(1 << 16)] + ["x"])


def test_wear_pairs_and_mask_types() -> None:
    wears = ["none", "virtual:cloth", "real", "virtual", "unknown"]
    reference, probe = zip(*[(r, p) for r in wears for p in wears], strict=True)
    count = len(reference)
    scores = Scores(
        made_scores().provenance,
        ("a", "b"),
        ("A", "B"),
        np.tile(np.array([[0, 1]], np.int32), (count, 1)),
        np.zeros(count),
        np.zeros(count, bool),
        Labels.of(reference),
        Labels.of(probe),
        Labels.all_one("", count),
        Labels.all_one("", count),
    )
    pairs = dict(zip(zip(reference, probe, strict=True), scores.wear_pair().words(), strict=True))
    types = dict(zip(zip(reference, probe, strict=True), scores.mask_type().words(), strict=True))
    assert pairs["none", "none"] == "bare-bare"
    assert pairs["none", "real"] == pairs["virtual:cloth", "none"] == "bare-masked"
    assert pairs["virtual", "real"] == "masked-masked"
    assert pairs["unknown", "real"] == pairs["none", "unknown"] == "unknown"
    assert types["none", "none"] == "none"
    assert types["virtual:cloth", "none"] == types["real", "virtual:cloth"] == "virtual:cloth"


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_are_refused(wrong: float) -> None:
    scores = np.array(made_scores().scores)
    scores[5] = wrong
    with pytest.raises(EvaluationError, match=r"trial 5 is NaN or infinite.*\(1 such trials\)"):
        made_scores(scores=scores)


def test_what_contradicts_itself_is_refused() -> None:
    good = made_scores()
    count = len(good)
    scores = np.array(good.scores)
    lost = int(np.flatnonzero(good.failed)[0])
    scores[lost] = 0.5
    mated = np.array(good.mated)
    mated[9] = ~mated[9]
    pairs = np.array(good.pairs)
    pairs[0, 0] = len(good.photos)
    for changes, why in (
        ({"scores": scores}, f"trial {lost} is there though a photo failed"),
        ({"mated": mated}, "trial 9 has mated="),
        ({"pairs": pairs}, "places among"),
        ({"pairs": np.array(good.pairs) + 0.5}, "some do not fit"),
        ({"subjects": good.subjects[1:]}, "photos and"),
        ({"probe_wear": Labels.all_one("hat", count)}, "'hat' is no wear"),
        ({"probe_wear": Labels.all_one("none", 1)}, "labels, got 1"),
        ({"scores": good.scores[1:]}, "expected shape"),
        ({"fold": np.zeros(1, np.int32)}, "expected shape"),
    ):
        with pytest.raises(EvaluationError, match=why):
            made_scores(**changes)


def test_a_subset_keeps_its_trials_alone() -> None:
    scores = made_scores()
    keep = scores.wear_pair().where("bare-masked") & (scores.pairs[:, 0] < 9)
    part = scores.subset(keep)
    assert len(part) == keep.sum()
    assert part.wear_pair().values == ("bare-masked",)
    assert np.array_equal(part.scores, scores.scores[keep], equal_nan=True)
    assert part.people() <= scores.people()
    assert len(part.attributes["light / side"]) == len(part)
    assert len(scores.subset(np.zeros(len(scores), bool))) == 0


def test_arrays_cannot_be_changed() -> None:
    scores = made_scores()
    for array in (scores.scores, scores.pairs, scores.mated, scores.probe_wear.codes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
