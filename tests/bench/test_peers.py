"""Peers that are there, that are not, and that end the program."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from maskwise.bench import fresh, peers
from maskwise.errors import ConfigurationError

# What these modules do at their import; each is one that pretends to be face_recognition.
QUITS = "print('Please install its models')\nquit()\n"
RAISES = "import module_that_is_not_there\n"
WORKS = """
import sys, numpy
print("a library that prints")
def load_image_file(path): return path
def face_locations(picture, model): return [(1, 2, 3, 4)] if model == "hog" else []
def face_encodings(picture, boxes): return [numpy.ones(128) for _ in boxes]
def face_distance(known, one): return numpy.linalg.norm(known - one, axis=1)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a module ``face_recognition`` on the path, of this process and those it starts."""

    def make(source: str) -> None:
        (tmp_path / "face_recognition.py").write_text(source, "utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.delitem(sys.modules, "face_recognition", raising=False)

    yield make
    sys.modules.pop("face_recognition", None)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"no picture")
    return path


def test_names() -> None:
    assert peers.parse_peers("all") == peers.PEERS
    assert peers.parse_peers("none") == ()
    assert peers.parse_peers("dlib-hog, dlib,dlib-hog") == ("dlib-hog", "dlib")
    with pytest.raises(ConfigurationError, match=r"no peer 'deepface'; there are: dlib, "):
        peers.parse_peers("dlib,deepface")


def test_what_is_not_installed_is_known_without_an_import(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert peers.not_installed("face_recognition-cnn") == "not installed"
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name.endswith("models") else object()
    )
    assert "pip install face_recognition_models" in str(peers.not_installed("dlib"))
    assert peers.not_installed("face_recognition") is None


def test_face_recognition_blames_its_models_where_pkg_resources_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "setuptools<81" in peers.remedy("face_recognition-cnn")
    assert peers.remedy("dlib") == ""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert peers.remedy("face_recognition") == ""


@pytest.mark.parametrize(
    ("source", "why"),
    [(QUITS, "Please install its models"), (RAISES, "No module named 'module_that_is_not_there'")],
)
def test_one_that_ends_the_program_ends_its_own(
    install: Any, photo: Path, source: str, why: str
) -> None:
    install(source)
    runs: list[int] = []
    found = fresh.measure("face_recognition", [photo], 3, lambda: runs.append(1))
    assert why in str(found.problem)
    assert found.first_answer_s is None
    assert len(runs) == 3


def test_one_that_quits_here_all_the_same_harms_nobody(
    install: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    install(QUITS)
    stdin = sys.stdin
    with pytest.raises(ConfigurationError, match="face_recognition cannot be imported"):
        peers.make("face_recognition")
    assert sys.stdin is stdin
    assert not stdin.closed
    assert capsys.readouterr().out == ""


def test_face_recognition_is_called_as_its_users_do(install: Any, photo: Path) -> None:
    install(WORKS)
    look = peers.make("face_recognition").look_at(photo)
    assert look.faces == 1
    assert list(look.seconds) == ["decode", "detect", "encode", "compare"]
    assert peers.make("face_recognition-cnn").look_at(photo).faces == 0


def test_a_fresh_process_tells_start_and_memory(install: Any, photo: Path) -> None:
    install(WORKS)
    runs: list[int] = []
    found = fresh.measure("face_recognition", [photo, photo], 2, lambda: runs.append(1))
    assert found.problem is None
    assert found.import_s is not None
    assert found.first_answer_s is not None
    assert 0 < found.import_s < found.first_answer_s
    assert (found.peak_mb is None) == (sys.platform not in ("linux", "darwin"))
    assert len(runs) == 2


@pytest.mark.models
def test_dlib_finds_the_faces_that_we_find(
    dlib: Any, dlib_models: Path, sample_photos: Any
) -> None:
    for name in ("dlib", "dlib-hog"):
        look = peers.make(name).look_at(sample_photos[0])
        assert look.faces == 1
        assert list(look.seconds) == ["decode", "detect", "encode"]


@pytest.mark.models
def test_ours_in_a_fresh_process(sample_photos: Any) -> None:
    found = fresh.measure(fresh.OURS, sample_photos[:2], 1)
    assert found.problem is None
    assert found.import_s is not None
    assert found.first_answer_s is not None
    assert found.import_s < found.first_answer_s
