"""Galleries that may be read and not written.

Permissions do not bind root, so the reader is a process that gives up root once it has loaded.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from maskwise.gallery import open_gallery
from maskwise.testing.enrolments import axis, reference
from maskwise.types import NO_MASK

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")

READ = """
import os, sys
from maskwise.errors import MaskwiseError
from maskwise.gallery import open_gallery
from maskwise.testing.enrolments import axis, reference
from maskwise.types import NO_MASK
import maskwise.gallery.sqlite, maskwise.gallery.where
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    with open_gallery(sys.argv[1], create=False) as gallery:
        found = gallery.search(axis(0)[None], wear="bare", top=5)[0]
        print("found", *[c.subject for c in found], flush=True)
        assert gallery.integrity_check() == []
        gallery.enrol("Eve", [reference("e.jpg", [(NO_MASK, axis(2))])])
        print("enrolled")
except MaskwiseError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: nobody else may look into the folders above that.
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    place.chmod(0o755)
    shutil.rmtree(place)


@pytest.fixture
def path(folder: Path) -> Path:
    path = folder / "people ?#.db"
    with open_gallery(path) as gallery:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
    path.chmod(0o444)
    return path


def read(path: Path) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_a_gallery_in_a_read_only_folder_is_searched_and_not_changed(path: Path) -> None:
    path.parent.chmod(0o555)
    held, names = path.read_bytes(), sorted(path.parent.iterdir())
    found, refused = read(path)
    assert found == "found Ann"
    assert refused.startswith("StorageError")
    assert "copy it to where you may write" in refused
    assert (path.read_bytes(), sorted(path.parent.iterdir())) == (held, names)


def test_a_read_only_file_in_a_writable_folder_is_searched(path: Path) -> None:
    path.parent.chmod(0o777)
    found, refused = read(path)
    assert found == "found Ann"
    assert refused.startswith("StorageError")


def test_a_writable_file_in_a_read_only_folder_is_searched(path: Path) -> None:
    path.chmod(0o666)
    path.parent.chmod(0o555)
    found, refused = read(path)
    assert found == "found Ann"
    assert refused.startswith("StorageError")


def test_what_a_writer_stored_meanwhile_is_found(path: Path) -> None:
    path.chmod(0o644)
    with open_gallery(path) as writer:
        writer.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(1))])])
        for part in path.parent.iterdir():  # the log is the writer's, for others to read
            part.chmod(0o444)
        path.parent.chmod(0o555)
        found = read(path)[0]
        path.parent.chmod(0o755)
    assert found == "found Ann Bob"


def test_a_log_that_nobody_can_read_is_not_passed_over(path: Path) -> None:
    path.chmod(0o644)
    log = path.with_name(f"{path.name}-wal")
    with open_gallery(path) as writer:
        writer.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(1))])])
        kept = log.read_bytes()
        file = path.read_bytes()
    path.write_bytes(file)
    log.write_bytes(kept)
    for part in (path, log):
        part.chmod(0o444)
    path.parent.chmod(0o555)
    (refused,) = read(path)
    assert refused.startswith("StorageError")
    assert "-wal" in refused


def test_an_older_format_says_that_it_must_be_written(path: Path) -> None:
    path.chmod(0o644)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    (refused,) = read(path)
    assert refused.startswith("GalleryFormatError")
    assert "format 1" in refused
