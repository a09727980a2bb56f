"""What every landmark predictor must do: subclass ``LandmarksContract`` in its tests."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

import numpy as np
import pytest

from maskwise.landmarks.protocol import LandmarkPredictor
from maskwise.testing.pictures import drawn_face, face_detection
from maskwise.types import SCHEME_POINTS, Detection, Image, Landmarks


class LandmarksContract:
    """Override ``predictor``; pytest then runs these tests on it.

    ``tolerance_px`` is how far a point may move where it should not.
    """

    tolerance_px = 1e-3

    @pytest.fixture
    def predictor(self) -> LandmarkPredictor:
        """The predictor under test."""
        raise NotImplementedError("override the fixture `predictor`")

    @pytest.fixture
    def picture(self) -> Image:
        """One drawn face of 120 px amid 240 x 240 px."""
        return drawn_face(3)

    @pytest.fixture
    def faces(self) -> list[Detection]:
        """Four boxes that cover the drawn face more or less, none like another."""
        middle = face_detection().box
        moves = [(0, 0, 0, 0), (-14, -9, 6, 11), (10, 12, 10, 12), (-20, 0, -20, 0)]
        return [Detection(middle + np.array(move, np.float32), 1.0) for move in moves]

    def close(self, a: Landmarks, b: Landmarks) -> bool:
        """Whether all points are within the tolerance."""
        return bool(np.abs(a.points - b.points).max() <= self.tolerance_px)

    def test_one_result_a_face_in_the_scheme_it_claims(
        self, predictor: LandmarkPredictor, picture: Image, faces: list[Detection]
    ) -> None:
        found = predictor.predict(picture, faces)
        assert [f.scheme for f in found] == [predictor.scheme] * len(faces)
        assert all(f.points.shape == (SCHEME_POINTS[predictor.scheme], 2) for f in found)

    def test_no_faces_give_no_results(self, predictor: LandmarkPredictor, picture: Image) -> None:
        assert predictor.predict(picture, []) == []

    def test_the_points_lie_about_the_face(
        self, predictor: LandmarkPredictor, picture: Image, faces: list[Detection]
    ) -> None:
        (found,) = predictor.predict(picture, faces[:1])
        x1, y1, x2, y2 = faces[0].box
        middle = found.points.mean(0)
        assert x1 < middle[0] < x2
        assert y1 < middle[1] < y2
        assert 0.2 * (x2 - x1) < found.ipd_px < x2 - x1

    def test_right_and_left_are_the_subjects(
        self, predictor: LandmarkPredictor, picture: Image, faces: list[Detection]
    ) -> None:
        (found,) = predictor.predict(picture, faces[:1])
        right, left = found.eyes
        assert right[0] < left[0]

    def test_faces_do_not_sway_one_another(
        self, predictor: LandmarkPredictor, picture: Image, faces: list[Detection]
    ) -> None:
        together = predictor.predict(picture, faces)
        singly = [predictor.predict(picture, [face])[0] for face in faces]
        assert all(map(self.close, together, singly))

    def test_results_follow_the_order_of_the_faces(
        self, predictor: LandmarkPredictor, picture: Image, faces: list[Detection]
    ) -> None:
        forwards = predictor.predict(picture, faces)
        backwards = predictor.predict(picture, faces[::-1])
        assert all(map(self.close, forwards, backwards[::-1]))
        assert not self.close(forwards[0], forwards[-1])

    def test_the_points_move_with_the_picture(
        self, predictor: LandmarkPredictor, picture: Image, faces: list[Detection]
    ) -> None:
        right, down = 31, 17
        moved = np.zeros((picture.height + 60, picture.width + 60, 3), np.uint8)
        moved[down : down + picture.height, right : right + picture.width] = picture.pixels
        shift = np.array([right, down], np.float32)
        boxes = [Detection(face.box + np.tile(shift, 2), 1.0) for face in faces]
        before = predictor.predict(picture, faces)
        after = predictor.predict(Image(moved), boxes)
        back = [Landmarks(f.scheme, f.points - shift) for f in after]
        assert all(map(self.close, before, back))

    def test_boxes_over_the_edge_and_outside_are_answered(
        self, predictor: LandmarkPredictor, picture: Image
    ) -> None:
        boxes = [(-60, -60, 60, 60), (200, 180, 330, 310), (900, 900, 1000, 1000), (5, 5, 6, 6)]
        faces = [Detection(np.array(box, np.float32), 1.0) for box in boxes]
        found = predictor.predict(picture, faces)
        assert len(found) == len(boxes)
        assert all(np.isfinite(f.points).all() for f in found)

    def test_a_picture_of_one_pixel_is_answered(self, predictor: LandmarkPredictor) -> None:
        face = Detection(np.array([0, 0, 1, 1], np.float32), 1.0)
        assert len(predictor.predict(Image(np.zeros((1, 1, 3), np.uint8)), [face])) == 1

    def test_the_id_is_stable(
        self, predictor: LandmarkPredictor, picture: Image, faces: list[Detection]
    ) -> None:
        before = predictor.id
        predictor.predict(picture, faces)
        assert predictor.id == before != ""
