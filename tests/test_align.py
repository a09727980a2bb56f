from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwise.align import (
    ARCFACE_CHIP,
    DLIB_CHIP,
    DLIB_CHIP_68,
    align,
    by_scheme,
    chip_spec_for,
    chip_transform,
    placing,
    similarity,
    transform_of,
    warp,
)
from maskwise.errors import InputError
from maskwise.testing.pictures import drawn_face, face_detection
from maskwise.testing.strategies import dlib5_landmarks, similarity_transforms
from maskwise.types import F64, Bool, ChipSpec, Detection, Image, Landmarks, Scheme

points = st.integers(2, 12).flatmap(
    lambda k: st.lists(
        st.tuples(st.floats(-300, 300), st.floats(-300, 300)), min_size=k, max_size=k
    )
)
spread_points = points.map(np.array).filter(lambda p: p.std(0).max() > 1)


def moved(transform: F64, where: Any) -> F64:
    return np.asarray(where, np.float64) @ transform[:, :2].T + transform[:, 2]


def umeyama(source: F64, target: F64) -> F64:
    """The textbook way, by singular values: PAMI 13(4), 1991, equations 38-42."""
    mu_s, mu_d = source.mean(0), target.mean(0)
    covariance = (target - mu_d).T @ (source - mu_s) / len(source)
    u, d, vt = np.linalg.svd(covariance)
    s = np.diag([1, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1])
    rotation = u @ s @ vt
    scale = np.trace(np.diag(d) @ s) / ((source - mu_s) ** 2).sum(1).mean()
    return np.hstack([scale * rotation, (mu_d - scale * rotation @ mu_s)[:, None]])


class TestSimilarity:
    @given(spread_points, similarity_transforms())
    def test_an_exact_transform_is_recovered(self, source: F64, transform: F64) -> None:
        found = similarity(source, moved(transform, source))
        np.testing.assert_allclose(found, transform, rtol=1e-6, atol=1e-5)

    @given(spread_points, st.integers(0, 2**32 - 1))
    def test_it_is_umeyamas_least_squares(self, source: F64, seed: int) -> None:
        target = source + np.random.default_rng(seed).normal(0, 20, source.shape)
        np.testing.assert_allclose(
            similarity(source, target), umeyama(source, target), rtol=1e-6, atol=1e-6
        )

    @given(spread_points, st.integers(0, 2**32 - 1), similarity_transforms((0.2, 5), 300))
    def test_turning_the_target_turns_the_answer(
        self, source: F64, seed: int, transform: F64
    ) -> None:
        target = source + np.random.default_rng(seed).normal(0, 5, source.shape)
        found = similarity(source, moved(transform, target))
        expected = moved(transform, moved(similarity(source, target), source))
        np.testing.assert_allclose(moved(found, source), expected, rtol=1e-6, atol=1e-4)

    def test_it_agrees_with_opencv(self) -> None:
        source = np.random.default_rng(2).uniform(0, 200, (7, 2))
        target = moved(np.array([[1.2, -0.7, 30], [0.7, 1.2, -8]]), source)
        theirs, _ = cv2.estimateAffinePartial2D(source, target)
        np.testing.assert_allclose(similarity(source, target), theirs, atol=1e-4)

    def test_a_mirrored_target_is_not_mirrored_back(self) -> None:
        source = np.array([[0, 0], [10, 0], [10, 4], [0, 4.0]])
        found = similarity(source, source * (-1, 1))
        assert np.linalg.det(found[:, :2]) >= 0

    def test_two_points_are_enough(self) -> None:
        found = similarity([[0, 0], [2, 0]], [[5, 5], [5, 9]])
        np.testing.assert_allclose(found, [[0, -2, 5], [2, 0, 5]], atol=1e-12)

    @pytest.mark.parametrize(
        ("source", "target"),
        [
            ([[0, 0]], [[1, 1]]),
            ([[0, 0], [1, 1]], [[0, 0], [1, 1], [2, 2]]),
            ([[0, 0, 0], [1, 1, 1]], [[0, 0, 0], [1, 1, 1]]),
            ([0, 1], [0, 1]),
        ],
    )
    def test_wrong_shapes_are_refused(self, source: Any, target: Any) -> None:
        with pytest.raises(InputError, match=r"two \(K, 2\) arrays with K >= 2"):
            similarity(source, target)

    def test_points_in_one_place_are_refused(self) -> None:
        with pytest.raises(InputError, match="in one place"):
            similarity([[4, 4], [4, 4]], [[0, 0], [1, 1]])


class TestChipTransform:
    @given(similarity_transforms(), st.lists(st.booleans(), min_size=5, max_size=5))
    def test_any_two_points_of_an_exact_face_place_it(self, there: F64, keep: list[bool]) -> None:
        if sum(keep) < 2:
            keep = [True, True, False, False, False]
        reference = DLIB_CHIP.reference[keep]
        found = chip_transform(moved(there, reference), reference)
        face = moved(there, DLIB_CHIP.reference)
        np.testing.assert_allclose(moved(found, face), DLIB_CHIP.reference, atol=1e-5)

    @given(dlib5_landmarks(), similarity_transforms((0.2, 5), 500))
    def test_a_moved_face_gets_the_same_chip(self, face: Landmarks, there: F64) -> None:
        before = chip_transform(face.points, DLIB_CHIP.reference)
        after = chip_transform(moved(there, face.points), DLIB_CHIP.reference)
        np.testing.assert_allclose(
            moved(after, moved(there, face.points)), moved(before, face.points), atol=1e-4
        )

    @given(dlib5_landmarks(noise=0.1))
    def test_the_squares_are_least_in_the_picture(self, face: Landmarks) -> None:
        found = chip_transform(face.points, DLIB_CHIP.reference)
        expected = umeyama(DLIB_CHIP.reference, face.points.astype(np.float64))
        both = moved(expected, moved(found, face.points))
        np.testing.assert_allclose(both, face.points, atol=1e-3)

    @given(dlib5_landmarks(noise=0.1))
    def test_or_in_the_chip_where_the_spec_says_so(self, face: Landmarks) -> None:
        spec = dataclasses.replace(DLIB_CHIP, fit="chip")
        expected = umeyama(face.points.astype(np.float64), spec.reference)
        np.testing.assert_allclose(transform_of(face, spec), expected, atol=1e-4)

    @pytest.mark.parametrize(
        "face",
        [
            np.full((5, 2), 30.0),
            # A mirrored pair of squares about one centre: no turn resembles it.
            np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]) * 50.0,
        ],
    )
    def test_what_is_nothing_like_a_face_is_refused(self, face: F64) -> None:
        reference = np.array([[0, 1], [0, -1], [1, 0], [-1, 0]]) * 50.0
        with pytest.raises(InputError, match="nothing like a face"):
            chip_transform(face, reference if len(face) == 4 else DLIB_CHIP.reference)


def gaussian(size: int, x: float, y: float, sigma: float) -> Image:
    """A white blob centred on (x, y), centres of pixels being whole numbers."""
    rows, columns = np.mgrid[:size, :size]
    value = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return Image(np.repeat(np.rint(value)[..., None], 3, axis=2).astype(np.uint8))


def centroid(pixels: Any) -> F64:
    weight = pixels[..., 0].astype(np.float64)
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


class TestWarp:
    @pytest.mark.parametrize("scale", [3.0, 1.0, 0.8, 0.51, 0.5, 0.49, 0.34, 0.33, 0.2, 0.07])
    @pytest.mark.parametrize("degrees", [0, 30, 135])
    def test_a_blob_lands_where_the_transform_says(self, scale: float, degrees: float) -> None:
        size = max(64, round(64 / scale) + 57)
        place = np.array([0.47 * size, 0.55 * size])
        angle = np.radians(degrees)
        a, b = scale * np.cos(angle), scale * np.sin(angle)
        transform = np.array([[a, -b, 0], [b, a, 0]])
        transform[:, 2] = (29.3, 33.8) - transform[:, :2] @ place
        picture = gaussian(size, *place, sigma=4 / scale)
        chip = warp(picture, transform, 64)
        np.testing.assert_allclose(centroid(chip), (29.3, 33.8), atol=0.05)
        assert chip.max() > 230

    def test_the_identity_copies_the_pixels(self) -> None:
        picture = drawn_face(1)
        np.testing.assert_array_equal(warp(picture, np.eye(2, 3), 240), picture.pixels)

    def test_whole_shifts_copy_the_pixels_and_fill_with_black(self) -> None:
        picture = drawn_face(1)
        chip = warp(picture, np.array([[1.0, 0, -200], [0, 1, 30]]), 64)
        assert not chip[:30].any()
        assert not chip[:, 40:].any()
        np.testing.assert_array_equal(chip[30:, :40], picture.pixels[:34, 200:])

    @pytest.mark.parametrize("factor", [2, 3, 5, 8])
    def test_shrinking_by_a_whole_factor_takes_means_of_blocks(self, factor: int) -> None:
        noise = np.random.default_rng(factor).integers(0, 256, (40 * factor, 40 * factor, 3))
        transform = np.array([[1 / factor, 0, 0], [0, 1 / factor, 0]])
        transform[:, 2] = -(factor - 1) / (2 * factor)  # the first block's centre becomes (0, 0)
        chip = warp(Image(noise.astype(np.uint8)), transform, 40)
        means = noise.reshape(40, factor, 40, factor, 3).mean((1, 3))
        assert np.abs(chip - means).max() <= 1

    def test_fine_stripes_become_grey_and_do_not_alias(self) -> None:
        stripes = np.zeros((900, 900, 3), np.uint8)
        stripes[:, ::2] = 255
        chip = warp(Image(stripes), np.array([[0.11, 0, -4], [0, 0.11, -4]]), 64)
        # Blocks of nine pixels hold four stripes or five: 128 +- 14. Unaveraged, it is 0 or 255.
        assert np.abs(chip.astype(int) - 128).max() <= 15

    def test_a_part_outside_the_picture_is_black(self) -> None:
        for scale in (1.0, 0.1):
            far = np.array([[scale, 0, -5000], [0, scale, -5000]])
            assert not warp(drawn_face(1), far, 64).any()

    def test_a_picture_wider_than_opencvs_limit_is_cut(self) -> None:
        wide = np.zeros((64, 40_000, 3), np.uint8)
        wide[:, 39_936:] = drawn_face(1, (64, 64), 40).pixels
        chip = warp(Image(wide), np.array([[1.0, 0, -39_936], [0, 1, 0]]), 64)
        np.testing.assert_array_equal(chip, wide[:, 39_936:])

    @pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
    def test_a_transform_that_cannot_be_turned_round_is_refused(self, value: float) -> None:
        with pytest.raises(InputError, match="no transform"):
            warp(drawn_face(1), np.full((2, 3), value), 64)

    def test_an_absurdly_large_face_is_answered(self) -> None:
        chip = warp(drawn_face(1), np.eye(2, 3) * 1e-30, 64)
        assert chip.shape == (64, 64, 3)


class TestAlign:
    def test_the_chip_has_the_points_on_the_reference(self) -> None:
        there = np.array([[0.5, -0.2, 180], [0.2, 0.5, 90]])
        face = Landmarks("dlib5", moved(there, DLIB_CHIP.reference))
        chip = align(drawn_face(2, (480, 480), 200), face, DLIB_CHIP)
        np.testing.assert_allclose(chip.landmarks.points, DLIB_CHIP.reference, atol=1e-3)
        np.testing.assert_allclose(chip.transform, cv2.invertAffineTransform(there), atol=1e-3)
        assert chip.spec is DLIB_CHIP

    def test_hidden_points_take_no_part(self) -> None:
        there = np.array([[1.0, 0, 20], [0, 1, 20]])
        where = moved(there, DLIB_CHIP.reference)
        where[4] += 300
        visible = np.array([True, True, True, True, False])
        chip = align(drawn_face(2), Landmarks("dlib5", where, visible), DLIB_CHIP)
        np.testing.assert_allclose(chip.landmarks.points[:4], DLIB_CHIP.reference[:4], atol=1e-3)
        np.testing.assert_array_equal(chip.landmarks.visible, visible)

    def test_one_visible_point_is_too_few(self) -> None:
        face = Landmarks("dlib5", DLIB_CHIP.reference, np.arange(5) == 3)
        with pytest.raises(
            InputError, match=r"needs two visible points or more of 0, 1, 2, 3, 4; got 1"
        ):
            align(drawn_face(1), face, DLIB_CHIP)

    def test_schemes_are_never_mixed(self) -> None:
        with pytest.raises(InputError, match="wants dlib5 landmarks, got five"):
            align(drawn_face(1), Landmarks("five", np.zeros((5, 2))), DLIB_CHIP)

    def test_points_that_the_spec_does_not_use_take_no_part(self) -> None:
        where = DLIB_CHIP_68.reference + 30
        moved_jaw = np.where(DLIB_CHIP_68.used[:, None], where, where[::-1] * 3 - 500)
        chips = [
            align(drawn_face(2), Landmarks("ibug68", p), DLIB_CHIP_68) for p in (where, moved_jaw)
        ]
        np.testing.assert_array_equal(chips[0].transform, chips[1].transform)
        np.testing.assert_array_equal(chips[0].pixels, chips[1].pixels)
        np.testing.assert_allclose(chips[1].transform, [[1, 0, -30], [0, 1, -30]], atol=1e-4)
        np.testing.assert_allclose(chips[1].landmarks.points[:17], moved_jaw[:17] - 30, atol=1e-3)

    def test_visible_points_that_are_not_used_are_too_few(self) -> None:
        visible: Bool = np.arange(68) <= 27
        face = Landmarks("ibug68", DLIB_CHIP_68.reference, visible)
        with pytest.raises(InputError, match=r"dlib68-150-p25 needs two .* of 27, 28, .*; got 1"):
            align(drawn_face(1), face, DLIB_CHIP_68)
        assert (
            placing(Landmarks("ibug68", face.points, np.arange(68) <= 28), DLIB_CHIP_68).sum() == 2
        )

    def test_a_spec_of_other_points_places_by_them(self) -> None:
        brows_too: Bool = np.arange(68) >= 17
        spec = dataclasses.replace(DLIB_CHIP_68, name="dlib51", used=brows_too)
        face = Landmarks("ibug68", DLIB_CHIP_68.reference * 0.8 + 9, np.arange(68) < 27)
        chip = align(drawn_face(1), face, spec)
        np.testing.assert_allclose(chip.landmarks.points[17:], spec.reference[17:], atol=1e-3)

    @given(dlib5_landmarks())
    @settings(max_examples=25)
    def test_any_face_gives_a_chip(self, face: Landmarks) -> None:
        assert align(drawn_face(1), face, DLIB_CHIP).pixels.shape == (150, 150, 3)


class TestSpecs:
    def test_each_scheme_of_dlib_has_one(self) -> None:
        assert chip_spec_for("dlib5") is DLIB_CHIP
        assert chip_spec_for("ibug68") is DLIB_CHIP_68
        with pytest.raises(InputError, match="none for five landmarks; use dlib5 or ibug68"):
            chip_spec_for("five")

    def test_their_names_differ_as_they_are_a_part_of_encoder_ids(self) -> None:
        assert (DLIB_CHIP.name, DLIB_CHIP_68.name) == ("dlib5-150-p25", "dlib68-150-p25")

    def test_arcfaces_has_the_eyes_at_the_subjects_sides(self) -> None:
        right, left = Landmarks("five", ARCFACE_CHIP.reference).eyes
        assert right[0] < left[0]
        assert (ARCFACE_CHIP.name, ARCFACE_CHIP.size, ARCFACE_CHIP.fit) == (
            "arcface-112",
            112,
            "chip",
        )

    @pytest.mark.parametrize("spec", [DLIB_CHIP, ARCFACE_CHIP])
    @pytest.mark.parametrize("scheme", ["five", "dlib5", "ibug68"])
    def test_other_landmarks_place_the_same_square(self, spec: ChipSpec, scheme: Scheme) -> None:
        other = by_scheme(spec, scheme)
        if scheme == spec.scheme:
            assert other is spec
            return
        assert (other.size, other.scheme, other.fit) == (spec.size, scheme, spec.fit)
        assert other.name != spec.name
        assert by_scheme(spec, scheme) is other
        # The mean faces agree on where the eyes are, within 2.5 % of the chip.
        eyes = Landmarks(scheme, other.reference).eyes
        own = Landmarks(spec.scheme, spec.reference).eyes
        assert np.abs(eyes - own).max() < 0.025 * spec.size

    def test_dlibs_chip_by_the_68_is_dlibs_own(self) -> None:
        assert by_scheme(DLIB_CHIP, "ibug68") is DLIB_CHIP_68

    def test_a_chip_of_the_68_has_no_other(self) -> None:
        with pytest.raises(InputError, match="cannot be placed by other landmarks"):
            by_scheme(DLIB_CHIP_68, "five")

    def test_both_put_the_eyes_in_the_same_place(self) -> None:
        five = Landmarks("dlib5", DLIB_CHIP.reference).eyes
        many = Landmarks("ibug68", DLIB_CHIP_68.reference).eyes
        assert np.abs(five - many).max() < 1.0
        # dlib5's nose base is the 68's point 33.
        np.testing.assert_allclose(DLIB_CHIP.reference[4], DLIB_CHIP_68.reference[33], atol=0.1)

    def test_the_68_are_all_but_symmetric(self) -> None:
        mirror = {36: 45, 39: 42, 48: 54, 31: 35, 60: 64, 17: 26, 21: 22, 59: 55, 67: 65}
        x, y = DLIB_CHIP_68.reference.T
        middle = x[27]
        for right, left in mirror.items():
            assert x[right] - middle == pytest.approx(middle - x[left], abs=0.05)
            assert y[right] == pytest.approx(y[left], abs=0.05)


def dlibs_transform(points: F64, size: int = 150) -> F64:
    """Where dlib 20 puts a pixel of the picture, worked out from its source anew.

    chip_details() lays the mean face (0..size) on the points and keeps centre, scale and angle;
    get_mapping_to_chip() then lays the centres of the chip's corner pixels on the corners of a
    rectangle that is scale * size - 1 wide.
    """
    there = umeyama(DLIB_CHIP.reference + 0.5, points)
    back = np.linalg.inv(np.vstack([there, [0, 0, 1]]))[:2]
    scale = float(np.hypot(*there[:, 0]))
    squeeze = (size - 1) * scale / (size * scale - 1)
    back = back * squeeze
    back[:, 2] += (size - 1) / 2 - squeeze * size / 2
    return back


def dlibs_chip(image: Image, points: F64) -> Any:
    """Bilinear at ``dlibs_transform``, cut off to whole grey values, without a pyramid."""
    pixels = image.pixels.astype(np.float32)
    out = cv2.warpAffine(pixels, dlibs_transform(points), (150, 150), flags=cv2.INTER_LINEAR)
    return np.floor(out + 1e-3)


@pytest.mark.parametrize("face_px", [40, 100, 160])
def test_the_account_of_dlibs_transform_is_right(dlib: Any, face_px: int) -> None:
    size = (2 * face_px, 2 * face_px)
    for seed in range(4):
        image = drawn_face(seed, size, face_px)
        stray = np.random.default_rng(seed).normal(0, 0.02 * face_px, (5, 2))
        shape = (DLIB_CHIP.reference / 150 - 0.5) * face_px * 1.5 + face_px + stray
        points = np.rint(shape)
        box = dlib.rectangle(0, 0, 9, 9)
        given = dlib.full_object_detection(box, [dlib.point(int(x), int(y)) for x, y in points])
        theirs = dlib.get_face_chip(image.pixels, given, size=150, padding=0.25)
        assert np.abs(dlibs_chip(image, points) - theirs).max() <= 1


def test_our_transform_stays_near_dlibs() -> None:
    # dlib lays corner pixels on corner pixels, which stretches the chip a little unless the face
    # is as large as the chip; see docs/adr/0002-chip-specification.md. In chip px:
    corners = np.array([[0, 0], [149, 0], [0, 149], [149, 149]])
    for side, limit in ((60, 0.8), (150, 0.1), (400, 0.4), (3000, 0.6)):
        shape = (DLIB_CHIP.reference / 150 - 0.5) * side + side
        points = shape + np.random.default_rng(side).normal(0, 0.03 * side, (5, 2))
        ours, theirs = chip_transform(points, DLIB_CHIP.reference), dlibs_transform(points)
        where = moved(np.linalg.inv(np.vstack([ours, [0, 0, 1]]))[:2], corners)
        assert np.abs(moved(theirs, where) - corners).max() < limit


@pytest.fixture
def against_dlib(dlib: Any, dlib_models: Any) -> Any:
    """Chips that we cut and that dlib cuts, at dlib's own points of each face."""
    predictor = dlib.shape_predictor(str(dlib_models / "shape_predictor_5_face_landmarks.dat"))

    def both(faces: list[tuple[Image, Detection]]) -> tuple[Any, Any]:
        ours, theirs = [], []
        for image, detection in faces:
            corners = [int(v) for v in detection.box]
            shape = predictor(image.pixels, dlib.rectangle(*corners))
            where = np.array([(p.x, p.y) for p in shape.parts()])
            ours.append(align(image, Landmarks("dlib5", where), DLIB_CHIP).pixels)
            theirs.append(dlib.get_face_chip(image.pixels, shape, size=150, padding=0.25))
        return np.stack(ours), np.stack(theirs)

    return both


def cosines(a: Any, b: Any) -> F64:
    from maskwise.encode.dlib_resnet import DlibResnet

    encoder = DlibResnet(threads=1)
    return np.einsum("nd,nd->n", encoder.encode_batch(a), encoder.encode_batch(b))


@pytest.mark.models
@pytest.mark.parametrize("face_px", [50, 100, 180, 400, 900])
def test_chips_are_dlibs_and_so_are_the_templates(against_dlib: Any, face_px: int) -> None:
    size = (2 * face_px, 2 * face_px)
    where = face_detection(size, face_px)
    ours, theirs = against_dlib([(drawn_face(s, size, face_px), where) for s in range(8)])
    assert np.abs(ours.astype(int) - theirs).mean() < 3
    assert cosines(ours, theirs).min() > 0.998


@pytest.mark.models
def test_chips_of_sample_people_are_dlibs(against_dlib: Any, sample_photos: list[Path]) -> None:
    from maskwise.image import load

    faces = []
    for photo in map(load, sample_photos[:24]):
        middle, half = (
            np.array([photo.width, photo.height]) / 2,
            0.2 * min(photo.width, photo.height),
        )
        faces.append((photo, Detection(np.r_[middle - half, middle + half], 1.0)))
    assert cosines(*against_dlib(faces)).min() > 0.998


@pytest.mark.models
@pytest.mark.data
@pytest.mark.parametrize("factor", [1, 3])
def test_chips_of_photos_are_dlibs(against_dlib: Any, lfw_photos: list[Image], factor: int) -> None:
    where = Detection(np.array([75, 75, 175, 175]) * factor, 1.0)
    size = (250 * factor, 250 * factor)
    photos = [
        Image(np.asarray(cv2.resize(p.pixels, size, interpolation=cv2.INTER_CUBIC)))
        for p in lfw_photos
    ]
    ours, theirs = against_dlib([(photo, where) for photo in photos])
    found = cosines(ours, theirs)
    assert found.min() > 0.998
    assert np.median(found) > 0.9995
