"""The faces that the realism figures are measured on: found and aligned alike in every set.

The shipped detector misses most masked faces in the wild, so OpenCV's YuNet finds them all here,
bare and masked ones: a yardstick that is not shipped (``--yunet``, or MASKWISE_YUNET). Its five
points put every face into dlib's chip. What was found is kept in ``work/``, which git ignores.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "training"), str(HERE.parents[1] / "training/convert_dlib")]
sys.path.insert(0, str(HERE.parent))
import flat_masks  # noqa: E402
from photos import Part, data_folder, photos  # noqa: E402

from maskwise import align, image, masks  # noqa: E402
from maskwise.masks.styles import STYLES  # noqa: E402
from maskwise.types import F32, U8, ChipSpec, Image, Landmarks, MaskSpec  # noqa: E402

WORK = HERE / "work"
CONSOLE = Console(stderr=True)
LONGEST_PX, PADDING, LEAST_SCORE = 400, 0.25, 0.6
"""Pictures are scaled to this longest side for YuNet, with this share of border on each side:
crops that end at the chin need context. Of three sizes 400 finds as many faces as larger ones."""

# dlib's mean face in the frame of its chip (maskwise.align): the centres of the eyes' six points,
# the tip of the nose (30) and the corners of the mouth (48, 54).
_MEAN = align.DLIB_CHIP_68.reference
FIVE_CHIP = ChipSpec(
    "five-150-p25",
    150,
    "five",
    np.stack([_MEAN[36:42].mean(0), _MEAN[42:48].mean(0), _MEAN[30], _MEAN[48], _MEAN[54]]),
)
"""dlib's chip by the points of ``five``, so that dlib's encoder and the mask state can read it."""


@dataclass(frozen=True, eq=False)
class Face:
    """The largest face of one photo. label: what it wears by the set's own labels, or "".

    landmarks: ``five``, px of ``picture()``, which is the photo with its border.
    """

    path: Path
    person: str
    label: str
    landmarks: Landmarks

    @property
    def name(self) -> str:
        return self.path.stem

    def picture(self) -> Image:
        return bordered(self.path)


@dataclass(frozen=True, eq=False)
class Set:
    """Faces of one set, and the names of the photos without one."""

    faces: list[Face]
    missed: list[str]

    def where(self, keep: Callable[[Face], bool]) -> list[Face]:
        return [face for face in self.faces if keep(face)]


def bordered(path: Path) -> Image:
    """The photo with its own edges drawn out by ``PADDING`` of the longer side."""
    pixels = image.load(path).pixels
    border = round(PADDING * max(pixels.shape[:2]))
    out = cv2.copyMakeBorder(pixels, border, border, border, border, cv2.BORDER_REPLICATE)
    return Image(np.asarray(out, np.uint8), path.name)


class Finder:
    """YuNet. The same pictures give the same points."""

    def __init__(self, model: Path) -> None:
        if not model.is_file():
            sys.exit(f"no YuNet at {model}: give its path with --yunet (see README.md)")
        cv2.setNumThreads(1)
        self.id = hashlib.sha256(model.read_bytes()).hexdigest()[:8]
        self._net = cv2.FaceDetectorYN.create(str(model), "", (320, 320), LEAST_SCORE, 0.3, 50)

    def largest(self, picture: Image) -> Landmarks | None:
        """The largest face of a bordered picture."""
        rows = self._rows(picture.pixels, _scale(picture))
        return _points(max(rows, key=lambda r: r[2] * r[3])) if len(rows) else None

    def again(self, picture: Image, before: Landmarks) -> Landmarks | None:
        """The face that was at ``before`` when it was bare, in the same picture with a mask."""
        middle, reach = before.points.mean(0), 3.2 * before.ipd_px
        limit = [picture.width, picture.height]
        low = np.clip(np.floor(middle - reach), 0, limit).astype(int)
        high = np.clip(np.ceil(middle + reach), 0, limit).astype(int)
        part = picture.pixels[low[1] : high[1], low[0] : high[0]]
        rows = self._rows(part, _scale(picture))
        near = [p for r in rows if _apart(p := _points(r, low), before) < 0.8 * before.ipd_px]
        return min(near, key=lambda p: _apart(p, before)) if near else None

    def _rows(self, pixels: U8, scale: float) -> F32:
        """(N, 15): boxes, points and scores in px of ``pixels``."""
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how)
        self._net.setInputSize((small.shape[1], small.shape[0]))
        rows = self._net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
        if rows is None:
            return np.zeros((0, 15), np.float32)
        # Pixel centres: (x + 1/2) scales, not x.
        rows[:, :14] /= scale
        rows[:, 4:14] += 0.5 / scale - 0.5
        return np.asarray(rows, np.float32)


def _scale(picture: Image) -> float:
    return LONGEST_PX * (1 + 2 * PADDING) / max(picture.width, picture.height)


def _points(row: F32, shift: Sequence[int] | np.ndarray = (0, 0)) -> Landmarks:
    return Landmarks("five", row[4:14].reshape(5, 2) + np.asarray(shift, np.float32))


def _apart(one: Landmarks, other: Landmarks) -> float:
    return float(np.hypot(*(one.eyes.mean(0) - other.eyes.mean(0))))


def found(finder: Finder, name: str, rows: Sequence[tuple[Path, str, str]]) -> Set:
    """The faces of (path, person, label) rows; looked for once and kept under ``name``."""
    listed = hashlib.sha256("\n".join(str(path) for path, _, _ in rows).encode()).hexdigest()[:8]
    key = f"{finder.id}-{LONGEST_PX}-{PADDING}-{LEAST_SCORE}-{listed}"
    file = WORK / f"faces-{name}-{key}.npz"
    if not file.exists():
        points = np.full((len(rows), 5, 2), np.nan, np.float32)
        for k, (path, _, _) in enumerate(track(rows, f"faces of {name}", console=CONSOLE)):
            landmarks = finder.largest(bordered(path))
            if landmarks is not None:
                points[k] = landmarks.points
        WORK.mkdir(exist_ok=True)
        np.savez(file, points=points)
    points = np.load(file)["points"]
    is_face = ~np.isnan(points[:, 0, 0])
    return Set(
        [Face(*rows[k], Landmarks("five", points[k])) for k in np.flatnonzero(is_face)],
        [rows[k][0].stem for k in np.flatnonzero(~is_face)],
    )


def lfw(finder: Finder, part: Part, count: int, seed: int) -> Set:
    """Up to ``count`` photos of one part of lfw-dev, drawn by ``seed``; all bare."""
    paths = photos(part)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(paths))[:count])
    return found(finder, f"lfw-{part}", [(paths[k], paths[k].parent.name, "") for k in chosen])


def mfr2(finder: Finder) -> Set:
    """mfr2-dev with its labels; "no-mask" is bare."""
    with (data_folder() / "mfr2-dev-labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return found(
        finder,
        "mfr2",
        [
            (
                data_folder() / "mfr2-dev" / r["name"] / f"{r['name']}_{int(r['index']):04d}.png",
                r["name"],
                r["mask"],
            )
            for r in rows
        ],
    )


def rwmfd(finder: Finder) -> Set:
    """rwmfd-dev: photos of people in masks, without labels; ``person`` is the photo's series."""
    paths = sorted((data_folder() / "rwmfd-dev").glob("*.jpg"))
    return found(finder, "rwmfd", [(path, path.stem.split("_")[0], "") for path in paths])


def not_masked(file: Path | None) -> dict[str, str]:
    """Names of rwmfd-dev's photos whose largest face wears no mask, and why, by eye.

    The list names photos of people, so it stays outside the repository. Empty without a file.
    """
    if file is None or not file.is_file():
        return {}
    with file.open(encoding="utf-8") as lines:
        return {row["name"]: row["why"] for row in csv.DictReader(lines)}


def spec_of(rng: np.random.Generator) -> MaskSpec:
    """A random mask as ``masks.random_spec`` draws them, worn so that it covers something."""
    while True:
        spec = masks.random_spec(rng)
        if STYLES[spec.wear_style].covers:
            return spec


def dressed(
    picture: Image, at: Landmarks, how: str, rng: np.random.Generator
) -> tuple[Image, U8, str]:
    """The picture with one random mask, ``how`` "ours" or "flat"; its cover (H, W); its type."""
    if how == "ours":
        spec = spec_of(rng)
        worn = masks.wear_on_image(picture, [at], [spec])
        return worn.image, worn.alpha, spec.type
    kind = str(rng.choice(list(flat_masks.KINDS)))
    pixels, alpha = flat_masks.wear(picture.pixels, at, kind, int(rng.integers(1, 1 << 31)))
    return Image(pixels, picture.source), alpha, kind


def chip(picture: Image, at: Landmarks) -> U8:
    """(150, 150, 3): the face as ``FIVE_CHIP`` wants it."""
    return align.align(picture, at, FIVE_CHIP).pixels


def options(text: str | None) -> argparse.ArgumentParser:
    """The options that all scripts share."""
    parser = argparse.ArgumentParser(description=(text or "").split("\n", 1)[0])
    yunet = os.environ.get("MASKWISE_YUNET")
    default = Path(yunet) if yunet else data_folder() / "yunet_2026may.onnx"
    parser.add_argument("--yunet", type=Path, default=default, help="or MASKWISE_YUNET")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write all figures there")
    return parser
