"""Find the points of a face: the protocol, one file a predictor, and which points count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from maskwise.backends import create_backend
from maskwise.landmarks import subsets
from maskwise.landmarks.detected import Detected
from maskwise.landmarks.protocol import LandmarkPredictor

ENTRY_POINTS: Final = "maskwise.landmarks"
"""The entry-point group where other packages announce landmark predictors."""


def _dlib5() -> LandmarkPredictor:
    from maskwise.landmarks.dlib5 import Dlib5

    return Dlib5()


def _dlib68() -> LandmarkPredictor:
    from maskwise.landmarks.dlib68 import Dlib68

    return Dlib68()


def _detector() -> LandmarkPredictor:
    return Detected()


PREDICTORS: Final[dict[str, Callable[[], LandmarkPredictor]]] = {
    "dlib5": _dlib5,
    "dlib68": _dlib68,
    "detector": _detector,
}
"""The built-in landmark predictors; each is imported when it is asked for."""


def create(name: str = "dlib5") -> LandmarkPredictor:
    """The landmark predictor ``name``; ConfigurationError that lists all when there is none."""
    return create_backend("landmark predictor", name, PREDICTORS, ENTRY_POINTS)


__all__ = ["ENTRY_POINTS", "PREDICTORS", "Detected", "LandmarkPredictor", "create", "subsets"]
