"""maskwise mask."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from maskwise import Recognizer
from maskwise.cli.options import Tools
from maskwise.masks import STYLES, parse_types, types
from maskwise.testing.command_line import GREEN, Run, make_recognizer, photo
from maskwise.types import Image, Landmarks


def files(folder: str = "out") -> list[str]:
    """The pictures in a folder."""
    return sorted(p.relative_to(folder).as_posix() for p in Path(folder).rglob("*.jpg"))


def changed(path: str, original: Path) -> Any:
    """(H, W) where a picture differs from the photo by more than JPEG does."""
    with PillowImage.open(path) as a, PillowImage.open(original) as b:
        difference = np.asarray(a.convert("RGB"), int) - np.asarray(b.convert("RGB"), int)
    return np.abs(difference).max(-1) > 60


def test_every_face_of_a_photo_wears_one(run: Run, home: Path) -> None:
    a = photo("a.png", more=[(GREEN, 300, 40, 80)])
    answer = run("mask", str(a), "--out", "out")
    assert (answer.status, answer.out) == (0, "")
    assert "1 picture written to out" in answer.err
    assert files() == ["a_surgical.jpg"]
    where = changed("out/a_surgical.jpg", a)
    assert where[100:160, 90:210].mean() > 0.2
    assert where[80:120, 300:380].mean() > 0.2
    assert where[:60].mean() < 0.05


def test_all_gives_one_file_a_type_in_the_same_sub_folders(run: Run, home: Path) -> None:
    photo("in/sub/a.png")
    photo("in/b.png", GREEN)
    assert run("mask", "in", "--out", "out", "--type", "all").status == 0
    every = parse_types("all")
    assert files() == sorted([*(f"sub/a_{t}.jpg" for t in every), *(f"b_{t}.jpg" for t in every)])
    contents = {Path("out", f).read_bytes() for f in files()}
    assert len(contents) == len(files())


def test_a_list_of_types(run: Run, home: Path) -> None:
    assert run("mask", str(photo("a.png")), "--out", "out", "--type", "n95,gas").status == 0
    assert files() == ["a_gas.jpg", "a_n95.jpg"]


def test_seed_and_name_decide_and_the_order_does_not(run: Run, home: Path) -> None:
    for name in ("a", "b", "c"):
        photo(f"in/{name}.png")
    ways = {
        "one": ("in",),
        "two": ("in/c.png", "in/a.png", "in/b.png"),
        "three": ("in/b.png",),
    }
    for out, inputs in ways.items():
        run("mask", *inputs, "--out", out, "--type", "random", "--seed", "5")
    run("mask", "in", "--out", "other", "--type", "random", "--seed", "6")
    one = {name: Path("one", name).read_bytes() for name in files("one")}
    assert sorted(one) == ["a_random.jpg", "b_random.jpg", "c_random.jpg"]
    assert {name: Path("two", name).read_bytes() for name in files("two")} == one
    assert Path("three/b_random.jpg").read_bytes() == one["b_random.jpg"]
    assert len(set(one.values())) == 3
    assert {Path("other", name).read_bytes() for name in files("other")}.isdisjoint(one.values())


def test_the_colour_is_the_one_asked_for(run: Run, home: Path) -> None:
    a = str(photo("a.png"))
    for kind in ("cloth", "random"):
        run("mask", a, "--out", "out", "--type", kind, "--color", "#00FF00", "--seed", "1")
        with PillowImage.open(f"out/a_{kind}.jpg") as picture:
            r, g, b = np.asarray(picture)[115:150, 130:170].reshape(-1, 3).mean(0)
        assert g > 2 * max(r, b)
    for bad in ("green", "#0f0", "00ff00"):
        answer = run("mask", a, "--out", "out", "--color", bad)
        assert answer.status == 2
        assert re.search("no colour .*; write it as #rrggbb", answer.err)


def test_your_own_files_are_never_replaced(run: Run, home: Path) -> None:
    a = photo("a.png")
    mine = photo("a_surgical.jpg", GREEN).read_bytes()
    for _ in range(2):
        assert run("mask", str(a), "--out", ".").status == 0
    assert Path("a_surgical.jpg").read_bytes() == mine
    assert sorted(p.name for p in Path().glob("a*")) == [
        "a.png",
        "a_surgical-2.jpg",
        "a_surgical.jpg",
    ]


def test_what_cannot_be_masked_is_named_and_the_rest_goes_on(run: Run, home: Path) -> None:
    photo("in/a.png", (0, 0, 0))
    Path("in/b.jpg").write_bytes(b"")
    photo("in/c.png")
    answer = run("mask", "in", "gone", "--out", "out")
    assert answer.status == 1
    assert files() == ["c_surgical.jpg"]
    for name in ("in/a.png: no face", "in/b.jpg: empty", "gone: no such"):
        assert f"maskwise: skipped {name}" in answer.err


@pytest.mark.parametrize("wanted", ["none", "veil", "", "n95,random"])
def test_types_that_are_none(run: Run, home: Path, wanted: str) -> None:
    answer = run("mask", str(photo("a.png")), "--out", "out", "--type", wanted)
    assert answer.status == 2
    assert not Path("out").exists()


def test_an_unknown_type_names_those_that_mask_takes(run: Run, home: Path) -> None:
    answer = run("mask", str(photo("a.png")), "--out", "out", "--type", "purple")
    assert answer.status == 2
    assert "'purple'" in answer.err
    assert "(or all, random)" in answer.err


def test_the_help_names_every_type(run: Run) -> None:
    text = "".join(run("mask", "--help").out.split())
    assert all(name in text for name in (*types(), *STYLES))


def no_face_second(**arguments: Any) -> Recognizer:
    """The smaller face's points are all in one place: no face has such."""
    made = make_recognizer(**arguments)
    predict = made.predictor.predict

    def second_collapses(image: Image, found: Any) -> list[Landmarks]:
        points = predict(image, found)
        flat = [Landmarks("dlib5", np.full((5, 2), 9, np.float32)) for _ in points[1:]]
        return [*points[:1], *flat]

    made.predictor.predict = second_collapses  # type: ignore[method-assign]
    return made


def test_what_is_hardly_a_face_does_not_cost_the_others_their_masks(run: Run, home: Path) -> None:
    a = photo("in/a.png", more=[(GREEN, 300, 40, 80)])
    answer = run("mask", "in", "--out", "out", tools=Tools(no_face_second))
    assert answer.status == 0
    where = changed("out/a_surgical.jpg", a)
    assert where[100:160, 90:210].mean() > 0.2
    assert not where[:, 290:].any()


def test_points_that_no_face_has_are_skipped_by_name(run: Run, home: Path) -> None:
    photo("people/Ruby/1.png")
    photo("in/a.png", more=[(GREEN, 300, 40, 80)])
    photo("in/b.png")
    run("enrol", "people", "--gallery", "g.db")
    answer = run("identify", "in", "--gallery", "g.db", "--json", tools=Tools(no_face_second))
    assert "internal error" not in answer.err
    assert {line["image"] for line in answer.lines} == {"in/a.png", "in/b.png"}
