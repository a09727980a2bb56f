"""Which landmarks and pixels of a face are covered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from maskwise.align import ARCFACE_CHIP, DLIB_CHIP, FIVE_CHIP, transform_of
from maskwise.answers import Face
from maskwise.explain import seen as module
from maskwise.explain.seen import points_in_words
from maskwise.explain.values import Seen
from maskwise.occlusion import alpha_on_chip
from maskwise.types import (
    NO_MASK,
    U8,
    Chip,
    ChipSpec,
    Detection,
    Image,
    Landmarks,
    MaskState,
    Template,
)


def face(state: Any, spec: ChipSpec = FIVE_CHIP) -> Face:
    """A face that fills its photo as its chip does, shifted by 10 px."""
    points = spec.reference.astype(np.float32)
    shift = np.array([[1, 0, -10], [0, 1, -10]], np.float64)
    return Face(
        Detection(np.array([30, 20, 140, 150], np.float32), 0.9),
        Landmarks(spec.scheme, points + 10),
        Chip(np.zeros((150, 150, 3), np.uint8), shift, spec, Landmarks(spec.scheme, points)),
        state,
        Template(np.array([1, 0], np.float32), "fake", NO_MASK),
    )


def seen(one: Face, width: int = 170, looked_at: ChipSpec | None = None) -> Seen:
    return module.seen(one, Image(np.zeros((170, width, 3), np.uint8)), looked_at)


def test_points_outside_the_picture_are_hidden() -> None:
    found = seen(face(MaskState(0.01)), width=100)  # the left eye is at 111, the mouth's at 107
    assert points_in_words("five", found.visible)[1] == ["left eye"]
    assert found.visible.tolist() == [True, False, True, True, False]
    assert found.alpha is None


def test_a_bare_face_is_free() -> None:
    found = seen(face(MaskState(0.01)))
    assert found.alpha is None
    assert found.visible.all()
    assert (found.assumed, found.share) == (False, 0)


@pytest.mark.parametrize("spec", [FIVE_CHIP, DLIB_CHIP], ids=lambda spec: spec.name)
def test_under_an_assumed_mask_the_eyes_alone_are_visible(spec: ChipSpec) -> None:
    found = seen(face(MaskState(0.99), spec))
    assert found.assumed
    assert 0.2 < found.share < 0.5
    shown, hidden = points_in_words(spec.scheme, found.visible)
    assert {"left eye", "right eye"} == set(shown)
    assert hidden


def covered_from(row: int) -> U8:
    """(38, 38) uint8: all below is covered."""
    cells = np.zeros((38, 38), np.uint8)
    cells[row:] = 255
    return cells


def test_a_measured_alpha_counts_instead() -> None:
    below_the_nose = MaskState(0.99, style="under-nose", alpha=covered_from(24))  # row 95
    found = seen(face(below_the_nose))
    assert not found.assumed
    assert found.share == pytest.approx(55 / 150, abs=0.01)
    assert points_in_words("five", found.visible) == (
        ["right eye", "left eye", "nose tip"],
        ["mouth corners"],
    )


def test_a_hand_covers_without_a_mask() -> None:
    found = seen(face(MaskState(0.01, alpha=covered_from(24))))
    assert not found.assumed
    assert points_in_words("five", found.visible)[1] == ["mouth corners"]


def test_what_is_hardly_covered_is_free() -> None:
    found = seen(face(MaskState(0.01, alpha=np.full((38, 38), 127, np.uint8))))
    assert found.alpha is None
    assert found.visible.all()


def test_the_alpha_of_another_chip_is_brought_to_the_encoders() -> None:
    """ArcFace's chip is smaller and shows less: the same cells lie elsewhere in it."""
    looked_at = FIVE_CHIP
    cells = covered_from(24)
    own = face(MaskState(0.99, alpha=cells))
    spec = ARCFACE_CHIP
    onto = transform_of(own.landmarks, spec)
    other = replace(
        own,
        chip=Chip(np.zeros((112, 112, 3), np.uint8), onto, spec, own.landmarks.mapped(onto)),
    )
    found = seen(other, looked_at=looked_at)
    assert found.alpha is not None
    assert found.alpha.shape == (112, 112)
    # The picture's row where the cover begins, by either chip.
    begins = (np.arange(112) + 0.0)[(found.alpha >= 128)[:, 56]][0]
    back = cv2.invertAffineTransform(onto)
    assert (back @ (56, begins, 1))[1] == pytest.approx(95 + 10, abs=1.5)
    assert (found.visible == seen(own).visible).all()


def test_the_alpha_of_a_larger_chip() -> None:
    one = face(MaskState(0.99, alpha=covered_from(19)))
    assert alpha_on_chip(one.mask.alpha, 300).shape == (300, 300)  # type: ignore[arg-type]
    half = alpha_on_chip(covered_from(19), 300)[:, 150]
    assert np.flatnonzero(half >= 128)[0] == pytest.approx(150, abs=1)


def test_landmarks_that_were_hidden_before_stay_so() -> None:
    one = face(MaskState(0.01))
    visible = np.array([True, False, True, True, True])
    hidden = Face(
        one.detection,
        Landmarks("five", one.landmarks.points, visible),
        one.chip,
        one.mask,
        one.template,
    )
    assert (seen(hidden).visible == visible).all()
    assert points_in_words("five", seen(hidden).visible)[1] == ["left eye"]
