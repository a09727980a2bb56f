"""Whether a gallery's path still leads to the file that was opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maskwise.errors import StorageError
from maskwise.gallery.files import translated


@dataclass(frozen=True, slots=True)
class SameFile:
    """The file that stood at ``path`` when it was opened, by its device and inode."""

    path: Path
    device: int
    inode: int

    @classmethod
    def at(cls, path: Path) -> SameFile:
        """What stands there now; raises StorageError."""
        with translated(str(path)):
            found = path.stat()
        return cls(path.absolute(), found.st_dev, found.st_ino)

    def check(self) -> None:
        """Raise StorageError when another file stands there by now, or none.

        SQLite goes on in a file that lost its name: what is stored there is gone with the process.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != (self.device, self.inode):
            raise StorageError(
                f"{self.path}: the gallery was "
                f"{'moved or deleted' if found is None else 'replaced'} since it was opened, and "
                "is not read or written any more; open the gallery again (restart what uses it)"
            )
