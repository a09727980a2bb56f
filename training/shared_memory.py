"""Memory that spawned processes share, as large as the disk holds.

Forked ones would share it without a file, but a fork of a process in which OpenCV or PyTorch have
started threads can wait for ever; and /dev/shm is small on many machines.
"""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path


def create(size: int) -> tuple[mmap.mmap, Path]:
    """``size`` zeros, and the file by which ``attach`` finds them; to be removed by the caller."""
    with tempfile.NamedTemporaryFile(prefix="maskwise-", delete=False) as file:
        file.truncate(size)
        return mmap.mmap(file.fileno(), size), Path(file.name)


def attach(file: Path) -> mmap.mmap:
    """What ``create`` made, in another process."""
    with file.open("r+b") as opened:
        return mmap.mmap(opened.fileno(), 0)
