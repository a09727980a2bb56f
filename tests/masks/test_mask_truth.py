from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_scenes import chip_of, landmarks_of, photo_of, posed

from maskwise import masks
from maskwise.errors import InputError
from maskwise.masks.fit import fit_pose
from maskwise.masks.truth import NOTHING, Part, coverage, covered_landmarks
from maskwise.types import U8, Image, Landmarks

SURGICAL = masks.spec_for("surgical")


def part(x: int, y: int, rows: int, columns: int, value: int = 255) -> Part:
    return Part(x, y, np.full((rows, columns), value, np.uint8))


def whole(p: Part, size: tuple[int, int]) -> U8:
    out = np.zeros(size, np.uint8)
    out[p.y : p.y + p.alpha.shape[0], p.x : p.x + p.alpha.shape[1]] = p.alpha
    return out


def test_what_the_upper_one_hides_is_taken_out() -> None:
    below = part(2, 3, 10, 10, 200)
    below.hide(part(6, 8, 20, 20))
    below.hide(part(0, 0, 5, 4, 51))
    expected = np.full((10, 10), 200)
    expected[5:, 4:] = 0
    expected[:2, :2] = 160  # a fifth is hidden
    np.testing.assert_array_equal(below.alpha, expected)


def test_parts_that_do_not_meet_are_left_alone() -> None:
    for above in (part(12, 0, 30, 5), part(0, 13, 5, 30), part(0, 0, 3, 30), NOTHING):
        below = part(2, 3, 10, 10)
        below.hide(above)
        assert (below.alpha == 255).all()


points = st.tuples(st.floats(-30, 60), st.floats(-30, 60))


@settings(deadline=None)
@given(where=st.lists(points, min_size=1, max_size=9), x=st.integers(0, 9), y=st.integers(0, 9))
def test_looking_up_a_part_is_looking_up_the_picture(
    where: list[tuple[float, float]], x: int, y: int
) -> None:
    rng = np.random.default_rng(0)
    small = Part(x, y, rng.integers(0, 255, (12, 9), dtype=np.uint8))
    large = Part(0, 0, whole(small, (30, 30)))
    np.testing.assert_array_equal(small.at(np.array(where)), large.at(np.array(where)))


def test_covered_is_over_a_half() -> None:
    alpha = np.array([[127, 128, 255], [0, 0, 0]], np.uint8)
    xy = np.array([[0, 0], [1, 0], [2.4, 0.4], [2, 1], [3, 0]], np.float32)
    covered = covered_landmarks(Landmarks("dlib5", xy), alpha)
    assert covered.tolist() == [False, True, True, False, False]


def test_coverage_counts_places_of_the_face() -> None:
    pose = posed(scale=50, shift=(100, 80))
    size = (240, 200)
    assert coverage(pose, NOTHING, size) == 0
    assert coverage(pose, part(0, 0, 240, 200), size) == 1
    assert coverage(pose, part(0, 0, 240, 200, 51), size) == pytest.approx(0.2)
    # The face is symmetric about x = 100; its middle column of places is shared.
    assert coverage(pose, part(0, 0, 240, 100), size) == pytest.approx(0.5, abs=0.04)


def test_coverage_of_a_face_half_outside_counts_what_shows() -> None:
    pose = posed(scale=50, shift=(0, 80))
    assert coverage(pose, part(0, 0, 240, 100), (240, 100)) == 1
    assert coverage(posed(scale=50, shift=(-300, 80)), part(0, 0, 9, 9), (240, 100)) == 0


def test_a_mask_on_a_face_half_outside() -> None:
    image, found = photo_of([posed(scale=50, shift=(100, 80)), posed(scale=50, shift=(0, 80))],
                            (240, 220))  # fmt: skip
    specs = [SURGICAL] * 2
    shown, cut = (masks.wear_on_image(image, [p], [SURGICAL]).faces[0] for p in found)
    assert cut.x == 0
    assert cut.alpha.any()
    assert cut.coverage == pytest.approx(shown.coverage, abs=0.06)
    assert len(masks.wear_on_image(image, found, specs).faces) == 2


@pytest.mark.parametrize("shift", [(-400.0, 80.0), (900.0, 80.0), (100.0, 900.0), (-95.0, 80.0)])
def test_a_face_outside_is_reported_and_nothing_changes(shift: tuple[float, float]) -> None:
    image, _ = photo_of([posed(scale=50, shift=(100, 80))], (240, 200))
    worn = masks.wear_on_image(image, [landmarks_of(posed(scale=50, shift=shift))], [SURGICAL])
    face = worn.faces[0]
    assert not face.alpha.any()
    assert not face.covered.any()
    assert face.coverage == 0
    np.testing.assert_array_equal(worn.image.pixels, image.pixels)


def test_of_two_faces_that_overlap_each_pixel_belongs_to_the_nearer() -> None:
    near, far = posed(scale=50, shift=(100, 90)), posed(scale=40, shift=(150, 80))
    image, found = photo_of([far, near], (260, 280))
    worn = masks.wear_on_image(image, found, [SURGICAL, SURGICAL])
    alone = [masks.wear_on_image(image, [p], [SURGICAL]).faces[0] for p in found]
    behind, front = worn.faces
    np.testing.assert_array_equal(front.alpha, alone[1].alpha)
    assert front.coverage == alone[1].coverage
    assert behind.coverage < alone[0].coverage - 0.1
    own = [whole(Part(f.x, f.y, f.alpha), (260, 280)).astype(int) for f in worn.faces]
    assert (own[0] + own[1]).max() <= 256  # rounding
    np.testing.assert_array_equal((own[1] > 250) & (own[0] > 5), False)
    # What any mask covers is what one of them does, except in the soft edges.
    assert (np.abs(own[0] + own[1] - worn.alpha) > 64).mean() < 0.002


def test_a_mask_that_is_wholly_hidden_covers_nothing() -> None:
    near, far = posed(scale=60, shift=(110, 70)), posed(scale=12, shift=(110, 130))
    image, found = photo_of([near, far], (240, 240))
    face = masks.wear_on_image(image, found, [SURGICAL, SURGICAL]).faces[1]
    assert face.alpha.max() < 10
    assert not face.covered.any()
    assert face.coverage < 0.02


@pytest.mark.parametrize("scheme", ["dlib5", "five", "ibug68"])
def test_covered_landmarks_agree_with_the_alpha(scheme: str) -> None:
    pose = posed(15, 3, 5, scale=50, shift=(110, 80))
    image, _ = photo_of([pose], (240, 220))
    found = landmarks_of(pose, scheme)  # type: ignore[arg-type]
    worn = masks.wear_on_image(image, [found], [SURGICAL])
    face = worn.faces[0]
    expected = masks.covered_landmarks(found, worn.alpha)
    np.testing.assert_array_equal(face.covered, expected)
    nose = {"dlib5": 4, "five": 2, "ibug68": 33}[scheme]
    assert face.covered[nose]
    assert not face.covered[36 if scheme == "ibug68" else 0]
    assert 0.3 < face.coverage < 0.8


def test_one_mask_a_chip_is_as_all_on_all() -> None:
    chips = [chip_of(posed(yaw), 112) for yaw in (-20, 0, 20)]
    specs = [masks.spec_for(name, seed=4) for name in ("surgical", "cloth", "n95")]
    pixels, alpha = masks.wear_each(chips, specs)
    every, covers = masks.wear_on_chips(chips, specs)
    for k in range(3):
        np.testing.assert_array_equal(pixels[k], every[k, k])
        np.testing.assert_array_equal(alpha[k], covers[k, k])
    with pytest.raises(InputError, match="one spec a chip, got 2 for 3"):
        masks.wear_each(chips, specs[:2])
    assert masks.wear_each([], [])[0].shape == (0, 0, 0, 3)


def test_a_colour_changes_nothing_of_what_is_covered() -> None:
    chip = chip_of(posed(20), 112)
    specs = [masks.spec_for("surgical", color=c) for c in ("#8fbfe0", "#202020")]
    _, alpha = masks.wear_on_chips([chip], specs)
    np.testing.assert_array_equal(alpha[0, 0], alpha[0, 1])


def test_a_picture_of_many_pixels_is_touched_only_where_faces_are() -> None:
    pixels = np.full((1500, 2000, 3), 90, np.uint8)
    found = [landmarks_of(posed(scale=30, shift=(200 * k + 100, 700))) for k in range(9)]
    worn = masks.wear_on_image(Image(pixels), found, [SURGICAL] * 9)
    rows = np.flatnonzero(worn.alpha.any(axis=1))
    assert rows.min() > 690
    assert rows.max() < 790
    assert sum(f.alpha.size for f in worn.faces) < 9 * 110 * 110
    np.testing.assert_array_equal(worn.image.pixels[:640], pixels[:640])
    assert fit_pose(found[0]).scale == pytest.approx(30, rel=0.1)
