"""Where the store lies, and whether the network may be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maskwise import datasets, models
from maskwise.errors import ConfigurationError, FetchError
from maskwise.models import place


def test_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: str(tmp_path / "user"))
    monkeypatch.delenv(place.FOLDER_VARIABLE, raising=False)
    assert place.folder() == tmp_path / "user" / "models"
    assert place.named_folder() is None
    assert not (tmp_path / "user").exists(), "looking makes nothing"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(place.FOLDER_VARIABLE, "~")
    assert place.folder() == place.named_folder() == tmp_path
    monkeypatch.setenv(place.FOLDER_VARIABLE, str(tmp_path / "no"))
    with pytest.raises(ConfigurationError, match="is no folder; make or correct it"):
        place.folder()


def test_a_folder_that_may_not_be_read_is_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(place.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)  # root may all
    with pytest.raises(ConfigurationError, match="may not be read by you"):
        models.locate("mask-state")


@pytest.mark.parametrize(("value", "offline"), [("", 0), ("0", 0), (" ", 0), ("1", 1), ("yes", 1)])
def test_offline(value: str, offline: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(place.OFFLINE_VARIABLE, value)
    assert place.is_offline() == bool(offline)
    if offline:
        with pytest.raises(FetchError, match=r"MASKWISE_OFFLINE is set: it is not fetched\. Carry"):
            place.require_network("it", "Carry it.")
    else:
        place.require_network("it", "Carry it.")


def test_data_sets_are_not_fetched_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setenv(place.OFFLINE_VARIABLE, "1")
    with pytest.raises(FetchError, match="MASKWISE_OFFLINE is set: LFW is not fetched"):
        datasets.fetch_lfw(tmp_path)
    assert list(tmp_path.iterdir()) == []
