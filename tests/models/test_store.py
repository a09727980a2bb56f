from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest

from maskwise import models
from maskwise.errors import ConfigurationError, LicenceError, MaskwiseError, ModelError
from maskwise.models import entries, licences, place, store

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

    @pytest.mark.parametrize("what", ["~/r100.onnx", "my.toml", "R100.ONNX", "./r100", "/no/r100"])
    def test_a_path_to_nothing_lists_no_models(self, what: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            models.resolve(what)
        assert str(caught.value) == f"{Path(what).expanduser()}: there is no such file"

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
        encode.create("dlib-resnet-v1").encode_batch(np.zeros((1, 150, 150, 3), np.uint8))
    with pytest.raises(ModelError, match=r"dlib-five-points\.npz is damaged"):
        landmarks.create().predict(drawn_face(1), [face_detection()])


class TestResolve:
    def test_a_name(self) -> None:
        found = models.resolve("dlib-mmod")
        assert found.entry == models.entry("dlib-mmod")
        assert (found.name, found.path) == ("dlib-mmod", models.locate("dlib-mmod"))
        assert found.sha256 == models.entry("dlib-mmod").sha256

    def test_a_known_file_anywhere_is_known(self, tmp_path: Path) -> None:
        copy = shutil.copy(FILES / "dlib-mmod.onnx", tmp_path / "x.onnx")
        found = models.resolve(str(copy))
        assert (found.name, found.path) == ("dlib-mmod", tmp_path / "x.onnx")
        assert found.entry == models.entry("dlib-mmod")

    def test_an_unknown_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "my net.onnx").write_bytes(b"weights")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        found = models.resolve("~/my net.onnx")
        assert (found.name, found.entry) == ("my net", None)
        assert found.sha256 == hashlib.sha256(b"weights").hexdigest()
        (tmp_path / "my net.onnx").write_bytes(b"Weights")
        assert models.resolve("~/my net.onnx").sha256 != found.sha256

    def test_a_name_goes_before_a_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "dlib-mmod").write_bytes(b"")
        monkeypatch.chdir(tmp_path)
        assert models.resolve("dlib-mmod").path == models.locate("dlib-mmod")
        assert models.resolve("./dlib-mmod").entry is None

    @pytest.mark.parametrize("what", ["", "no-such", "no/such.onnx", "x" * 300 + ".onnx", "a\0b"])
    def test_what_is_neither(self, what: str) -> None:
        with pytest.raises((ConfigurationError, ModelError)) as caught:
            models.resolve(what)
        assert "\n" not in str(caught.value)

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="is no file; name one file in it"):
            models.resolve(str(tmp_path))

    def test_a_pack(self) -> None:
        with pytest.raises(ConfigurationError, match=r"buffalo_l is a pack.*buffalo_l/det_10g"):
            models.resolve("buffalo_l")

    def test_what_is_not_here_is_not_fetched(self, folder: Path) -> None:
        for name in sorted(set(models.known()) - set(models.names())):
            with pytest.raises(ModelError, match=f"is not here: maskwise models pull {name}$"):
                models.resolve(name)
        assert not any(folder.iterdir())

    def test_a_file_of_non_commercial_weights_wants_its_licence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One that is no model of the catalogue, too: dlib's 68 points."""
        monkeypatch.delenv(licences.ACCEPT_VARIABLE, raising=False)
        monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: str(tmp_path))
        (tmp_path / "x.dat").write_bytes(b"weights")
        terms = licences.licence("dlib-68-points")
        monkeypatch.setitem(
            licences._ALL,
            terms.name,
            replace(terms, sha256=hashlib.sha256(b"weights").hexdigest()),
        )
        with pytest.raises(LicenceError, match="300-W"):
            models.resolve(str(tmp_path / "x.dat"))
        monkeypatch.setenv(licences.ACCEPT_VARIABLE, terms.name)
        assert models.resolve(str(tmp_path / "x.dat")).entry is None


def test_only_a_pull_can_reach_the_network() -> None:
    """What opens connections is imported in these files, and by nobody else than a pull."""
    source = Path(models.__file__).parents[1]
    opens = re.compile(r"^\s*(?:import|from) (?:urllib\.request|http\.client|socket|ssl)\b", re.M)
    found = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if opens.search(path.read_text("utf-8"))
    }
    known = {"models/fetch/over_http.py", "models/fetch/addresses.py", "datasets.py"}
    # The last asks the system for a free port.
    assert found <= known | {"testing/postgres_server.py"}
    pulls = re.compile(r"models\.fetch\b")
    users = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if pulls.search(path.read_text("utf-8"))
    }
    inside = {user for user in users if user.startswith("models/fetch/")}
    assert users - inside == {"cli/models_pull.py"}
