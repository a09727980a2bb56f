"""How far a head may turn: FNMR by yaw, on photos as they are.

    MASKWISE_DATA=... python training/quality/pose.py [--part calibrate]

Every photo of LFW's people with two photos or more is a probe, compared with the photos of the same
person that look ahead (yaw below --ahead degrees), and falls in a bin by its own yaw. The threshold
is that of FMR 1e-3 among the photos that look ahead. Intervals are bootstrapped over people. The
encoder was trained on the train people, so that only their trend tells something.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]
from measure import DETECTOR, ENCODER, FMR, WORK, nearest
from photos import Part, photos
from rich.progress import track

from maskwise import image
from maskwise.align import align
from maskwise.quality import measure
from maskwise.stages import landmarks_of
from maskwise.types import F32, F64

BINS = (0, 10, 15, 20, 25, 30, 35, 90)


def templates(part: Part, most: int) -> tuple[F32, F64, np.ndarray]:
    """Vectors (N, D), yaw in degrees (N,) and people (N,)."""
    kept = WORK / f"pose-{part}-{most}-{ENCODER.id.replace('/', '-')}.npz"
    if not kept.exists():
        paths = photos(part)
        count, taken = Counter(path.parent.name for path in paths), Counter[str]()
        pixels, yaws, people = [], [], []
        for path in track(paths, "photos"):
            person = path.parent.name
            if count[person] < 2 or taken[person] == most:
                continue
            picture = image.load(path)
            middle = np.array([picture.width - 1, picture.height - 1]) / 2
            face = nearest(DETECTOR.detect(picture), middle)
            if face is None:
                continue
            chip = align(picture, landmarks_of(face), ENCODER.chip_spec)
            yaw = measure(chip).yaw_deg
            if yaw is not None:
                taken[person] += 1
                pixels.append(chip.pixels)
                yaws.append(yaw)
                people.append(person)
        WORK.mkdir(exist_ok=True)
        vectors = ENCODER.encode_batch(np.stack(pixels))
        np.savez(kept, vectors=vectors, yaws=np.array(yaws), people=np.array(people))
    data = np.load(kept)
    return data["vectors"], data["yaws"], data["people"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=("train", "calibrate"), default="calibrate")
    parser.add_argument("--most", type=int, default=8, help="photos of a person")
    parser.add_argument("--ahead", type=float, default=15)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    vectors, yaws, people = templates(given.part, given.most)
    table = (vectors @ vectors.T).astype(np.float64)
    same = people[:, None] == people[None]
    ahead = np.abs(yaws) < given.ahead
    both = ahead[:, None] & ahead[None]
    threshold = float(np.quantile(table[~same & both], 1 - FMR, method="higher"))
    np.fill_diagonal(same, False)
    print(f"{given.part}: {len(people)} photos of {len(set(people))} people; {ENCODER.id}")
    print(
        f"{'yaw':>8} {'photos':>7} {'people':>7} {'mated':>6} {'FNMR':>7} {'95 %':>15} {'FMR':>9}"
    )
    chance = np.random.default_rng(0)
    for low, high in pairwise(BINS):
        here = (np.abs(yaws) >= low) & (np.abs(yaws) < high)
        mated, others = same & here[:, None] & ahead[None], ~same & here[:, None] & ahead[None]
        np.fill_diagonal(others, False)
        names = sorted(set(people[mated.any(1)]))
        if len(names) < 3:
            continue
        lost = np.array([((table < threshold) & mated)[people == n].sum() for n in names])
        all_ = np.array([mated[people == n].sum() for n in names])
        draws = chance.integers(len(names), size=(2000, len(names)))
        spread = np.percentile(lost[draws].sum(1) / all_[draws].sum(1), (2.5, 97.5))
        print(
            f"{low:3d}-{high:<4d} {here.sum():7d} {len(names):7d} {mated.sum():6d} "
            f"{lost.sum() / all_.sum():7.1%}   {spread[0]:5.1%}-{spread[1]:6.1%} "
            f"{(table[others] >= threshold).mean():9.2e}"
        )


if __name__ == "__main__":
    main()
