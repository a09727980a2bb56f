"""What every detector must do: subclass ``DetectorContract`` in the backend's tests."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from maskwise import image
from maskwise.detect.protocol import Detector
from maskwise.errors import ImageError, InputError
from maskwise.testing.pictures import drawn_face
from maskwise.types import F32, U8, Detection, Image


class DetectorContract:
    """Override ``detector``; pytest then runs these tests on it.

    The faces are drawn, since a picture of a person does not belong in a package. Override
    ``face`` where the detector passes drawn ones over.
    """

    overlap = 0.4
    """The least intersection over union of a found box with the face's own."""

    @pytest.fixture
    def detector(self) -> Detector:
        """The detector under test."""
        raise NotImplementedError("override the fixture `detector`")

    @pytest.fixture
    def face(self) -> tuple[U8, F32]:
        """(H, W, 3) uint8 RGB of one face, and its box (4,) in px; eyes to mouth lie within."""
        return drawn_face(0, (200, 200), 100).pixels, np.array([50, 50, 150, 150], np.float32)

    def test_finds_a_face_where_it_is(self, detector: Detector, face: tuple[U8, F32]) -> None:
        pixels, box = face
        found = detector.detect(_on_grey(pixels, (400, 500), [(30, 140)]))
        assert len(found) == 1
        assert _overlap(found[0], _moved(box, 30, 140)) >= self.overlap

    def test_finds_two_faces_best_first(self, detector: Detector, face: tuple[U8, F32]) -> None:
        pixels, box = face
        places = [(10, 20), (270, 160)]
        found = detector.detect(_on_grey(pixels, (400, 500), places))
        assert len(found) == 2
        assert found[0].score >= found[1].score
        for x, y in places:
            assert max(_overlap(one, _moved(box, x, y)) for one in found) >= self.overlap

    def test_landmarks_are_of_its_scheme_and_lie_in_the_box(
        self, detector: Detector, face: tuple[U8, F32]
    ) -> None:
        found = detector.detect(Image(face[0]))
        assert found
        for one in found:
            if one.landmarks is None:
                assert detector.scheme is None
                continue
            assert one.landmarks.scheme == detector.scheme
            middle = one.landmarks.points.mean(axis=0)
            assert (middle >= one.box[:2]).all()
            assert (middle <= one.box[2:]).all()

    @pytest.mark.parametrize(
        "size", [(1, 1), (1, 2), (2, 1), (9, 9), (1, 600), (600, 1), (7, 40), (40, 7), (64, 48)]
    )
    @pytest.mark.parametrize("value", [0, 128, 255])
    def test_no_face_gives_an_empty_list(
        self, detector: Detector, size: tuple[int, int], value: int
    ) -> None:
        assert detector.detect(Image(np.full((*size, 3), value, np.uint8))) == []

    def test_the_same_picture_gives_the_same_answer(
        self, detector: Detector, face: tuple[U8, F32]
    ) -> None:
        picture = Image(face[0])
        first = detector.detect(picture)
        detector.detect(_on_grey(face[0], (300, 420), [(5, 8)]))
        second = detector.detect(picture)
        assert first
        assert [one.score for one in first] == [one.score for one in second]
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one.box, other.box)

    @pytest.mark.parametrize("how", ["16 bits", "mirrored", "turned", "every second", "BGR"])
    def test_an_array_of_any_layout_is_seen_as_its_pixels_are(
        self, detector: Detector, face: tuple[U8, F32], how: str
    ) -> None:
        pixels = face[0]
        views: dict[str, tuple[npt.NDArray[np.generic], U8]] = {
            "16 bits": (pixels.astype(np.uint16) * 257, pixels),
            "mirrored": (pixels[:, ::-1], pixels[:, ::-1]),
            "turned": (np.rot90(pixels), np.rot90(pixels)),
            "every second": (np.repeat(pixels, 2, axis=1)[:, ::2], pixels),
            "BGR": (pixels[..., ::-1], pixels),
        }
        given, same = views[how]
        order: image.ColorOrder = "bgr" if how == "BGR" else "rgb"
        found = detector.detect(image.load(given, color_order=order))
        wanted = detector.detect(Image(same.copy()))
        assert wanted or how == "turned"
        assert _numbers(found) == _numbers(wanted)

    @pytest.mark.parametrize("shape", [(0, 0, 3), (0, 40, 3), (40, 0, 3)])
    def test_a_picture_without_pixels_never_gets_here(self, shape: tuple[int, int, int]) -> None:
        empty = np.zeros(shape, np.uint8)
        with pytest.raises(ImageError, match="no pixels"):
            image.load(empty)
        with pytest.raises(InputError, match="a pixel or more"):
            Image(empty)

    @pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 333), (40, 33), (256, 256)])
    def test_whatever_is_seen_answers_are_numbers_best_first(
        self, detector: Detector, size: tuple[int, int]
    ) -> None:
        rng = np.random.default_rng(11)
        for pixels in (rng.integers(0, 256, (*size, 3)), rng.integers(0, 2, (*size, 3)) * 255):
            found = detector.detect(Image(pixels.astype(np.uint8)))
            scores = [one.score for one in found]
            assert scores == sorted(scores, reverse=True)
            assert np.isfinite(_numbers(found)).all()

    def test_the_id_is_stable(self, detector: Detector, face: tuple[U8, F32]) -> None:
        before = detector.id
        detector.detect(Image(face[0]))
        assert before
        assert detector.id == before


def _numbers(found: list[Detection]) -> list[float]:
    """Scores, boxes and points in a row."""
    numbers: list[float] = []
    for one in found:
        points = [] if one.landmarks is None else one.landmarks.points.ravel().tolist()
        numbers += [one.score, *one.box.tolist(), *points]
    return numbers


def _on_grey(pixels: U8, size: tuple[int, int], places: list[tuple[int, int]]) -> Image:
    """``pixels`` laid on grey with their corner at each of ``places`` (x, y)."""
    canvas = np.full((*size, 3), 128, np.uint8)
    height, width = pixels.shape[:2]
    for x, y in places:
        canvas[y : y + height, x : x + width] = pixels
    return Image(canvas)


def _moved(box: F32, x: int, y: int) -> F32:
    return box + np.array([x, y, x, y], np.float32)


def _overlap(one: Detection, box: F32) -> float:
    """Intersection over union."""
    sides = np.minimum(one.box[2:], box[2:]) - np.maximum(one.box[:2], box[:2])
    inner = float(np.prod(np.maximum(sides, 0)))
    return inner / (one.area + float(np.prod(box[2:] - box[:2])) - inner)
