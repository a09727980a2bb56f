"""Who is compared with whom: a file of pairs, or a folder of people, -> TrialList."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from maskwise.errors import InputError
from maskwise.evaluate.pairs import PairsFormat, Row, Rows, fail_at, parse_pairs
from maskwise.evaluate.photos import PhotoFinder
from maskwise.image import describe, find_images
from maskwise.types import Bool

I32 = npt.NDArray[np.int32]
Text = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class TrialList:
    """T trials between P photos; nothing is computed yet. Arrays are read-only.

    source: the file or folder it came from. photos: P paths below the folder of photos, with
    "/". subjects: whom each photo shows, P names. pairs: (T, 2) int32, places in ``photos``.
    mated: (T,) bool. fold: (T,) int32, None where the list has no folds. attributes: name ->
    (T,) str. missing: (P,) bool: photos that are not there; their trials stay, as failures.
    notes: what was left out, sentences for people. file_sha256: of the file of pairs.
    """

    source: str
    photos: tuple[str, ...]
    subjects: tuple[str, ...]
    pairs: I32
    mated: Bool
    missing: Bool
    fold: I32 | None = None
    attributes: Mapping[str, Text] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    file_sha256: str | None = None

    def __post_init__(self) -> None:
        count, people = len(self.mated), len(self.photos)
        pairs = np.asarray(self.pairs)
        inside = pairs.shape == (count, 2) and ((pairs >= 0) & (pairs < people)).all()
        columns = [self.fold, *self.attributes.values()]
        if (
            not inside
            or len(self.subjects) != people
            or np.shape(self.missing) != (people,)
            or any(column is not None and np.shape(column) != (count,) for column in columns)
        ):
            raise InputError(
                f"TrialList: expected (T, 2) places among {people} photos and as many subjects, "
                f"and T = {count} of fold and of each attribute"
            )
        set_ = object.__setattr__
        set_(self, "pairs", _frozen(self.pairs, np.int32))
        set_(self, "mated", _frozen(self.mated, np.bool_))
        set_(self, "missing", _frozen(self.missing, np.bool_))
        set_(self, "fold", None if self.fold is None else _frozen(self.fold, np.int32))
        frozen = {key: _frozen(value, np.str_) for key, value in self.attributes.items()}
        set_(self, "attributes", MappingProxyType(frozen))

    def __len__(self) -> int:
        return len(self.mated)

    @property
    def sha256(self) -> str:
        """64 hex digits of what is compared, whichever file said so.

        SHA-256 of the photos and the subjects as JSON, then pairs (int32, little-endian), mated
        (a byte each), fold where there is one, and the attributes as JSON.
        """
        digest = hashlib.sha256(json.dumps([self.photos, self.subjects]).encode())
        digest.update(self.pairs.astype("<i4").tobytes())
        digest.update(self.mated.tobytes())
        if self.fold is not None:
            digest.update(self.fold.astype("<i4").tobytes())
        for key in sorted(self.attributes):
            digest.update(json.dumps([key, self.attributes[key].tolist()]).encode())
        return digest.hexdigest()


def read_trials(
    pairs: str | os.PathLike[str],
    images: str | os.PathLike[str],
    *,
    format: PairsFormat = "auto",
) -> TrialList:
    """The trials of a file of pairs, with photos below the folder ``images``.

    Formats: LFW's pairs.txt with its header, the same 3 or 4 columns without one (MFR2's file
    too), and CSV; see docs/evaluation-inputs.md. A photo that is not there is marked missing.
    Raises InputError that names file and line, and for a file or folder that cannot be read.
    """
    name, folder = describe(pairs), Path(images)
    if not folder.is_dir():
        raise InputError(f"{describe(images)}: no such folder; name the folder with the photos")
    try:
        content = Path(pairs).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{name}: cannot be read ({why}); name a file of pairs") from error
    parsed = parse_pairs(content, name, format)
    return _trial_list(parsed, folder, name, hashlib.sha256(content).hexdigest())


def from_folder(
    folder: str | os.PathLike[str], *, non_mated: int | None = None, seed: int = 0
) -> TrialList:
    """The trials of a folder with one sub-folder a person: every mated pair, then non-mated ones.

    non_mated: so many, drawn by ``seed`` without repeats, each pair of photos of two people
    being as likely as any other; None, or more than there are: all of them.
    Pictures that lie in ``folder`` itself are nobody's: they are left out, and a note says so.
    Raises InputError when no pair is to be had, ImageError for a folder without pictures.
    """
    if non_mated is not None and non_mated < 0:
        raise InputError(f"non_mated: expected 0 or more, got {non_mated}")
    top, name = Path(folder), describe(folder)
    if not top.is_dir():
        raise InputError(f"{name}: no such folder; name a folder with one sub-folder a person")
    paths = [path.relative_to(top) for path in find_images(top)]
    inside = sorted((path.parts[0], path.as_posix()) for path in paths if len(path.parts) > 1)
    loose = len(paths) - len(inside)
    subjects = tuple(person for person, _ in inside)
    counts = np.array(list(Counter(subjects).values()), np.int64)
    ends = np.cumsum(counts)
    same = _mated_pairs(ends - counts, ends)
    other = _non_mated_pairs(np.repeat(ends, counts), non_mated, seed)
    if not len(same) + len(other):
        raise InputError(
            f"{name}: no pair of photos; put each person's photos into a folder of their own"
        )
    notes = (f"{loose} pictures in {name} itself belong to nobody and are left out",)
    return TrialList(
        name,
        tuple(path for _, path in inside),
        subjects,
        np.concatenate([same, other]),
        np.repeat([True, False], [len(same), len(other)]),
        np.zeros(len(inside), bool),
        notes=notes if loose else (),
    )


def _mated_pairs(starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> I32:
    """(M, 2) int32: all i < j of one person, person by person."""
    made = [np.zeros((0, 2), np.int32)]
    for start, end in zip(starts, ends, strict=True):
        first, second = np.triu_indices(int(end - start), 1)
        made.append(np.stack([first + start, second + start], axis=1).astype(np.int32))
    return np.concatenate(made)


def _non_mated_pairs(ends: npt.NDArray[np.int64], wanted: int | None, seed: int) -> I32:
    """(N, 2) int32, rising. ends: where the photos of each photo's person end.

    The non-mated pairs of photo i are those with ``ends[i]`` and later; numbering them through,
    photo after photo, a draw of N numbers is a draw of N pairs, and no other pair is ever made.
    """
    before = np.concatenate([[0], np.cumsum(len(ends) - ends)]).astype(np.int64)
    total = int(before[-1])
    if wanted is None or wanted >= total:
        drawn = np.arange(total, dtype=np.int64)
    else:
        # random.sample over a range takes memory for N, whatever the range.
        sample = random.Random(seed).sample(range(total), wanted)
        drawn = np.sort(np.array(sample, np.int64))
    first = np.searchsorted(before, drawn, side="right") - 1
    pairs: I32 = np.empty((len(drawn), 2), np.int32)
    pairs[:, 0] = first
    pairs[:, 1] = ends[first] + drawn - before[first] if len(drawn) else 0
    return pairs


def _trial_list(parsed: Rows, folder: Path, name: str, digest: str) -> TrialList:
    finder = PhotoFinder(folder)
    places: dict[str, int] = {}
    missing: list[bool] = []
    pairs = np.empty((len(parsed.rows), 2), np.int32)
    for index, row in enumerate(parsed.rows):
        for side, given in enumerate((row.a, row.b)):
            path, there = finder.find(given)
            if path not in places:
                places[path] = len(places)
                missing.append(not there)
            pairs[index, side] = places[path]
        if pairs[index, 0] == pairs[index, 1]:
            fail_at(name, row, f"{row.a} and {row.b} are one file")
    folds = [row.fold for row in parsed.rows if row.fold is not None]
    return TrialList(
        name,
        tuple(places),
        _subjects(parsed.rows, pairs, tuple(places), name),
        pairs,
        np.array([row.mated for row in parsed.rows], bool),
        np.array(missing, bool),
        fold=np.array(folds, np.int32) if folds else None,
        attributes={
            key: np.array([row.attributes[column] for row in parsed.rows], np.str_)
            for column, key in enumerate(parsed.attributes)
        },
        file_sha256=digest,
    )


def _subjects(rows: Sequence[Row], pairs: I32, photos: Sequence[str], name: str) -> tuple[str, ...]:
    """Whom each photo shows: as the file says, else by folder, else by the mated pairs.

    Folders count when each mated pair lies in one and each non-mated pair in two. Otherwise
    photos that mated pairs link are one person, named after the first of them.
    """
    if rows[0].subjects is not None:
        found: dict[int, str] = {}
        for row, (a, b) in zip(rows, pairs.tolist(), strict=True):
            for place, subject in zip((a, b), row.subjects or (), strict=True):
                if found.setdefault(place, subject) != subject:
                    both = f"{found[place]!r} and {subject!r}"
                    fail_at(name, row, f"{photos[place]} is said to show both {both}")
        return tuple(found[place] for place in range(len(photos)))
    folders = [str(PurePosixPath(photo).parent) for photo in photos]
    if all(
        (folders[a] == folders[b]) == row.mated
        for row, (a, b) in zip(rows, pairs.tolist(), strict=True)
    ):
        return tuple(folders)
    leader = list(range(len(photos)))

    def lead(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    for row, (a, b) in zip(rows, pairs.tolist(), strict=True):
        if row.mated:
            first, second = sorted((lead(a), lead(b)))
            leader[second] = first
    for row, (a, b) in zip(rows, pairs.tolist(), strict=True):
        if not row.mated and lead(a) == lead(b):
            fail_at(
                name, row, f"{row.a} and {row.b} are said to differ, but other rows make them one"
            )
    return tuple(photos[lead(place)] for place in range(len(photos)))


def _frozen(array: Any, dtype: type) -> Any:
    out: npt.NDArray[Any] = np.array(array, dtype=dtype)
    out.flags.writeable = False
    return out
