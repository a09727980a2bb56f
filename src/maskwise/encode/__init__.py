"""Turn aligned chips into templates: the protocol, and one file an encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from maskwise.backends import create_backend
from maskwise.encode.placed import placed
from maskwise.encode.protocol import Encoder

DEFAULT: Final = "maskwise-v1"
"""The address of the encoder that is used where none is named."""

ENTRY_POINTS: Final = "maskwise.encoders"
"""The entry-point group where other packages announce encoders."""


def _dlib_resnet_v1() -> Encoder:
    from maskwise.encode.dlib_resnet import DlibResnet

    return DlibResnet()


def _maskwise_v1() -> Encoder:
    from maskwise.encode.maskwise_v1 import MaskwiseV1

    return MaskwiseV1()


def _arcface(what: str | None) -> Encoder:
    from maskwise.encode.arcface import ArcFace

    return ArcFace(what)


def _sface(what: str | None) -> Encoder:
    from maskwise.encode.sface import SFace

    return SFace(what)


def _file(what: str | None) -> Encoder:
    from maskwise.encode.file import FileEncoder
    from maskwise.errors import ConfigurationError

    if what is None:
        raise ConfigurationError(
            "the encoder 'file' reads a manifest: file:PATH.toml (see docs/encoders.md)"
        )
    return FileEncoder(what)


ENCODERS: Final[dict[str, Callable[[], Encoder]]] = {
    "dlib-resnet-v1": _dlib_resnet_v1,
    "maskwise-v1": _maskwise_v1,
}
"""The built-in encoders; each is imported when it is asked for."""

READERS: Final[dict[str, Callable[[str | None], Encoder]]] = {
    "arcface": _arcface,
    "sface": _sface,
    "file": _file,
}
"""Those that read a file of the user's or of the store: ``arcface:PATH``, ``file:my.toml``."""


def create(address: str = DEFAULT) -> Encoder:
    """The encoder ``address``, such as ``maskwise-v1``, ``sface`` or ``arcface:w600k_r50.onnx``.

    Raises ConfigurationError that lists all when there is none, and when it cannot be made.
    """
    return create_backend(
        "encoder",
        address,
        ENCODERS,
        ENTRY_POINTS,
        readers=READERS,
        stored=_stored,
        meant=_meant,
    )


def _stored(name: str) -> str | None:
    from maskwise.models.readers import reader_of

    return reader_of(name, "encoder")


def _meant(address: str) -> str:
    from maskwise.models.readers import meant_by

    return meant_by(address, "encoder")


__all__ = ["DEFAULT", "ENCODERS", "ENTRY_POINTS", "READERS", "Encoder", "create", "placed"]
