"""Real masks: what finished networks do on mfr2-dev, to choose between them and for nothing else.

    MASKWISE_DATA=... python training/encoder/mfr2.py --pairs mfr2-dev-pairs.txt MODEL.onnx ...

Bare enrolment, one template a photo, cosine. A line a model: accuracy and EER of MFR2's own
pairs; of all pairs of photos, EER of bare-masked and masked-masked; rank 1 of masked probes
against all bare photos, each probe's nearest. 18 people: a point is one or two photos. Networks
never learn from these photos.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))
from photos import data_folder

from maskwise import detect, image, landmarks
from maskwise.align import DLIB_CHIP, FIVE_CHIP, align
from maskwise.types import F32, U8, Bool, Image

WORK = _HERE / "work"
POINTS = {"five": ("detector", FIVE_CHIP), "dlib5": ("dlib5", DLIB_CHIP)}
"""Whose points place the chip: the predictor, and the chip."""
_MARGIN = 48
"""px of black round a photo in which no face is found: MFR2's crops are tight."""


def chips(detector_address: str, points: str) -> tuple[U8, Bool, list[str]]:
    """Pixels (N, 150, 150, 3), who wears a mask (N,), and names ``Person/number``; kept.

    points: of ``POINTS``.
    """
    name, spec = POINTS[points]
    detector, predictor = detect.create(detector_address), landmarks.create(name)
    key = f"{detector.id} {predictor.id} {spec.reference.tolist()}"
    kept = WORK / f"mfr2-{hashlib.sha256(key.encode()).hexdigest()[:8]}.npz"
    if kept.exists():
        with np.load(kept, allow_pickle=False) as file:
            return file["pixels"], file["masked"], file["names"].tolist()
    folder = data_folder()
    with (folder / "mfr2-dev-labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    pixels, masked, names = [], [], []
    for row in rows:
        name = row["name"]
        (path,) = (folder / "mfr2-dev").glob(f"{name}/{name}_{int(row['index']):04d}.*")
        picture = image.load(path)
        found = detector.detect(picture)
        if not found:
            edge = (_MARGIN,) * 4
            picture = Image(cv2.copyMakeBorder(picture.pixels, *edge, cv2.BORDER_CONSTANT))
            found = detector.detect(picture)
        if not found:
            print(f"no face: {path.name}", file=sys.stderr)
            continue
        middle = np.array([picture.width, picture.height]) / 2
        best = min(found, key=lambda d: np.hypot(*((d.box[:2] + d.box[2:]) / 2 - middle)))
        (found_points,) = predictor.predict(picture, [best])
        pixels.append(align(picture, found_points, spec).pixels)
        masked.append(row["mask"] != "no-mask")
        names.append(f"{name}/{int(row['index'])}")
    WORK.mkdir(exist_ok=True)
    np.savez(kept, pixels=np.stack(pixels), masked=np.array(masked), names=np.array(names))
    return np.stack(pixels), np.array(masked), names


def read_pairs(path: Path) -> list[tuple[str, str, bool]]:
    """MFR2's list: three columns of one person, four of two."""
    pairs = []
    for row in path.read_text("utf-8").splitlines():
        parts = row.split()
        if len(parts) == 3:
            pairs.append((f"{parts[0]}/{int(parts[1])}", f"{parts[0]}/{int(parts[2])}", True))
        elif len(parts) == 4:
            pairs.append((f"{parts[0]}/{int(parts[1])}", f"{parts[2]}/{int(parts[3])}", False))
    return pairs


def eer(mated: F32, non_mated: F32) -> float:
    """Equal error rate, per cent."""
    every = np.sort(np.concatenate([mated, non_mated]))
    missed = np.searchsorted(np.sort(mated), every) / len(mated)
    passed = (len(non_mated) - np.searchsorted(np.sort(non_mated), every)) / len(non_mated)
    at = int(np.argmax(missed >= passed))
    return float(50 * (missed[at] + passed[at]))


def accuracy(mated: F32, non_mated: F32) -> float:
    """Of the best threshold, per cent."""
    every = np.concatenate([mated, non_mated])
    right = [(mated >= t).sum() + (non_mated < t).sum() for t in every]
    return float(100 * max(right) / len(every))


def measured(
    vectors: F32, masked: Bool, names: list[str], pairs: list[tuple[str, str, bool]]
) -> dict[str, float]:
    """The figures of one network's vectors (N, 128)."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = unit @ unit.T
    people = np.array([name.partition("/")[0] for name in names])
    same = people[:, None] == people[None]
    row = {name: k for k, name in enumerate(names)}
    listed = [(row[a], row[b], s) for a, b, s in pairs if a in row and b in row]
    mated = np.array([scores[a, b] for a, b, s in listed if s])
    others = np.array([scores[a, b] for a, b, s in listed if not s])
    crossed = scores[~masked][:, masked], same[~masked][:, masked]
    upper = np.triu(np.ones((int(masked.sum()),) * 2, bool), 1)
    within = scores[masked][:, masked][upper], same[masked][:, masked][upper]
    best = crossed[0].argmax(0)
    right = people[~masked][best] == people[masked]
    return {
        "pairs": len(listed),
        "accuracy": accuracy(mated, others),
        "eer": eer(mated, others),
        "bare-masked.eer": eer(crossed[0][crossed[1]], crossed[0][~crossed[1]]),
        "masked.eer": eer(within[0][within[1]], within[0][~within[1]]),
        "rank1": float(100 * right.mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Finished networks on real masks.")
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--detector", default=detect.DEFAULT, help="address of the detector")
    parser.add_argument("--points", choices=tuple(POINTS), default="five", help="of the chip")
    parser.add_argument("--pairs", type=Path, required=True)
    arguments = parser.parse_args()
    pixels, masked, names = chips(arguments.detector, arguments.points)
    pairs = read_pairs(arguments.pairs)
    print(f"{len(names)} photos, {int(masked.sum())} masked")
    for path in arguments.models:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        found = measured(session.run(None, {"chips": pixels})[0], masked, names, pairs)
        told = "  ".join(f"{name} {value:.1f}" for name, value in found.items())
        print(f"{path.name:28} {told}", flush=True)


if __name__ == "__main__":
    main()
