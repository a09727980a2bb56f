"""Find faces: the protocol, and one file a detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from maskwise.backends import create_backend
from maskwise.detect.protocol import Detector

DEFAULT: Final = "maskwise"
"""The address of the detector that is used where none is named."""

ENTRY_POINTS: Final = "maskwise.detectors"
"""The entry-point group where other packages announce detectors."""


def _mmod() -> Detector:
    from maskwise.detect.mmod import Mmod

    return Mmod()


def _dlib_hog() -> Detector:
    from maskwise.detect.dlib_hog import DlibHog

    return DlibHog()


def _maskwise(what: str | None) -> Detector:
    from maskwise.detect.maskwise_net import MaskwiseNet

    return MaskwiseNet(what)


def _yunet(what: str | None) -> Detector:
    from maskwise.detect.yunet import Yunet

    return Yunet(what)


def _scrfd(what: str | None) -> Detector:
    from maskwise.detect.scrfd import Scrfd

    return Scrfd(what)


DETECTORS: Final[dict[str, Callable[[], Detector]]] = {"mmod": _mmod, "dlib-hog": _dlib_hog}
"""The built-in detectors; each is imported when it is asked for."""

READERS: Final[dict[str, Callable[[str | None], Detector]]] = {
    "maskwise": _maskwise,
    "yunet": _yunet,
    "scrfd": _scrfd,
}
"""Those that read a file of the user's or of the store: ``yunet:PATH``, ``scrfd:NAME``."""


def create(address: str = DEFAULT) -> Detector:
    """The detector ``address``, such as ``maskwise``, ``yunet`` or ``scrfd:det_10g.onnx``.

    Raises ConfigurationError that lists all when there is none, and when it cannot be made.
    """
    return create_backend(
        "detector",
        address,
        DETECTORS,
        ENTRY_POINTS,
        readers=READERS,
        stored=_stored,
        meant=_meant,
    )


def _stored(name: str) -> str | None:
    from maskwise.models.readers import reader_of

    return reader_of(name, "detector")


def _meant(address: str) -> str:
    from maskwise.models.readers import meant_by

    return meant_by(address, "detector")


__all__ = ["DEFAULT", "DETECTORS", "ENTRY_POINTS", "READERS", "Detector", "create"]
