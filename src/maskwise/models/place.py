"""Where the store lies, and whether the network may be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from maskwise.errors import ConfigurationError, FetchError
from maskwise.paths import expanded

FOLDER_VARIABLE: Final = "MASKWISE_MODELS"
"""Environment: the store's folder. Its files are also taken before shipped ones of that name."""

OFFLINE_VARIABLE: Final = "MASKWISE_OFFLINE"
"""Environment: anything but empty and 0 forbids every access to the network."""


def named_folder(*, to_fill: bool = False) -> Path | None:
    """The folder in MASKWISE_MODELS, None where it is not set; ConfigurationError for no folder.

    to_fill: one that is not there yet will be made.
    """
    given = os.environ.get(FOLDER_VARIABLE)
    if not given:
        return None
    folder = expanded(given).absolute()
    if to_fill and not os.path.lexists(folder):
        return folder
    # Not silently what ships where files may lie that we may not see.
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        what = "may not be read by you" if folder.is_dir() else "is no folder"
        raise ConfigurationError(
            f"{FOLDER_VARIABLE}: {given!r} {what}; make or correct it, or unset the variable"
        )
    return folder


def folder(*, to_fill: bool = False) -> Path:
    """The store's folder: MASKWISE_MODELS, else one in the user's data folder, made by a pull.

    to_fill: that in MASKWISE_MODELS need not be there yet. Raises as ``named_folder``.
    """
    named = named_folder(to_fill=to_fill)
    if named is not None:
        return named
    import platformdirs

    return Path(platformdirs.user_data_dir("maskwise", appauthor=False)) / "models"


def yet_to_make() -> str:
    """What to say before the folder in MASKWISE_MODELS is made; "" where none is to be."""
    named = named_folder(to_fill=True)
    if named is None or os.path.lexists(named):
        return ""
    return f"{named}, which {FOLDER_VARIABLE} names, is made now"


def is_offline() -> bool:
    """Whether MASKWISE_OFFLINE forbids every access to the network."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip() not in ("", "0")


def require_network(what: str, instead: str) -> None:
    """FetchError, which says what to do ``instead``, where MASKWISE_OFFLINE is set."""
    if is_offline():
        raise FetchError(f"{OFFLINE_VARIABLE} is set: {what} is not fetched. {instead}")
