from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise import align
from maskwise.errors import InputError
from maskwise.landmarks import subsets
from maskwise.landmarks.subsets import NAMES, convert, indices, keep
from maskwise.types import SCHEME_POINTS, Landmarks, Scheme

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)


def points(scheme: Scheme, seed: int = 0, visible: Iterable[bool] | None = None) -> Landmarks:
    k = SCHEME_POINTS[scheme]
    where = np.random.default_rng(seed).uniform(0, 200, (k, 2)).astype(np.float32)
    return Landmarks(scheme, where, np.array([*visible]) if visible else np.ones(k, bool))


# Written out, so that no rule that makes them can be wrong unnoticed.
GOLDEN = {
    ("ibug68", "dlib33"): "27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 "
    "51 52 53 54 60 61 62 63 64",
    ("ibug68", "eyes"): "36 37 38 39 40 41 42 43 44 45 46 47",
    ("ibug68", "eyes+bridge"): "27 28 29 30 36 37 38 39 40 41 42 43 44 45 46 47",
    ("ibug68", "eyes+brows"): "17 18 19 20 21 22 23 24 25 26 36 37 38 39 40 41 42 43 44 45 46 47",
    ("ibug68", "question"): "0 1 15 16 17 18 19 20 21 22 23 24 25 26 27 28 36 37 38 39 40 41 42 43 "
    "44 45 46 47",
    ("five", "all"): "0 1 2 3 4",
    ("five", "eyes"): "0 1",
    ("five", "eyes+nose"): "0 1 2",
    ("dlib5", "all"): "0 1 2 3 4",
    ("dlib5", "eyes"): "0 1 2 3",
    ("dlib5", "eyes+nose"): "0 1 2 3 4",
}


class TestIndices:
    def test_the_names_are_these(self) -> None:
        assert {(s, n) for s in NAMES for n in NAMES[s]} == {*GOLDEN, ("ibug68", "all")}

    @pytest.mark.parametrize(("scheme", "name"), GOLDEN)
    def test_a_name_means_these_points(self, scheme: Scheme, name: str) -> None:
        assert indices(name, scheme) == tuple(map(int, GOLDEN[scheme, name].split()))

    def test_all_are_all(self) -> None:
        for scheme in SCHEMES:
            assert indices("all", scheme) == tuple(range(SCHEME_POINTS[scheme]))

    def test_dlib33_are_the_points_that_place_its_chip(self, dlib: Any) -> None:
        """Each point is moved in turn, and dlib asked where its chip lies then."""
        mean = align.DLIB_CHIP_68.reference.copy()
        mean[:17] = [[10 + 8 * k, 90] for k in range(17)]
        picture = np.random.default_rng(0).integers(0, 256, (150, 150, 3)).astype(np.uint8)

        def chip(where: Any) -> Any:
            parts = dlib.points([dlib.point(int(x), int(y)) for x, y in np.round(where)])
            box = dlib.rectangle(25, 25, 124, 124)
            return dlib.get_face_chip(picture, dlib.full_object_detection(box, parts))

        usual = chip(mean)
        moves = []
        for k in range(68):
            moved = mean.copy()
            moved[k] += 40
            moves.append(bool((chip(moved) != usual).any()))
        assert tuple(np.flatnonzero(moves)) == indices("dlib33", "ibug68")

    @given(
        st.sampled_from(SCHEMES).flatmap(
            lambda s: st.tuples(
                st.just(s), st.sets(st.integers(0, SCHEME_POINTS[s] - 1), min_size=1)
            )
        )
    )
    def test_any_indices_do(self, given_: tuple[Scheme, set[int]]) -> None:
        scheme, chosen = given_
        expected = tuple(sorted(chosen))
        for form in (list(chosen), iter(chosen), np.array(list(chosen)), tuple(chosen)):
            assert indices(form, scheme) == expected

    @pytest.mark.parametrize(
        ("subset", "match"),
        [
            ("Eyes", "no subset 'Eyes' of ibug68; name one of all, dlib33, eyes,.* 0 to 67"),
            ("", "no subset ''"),
            ([36, 68], "ibug68 has no point 68"),
            ([-1], "ibug68 has no point -1"),
            ([36, 40, 36], "point 36 twice"),
            ([], "the subset is empty"),
            ([36.0], "not a subset"),
            (["36"], "not a subset"),
            (36, "not a subset of ibug68: 36"),
            (None, "not a subset"),
        ],
    )
    def test_anything_else_is_refused_with_the_choices(self, subset: Any, match: str) -> None:
        with pytest.raises(InputError, match=match):
            indices(subset, "ibug68")

    def test_an_unknown_scheme_is_refused(self) -> None:
        for ask in (lambda: indices("all", "68"), lambda: convert(points("five"), "68")):  # type: ignore[arg-type]
            with pytest.raises(InputError, match="there are: five, dlib5, ibug68"):
                ask()

    def test_a_name_of_another_scheme_is_refused(self) -> None:
        with pytest.raises(InputError, match="no subset 'dlib33' of five; name one of all, eyes,"):
            indices("dlib33", "five")


class TestKeep:
    @pytest.mark.parametrize(("scheme", "name"), GOLDEN)
    def test_the_others_are_not_visible_and_nothing_moves(self, scheme: Scheme, name: str) -> None:
        before = points(scheme)
        kept = keep(before, name)
        assert tuple(np.flatnonzero(kept.visible)) == indices(name, scheme)
        np.testing.assert_array_equal(kept.points, before.points)
        assert before.visible.all(), "the landmarks given stay as they were"

    def test_what_was_not_visible_stays_so(self) -> None:
        visible = [k != 37 for k in range(68)]
        kept = keep(points("ibug68", visible=visible), "eyes")
        assert tuple(np.flatnonzero(kept.visible)) == (36, *range(38, 48))

    def test_excluding_points_is_not_zeroing_them(self) -> None:
        face = Landmarks("dlib5", align.DLIB_CHIP.reference.astype(np.float32))
        reference = align.DLIB_CHIP.reference
        mask = keep(face, "eyes").visible
        excluded = align.chip_transform(face.points[mask], reference[mask])
        zeroed = align.chip_transform(face.points * mask[:, None], reference)
        np.testing.assert_allclose(excluded, [[1, 0, 0], [0, 1, 0]], atol=1e-4)
        assert np.abs(zeroed - excluded).max() > 0.1


class TestConvert:
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_to_the_same_scheme_nothing_changes(self, scheme: Scheme) -> None:
        face = points(scheme)
        assert convert(face, scheme) is face

    def test_ibug68_to_dlib5_takes_five_points(self) -> None:
        face = points("ibug68")
        found = convert(face, "dlib5")
        assert found.scheme == "dlib5"
        np.testing.assert_array_equal(found.points, face.points[[45, 42, 36, 39, 33]])
        assert found.visible.all()

    def test_dlibs_mean_faces_have_these_points_in_the_same_places(self) -> None:
        mean = Landmarks("ibug68", align.DLIB_CHIP_68.reference.astype(np.float32))
        found = convert(mean, "dlib5").points
        np.testing.assert_allclose(found, align.DLIB_CHIP.reference, atol=0.3)

    def test_ibug68_to_five_is_an_estimate(self) -> None:
        face = points("ibug68")
        with pytest.raises(InputError, match=r"only by estimate.*estimate=True"):
            convert(face, "five")
        found = convert(face, "five", estimate=True)
        np.testing.assert_allclose(found.eyes, face.eyes, atol=1e-4)
        np.testing.assert_array_equal(found.points[2:], face.points[[30, 48, 54]])

    def test_left_and_right_stay_the_subjects(self) -> None:
        mean = Landmarks("ibug68", align.DLIB_CHIP_68.reference.astype(np.float32))
        for found in (convert(mean, "dlib5"), convert(mean, "five", estimate=True)):
            right, left = found.eyes
            assert right[0] < left[0]
        five = convert(mean, "five", estimate=True).points
        assert five[3, 0] < five[2, 0] < five[4, 0]

    @given(st.lists(st.booleans(), min_size=68, max_size=68), st.integers(0, 9))
    def test_a_point_is_visible_when_all_it_comes_from_is(
        self, seen: list[bool], seed: int
    ) -> None:
        face = points("ibug68", seed, seen)
        assert convert(face, "dlib5").visible.tolist() == [seen[k] for k in (45, 42, 36, 39, 33)]
        five = convert(face, "five", estimate=True)
        expected = [all(seen[36:42]), all(seen[42:48]), seen[30], seen[48], seen[54]]
        assert five.visible.tolist() == expected

    @given(
        st.sampled_from([("dlib5", False), ("five", True)]),
        st.floats(0.2, 5),
        st.floats(-3, 3),
        st.floats(-500, 500),
    )
    def test_it_does_not_matter_whether_one_moves_or_converts_first(
        self, to: tuple[Scheme, bool], scale: float, angle: float, shift: float
    ) -> None:
        scheme, estimate = to
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        move = np.array([[cos, -sin, shift], [sin, cos, -shift]])
        face = points("ibug68")
        first = convert(face.mapped(move), scheme, estimate=estimate)
        last = convert(face, scheme, estimate=estimate).mapped(move)
        np.testing.assert_allclose(first.points, last.points, atol=0.01)

    @pytest.mark.parametrize(
        ("source", "target", "why"),
        [
            ("five", "dlib5", "the corners of the eyes and the nose base are not among them"),
            ("dlib5", "five", "the nose tip and the corners of the mouth are not among them"),
            ("five", "ibug68", "most of the 68 points are not among them"),
            ("dlib5", "ibug68", "most of the 68 points are not among them"),
        ],
    )
    @pytest.mark.parametrize("estimate", [False, True])
    def test_what_is_not_there_cannot_be_had(
        self, source: Scheme, target: Scheme, why: str, estimate: bool
    ) -> None:
        with pytest.raises(InputError, match=why):
            convert(points(source), target, estimate=estimate)


def test_they_are_part_of_the_stage() -> None:
    import maskwise

    assert maskwise.landmarks.subsets is subsets
