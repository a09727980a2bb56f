"""The labelled photos in one file of some 40 MB, to be carried to where training runs.

python training/detector/packed.py
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]

SIDE: Final = 250
FACES: Final = 16
"""Of one tile; photos that show more are left out."""

STYLES: Final = ("proper", "under-nose", "under-chin", "slipped")
_QUALITY: Final = 82


class Photos(NamedTuple):
    """N labelled tiles. faces: (N, FACES, 16) float32 in px of the tile: box x1, y1, x2, y2, the
    five points, kind (1 a face, 2 neither face nor background, 0 none), points are sound.
    real: shows real masks, gets none on top. taken: (M, 5) photo and box of what a first network
    took for a face and is none.
    """

    data: U8
    ends: npt.NDArray[np.int64]
    faces: F32
    real: npt.NDArray[np.bool_]
    taken: F32

    def picture(self, k: int) -> U8:
        """(SIDE, SIDE, 3) uint8 RGB, black where the photo ends."""
        start = 0 if k == 0 else int(self.ends[k - 1])
        decoded = cv2.imdecode(self.data[start : int(self.ends[k])], cv2.IMREAD_COLOR)
        assert decoded is not None
        rgb = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
        out = np.zeros((SIDE, SIDE, 3), np.uint8)
        out[: rgb.shape[0], : rgb.shape[1]] = rgb
        return out


def pack(labels: Path, out: Path, root: Path, part: str) -> None:
    """Photos of ``part`` from ``labels`` (of ``label.py``) into ``out``, an .npz."""
    from label import rwmfd_part
    from photos import part_of

    # What a first network found and the teachers had not: a face, or 0, by eye.
    seen = json.loads((Path(__file__).resolve().parent / "looked_at.json").read_text())
    taken: list[list[float]] = []
    chunks: list[bytes] = []
    faces: list[F32] = []
    real: list[bool] = []
    for name, one in json.loads(labels.read_text()).items():
        masked = name.startswith("rwmfd-dev/")
        here = rwmfd_part(Path(name).name) if masked else part_of(Path(name).parent.name)
        rows = [(row, 1) for row in one["faces"]] + [(row, 2) for row in one["neither"]]
        rows += [(row[:4], 2) for row in seen.get(name, []) if row[4]]
        if here != part or len(rows) > FACES or not one["faces"]:
            continue
        picture = cv2.imread(str(root / name))
        if picture is None:
            continue
        scale = min(SIDE / max(picture.shape[:2]), 1.0)
        if scale < 1:
            size = tuple(max(int(side * scale), 1) for side in picture.shape[1::-1])
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        table = np.zeros((FACES, 16), np.float32)
        for k, (row, kind) in enumerate(rows):
            table[k, : min(len(row), 14)] = row[:14]
            table[k, :14] *= scale
            table[k, 14] = kind
            # Of real masks YuNet only guesses what is beneath.
            table[k, 15] = float(kind == 1 and row[15]) * (0.25 if masked else 1.0)
        taken += [
            [len(chunks), *(v * scale for v in row[:4])] for row in seen.get(name, []) if not row[4]
        ]
        chunks.append(
            cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])[1].tobytes()
        )
        faces.append(table)
        real.append(masked)
    np.savez(
        out,
        data=np.frombuffer(b"".join(chunks), np.uint8),
        ends=np.cumsum([len(chunk) for chunk in chunks]),
        faces=np.stack(faces),
        real=np.array(real),
        taken=np.array(taken, np.float32).reshape(-1, 5),
    )
    print(f"{out.name}: {len(faces)} photos, {out.stat().st_size / 2**20:.1f} MiB")


def load(file: Path) -> Photos:
    """What ``pack`` wrote."""
    with np.load(file) as packed:
        return Photos(
            packed["data"], packed["ends"], packed["faces"], packed["real"], packed["taken"]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack the labelled photos for training.")
    parser.add_argument("--part", default="train", choices=("train", "calibrate", "report"))
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from photos import WORK, data_folder

    folder = WORK / "detector"
    pack(folder / "labels.json", folder / f"{options.part}.npz", data_folder(), options.part)


if __name__ == "__main__":
    main()
