"""Our classes against what insightface's own said of the same small files."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import record_faceanalysis as record

from maskwise.compat import insightface as ours

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "scrfd_500m_bnkps.onnx"

PYTHON = "MASKWISE_INSIGHTFACE_PYTHON"
"""Environment: a Python that has insightface, for the tests that compare every bit."""


def differences(found: Any, expected: Any, where: str = "") -> list[str]:
    """Where two structures differ: numbers by more than OpenCV 4 and 5 do."""
    if isinstance(expected, dict):
        if not isinstance(found, dict) or set(found) != set(expected):
            return [f"{where}: {found!r} is not {expected!r}"]
        pairs = [(f"{where} {name}", found[name], expected[name]) for name in expected]
    elif isinstance(expected, list) and expected and not isinstance(expected[0], float):
        if not isinstance(found, list) or len(found) != len(expected):
            return [f"{where}: other length"]
        pairs = [(f"{where} {k}", found[k], one) for k, one in enumerate(expected)]
    elif isinstance(expected, list | float):
        one, other = np.asarray(found, float), np.asarray(expected, float)
        near = one.shape == other.shape and np.allclose(one, other, rtol=2e-3, atol=0.02)
        return [] if near else [f"{where}: {found} is not {expected}"]
    else:
        return [] if found == expected else [f"{where}: {found!r} is not {expected!r}"]
    return [text for pair in pairs for text in differences(pair[1], pair[2], pair[0])]


def test_differences_are_seen() -> None:
    assert differences({"a": [1.0, 2.0]}, {"a": [1.0, 2.001]}) == []
    assert differences({"a": [1.0, 2.0]}, {"a": [1.0, 2.1]})
    assert differences({"a": 1}, {"a": 2})
    assert differences({"a": [[1.0]]}, {"a": [[1.0], [2.0]]})
    assert differences({"a": [1.0]}, {"a": None})
    assert differences({}, {"a": None})


@pytest.fixture
def like_2(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Our package, asked for what insightface 2 adds too."""
    monkeypatch.setattr(ours, "__version__", "2.1")
    return ours


def test_as_insightface_recorded(like_2: Any, tmp_path: Path) -> None:
    expected = json.loads(record.RECORD.read_text("utf-8"))
    found = json.loads(json.dumps(record.shortened(record.answers(like_2, tmp_path))))
    assert differences(found, expected) == []


def test_the_record_holds_many_faces_and_all_cases() -> None:
    expected = json.loads(record.RECORD.read_text("utf-8"))
    cases = [case for case in expected.values() if isinstance(case, dict)]
    counts = [case["faces"] for case in cases if "faces" in case]
    assert len(counts) > 60
    assert sum(counts) > 300
    assert {"auto", "no points", "one size", "mirrored", "threshold 0.8"} <= set(expected)


def test_a_real_detector_as_insightface_recorded(tmp_path: Path) -> None:
    if not REAL.is_file():
        pytest.skip("needs scrfd_500m_bnkps.onnx, which is not in the repository")
    expected = json.loads(record.REAL_RECORD.read_text("utf-8"))
    answers = record.real_answers(ours, tmp_path, REAL, record.samples())
    found = json.loads(json.dumps(record.shortened(answers)))
    assert differences(found, expected) == []
    assert sum(case["faces"] for case in expected.values()) >= 40


def theirs(out: Path, *arguments: str) -> Any:
    """What insightface itself says, every digit of it."""
    python = os.environ.get(PYTHON)
    if not python:
        pytest.skip(f"needs insightface: set {PYTHON} to a Python that has it")
    command = [python, record.__file__, "--out", str(out), *arguments]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run(command, check=True, env=environment, timeout=600)
    return json.loads(out.read_text("utf-8"))


def other_cases(mine: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    found = json.loads(json.dumps(mine))
    return [name for name in expected if found[name] != expected[name]]


def test_to_the_bit_as_insightface_itself(like_2: Any, tmp_path: Path) -> None:
    expected = theirs(tmp_path / "theirs.json")
    assert len(expected) > 80
    assert other_cases(record.answers(like_2, tmp_path), expected) == []


@pytest.mark.data
def test_photos_to_the_bit_as_insightface_itself(data_folder: Path, tmp_path: Path) -> None:
    photos = sorted((data_folder / "lfw-dev").glob("*/*_0001.jpg"))[::60][:24]
    if len(photos) < 24 or not REAL.is_file():
        pytest.skip("needs lfw-dev in MASKWISE_DATA, and scrfd_500m_bnkps.onnx")
    arguments = ["--detector", str(REAL), "--photos", *map(str, photos)]
    expected = theirs(tmp_path / "theirs.json", *arguments)
    assert sum(len(faces) for faces in expected.values()) >= 48
    assert other_cases(record.real_answers(ours, tmp_path, REAL, photos), expected) == []


def test_names_of_insightface_that_programs_import() -> None:
    wanted = {
        "app": ["FaceAnalysis"],
        "app.common": ["Face"],
        "app.face_analysis": ["FaceAnalysis"],
        "model_zoo": ["get_model", "model_zoo", "SCRFD", "RetinaFace", "ArcFaceONNX"],
        "model_zoo.model_zoo": ["get_model"],
        "model_zoo.arcface_onnx": ["ArcFaceONNX"],
        "model_zoo.scrfd": ["SCRFD"],
        "utils": ["face_align"],
        "utils.face_align": ["estimate_norm", "norm_crop", "norm_crop2", "arcface_dst"],
    }
    for module, names in wanted.items():
        there = importlib.import_module(f"maskwise.compat.insightface.{module}")
        for name in names:
            assert hasattr(there, name), (module, name)
