"""LFW through scikit-learn's own loader, which is given a small set on this disk."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from maskwise.datasets import fetch_lfw
from maskwise.errors import ConfigurationError, FetchError, OutputError
from maskwise.testing.fakes import face_picture

lfw = pytest.importorskip("sklearn.datasets._lfw", reason="scikit-learn is not installed")

# Two folds of one mated and one non-mated pair; fake faces, which the fake detector finds.
PAIRS = "2\t1\nAda\t1\t2\nAda\t1\tBo\t1\nBo\t1\t2\nBo\t2\tAda\t2\n"
DEV = "1\nAda\t1\t2\nAda\t1\tBo\t1\n"
COLOURS = {"Ada": (220, 60, 60), "Bo": (60, 200, 60)}


def archive(folder: Path, *, without: str = "") -> Path:
    path = folder / "lfw-funneled.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for person, colour in COLOURS.items():
            for number in (1, 2):
                name = f"lfw_funneled/{person}/{person}_{number:04d}.jpg"
                if name.endswith(without) and without:
                    continue
                stream = io.BytesIO()
                pixels = face_picture([(colour, 60 + 10 * number, 60, 120)], size=(250, 250))
                Pillow.fromarray(pixels).save(stream, "PNG")
                entry = tarfile.TarInfo(name)
                entry.size = stream.tell()
                stream.seek(0)
                tar.addfile(entry, stream)
    return path


class Server:
    """What scikit-learn fetches from: files in a folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self.folder = folder
        self._monkeypatch = monkeypatch
        for name in ("pairsDevTrain.txt", "pairsDevTest.txt"):
            (folder / name).write_text(DEV, "utf-8")
        (folder / "pairs.txt").write_text(PAIRS, "utf-8")
        archive(folder)
        self.announce()

    def announce(self) -> None:
        """Tell the loader where the files are, and their sha256 as of now."""

        def remote(old: Any) -> Any:
            path = self.folder / old.filename
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            return old._replace(url=path.as_uri(), checksum=digest)

        self._monkeypatch.setattr(lfw, "TARGETS", tuple(map(remote, lfw.TARGETS)))
        self._monkeypatch.setattr(lfw, "FUNNELED_ARCHIVE", remote(lfw.FUNNELED_ARCHIVE))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.chdir(tmp_path)
    yield Server(tmp_path / "server", monkeypatch)
    assert not list(tmp_path.glob("**/.maskwise-*"))


def test_photos_and_pairs_lie_as_scikit_learn_has_them(server: Server) -> None:
    found = fetch_lfw("data")
    assert found.photos == Path("data/lfw_home/lfw_funneled")
    assert [path.name for path in found.pairs] == [
        "pairs.txt",
        "pairsDevTrain.txt",
        "pairsDevTest.txt",
    ]
    assert found.pairs[0].read_text("utf-8") == PAIRS
    assert found.sha256["pairs.txt"] == hashlib.sha256(PAIRS.encode()).hexdigest()
    assert (found.people, found.photo_count, found.fetched) == (2, 4, True)
    assert sorted(path.name for path in Path("data/lfw_home").iterdir()) == [
        "lfw_funneled",
        "pairs.txt",
        "pairsDevTest.txt",
        "pairsDevTrain.txt",
    ]
    again = lfw.fetch_lfw_pairs(subset="test", data_home="data", download_if_missing=False)
    assert len(again.pairs) == 2


def test_what_is_there_is_not_fetched_again(server: Server) -> None:
    fetch_lfw("data")
    for path in server.folder.iterdir():
        path.unlink()
    found = fetch_lfw("data")
    assert (found.people, found.photo_count, found.fetched) == (2, 4, False)


def test_what_else_lies_there_is_left_as_it_is(server: Server) -> None:
    Path("data/lfw_home").mkdir(parents=True)
    Path("data/lfw_home/lfw.tgz").write_bytes(b"the other version")
    Path("data/lfw_home/pairs.txt").write_text(PAIRS, "utf-8")
    before = Path("data/lfw_home/pairs.txt").stat().st_mtime_ns
    assert fetch_lfw("data").fetched
    assert Path("data/lfw_home/lfw.tgz").read_bytes() == b"the other version"
    assert Path("data/lfw_home/pairs.txt").stat().st_mtime_ns == before


def test_its_own_folder_is_that_of_scikit_learn(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(Path("own").absolute()))
    assert fetch_lfw().photos == Path("own/lfw_home/lfw_funneled").absolute()


@pytest.mark.parametrize("damaged", ["pairs.txt", "lfw-funneled.tgz"])
def test_another_sha256_is_refused_and_nothing_kept(server: Server, damaged: str) -> None:
    with (server.folder / damaged).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(FetchError, match=f"checksum of {damaged} .* differs from expected"):
        fetch_lfw("data/below")
    assert not Path("data").exists()


def test_no_network_is_told_in_words_and_leaves_nothing(server: Server) -> None:
    (server.folder / "lfw-funneled.tgz").unlink()
    Path("data").mkdir()
    with pytest.raises(FetchError, match=r"LFW cannot be fetched \(.*\); is there a network"):
        fetch_lfw("data")
    assert list(Path("data").iterdir()) == []


def test_an_archive_that_lacks_photos_is_not_kept(server: Server) -> None:
    archive(server.folder, without="Bo_0002.jpg")
    server.announce()
    with pytest.raises(FetchError, match="LFW cannot be fetched"):
        fetch_lfw("data")
    assert not Path("data").exists()


def test_a_copy_that_lacks_photos_is_told(server: Server) -> None:
    found = fetch_lfw("data")
    (found.photos / "Bo" / "Bo_0002.jpg").unlink()
    with pytest.raises(ConfigurationError, match=r"lacks 1 photos .* Bo/Bo_0002 among"):
        fetch_lfw("data")


def test_ctrl_c_leaves_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []

    def extract(tar: tarfile.TarFile, path: str) -> None:
        (Path(path) / "lfw_funneled" / "Ada").mkdir(parents=True)
        seen.extend(Path(path).iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(lfw, "tarfile_extractall", extract)
    with pytest.raises(KeyboardInterrupt):
        fetch_lfw("data")
    assert "lfw-funneled.tgz" in [path.name for path in seen]
    assert not Path("data").exists()


def test_how_much_has_come_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    size = sum(path.stat().st_size for path in server.folder.iterdir())
    all_of_it = threading.Event()
    monkeypatch.setattr("maskwise.datasets._POLL_S", 0.001)
    extract = lfw.tarfile_extractall

    def waiting(tar: tarfile.TarFile, path: str) -> None:
        assert all_of_it.wait(60)  # told from another thread
        extract(tar, path=path)

    monkeypatch.setattr(lfw, "tarfile_extractall", waiting)
    fetch_lfw("data", lambda count: all_of_it.set() if count == size else None)
    assert all_of_it.is_set()


def test_without_scikit_learn_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ConfigurationError, match=r'pip install "maskwise\[data\]"'):
        fetch_lfw("data")


def test_a_file_or_a_locked_folder_is_told(server: Server) -> None:
    Path("file").write_text("mine", "utf-8")
    with pytest.raises(ConfigurationError, match="file is a file"):
        fetch_lfw("file")
    if os.name == "posix" and os.geteuid() != 0:
        Path("locked").mkdir(mode=0o500)
        with pytest.raises(OutputError, match="locked: cannot write there"):
            fetch_lfw("locked")
