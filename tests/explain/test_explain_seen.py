"""Which landmarks and pixels of a face are covered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from maskwise.align import DLIB_CHIP, FIVE_CHIP
from maskwise.answers import Face
from maskwise.errors import InputError
from maskwise.explain import seen as module
from maskwise.explain.seen import points_in_words
from maskwise.explain.values import Seen
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


def seen(one: Face, alpha: U8 | None = None, width: int = 170) -> Seen:
    return module.seen(one, Image(np.zeros((170, width, 3), np.uint8)), alpha)


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


def test_a_measured_alpha_counts_instead() -> None:
    alpha = np.zeros((150, 150), np.uint8)
    alpha[95:] = 255  # below the nose
    found = seen(face(MaskState(0.99)), alpha)
    assert not found.assumed
    assert points_in_words("five", found.visible) == (
        ["right eye", "left eye", "nose tip"],
        ["mouth corners"],
    )
    state = SimpleNamespace(worn=True, probability=1.0, alpha=alpha)
    assert (seen(face(state)).visible == found.visible).all()


def test_an_alpha_of_another_frame_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected \(150, 150\) uint8"):
        seen(face(MaskState(0.99)), np.zeros((112, 112), np.uint8))


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
