"""The seam of landmark prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from maskwise.types import Detection, Image, Landmarks, Scheme


class LandmarkPredictor(Protocol):
    """Finds the points of one scheme in faces that a detector found."""

    @property
    def id(self) -> str:
        """Name and the first hex digits of the weights' sha256."""
        ...

    @property
    def scheme(self) -> Scheme:
        """The scheme of every result."""
        ...

    def predict(self, image: Image, detections: Sequence[Detection]) -> list[Landmarks]:
        """One result a detection, in their order; points in px of ``image``."""
        ...
