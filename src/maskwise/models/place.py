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


def named_folder() -> Path | None:
    """The folder in MASKWISE_MODELS, None where it is not set; ConfigurationError for no folder."""
    given = os.environ.get(FOLDER_VARIABLE)
    if not given:
        return None
    folder = expanded(given).absolute()
    # Not silently what ships where files may lie that we may not see.
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        what = "may not be read by you" if folder.is_dir() else "is no folder"
        raise ConfigurationError(
            f"{FOLDER_VARIABLE}: {given!r} {what}; make or correct it, or unset the variable"
        )
    return folder


def folder() -> Path:
    """The store's folder: MASKWISE_MODELS, else one in the user's data folder, made by a pull."""
    named = named_folder()
    if named is not None:
        return named
    import platformdirs

    return Path(platformdirs.user_data_dir("maskwise", appauthor=False)) / "models"


def is_offline() -> bool:
    """Whether MASKWISE_OFFLINE forbids every access to the network."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip() not in ("", "0")


def require_network(what: str, instead: str) -> None:
    """FetchError, which says what to do ``instead``, where MASKWISE_OFFLINE is set."""
    if is_offline():
        raise FetchError(f"{OFFLINE_VARIABLE} is set: {what} is not fetched. {instead}")
