"""The photos that the encoder learns from, packed into one small file: ``work/faces.npz``.

    MASKWISE_DATA=... python training/encoder/chips.py

Of every photo of the train and calibrate people of lfw-dev (see ../photos.py; never the report
people) the part around dlib's chip is kept in the photo's own pixels, as WebP, with dlib's five
points and the detector's. Chips are cut out of it afresh for every epoch, turned and moved, so it
reaches beyond the chip. The file is what a machine needs that has none of the photos.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from maskwise.align import DLIB_CHIP, FIVE_CHIP, chip_transform
from maskwise.types import F64, U8

_HERE = Path(__file__).resolve().parent
FACES = _HERE / "work" / "faces.npz"
MARGIN = 0.14
"""How far the kept part reaches beyond the chip, in chips, on each side."""
_QUALITY = 88


@dataclass(frozen=True)
class Faces:
    """N photos, one face each.

    data: bytes of all WebPs, one after the other; starts (N + 1,) where each begins. points, five:
    (N, 5, 2) float32, of dlib5 and the detector's, px of the decoded part. people: (N,) int, the
    number of the person; names: (N,) ``Person/photo.jpg``. train: (N,) bool, of the train people.
    """

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    points: npt.NDArray[np.float32]
    five: npt.NDArray[np.float32]
    people: npt.NDArray[np.int64]
    names: npt.NDArray[np.str_]
    train: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.names)

    def pixels(self, index: int) -> U8:
        """(H, W, 3) uint8 RGB."""
        part = self.data[self.starts[index] : self.starts[index + 1]]
        return np.ascontiguousarray(cv2.imdecode(part, cv2.IMREAD_COLOR)[..., ::-1])

    def to_chip(self, index: int) -> F64:
        """(2, 3) float64: px of the part -> px of the chip that the student gets."""
        return chip_transform(self.five[index], FIVE_CHIP.reference, FIVE_CHIP.fit)

    def to_stock_chip(self, index: int) -> F64:
        """(2, 3) float64: px of the part -> px of the stock network's chip."""
        return chip_transform(self.points[index], DLIB_CHIP.reference, DLIB_CHIP.fit)

    def taken(self, indices: npt.NDArray[np.int64]) -> Faces:
        """These photos alone, in this order."""
        parts = [self.data[self.starts[i] : self.starts[i + 1]] for i in indices]
        starts = np.cumsum([0, *(len(part) for part in parts)])
        rest = (a[indices] for a in (self.points, self.five, self.people, self.names, self.train))
        return Faces(np.concatenate(parts), starts, *rest)


def load(path: Path = FACES) -> Faces:
    """Read what ``main`` wrote."""
    with np.load(path, allow_pickle=False) as file:
        names = file["names"]
        persons = np.array([str(name).partition("/")[0] for name in names])
        people = np.unique(persons, return_inverse=True)[1].reshape(-1)
        starts = np.concatenate([[0], np.cumsum(file["lengths"], dtype=np.int64)])
        return Faces(
            file["data"], starts, file["points"], file["five"], people, names, file["train"]
        )


def _part(pixels: U8, points: npt.NDArray[np.float32]) -> tuple[bytes, npt.NDArray[np.float32]]:
    """The WebP around the chip by these dlib5 points, and the part's upper left corner, px."""
    inverse = np.asarray(
        cv2.invertAffineTransform(chip_transform(points, DLIB_CHIP.reference, DLIB_CHIP.fit))
    )
    low, high = -MARGIN * DLIB_CHIP.size, (1 + MARGIN) * DLIB_CHIP.size
    corners = np.array([[low, low], [high, low], [low, high], [high, high]])
    corners = corners @ inverse[:, :2].T + inverse[:, 2]
    height, width = pixels.shape[:2]
    left, top = np.clip(np.floor(corners.min(0)), 0, None).astype(int)
    right, bottom = np.minimum(np.ceil(corners.max(0)), [width, height]).astype(int)
    bgr = np.ascontiguousarray(pixels[top:bottom, left:right, ::-1])
    done, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    if not done:
        raise RuntimeError("a WebP could not be written")
    return data.tobytes(), np.array([left, top], np.float32)


def main() -> None:
    sys.path.insert(0, str(_HERE.parent))
    from photos import photos
    from rich.console import Console
    from rich.progress import track

    from maskwise import detect, image, landmarks

    parser = argparse.ArgumentParser(description="Pack the faces to learn from.")
    parser.add_argument(
        "--detector", default=detect.DEFAULT, help="address of the detector; it gives five points"
    )
    parser.add_argument("--limit", type=int, help="this many photos of each part")
    parser.add_argument("--out", type=Path, default=FACES)
    arguments = parser.parse_args()
    detector, predictor = detect.create(arguments.detector), landmarks.create()
    console = Console(stderr=True)
    data, points, five, names, train, missed = [], [], [], [], [], 0
    for part in ("train", "calibrate"):
        for path in track(photos(part)[: arguments.limit], part, console=console):
            picture = image.load(path)
            found = detector.detect(picture)
            if not found:
                missed += 1
                continue
            # LFW centres the person it names.
            middle = np.array([picture.width, picture.height]) / 2
            best = min(found, key=lambda d: np.hypot(*((d.box[:2] + d.box[2:]) / 2 - middle)))
            (face,) = predictor.predict(picture, [best])
            assert best.landmarks is not None
            webp, corner = _part(picture.pixels, face.points)
            data.append(webp)
            points.append(face.points - corner)
            five.append(best.landmarks.points - corner)
            names.append(f"{path.parent.name}/{path.name}")
            train.append(part == "train")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        arguments.out,
        data=np.frombuffer(b"".join(data), np.uint8),
        lengths=np.array([len(d) for d in data]),
        points=np.array(points, np.float32),
        five=np.array(five, np.float32),
        names=np.array(names, np.str_),
        train=np.array(train),
    )
    print(f"{len(names)} faces ({missed} photos without), {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
