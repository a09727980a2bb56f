"""Whose photos are whose, and which files are taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maskwise.cli.inputs import find_people, find_photos, person_of
from maskwise.testing.command_line import photo


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Ada/1.jpg", "Ada"),
        ("Ada/2019/holiday/IMG_0001.jpg", "Ada"),
        ("Ada Lovelace.jpg", "Ada Lovelace"),
        ("Ada_Lovelace_2.jpg", "Ada_Lovelace"),
        ("Ada_Lovelace_0002.jpg", "Ada_Lovelace"),
        ("Ada Lovelace 02.jpeg", "Ada Lovelace"),
        ("Ada-3.png", "Ada"),
        ("Ada (2).jpg", "Ada"),
        ("Louis_XIV.jpg", "Louis_XIV"),
        ("Agent007.jpg", "Agent007"),
        ("IMG_0001.jpg", None),
        ("DSC01234.JPG", None),
        ("PXL_20230401_123456789.jpg", None),
        ("IMG-20230401-WA0003.jpg", None),
        ("20230401_123456.jpg", None),
        ("image 3.png", None),
        ("Photo (1).png", None),
        ("12.jpg", None),
        ("Imogen_1.jpg", "Imogen"),
    ],
)
def test_whose_photo_it_is(path: str, name: str | None) -> None:
    assert person_of(Path(path)) == name


def test_both_layouts_may_be_mixed(home: Path) -> None:
    for path in ("p/Ada/1.png", "p/Ada/sub/2.png", "p/Ada_3.png", "p/Bob.png", "p/Ada/notes.txt"):
        photo(path)
    said: list[str] = []
    people = find_people(["p"], said.append)
    assert {p.name: [photo.shown for photo in p.photos] for p in people} == {
        "Ada": ["p/Ada/1.png", "p/Ada/sub/2.png", "p/Ada_3.png"],
        "Bob": ["p/Bob.png"],
    }
    assert said == []


def test_what_is_nobody_is_named_with_the_remedy(home: Path) -> None:
    photo("p/Ada/1.png")
    photo("p/IMG_1.png")
    Path("p/Bob").mkdir()
    Path("p/.git").mkdir()
    said: list[str] = []
    assert [p.name for p in find_people(["p", "q", "p/IMG_1.png"], said.append)] == ["Ada"]
    assert [line.partition(":")[0] for line in said] == ["p/IMG_1.png", "p/Bob", "q", "p/IMG_1.png"]
    assert "--subject" in said[0]
    assert "no pictures" in said[1]
    assert "no such folder" in said[2]
    assert "--subject" in said[3]


def test_a_folder_that_may_not_be_looked_at_is_named(home: Path) -> None:
    # Where the superuser runs the tests no permission is refused, but no name may be so long.
    said: list[str] = []
    photo("p/Ada/1.png")
    assert [p.name for p in find_people(["x" * 300, "p"], said.append)] == ["Ada"]
    assert said == [f"{'x' * 300}: cannot be opened (File name too long); check the path"]


def test_links_to_nowhere_cost_the_others_nothing(home: Path) -> None:
    photo("p/Ada/1.png")
    Path("p/Bob").symlink_to("Bob")
    Path("p/Ada/2.png").symlink_to("2.png")
    (person,) = find_people(["p"], pytest.fail)
    assert [p.shown for p in person.photos] == ["p/Ada/1.png", "p/Ada/2.png"]
    assert len(find_photos(["p"], pytest.fail, Path("p/out"))) == 2


def test_a_folder_name_that_is_no_text_gives_a_printable_name(home: Path) -> None:
    folder = Path("p") / os.fsdecode(b"Ren\xe9")
    try:
        photo(folder / "1.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (person,) = find_people(["p"], pytest.fail)
    assert person.name == "Ren\\xe9"
    assert person.photos[0].path.exists()


def test_paths_stand_as_they_were_given_or_found(home: Path) -> None:
    photo("in/b/2.png")
    photo("in/1.PNG")
    photo("odd.bin")
    found = find_photos(["./odd.bin", "./in/"], pytest.fail)
    assert [(p.shown, p.relative) for p in found] == [
        ("./odd.bin", Path("odd.bin")),
        ("./in/1.PNG", Path("1.PNG")),
        ("./in/b/2.png", Path("b/2.png")),
    ]


def test_a_photo_that_is_not_there_counts_and_a_folder_without_photos_is_said(home: Path) -> None:
    photo("a.png")
    Path("empty").mkdir()
    said: list[str] = []
    found = find_photos(["gone.png", "empty", "a.png", "nul\0.png", "a.png/b.png"], said.append)
    assert [p.shown for p in found] == ["gone.png", "a.png", "a.png/b.png"]
    assert [line.partition(":")[0] for line in said] == ["empty", "nul\0.png"]


def test_a_path_without_a_name_is_not_the_current_folder(home: Path) -> None:
    photo("a.png")
    photo("Ada/1.png")
    said: list[str] = []
    assert find_photos([""], said.append) == []
    assert find_people([""], said.append) == []
    assert [line.partition(":")[0] for line in said] == ["''", "''"]


def test_what_the_command_writes_is_not_read(home: Path) -> None:
    photo("in/1.png")
    photo("in/out/1.png")
    assert [p.shown for p in find_photos(["in"], pytest.fail, Path("in/out"))] == ["in/1.png"]
    Path("link").symlink_to("in")
    for written_to in ("in", "link", "in/../in"):
        for folder in ("in", "link", "in/out"):
            said: list[str] = []
            assert find_photos([folder], said.append, Path(written_to)) == []
            (why,) = said
            assert why.startswith(f"{folder}: the output is written there")
