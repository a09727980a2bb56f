"""Where the photos that a file of pairs names lie."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath

from maskwise.image import IMAGE_SUFFIXES


class PhotoFinder:
    """Names of a file of pairs -> paths below the folder, whatever the suffix is.

    Each folder is listed once. Of several suffixes the first of IMAGE_SUFFIXES counts. Names are
    compared in Unicode's form C, as systems differ.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listings: dict[PurePosixPath, dict[str, str]] = {}

    def find(self, given: str) -> tuple[str, bool]:
        """The path below the folder, and whether it is there.

        LFW's ``Ada/Ada_0001`` may also lie in the folder itself, and be numbered without zeros.
        """
        path = PurePosixPath(given)
        names, parents = [path.name], [path.parent]
        stem, _, number = path.name.rpartition("_")
        if (
            str(path.parent) == stem
            and number.isdecimal()
            and path.suffix.lower() not in IMAGE_SUFFIXES
        ):
            names.append(f"{stem}_{int(number)}")
            parents.append(PurePosixPath("."))
        for parent in parents:
            listing = self._listing(parent)
            for name in names:
                found = listing.get(_normal(name))
                if found is not None:
                    return str(parent / found), True
        return given, False

    def _listing(self, parent: PurePosixPath) -> dict[str, str]:
        """Files of a folder, by name and by the name without the suffix of a picture."""
        if parent not in self._listings:
            try:
                with os.scandir(self._folder / parent) as entries:
                    names = sorted(entry.name for entry in entries if not entry.is_dir())
            except OSError:
                names = []
            listing: dict[str, str] = {}
            for suffix in IMAGE_SUFFIXES:
                for name in names:
                    if name.lower().endswith(suffix):
                        listing.setdefault(_normal(name[: -len(suffix)]), name)
            # A full name comes before another file's name without its suffix.
            listing.update({_normal(name): name for name in names})
            self._listings[parent] = listing
        return self._listings[parent]


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)
