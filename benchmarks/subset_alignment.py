"""What aligning on a subset of the points gains and costs, with and without covering the mask.

    MASKWISE_DATA=... python benchmarks/subset_alignment.py [--pairs FILE] [--json FILE]

The figures of docs/why-zeroed-landmarks.md, under three conditions:

- bare-bare: LFW, the mated pairs of View 2 whose person is in the report part of the one split
  (training/photos.py), on whom nothing was chosen;
- bare-masked, drawn: the same, the second photo wearing a virtual mask that was drawn on the
  whole photo before anything looked at it;
- bare-masked, real: MFR2, every bare photo with every masked one.

Non-mated trials: photos of two people, the first of the first kind and the second of the second,
at most 40,000, drawn by a fixed seed. A face is looked for once, and the same boxes serve all
rows; photos without one are counted apart, and no rate includes them. Rates come with 95 %
intervals by a bootstrap over people, and so do two differences, of the same replicates: from the
first row (dlib's own alignment, nothing covered), and from dlib's alignment with the same cover,
which is what the alignment alone does. An interval with 0 in it shows no difference.

Distances are face_recognition's: Euclidean, vectors as dlib gives them. The last rows enrol virtual
masks instead: the least distance to the reference in each mask that enrolment draws.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "training"))
from photos import data_folder, part_of  # noqa: E402

from maskwise import detect, dlib_chip, encode, image, masks  # noqa: E402
from maskwise.align import DLIB_CHIP, transform_of  # noqa: E402
from maskwise.cover import COVERS, cover  # noqa: E402
from maskwise.evaluate.intervals import bootstrap  # noqa: E402
from maskwise.evaluate.trials import read_trials  # noqa: E402
from maskwise.evaluate.verification import threshold_for_fmr  # noqa: E402
from maskwise.landmarks import subsets  # noqa: E402
from maskwise.landmarks.dlib5 import Dlib5  # noqa: E402
from maskwise.landmarks.dlib68 import Dlib68  # noqa: E402
from maskwise.stages import prominence  # noqa: E402
from maskwise.types import F64, U8, Chip, Detection, Image, Landmarks, Scheme  # noqa: E402

SEED = 11
NON_MATED = 40_000
REPLICATES = 300
TARGETS = (0.01, 0.001)
TOLERANCE = 0.6
# dlib takes dlib33 of all 68, and no brow ever: rows that would repeat another's are left out.
SAME_CHIPS = (("all", "dlib33"), ("eyes+brows", "eyes"))
ALIGNMENTS = (
    ("68 points (dlib33)", "ibug68", "dlib33"),
    ("68: eyes", "ibug68", "eyes"),
    ("68: eyes+bridge", "ibug68", "eyes+bridge"),
    ("68: question", "ibug68", "question"),
    ("5 points", "dlib5", "all"),
    ("5: eyes", "dlib5", "eyes"),
)
_CONSOLE = Console(stderr=True)
_BATCH = 32


@dataclass(eq=False)
class Face:
    """One photo: its person, and both schemes' points where a face was found."""

    person: str
    picture: Image
    points: dict[str, Landmarks] = field(default_factory=dict)


@dataclass(eq=False)
class Condition:
    """Trials between ``first`` and ``second``; mated and non_mated: (T, 2) places in them."""

    name: str
    first: list[Face]
    second: list[Face]
    mated: Any
    non_mated: Any
    failures: str


class Finder:
    """Looks for the face that a photo is about, and its points, with the detector of that day.

    drawn_by: the scheme of the points that a virtual mask is drawn by.
    """

    drawn_by: Scheme = "dlib5"

    def __init__(self) -> None:
        self._detector = detect.create("mmod")
        self._predictors = (Dlib5(), Dlib68())

    def face(self, person: str, picture: Image) -> Face:
        found = self._detector.detect(picture)
        if not found:
            return Face(person, picture)
        best: Detection = max(found, key=lambda d: prominence(d, picture))
        points = {p.scheme: p.predict(picture, [best])[0] for p in self._predictors}
        return Face(person, picture, dict(points))


def lfw(finder: Finder, pairs: Path, part: str) -> list[Condition]:
    """bare-bare and bare-masked of LFW."""
    trials = read_trials(pairs, data_folder() / "lfw-dev")
    kept = [
        (int(a), int(b))
        for (a, b), mated in zip(trials.pairs, trials.mated, strict=True)
        if mated and part_of(trials.subjects[a]) == part
    ]
    photos = {place for pair in kept for place in pair}
    bare = {
        place: finder.face(
            trials.subjects[place], image.load(data_folder() / "lfw-dev" / trials.photos[place])
        )
        for place in track(sorted(photos), "LFW", console=_CONSOLE)
    }
    rng = np.random.default_rng(SEED)
    masked = {}
    for place in track(sorted({b for _, b in kept}), "LFW, masks drawn", console=_CONSOLE):
        face = bare[place]
        if face.points:
            spec = masks.random_spec(rng)
            worn = masks.wear_on_image(face.picture, [face.points[finder.drawn_by]], [spec]).image
            masked[place] = finder.face(face.person, worn)
    return [
        _condition("bare-bare (LFW)", bare, bare, kept),
        _condition("bare-masked, drawn (LFW)", bare, masked, kept),
    ]


def mfr2(finder: Finder) -> Condition:
    """bare-masked of MFR2: every bare photo with every masked one."""
    with (data_folder() / "mfr2-dev-labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sides: tuple[dict[int, Face], dict[int, Face]] = ({}, {})
    for place, row in enumerate(track(rows, "MFR2", console=_CONSOLE)):
        name = row["name"]
        path = data_folder() / "mfr2-dev" / name / f"{name}_{int(row['index']):04d}.png"
        sides[row["mask"] != "no-mask"][place] = finder.face(name, image.load(path))
    bare, masked = sides
    pairs = [(a, b) for a in bare for b in masked if bare[a].person == masked[b].person]
    return _condition("bare-masked, real (MFR2)", bare, masked, pairs)


def _condition(
    name: str, first: dict[int, Face], second: dict[int, Face], pairs: Sequence[tuple[int, int]]
) -> Condition:
    """The trials whose two faces were found; the others are counted."""
    wanted = [{pair[side] for pair in pairs} for side in (0, 1)]
    found = [
        sorted(place for place in places if place in faces and faces[place].points)
        for places, faces in zip(wanted, (first, second), strict=True)
    ]
    at = [{place: n for n, place in enumerate(places)} for places in found]
    mated = [(at[0][a], at[1][b]) for a, b in pairs if a in at[0] and b in at[1]]
    people = [
        np.array([faces[place].person for place in places])
        for places, faces in zip(found, (first, second), strict=True)
    ]
    others = np.argwhere(people[0][:, None] != people[1][None])
    if len(others) > NON_MATED:
        others = others[np.random.default_rng(SEED).permutation(len(others))[:NON_MATED]]
    missed = [len(places) - len(kept) for places, kept in zip(wanted, found, strict=True)]
    failures = (
        f"no face in {missed[0]} of {len(wanted[0])} first and {missed[1]} of {len(wanted[1])} "
        f"second photos, so {len(pairs) - len(mated)} of {len(pairs)} mated trials have no score"
    )
    return Condition(
        name,
        [first[place] for place in found[0]],
        [second[place] for place in found[1]],
        np.array(mated, np.int64),
        others.astype(np.int64),
        failures,
    )


class Describer:
    """Faces -> vectors. Chips and vectors of a face are made once for each row."""

    def __init__(self) -> None:
        self._encoder = encode.create("dlib-resnet-v1")

    def vectors(self, faces: Sequence[Face], scheme: str, subset: str, how: str | None) -> F64:
        """(N, 128) float64."""
        chips = cut(faces, scheme, subset)
        return self._described(chips if how is None else cover(chips, how))  # type: ignore[arg-type]

    def worn(self, faces: Sequence[Face]) -> F64:
        """(N, M, 128): each face in each of the virtual masks, as enrolment draws them."""
        specs = [masks.spec_for(name) for name in masks.DEFAULT_TYPES]
        out = []
        for face in faces:
            points = face.points["dlib5"]
            # Half a pixel from dlib's own at most, which does for a mask.
            transform = transform_of(points, DLIB_CHIP)
            chip = Chip(
                dlib_chip.cut(face.picture, points), transform, DLIB_CHIP, points.mapped(transform)
            )
            out.append(self._described(masks.wear_on_chips([chip], specs)[0][0]))
        return np.stack(out)

    def _described(self, chips: U8) -> F64:
        parts = [
            self._encoder.describe_batch(chips[k : k + _BATCH])  # type: ignore[attr-defined]
            for k in range(0, len(chips), _BATCH)
        ]
        return np.concatenate(parts).astype(np.float64)


def cut(faces: Sequence[Face], scheme: str, subset: str) -> U8:
    """(N, 150, 150, 3): the chips by these points alone."""
    return np.stack(
        [dlib_chip.cut(f.picture, subsets.keep(f.points[scheme], subset)) for f in faces]
    )


def distances(first: F64, second: F64, trials: Any) -> F64:
    """(T,): the Euclidean distance of each trial; the least one where ``first`` is (N, M, 128)."""
    apart = first[trials[:, 0]] - (
        second[trials[:, 1]] if first.ndim == 2 else second[trials[:, 1], None]
    )
    found: F64 = np.linalg.norm(apart, axis=-1)
    return found if found.ndim == 1 else found.min(axis=1)


def rows_of(condition: Condition, describer: Describer) -> Iterator[tuple[str, str, F64, F64]]:
    """Alignment, cover, and the distances of mated and non-mated trials."""

    def both(first: F64, second: F64) -> tuple[F64, F64]:
        return (
            distances(first, second, condition.mated),
            distances(first, second, condition.non_mated),
        )

    for name, scheme, subset in ALIGNMENTS:
        for how in (None, *COVERS):
            sides = [
                describer.vectors(faces, scheme, subset, how)
                for faces in (condition.first, condition.second)
            ]
            yield name, how or "none", *both(sides[0], sides[1])
    if "masked" in condition.name:
        second = describer.vectors(condition.second, "dlib5", "all", None)
        yield "5 points, virtual masks", "none", *both(describer.worn(condition.first), second)


Row: TypeAlias = tuple[str, str, F64, F64]
"""Alignment, cover, and the distances of mated and non-mated trials."""


def table(
    condition: Condition, measured: Iterable[Row], tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """One row for each alignment and cover, told as it comes."""
    people = [[face.person for face in faces] for faces in (condition.first, condition.second)]
    names = np.unique(people[0] + people[1])
    codes = [np.searchsorted(names, side) for side in people]
    mated_people = codes[0][condition.mated[:, 0]]
    non_mated_people = np.stack([codes[k][condition.non_mated[:, k]] for k in (0, 1)], axis=1)
    tell(
        f"\n{condition.name}: {len(condition.mated)} mated trials of "
        f"{len(np.unique(mated_people))} people, {len(condition.non_mated)} non-mated ones;\n"
        f"{condition.failures}\n"
    )
    tell(
        f"{'aligned on':24}{'cover':6}{'FNMR at FMR 1 %':>26}{'less the first row':>25}"
        f"{'less 68, same cover':>25}{'at 0.6: FNMR':>14}{'FMR':>7}\n"
    )
    rows: list[Any] = []
    replicates: dict[str, F64] = {}
    for name, how, mated, non_mated in measured:
        drawn = bootstrap(
            -mated,
            -non_mated,
            mated_people,
            non_mated_people,
            target_fmrs=TARGETS,
            replicates=REPLICATES,
            seed=SEED,
        ).fnmr_at[:, 0]
        thresholds = [-threshold_for_fmr(-non_mated, target) for target in TARGETS]
        missed = [int((mated > t).sum()) for t in thresholds]
        replicates.setdefault(how, drawn)
        same_cover = next((row for row in rows if row["cover"] == how), None)
        row: dict[str, Any] = {
            "aligned_on": name,
            "cover": how,
            "missed": missed,
            "mated": len(mated),
            "non_mated": len(non_mated),
            "fnmr": missed[0] / len(mated),
            "fnmr_interval": interval(drawn),
            "fnmr_at_0.6": float((mated > TOLERANCE).mean()),
            "fmr_at_0.6": float((non_mated <= TOLERANCE).mean()),
            "distance_at_fmr": thresholds,
            "median_mated": float(np.median(mated)),
            "median_non_mated": float(np.median(non_mated)),
        }
        for key, other, base in (
            ("less_first", rows[0] if rows else row, replicates["none"]),
            ("less_same_cover", same_cover or row, replicates[how]),
        ):
            row[key] = row["fnmr"] - other["fnmr"]
            row[f"{key}_interval"] = interval(drawn - base)
        rows.append(row)
        tell(line(row))
    return rows


def interval(replicates: F64) -> list[float]:
    """The middle 95 %."""
    return [float(v) for v in np.nanquantile(replicates, [0.025, 0.975])]


def line(row: dict[str, Any]) -> str:
    low, high = row["fnmr_interval"]
    text = f"{row['aligned_on']:24}{row['cover']:6}{row['missed'][0]:5} = {row['fnmr']:5.1%}"
    text += f"{f'({low:.1%} to {high:.1%})':>18}"
    for key in ("less_first", "less_same_cover"):
        low, high = row[f"{key}_interval"]
        text += f"{row[key]:>+7.1%}{f'({low:+.1%} to {high:+.1%})':>18}"
    return f"{text}{row['fnmr_at_0.6']:>14.1%}{row['fmr_at_0.6']:>7.1%}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--pairs", type=Path, help="default: $MASKWISE_DATA/lfw-dev-pairs.txt")
    parser.add_argument("--part", default="report", choices=["train", "calibrate", "report"])
    parser.add_argument("--json", type=Path, help="write all figures there")
    arguments = parser.parse_args()
    pairs = arguments.pairs or data_folder() / "lfw-dev-pairs.txt"

    def tell(text: str) -> None:
        print(text, end="", flush=True)

    finder, describer = Finder(), Describer()
    conditions = lfw(finder, pairs, arguments.part)
    if arguments.part == "report":
        conditions.append(mfr2(finder))
    for condition in conditions:
        for one, other in SAME_CHIPS:
            chips = [cut(condition.first, "ibug68", subset) for subset in (one, other)]
            assert np.array_equal(*chips), f"{one} and {other} now differ: give each a row"
    report = {c.name: table(c, rows_of(c, describer), tell) for c in conditions}
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
