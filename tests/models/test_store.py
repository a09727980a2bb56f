from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest

from maskwise import models
from maskwise.errors import ConfigurationError, MaskwiseError, ModelError
from maskwise.models import entries, place, store

FILES = Path(models.__file__).parent / "files"
LICENCES = {"CC0-1.0", "MIT", "Apache-2.0", "BSD-3-Clause"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An override folder, yet empty."""
    monkeypatch.setenv(place.FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(place.FOLDER_VARIABLE, raising=False)


def copied(folder: Path, name: str) -> Path:
    return Path(shutil.copy(FILES / models.entry(name).file, folder))


class TestManifest:
    def test_every_file_is_listed_once_and_every_entry_has_its_file(self) -> None:
        listed = [models.entry(name).file for name in models.names()]
        there = sorted(p.relative_to(FILES).as_posix() for p in FILES.rglob("*") if p.is_file())
        assert sorted(listed) == there

    @pytest.mark.parametrize("name", models.names())
    def test_sha256_and_size_are_true(self, name: str) -> None:
        entry = models.entry(name)
        data = (FILES / entry.file).read_bytes()
        assert len(data) == entry.size
        assert hashlib.sha256(data).hexdigest() == entry.sha256

    @pytest.mark.parametrize("name", models.names())
    def test_it_says_where_a_file_comes_from_and_what_one_may_do(self, name: str) -> None:
        entry = models.entry(name)
        assert type(entry.size) is int
        assert re.fullmatch("[0-9a-f]{64}", entry.sha256)
        assert entry.licence in LICENCES
        texts = (entry.about, entry.trained_on, entry.origin, entry.paper, entry.preprocessing)
        assert entry.made_by
        assert entry.kind in ("encoder", "detector", "landmarks", "mask-state")
        assert entry.backend
        for text in texts:
            assert text.strip()
            assert "\\" not in text
            assert "  " not in text, "a line was continued with its indentation"

    def test_the_script_that_made_a_file_is_in_the_checkout(self) -> None:
        root = Path(__file__).resolve().parents[2]
        if not (root / "training").is_dir():
            pytest.skip("needs training/, which only a checkout holds")
        for name in models.names():
            assert (root / models.entry(name).made_by).is_file(), name

    def test_names_are_sorted(self) -> None:
        assert models.names() == sorted(models.names())
        assert {"dlib-resnet-v1", "dlib-five-points"} <= set(models.names())

    @pytest.mark.parametrize(("change", "field"), [('colour = "red"\n', "colour"), ("", "licence")])
    def test_a_table_with_other_fields_is_refused(
        self, change: str, field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = (FILES.parent / "manifest.toml").read_text(encoding="utf-8")
        altered = re.sub(r"(?m)^licence = .*\n", "", text, count=1) if not change else text + change
        (tmp_path / "manifest.toml").write_text(altered, encoding="utf-8")
        monkeypatch.setattr(entries.resources, "files", lambda _: tmp_path)
        entries.shipped.cache_clear()
        try:
            with pytest.raises(ModelError, match=rf"manifest\.toml: \[.*{field}"):
                models.names()
        finally:
            entries.shipped.cache_clear()


class TestLocate:
    @pytest.mark.usefixtures("shipped")
    def test_the_shipped_file_is_found(self) -> None:
        assert models.locate("dlib-five-points") == FILES / "dlib-five-points.npz"

    def test_an_unknown_name_lists_the_known_ones(self) -> None:
        for ask in (models.locate, models.entry, models.open_session):
            with pytest.raises(ConfigurationError, match=r"no model 'dlib'; .* dlib-five"):
                ask("dlib")

    def test_the_override_folder_comes_first(self, folder: Path) -> None:
        ours = copied(folder, "dlib-five-points")
        assert models.locate("dlib-five-points") == ours

    def test_what_the_override_folder_lacks_is_taken_from_the_package(self, folder: Path) -> None:
        assert not any(folder.iterdir())
        assert models.locate("dlib-five-points").parent == FILES

    def test_an_override_folder_that_is_none_is_refused(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(place.FOLDER_VARIABLE, str(folder / "typo"))
        with pytest.raises(ConfigurationError, match=r"MASKWISE_MODELS: .*typo' is no folder"):
            models.locate("dlib-five-points")

    def test_a_relative_override_folder_follows_the_working_directory(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(place.FOLDER_VARIABLE, ".")
        monkeypatch.chdir(folder)
        ours = copied(folder, "dlib-five-points")
        assert models.locate("dlib-five-points") == ours
        (folder / "other").mkdir()
        monkeypatch.chdir(folder / "other")
        assert models.locate("dlib-five-points").parent == FILES

    @pytest.mark.parametrize("name", models.names())
    @pytest.mark.parametrize("place", [0, -1, None])
    def test_a_damaged_file_is_refused_by_name(
        self, folder: Path, name: str, place: int | None
    ) -> None:
        ours = copied(folder, name)
        data = bytearray(ours.read_bytes())
        data[len(data) // 2 if place is None else place] ^= 1
        ours.write_bytes(data)
        with pytest.raises(ModelError, match="is damaged") as caught:
            models.locate(name)
        assert str(ours) in str(caught.value)
        assert "unset MASKWISE_MODELS" in str(caught.value)

    @pytest.mark.parametrize("keep", [0, 1000])
    def test_a_cut_off_file_is_refused_with_both_sizes(self, folder: Path, keep: int) -> None:
        ours = copied(folder, "dlib-five-points")
        ours.write_bytes(ours.read_bytes()[:keep])
        with pytest.raises(ModelError, match=rf"expected 5472030 bytes .* got {keep} bytes"):
            models.locate("dlib-five-points")

    def test_a_mended_file_is_seen(self, folder: Path) -> None:
        ours = copied(folder, "dlib-five-points")
        good = ours.read_bytes()
        ours.write_bytes(b"bad")
        with pytest.raises(ModelError):
            models.locate("dlib-five-points")
        ours.write_bytes(good)
        assert models.locate("dlib-five-points") == ours

    @pytest.mark.usefixtures("shipped")
    def test_a_missing_file_is_named_with_the_remedy(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store, "shipped_folder", lambda: tmp_path)
        with pytest.raises(ModelError, match=r"cannot be read .*: reinstall maskwise") as caught:
            models.locate("dlib-resnet-v1")
        assert str(tmp_path / "dlib-resnet-v1.onnx") in str(caught.value)

    def test_the_errors_are_of_the_tree(self) -> None:
        assert issubclass(ModelError, MaskwiseError)


def test_damage_reaches_whoever_uses_the_model(folder: Path) -> None:
    import numpy as np

    from maskwise import encode, landmarks
    from maskwise.testing.pictures import drawn_face, face_detection

    for name in ("dlib-resnet-v1", "dlib-five-points"):
        ours = copied(folder, name)
        ours.write_bytes(ours.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match=r"dlib-resnet-v1\.onnx is damaged"):
        encode.create().encode_batch(np.zeros((1, 150, 150, 3), np.uint8))
    with pytest.raises(ModelError, match=r"dlib-five-points\.npz is damaged"):
        landmarks.create().predict(drawn_face(1), [face_detection()])
