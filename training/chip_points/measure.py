"""Where dlib's chip has the points of ``five``, and where dlib's box lies seen from them.

    python training/chip_points/measure.py
    python training/chip_points/measure.py --detector yunet:yunet_2026may.onnx --boxes --people 1000

The first prints ``maskwise.align._FIVE_IN_DLIB_CHIP``: the means of our own detector's points, over
the first photo of every train person of LFW, in the chip that dlib's points cut. With --boxes also
the constants of ``maskwise.landmarks.start_box`` (_CENTRE, _SIDE: measured with YuNet's points):
medians over people whose face MMOD found, too, by whose boxes dlib's trees then begin. No weights
come of it. log.txt is what it printed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from photos import photos

from maskwise import detect, image
from maskwise.align import ARCFACE_CHIP, DLIB_CHIP, similarity, transform_of
from maskwise.detect.mmod import Mmod
from maskwise.errors import InputError
from maskwise.landmarks.dlib5 import Dlib5
from maskwise.types import F64, Detection, Image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", default=detect.DEFAULT, help="it gives five points")
    parser.add_argument("--people", type=int, help="that many, by chance; all unless given")
    parser.add_argument("--boxes", action="store_true", help="the constants of start_box, too")
    given = parser.parse_args()
    first = list({path.parent.name: path for path in reversed(photos("train"))}.values())
    chosen = np.random.default_rng(0).permutation(len(first))[: given.people]
    detector, mmod = detect.create(given.detector), Mmod()
    trees = Dlib5(subpixel=given.boxes)
    points: list[F64] = []
    centres: list[F64] = []
    sides: list[float] = []
    for index in track(chosen, "photos"):
        picture = image.load(first[index])
        face = _central(detector.detect(picture), picture)
        box = _central(mmod.detect(picture), picture) if given.boxes else face
        if box is None or face is None or face.landmarks is None or not _inside(face, box):
            continue
        five = face.landmarks.points.astype(np.float64)
        try:
            into = transform_of(trees.predict(picture, [box])[0], DLIB_CHIP)
        except InputError:
            continue
        points.append(five @ into[:, :2].T + into[:, 2])
        onto = similarity(five, ARCFACE_CHIP.reference)
        middle = (box.box[:2] + box.box[2:]).astype(np.float64) / 2
        centres.append(onto[:, :2] @ middle + onto[:, 2])
        sides.append(float(box.box[2] - box.box[0] + 1) * float(np.hypot(*onto[:, 0])))
    spread = np.std(points, axis=0)
    print(f"{detector.id}: {len(points)} of {len(chosen)} photos, a person each")
    print("_FIVE_IN_DLIB_CHIP:", np.mean(points, axis=0).round(3).tolist())
    print("  standard deviation, px of the chip:", spread.round(2).tolist())
    reference = ARCFACE_CHIP.reference
    onto = similarity(np.mean(points, axis=0), reference)
    left = np.mean(points, axis=0) @ onto[:, :2].T + onto[:, 2] - reference
    print("  ArcFace's reference less these, laid on it, px of its chip:", left.round(2).tolist())
    if given.boxes:
        for name, values in (("_CENTRE", np.array(centres)), ("_SIDE", np.array(sides))):
            low, median, high = np.percentile(values, (25, 50, 75), axis=0).round(2).tolist()
            print(f"{name}: {median} (quartiles {low}, {high}), px of ArcFace's chip")


def _central(found: list[Detection], picture: Image) -> Detection | None:
    middle = np.array([picture.width - 1, picture.height - 1]) / 2
    far = [float(np.hypot(*((d.box[:2] + d.box[2:]) / 2 - middle))) for d in found]
    return found[int(np.argmin(far))] if found else None


def _inside(face: Detection, box: Detection) -> bool:
    assert face.landmarks is not None
    middle = face.landmarks.points.mean(0)
    return bool((middle >= box.box[:2]).all() and (middle <= box.box[2:]).all())


if __name__ == "__main__":
    main()
