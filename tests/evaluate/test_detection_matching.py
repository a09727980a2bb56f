"""Boxes against the truth: what is found, missed, extra and ignored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.evaluate.detection.matching import EXTRA, IGNORED, clipped, match, overlaps
from maskwise.types import F64

SIDE = st.integers(0, 30)


@st.composite
def boxes(draw: st.DrawFn, most: int = 8) -> F64:
    """(N, 4): on a coarse grid, so that ties and copies are common."""
    rows = draw(
        st.lists(st.tuples(SIDE, SIDE, st.integers(1, 12), st.integers(1, 12)), max_size=most)
    )
    return np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float64).reshape(-1, 4)


@st.composite
def cases(draw: st.DrawFn) -> tuple[F64, F64, F64, np.ndarray]:
    found, faces = draw(boxes()), draw(boxes())
    scores = draw(
        st.lists(st.sampled_from([0.5, 0.7, 0.9]), min_size=len(found), max_size=len(found))
    )
    ignored = draw(st.lists(st.booleans(), min_size=len(faces), max_size=len(faces)))
    return found, np.array(scores, np.float64), faces, np.array(ignored, np.bool_)


def counts(case: tuple[F64, F64, F64, np.ndarray]) -> tuple[int, int, int, int]:
    matched = match(*case)
    return (
        int((matched.face >= 0).sum()),
        int((matched.face == EXTRA).sum()),
        int((matched.face == IGNORED).sum()),
        int((matched.box[~case[3]] < 0).sum()),
    )


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_boxes_and_faces_changes_no_count(
    case: tuple[F64, F64, F64, np.ndarray], random: st.DataObject
) -> None:
    found, scores, faces, ignored = case
    rng = np.random.default_rng(random.randrange(1000))  # type: ignore[attr-defined]
    a, b = rng.permutation(len(found)), rng.permutation(len(faces))
    assert counts(case) == counts((found[a], scores[a], faces[b], ignored[b]))


@given(cases())
def test_a_face_is_found_by_one_box_at_most_and_a_box_finds_one_face(
    case: tuple[F64, F64, F64, np.ndarray],
) -> None:
    found, _, faces, ignored = case
    matched = match(*case)
    hit = matched.face[matched.face >= 0]
    assert len(set(hit.tolist())) == len(hit)
    assert not ignored[hit].any()
    for t, n in enumerate(matched.box):
        if n >= 0:
            assert matched.face[n] == t
            assert overlaps(found, faces)[n, t] >= 0.5
    assert (matched.box >= 0).sum() == len(hit)


@given(cases())
def test_a_box_left_over_covers_no_face_that_is_left_over(
    case: tuple[F64, F64, F64, np.ndarray],
) -> None:
    found, _, faces, ignored = case
    matched = match(*case)
    shares = overlaps(found, faces)
    for n in np.flatnonzero(matched.face < 0):
        missed = (matched.box < 0) & ~ignored
        assert (shares[n, missed] < 0.5).all()
        assert (matched.face[n] == IGNORED) == bool((shares[n, ignored] >= 0.5).any())


@given(boxes())
def test_a_perfect_detector_finds_all_and_nothing_else(faces: F64) -> None:
    faces = np.unique(faces, axis=0)
    matched = match(faces, np.ones(len(faces)), faces, np.zeros(len(faces), bool))
    assert (matched.box >= 0).all()
    assert (matched.face >= 0).all()


def test_the_surest_box_finds_the_face_and_its_double_is_extra() -> None:
    faces = np.array([[0.0, 0, 10, 10]])
    found = np.array([[0.0, 0, 10, 10], [0, 0, 10, 9]])
    matched = match(found, np.array([0.6, 0.9]), faces, np.zeros(1, bool))
    assert matched.face.tolist() == [EXTRA, 0]
    assert matched.box.tolist() == [1]
    assert matched.nearest.tolist() == [1.0]


def test_the_overlap_that_is_asked_for_counts() -> None:
    faces, found = np.array([[0.0, 0, 10, 10]]), np.array([[0.0, 0, 10, 5]])
    none = np.zeros(1, bool)
    assert match(found, np.ones(1), faces, none).face.tolist() == [0]  # one half counts
    assert match(found, np.ones(1), faces, none, 0.51).face.tolist() == [EXTRA]


def test_several_boxes_over_an_ignored_face_are_all_ignored() -> None:
    faces = np.array([[0.0, 0, 10, 10]])
    found = np.repeat(faces, 3, axis=0)
    matched = match(found, np.ones(3), faces, np.ones(1, bool))
    assert matched.face.tolist() == [IGNORED] * 3
    assert matched.box.tolist() == [-1]


@pytest.mark.parametrize(("n", "t"), [(0, 0), (0, 2), (2, 0)])
def test_nothing_on_either_side(n: int, t: int) -> None:
    found, faces = np.ones((n, 4)) * [0, 0, 1, 1], np.ones((t, 4)) * [5, 5, 9, 9]
    matched = match(found, np.ones(n), faces, np.zeros(t, bool))
    assert matched.face.tolist() == [EXTRA] * n
    assert matched.box.tolist() == [-1] * t
    assert matched.beside.tolist() == [0.0] * n


def test_boxes_are_cut_off_at_the_edges_of_the_picture() -> None:
    cut = clipped([[-5, -5, 200, 50], [300, 0, 400, 10]], 100, 80)
    assert cut.tolist() == [[-0.5, -0.5, 99.5, 50], [99.5, 0, 99.5, 10]]
    assert overlaps(cut[1:], cut).tolist() == [[0.0, 0.0]]
