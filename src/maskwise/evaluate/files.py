"""Files that are written at once or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from maskwise.errors import OutputError
from maskwise.image import describe


@contextlib.contextmanager
def written_at_once(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that takes the place of ``path`` when all is written, or leaves no trace.

    Raises OutputError where that cannot be done.
    """
    target = Path(path)
    if not target.name:
        raise OutputError(f"{describe(path)}: is no name of a file")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.draft")
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"{describe(path)}: cannot be written ({why})") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
