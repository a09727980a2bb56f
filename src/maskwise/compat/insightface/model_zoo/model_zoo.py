"""insightface.model_zoo.model_zoo: a file -> the class that runs it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from maskwise import models
from maskwise.compat.insightface import devices, files
from maskwise.compat.insightface.model_zoo.arcface_onnx import ArcFaceONNX
from maskwise.compat.insightface.model_zoo.scrfd import SCRFD
from maskwise.errors import ModelError

__all__ = ["get_model"]

_CLASSES: Final[dict[str, type[SCRFD] | type[ArcFaceONNX]]] = {
    files.DETECTION: SCRFD,
    files.RECOGNITION: ArcFaceONNX,
}


def get_model(
    name: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] = "~/.insightface",
    providers: Sequence[Any] | None = None,
    provider_options: Sequence[Mapping[str, Any]] | None = None,
    sess_options: object = None,
    download: bool = False,
    download_zip: bool = False,
) -> SCRFD | ArcFaceONNX:
    """The detector or encoder that the file ``name`` is; see ``FaceAnalysis`` for the rest.

    name: a file's path, the name of a model in maskwise's store, or of a pack: then its last
    file, as in insightface. sess_options, download, download_zip: taken and not used; threads are
    MASKWISE_THREADS, and nothing is downloaded.
    Raises ModelError when the file is missing, is no ONNX or is of another kind (insightface
    gives None for some), LicenceError, ConfigurationError.
    """
    wanted = devices.wanted(providers, provider_options)
    what = files.of_model(os.fspath(name), root)
    path = models.resolve(what).path
    task = files.task_of(path)
    if task not in _CLASSES:
        raise ModelError(
            f"{path} is {f'a model for {task}' if task else 'of no kind that is known'}; maskwise "
            f"runs {' and '.join(files.RUN)} only"
        )
    return _CLASSES[task](str(path), wanted=wanted)
