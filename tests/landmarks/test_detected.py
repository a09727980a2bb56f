from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maskwise import landmarks
from maskwise.align import ARCFACE_CHIP
from maskwise.errors import ConfigurationError
from maskwise.landmarks.detected import Detected
from maskwise.landmarks.start_box import start_boxes
from maskwise.types import Detection, Image, Landmarks

PICTURE = Image(np.zeros((200, 200, 3), np.uint8))


def five(scale: float = 1.0, turn: float = 0.0, at: tuple[float, float] = (0.0, 0.0)) -> Landmarks:
    """ArcFace's mean face in px of a picture."""
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return Landmarks("five", np.float32(ARCFACE_CHIP.reference @ (scale * spin).T + at))


def found(points: Landmarks | None) -> Detection:
    return Detection(np.float32([10, 20, 90, 130]), 0.9, points)


def test_the_detectors_own_are_handed_on() -> None:
    points = five()
    assert Detected().predict(PICTURE, [found(points)]) == [points]
    assert Detected().predict(PICTURE, []) == []
    assert Detected("ibug68").id == "detector/ibug68"
    assert landmarks.create("detector").scheme == "five"


@pytest.mark.parametrize("points", [None, Landmarks("dlib5", np.zeros((5, 2)))])
def test_a_detection_without_them_is_an_error(points: Landmarks | None) -> None:
    with pytest.raises(ConfigurationError, match=r"it gave (none|dlib5 ones); choose"):
        Detected().predict(PICTURE, [found(points)])


class TestStartBoxes:
    def test_without_the_five_the_box_is_the_detectors(self) -> None:
        hidden = replace(five(), visible=np.array([True, True, False, False, False]))
        for points in (None, hidden, Landmarks("dlib5", np.zeros((5, 2)))):
            np.testing.assert_array_equal(start_boxes([found(points)]), [[10, 20, 90, 130]])

    def test_points_in_one_place_leave_the_box(self) -> None:
        points = Landmarks("five", np.full((5, 2), 50.0))
        np.testing.assert_array_equal(start_boxes([found(points)]), [[10, 20, 90, 130]])

    @pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
    @pytest.mark.parametrize("turn", [-0.5, 0.0, 0.8])
    def test_else_a_square_that_goes_with_the_face(self, scale: float, turn: float) -> None:
        (box,) = start_boxes([found(five(scale, turn, (30, 40)))])
        width, height = box[2:] - box[:2]
        assert width == pytest.approx(height)
        (plain,) = start_boxes([found(five())])
        assert width + 1 == pytest.approx(scale * (plain[2] - plain[0] + 1), rel=1e-5)
        # The eyes lie in its upper half, the mouth in its lower one.
        (x1, y1, x2, y2), points = plain, ARCFACE_CHIP.reference
        assert x1 < points[0, 0] < points[1, 0] < x2
        assert y1 < points[0, 1] < (y1 + y2) / 2 < points[3, 1] < y2
