"""What every detector must do: subclass ``DetectorContract`` in the backend's tests."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

import numpy as np
import pytest

from maskwise.detect.protocol import Detector
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
        image = Image(face[0])
        first = detector.detect(image)
        detector.detect(_on_grey(face[0], (300, 420), [(5, 8)]))
        second = detector.detect(image)
        assert first
        assert [one.score for one in first] == [one.score for one in second]
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one.box, other.box)

    def test_the_id_is_stable(self, detector: Detector, face: tuple[U8, F32]) -> None:
        before = detector.id
        detector.detect(Image(face[0]))
        assert before
        assert detector.id == before


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
