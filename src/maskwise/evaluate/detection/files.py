"""The files of an output folder: whether it may be one, and how they are written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from maskwise.errors import ConfigurationError, OutputError
from maskwise.evaluate.files import written_at_once
from maskwise.evaluate.report.page import PAGE_MARK
from maskwise.image import describe

PAGE: Final = "index.html"


@dataclass(slots=True, eq=False)
class Written:
    """page: its path. files: all of them. not_shown: photos without a thumbnail -> why."""

    page: Path
    files: list[Path] = field(default_factory=list)
    not_shown: dict[str, str] = field(default_factory=dict)


def check_folder(folder: Path) -> None:
    """Refuse, before anything slow, a ``folder`` that cannot be written to.

    Raises ConfigurationError for a file in its place and for an ``index.html`` that maskwise did
    not write, OutputError for what may not be looked at or written.
    """
    try:
        nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        if not nearest.is_dir():
            raise ConfigurationError(f"{describe(nearest)} is a file; name a folder to write to")
        old = folder / PAGE
        if old.exists() and PAGE_MARK not in old.read_text("utf-8", "replace")[:1000]:
            raise ConfigurationError(
                f"{describe(old)} is there and was not written by maskwise; name another folder"
            )
        allowed = os.access(nearest, os.W_OK | os.X_OK)
    except OSError as error:
        why = error.strerror or error
        raise OutputError(
            f"{describe(folder)}: cannot be written ({why}); choose another"
        ) from error
    if not allowed:
        raise OutputError(
            f"{describe(folder)}: no permission to write there; choose another folder"
        )


def write_file(out: Written, path: Path, content: bytes) -> None:
    """Whole or not at all; noted in ``out``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or error
        raise OutputError(f"{describe(path.parent)}: cannot be made ({why})") from error
    with written_at_once(path) as file:
        file.write(content)
    out.files.append(path)


def lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """JSON lines, ASCII."""
    return b"".join(json.dumps(row, allow_nan=False).encode() + b"\n" for row in rows)
