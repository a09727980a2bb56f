"""Models of the user's own, and what is in a store."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest
from store_files import write_onnx

from maskwise import models
from maskwise.errors import ConfigurationError, LicenceError, ModelError, OutputError
from maskwise.models import additions, entries, inventory, licences, place
from maskwise.models.additions import add, from_manifest, from_onnx
from maskwise.models.digests import sha256_of

MANIFEST = """
name = "my-own"
file = "weights/own.onnx"
licence = "MIT"
about = "Mine."
trained_on = "My family."
"""


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    monkeypatch.setenv(place.FOLDER_VARIABLE, str(folder))
    monkeypatch.delenv(licences.ACCEPT_VARIABLE, raising=False)
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: str(tmp_path / "user"))
    return folder


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    return write_onnx(tmp_path / "own.onnx")


@pytest.fixture
def manifest(tmp_path: Path, onnx: Path) -> Path:
    (tmp_path / "weights").mkdir()
    shutil.copy(onnx, tmp_path / "weights")
    path = tmp_path / "own.toml"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


def test_an_onnx_file_is_copied_and_known_by_its_name(store: Path, onnx: Path) -> None:
    assert models.added() == []
    entry = add(store, from_onnx(onnx, "mine", "scrfd"), "MIT")
    assert (entry.name, entry.kind, entry.backend, entry.licence) == (
        "mine",
        "detector",
        "scrfd",
        "MIT",
    )
    assert models.added() == ["mine"]
    assert "mine" not in models.known()
    onnx.unlink()
    found = models.resolve("mine")
    assert found.path == store / "added" / "mine" / "own.onnx"
    assert found.name == "mine"
    assert found.sha256 == sha256_of(found.path) == entry.sha256
    assert models.locate("mine") == found.path
    assert models.resolve(str(found.path)).name == "mine"


def test_a_manifest_comes_with_its_file(store: Path, manifest: Path) -> None:
    entry = add(store, from_manifest(manifest, None))
    assert (entry.name, entry.kind, entry.backend) == ("my-own", "encoder", "file")
    assert (entry.about, entry.trained_on, entry.licence) == ("Mine.", "My family.", "MIT")
    home = store / "added" / "my-own"
    assert models.locate("my-own") == home / "model.toml"
    assert (home / "weights" / "own.onnx").is_file()
    assert add(store, from_manifest(manifest, "again")).name == "again"


@pytest.mark.parametrize("part", ["model.toml", "weights/own.onnx"])
@pytest.mark.parametrize("gone", [True, False])
def test_every_part_is_held_to_its_sha256(
    store: Path, manifest: Path, part: str, gone: bool
) -> None:
    add(store, from_manifest(manifest, None))
    path = store / "added" / "my-own" / part
    if gone:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ModelError, match="my-own"):
        models.locate("my-own")
    assert inventory.problem_of("my-own")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a/b",
        "../x",
        ".hidden",
        "a b",
        "x" * 65,
        "sface",
        "SFace",
        "buffalo_l",
        "mmod",
        "file",
        "con",
        "NUL.x",
        "x.",
    ],
)
def test_names_that_cannot_be(onnx: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="name"):
        from_onnx(onnx, name, "arcface")


def test_a_name_that_is_taken(store: Path, onnx: Path) -> None:
    add(store, from_onnx(onnx, "mine", "arcface"))
    with pytest.raises(ConfigurationError, match=r"models remove mine.*--name"):
        add(store, from_onnx(onnx, "mine", "arcface"))
    with pytest.raises(ConfigurationError, match="models remove"):
        add(store, from_onnx(onnx, "Mine", "arcface"))


def test_a_backend_that_cannot_be(onnx: Path) -> None:
    for backend in ("file", "dlib", ""):
        with pytest.raises(ConfigurationError, match="arcface, maskwise, scrfd, sface, yunet"):
            from_onnx(onnx, "mine", backend)


def test_what_is_no_onnx(store: Path, tmp_path: Path, onnx: Path) -> None:
    for data in (b"<html>", b"", onnx.read_bytes()[:-20]):
        (tmp_path / "bad.onnx").write_bytes(data)
        with pytest.raises(ModelError, match=r"bad\.onnx"):
            from_onnx(tmp_path / "bad.onnx", "mine", "arcface")
    assert list(store.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("= nonsense", "no TOML"),
        ('licence = "MIT"', "says not which file"),
        ('file = "../own.onnx"', "lies elsewhere"),
        ('file = "/etc/own.onnx"', "lies elsewhere"),
        ('file = "~/own.onnx"', "lies elsewhere"),
        ('file = "no.onnx"', "there is no file"),
        ('file = "entry.json"', "cannot be called"),
        ("file = 3", "says not which file"),
    ],
)
def test_manifests_that_cannot_be(manifest: Path, text: str, reason: str) -> None:
    manifest.write_text(text)
    with pytest.raises(ConfigurationError, match=reason):
        from_manifest(manifest, "mine")


def test_a_manifest_of_a_file_that_the_store_knows(store: Path, manifest: Path) -> None:
    sha = entries.catalogue()["sface"].sha256
    manifest.write_text(f'sha256 = "{sha}"\nname = "flipped"\n')
    add(store, from_manifest(manifest, None))
    assert sorted(p.name for p in (store / "added" / "flipped").iterdir()) == [
        "entry.json",
        "model.toml",
    ]


def test_a_known_file_keeps_its_licence(
    store: Path, onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = replace(entries.catalogue()["buffalo_l/w600k_r50"], sha256=sha256_of(onnx))
    monkeypatch.setattr(entries, "catalogue", lambda: {known.name: known})
    with pytest.raises(LicenceError, match="insightface"):
        add(store, from_onnx(onnx, "mine", "arcface"))
    with pytest.raises(LicenceError):
        models.resolve(str(onnx))
    monkeypatch.setenv(licences.ACCEPT_VARIABLE, "insightface-models")
    found = models.resolve(str(onnx))
    assert (found.name, found.entry) == ("w600k_r50", known)


def test_a_store_that_was_carried_here_brings_no_acceptance(
    store: Path, onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = replace(entries.catalogue()["buffalo_l/w600k_r50"], sha256=sha256_of(onnx))
    monkeypatch.setattr(entries, "catalogue", lambda: {known.name: known})
    monkeypatch.setenv(licences.ACCEPT_VARIABLE, "insightface-models")
    add(store, from_onnx(onnx, "mine", "arcface"))
    assert models.resolve("mine").name == "mine"
    monkeypatch.delenv(licences.ACCEPT_VARIABLE)
    with pytest.raises(LicenceError, match="insightface"):
        models.resolve("mine")
    assert inventory.holding("mine").state == "licence not accepted"


@pytest.mark.parametrize(
    ("key", "value"),
    [("size", "1"), ("kind", "camera"), ("backend", []), ("sha256", 1), ("licence", None)],
)
def test_garbage_in_what_was_written_down(store: Path, onnx: Path, key: str, value: object) -> None:
    add(store, from_onnx(onnx, "mine", "arcface"))
    place_of_it = store / additions.FOLDER / "mine" / additions.ENTRY
    table = json.loads(place_of_it.read_text("utf-8"))
    place_of_it.write_text(json.dumps({**table, key: value}), "utf-8")
    with pytest.raises(ModelError, match="maskwise models remove mine, then add it again"):
        models.added()
    inventory.remove("mine")
    assert models.added() == []


def test_nothing_is_left_when_it_cannot_be_written(
    store: Path, onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(additions.shutil, "copyfile", full)
        with pytest.raises(OutputError, match=r"No space left.*make room"):
            add(store, from_onnx(onnx, "mine", "arcface"))
    assert list((store / "added").iterdir()) == []
    assert models.added() == []


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"file": 3}'])
def test_a_damaged_entry_is_named(store: Path, onnx: Path, text: str) -> None:
    add(store, from_onnx(onnx, "mine", "arcface"))
    (store / "added" / "mine" / "entry.json").write_text(text)
    with pytest.raises(
        ModelError, match=r"entry\.json cannot be read.*models remove mine, then add it"
    ):
        models.locate("mine")
    assert inventory.remove("mine") == [store / "added" / "mine"]


def test_removing(store: Path, manifest: Path) -> None:
    add(store, from_manifest(manifest, None))
    assert inventory.remove("my-own") == [store / "added" / "my-own"]
    assert models.added() == []
    with pytest.raises(ConfigurationError, match="no model 'my-own'"):
        inventory.remove("my-own")
    with pytest.raises(ConfigurationError, match="ships"):
        inventory.remove("dlib-mmod")
    with pytest.raises(ModelError, match="is not here"):
        inventory.remove("sface")
    for name in ("buffalo_s/det_500m.onnx.part", "buffalo_s.zip.part", "keep.onnx"):
        (store / name).parent.mkdir(exist_ok=True)
        (store / name).write_bytes(b"")
    assert len(inventory.remove("buffalo_s")) == 2
    assert (store / "keep.onnx").is_file()


def test_states(store: Path, onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = entries.catalogue()["buffalo_l/w600k_r50"]
    known = replace(real, sha256=sha256_of(onnx), size=onnx.stat().st_size)
    monkeypatch.setattr(entries, "catalogue", lambda: {known.name: known})

    def state() -> str:
        return inventory.holding(known.name).state

    assert state() == "not here"
    path = store / known.file
    path.parent.mkdir()
    shutil.copy(onnx, path)
    assert state() == "licence not accepted"
    monkeypatch.setenv(licences.ACCEPT_VARIABLE, "insightface-models")
    assert state() == "here"
    path.write_bytes(b"?")
    assert state() == "damaged"
    assert inventory.holding("dlib-mmod").state == "shipped"
    assert [one.entry.name for one in inventory.holdings()] == [*models.names(), known.name]


def test_an_entry_is_plain_json(store: Path, onnx: Path) -> None:
    add(store, from_onnx(onnx, "mine", "arcface"))
    table = json.loads((store / "added" / "mine" / "entry.json").read_text("utf-8"))
    assert table["files"] == {"own.onnx": sha256_of(onnx)}
    assert table["added"].startswith("20")
