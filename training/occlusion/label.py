"""Numbered contact sheets of real masked faces, to be labelled by eye, and the labels' table.

    MASKWISE_DATA=... python training/occlusion/label.py sheets FOLDER [--first 0] [--count 200]
    MASKWISE_DATA=... python training/occlusion/label.py sheets FOLDER --numbers 3,17 --tile 300
    MASKWISE_DATA=... python training/occlusion/label.py table FOLDER

The faces are those of at least 32 px (the shorter side of the box) that the default detector finds
in rwmfd-dev. Their order depends on nothing but names and boxes: one face of each photo first, the
photos by hash, then a second of each, so that a photo of a crowd counts no more than a portrait.
The first 200 are the random set. After all of these come the faces of 20 to 32 px, in the same
order; only rare labels are taken from them. A face is cut with 40 % of its box around it, in
square; sheets in another order (``--shuffle``) are mirrored too, so that no face is known again by
where it stood or looked.

``table`` joins what was written down while looking (``first.csv``, ``second.csv``, ``extra.csv``
and ``last.csv`` in FOLDER: number,wear,type) and writes wear_labels.csv beside this file; it prints
how far the two rounds agree. FOLDER holds pictures of people: keep it out of the repository.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageOps

from maskwise import detect, image

RANDOM: Final = 200
SMALLEST_PX: Final = 32
SMALL_TOO_PX: Final = 20
AROUND: Final = 0.4
TABLE: Final = Path(__file__).with_name("wear_labels.csv")
HEADER: Final = [
    *("photo", "x1", "y1", "x2", "y2"),
    *("set", "wear", "type", "first_label", "second_label"),
]
_TEXT_PX: Final = 18

Boxes = dict[str, list[list[int]]]
"""Photo -> its faces' boxes x1, y1, x2, y2, px."""
Face = tuple[str, list[int]]
"""Photo and box."""


def in_order(found: Boxes) -> list[Face]:
    """All faces of ``found`` (photo -> boxes): one of each photo, then a second of each, ..."""

    def digest(*words: object) -> str:
        return hashlib.sha256(" ".join(map(str, words)).encode()).hexdigest()

    keyed = []
    for name, boxes in found.items():
        by_hash = sorted((digest(name, *box), box) for box in boxes)
        keyed += [(rank, digest(name), (name, box)) for rank, (_, box) in enumerate(by_hash)]
    return [face for _, _, face in sorted(keyed)]


def faces(photos: Path, folder: Path) -> list[Face]:
    """The faces in order; what the detector found is kept in ``folder``/boxes.json."""
    kept = folder / "boxes.json"
    if not kept.exists():
        detector = detect.create()
        large: Boxes = {}
        small: Boxes = {}
        for path in image.find_images(photos):
            for seen in detector.detect(image.load(path)):
                side = min(seen.box[2] - seen.box[0], seen.box[3] - seen.box[1])
                if side >= SMALL_TOO_PX:
                    into = large if side >= SMALLEST_PX else small
                    into.setdefault(path.name, []).append([round(float(v)) for v in seen.box])
        kept.write_text(json.dumps({"detector": detector.id, "large": large, "small": small}))
    found = json.loads(kept.read_text())
    return in_order(found["large"]) + in_order(found["small"])


def tile(photos: Path, face: Face, side: int) -> PIL.Image.Image:
    """The face with what stands around it, (side, side); black where the photo ends."""
    name, (x1, y1, x2, y2) = face
    half = max(x2 - x1, y2 - y1) * (0.5 + AROUND)
    scale = side / (2 * half)
    move = np.array(
        [
            [scale, 0, (half - (x1 + x2) / 2) * scale],
            [0, scale, (half - (y1 + y2) / 2) * scale],
        ]
    )
    pixels = np.ascontiguousarray(image.load(photos / name).pixels)
    return PIL.Image.fromarray(cv2.warpAffine(pixels, move, (side, side), flags=cv2.INTER_CUBIC))


def sheets(photos: Path, folder: Path, options: argparse.Namespace) -> None:
    """PNG sheets of ``options.columns`` x ``options.rows`` numbered faces."""
    ordered = faces(photos, folder)
    numbers = list(range(len(ordered)))[options.first : options.first + options.count]
    if options.numbers:
        numbers = [int(number) for number in options.numbers.split(",")]
    if options.shuffle:
        np.random.default_rng(options.shuffle).shuffle(numbers)
    side, columns, many = options.tile, options.columns, options.columns * options.rows
    for start in range(0, len(numbers), many):
        part = numbers[start : start + many]
        high = -(-len(part) // columns) * (side + _TEXT_PX)
        sheet = PIL.Image.new("RGB", (columns * (side + 4), high), "white")
        draw = PIL.ImageDraw.Draw(sheet)
        for k, number in enumerate(part):
            x, y = k % columns * (side + 4), k // columns * (side + _TEXT_PX)
            picture = tile(photos, ordered[number], side)
            sheet.paste(
                PIL.ImageOps.mirror(picture) if options.shuffle else picture, (x, y + _TEXT_PX)
            )
            draw.text((x + 4, y), str(number), "black", font_size=_TEXT_PX - 2)
        sheet.save(folder / f"{options.name}-{start // many:02d}.png")
    print(
        f"{len(ordered)} faces in {len({name for name, _ in ordered})} photos; {len(numbers)} drawn"
    )


def read(path: Path) -> dict[int, tuple[str, str]]:
    """number -> wear, type of a table written while looking; empty where there is none."""
    if not path.exists():
        return {}
    with path.open(newline="") as rows:
        return {int(row["number"]): (row["wear"], row["type"]) for row in csv.DictReader(rows)}


def kappa(pairs: list[tuple[str, str]]) -> float:
    """Cohen's kappa: the agreement beyond what the labels' frequencies alone would give."""
    seen = sum(a == b for a, b in pairs) / len(pairs)
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(first[label] * second[label] for label in first) / len(pairs) ** 2
    return (seen - chance) / (1 - chance)


def table(photos: Path, folder: Path) -> None:
    """Write wear_labels.csv; print the agreement and what was counted."""
    ordered = faces(photos, folder)
    first, second, extra, last = (
        read(folder / f"{name}.csv") for name in ("first", "second", "extra", "last")
    )
    if set(first) != set(range(RANDOM)) or set(second) != set(first):
        sys.exit(f"first.csv and second.csv must each label the faces 0 to {RANDOM - 1}")
    pairs = [(first[number][0], second[number][0]) for number in sorted(first)]
    told = [pair for pair in pairs if "unclear" not in pair]
    for what, some in (("all", pairs), ("clear in both rounds", told)):
        same = sum(a == b for a, b in some)
        print(f"{what}: {same} of {len(some)} labelled alike, kappa {kappa(some):.3f}")
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    with TABLE.open("w", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(HEADER)
        for number, (name, box) in enumerate(ordered):
            if number not in first and number not in extra:
                continue
            one = first.get(number) or extra[number]
            two = second.get(number, ("", ""))
            if two[0] not in ("", one[0]) and number not in last:
                sys.exit(f"face {number} was labelled {one[0]} and {two[0]}: decide in last.csv")
            wear, kind = last.get(number, one)
            which = "random" if number in first else "extra"
            rows.writerow([name, *box, which, wear, kind, one[0], two[0]])
            counts[which][wear] += 1
            counts[f"{which}, type"][kind] += 1
    for which, counted in counts.items():
        print(f"{which}: {dict(counted.most_common())}, together {counted.total()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("sheets", "table"))
    parser.add_argument("folder", type=Path, help="outside the repository")
    parser.add_argument("--name", default="sheet")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=RANDOM)
    parser.add_argument("--numbers", help="these faces, with commas between")
    parser.add_argument("--shuffle", type=int, help="seed of another order")
    parser.add_argument("--tile", type=int, default=200, help="px")
    parser.add_argument("--columns", type=int, default=5)
    parser.add_argument("--rows", type=int, default=4)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    photos = Path(os.environ["MASKWISE_DATA"]) / "rwmfd-dev"
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.what == "sheets":
        sheets(photos, options.folder, options)
    else:
        table(photos, options.folder)


if __name__ == "__main__":
    main()
