"""Files that are no gallery, cannot be opened or cannot be written: a clear word, no harm."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from maskwise.errors import ConfigurationError, GalleryFormatError, StorageError
from maskwise.gallery import default_place, files, open_gallery
from maskwise.gallery.sqlite import SqliteGallery
from maskwise.testing.enrolments import axis, reference, unit_vectors, virtual
from maskwise.types import NO_MASK

ANN = [reference("a.jpg", [(NO_MASK, axis(0))])]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.sqlite3"


def test_a_gallery_is_made_with_its_folder_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "x"
    open_gallery(path).close()
    assert [p.name for p in path.parent.iterdir()] == ["x"]
    assert path.read_bytes()[:15] == b"SQLite format 3"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_only_its_owner_may_read_a_new_gallery(path: Path) -> None:
    with open_gallery(path) as gallery:
        gallery.enrol("Ann", ANN)
        modes = {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    assert modes == {0o600}


def test_paths_and_urls_name_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with open_gallery(tmp_path / "g.db") as gallery:
        gallery.enrol("Ann", ANN)
    ways: list[str | os.PathLike[str]] = [
        "g.db", Path("g.db"), "sqlite:///g.db", f"sqlite:///{tmp_path}/g.db", "SQLite:///g.db",
    ]  # fmt: skip
    if os.name == "posix":
        ways.append("~/g.db")
    for where in ways:
        with open_gallery(where, create=False) as gallery:
            assert [p.subject for p in gallery.people()] == ["Ann"]


@pytest.mark.parametrize("where", [None, ":memory:", "sqlite://", "sqlite:///:memory:"])
def test_a_gallery_in_memory_leaves_nothing(
    where: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_gallery(where) as gallery:
        gallery.enrol("Ann", ANN)
        assert list(tmp_path.iterdir()) == []
        assert gallery.where == ":memory:"
    with open_gallery(where) as gallery:
        assert gallery.size().people == 0


@pytest.mark.parametrize("name", ["a?b#c%41.db", "ünï 山", "with space", "caf\udce9.db", "x" * 240])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("this file system has no such name")
    (tmp_path / name).unlink()
    with open_gallery(tmp_path / name) as gallery:
        gallery.enrol("Ann", ANN)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    with open_gallery(tmp_path / name, create=False) as gallery:
        assert gallery.size().people == 1


@pytest.mark.parametrize("url", ["redis://u:secret@h/0", "mysql://:secret@h:1"])
def test_an_engine_that_is_not_there_is_named_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///PATH") as caught:
        open_gallery(url)
    assert url.split(":", maxsplit=1)[0] in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("where", ["", "sqlite://host/x"])
def test_a_path_that_says_nothing_is_refused(where: str) -> None:
    with pytest.raises(ConfigurationError):
        open_gallery(where)


def test_the_default_is_in_the_data_folder_or_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MASKWISE_GALLERY", raising=False)
    assert Path(default_place()).is_absolute()
    assert "maskwise" in Path(default_place()).parts
    monkeypatch.setenv("MASKWISE_GALLERY", str(tmp_path / "mine"))
    assert default_place() == str(tmp_path / "mine")
    monkeypatch.setenv("MASKWISE_GALLERY", "sqlite:///mine")
    assert default_place() == "sqlite:///mine"


def test_a_missing_gallery_is_not_made_unasked(path: Path) -> None:
    with pytest.raises(StorageError, match="maskwise enrol") as caught:
        open_gallery(path, create=False)
    assert str(path) in str(caught.value)
    assert not path.exists()


def test_a_folder_is_no_gallery(tmp_path: Path) -> None:
    with pytest.raises(GalleryFormatError, match="is a folder"):
        open_gallery(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_no_gallery(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(GalleryFormatError, match="not a regular file"):
        open_gallery(path)


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x00" * 5000, b"SQLite format 3", b"S"])
def test_another_file_is_no_gallery_and_stays_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(GalleryFormatError, match="no gallery") as caught:
        open_gallery(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_database_of_something_else_stays_as_it_is(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE contacts (name)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(GalleryFormatError, match="but no gallery"):
        open_gallery(path)
    assert path.read_bytes() == before


def test_a_truncated_gallery_is_called_damaged(path: Path) -> None:
    with open_gallery(path) as gallery:
        for number in range(30):
            templates = [(virtual(), unit_vectors(1, 512, seed=number)[0])]
            gallery.enrol(f"p{number}", [reference(f"{number}.jpg", templates)])
    os.truncate(path, 20_000)
    with (
        pytest.raises(GalleryFormatError, match="damaged") as caught,
        open_gallery(path) as gallery,
    ):
        gallery.search(unit_vectors(1, 512), wear="bare", top=1)
    assert str(path) in str(caught.value)
    header = path.read_bytes()[:60]
    path.write_bytes(header + b"\xff" * 20_000)
    with pytest.raises(GalleryFormatError):
        open_gallery(path)


def test_a_missing_folder_that_cannot_be_made_is_named(path: Path) -> None:
    path.write_text("a file where a folder is wanted")
    with pytest.raises(StorageError, match="check the path"):
        open_gallery(path / "x" / "gallery")


def _needs_permissions() -> bool:
    return os.name != "posix" or os.geteuid() == 0


@pytest.mark.skipif(_needs_permissions(), reason="root may do everything")
def test_without_permission_there_is_a_clear_word(tmp_path: Path, path: Path) -> None:
    with open_gallery(path) as gallery:
        gallery.enrol("Ann", ANN)
    path.chmod(0)
    with pytest.raises(StorageError, match="permissions"):
        open_gallery(path)
    path.chmod(0o400)
    with pytest.raises(StorageError), open_gallery(path) as gallery:
        gallery.enrol("Bob", ANN)
    path.chmod(0o600)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError):
            open_gallery(tmp_path / "new")
    finally:
        tmp_path.chmod(0o700)


def test_a_readonly_database_is_a_storage_error(path: Path) -> None:
    with open_gallery(path) as gallery:
        assert isinstance(gallery, SqliteGallery)
        gallery._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StorageError, match="make the file and its folder writable"):
            gallery.enrol("Ann", ANN)
        assert gallery.size().people == 0


def test_a_writer_who_never_ends_is_a_storage_error(path: Path) -> None:
    with open_gallery(path) as gallery, SqliteGallery.open(path, busy_timeout_s=0.05) as other:
        assert isinstance(gallery, SqliteGallery)
        gallery.enrol("Ann", ANN)
        with gallery._writing(), pytest.raises(StorageError, match="another process") as caught:
            other.enrol("Bob", ANN)
        assert str(path) in str(caught.value)
        assert other.size().people == 1
        other.enrol("Bob", ANN)


def test_a_full_disk_stores_nothing_of_the_call(path: Path) -> None:
    with open_gallery(path) as gallery:
        assert isinstance(gallery, SqliteGallery)
        gallery.enrol("Ann", ANN)
        pages = gallery._connection.execute("PRAGMA page_count").fetchone()[0]
        gallery._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        many = [reference(str(n), [(NO_MASK, v)]) for n, v in enumerate(unit_vectors(400))]
        for name in ("Bob", "Ann"):
            with pytest.raises(StorageError, match="free some disk space"):
                gallery.enrol(name, many)
        assert [(p.subject, p.templates) for p in gallery.people()] == [("Ann", 1)]
        assert gallery.integrity_check() == []
        gallery._connection.execute("PRAGMA max_page_count = 100000")
        gallery.enrol("Bob", many)
        assert gallery.size().templates == 401


FULL = """
import resource, sys
from maskwise.errors import StorageError
from maskwise.gallery import open_gallery
from maskwise.testing.enrolments import axis, reference, unit_vectors
from maskwise.types import NO_MASK
gallery = open_gallery(sys.argv[1])
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for number in range(1000):
    templates = [(NO_MASK, v) for v in unit_vectors(20, seed=number)]
    try:
        gallery.enrol(f"p{number}", [reference(f"{number}.jpg", templates)])
    except StorageError as error:
        assert sys.argv[1] in str(error) and "space" in str(error), error
        assert gallery.size().people == number, "a failed enrolment shows"
        print(number)
        break
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on file sizes")
@pytest.mark.parametrize("limit", [150_000, 150_500, 700_000])
def test_a_file_that_may_not_grow_keeps_what_was_enrolled(path: Path, limit: int) -> None:
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(path), str(limit)],
        capture_output=True,
        text=True,
        check=True,
    )
    enrolled = int(run.stdout)
    assert enrolled > 0
    with open_gallery(path) as gallery:
        assert gallery.integrity_check() == []
        assert gallery.size().people == enrolled
        gallery.enrol("one more", [reference("x", [(NO_MASK, axis(0))])])


def test_a_creation_that_fails_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(files, "migrate", fail)
    with pytest.raises(StorageError, match="free some disk space"):
        open_gallery(path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("links", [True, False])
def test_whoever_makes_the_gallery_first_wins(
    path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Another process makes it between our look and our link."""
    publish = files._publish

    def late(draft: Path, target: Path) -> None:
        monkeypatch.setattr(files, "_publish", publish)
        with open_gallery(target) as other:
            other.enrol("Ann", ANN)
        if not links:
            monkeypatch.setattr(os, "link", _no_links)
        publish(draft, target)

    monkeypatch.setattr(files, "_publish", late)
    with open_gallery(path) as gallery:
        assert [p.subject for p in gallery.people()] == ["Ann"]
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_file_system_without_hard_links_will_do(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    with open_gallery(path) as gallery:
        gallery.enrol("Ann", ANN)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def _no_links(source: object, target: object) -> None:
    raise PermissionError(1, "Operation not permitted")
