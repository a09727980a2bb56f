"""The seam of detection."""

from __future__ import annotations

from typing import Protocol

from maskwise.types import Detection, Image, Scheme


class Detector(Protocol):
    """Finds faces. ``id`` names the weights and the settings that change its answers."""

    @property
    def id(self) -> str:
        """Name and the first hex digits of the weights' sha256."""
        ...

    @property
    def scheme(self) -> Scheme | None:
        """Of the landmarks that every detection carries; None where it gives none."""
        ...

    def detect(self, image: Image) -> list[Detection]:
        """All faces of ``image``, by falling score; an empty list when there is none.

        Boxes are in px of ``image`` and may reach outside it.
        """
        ...
