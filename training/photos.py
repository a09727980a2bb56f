"""The development photos: the one split by person, and their chips, cut once and kept.

The photos are LFW's (a folder a person) and lie in ``$MASKWISE_DATA/lfw-dev``; they are no part
of the project. Chips go to ``training/work/``, which git ignores.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from maskwise import detect, image, landmarks
from maskwise.align import DLIB_CHIP, align
from maskwise.types import Chip, Landmarks

Part = Literal["train", "calibrate", "report"]
WORK = Path(__file__).resolve().parent / "work"
_SHARD = 500


def data_folder() -> Path:
    """``$MASKWISE_DATA``; ends the script with a message where it is not set."""
    text = os.environ.get("MASKWISE_DATA")
    if not text:
        sys.exit("set MASKWISE_DATA to the folder that holds lfw-dev/ (see CONTRIBUTING.md)")
    return Path(text)


def part_of(person: str) -> Part:
    """By person, never by photo: the folder's name decides. No script makes another split."""
    tenth = int(hashlib.sha256(person.encode()).hexdigest(), 16) % 10
    return "train" if tenth < 7 else "calibrate" if tenth == 7 else "report"


def photos(part: Part) -> list[Path]:
    """All photos of the part's people, sorted; the parent's name is the person's."""
    folder = data_folder() / "lfw-dev"
    return sorted(p for p in folder.glob("*/*.jpg") if part_of(p.parent.name) == part)


@dataclass(frozen=True)
class Chips:
    """N photos whose dominant face was found.

    pixels: (N, 150, 150, 3) uint8 RGB (DLIB_CHIP). points: (N, 5, 2) float32 dlib5, chip px.
    people, names: N strings. missed: photos without a face.
    """

    pixels: npt.NDArray[np.uint8]
    points: npt.NDArray[np.float32]
    people: npt.NDArray[np.str_]
    names: npt.NDArray[np.str_]
    missed: list[str]

    def chip(self, index: int) -> Chip:
        """Chip ``index`` as the masks want it; its transform is not kept."""
        points = Landmarks("dlib5", self.points[index])
        return Chip(self.pixels[index], np.eye(2, 3), DLIB_CHIP, points)


def chips(part: Part, every: int = 1) -> Chips:
    """The chips of every n-th photo of one part, by the shipped detector and landmarks.

    Cut once and kept; a run that was broken off goes on where it was.
    """
    detector, predictor = detect.create("mmod"), landmarks.create()
    key = hashlib.sha256(f"{detector.id} {predictor.id}".encode()).hexdigest()[:8]
    paths = photos(part)[::every]
    starts = range(0, len(paths), _SHARD)
    shards = [WORK / f"chips-{key}-{part}-{every}-{start // _SHARD:03d}.npz" for start in starts]
    console = Console(stderr=True)
    for start, shard in zip(starts, shards, strict=True):
        if not shard.exists():
            _cut(paths[start : start + _SHARD], shard, detector, predictor, console)
    loaded = [dict(np.load(shard, allow_pickle=False)) for shard in shards]
    joined = {name: np.concatenate([a[name] for a in loaded]) for name in loaded[0]}
    return Chips(
        joined["pixels"],
        joined["points"],
        np.array([Path(str(n)).parent.name for n in joined["names"]]),
        joined["names"],
        [str(n) for n in joined["missed"]],
    )


def _cut(
    paths: Sequence[Path],
    shard: Path,
    detector: detect.Detector,
    predictor: landmarks.LandmarkPredictor,
    console: Console,
) -> None:
    pixels, points, names, missed = [], [], [], []
    for path in track(paths, f"chips {shard.stem}", console=console):
        name = f"{path.parent.name}/{path.name}"
        picture = image.load(path)
        found = detector.detect(picture)
        if not found:
            missed.append(name)
            continue
        # LFW centres the person it names: of several faces, the one nearest to the middle.
        middle = np.array([picture.width, picture.height]) / 2
        best = min(found, key=lambda d: np.hypot(*((d.box[:2] + d.box[2:]) / 2 - middle)))
        chip = align(picture, predictor.predict(picture, [best])[0], DLIB_CHIP)
        pixels.append(chip.pixels)
        points.append(chip.landmarks.points)
        names.append(name)
    shard.parent.mkdir(parents=True, exist_ok=True)
    unfinished = shard.with_suffix(".part.npz")
    np.savez(
        unfinished,
        pixels=np.array(pixels, np.uint8),
        points=np.array(points, np.float32),
        names=np.array(names, np.str_),
        missed=np.array(missed, np.str_),
    )
    unfinished.rename(shard)
