"""Whose points place the chip, and what comes of it: the table of docs/adr/0015.

    MASKWISE_DATA=... python training/encoder/placing.py MODEL.onnx ...

Calibrate people of LFW, at most ten photos of each, bare, in one random mask of ours worn properly,
and in one of ../../benchmarks/flat_masks.py; masks are drawn on the whole photo, and the face is
looked for anew. Each face is cut by dlib's points, by the detector's, and by the mean of the two
transforms. Prints FNMR at FMR 0.001 and EER, in per cent; these figures choose, they do not report.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnxruntime
from mfr2 import eer
from rich.progress import track

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent), str(_HERE.parents[1] / "benchmarks")]
import flat_masks
from photos import photos

from maskwise import detect, image, landmarks, masks
from maskwise.align import DLIB_CHIP, FIVE_CHIP, transform_of, warp
from maskwise.types import F32, U8, Detection, Image, Landmarks

PLACES = ("dlib's", "the detector's", "mean of both")
KINDS = ("bare", "drawn", "flat")
PAIRS = (
    ("bare", "bare"),
    ("bare", "drawn"),
    ("bare", "flat"),
    ("drawn", "drawn"),
    ("flat", "flat"),
)
_MOST = 10
_BATCH = 64


class Looked:
    """Detector and dlib's trees, on the face in the middle."""

    def __init__(self) -> None:
        self._detector, self._trees = detect.create(), landmarks.create("dlib5")

    def points(self, picture: Image) -> tuple[Landmarks, Landmarks] | None:
        """dlib's points and the detector's."""
        found = self._detector.detect(picture)
        middle = np.array([picture.width, picture.height]) / 2

        def far(one: Detection) -> float:
            return float(np.hypot(*((one.box[:2] + one.box[2:]) / 2 - middle)))

        best = min(found, key=far, default=None)
        if best is None or best.landmarks is None:
            return None
        return self._trees.predict(picture, [best])[0], best.landmarks

    def chips(self, picture: Image) -> U8 | None:
        """(3, 150, 150, 3) uint8: cut by each of ``PLACES``."""
        found = self.points(picture)
        if found is None:
            return None
        by_trees, by_detector = transform_of(found[0], DLIB_CHIP), transform_of(found[1], FIVE_CHIP)
        ways = (by_trees, by_detector, (by_trees + by_detector) / 2)
        return np.stack([warp(picture, way, DLIB_CHIP.size) for way in ways])


def worn(picture: Image, points: Landmarks, rng: np.random.Generator) -> dict[str, Image]:
    """The picture as each of ``KINDS``."""
    spec = masks.random_spec(rng, styles=("proper",))
    kinds = list(flat_masks.KINDS)
    kind, seed = kinds[rng.integers(len(kinds))], int(rng.integers(1, 1_000_000))
    flat, _ = flat_masks.wear(picture.pixels, points, kind, seed)
    drawn = masks.wear_on_image(picture, [points], [spec]).image
    return {"bare": picture, "drawn": drawn, "flat": Image(flat)}


def cut() -> tuple[dict[str, U8], np.ndarray]:
    """Kind -> (N, 3, 150, 150, 3) chips, and the person of each (N,)."""
    looked = Looked()
    cuts: dict[str, list[U8]] = {kind: [] for kind in KINDS}
    people: list[str] = []
    seen: dict[str, int] = defaultdict(int)
    for path in track(photos("calibrate"), "photos"):
        person = path.parent.name
        seen[person] += 1
        if seen[person] > _MOST:
            continue
        picture = image.load(path)
        found = looked.points(picture)
        if found is None:
            continue
        digest = hashlib.sha256(f"{person}/{path.name}".encode()).hexdigest()
        rng = np.random.default_rng(int(digest[:8], 16))
        chips = {k: looked.chips(one) for k, one in worn(picture, found[0], rng).items()}
        if any(chip is None for chip in chips.values()):
            print(f"left out: a face was not found in {path.name}", file=sys.stderr)
            continue
        people.append(person)
        for kind, chip in chips.items():
            cuts[kind].append(np.asarray(chip))
    return {kind: np.stack(found) for kind, found in cuts.items()}, np.array(people)


def templates(session: onnxruntime.InferenceSession, chips: U8) -> F32:
    """(N, 128), of unit length."""
    starts = range(0, len(chips), _BATCH)
    parts = [
        session.run(None, {"chips": np.ascontiguousarray(chips[k : k + _BATCH])})[0] for k in starts
    ]
    vectors = np.concatenate(parts)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description="Whose points place the chip.")
    parser.add_argument("models", nargs="+", type=Path)
    arguments = parser.parse_args()
    chips, people = cut()
    same = people[:, None] == people[None]
    print(f"{len(people)} photos of {len(set(people))} people")
    for path in arguments.models:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for number, place in enumerate(PLACES):
            made = {kind: templates(session, one[:, number]) for kind, one in chips.items()}
            told = []
            for first, second in PAIRS:
                scores = made[first] @ made[second].T
                one_kind = first == second
                use = np.triu(np.ones_like(same), 1) if one_kind else ~np.eye(len(same), dtype=bool)
                mated, others = scores[same & use], scores[~same & use]
                missed = 100 * float((mated < np.quantile(others, 1 - 1e-3)).mean())
                told.append(f"{first}-{second} {missed:.1f} (EER {eer(mated, others):.2f})")
            print(f"{path.stem:16} {place:15} {'  '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
