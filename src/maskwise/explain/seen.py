"""Which landmarks and pixels of a face are covered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np

from maskwise.align import transform_of
from maskwise.answers import Face
from maskwise.cover import outline
from maskwise.errors import InputError
from maskwise.explain.values import Seen
from maskwise.masks import covered_landmarks
from maskwise.occlusion import alpha_on_chip
from maskwise.types import U8, Bool, ChipSpec, Image, Scheme

_HALF: Final = 128
"""An alpha from here up is covered."""

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


def seen(face: Face, picture: Image, looked_at: ChipSpec | None = None) -> Seen:
    """What of ``face`` is covered, or outside ``picture``, where it was found.

    looked_at: the chips of which ``face.mask.alpha`` is, those of the mask classifier; None: the
    encoder's. Where no classifier gave an alpha, a face in a mask is taken to be covered where a
    surgical mask lies on the mean face (``cover.outline``), and a bare one nowhere.
    Raises InputError where the face's landmarks do not place ``looked_at``.
    """
    if face.mask.alpha is not None:
        alpha = measured_alpha(face, looked_at or face.chip.spec)
        if not (alpha >= _HALF).any():
            return Seen(None, False, _free(face, picture))
        return Seen(alpha, False, _free(face, picture, alpha))
    if not face.mask.worn:
        return Seen(None, False, _free(face, picture))
    alpha = outline(face.chip.spec)
    return Seen(alpha, True, _free(face, picture, alpha))


def measured_alpha(face: Face, looked_at: ChipSpec) -> U8:
    """(S, S) uint8 in the frame of the encoder's chip: ``face.mask.alpha``, which is of a chip
    ``looked_at``. What that chip did not show is free.

    Raises InputError without an alpha, and where the face's landmarks do not place ``looked_at``.
    """
    if face.mask.alpha is None:
        raise InputError("explain: the mask classifier of this face gives no alpha")
    alpha = alpha_on_chip(face.mask.alpha, looked_at.size)
    chip = face.chip
    if looked_at.name == chip.spec.name:
        return alpha
    back = cv2.invertAffineTransform(transform_of(face.landmarks, looked_at))
    onto = chip.transform[:, :2] @ back
    onto[:, 2] += chip.transform[:, 2]
    size = chip.spec.size
    return np.asarray(cv2.warpAffine(alpha, onto, (size, size), flags=cv2.INTER_LINEAR), np.uint8)


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
