"""What an address means -> the encoder's file, by the model store."""

from __future__ import annotations

from maskwise import models
from maskwise.errors import ConfigurationError, ModelError
from maskwise.models import ModelFile


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
    return file


def only_encoder(backend: str) -> ModelFile:
    """The one file of the store that ``backend`` reads and that is here.

    Raises ConfigurationError that names the choice when there are none or several.
    """
    names = [
        name
        for name in [*models.known(), *models.added()]
        if (entry := models.entry(name)).backend == backend and entry.kind == "encoder"
    ]
    here = [name for name in names if _is_here(name)]
    # The same file may lie in several packs.
    if here and len({models.entry(name).sha256 for name in here}) == 1:
        return models.resolve(here[0])
    if here:
        raise ConfigurationError(
            f"several encoders for {backend} are here; name one: "
            + ", ".join(f"{backend}:{name}" for name in here)
        )
    pull = f" (maskwise models pull NAME, one of {', '.join(names)})" if names else ""
    raise ConfigurationError(
        f"no encoder for {backend} is here; name its file, {backend}:PATH, or fetch one{pull}"
    )


def _is_here(name: str) -> bool:
    try:
        models.locate(name)
    except ModelError:
        return False
    return True
