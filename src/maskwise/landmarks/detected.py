"""The landmarks that the detector gave, as they are."""

from __future__ import annotations

from collections.abc import Sequence

from maskwise.errors import ConfigurationError
from maskwise.types import Detection, Image, Landmarks, Scheme


class Detected:
    """The LandmarkPredictor that predicts nothing: for detectors that give landmarks of ``scheme``.

    Such as our own, YuNet and SCRFD, with ``five``.
    """

    def __init__(self, scheme: Scheme = "five") -> None:
        self._scheme = scheme

    @property
    def id(self) -> str:
        """``detector/<scheme>``: the detector's id says whose they are."""
        return f"detector/{self._scheme}"

    @property
    def scheme(self) -> Scheme:
        """As given."""
        return self._scheme

    def predict(self, image: Image, detections: Sequence[Detection]) -> list[Landmarks]:
        """Each detection's own; ConfigurationError where one has none, or of another scheme."""
        found = []
        for one in detections:
            if one.landmarks is None or one.landmarks.scheme != self._scheme:
                got = "none" if one.landmarks is None else f"{one.landmarks.scheme} ones"
                raise ConfigurationError(
                    f"the landmarks of the detector were asked for, {self._scheme} ones, and it "
                    f"gave {got}; choose the detector maskwise, yunet or scrfd, or other landmarks "
                    "(dlib5)"
                )
            found.append(one.landmarks)
        return found
