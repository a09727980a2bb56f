"""How far a mask moves the chip: what draw.py turns and moves its masked chips by.

    MASKWISE_DATA=... python training/encoder/misplaced.py

Photos of train people, each with a random virtual mask drawn on the whole photo; the detector
looks at both, and the two chips by its five points are compared: turn, size and shift of the
masked one against the bare one, in chip px. Prints mean, standard deviation and percentiles, and
writes the rows to misplaced.csv, which draw.py draws from.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from photos import photos

from maskwise import detect, image, masks
from maskwise.align import FIVE_CHIP, transform_of
from maskwise.types import Image, Landmarks

ROWS = Path(__file__).resolve().parent / "misplaced.csv"
SEED = 5


def main() -> None:
    parser = argparse.ArgumentParser(description="How far a mask moves the chip.")
    parser.add_argument("--detector", default=detect.DEFAULT, help="it gives five points")
    parser.add_argument("--every", type=int, default=10, help="every n-th photo")
    arguments = parser.parse_args()
    detector = detect.create(arguments.detector)
    rng = np.random.default_rng(SEED)
    moved, lost = [], 0
    for path in photos("train")[:: arguments.every]:
        picture = image.load(path)
        middle = np.array([picture.width, picture.height]) / 2

        def points(picture: Image, middle: np.ndarray = middle) -> Landmarks | None:
            found = detector.detect(picture)
            if not found:
                return None
            best = min(found, key=lambda d: np.hypot(*((d.box[:2] + d.box[2:]) / 2 - middle)))
            return best.landmarks

        bare = points(picture)
        if bare is None:
            continue
        spec = masks.random_spec(rng, styles=("proper", "under-nose", "slipped"))
        worn = points(masks.wear_on_image(picture, [bare], [spec]).image)
        if worn is None:
            lost += 1
            continue
        to_bare, to_worn = (
            np.vstack([transform_of(p, FIVE_CHIP), [0, 0, 1]]) for p in (bare, worn)
        )
        change = to_worn @ np.linalg.inv(to_bare)
        centre = np.array([FIVE_CHIP.size / 2, FIVE_CHIP.size / 2, 1])
        shift = (change @ centre - centre)[:2]
        turn = np.degrees(np.arctan2(change[1, 0], change[0, 0]))
        moved.append([*shift, turn, np.log(np.hypot(change[0, 0], change[1, 0]))])
    table = np.array(moved)
    np.savetxt(ROWS, table, "%.4f", ",", header="x_px,y_px,turn_deg,log_size", comments="")
    print(f"{len(table)} photos, {lost} masked faces not found")
    for name, column in zip(("x px", "y px", "turn deg", "log size"), table.T, strict=True):
        spread = np.percentile(column, [2, 16, 50, 84, 98]).round(3).tolist()
        print(f"{name:9} mean {column.mean():.3f} sd {column.std():.3f} percentiles {spread}")


if __name__ == "__main__":
    main()
