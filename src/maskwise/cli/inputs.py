"""Which photos a command works on, and whose they are."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from maskwise.cli.output import printable
from maskwise.errors import ImageError

Skip = Callable[[str], None]
"""Called with one sentence for everything that is left out."""

_NO_NAME: Final = "'': a path without a name; name a photo or a folder"
_NUMBER: Final = re.compile(r"(?:[ _-]+\d+|[ _-]*\(\d+\))$")
_CAMERA: Final = re.compile(
    r"(?:(?:img|dsc[nf]?|pxl|mvimg|image|photo|picture|screenshot)[ _-]*)?"
    r"(?:\d[\d _-]*(?:wa\d+)?(?:[ _-]*\(\d+\))?|\(\d+\))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Photo:
    """One input. shown: the path as it was given or found. relative: below the folder given."""

    shown: str
    relative: Path

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self.shown)


@dataclass(slots=True)
class Person:
    """Somebody to enrol: a name and photos."""

    name: str
    photos: list[Photo] = field(default_factory=list)


def find_photos(arguments: Iterable[str], skip: Skip, *leave_out: Path | None) -> list[Photo]:
    """The files named, and the pictures in the folders named, in order.

    A file that is named is taken whatever its name ends in, and also when it is not there: it
    counts among the photos, and reading it says what is wrong. leave_out: folders that are not
    searched, though they lie in one that is (the command writes there).
    """
    photos: list[Photo] = []
    for argument in arguments:
        path = Path(argument)
        if not argument:  # Path("") would be the current folder
            skip(_NO_NAME)
            continue
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except OSError:
            is_folder = False
        except ValueError as error:  # no path at all
            skip(f"{argument}: {_why(error)}")
            continue
        if is_folder:
            photos += photos_in(path, argument, skip, *leave_out)
        else:
            photos.append(Photo(argument, Path(path.name)))
    return photos


def photos_in(folder: Path, shown: str, skip: Skip, *leave_out: Path | None) -> list[Photo]:
    """The pictures in ``folder`` and its sub-folders, sorted; says so when there is none."""
    from maskwise.image import find_images

    # Not Path.resolve, which before Python 3.13 raises for a link that leads to itself.
    ours = {Path(os.path.realpath(place)) for place in leave_out if place is not None}
    real = Path(os.path.realpath(folder))
    if not ours.isdisjoint((real, *real.parents)):
        skip(
            f"{shown}: the output is written there, so no photos are read from it; to have them "
            "read, write to another folder"
        )
        return []

    try:
        paths = find_images(folder)
    except ImageError as error:
        skip(str(error))
        return []
    if ours:
        paths = [p for p in paths if ours.isdisjoint(Path(os.path.realpath(p)).parents)]
        if not paths:
            skip(f"{shown}: no pictures in this folder but those that maskwise wrote")
    below = [path.relative_to(folder) for path in paths]
    return [Photo(os.path.join(shown, path), path) for path in below]  # noqa: PTH118


def find_people(folders: Sequence[str], skip: Skip) -> list[Person]:
    """Who the photos in ``folders`` show: a sub-folder a person, or files named after them.

    People are sorted by name; both layouts may be mixed, and one person may have both.
    """
    people: dict[str, Person] = {}
    for shown in folders:
        folder = Path(shown)
        if not shown:
            skip(_NO_NAME)
            continue
        try:
            is_folder = stat.S_ISDIR(folder.stat().st_mode)
        except FileNotFoundError:
            skip(f"{shown}: no such folder; name a folder with one sub-folder a person")
            continue
        except (OSError, ValueError) as error:
            skip(f"{shown}: {_why(error)}")
            continue
        if not is_folder:
            skip(
                f"{shown}: a file, not a folder; say whose photo it is with --subject NAME, or "
                "name a folder with one sub-folder a person"
            )
            continue
        found = photos_in(folder, shown, skip)
        for photo in found:
            name = person_of(photo.relative)
            if name is None:
                skip(
                    f"{photo.shown}: its name is no person's; put it into a folder named after "
                    "the person, or use --subject NAME"
                )
            else:
                people.setdefault(name, Person(name)).photos.append(photo)
        for empty in _without_photos(folder, found) if found else []:
            skip(f"{os.path.join(shown, empty)}: no pictures in this person's folder")  # noqa: PTH118
    return [people[name] for name in sorted(people)]


def person_of(relative: Path) -> str | None:
    """Whose photo this is: the first folder's name, else the file's without its number.

    ``Ada/1.jpg``, ``Ada.jpg``, ``Ada_2.jpg``, ``Ada 02.jpg`` and ``Ada (2).jpg`` are Ada's.
    None for a file that a camera named (``IMG_0001.jpg``), or that has a number for a name.
    """
    if len(relative.parts) > 1:
        return as_name(relative.parts[0]) or None
    if _CAMERA.fullmatch(relative.stem):
        return None
    return as_name(_NUMBER.sub("", relative.stem)) or None


def as_name(text: str) -> str:
    """Part of a path as a person's name: printable, and one whichever way accents are stored."""
    return unicodedata.normalize("NFC", printable(text)).strip()


def _without_photos(folder: Path, found: Sequence[Photo]) -> list[str]:
    """Sub-folders that gave no photo (hidden ones are nobody's)."""
    having = {photo.relative.parts[0] for photo in found}
    with os.scandir(folder) as entries:
        return sorted(
            entry.name
            for entry in entries
            if not entry.name.startswith(".") and entry.name not in having and _is_folder(entry)
        )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere we may go
        return False


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file or folder; check the path"
    if isinstance(error, PermissionError):
        return "may not be read; change its permissions"
    return f"cannot be opened ({getattr(error, 'strerror', None) or error}); check the path"
