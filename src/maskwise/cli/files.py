"""Where a command writes its files, and how: whole or not at all, and never over yours."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from maskwise.errors import ConfigurationError, OutputError

if TYPE_CHECKING:
    from maskwise.types import U8, Image

_MARK: Final = "made by maskwise"
"""The comment in the pictures that we write, or its first words: only files that carry it are
replaced."""

PAGE_MARK: Final = '<meta name="generator" content="maskwise">'
"""The same in HTML."""

_QUALITY: Final = 92
_LONGEST_COMMENT: Final = 65_533
"""Bytes of a JPEG's comment at most (ITU T.81, B.2.4.5: its length is of 16 bits)."""


class OutputFolder:
    """A folder for the pictures of one run.

    inputs: the files that the run reads; none of them is ever replaced, nor is any other file
    that maskwise did not write. Names are taken in the order of asking, so the same inputs give
    the same names.
    Raises ConfigurationError when the folder is a file, and OutputError when it cannot be made.
    """

    def __init__(self, folder: Path, inputs: Iterable[Path] = ()) -> None:
        self.folder = folder
        self._taken = {_identity(path) for path in inputs}
        self._ours: set[str] = set()
        if _exists(folder) and not folder.is_dir():
            raise ConfigurationError(f"{folder} is a file; name a folder to write to")
        make_folder(folder)

    def name(self, relative: Path) -> Path:
        """A path in this folder for ``relative``: itself, or with -2, -3 ... where that is taken.

        Taken are names given out before, the run's inputs, and files of others. Raises
        OutputError where a folder on the way may not be entered.
        """
        count = 1
        while True:
            ending = "" if count == 1 else f"-{count}"
            path = self.folder / relative.with_name(f"{relative.stem}{ending}{relative.suffix}")
            identity = _identity(path)
            free = identity in self._ours or not _exists(path) or _is_ours(path)
            if free and identity not in self._taken:
                self._taken.add(identity)
                return path
            count += 1

    def own(self, path: Path) -> None:
        """``path`` was written by us, though the file may be damaged: it is replaced."""
        self._ours.add(_identity(path))

    def take(self, path: Path) -> None:
        """Give ``path``, in this folder, to nobody else."""
        self._taken.add(_identity(path))

    def copy_name(self, relative: Path, source: Path) -> Path:
        """As ``name``, for a copy of ``source``: a file of the same bytes is taken for it."""
        path = self.folder / relative
        if _identity(path) not in self._taken and _same_content(path, source):
            self.take(path)
            return path
        return self.name(relative)


def write_picture(path: Path, image: Image, note: str = "") -> bytes:
    """Write ``image`` as JPEG, or as PNG where ``path`` ends so; returns what was written.

    note: ASCII for programs: the PNG's text ``maskwise``, the end of the JPEG's comment (which
    is left out where it is longer than a comment may be).
    Raises OutputError when it cannot be written.
    """
    return _write_pixels(path, image.pixels, note)


def write_matte(path: Path, alpha: U8) -> bytes:
    """Write (H, W) uint8 as a grey PNG; returns and raises as ``write_picture``."""
    return _write_pixels(path, alpha, "")


def _write_pixels(path: Path, pixels: U8, note: str) -> bytes:
    from PIL import Image as Pillow
    from PIL.PngImagePlugin import PngInfo

    buffer = io.BytesIO()
    picture = Pillow.fromarray(pixels)
    if path.suffix.lower() == ".png":
        info = PngInfo()
        info.add_text("comment", _MARK)
        if note:
            info.add_text("maskwise", note)
        picture.save(buffer, "PNG", pnginfo=info)
    else:
        comment = f"{_MARK} {note}" if note else _MARK
        if len(comment) > _LONGEST_COMMENT:
            comment = _MARK
        picture.save(buffer, "JPEG", quality=_QUALITY, subsampling=0, comment=comment.encode())
    content = buffer.getvalue()
    write_file(path, content)
    return content


def nothing_more_fits(error: OutputError) -> bool:
    """Whether the next file would fail like this one: the disk is full, or read-only."""
    number = getattr(error.__cause__, "errno", None)
    return number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; a file that holds ``data`` already is left alone.

    Raises OutputError naming the file and the remedy.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return
    make_folder(path.parent)
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=".maskwise-", dir=path.parent)
        with open(handle, "wb") as file:  # noqa: PTH123
            file.write(data)
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def make_folder(folder: Path) -> None:
    """Make ``folder`` and those above it; OutputError when that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise _cannot_write(path, error) from error


def _cannot_write(path: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        remedy = "the disk is full; free some space, or write to another one"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        remedy = "no permission to write there; choose another folder"
    else:
        remedy = f"{error.strerror or error}; choose another folder"
    return OutputError(f"{path}: cannot be written: {remedy}")


def _is_ours(path: Path) -> bool:
    from PIL import Image as Pillow

    try:
        if path.suffix == ".html":
            return PAGE_MARK in path.read_text("utf-8", "replace")[:1000]
        with Pillow.open(path) as picture:
            comment = picture.info.get("comment")
    except (OSError, ValueError, SyntaxError):
        return False
    if isinstance(comment, bytes):
        comment = comment.decode("ascii", "replace")
    return isinstance(comment, str) and comment.partition(" {")[0] == _MARK


def _same_content(path: Path, source: Path) -> bool:
    try:
        return path.stat().st_size == source.stat().st_size and (
            path.read_bytes() == source.read_bytes()
        )
    except OSError:
        return False


def _identity(path: Path) -> str:
    """One text for one file, through links; letter case counts where the system says so."""
    # Not Path.resolve, which before Python 3.13 raises for a link that leads to itself.
    return os.path.normcase(os.path.realpath(path))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
