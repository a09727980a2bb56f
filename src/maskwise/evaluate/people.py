"""Folders of people for a search: who is enrolled, who is looked for, who is a stranger."""

from __future__ import annotations

import hashlib
import math
import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from maskwise.errors import ConfigurationError, InputError
from maskwise.evaluate.trials import TrialList
from maskwise.image import describe, find_images

STRANGERS: Final = 1 / 3
"""The share of people that ``split_people`` enrols nobody of, at least."""

MOST_ENROLLED: Final = 5
"""Photos of a person that ``split_people`` enrols, at most."""


@dataclass(frozen=True, slots=True)
class PeoplePhotos:
    """Photos and whom they show. photos: paths below a folder, with "/". notes: what was left
    out, sentences for people."""

    photos: tuple[str, ...]
    people: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __add__(self, other: PeoplePhotos) -> PeoplePhotos:
        return PeoplePhotos(
            self.photos + other.photos, self.people + other.people, self.notes + other.notes
        )


@dataclass(frozen=True, slots=True)
class Split:
    """A folder of people, divided for a search. notes: how, sentences for people."""

    gallery: PeoplePhotos
    probes: PeoplePhotos
    notes: tuple[str, ...]


def common_folder(*folders: str | os.PathLike[str]) -> Path:
    """The innermost folder that all of them lie in, so that their photos have paths below one.

    Raises ConfigurationError where one is missing, lies in another, or on another drive.
    """
    for folder in folders:
        if not Path(folder).is_dir():
            raise ConfigurationError(
                f"{describe(folder)}: no such folder; name a folder with one sub-folder a person"
            )
    places = [Path(os.path.realpath(folder)) for folder in folders]
    for at, inner in enumerate(places):
        for outer in places[:at] + places[at + 1 :]:
            if inner == outer:
                raise ConfigurationError(f"{inner} is named twice; name each folder once")
            if outer in inner.parents:
                raise ConfigurationError(
                    f"{inner} lies in {outer}, so its photos would count twice; name folders that "
                    "lie side by side"
                )
    try:
        return Path(os.path.commonpath([place.parent for place in places]))
    except ValueError as error:
        raise ConfigurationError("the folders lie on different drives; put them on one") from error


def read_people(folder: str | os.PathLike[str], root: Path) -> PeoplePhotos:
    """The photos of ``folder``, one sub-folder a person, as paths below ``root``.

    Pictures in ``folder`` itself are nobody's: left out, with a note.
    Raises InputError where nothing is left, ImageError for a folder without pictures.
    """
    found = _found(folder)
    kept = [path for path in found if len(path.parts) > 1]
    if not kept:
        raise InputError(
            f"{describe(folder)}: no person; put each person's photos into a folder of their own"
        )
    lost = len(found) - len(kept)
    note = f"{lost} pictures in {describe(folder)} itself belong to nobody and are left out"
    return PeoplePhotos(
        _below(root, folder, kept), tuple(path.parts[0] for path in kept), (note,) if lost else ()
    )


def read_strangers(
    folder: str | os.PathLike[str], root: Path, gallery: PeoplePhotos
) -> PeoplePhotos:
    """The photos of ``folder``, of people who are not in ``gallery``, as paths below ``root``.

    Each picture in ``folder`` itself shows a person of its own, named after the file; those in a
    sub-folder show one person.
    Raises ConfigurationError where a sub-folder has the name of somebody in the gallery.
    """
    found = _found(folder)
    people = tuple(path.parts[0] for path in found)
    enrolled = set(gallery.people)
    for path in found:
        if len(path.parts) > 1 and path.parts[0] in enrolled:
            raise ConfigurationError(
                f"{path.parts[0]} stands among the strangers and in the gallery; leave them out "
                "of one, or rename the stranger's folder if these are two people of one name"
            )
    return PeoplePhotos(_below(root, folder, found), people)


def without_enrolled(probes: PeoplePhotos, gallery: PeoplePhotos, root: Path) -> PeoplePhotos:
    """``probes`` without files that are enrolled too: finding those again would prove nothing.

    Raises InputError where none is left.
    """
    enrolled = set(file_hashes(root, gallery.photos)) - {""}
    hashes = file_hashes(root, probes.photos)
    kept = [place for place, digest in enumerate(hashes) if digest not in enrolled]
    lost = len(hashes) - len(kept)
    if not kept:
        raise InputError(
            "every probe is an enrolled photo itself (same SHA-256), which would prove nothing; "
            "name a folder with other photos of these people"
        )
    note = f"{lost} probes are enrolled photos themselves (same SHA-256) and are left out"
    return PeoplePhotos(
        tuple(probes.photos[place] for place in kept),
        tuple(probes.people[place] for place in kept),
        (*probes.notes, *((note,) if lost else ())),
    )


def without_copies(trials: TrialList, hashes: Sequence[str]) -> TrialList:
    """``trials`` without a person's second copies of one file, which would prove nothing.

    hashes: of each photo, "" where it is not known. A file that shows two people is a mistake in
    the folders: its trials stay, and a note names it. Raises InputError where no trial is left.
    """
    first: dict[tuple[str, str], int] = {}
    known = [(person, digest) for person, digest in zip(trials.subjects, hashes, strict=True)]
    kept = [
        place
        for place, (person, digest) in enumerate(known)
        if not digest or first.setdefault((person, digest), place) == place
    ]
    notes = list(trials.notes)
    lost = len(known) - len(kept)
    if lost:
        trials = _only(trials, kept)
        notes.append(f"{lost} second copies of a person's photo prove nothing and are left out")
    codes = np.unique(np.array(hashes, np.str_)[kept], return_inverse=True)[1].reshape(-1)
    a, b = trials.pairs.T
    alike = (codes[a] == codes[b]) & np.array([bool(hashes[place]) for place in kept])[a]
    twice = sorted({(trials.photos[x], trials.photos[y]) for x, y in trials.pairs[alike]})
    if twice:
        one, other = twice[0]
        notes.append(
            f"{len(twice)} files stand in the folders of two people, such as {one} and {other}; "
            "one of the two is wrong"
        )
    return replace(trials, notes=tuple(notes))


def _only(trials: TrialList, photos: Sequence[int]) -> TrialList:
    """The trials between some of the photos, by their places."""
    moved: npt.NDArray[np.int32] = np.full(len(trials.photos), -1, np.int32)
    moved[photos] = np.arange(len(photos))
    pairs = moved[trials.pairs]
    keep = (pairs >= 0).all(axis=1)
    if not keep.any():
        raise InputError(
            f"{trials.source}: no pair of two different photos; add photos, two or more of each "
            "person (one sub-folder a person)"
        )
    return replace(
        trials,
        photos=tuple(trials.photos[place] for place in photos),
        subjects=tuple(trials.subjects[place] for place in photos),
        pairs=pairs[keep],
        mated=trials.mated[keep],
        missing=trials.missing[photos],
        fold=None if trials.fold is None else trials.fold[keep],
        attributes={key: value[keep] for key, value in trials.attributes.items()},
    )


def split_people(
    photos: Sequence[str], people: Sequence[str], hashes: Sequence[str], *, seed: int = 0
) -> Split:
    """Divide the photos of a folder into a gallery, probes of enrolled people, and strangers.

    Everybody with a single photo is a stranger, and so many others, drawn by ``seed``, that at
    least a third of the people are. Of everybody else half of the photos are enrolled (one or
    more, five at most; drawn by ``seed`` and name, so that other people's photos change nothing),
    and the others looked for. Copies of a person's photo are left out.
    Raises InputError where there are fewer than two people, or nobody has two photos.
    """
    of: dict[str, dict[str, str]] = {}
    for photo, person, digest in zip(photos, people, hashes, strict=True):
        of.setdefault(person, {}).setdefault(digest or photo, photo)
    several = sorted(person for person, owned in of.items() if len(owned) > 1)
    if len(of) < 2 or not several:
        raise InputError(
            f"{len(of)} people, {len(several)} of them with two photos or more: that measures "
            "nothing; add people, and two photos or more of each (one sub-folder a person)"
        )
    strangers = set(of) - set(several)
    lacking = min(math.ceil(len(of) * STRANGERS) - len(strangers), len(several) - 1)
    if lacking > 0:
        strangers |= set(random.Random(seed).sample(several, lacking))
    gallery: list[tuple[str, str]] = []
    probes: list[tuple[str, str]] = []
    for person in sorted(of):
        owned = list(of[person].values())
        chosen: set[str] = set()
        if person not in strangers:
            most = max(1, min(len(owned) // 2, MOST_ENROLLED))
            chosen = set(random.Random(f"{seed} {person}").sample(owned, most))
        gallery += [(photo, person) for photo in owned if photo in chosen]
        probes += [(photo, person) for photo in owned if photo not in chosen]
    foreign = sum(person in strangers for _, person in probes)
    notes = (
        f"identification: {len(of) - len(strangers)} people are enrolled with {len(gallery)} "
        f"photos; {len(probes) - foreign} other photos of them and {foreign} photos of "
        f"{len(strangers)} strangers are looked for (drawn by seed {seed})",
    )
    return Split(_photos(gallery), _photos(probes), notes)


def file_hashes(folder: str | os.PathLike[str], photos: Iterable[str]) -> list[str]:
    """SHA-256 of each file, 64 hex digits; "" for what cannot be read (loading it says why)."""
    return [_hash(Path(folder, photo)) for photo in photos]


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return ""


def _found(folder: str | os.PathLike[str]) -> list[Path]:
    """Pictures, as paths below ``folder``."""
    top = Path(os.path.realpath(folder))
    return [path.relative_to(top) for path in find_images(top)]


def _below(root: Path, folder: str | os.PathLike[str], paths: Sequence[Path]) -> tuple[str, ...]:
    top = Path(os.path.realpath(folder)).relative_to(root)
    return tuple((top / path).as_posix() for path in paths)


def _photos(rows: Sequence[tuple[str, str]]) -> PeoplePhotos:
    return PeoplePhotos(tuple(photo for photo, _ in rows), tuple(person for _, person in rows))
