"""Zips from anywhere: only what was asked for comes out of them, or nothing does."""

from __future__ import annotations

import contextlib
import io
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_server import sha

from maskwise.errors import FetchError
from maskwise.models.entries import ModelEntry
from maskwise.models.fetch import packs
from maskwise.models.fetch.packs import is_zip, unpack

DATA = b"weights" * 1000


def model(data: bytes = DATA, member: str = "m.onnx", **more: Any) -> tuple[ModelEntry, str]:
    texts = dict.fromkeys(("about", "trained_on", "origin", "paper", "preprocessing"), "")
    values: dict[str, Any] = {"sha256": sha(data), "size": len(data), "licence": "MIT", **texts}
    values |= {"kind": "encoder", "backend": "arcface", "pack": "p", "member": member, **more}
    entry = ModelEntry(name="p/m", file="p/m.onnx", **values)
    return entry, entry.sha256


def write(path: Path, *files: tuple[str | zipfile.ZipInfo, bytes], **more: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **more) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "p.zip"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.mark.parametrize("member", ["m.onnx", "p/m.onnx", "M.ONNX", "a/b/m.onnx"])
def test_a_model_is_found_wherever_it_was_packed(source: Path, target: Path, member: str) -> None:
    write(source, (member, DATA), ("other.onnx", b"?"))
    assert unpack(source, [model()], target) == {"p/m": (sha(DATA), len(DATA))}
    assert left(target) == ["m.onnx"]
    assert (target / "p" / "m.onnx").read_bytes() == DATA


def test_the_named_path_goes_before_the_name_alone(source: Path, target: Path) -> None:
    write(source, ("x/m.onnx", b"?"), ("p/m.onnx", DATA))
    unpack(source, [model(member="p/m.onnx")], target)
    assert (target / "p" / "m.onnx").read_bytes() == DATA


@pytest.mark.parametrize(
    "name",
    ["../m.onnx", "/m.onnx", "../../etc/m.onnx", "..\\m.onnx", "C:\\m.onnx", "\\\\h\\m.onnx"],
)
def test_no_name_becomes_a_path(source: Path, target: Path, name: str) -> None:
    write(source, (name, DATA), ("../evil", b"?"))
    before = set(source.parent.rglob("*"))
    with contextlib.suppress(FetchError):
        unpack(source, [model()], target)
    new = {path for path in set(source.parent.rglob("*")) - before if path.is_file()}
    assert new <= {target / "p" / "m.onnx"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["m.onnx", "M.onnx"])
def test_a_name_that_stands_there_twice(source: Path, target: Path, second: str) -> None:
    write(source, ("m.onnx", DATA), (second, b"?"))
    with pytest.raises(FetchError, match=r"holds m\.onnx 2 times"):
        unpack(source, [model()], target)
    assert left(target) == []


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_links_and_devices(source: Path, target: Path, kind: int) -> None:
    info = zipfile.ZipInfo("m.onnx")
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    write(source, (info, b"/etc/passwd"))
    with pytest.raises(FetchError, match="is no plain file"):
        unpack(source, [model()], target)


def test_another_size_is_refused_unread(source: Path, target: Path) -> None:
    write(source, ("m.onnx", DATA + b"?"))
    with pytest.raises(FetchError, match="has 7,001 bytes, expected 7,000"):
        unpack(source, [model()], target)


def test_a_bomb_of_unknown_size(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "_MOST_UNKNOWN", 100_000)
    write(source, ("m.onnx", bytes(1_000_000)))
    unknown = (model(sha256="", size=0)[0], "")
    with pytest.raises(FetchError, match="1,000,000 bytes, more than 100,000"):
        unpack(source, [unknown], target)


@pytest.mark.parametrize("told", [10, len(DATA)])
def test_a_size_that_is_a_lie(source: Path, target: Path, told: int) -> None:
    """What is written never gets larger than what is told, and is no other file."""
    write(source, ("m.onnx", bytes(5_000_000)))
    raw = bytearray(source.read_bytes())
    central = raw.rindex(b"PK\x01\x02")
    for place in (22, central + 24):
        raw[place : place + 4] = told.to_bytes(4, "little")
    source.write_bytes(raw)
    with pytest.raises(FetchError):
        unpack(source, [model()], target)
    assert left(target) == []


def test_another_file_of_the_same_size(source: Path, target: Path) -> None:
    write(source, ("m.onnx", bytes(len(DATA))))
    with pytest.raises(FetchError, match=r"m\.onnx is another file: sha256 "):
        unpack(source, [model()], target)
    assert left(target) == []


def test_what_was_there_stays_when_the_new_is_wrong(source: Path, target: Path) -> None:
    write(source, ("m.onnx", DATA))
    unpack(source, [model()], target)
    write(source, ("m.onnx", bytes(len(DATA))))
    with pytest.raises(FetchError):
        unpack(source, [model()], target)
    assert (target / "p" / "m.onnx").read_bytes() == DATA


def test_a_missing_model(source: Path, target: Path) -> None:
    write(source, ("other.onnx", DATA))
    with pytest.raises(FetchError, match=r"holds no m\.onnx"):
        unpack(source, [model()], target)


def test_too_many_names(source: Path, target: Path) -> None:
    write(source, ("m.onnx", DATA), *((f"{k}", b"") for k in range(1001)))
    with pytest.raises(FetchError, match="more than 1000 files"):
        unpack(source, [model()], target)


def test_an_encrypted_member(source: Path, target: Path) -> None:
    write(source, ("m.onnx", DATA))
    raw = bytearray(source.read_bytes())
    raw[6] |= 1
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    source.write_bytes(raw)
    with pytest.raises(FetchError, match="encrypted"):
        unpack(source, [model()], target)


def test_an_unusual_method(source: Path, target: Path) -> None:
    with zipfile.ZipFile(source, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("m.onnx", DATA)
    with pytest.raises(FetchError, match="unusual"):
        unpack(source, [model()], target)


def _whole() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m.onnx", DATA)
    return buffer.getvalue()


@given(st.data())
def test_a_damaged_zip_is_refused_or_right(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(_whole())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "p.zip").write_bytes(raw[:cut] if data.draw(st.booleans()) else raw)
    try:
        unpack(folder / "p.zip", [model()], folder / "store")
    except FetchError:
        assert left(folder / "store") == []
    else:
        assert (folder / "store" / "p" / "m.onnx").read_bytes() == DATA


def test_what_a_zip_is(tmp_path: Path) -> None:
    assert is_zip(write(tmp_path / "a", ("x", b"")))
    (tmp_path / "b").write_bytes(b"PK")
    assert not is_zip(tmp_path / "b")
    assert not is_zip(tmp_path / "none")
    assert not is_zip(tmp_path)
