"""A home without models, and a pack of small files in a root of insightface's layout."""

from __future__ import annotations

import shutil
from pathlib import Path

import insight_models as built
import pytest

from maskwise.models import licences, place


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and store, so that nothing of this machine's is found or accepted."""
    folder = tmp_path / "home"
    store = folder / "store"
    store.mkdir(parents=True)
    for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv(place.FOLDER_VARIABLE, str(store))
    monkeypatch.delenv(licences.ACCEPT_VARIABLE, raising=False)
    monkeypatch.delenv("MASKWISE_DEVICE", raising=False)
    return folder


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of ``built.write_pack``; not to be changed."""
    return built.write_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture
def root(tmp_path: Path, written: Path) -> Path:
    """A root that holds a pack ``mine``."""
    shutil.copytree(written, tmp_path / "root" / "models" / "mine")
    return tmp_path / "root"
