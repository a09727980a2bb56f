"""The training photos, aligned on five points, and the templates of all real photos.

    python training/sample_people/photos.py --lfw DIR --yunet FILE

writes work/aligned.npz (train people only) and work/real.npz (everyone; for the gate).
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from maskwise import align, encode, landmarks, masks
from maskwise.types import F64, U8, Chip, Detection, Image

HERE = Path(__file__).parent
WORK = HERE / "work"

WIDTH, HEIGHT = 192, 224
WORN = ("surgical", "kn95", "cloth", "n95", "gas")
FIVE = np.array([[73, 104], [119, 104], [96, 131.5], [77, 155.5], [115, 155.5]], np.float64)
"""Where an aligned head has its right eye, left eye, nose tip and mouth corners (px)."""


@dataclass(frozen=True, eq=False)
class Found:
    """box: x, y, w, h px. five: (5, 2) px, subject's right eye first. score: YuNet's."""

    box: F64
    five: F64
    score: float


def fold(person: str) -> str:
    """The one split of lfw-dev, by the folder's name."""
    digit = int(hashlib.sha256(person.encode()).hexdigest(), 16) % 10
    return "train" if digit < 7 else "calibrate" if digit == 7 else "report"


def read(path: Path) -> U8:
    """(H, W, 3) uint8 RGB."""
    return np.asarray(cv2.imread(str(path))[..., ::-1], np.uint8)


def find(detector: Any, picture: U8) -> Found | None:
    """The face nearest to the picture's centre, which is the labelled one in LFW."""
    height, width = picture.shape[:2]
    detector.setInputSize((width, height))
    _, rows = detector.detect(np.ascontiguousarray(picture[..., ::-1]))
    if rows is None:
        return None
    centre = rows[:, :2] + rows[:, 2:4] / 2 - np.array([width, height]) / 2
    row = rows[np.argmin(np.hypot(*centre.T))].astype(np.float64)
    return Found(row[:4], row[4:14].reshape(5, 2), float(row[14]))


def yaw(five: F64) -> float:
    """How far the nose stands from the middle of the eyes, in eye distances; signed."""
    across = five[1] - five[0]
    return float((five[2] - five[:2].mean(0)) @ across / (across @ across))


def chip_of(picture: U8, found: Found, predictor: Any, spec: Any) -> Chip:
    """The encoder's chip; the box is made as square as dlib's boxes are."""
    x, y, w, h = found.box
    side, cx, cy = (w + h) / 2, x + w / 2, y + h * 0.54
    box = np.array([cx - side / 2, cy - side / 2, cx + side / 2, cy + side / 2], np.float32)
    image = Image(picture)
    points = predictor.predict(image, [Detection(box, found.score)])[0]
    return align.align(image, points, spec)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lfw", type=Path, required=True)
    parser.add_argument("--yunet", required=True, help="OpenCV Zoo's YuNet, MIT")
    parser.add_argument("--photos-a-person", type=int, default=3)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    detector = cv2.FaceDetectorYN.create(arguments.yunet, "", (250, 250), 0.6)
    encoder, predictor = encode.create("dlib-resnet-v1"), landmarks.create()
    heads, names, fives, used = [], [], [], []
    chips, vectors, owners, folds, paths, masked = [], [], [], [], [], []
    for person in sorted(p for p in arguments.lfw.iterdir() if p.is_dir()):
        part, kept = fold(person.name), 0
        for path in sorted(person.glob("*.jpg")):
            picture = read(path)
            found = find(detector, picture)
            if found is None:
                continue
            chip = chip_of(picture, found, predictor, encoder.chip_spec)
            chips.append(chip.pixels)
            if part != "train" and path.name.endswith("_0001.jpg"):
                # What nearness masks alone make: strangers' photos wearing the same masks.
                spec = masks.random_spec(np.random.default_rng(len(masked)), WORN[len(masked) % 5])
                masked.append(encoder.encode_batch(masks.wear_on_chips([chip], [spec])[0][0])[0])
            owners.append(person.name)
            folds.append(part)
            paths.append(path.name)
            if len(chips) == 32:
                vectors.append(encoder.encode_batch(np.stack(chips)))
                chips = []
            if part != "train" or kept == arguments.photos_a_person:
                continue
            if found.score < 0.85 or abs(yaw(found.five)) > 0.13:
                continue
            transform = align.similarity(found.five, FIVE)
            heads.append(
                cv2.warpAffine(
                    picture,
                    transform,
                    (WIDTH, HEIGHT),
                    flags=cv2.INTER_CUBIC,
                    borderMode=cv2.BORDER_REPLICATE,
                )
            )
            fives.append(found.five @ transform[:, :2].T + transform[:, 2])
            names.append(person.name)
            used.append(path.name)
            kept += 1
    if chips:
        vectors.append(encoder.encode_batch(np.stack(chips)))
    WORK.mkdir(exist_ok=True)
    np.savez(
        WORK / "aligned.npz",
        heads=np.stack(heads),
        fives=np.stack(fives),
        people=np.array(names),
        files=np.array(used),
    )
    np.savez(
        WORK / "real.npz",
        vectors=np.concatenate(vectors),
        people=np.array(owners),
        folds=np.array(folds),
        files=np.array(paths),
        masked_strangers=np.stack(masked),
    )
    print(f"{len(heads)} aligned photos of {len(set(names))} people, {len(owners)} templates")


if __name__ == "__main__":
    main()
