"""What an address means -> the encoder's file, by the model store."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Final

from maskwise import models
from maskwise.errors import ConfigurationError, ModelError
from maskwise.models import ModelFile
from maskwise.models.store import is_added

# The key "location" of TensorProto.external_data (onnx.proto3), as it stands in a file.
_ELSEWHERE: Final = b"\x0a\x08location\x12"


def encoder_file(what: str, backend: str) -> ModelFile:
    """The file of an address for ``backend``: a model's name in the store, or a path.

    Raises as ``models.resolve``, and ConfigurationError for a model of the store that is no
    encoder, or that another backend reads.
    """
    file = models.resolve(what)
    entry = file.entry
    if entry is not None and entry.kind != "encoder":
        raise ConfigurationError(f"{what} is no encoder: it is listed as {entry.kind}")
    if entry is not None and entry.backend != backend:
        raise ConfigurationError(
            f"{what} is not read by {backend} but by {entry.backend}: --encoder {entry.name}"
        )
    check_whole(file)
    return file


def check_whole(file: ModelFile) -> None:
    """ModelError when a file keeps weights in another one, which its sha256 says nothing of.

    torch.onnx.export does that by default from PyTorch 2.9 on. Those of the catalogue do not.
    """
    if file.entry is not None and not is_added(file.entry):
        return
    with file.path.open("rb") as stream, _mapped(stream.fileno(), file.path) as data:
        at = data.find(_ELSEWHERE)
        if at < 0:
            return
        start = at + len(_ELSEWHERE) + 1
        name = data[start : start + data[start - 1]].decode("utf-8", "replace")
    raise ModelError(
        f"{file.path} keeps its weights in another file ({name}), so its sha256 says nothing of "
        'them; make one file of the two: python -c "import onnx; '
        f"onnx.save(onnx.load('{file.path.name}'), 'whole.onnx')\""
    )


def _mapped(handle: int, path: Path) -> mmap.mmap:
    try:
        return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
    except ValueError as error:
        raise ModelError(f"{path} is no ONNX file: it is empty") from error
