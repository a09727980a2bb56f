"""Writing: whole or not at all, and never over what is not ours."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from maskwise.cli.files import PAGE_MARK, OutputFolder, write_file, write_picture
from maskwise.errors import ConfigurationError, OutputError
from maskwise.testing.command_line import photo
from maskwise.types import Image

GREY = Image(np.full((8, 8, 3), 128, np.uint8))


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_picture_of_ours_is_replaced_and_no_other(home: Path, name: str) -> None:
    write_picture(Path("out") / name, GREY)
    assert OutputFolder(Path("out")).name(Path(name)) == Path("out") / name
    PillowImage.fromarray(GREY.pixels).save(Path("out") / name)
    assert OutputFolder(Path("out")).name(Path(name)) == Path("out") / f"a-2{Path(name).suffix}"


def test_a_page_of_ours_is_replaced_and_no_other(home: Path) -> None:
    Path("index.html").write_text("<p>mine</p>")
    assert OutputFolder(Path()).name(Path("index.html")) == Path("index-2.html")
    Path("index.html").write_text(f"<head>{PAGE_MARK}</head>")
    assert OutputFolder(Path()).name(Path("index.html")) == Path("index.html")


def test_an_input_is_never_replaced_though_we_made_it(home: Path) -> None:
    write_picture(Path("a.jpg"), GREY)
    Path("link").symlink_to(home)
    output = OutputFolder(Path("link"), [Path("a.jpg")])
    assert output.name(Path("a.jpg")) == Path("link/a-2.jpg")


def test_names_are_given_once(home: Path) -> None:
    output = OutputFolder(Path("out"))
    names = [output.name(Path(n)) for n in ("a.jpg", "a.jpg", "b/a.jpg", "a.jpg")]
    assert names == [Path("out") / n for n in ("a.jpg", "a-2.jpg", "b/a.jpg", "a-3.jpg")]


def test_the_folder_must_not_be_a_file(home: Path) -> None:
    photo("out")
    with pytest.raises(ConfigurationError, match="out is a file"):
        OutputFolder(Path("out"))
    with pytest.raises(OutputError, match="out/below: cannot be written"):
        OutputFolder(Path("out/below"))


def test_a_folder_that_may_not_be_looked_at_is_named(home: Path) -> None:
    # Where the superuser runs the tests no permission is refused, but no name may be so long.
    with pytest.raises(OutputError, match="x: cannot be written: File name too long"):
        OutputFolder(Path("x" * 300))
    with pytest.raises(OutputError, match="jpg: cannot be written: File name too long"):
        write_picture(OutputFolder(Path("out")).name(Path("x" * 300, "a.jpg")), GREY)


def test_an_input_that_is_a_link_to_itself_does_no_harm(home: Path) -> None:
    Path("a.jpg").symlink_to("a.jpg")
    output = OutputFolder(Path("out"), [Path("a.jpg")])
    assert output.name(Path("a.jpg")) == Path("out/a.jpg")


def test_the_same_content_is_not_written_again(home: Path) -> None:
    path = Path("a.txt")
    write_file(path, b"one")
    before = path.stat()
    write_file(path, b"one")
    assert path.stat() == before
    write_file(path, b"two")
    assert path.read_bytes() == b"two"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EACCES, "no permission to write there; choose another folder"),
        (errno.EIO, "choose another folder"),
    ],
)
def test_a_failed_write_names_file_and_remedy_and_leaves_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    write_file(Path("out/a.txt"), b"old")

    def fail(self: Path, target: Any) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match=f"^out/a.txt: cannot be written: .*{remedy}"):
        write_file(Path("out/a.txt"), b"new")
    assert [p.name for p in Path("out").iterdir()] == ["a.txt"]
    assert Path("out/a.txt").read_bytes() == b"old"


def test_others_may_read_what_is_written_as_the_umask_says(home: Path) -> None:
    write_file(Path("a.txt"), b"x")
    Path("b.txt").write_bytes(b"x")
    assert Path("a.txt").stat().st_mode == Path("b.txt").stat().st_mode
