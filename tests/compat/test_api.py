from __future__ import annotations

import inspect
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from maskwise.compat import face_recognition
from maskwise.compat.face_recognition import api, engine, pictures
from maskwise.detect.mmod import Mmod
from maskwise.errors import (
    ConfigurationError,
    ImageError,
    InputError,
    LicenceError,
    MaskwiseError,
    NoFaceError,
)
from maskwise.testing.pictures import drawn_face

SIGNATURES = {
    "load_image_file": "(file, mode='RGB')",
    "face_locations": "(img, number_of_times_to_upsample=1, model='hog')",
    "batch_face_locations": "(images, number_of_times_to_upsample=1, batch_size=128)",
    "face_landmarks": "(face_image, face_locations=None, model='large')",
    "face_encodings": "(face_image, known_face_locations=None, num_jitters=1, model='small')",
    "face_distance": "(face_encodings, face_to_compare)",
    "compare_faces": "(known_face_encodings, face_encoding_to_check, tolerance=0.6)",
    "_raw_face_locations": "(img, number_of_times_to_upsample=1, model='hog')",
    "_raw_face_locations_batched": "(images, number_of_times_to_upsample=1, batch_size=128)",
    "_raw_face_landmarks": "(face_image, face_locations=None, model='large')",
    "_rect_to_css": "(rect)",
    "_css_to_rect": "(css)",
    "_trim_css_to_bounds": "(css, image_shape)",
}
"""Of face_recognition 1.3.0."""

NOBODY = np.full((90, 120, 3), 128, np.uint8)


def closed_file() -> io.BytesIO:
    file = io.BytesIO(b"a picture once")
    file.close()
    return file


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (engine.HOG_VARIABLE, engine.STRICT_VARIABLE, "MASKWISE_ACCEPT_LICENCES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def sample(sample_photos: list[Path]) -> np.ndarray[Any, Any]:
    return face_recognition.load_image_file(sample_photos[0])


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_those_of_the_original(name: str) -> None:
    signature = inspect.signature(getattr(api, name))
    kept = [
        p.replace(annotation=p.empty)
        for p in signature.parameters.values()
        if p.kind is not p.KEYWORD_ONLY
    ]
    assert str(inspect.Signature(kept)) == SIGNATURES[name]
    extra = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert all(p.default is not p.empty for p in extra)


def test_importing_it_loads_no_model_and_no_library_of_models() -> None:
    program = (
        "import sys, maskwise.compat.face_recognition as f; "
        "print([m for m in ('dlib', 'onnxruntime', 'cv2', 'face_recognition_models', "
        "'pkg_resources', 'PIL') if m in sys.modules], f.__version__)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[] 1.3.0\n"


class TestLoadImageFile:
    def test_gives_a_writable_rgb_array_of_a_path_and_of_an_open_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
        PIL.Image.fromarray(pixels).save(path)
        for given in (path, str(path), io.BytesIO(path.read_bytes())):
            loaded = face_recognition.load_image_file(given)
            assert loaded.dtype == np.uint8
            assert loaded.flags.writeable
            assert np.array_equal(loaded, pixels)

    def test_an_open_file_is_read_from_its_beginning(self, tmp_path: Path) -> None:
        """As Pillow does: a server has looked into an upload before, or loads it twice."""
        path = tmp_path / "a.png"
        PIL.Image.fromarray(NOBODY).save(path)
        with path.open("rb") as file:
            for position in (0, 5, path.stat().st_size):
                file.seek(position)
                assert np.array_equal(face_recognition.load_image_file(file), NOBODY)

        class Stream(io.BytesIO):
            def seek(self, offset: int, whence: int = 0) -> int:
                raise io.UnsupportedOperation("seek")

        stream = Stream(path.read_bytes())
        assert np.array_equal(face_recognition.load_image_file(stream), NOBODY)

    def test_grey_is_what_pillow_makes_of_it(self, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        picture = PIL.Image.fromarray(drawn_face(1, (60, 50), 30).pixels)
        picture.save(path)
        grey = face_recognition.load_image_file(path, mode="L")
        assert np.array_equal(grey, np.array(picture.convert("L")))
        with pytest.raises(ConfigurationError, match="mode"):
            face_recognition.load_image_file(path, mode="RGBX1")
        with pytest.raises(ConfigurationError, match="mode"):
            face_recognition.load_image_file(path, mode=8)  # type: ignore[arg-type]

    def test_turns_photos_upright(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jpg"
        exif = PIL.Image.Exif()
        exif[0x0112] = 6
        PIL.Image.fromarray(NOBODY).save(path, exif=exif)
        assert face_recognition.load_image_file(path).shape == (120, 90, 3)

    def test_reads_what_there_is_of_a_jpeg_that_was_cut_off(self, tmp_path: Path) -> None:
        whole = tmp_path / "whole.jpg"
        PIL.Image.fromarray(drawn_face(1, (200, 160), 90).pixels).save(whole)
        cut = tmp_path / "cut.jpg"
        content = whole.read_bytes()
        cut.write_bytes(content[: len(content) // 2])
        with pytest.warns(UserWarning, match="cut-off"):
            half = face_recognition.load_image_file(cut)
        full = face_recognition.load_image_file(whole)
        assert np.array_equal(half[:40], full[:40])
        assert not np.array_equal(half, full)
        with pytest.raises(OSError, match="cut"):  # nothing is left of this one
            face_recognition.load_image_file(io.BytesIO(content[:20]))

    @pytest.mark.parametrize(
        ("make", "kind"),
        [
            (lambda folder: folder / "missing.jpg", FileNotFoundError),
            (lambda folder: folder, OSError),
            (lambda folder: io.BytesIO(b"no picture"), OSError),
            (lambda folder: io.StringIO("text"), OSError),
            (lambda folder: closed_file(), ValueError),
        ],
    )
    def test_errors_are_ours_and_those_that_users_catch(
        self, make: Callable[[Path], Any], kind: type[Exception], tmp_path: Path
    ) -> None:
        with pytest.raises(ImageError) as caught:
            face_recognition.load_image_file(make(tmp_path))
        assert isinstance(caught.value, kind)


class TestCompare:
    def test_distance_and_match(self) -> None:
        known = [np.zeros(128), np.full(128, 0.1)]
        probe = np.zeros(128)
        distance = face_recognition.face_distance(known, probe)
        assert distance == pytest.approx([0, 0.1 * 128**0.5])
        assert face_recognition.compare_faces(known, probe) == [True, False]
        assert face_recognition.compare_faces(known, probe, tolerance=2) == [True, True]
        # A distance that equals the tolerance matches.
        assert face_recognition.compare_faces([[0.6]], [0.0]) == [True]

    @pytest.mark.parametrize("nobody", [[], (), np.array([])])
    def test_an_empty_gallery(self, nobody: Any) -> None:
        distance = face_recognition.face_distance(nobody, np.zeros(128))
        assert isinstance(distance, np.ndarray)
        assert distance.shape == (0,)
        assert face_recognition.compare_faces(nobody, np.zeros(128)) == []

    @pytest.mark.parametrize(
        ("known", "probe"),
        [
            ([np.zeros(128)], []),
            ([np.zeros(128)], np.zeros(512)),
            ([np.zeros(128), np.zeros(512)], np.zeros(128)),
            (["someone"], np.zeros(128)),
            (np.zeros(128), np.zeros(128)),
            # What to forget [0], or a look whether there was a face, leads to.
            ([[np.zeros(128)]], np.zeros(128)),
            ([np.zeros(128)], None),
            (None, np.zeros(128)),
            ([np.zeros(128), None], np.zeros(128)),
            ([np.zeros(128)], 0.5),
            ([np.zeros(128, complex)], np.zeros(128)),
            ((known for known in [np.zeros(128)]), np.zeros(128)),
        ],
    )
    def test_what_does_not_compare(self, known: Any, probe: Any) -> None:
        with pytest.raises(InputError, match="face_distance: expected a list of enc") as caught:
            face_recognition.compare_faces(known, probe)
        assert isinstance(caught.value, TypeError)


class TestShapes:
    def test_rectangles_answer_as_dlibs(self, dlib: Any) -> None:
        for css in [(10, 50, 40, 20), (-7, 4, 3, -12), (5, 1, 2, 9)]:
            ours, theirs = api._css_to_rect(css), dlib.rectangle(css[3], css[0], css[1], css[2])
            assert api._rect_to_css(ours) == api._rect_to_css(theirs) == css
            for name in ("left", "top", "right", "bottom", "width", "height", "area", "is_empty"):
                assert getattr(ours, name)() == getattr(theirs, name)(), name
            assert (str(ours), repr(ours)) == (str(theirs), repr(theirs))
            for corner in ("center", "tl_corner", "br_corner"):
                mine, its = getattr(ours, corner)(), getattr(theirs, corner)()
                assert (mine.x, mine.y) == (its.x, its.y), corner
                assert (str(mine), repr(mine)) == (str(its), repr(its))
            if not ours.is_empty():
                assert ours.contains(ours.tl_corner())
                assert not ours.contains(api.Point(css[1] + 1, css[0]))

    def test_boxes_are_cut_to_the_picture(self) -> None:
        assert api._trim_css_to_bounds((-3, 130, 95, -1), NOBODY.shape) == (0, 120, 90, 0)

    @pytest.mark.parametrize("css", [(1, 2, 3), "abcd", None, (1, 2, float("nan"), 4), 7])
    def test_what_is_no_box(self, css: Any) -> None:
        with pytest.raises(engine.FaceLocationError, match="top, right, bottom, left") as caught:
            api._css_to_rect(css)
        assert isinstance(caught.value, TypeError)


class TestArguments:
    """What needs no model to be refused."""

    @pytest.mark.parametrize("call", [face_recognition.face_landmarks, api._raw_face_landmarks])
    def test_a_landmark_model_that_does_not_exist(self, call: Callable[..., Any]) -> None:
        with pytest.raises(ValueError, match=r"Supported models are \['small', 'large'\]"):
            call(NOBODY, [], model="medium")

    def test_a_detector_that_does_not_exist(self) -> None:
        with pytest.raises(ConfigurationError, match='choose "hog" or "cnn"'):
            face_recognition.face_locations(NOBODY, model="HOG")

    @pytest.mark.parametrize("model", ["", None, ["small"]])
    def test_a_model_of_points_that_is_no_name(self, model: Any) -> None:
        with pytest.raises(ConfigurationError, match="Supported models"):
            face_recognition.face_encodings(NOBODY, [], model=model)

    @pytest.mark.parametrize("number", [-1, 0.5, "many", None, float("inf"), np.zeros(2)])
    def test_upsampling_that_cannot_be(self, number: Any) -> None:
        with pytest.raises(ConfigurationError, match="number_of_times_to_upsample"):
            face_recognition.face_locations(NOBODY, number)

    @pytest.mark.parametrize("size", [0, 1.5, None])
    def test_the_batch_size(self, size: Any) -> None:
        with pytest.raises(ConfigurationError, match="batch_size"):
            face_recognition.batch_face_locations([NOBODY], batch_size=size)

    @pytest.mark.parametrize("given", [NOBODY, NOBODY[..., 0], None, 7])
    def test_a_batch_is_a_list_of_pictures(self, given: Any) -> None:
        for call in (face_recognition.batch_face_locations, api._raw_face_locations_batched):
            with pytest.raises(pictures.UnsupportedImageError, match="a list of pictures"):
                call(given)

    @pytest.mark.parametrize("given", [(1, 20, 30, 4), np.array([1, 20, 30, 4]), 7, "abcd"])
    def test_boxes_are_a_list_of_boxes(self, given: Any) -> None:
        with pytest.raises(engine.FaceLocationError, match="a list of face locations"):
            face_recognition.face_encodings(NOBODY, given)

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"num_jitters": None}, "num_jitters"),
            ({"num_jitters": 2.5}, "num_jitters"),
            ({"seed": -1}, "seed"),
            ({"seed": "a"}, "seed"),
            ({"landmarks": "ears"}, "ears"),
            ({"landmarks": 5}, "not a subset"),
        ],
    )
    def test_options_are_looked_at_also_where_there_is_no_face(
        self, options: dict[str, Any], named: str
    ) -> None:
        with pytest.raises(InputError, match=named):
            face_recognition.face_encodings(NOBODY, [], **options)

    def test_a_forked_child_has_a_detector_of_its_own(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The parent's may be locked: by a thread that the child does not have."""
        ours = engine.detector("hog", 1)
        assert engine.detector("hog", 1) is ours
        monkeypatch.setattr("os.getpid", lambda: -1)
        assert engine.detector("hog", 1) is not ours

    @pytest.mark.parametrize(
        "picture",
        [
            None,
            "photo.jpg",
            NOBODY.astype(float),
            NOBODY.astype(np.uint16),  # black, if it was scaled
            NOBODY[None],
            np.zeros((0, 5, 3), "u1"),
        ],
    )
    def test_what_is_no_picture(self, picture: Any) -> None:
        with pytest.raises(ImageError) as caught:
            face_recognition.face_encodings(picture, [])
        assert isinstance(caught.value, RuntimeError | TypeError)

    def test_the_choice_of_hog(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(engine.HOG_VARIABLE, "maskwise")
        assert engine.detector("hog", 1).id == Mmod().id
        assert engine.detector("hog", 2).id == Mmod(upsample=2).id
        assert engine.detector("cnn", 1).id == Mmod(upsample=1).id
        monkeypatch.setenv(engine.HOG_VARIABLE, "dlib")
        assert engine.detector("hog", 1).id == "dlib-hog/upsample-1"
        monkeypatch.setenv(engine.HOG_VARIABLE, "other")
        with pytest.raises(ConfigurationError, match=engine.HOG_VARIABLE):
            engine.detector("hog", 1)

    @pytest.mark.parametrize("here", [True, False])
    def test_hog_is_dlibs_where_it_is(self, here: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("maskwise.detect.dlib_hog.available", lambda: here)
        assert engine.hog() == ("dlib" if here else "maskwise")

    def test_no_face_is_an_empty_list_and_in_strict_mode_an_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[Callable[[], list[Any]]] = [
            lambda: face_recognition.face_encodings(NOBODY, []),
            lambda: face_recognition.face_landmarks(NOBODY, [], model="small"),
        ]
        for call in calls:
            assert call() == []
            with face_recognition.strict(), pytest.raises(IndexError, match="no face"):
                call()
            monkeypatch.setenv(engine.STRICT_VARIABLE, "1")
            with pytest.raises(NoFaceError):
                call()
            with face_recognition.strict(False):
                assert call() == []
            monkeypatch.delenv(engine.STRICT_VARIABLE)
            assert call() == []


@pytest.mark.models
class TestOnPictures:
    """With the models, on the synthetic people."""

    @pytest.fixture(autouse=True)
    def _ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(engine.HOG_VARIABLE, "maskwise")

    def test_from_a_photo_to_a_match(self, sample_photos: list[Path]) -> None:
        found = []
        for path in sample_photos[:4]:
            picture = face_recognition.load_image_file(path)
            boxes = face_recognition.face_locations(picture)
            assert len(boxes) == 1
            assert all(type(v) is int for v in boxes[0])
            top, right, bottom, left = boxes[0]
            assert 0 <= top < bottom <= picture.shape[0]
            assert 0 <= left < right <= picture.shape[1]
            (encoding,) = face_recognition.face_encodings(picture, boxes)
            assert encoding.shape == (128,)
            assert encoding.dtype == np.float64
            found.append((path.parent.name, encoding))
        for name, encoding in found:
            matches = face_recognition.compare_faces([e for _, e in found], encoding)
            assert [m for m in matches if m]
            for (other, _), match in zip(found, matches, strict=True):
                assert not match or other == name

    def test_no_face_in_a_grey_wall(self) -> None:
        assert face_recognition.face_locations(NOBODY) == []
        assert face_recognition.batch_face_locations([NOBODY, NOBODY[:50]]) == [[], []]
        with face_recognition.strict(), pytest.raises(NoFaceError, match="120x90 px"):
            face_recognition.face_locations(NOBODY)

    def test_a_batch_of_unequal_sizes(self, sample: np.ndarray[Any, Any]) -> None:
        smaller = sample[: len(sample) * 3 // 4]
        both = face_recognition.batch_face_locations([sample, smaller], 0)
        assert both == [face_recognition.face_locations(s, 0, "cnn") for s in (sample, smaller)]
        assert len(both[0]) == 1
        raw = api._raw_face_locations_batched([sample], 0)
        assert api._rect_to_css(raw[0][0].rect) == both[0][0]
        assert raw[0][0].confidence > 0

    def test_strided_bgr_and_read_only_arrays(self, sample: np.ndarray[Any, Any]) -> None:
        boxes = face_recognition.face_locations(sample)
        (expected,) = face_recognition.face_encodings(sample, boxes)
        bgr = sample[:, :, ::-1].copy()
        frozen = sample.copy()
        frozen.flags.writeable = False
        for picture in (bgr[:, :, ::-1], np.asfortranarray(sample), frozen):
            assert face_recognition.face_locations(picture) == boxes
            (again,) = face_recognition.face_encodings(picture, boxes)
            assert np.array_equal(again, expected)
        assert sample.flags.writeable

    def test_boxes_of_numpy_and_of_fractions(self, sample: np.ndarray[Any, Any]) -> None:
        boxes = face_recognition.face_locations(sample)
        (expected,) = face_recognition.face_encodings(sample, boxes)
        for given in (np.array(boxes), np.array(boxes) + 0.25, [list(boxes[0])]):
            assert np.array_equal(face_recognition.face_encodings(sample, given)[0], expected)

    @pytest.mark.parametrize("css", [(50, 20, 90, 60), (50, 60, 50, 20), (10**9, 1, 2, 3)])
    def test_boxes_that_hold_no_face(self, css: Any) -> None:
        with pytest.raises(engine.FaceLocationError, match="no face fits in the box"):
            face_recognition.face_encodings(NOBODY, [css])

    def test_small_landmarks(self, sample: np.ndarray[Any, Any]) -> None:
        (points,) = face_recognition.face_landmarks(sample, model="small")
        assert {name: len(p) for name, p in points.items()} == {
            "nose_tip": 1,
            "left_eye": 2,
            "right_eye": 2,
        }
        (shape,) = api._raw_face_landmarks(sample, model="small")
        assert shape.num_parts == len(shape.parts()) == 5
        assert points["nose_tip"] == [(shape.part(4).x, shape.part(4).y)]
        # Left in the picture, as face_recognition says it.
        assert points["left_eye"][0][0] < points["right_eye"][0][0]
        with pytest.raises(IndexError):
            shape.part(5)

    def test_jitters_are_seeded(self, sample: np.ndarray[Any, Any]) -> None:
        boxes = face_recognition.face_locations(sample)

        def encoded(**options: Any) -> Any:
            return face_recognition.face_encodings(sample, boxes, **options)[0]

        plain, five = encoded(), encoded(num_jitters=5)
        assert np.array_equal(five, encoded(num_jitters=5))
        assert not np.array_equal(five, encoded(num_jitters=5, seed=1))
        assert 0 < np.linalg.norm(five - plain) < 0.3

    def test_a_subset_of_the_points(self, sample: np.ndarray[Any, Any]) -> None:
        boxes = face_recognition.face_locations(sample)
        (plain,) = face_recognition.face_encodings(sample, boxes)
        (everything,) = face_recognition.face_encodings(sample, boxes, landmarks="all")
        (eyes,) = face_recognition.face_encodings(sample, boxes, landmarks="eyes")
        (same,) = face_recognition.face_encodings(sample, boxes, landmarks=iter([0, 1, 2, 3]))
        assert np.array_equal(plain, everything)
        assert np.array_equal(eyes, same)
        assert 0 < np.linalg.norm(eyes - plain) < 0.6
        with pytest.raises(InputError, match="eyes"):
            face_recognition.face_encodings(sample, boxes, landmarks="ears")

    def test_sixty_eight_points_need_their_licence(
        self, sample: np.ndarray[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        engine._predictor.cache_clear()
        with pytest.raises(MaskwiseError, match=r'model="small"') as caught:
            face_recognition.face_landmarks(sample)
        assert isinstance(caught.value, LicenceError)

    def test_large_landmarks_and_encodings(
        self, sample: np.ndarray[Any, Any], dlib_models: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MASKWISE_ACCEPT_LICENCES", "dlib-68-points")
        engine._predictor.cache_clear()
        boxes = face_recognition.face_locations(sample)
        (points,) = face_recognition.face_landmarks(sample, boxes)
        counts = [17, 5, 5, 4, 5, 6, 6, 12, 12]
        assert [len(p) for p in points.values()] == counts
        assert points["top_lip"][0] == points["bottom_lip"][6]
        (small,) = face_recognition.face_encodings(sample, boxes)
        (large,) = face_recognition.face_encodings(sample, boxes, model="large")
        assert 0 < np.linalg.norm(small - large) < 0.5


@pytest.mark.models
def test_answers_equal_dlibs(
    dlib: Any, dlib_models: Path, sample_photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the original computes, on the same photos: boxes, points, encodings."""
    monkeypatch.setenv(engine.HOG_VARIABLE, "dlib")
    monkeypatch.setenv("MASKWISE_ACCEPT_LICENCES", "dlib-68-points")
    engine._predictor.cache_clear()
    hog = dlib.get_frontal_face_detector()
    network = dlib.face_recognition_model_v1(
        str(dlib_models / "dlib_face_recognition_resnet_model_v1.dat")
    )
    predictors = {
        model: dlib.shape_predictor(str(dlib_models / f"shape_predictor_{points}.dat"))
        for model, points in (("small", "5_face_landmarks"), ("large", "68_face_landmarks"))
    }
    faces = 0
    for path in sample_photos[:6]:
        picture = face_recognition.load_image_file(path)
        theirs = hog(picture, 1)
        assert [api._rect_to_css(r) for r in api._raw_face_locations(picture)] == [
            api._rect_to_css(r) for r in theirs
        ]
        boxes = [api._rect_to_css(r) for r in theirs]
        for model, predictor in predictors.items():
            shapes = [predictor(picture, rect) for rect in theirs]
            ours = api._raw_face_landmarks(picture, boxes, model)
            for mine, its in zip(ours, shapes, strict=True):
                assert [(p.x, p.y) for p in mine.parts()] == [(p.x, p.y) for p in its.parts()]
            encodings = face_recognition.face_encodings(picture, boxes, model=model)
            for encoding, shape in zip(encodings, shapes, strict=True):
                expected = np.array(network.compute_face_descriptor(picture, shape))
                assert np.abs(encoding - expected).max() <= 1e-3
        faces += len(boxes)
    assert faces >= 5


def test_nothing_warns_and_nothing_quits() -> None:
    program = "import maskwise.compat.face_recognition"
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
