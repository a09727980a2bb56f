"""Which landmarks and pixels of a face are covered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from maskwise.answers import Face
from maskwise.cover import outline
from maskwise.errors import InputError
from maskwise.explain.values import Seen
from maskwise.masks import covered_landmarks
from maskwise.types import U8, Bool, Image, Scheme

_POINTS: Final[Mapping[Scheme, Mapping[str, range]]] = {
    "five": {
        "right eye": range(1),
        "left eye": range(1, 2),
        "nose tip": range(2, 3),
        "mouth corners": range(3, 5),
    },
    "dlib5": {"left eye": range(2), "right eye": range(2, 4), "nose base": range(4, 5)},
    "ibug68": {
        "jaw": range(17),
        "brows": range(17, 27),
        "nose": range(27, 36),
        "right eye": range(36, 42),
        "left eye": range(42, 48),
        "mouth": range(48, 68),
    },
}
"""Left and right are the subject's; see ``types.Scheme``."""


def seen(face: Face, picture: Image, alpha: U8 | None = None) -> Seen:
    """What of ``face`` is covered, or outside ``picture``, where it was found.

    alpha: (S, S) uint8 in the chip's frame, where something measured it (``MaskState.alpha``, if
    the mask classifier gives one). Without it, a face in a mask is taken to be covered where a
    surgical mask lies on the mean face (``cover.outline``), and a bare one nowhere.
    Raises InputError for an ``alpha`` of another shape or dtype.
    """
    chip = face.chip
    if alpha is None:
        alpha = getattr(face.mask, "alpha", None)
    if alpha is not None:
        size = chip.spec.size
        if alpha.shape != (size, size) or alpha.dtype != np.uint8:
            raise InputError(
                f"alpha: expected ({size}, {size}) uint8, got {alpha.shape} {alpha.dtype}"
            )
        return Seen(alpha, False, _free(face, picture, alpha))
    if not face.mask.worn:
        return Seen(None, False, _free(face, picture))
    alpha = outline(chip.spec)
    return Seen(alpha, True, _free(face, picture, alpha))


def points_in_words(scheme: Scheme, visible: Bool) -> tuple[list[str], list[str]]:
    """The names of the landmarks that are visible, and of those that are not.

    A group of points (the corners of the mouth) is hidden when most of it is.
    """
    shown: list[str] = []
    hidden: list[str] = []
    for name, points in _POINTS[scheme].items():
        (shown if visible[list(points)].mean() >= 0.5 else hidden).append(name)
    return shown, hidden


def _free(face: Face, picture: Image, alpha: U8 | None = None) -> Bool:
    points = face.landmarks.points
    inside = ((points > -0.5) & (points < (picture.width - 0.5, picture.height - 0.5))).all(1)
    free: Bool = face.landmarks.visible & inside
    return free if alpha is None else free & ~covered_landmarks(face.chip.landmarks, alpha)
