from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from maskwise.align import DLIB_CHIP, DLIB_CHIP_68
from maskwise.dlib_chip import cut, cut_batch, describe, jitter_random, jittered, place
from maskwise.errors import InputError
from maskwise.image import load
from maskwise.testing.pictures import drawn_face
from maskwise.types import F32, F64, U8, Bool, ChipSpec, Image, Landmarks

SPECS = [DLIB_CHIP, DLIB_CHIP_68]

FP32, SHIPPED = 1e-5, 1e-3
"""How far the numbers may be from dlib's: the fp32 build's, and the shipped file's."""

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="the order of dlib's draws is its compiler's; known of GCC"
)


def shape(
    spec: ChipSpec,
    centre: tuple[float, float],
    side: float,
    turn: float = 0.0,
    *,
    stray: float | F64 = 0.03,
    seed: int = 0,
) -> Landmarks:
    """A face whose chip would be ``side`` px wide, turned by ``turn`` radians, in whole px."""
    if isinstance(stray, float):
        stray = np.random.default_rng(seed).normal(0, stray, spec.reference.shape)
    upright = (spec.reference / spec.size - 0.5 + stray) * side
    cos, sin = np.cos(turn), np.sin(turn)
    return Landmarks(spec.scheme, np.rint(upright @ np.array([[cos, sin], [-sin, cos]]) + centre))


class Yardstick:
    """dlib, asked in our words."""

    def __init__(self, dlib: Any) -> None:
        self.dlib = dlib

    def given(self, face: Landmarks) -> Any:
        """Landmarks as dlib holds them; the rectangle plays no part."""
        points = [self.dlib.point(int(x), int(y)) for x, y in face.points]
        return self.dlib.full_object_detection(self.dlib.rectangle(0, 0, 9, 9), points)

    def chip(self, picture: Image, face: Landmarks, size: int = 150, padding: float = 0.25) -> U8:
        chip: U8 = self.dlib.get_face_chip(
            np.array(picture.pixels), self.given(face), size, padding
        )
        return chip

    def chips(self, picture: Image, faces: list[Landmarks]) -> U8:
        given = self.dlib.full_object_detections()
        for face in faces:
            given.append(self.given(face))
        return np.stack(self.dlib.get_face_chips(np.array(picture.pixels), given, 150, 0.25))

    def place(self, face: Landmarks, size: int, padding: float) -> tuple[float, ...]:
        found = self.dlib.get_face_chip_details(self.given(face), size, float(np.float32(padding)))
        box = found.rect
        return box.left(), box.top(), box.right(), box.bottom(), found.angle


@pytest.fixture(scope="module")
def theirs(dlib: Any) -> Yardstick:
    return Yardstick(dlib)


Predict = Callable[[Image], Landmarks]


@pytest.fixture(scope="module", params=["dlib5", "ibug68"])
def predict(request: pytest.FixtureRequest, dlib: Any, dlib_models: Path) -> Predict:
    """dlib's own points of a face amid a picture, of either scheme."""
    scheme = request.param
    name = f"shape_predictor_{5 if scheme == 'dlib5' else 68}_face_landmarks.dat"
    predictor = dlib.shape_predictor(str(dlib_models / name))

    def points(photo: Image) -> Landmarks:
        corners = np.array([0.3, 0.3, 0.7, 0.7]) * ([photo.width, photo.height] * 2)
        box = dlib.rectangle(*(int(v) for v in corners))
        found = predictor(np.array(photo.pixels), box).parts()
        return Landmarks(scheme, np.array([(p.x, p.y) for p in found]))

    return points


def noise(height: int, width: int) -> Image:
    rng = np.random.default_rng(height * 10_000 + width)
    return Image(rng.integers(0, 256, (height, width, 3)).astype(np.uint8), "noise")


PICTURES = [
    drawn_face(0),
    drawn_face(1, (500, 640), 300),
    noise(90, 130),
    noise(33, 34),
    noise(9, 9),
    noise(8, 40),
    noise(1, 1),
    Image(np.full((200, 201, 3), (254, 7, 128), np.uint8), "flat"),
]


class TestPlace:
    @pytest.mark.parametrize("spec", SPECS)
    @pytest.mark.parametrize(("size", "padding"), [(150, 0.25), (200, 0.2), (7, 0.0), (64, 1.3)])
    def test_it_is_dlibs(
        self, theirs: Yardstick, spec: ChipSpec, size: int, padding: float
    ) -> None:
        for seed in range(40):
            rng = np.random.default_rng(seed)
            centre = tuple(rng.uniform(-300, 3000, 2))
            side, turn = 10 ** rng.uniform(1, 3.5), rng.uniform(-3, 3)
            face = shape(spec, centre, side, turn, stray=0.1, seed=seed)
            expected = theirs.place(face, size, padding)
            found = place(face, size=size, padding=padding)
            np.testing.assert_allclose(found[:4], expected[:4], rtol=1e-11, atol=1e-8)
            assert found.angle == pytest.approx(expected[4], abs=1e-12)

    def test_the_points_that_count_are_those_that_count_in_dlib(self, theirs: Yardstick) -> None:
        face = shape(DLIB_CHIP_68, (200, 200), 300)
        in_dlib, in_ours = [], []
        for index in range(68):
            points = face.points.copy()
            points[index] += (7, -4)
            moved = Landmarks("ibug68", points)
            if theirs.place(moved, 150, 0.25) != theirs.place(face, 150, 0.25):
                in_dlib.append(index)
            if place(moved) != place(face):
                in_ours.append(index)
        assert in_dlib == in_ours == [*range(27, 55), *range(60, 65)]
        assert np.flatnonzero(DLIB_CHIP_68.used).tolist() == in_dlib

    @pytest.mark.parametrize("spec", SPECS)
    def test_hidden_points_take_no_part(self, spec: ChipSpec) -> None:
        face = shape(spec, (100, 80), 120)
        hidden = np.flatnonzero(spec.used)[-1]
        points, visible = face.points.copy(), face.visible.copy()
        points[hidden] = (-9000, 4000)
        visible[hidden] = False
        found = place(Landmarks(spec.scheme, points, visible))
        assert found == place(dataclasses.replace(face, visible=visible)) != place(face)

    def test_two_points_of_an_exact_face_place_it_as_all_do(self) -> None:
        exact = Landmarks("ibug68", DLIB_CHIP_68.reference * 2 + 40)
        two: Bool = np.isin(np.arange(68), [36, 64])
        found = place(dataclasses.replace(exact, visible=two))
        np.testing.assert_allclose(found, place(exact), atol=1e-3)

    def test_what_has_no_chip_is_refused(self) -> None:
        with pytest.raises(InputError, match="none for five landmarks; use dlib5 or ibug68"):
            place(Landmarks("five", np.arange(10.0).reshape(5, 2)))
        face = shape(DLIB_CHIP_68, (100, 80), 120)
        jaw_and_one: Bool = np.arange(68) <= 27
        with pytest.raises(InputError, match=r"two visible points or more of 27, .* got 1"):
            place(dataclasses.replace(face, visible=jaw_and_one))
        with pytest.raises(InputError, match="all in one place"):
            place(Landmarks("dlib5", np.full((5, 2), 30.0)))
        for size, padding in ((0, 0.25), (150, -0.1), (150, np.nan)):
            with pytest.raises(InputError, match="size >= 1 and padding >= 0"):
                place(face, size=size, padding=padding)


PLACES = {
    "amid": ((0.5, 0.5), 150, 0.1),
    "enlarged": ((0.5, 0.5), 40, -0.3),
    "tiny": ((0.4, 0.5), 6, 0.2),
    "over the corner": ((0.02, 0.97), 120, 0.0),
    "over an edge": ((1.0, 0.4), 170, 0.4),
    "outside": ((4.0, 0.5), 90, 0.0),
    "upside down": ((0.5, 0.6), 110, 3.0),
    "halved once": ((0.5, 0.5), 333, 0.05),
    "halved twice": ((0.6, 0.4), 800, -0.2),
    "halved four times": ((0.5, 0.5), 3000, 0.7),
    "far larger than the picture": ((0.3, 0.5), 20_000, 1.0),
}


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Image, Landmarks]:
    """A picture, and a face in it, over its edge or beside it, of 12 to 5,000 px."""
    picture, spec = draw(st.sampled_from(PICTURES)), draw(st.sampled_from(SPECS))
    x, y = draw(st.floats(-0.5, 1.5)), draw(st.floats(-0.5, 1.5))
    side, turn = np.exp(draw(st.floats(2.5, 8.5))), draw(st.floats(-np.pi, np.pi))
    strays = npst.arrays(np.float64, spec.reference.shape, elements=st.floats(-0.08, 0.08))
    centre = (x * picture.width, y * picture.height)
    return picture, shape(spec, centre, side, turn, stray=draw(strays))


class TestCut:
    @pytest.mark.parametrize("spec", SPECS)
    @pytest.mark.parametrize("where", PLACES)
    def test_chips_are_dlibs(self, theirs: Yardstick, spec: ChipSpec, where: str) -> None:
        (x, y), side, turn = PLACES[where]
        for picture in PICTURES:
            face = shape(spec, (x * picture.width, y * picture.height), side, turn)
            expected = theirs.chip(picture, face)
            np.testing.assert_array_equal(cut(picture, face), expected, picture.source)
            if picture.width > 100 and side < 1000:  # not a test of black alone
                assert expected.any() == (where != "outside")

    @pytest.mark.parametrize("spec", SPECS)
    @pytest.mark.parametrize(("size", "padding"), [(150, 0.4), (64, 0.25), (201, 0.0), (1, 0.1)])
    def test_sizes_and_paddings(
        self, theirs: Yardstick, spec: ChipSpec, size: int, padding: float
    ) -> None:
        for seed, picture in enumerate(PICTURES[:3]):
            face = shape(spec, (70, 60), 90, 0.2, seed=seed)
            expected = theirs.chip(picture, face, size, padding)
            np.testing.assert_array_equal(cut(picture, face, size=size, padding=padding), expected)

    def test_sample_people(
        self, theirs: Yardstick, predict: Predict, sample_photos: list[Path]
    ) -> None:
        for photo in map(load, sample_photos):
            face = predict(photo)
            np.testing.assert_array_equal(cut(photo, face), theirs.chip(photo, face), photo.source)

    @pytest.mark.data
    @pytest.mark.parametrize("factor", [0.3, 1, 3, 9])
    def test_photos(
        self, theirs: Yardstick, predict: Predict, lfw_photos: list[Image], factor: float
    ) -> None:
        for photo in lfw_photos:
            size = (round(photo.width * factor), round(photo.height * factor))
            large = Image(np.asarray(cv2.resize(photo.pixels, size), np.uint8))
            face = predict(large)
            np.testing.assert_array_equal(cut(large, face), theirs.chip(large, face), photo.source)

    @given(scenes(), st.sampled_from([150, 150, 64, 200]))
    @settings(max_examples=300)
    def test_any_face(self, theirs: Yardstick, scene: tuple[Image, Landmarks], size: int) -> None:
        # Where a value is a whole number but for the noise of float64, dlib's noise (of two
        # singular value decompositions) and ours may cut it to neighbours: hence not "equal".
        picture, face = scene
        apart = np.abs(cut(picture, face, size=size).astype(int) - theirs.chip(*scene, size))
        assert apart.max() <= 1
        assert np.count_nonzero(apart) <= 0.01 * apart.size

    def test_hidden_points_give_the_chip_of_the_others(self) -> None:
        visible: Bool = np.array([True, True, True, True, False])
        exact = Landmarks("dlib5", DLIB_CHIP.reference * 0.7 + 60)
        wrong = exact.points.copy()
        wrong[4] += 50
        expected = cut(drawn_face(2), exact).astype(int)
        found = cut(drawn_face(2), Landmarks("dlib5", wrong, visible))
        assert np.abs(found - expected).max() <= 1
        assert np.abs(cut(drawn_face(2), Landmarks("dlib5", wrong)) - expected).max() > 30


class TestCutBatch:
    @pytest.mark.parametrize("spec", SPECS)
    @pytest.mark.parametrize(
        "sides", [[60], [60, 100, 40], [60, 500, 100], [700, 1500, 90, 20], [90, 4000, 333]]
    )
    def test_chips_are_dlibs(self, theirs: Yardstick, spec: ChipSpec, sides: list[int]) -> None:
        for picture in PICTURES:
            for seed in range(3):
                rng = np.random.default_rng(seed)
                size = picture.width, picture.height
                faces = [
                    shape(spec, tuple(rng.uniform(-0.2, 1.2, 2) * size), side, rng.normal(0, 0.3))
                    for side in sides
                ]
                expected = theirs.chips(picture, faces)
                np.testing.assert_array_equal(cut_batch(picture, faces), expected)

    def test_a_large_face_changes_the_others_as_in_dlib(self, theirs: Yardstick) -> None:
        picture = PICTURES[1]
        faces = [shape(DLIB_CHIP, (250, 260), 320), shape(DLIB_CHIP, (300, 240), 341)]
        alone = np.stack([theirs.chip(picture, face) for face in faces])
        assert (alone[0] != theirs.chips(picture, faces)[0]).any()
        np.testing.assert_array_equal(np.stack([cut(picture, face) for face in faces]), alone)

    def test_small_faces_do_not_depend_on_the_others(self) -> None:
        faces = [shape(DLIB_CHIP, (100 + 9 * i, 120), 100 + 20 * i) for i in range(4)]
        together = cut_batch(PICTURES[1], faces)
        np.testing.assert_array_equal(together, np.stack([cut(PICTURES[1], f) for f in faces]))
        assert len({chip.tobytes() for chip in together}) == 4

    def test_no_faces_give_no_chips(self) -> None:
        found = cut_batch(PICTURES[0], [], size=64)
        assert (found.shape, found.dtype) == ((0, 64, 64, 3), np.uint8)


def dlibs_jitters(chip: U8, count: int, folder: Path) -> U8:
    """What dlib draws first, in a process of its own: its source never starts anew."""
    np.save(folder / "chip.npy", chip)
    program = (
        "import dlib, numpy, sys; chip = numpy.load('chip.npy');"
        "numpy.save('jitters.npy', numpy.stack(dlib.jitter_image(chip, int(sys.argv[1]))))"
    )
    subprocess.run([sys.executable, "-c", program, str(count)], cwd=folder, check=True)
    return np.load(folder / "jitters.npy")


@pytest.mark.usefixtures("dlib")
class TestJittersAreDlibs:
    @on_linux
    @pytest.mark.parametrize("size", [150, 64])
    def test_seed_0_draws_what_dlib_draws_first(self, tmp_path: Path, size: int) -> None:
        chip = drawn_face(3, (size, size), size // 2).pixels
        theirs = dlibs_jitters(chip, 60, tmp_path)
        np.testing.assert_array_equal(jittered(chip, 60), theirs)
        source = jitter_random(0)
        parts = [jittered(chip, count, seed=source) for count in (7, 0, 53)]
        np.testing.assert_array_equal(np.concatenate(parts), theirs)

    @pytest.mark.models
    def test_other_seeds_are_distributed_alike(self, tmp_path: Path) -> None:
        from maskwise.encode.dlib_resnet import DlibResnet

        chip = drawn_face(4, (150, 150), 86).pixels
        dlibs = dlibs_jitters(chip, 240, tmp_path)
        encoder = DlibResnet()
        first, second = (encoder.describe_batch(part) for part in (dlibs[:120], dlibs[120:]))
        ours = encoder.describe_batch(jittered(chip, 120, seed=7))
        usual = np.linalg.norm(first.mean(0) - second.mean(0))
        for theirs in (first, second):
            assert np.linalg.norm(ours.mean(0) - theirs.mean(0)) < 1.7 * usual
            spreads = [np.sqrt(a.var(axis=0).sum()) for a in (ours, theirs)]
            assert spreads[0] == pytest.approx(spreads[1], rel=0.15)
        # And so it is a matter of the jitters: the chip itself lies further away.
        assert np.linalg.norm(encoder.describe_batch(chip[None])[0] - first.mean(0)) > 1.7 * usual


class TestJittered:
    chip = drawn_face(3, (150, 150), 86).pixels

    def test_the_same_seed_gives_the_same_and_another_others(self) -> None:
        first = jittered(self.chip, 6, seed=3)
        np.testing.assert_array_equal(jittered(self.chip, 6, seed=3), first)
        np.testing.assert_array_equal(jittered(self.chip, 4, seed=3), first[:4])
        others = jittered(self.chip, 6, seed=4)
        assert len({one.tobytes() for one in [*first, *others]}) == 12

    def test_the_chip_is_not_altered_and_need_not_be_contiguous(self) -> None:
        before = self.chip.copy()
        mirrored = jittered(self.chip[:, ::-1], 2)
        np.testing.assert_array_equal(mirrored, jittered(self.chip[:, ::-1].copy(), 2))
        np.testing.assert_array_equal(self.chip, before)

    def test_about_half_are_mirrored(self) -> None:
        dark_left = np.zeros((64, 64, 3), np.uint8)
        dark_left[:, 32:] = 255
        found = jittered(dark_left, 200, seed=1)
        assert 70 < (found[:, 32, 8, 0] > 128).sum() < 130

    @pytest.mark.parametrize(
        ("chip", "count", "seed"),
        [
            (np.zeros((150, 140, 3), np.uint8), 2, 0),
            (np.zeros((150, 150), np.uint8), 2, 0),
            (np.zeros((150, 150, 4), np.uint8), 2, 0),
            (np.zeros((150, 150, 3)), 2, 0),
            (np.zeros((7, 7, 3), np.uint8), 2, 0),
            (np.zeros((150, 150, 3), np.uint8), -1, 0),
            (np.zeros((150, 150, 3), np.uint8), 2, -1),
            (np.zeros((150, 150, 3), np.uint8), 2, 2**31),
        ],
    )
    def test_what_cannot_be_is_refused(self, chip: Any, count: int, seed: int) -> None:
        with pytest.raises(InputError, match="expected"):
            jittered(chip, count, seed=seed)


def mean_colours(chips: U8) -> F32:
    """Stands for an encoder: three numbers a chip."""
    return chips.mean(axis=(1, 2)).astype(np.float32)


class TestDescribe:
    picture = PICTURES[1]
    faces = tuple(shape(DLIB_CHIP, (200 + 100 * i, 250), 150 + 10 * i, seed=i) for i in range(3))

    @pytest.mark.parametrize("count", [-1, 0, 1])
    def test_without_jitters_the_chips_are_described(self, count: int) -> None:
        found = describe(mean_colours, self.picture, self.faces, num_jitters=count)
        expected = mean_colours(np.stack([cut(self.picture, face) for face in self.faces]))
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, expected)

    def test_with_jitters_it_is_their_mean(self) -> None:
        found = describe(mean_colours, self.picture, self.faces, num_jitters=130, seed=5)
        for row, face in zip(found, self.faces, strict=True):
            expected = mean_colours(jittered(cut(self.picture, face), 130, seed=5)).mean(0)
            np.testing.assert_allclose(row, expected, rtol=1e-5)
        other = describe(mean_colours, self.picture, self.faces, num_jitters=130, seed=6)
        assert (np.abs(other - found).max(axis=1) > 1e-3).all()

    def test_by_a_seed_faces_do_not_depend_on_one_another(self) -> None:
        together = describe(mean_colours, self.picture, self.faces, num_jitters=3)
        alone = describe(mean_colours, self.picture, self.faces[1:2], num_jitters=3)
        np.testing.assert_array_equal(together[1:2], alone)

    def test_by_a_source_they_draw_in_turn(self) -> None:
        twice = [self.faces[0]] * 2
        found = describe(mean_colours, self.picture, twice, num_jitters=3, seed=jitter_random(0))
        chips = jittered(cut(self.picture, self.faces[0]), 6)
        np.testing.assert_allclose(found[0], mean_colours(chips[:3]).mean(0), rtol=1e-5)
        np.testing.assert_allclose(found[1], mean_colours(chips[3:]).mean(0), rtol=1e-5)

    @pytest.mark.models
    @pytest.mark.parametrize("count", [1, 5])
    def test_no_faces_give_no_rows(self, count: int) -> None:
        from maskwise.encode.dlib_resnet import DlibResnet

        found = describe(DlibResnet().describe_batch, self.picture, [], num_jitters=count)
        assert (found.shape, found.dtype) == ((0, 128), np.float64)


@pytest.fixture
def network(dlib: Any, dlib_models: Path) -> Any:
    """Newly loaded for every test: its jitters begin anew."""
    path = dlib_models / "dlib_face_recognition_resnet_model_v1.dat"
    return dlib.face_recognition_model_v1(str(path))


Encoders = list[tuple[Callable[[U8], F32], float]]


@pytest.fixture(scope="module")
def encoders(convert: ModuleType, dlib_models: Path) -> Encoders:
    """The numbers by the fp32 file and by the shipped one, and how far they may be off."""
    import onnxruntime

    from maskwise.encode.dlib_resnet import DlibResnet

    data = convert.encoder(dlib_models, half=False)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return [
        (lambda chips: session.run(None, {"chips": chips})[0], FP32),
        (DlibResnet(threads=1).describe_batch, SHIPPED),
    ]


@pytest.fixture
def assert_dlibs(
    theirs: Yardstick, predict: Predict, network: Any, encoders: Encoders
) -> Callable[[list[Image]], None]:
    def check(photos: list[Image]) -> None:
        assert len(photos) > 5
        for photo in photos:
            face = predict(photo)
            given = theirs.given(face)
            expected = np.array(network.compute_face_descriptor(np.array(photo.pixels), given, 1))
            assert np.ptp(expected) > 0.1  # numbers of a size that 1e-5 means something for
            for describe_batch, limit in encoders:
                found = describe(describe_batch, photo, [face])
                np.testing.assert_allclose(found[0], expected, rtol=0, atol=limit)

    return check


@pytest.mark.models
class TestDescriptorsAreDlibs:
    def test_on_sample_people(self, assert_dlibs: Any, sample_photos: list[Path]) -> None:
        assert_dlibs([load(path) for path in sample_photos[::3]])

    @pytest.mark.data
    def test_on_photos(self, assert_dlibs: Any, lfw_photos: list[Image]) -> None:
        assert_dlibs(lfw_photos[::2])

    @on_linux
    def test_jittered_they_are_those_of_a_model_just_loaded(
        self, theirs: Yardstick, network: Any, encoders: Encoders
    ) -> None:
        picture = PICTURES[1]
        faces = [shape(DLIB_CHIP, (250 + 60 * i, 250), 150, seed=i) for i in range(2)]
        pixels = np.array(picture.pixels)
        expected = np.array(
            [network.compute_face_descriptor(pixels, theirs.given(face), 6) for face in faces]
        )
        for describe_batch, limit in encoders:
            found = describe(describe_batch, picture, faces, num_jitters=6, seed=jitter_random())
            np.testing.assert_allclose(found, expected, rtol=0, atol=limit)
            by_seed = describe(describe_batch, picture, faces, num_jitters=6, seed=0)
            np.testing.assert_allclose(by_seed[0], expected[0], rtol=0, atol=limit)
            assert np.abs(by_seed[1] - expected[1]).max() > 2 * SHIPPED
