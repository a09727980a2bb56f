"""What each ingredient brings, added one at a time: from the stock pipeline to what ships.

    MASKWISE_DATA=... python benchmarks/ingredients.py [--pairs FILE] [--json FILE]

Conditions: those of ``subset_alignment.py`` (LFW's mated pairs of View 2 whose people are in the
report part; MFR2, every bare photo with every masked one), and LFW once more in flat masks, which
another generator drew (``flat_masks.py``). The masks on LFW's second photos are drawn once, by the
landmarks that ship, and are the same for all rows.

A mated pair of which a photo gives no face is a miss; a non-mated one is left out. FNMR: at the
threshold that 1 % of the row's own non-mated pairs of the condition reach. "At the bare threshold":
the share of these non-mated pairs that reach the threshold of the row's bare pairs, which is what a
threshold that ignores masks lets pass. Rank 1: of the masked photos, those whose nearest bare photo
is the right person's; LFW's bare side is one photo a person. Intervals: 95 %, by a bootstrap over
people.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flat_masks
import numpy as np
import subset_alignment as question
from photos import data_folder  # on the path by the import above
from rich.console import Console
from rich.progress import track

from maskwise import Recognizer, image, masks
from maskwise.errors import InputError
from maskwise.evaluate.intervals import I64, bootstrap, bootstrap_share
from maskwise.evaluate.verification import eer, threshold_for_fmr
from maskwise.stages import prominence
from maskwise.types import F32, F64, Bool, Image

FMR = 0.01
_CONSOLE = Console(stderr=True)


@dataclass(frozen=True)
class Ingredients:
    """One row: the models, and whether people are enrolled in virtual masks."""

    name: str
    models: dict[str, str]
    virtual: bool


STOCK = {"detector": "dlib-hog", "predictor": "dlib5", "encoder": "dlib-resnet-v1"}
FOUND = STOCK | {"detector": "maskwise"}
ADAPTED = FOUND | {"encoder": "maskwise-v1"}
ROWS = (
    Ingredients("the stock pipeline", STOCK, virtual=False),
    Ingredients("+ a detector that finds masked faces", FOUND, virtual=False),
    Ingredients("+ virtual masks for masked probes", FOUND, virtual=True),
    Ingredients("+ the adapted encoder", ADAPTED, virtual=True),
    Ingredients("+ placed by the detector's points: what ships", {}, virtual=True),
    Ingredients("the last, without virtual masks", {}, virtual=False),
)


@dataclass(eq=False)
class Made:
    """N photos. vectors: (N, D), NaN without a face; worn: what the mask state says, (N,).

    virtual: (N, M, D) in each virtual mask, NaN where none was drawn.
    """

    vectors: F32
    worn: Bool
    virtual: F32


class Maker:
    """One row's pipeline."""

    def __init__(self, row: Ingredients) -> None:
        self.row = row
        self._recognizer = Recognizer(**row.models)  # type: ignore[arg-type]
        self._specs = [masks.spec_for(name) for name in masks.DEFAULT_TYPES if row.virtual]

    def made(self, pictures: Sequence[Image], *, references: bool) -> Made:
        one = self._recognizer
        shape = len(pictures), len(self._specs) if references else 0, one.encoder.dim
        out = Made(
            np.full((shape[0], shape[2]), np.nan, np.float32),
            np.zeros(shape[0], bool),
            np.full(shape, np.nan, np.float32),
        )
        for k, picture in enumerate(track(pictures, self.row.name, console=_CONSOLE)):
            found = one.detect(picture)
            if not found:
                continue
            best = max(found, key=lambda d, at=picture: prominence(d, at))  # type: ignore[misc]
            try:
                (chip,), (state,) = one.chips(picture, [best])
                templates = one.templates(chip, state, self._specs if references else [])
            except InputError:  # landmarks that no face has
                continue
            out.vectors[k], out.worn[k] = templates[0].vector, state.worn
            for place, template in enumerate(templates[1:]):
                out.virtual[k, place] = template.vector
        return out


def compared(first: Made, second: Made, pairs: I64) -> F64:
    """(T,): the score of each pair as ``verify`` has it, NaN where a photo has no face."""
    a, b = pairs.T
    plain = np.einsum("td,td->t", first.vectors[a], second.vectors[b]).astype(np.float64)
    if not first.virtual.shape[1]:
        return plain
    best = np.einsum("tmd,td->tm", first.virtual[a], second.vectors[b]).max(axis=1)
    drawn = second.worn[b] & ~first.worn[a] & ~np.isnan(best)
    return np.where(drawn, best, plain)


def figures(
    condition: question.Condition, mated: F64, non_mated: F64, nearest: Bool, bare: float | None
) -> dict[str, Any]:
    """One cell. nearest: of each masked photo that has a mate; bare: the bare pairs' threshold."""
    people = [np.array([f.person for f in side]) for side in (condition.first, condition.second)]
    names = np.unique(np.concatenate(people))
    codes = [np.searchsorted(names, side) for side in people]
    there = ~np.isnan(non_mated)
    failed = np.isnan(mated)
    mated, non_mated = np.where(failed, -np.inf, mated), non_mated[there]
    of_mated = codes[0][condition.mated[:, 0]]
    drawn = bootstrap(
        mated,
        non_mated,
        of_mated,
        np.stack([codes[k][condition.non_mated[there, k]] for k in (0, 1)], axis=1),
        target_fmrs=(FMR,),
        replicates=question.REPLICATES,
        seed=question.SEED,
    ).fnmr_at[:, 0]
    threshold = threshold_for_fmr(non_mated, FMR)
    ranked = bootstrap_share(nearest, codes[1][mated_seconds(condition)], seed=question.SEED)
    return {
        "mated": len(mated),
        "failed": int(failed.sum()),
        "non_mated": len(non_mated),
        "threshold": threshold,
        "fnmr": float((mated < threshold).mean()),
        "fnmr_interval": question.interval(drawn),
        "eer": eer(mated[~failed], non_mated).value,
        "fmr_at_bare": None if bare is None else float((non_mated >= bare).mean()),
        "rank1": float(nearest.mean()),
        "rank1_interval": question.interval(ranked),
    }


def mated_seconds(condition: question.Condition) -> I64:
    """The second photos that have a mate, once each."""
    seconds: I64 = np.unique(condition.mated[:, 1])
    return seconds


def nearest_is_right(condition: question.Condition, first: Made, second: Made) -> Bool:
    """Of ``mated_seconds``: whether the nearest first photo, one a person or all, is theirs."""
    people = np.array([face.person for face in condition.first])
    keep = np.arange(len(people))
    if "MFR2" not in condition.name:
        keep = np.sort(np.unique(people, return_index=True)[1])
    out = []
    for b in mated_seconds(condition):
        pairs = np.stack([keep, np.full(len(keep), b)], axis=1)
        scores = np.nan_to_num(compared(first, second, pairs), nan=-2)
        right = people[keep[scores.argmax()]] == condition.second[b].person
        out.append(bool(right and scores.max() > -2))
    return np.array(out)


def in_flat_masks(condition: question.Condition) -> question.Condition:
    """The same trials, the second photos in flat masks instead."""
    rng = np.random.default_rng(question.SEED)
    faces = []
    for face in condition.second:
        kind = str(rng.choice(list(flat_masks.KINDS)))
        pixels = flat_masks.wear(face.picture.pixels, face.points["five"], kind)[0]
        faces.append(question.Face(face.person, image.load(pixels)))
    return question.Condition(
        "bare-masked, flat (LFW)",
        condition.first,
        faces,
        condition.mated,
        condition.non_mated,
        condition.failures,
    )


def rows(conditions: Sequence[question.Condition]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Row, condition and figures, as they come."""
    for row in ROWS:
        maker = Maker(row)
        bare: float | None = None
        references: dict[int, Made] = {}
        for condition in conditions:
            key = id(condition.first)
            if key not in references:
                pictures = [face.picture for face in condition.first]
                references[key] = maker.made(pictures, references=True)
            first = references[key]
            second = maker.made([face.picture for face in condition.second], references=False)
            mated, others = (
                compared(first, second, pairs) for pairs in (condition.mated, condition.non_mated)
            )
            right = nearest_is_right(condition, first, second)
            cell = figures(condition, mated, others, right, bare)
            if bare is None:
                bare = cell["threshold"]
            yield row.name, condition.name, cell


def line(name: str, cell: dict[str, Any]) -> str:
    """One row of a condition's table."""
    low, high = cell["fnmr_interval"]
    least, most = cell["rank1_interval"]
    pass_ = "" if cell["fmr_at_bare"] is None else f"{cell['fmr_at_bare']:.1%}"
    return (
        f"{name:48}{cell['failed']:4}{cell['fnmr']:8.1%}{f'({low:.1%} to {high:.1%})':>19}"
        f"{cell['eer']:7.1%}{pass_:>8}{cell['rank1']:8.1%}{f'({least:.1%} to {most:.1%})':>19}\n"
    )


class Finder(question.Finder):
    """The photos' faces by the models that ship; only where a mask is drawn depends on it."""

    drawn_by = "five"

    def __init__(self) -> None:
        self._recognizer = Recognizer()

    def face(self, person: str, picture: Image) -> question.Face:
        found = self._recognizer.detect(picture)
        if not found:
            return question.Face(person, picture)
        best = max(found, key=lambda d: prominence(d, picture))
        assert best.landmarks is not None
        return question.Face(person, picture, {"five": best.landmarks})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--pairs", type=Path, help="default: $MASKWISE_DATA/lfw-dev-pairs.txt")
    parser.add_argument("--json", type=Path, help="write all figures there")
    arguments = parser.parse_args()
    finder = Finder()
    pairs = arguments.pairs or data_folder() / "lfw-dev-pairs.txt"
    bare, drawn = question.lfw(finder, pairs, "report")
    conditions = [bare, drawn, in_flat_masks(bare), question.mfr2(finder)]
    report: dict[str, dict[str, Any]] = {}
    for row, condition, cell in rows(conditions):
        report.setdefault(condition, {})[row] = cell
        print(f"{condition:26}{line(row, cell)}", end="", flush=True)
    for condition in conditions:
        told = next(iter(report[condition.name].values()))
        print(
            f"\n{condition.name}: {told['mated']} mated pairs, at most "
            f"{len(condition.non_mated)} non-mated ones; {condition.failures}\n"
            f"{'':48}lost{'FNMR':>8}{'':19}{'EER':>7}{'at bare':>8}{'rank 1':>8}"
        )
        for row, cell in report[condition.name].items():
            print(line(row, cell), end="")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1), "utf-8")


if __name__ == "__main__":
    main()
