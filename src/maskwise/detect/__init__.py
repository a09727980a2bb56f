"""Find faces: the protocol, and one file a detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from maskwise.backends import create_backend
from maskwise.detect.protocol import Detector

ENTRY_POINTS: Final = "maskwise.detectors"
"""The entry-point group where other packages announce detectors."""


def _mmod() -> Detector:
    from maskwise.detect.mmod import Mmod

    return Mmod()


def _dlib_hog() -> Detector:
    from maskwise.detect.dlib_hog import DlibHog

    return DlibHog()


DETECTORS: Final[dict[str, Callable[[], Detector]]] = {"mmod": _mmod, "dlib-hog": _dlib_hog}
"""The built-in detectors; each is imported when it is asked for."""


def create(name: str = "mmod") -> Detector:
    """The detector ``name``; ConfigurationError that lists all when there is none."""
    return create_backend("detector", name, DETECTORS, ENTRY_POINTS)


__all__ = ["DETECTORS", "ENTRY_POINTS", "Detector", "create"]
