"""Files that are there whole or not at all, also after a crash or a power cut."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Final

from maskwise.errors import OutputError

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SPARE: Final = 1 << 20  # bytes that a file system keeps for itself


def write_whole(path: Path, data: bytes) -> None:
    """Write beside ``path``, then put it in its place; OutputError when it cannot be."""
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as file:
            file.write(data)
            settle(file.fileno())
        put(new, path)
    except OSError as error:
        raise not_written(path, error) from error


def make_folder(folder: Path) -> None:
    """Make it where it is not there; OutputError when it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from error


def put(new: Path, path: Path) -> None:
    """Rename ``new``, which is written out, to ``path``; OSError when it cannot be."""
    new.replace(path)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        number = os.open(path.parent, os.O_RDONLY)
        try:
            settle(number)
        finally:
            os.close(number)


def settle(number: int) -> None:
    """Have what was written on the disk itself, where the file system can do that."""
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise


def require_space(folder: Path, needed: int, what: str) -> None:
    """OutputError which says how much is lacking when ``needed`` bytes do not fit."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError:  # it shows when we write
        return
    if free < needed + _SPARE:
        raise OutputError(
            f"{folder}: {what} needs {in_mb(needed)}, and {in_mb(free)} are free; make room, or "
            "name another folder with --to"
        )


def not_written(path: Path, error: OSError, needed: int = 0) -> OutputError:
    """What to say when ``path`` could not be written."""
    full = error.errno in _FULL
    room = f"; it needs {in_mb(needed)} in all" if full and needed else ""
    remedy = "make room" if full else "make the folder writable"
    return OutputError(
        f"{path}: cannot be written ({error.strerror or error}){room}; {remedy}, or name another "
        "folder with --to"
    )


def in_mb(size: int) -> str:
    """``38.7 MB``: megabytes of a million bytes."""
    return f"{size / 1e6:.1f} MB"
