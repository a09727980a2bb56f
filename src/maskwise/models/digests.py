"""sha256 of files, computed once a process for each file as it stands."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

_BLOCK: Final = 1 << 20


def sha256_of(path: Path) -> str:
    """64 hex digits; OSError when it cannot be read.

    Not computed again while path, size, time of change and inode are the same.
    """
    seen = path.stat()
    return _hashed(path.absolute(), seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)


@lru_cache(maxsize=256)
def _hashed(path: Path, size: int, changed: int, born: int, inode: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
