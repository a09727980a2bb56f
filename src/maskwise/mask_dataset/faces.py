"""Where the faces of a photo are, and which of them can wear a mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from maskwise.align import ARCFACE_CHIP, DLIB_CHIP
from maskwise.errors import ConfigurationError, ImageError, InputError
from maskwise.types import F64, Image, Landmarks, Scheme

if TYPE_CHECKING:
    from maskwise.pipeline import Recognizer

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in px of the photo."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A face in a photo: its landmarks, px of the photo, and its box where one is known."""

    landmarks: Landmarks
    box: Box | None = None


class Finder(Protocol):
    """Finds the faces of one photo. Is pickled for every process."""

    def find(self, picture: Image) -> list[Place]:
        """The faces; ImageError when the picture is not what it should be."""
        ...


@dataclass(slots=True, eq=False)
class Detected:
    """By a Recognizer's detector and landmarks, which are opened at the first photo."""

    make: Callable[[], Recognizer]
    _made: Recognizer | None = field(default=None, init=False)

    def find(self, picture: Image) -> list[Place]:
        """By falling score of the detector."""
        return [
            Place(d.landmarks, (float(d.box[0]), float(d.box[1]), float(d.box[2]), float(d.box[3])))
            for d in self.recognizer.detect(picture)
            if d.landmarks is not None
        ]

    def __reduce__(self) -> tuple[type[Detected], tuple[Callable[[], Recognizer]]]:
        # Models are not pickled: each process opens its own.
        return Detected, (self.make,)

    @property
    def recognizer(self) -> Recognizer:
        """The one of this process."""
        if self._made is None:
            self._made = self.make()
        return self._made


def _arcface(size: int, nominal: int) -> F64:
    """At 128 px there are 8 more on each side: insightface/utils/face_align.py, estimate_norm."""
    points = ARCFACE_CHIP.reference + np.array([(nominal - ARCFACE_CHIP.size) / 2, 0])
    return np.asarray(points * (size / nominal), np.float64)


def _dlib(size: int) -> F64:
    return np.asarray((DLIB_CHIP.reference + 0.5) * (size / DLIB_CHIP.size) - 0.5, np.float64)


_CHIPS: Final[dict[str, tuple[Scheme, Callable[[int], F64]]]] = {
    "arcface112": ("five", lambda size: _arcface(size, 112)),
    "arcface128": ("five", lambda size: _arcface(size, 128)),
    "dlib150": ("dlib5", _dlib),
}

ALIGNED: Final = tuple(_CHIPS)
"""The names of the aligned chips that ``Aligned`` knows."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """The photo is an aligned face already, of any size: nothing is looked for.

    name: one of ``ALIGNED``. Raises ConfigurationError for any other.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in _CHIPS:
            raise ConfigurationError(
                f"no aligned chips {self.name!r}; there are: {', '.join(ALIGNED)}"
            )

    def find(self, picture: Image) -> list[Place]:
        """The one face."""
        if picture.width != picture.height:
            raise ImageError(
                f"{picture.width} x {picture.height} px, and an aligned chip is a square; leave "
                "out --aligned to have the faces looked for"
            )
        scheme, reference = _CHIPS[self.name]
        return [Place(Landmarks(scheme, np.float32(reference(picture.width))))]


_OUTSIDE: Final = 0.25
"""Eye distances that a point may lie outside the photo: detectors guess a little beyond it."""


def why_bare(landmarks: Landmarks, picture: Image) -> str:
    """Why this face of ``picture`` cannot wear a mask; empty when it can."""
    from maskwise.masks.fit import fit_pose

    try:
        fit_pose(landmarks)
    except InputError as error:
        return str(error)
    points = landmarks.points[landmarks.visible]
    limit = np.array([picture.width - 1, picture.height - 1])
    beyond = np.maximum(-points, points - limit).max()
    if beyond > _OUTSIDE * landmarks.ipd_px:
        return "the photo's border cuts the face"
    return ""
