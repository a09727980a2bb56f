"""The faces that are to be found in a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from maskwise.align import align
from maskwise.errors import InputError
from maskwise.evaluate.detection.matching import clipped
from maskwise.occlusion import MaskClassifier, placed
from maskwise.types import F64, Bool, Detection, Image, Landmarks, Scheme

TEACHER_SCORE: Final = 0.8
"""A teacher's boxes from this score up are taken for faces."""
TEACHER_LEAST_PX: Final = 32.0
"""And from this height up: smaller ones the teacher itself is not sure of."""


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face of the truth. box: (4,) float64 x1, y1, x2, y2 px, within the photo.

    ignored: neither to be found nor false to find. masked: None where nothing tells.
    points: of the face, where they are known. score: the teacher's, where one found it.
    """

    box: F64
    ignored: bool = False
    masked: bool | None = None
    points: Landmarks | None = None
    score: float | None = None

    @property
    def height_px(self) -> float:
        """Of the box."""
        return float(self.box[3] - self.box[1])


def boxes_of(faces: Sequence[Face]) -> F64:
    """(T, 4) float64."""
    return np.array([face.box for face in faces], np.float64).reshape(-1, 4)


def ignored_of(faces: Sequence[Face]) -> Bool:
    """(T,) bool."""
    return np.array([face.ignored for face in faces], np.bool_)


def from_teacher(
    found: Sequence[Detection], size: tuple[int, int], *, least_score: float, least_px: float
) -> list[Face]:
    """A teacher's boxes as truth; those below either limit are ignored. size: width, height."""
    boxes = clipped([d.box for d in found], *size)
    return [
        Face(
            box=box,
            ignored=d.score < least_score or float(box[3] - box[1]) < least_px,
            points=d.landmarks,
            score=d.score,
        )
        for d, box in zip(found, boxes, strict=True)
        if (box[2:] > box[:2]).all()
    ]


def ignore_small(faces: Sequence[Face], least_px: float) -> list[Face]:
    """The faces less high than ``least_px`` are ignored."""
    return [replace(f, ignored=f.ignored or f.height_px < least_px) for f in faces]


class WearTeller:
    """Tells by the points of a face whether it wears a mask."""

    def __init__(self, classifier: MaskClassifier) -> None:
        self._classifier = classifier
        self._placed: dict[Scheme, MaskClassifier] = {}

    @property
    def id(self) -> str:
        """The classifier's."""
        return self._classifier.id

    def tell(self, picture: Image, points: Sequence[Landmarks | None]) -> list[bool | None]:
        """One answer a face; None without points, or with such as no face has."""
        return [None if one is None else self._tell(picture, one) for one in points]

    def _tell(self, picture: Image, points: Landmarks) -> bool | None:
        try:
            if points.scheme not in self._placed:
                self._placed[points.scheme] = placed(self._classifier, points.scheme)
            classifier = self._placed[points.scheme]
            chip = align(picture, points, classifier.chip_spec)
        except InputError:
            return None
        return classifier.classify(chip.pixels[None])[0].worn
