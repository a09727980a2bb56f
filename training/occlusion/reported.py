"""The faces that a mask state is reported on, as the pipeline would cut them; never trained on.

LFW's report people: bare, in our virtual masks, in the flat masks of ../../benchmarks/flat_masks.py
(drawn by other code than anything the network learns from; masks are laid on the photo and the face
is found anew), and with hands and things on the face. mfr2-dev and the labelled faces of rwmfd-dev:
real masks. Kept in work/report.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE), str(_HERE.parent), str(_HERE.parents[1] / "benchmarks")]
import flat_masks
from objects import ON_THE_FACE, Frame
from photos import data_folder, photos
from sample import CELLS, collar, design, in_cells, nose_covered

from maskwise import detect, image, landmarks, masks
from maskwise.align import DLIB_CHIP, FIVE_CHIP, align
from maskwise.types import U8, Detection, Image, Landmarks

WORK = _HERE / "work" / "report"
_EDGE = 48
"""px of black round a photo in which no face is found: MFR2's crops are tight."""
_STYLES = (("proper", 6.0), ("under-nose", 3.0), ("slipped", 1.0), ("under-chin", 2.0))


@dataclass(frozen=True)
class Reported:
    """N chips (N, 150, 150, 3) uint8. wear: "none", "proper", "nose-out", "under-chin" or another
    label; nose: share of the nose's tip that is covered, NaN where it was not measured; kind: type,
    "" where unknown; alpha: (N, 38, 38) uint8, nought where unknown. name: of the photo."""

    pixels: U8
    wear: npt.NDArray[np.str_]
    nose: npt.NDArray[np.float32]
    kind: npt.NDArray[np.str_]
    alpha: U8
    name: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.wear)


class _Rows:
    """Collects what ``Reported`` holds."""

    def __init__(self) -> None:
        self.rows: list[tuple[U8, str, float, str, U8, str]] = []

    def add(
        self,
        pixels: U8,
        wear: str,
        name: str,
        *,
        nose: float = np.nan,
        kind: str = "",
        alpha: U8 | None = None,
    ) -> None:
        cells = np.zeros((CELLS, CELLS), np.uint8) if alpha is None else in_cells(alpha)
        self.rows.append((pixels, wear, nose, kind, cells, name))

    def done(self, path: Path) -> Reported:
        columns = [np.array(column) for column in zip(*self.rows, strict=True)]
        made = Reported(*columns)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{f.name: getattr(made, f.name) for f in fields(Reported)})
        return made


def kept(name: str) -> Reported | None:
    """What an earlier run made."""
    path = WORK / f"{name}.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        return Reported(*(file[f.name] for f in fields(Reported)))


class Finder:
    """The default detector; the face in the middle, or the one of a box."""

    def __init__(self) -> None:
        self.detector = detect.create()
        self.dlib5 = landmarks.create()

    def middle(self, picture: Image) -> Detection | None:
        found = self.detector.detect(picture)
        middle = np.array([picture.width, picture.height]) / 2
        return min(
            found,
            key=lambda d: float(np.hypot(*((d.box[:2] + d.box[2:]) / 2 - middle))),
            default=None,
        )

    def at(self, picture: Image, box: npt.NDArray[np.float64]) -> Detection | None:
        """The face that lies over half in ``box``; None where there is none."""
        best, most = None, 0.5
        for d in self.detector.detect(picture):
            low, high = np.maximum(d.box[:2], box[:2]), np.minimum(d.box[2:], box[2:])
            common = float(np.prod(np.clip(high - low, 0, None)))
            both = float(np.prod(d.box[2:] - d.box[:2]) + np.prod(box[2:] - box[:2])) - common
            if common / both > most:
                best, most = d, common / both
        return best


def five(detection: Detection) -> Landmarks:
    assert detection.landmarks is not None
    return detection.landmarks


def _worn(finder: Finder, pixels: U8, alpha: U8, bare: Landmarks) -> tuple[U8, U8, float] | None:
    """Chip, its alpha and the nose's covered share, of a masked photo; None: no face found."""
    picture = Image(pixels)
    found = finder.middle(picture)
    if found is None:
        return None
    chip = align(picture, five(found), FIVE_CHIP)
    on_chip = cv2.warpAffine(alpha, chip.transform, chip.pixels.shape[:2], flags=cv2.INTER_LINEAR)
    points = bare.points
    unit = float(np.hypot(*(points[1] - points[0])))
    return chip.pixels, np.asarray(on_chip, np.uint8), nose_covered(alpha, points[2], unit)


def lfw(seed: int = 2, every: int = 2) -> dict[str, Reported]:
    """``bare``, ``bare-dlib5`` (placed by dlib's points): all photos; ``ours``, ``flat`` and
    ``hard``: every n-th."""
    names = ("bare", "bare-dlib5", "ours", "flat", "hard")
    there = {name: kept(name) for name in names}
    if all(there.values()):
        return {name: part for name, part in there.items() if part is not None}
    finder, rows, missed = Finder(), {name: _Rows() for name in names}, dict.fromkeys(names, 0)
    kinds = list(flat_masks.KINDS)
    choices = [(choice.__name__, choice) for choice, _ in ON_THE_FACE]
    for k, path in enumerate(photos("report")):
        picture, name = image.load(path), f"{path.parent.name}/{path.name}"
        found = finder.middle(picture)
        if found is None:
            missed["bare"] += 1
            continue
        points = finder.dlib5.predict(picture, [found])[0]
        chip = align(picture, five(found), FIVE_CHIP)
        rows["bare"].add(chip.pixels, "none", name)
        rows["bare-dlib5"].add(align(picture, points, DLIB_CHIP).pixels, "none", name)
        if k % every:
            continue
        rng = np.random.default_rng([seed, k])
        spec = design(rng, _STYLES)
        ours = masks.wear_on_image(picture, [points], [spec])
        flat = flat_masks.wear(picture.pixels, points, kinds[k // every % len(kinds)], k + 1)
        for kind, pixels, alpha, what in (
            ("ours", ours.image.pixels, ours.alpha, spec.type),
            ("flat", flat[0], flat[1], kinds[k // every % len(kinds)]),
        ):
            made = _worn(finder, pixels, alpha, five(found))
            if made is None:
                missed[kind] += 1
                continue
            wear = "proper" if made[2] > 0.5 else "nose-out"
            if kind == "ours" and spec.wear_style == "under-chin":
                wear = "under-chin"
            rows[kind].add(made[0], wear, name, nose=made[2], kind=what, alpha=made[1])
        frame = Frame(points.points @ chip.transform[:, :2].T + chip.transform[:, 2])
        what = k // every % (len(choices) + 1)
        if what == len(choices):
            rows["hard"].add(collar(chip.pixels, frame, rng), "none", name, kind="collar")
        else:
            pixels, alpha = choices[what][1](chip.pixels, frame, rng)
            rows["hard"].add(pixels, "none", name, kind=choices[what][0], alpha=alpha)
    print("no face found:", missed, file=sys.stderr)
    return {name: part.done(WORK / f"{name}.npz") for name, part in rows.items()}


def mfr2() -> Reported:
    """All of mfr2-dev; ``wear`` is "proper" (worn, it does not say how) or "none"."""
    if (there := kept("mfr2")) is not None:
        return there
    finder, rows, folder = Finder(), _Rows(), data_folder()
    with (folder / "mfr2-dev-labels.csv").open() as file:
        for row in csv.DictReader(file):
            name = f"{row['name']}_{int(row['index']):04d}"
            (path,) = (folder / "mfr2-dev" / row["name"]).glob(f"{name}.*")
            picture = image.load(path)
            found = finder.middle(picture)
            if found is None:
                edge = (_EDGE,) * 4
                grown = cv2.copyMakeBorder(picture.pixels, *edge, cv2.BORDER_CONSTANT)
                picture = Image(np.asarray(grown, np.uint8))
                found = finder.middle(picture)
            if found is None:
                print(f"no face: {name}", file=sys.stderr)
                continue
            wear = "none" if row["mask"] == "no-mask" else "proper"
            kind = "" if wear == "none" else row["mask"].partition("_")[0].lower()
            rows.add(align(picture, five(found), FIVE_CHIP).pixels, wear, name, kind=kind)
    return rows.done(WORK / "mfr2.npz")


def rwmfd() -> Reported:
    """The labelled faces; ``kind`` is "type|set|part", set: random or extra, part: train or
    report, of the detector's split. Labels "unclear" are left out."""
    if (there := kept("rwmfd")) is not None:
        return there
    from label import TABLE

    finder, rows, folder = Finder(), _Rows(), data_folder() / "rwmfd-dev"
    with TABLE.open() as file:
        for row in csv.DictReader(file):
            if row["wear"] == "unclear":
                continue
            box = np.array([float(row[c]) for c in ("x1", "y1", "x2", "y2")])
            picture = image.load(folder / row["photo"])
            found = finder.at(picture, box)
            if found is None:
                print(f"no face: {row['photo']} {row['wear']}", file=sys.stderr)
                continue
            kind = f"{row['type']}|{row['set']}|{part_of_photo(row['photo'])}"
            pixels = align(picture, five(found), FIVE_CHIP).pixels
            rows.add(pixels, row["wear"], row["photo"], kind=kind)
    return rows.done(WORK / "rwmfd.npz")


def part_of_photo(name: str) -> str:
    """As the detector's split has it: by the first four digits of the name."""
    tenth = int(hashlib.sha256(name[:4].encode()).hexdigest(), 16) % 10
    return "report" if tenth in (6, 9) else "train"


if __name__ == "__main__":
    cv2.setNumThreads(1)
    for made_name, made_part in (lfw() | {"mfr2": mfr2(), "rwmfd": rwmfd()}).items():
        words, counts = np.unique(made_part.wear, return_counts=True)
        print(made_name, dict(zip(words.tolist(), counts.tolist(), strict=True)))
