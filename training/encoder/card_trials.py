"""Who is compared with whom in the model card: the lists of benchmarks/accuracy as trials.

LFW: its report people, at most ten photos of each, every mated pair and 100,000 non-mated
ones (``every``), and LFW's own pairs among them (``own``). A search enrols everybody who has two
photos with the first, looks for them with the second, and for everybody else as a stranger. MFR2:
every pair of photos, and its own list.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "accuracy"))
import lists

from maskwise.evaluate.trials import TrialList

Row = Sequence[str | int]
"""Reference, probe, 1 for one person or 0; then what the pair wears by its labels, if known."""
LABELLED = "labelled"


@dataclass(frozen=True)
class Search:
    """Places of photos, and whom they show. gallery: enrolled; probes: mates, then strangers."""

    gallery: tuple[int, ...]
    probes: tuple[int, ...]


@dataclass(frozen=True)
class Lfw:
    """Trials, each list with photos of its own. search: among the photos of ``every``."""

    every: TrialList
    own: TrialList
    search: Search


@dataclass(frozen=True)
class Mfr2:
    """Trials between one tuple of photos. search: masked photos, in a gallery of all bare ones."""

    every: TrialList
    own: TrialList
    search: Search


def person_of(photo: str) -> str:
    return str(PurePosixPath(photo).parent)


def trial_list(source: str, rows: Sequence[Row], photos: Sequence[str]) -> TrialList:
    """``rows`` as trials between ``photos``, which may be more than they name."""
    place = {photo: at for at, photo in enumerate(photos)}
    labels = [str(row[3]) for row in rows if len(row) > 3]
    return TrialList(
        source,
        tuple(photos),
        tuple(map(person_of, photos)),
        np.array([(place[str(a)], place[str(b)]) for a, b, *_ in rows], np.int32).reshape(-1, 2),
        np.array([bool(row[2]) for row in rows], bool),
        np.zeros(len(photos), bool),
        attributes={LABELLED: np.array(labels, np.str_)} if labels else {},
    )


def first_two(photos: Sequence[str]) -> Search:
    """One enrolled photo and one probe of everybody with two; everybody else is a stranger."""
    of: dict[str, list[int]] = {}
    for place, photo in enumerate(photos):
        of.setdefault(person_of(photo), []).append(place)
    two = [places for places in of.values() if len(places) > 1]
    alone = [places[0] for places in of.values() if len(places) == 1]
    return Search(tuple(places[0] for places in two), (*(places[1] for places in two), *alone))


def lfw(pairs: Path, limit: int | None = None) -> Lfw:
    """The trials of LFW's report people. limit: of the first so many alone, to try things out."""
    mated, other = lists.lfw()
    own = lists.lfw_pairs(pairs, other)
    every = [*mated, *other]
    people = sorted({person_of(photo) for a, b, _ in every for photo in (a, b)})
    return among(every, own, set(people[:limit]))


def among(every: Sequence[Row], own: Sequence[Row], people: set[str]) -> Lfw:
    """The trials between these people, and their photos."""

    def named(rows: Sequence[Row]) -> list[str]:
        photos = {str(photo) for row in rows for photo in row[:2]}
        return sorted(photo for photo in photos if person_of(photo) in people)

    def kept(rows: Sequence[Row]) -> list[Row]:
        return [row for row in rows if all(person_of(str(photo)) in people for photo in row[:2])]

    photos = named(every)
    return Lfw(
        trial_list("LFW's report people", kept(every), photos),
        trial_list("LFW's own pairs among them", kept(own), named(kept(own))),
        first_two(photos),
    )


def mfr2(pairs: Path) -> Mfr2:
    """The trials of MFR2's development photos, by the labels of mfr2-dev-labels.csv."""
    labels = lists.mfr2_labels()
    every, own = lists.mfr2(None, labels), lists.mfr2(pairs, labels)
    photos = sorted({photo for row in every for photo in row[:2]})
    bare = [labels[Path(photo).with_suffix("").as_posix()] == lists.BARE for photo in photos]
    return Mfr2(
        trial_list("MFR2, every pair", every, photos),
        trial_list("MFR2's own pairs", own, photos),
        Search(
            tuple(place for place, is_bare in enumerate(bare) if is_bare),
            tuple(place for place, is_bare in enumerate(bare) if not is_bare),
        ),
    )
