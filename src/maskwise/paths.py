"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path

from maskwise.errors import ConfigurationError


def expanded(path: str | os.PathLike[str]) -> Path:
    """``path`` with ``~`` and ``~user`` written out.

    Raises ConfigurationError for a home folder that is not known.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(
            f"{path}: no home folder is known for the part that begins with ~; write the path out"
        ) from error


def is_file(path: Path) -> bool:
    """``path.is_file()``; False also where that may not be known: too long a name, a closed folder.

    Before Python 3.14 ``Path.is_file`` raises there.
    """
    try:
        return path.is_file()
    except OSError:
        return False
