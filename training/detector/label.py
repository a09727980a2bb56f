"""Boxes and five points for the training photos, by agreement of teachers.

    MASKWISE_DATA=... python training/detector/label.py --yunet yunet_2026may.onnx

LFW's people of the parts train and calibrate: a face is one that YuNet (MIT) sees surely, or that
both YuNet and dlib's MMOD (CC0) see. What one of them sees alone, unsurely, is marked as neither
face nor background. The points are YuNet's; where its eyes lie apart from the middle of dlib's
eye corners they are not used. RWMFD's photos show masked faces, which MMOD mostly misses: YuNet
alone labels them.

Writes ``training/work/detector/labels.json``; a run that was broken off goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from photos import WORK, data_folder, photos

from maskwise import image, landmarks
from maskwise.detect.mmod import Mmod
from maskwise.detect.yunet import Yunet
from maskwise.errors import ImageError
from maskwise.types import Detection

FOLDER: Final = WORK / "detector"
# Below it YuNet's boxes are nothing; from it on they are at least no background.
_SEEN: Final = 0.3
_BOTH: Final = 0.5
_SURE: Final = 0.8
# RWMFD: YuNet's surest faces are often the easiest ones.
_SURE_MASKED: Final = 0.7
# Intersection over union from which YuNet's higher box and MMOD's square are one face.
_SAME: Final = 0.35
# Of the distance between the eyes: YuNet's eye centre from the middle of dlib's corners.
_EYES_APART: Final = 0.15
_EVERY: Final = 200


def rwmfd_part(name: str) -> str:
    """``train`` or ``report``, by the first four digits of the file's name: its batch."""
    tenth = int(hashlib.sha256(name[:4].encode()).hexdigest(), 16) % 10
    return "report" if tenth in (6, 9) else "train"


def overlap(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    """Intersection over union of two boxes (4,)."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    inner = float(np.maximum(sides, 0).prod())
    both = float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - inner
    return inner / both if both > 0 else 0.0


class Teachers:
    """YuNet, MMOD and dlib's five points."""

    def __init__(self, yunet: str) -> None:
        self._yunet = Yunet(yunet, threshold=_SEEN, threads=1)
        # The photos' own faces are 100 px high: they need no doubling, which costs most.
        self._mmod = Mmod(upsample=0, threads=1)
        self._dlib5 = landmarks.create("dlib5")

    def label(self, path: Path, *, masked: bool) -> dict[str, Any]:
        """faces: rows of box (4), points (10), score, points-are-sound; neither: boxes (4)."""
        try:
            picture = image.load(path)
        except ImageError as error:
            return {"faces": [], "neither": [], "error": str(error)}
        seen = self._yunet.detect(picture)
        other = [] if masked else self._mmod.detect(picture)
        corners = self._dlib5.predict(picture, other) if other else []
        faces, neither, used = [], [], set[int]()
        for one in seen:
            match = max(range(len(other)), key=lambda k: overlap(one.box, other[k].box), default=-1)
            agreed = match >= 0 and overlap(one.box, other[match].box) >= _SAME
            if agreed:
                used.add(match)
            least = _SURE_MASKED if masked else _BOTH if agreed else _SURE
            if one.score < least:
                neither.append(_row(one)[:4])
                continue
            sound = True
            if agreed:
                sound = _eyes_agree(one, corners[match].points)
            faces.append([*_row(one), round(one.score, 3), int(sound)])
        neither += [_row(d)[:4] for k, d in enumerate(other) if k not in used]
        return {"faces": faces, "neither": neither}


def _row(one: Detection) -> list[float]:
    points = [] if one.landmarks is None else one.landmarks.points.ravel().tolist()
    return [round(float(v), 2) for v in [*one.box.tolist(), *points]]


def _eyes_agree(one: Detection, corners: npt.NDArray[np.float32]) -> bool:
    """corners: dlib5, of which 0, 1 are the left eye's and 2, 3 the right eye's."""
    assert one.landmarks is not None
    five = one.landmarks.points
    middles = np.stack([corners[2:4].mean(0), corners[0:2].mean(0)])
    apart = np.linalg.norm(five[:2] - middles, axis=1).max()
    return bool(apart <= _EYES_APART * np.linalg.norm(five[0] - five[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--yunet", required=True, help="the teacher's ONNX file")
    parser.add_argument("--per-person", type=int, default=2, help="photos of one of LFW's people")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "labels.json"
    done: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    root = data_folder()
    rwmfd = sorted((root / "rwmfd-dev").glob("*.jpg"))
    # Everybody's first photo before anybody's second one.
    people = sorted([*photos("train"), *photos("calibrate")], key=lambda p: p.stem[-4:])
    lfw = [p for p in people if int(p.stem[-4:]) <= options.per_person]
    paths = [*rwmfd, *lfw]
    paths = [p for p in paths if str(p.relative_to(root)) not in done]
    teachers = Teachers(options.yunet)
    for k, path in enumerate(track(paths, "labels")):
        done[str(path.relative_to(root))] = teachers.label(
            path, masked=path.parent.name == "rwmfd-dev"
        )
        if k % _EVERY == 0 or k + 1 == len(paths):
            partial = file.with_suffix(".part")
            partial.write_text(json.dumps(done, separators=(",", ":")))
            partial.replace(file)
    faces = sum(len(one["faces"]) for one in done.values())
    print(f"{len(done)} photos, {faces} faces")


if __name__ == "__main__":
    main()
