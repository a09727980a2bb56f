"""Turn aligned chips into templates: the protocol, and one file an encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from maskwise.backends import create_backend
from maskwise.encode.protocol import Encoder

ENTRY_POINTS: Final = "maskwise.encoders"
"""The entry-point group where other packages announce encoders."""


def _dlib_resnet_v1() -> Encoder:
    from maskwise.encode.dlib_resnet import DlibResnet

    return DlibResnet()


ENCODERS: Final[dict[str, Callable[[], Encoder]]] = {"dlib-resnet-v1": _dlib_resnet_v1}
"""The built-in encoders; each is imported when it is asked for."""


def create(name: str = "dlib-resnet-v1") -> Encoder:
    """The encoder ``name``; ConfigurationError that lists all when there is none."""
    return create_backend("encoder", name, ENCODERS, ENTRY_POINTS)


__all__ = ["ENCODERS", "ENTRY_POINTS", "Encoder", "create"]
