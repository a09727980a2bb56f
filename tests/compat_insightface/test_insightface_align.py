from __future__ import annotations

from typing import Any

import cv2
import insight_models as built
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.align import similarity
from maskwise.compat.insightface.utils import face_align
from maskwise.errors import ConfigurationError, InputError

Points = npt.NDArray[np.float32]


@st.composite
def five_points(draw: st.DrawFn) -> Points:
    """Five points like a face's: the reference ones turned, scaled, moved and bent."""
    scale, turn = draw(st.floats(0.2, 30)), draw(st.floats(-3.1, 3.1))
    move = draw(st.tuples(st.floats(-500, 4000), st.floats(-500, 4000)))
    bend = draw(st.lists(st.floats(-6, 6), min_size=10, max_size=10))
    points = face_align.arcface_dst + np.reshape(bend, (5, 2)) - 60
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray(points @ spin * scale + move, np.float32)


class TestEstimateNorm:
    @given(five_points())
    def test_is_the_least_squares_similarity_in_the_chip(self, points: Points) -> None:
        found = face_align.estimate_norm(points)
        best = similarity(points, face_align.arcface_dst)
        # float32 of coordinates of thousands: hundredths of a px of the chip.
        corners = np.column_stack([points, np.ones(5)])
        np.testing.assert_allclose(corners @ found.T, corners @ best.T, atol=0.02)

    @given(five_points())
    def test_turns_and_scales_alone(self, points: Points) -> None:
        (a, b, _), (c, d, _) = face_align.estimate_norm(points)
        assert a == pytest.approx(d, rel=1e-4, abs=1e-6)
        assert b == pytest.approx(-c, rel=1e-4, abs=1e-6)
        assert a * d - b * c > 0, "a face is never mirrored"

    @pytest.mark.parametrize(("size", "shift"), [(112, 0), (224, 0), (128, 8), (256, 16)])
    def test_the_reference_points_of_each_size_stay(self, size: int, shift: int) -> None:
        unit = 112 if size % 112 == 0 else 128
        points = face_align.arcface_dst * (size / unit) + np.float32([shift, 0])
        found = face_align.estimate_norm(points, size)
        np.testing.assert_allclose(found, [[1, 0, 0], [0, 1, 0]], atol=1e-4)

    def test_lists_will_do(self) -> None:
        found = face_align.estimate_norm((face_align.arcface_dst * 2).tolist())
        np.testing.assert_allclose(found[:, :2], np.eye(2) / 2, atol=1e-6)

    @pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), np.nan)])
    def test_points_that_are_no_face(self, points: Any) -> None:
        with pytest.raises(InputError, match="in one place"):
            face_align.estimate_norm(points)

    def test_wrong_arguments(self) -> None:
        points = face_align.arcface_dst
        with pytest.raises(InputError, match=r"\(68, 2\)"):
            face_align.estimate_norm(np.zeros((68, 2)))
        with pytest.raises(ConfigurationError, match="multiple of 112 or 128"):
            face_align.estimate_norm(points, 160)
        with pytest.raises(ConfigurationError, match="arcface"):
            face_align.estimate_norm(points, 112, "ffhq")


class TestNormCrop:
    def test_no_change_for_a_face_that_lies_right(self) -> None:
        picture = built.picture(3, 112, 112)
        found = face_align.norm_crop(picture, face_align.arcface_dst)
        assert np.abs(found.astype(int) - picture).max() <= 1

    def test_black_outside_and_no_averaging(self) -> None:
        picture = np.zeros((800, 800, 3), np.uint8)
        picture[::2] = 255
        chip, matrix = face_align.norm_crop2(picture, face_align.arcface_dst * 6.5 + 300)
        expected = cv2.warpAffine(picture, matrix, (112, 112), borderValue=0.0)
        np.testing.assert_array_equal(chip, expected)
        assert not chip[-1].any()
        assert chip[:20].std() > 60, "rows were averaged"

    @pytest.mark.parametrize("picture", [None, "a.jpg", np.zeros(3), np.zeros((0, 3, 3))])
    def test_what_is_no_picture(self, picture: Any) -> None:
        with pytest.raises(InputError, match="array of a picture"):
            face_align.norm_crop(picture, face_align.arcface_dst)

    def test_what_opencv_refuses(self) -> None:
        with pytest.raises(InputError, match=r"OpenCV cannot cut a chip out of \(9, 9, 3\) int64"):
            face_align.norm_crop(np.zeros((9, 9, 3), np.int64), face_align.arcface_dst)
