"""One process at a time changes a store."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from maskwise.models.writing import not_written

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FILE: Final = ".lock"
_POLL_S: Final = 0.1
_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


@contextmanager
def alone(folder: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the store in ``folder``, which is made; wait while another process holds it.

    on_wait: called once, when there is somebody to wait for. The system lets go of the lock of a
    process that was killed. A file system without locks is used without.
    Raises OutputError when the folder cannot be written.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise not_written(path, error) from error
    with file:
        waiting = False
        while not _taken(file.fileno()):
            if not waiting:
                on_wait()
                waiting = True
            time.sleep(_POLL_S)
        try:
            yield
        finally:
            _let_go(file.fileno())


def _taken(number: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(number, 0, os.SEEK_SET)
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _NO_LOCKS
    return True


def _let_go(number: int) -> None:
    try:
        if sys.platform == "win32":
            os.lseek(number, 0, os.SEEK_SET)
            msvcrt.locking(number, msvcrt.LK_UNLCK, 1)
        else:
            fcntl.flock(number, fcntl.LOCK_UN)
    except OSError:  # closing the file does it too
        pass
