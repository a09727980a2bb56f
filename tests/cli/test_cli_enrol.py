"""maskwise enrol."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from maskwise import Recognizer, masks
from maskwise.answers import PhotoStatus
from maskwise.cli.enrol_people import _STATUSES
from maskwise.cli.options import Tools
from maskwise.errors import StorageError
from maskwise.gallery import Gallery, open_gallery
from maskwise.testing.command_line import GREEN, RED, Run, make_recognizer, photo

TYPES = len(masks.DEFAULT_TYPES)


def names(gallery: str = "g.db") -> list[str]:
    with open_gallery(gallery, create=False) as store:
        return [person.subject for person in store.people()]


def test_people_of_both_layouts_are_enrolled_with_every_mask(run: Run, people: Path) -> None:
    answer = run("enrol", "people", "--gallery", "g.db", "--json")
    assert answer.status == 0
    (summary,) = answer.lines
    assert summary.pop("rate") > 0
    assert summary == {
        "gallery": "g.db",
        "people": {"enrolled": 3, "skipped": 0},
        "photos": {
            "enrolled": 4,
            "already": 0,
            "no_face": 0,
            "several_faces": 0,
            "unreadable": 0,
            "poor": 0,
        },
        "templates": 4 * (1 + TYPES),
        "poor": [],
        "problems": [],
        "warnings": [],
        "interrupted": False,
    }
    assert names() == ["Goldie", "Olive", "Ruby"]


def test_again_it_says_already_and_stores_nothing(run: Run, people: Path) -> None:
    run("enroll", "people", "--gallery", "g.db")
    answer = run("enroll", "people", "--gallery", "g.db")
    assert answer.status == 0
    assert "0 enrolled, 4 already" in answer.out
    assert "0 stored in g.db" in answer.out


def test_one_person_by_name(run: Run, home: Path) -> None:
    a, b = str(photo("a.png")), str(photo("b/b.png", left=100).parent)
    assert run("enrol", "--subject", "Ruby Red", a, b, "--gallery", "g.db").status == 0
    assert names() == ["Ruby Red"]


@pytest.mark.parametrize(("masks", "templates"), [("none", 1), ("surgical,n95", 3)])
def test_only_the_masks_that_are_wanted(run: Run, home: Path, masks: str, templates: int) -> None:
    answer = run(
        *("enrol", "--subject", "R", str(photo("a.png")), "--gallery", "g", "--json"),
        *("--masks", masks),
    )
    assert answer.lines[0]["templates"] == templates


def test_an_unknown_mask_is_a_configuration_error(run: Run, people: Path) -> None:
    answer = run("enrol", "people", "--gallery", "g.db", "--masks", "veil")
    assert answer.status == 2
    assert "no mask type 'veil'" in answer.err


def test_every_photo_that_is_left_out_is_named_once_and_counted(run: Run, people: Path) -> None:
    (people / "Ruby" / "empty.jpg").write_bytes(b"")
    (people / "Ruby" / "text.jpg").write_text("hello")
    photo(people / "Ruby" / "black.png", (0, 0, 0))
    photo(people / "Ruby" / "two.png", more=[(GREEN, 300, 40, 110)])
    photo(people / "Ruby" / "small.png", more=[(GREEN, 300, 40, 60)])
    photo(people / "IMG_0001.png")
    (people / "Nobody").mkdir()
    answer = run("enrol", "people", "--gallery", "g.db", "--json")
    assert answer.status == 1
    (summary,) = answer.lines
    assert summary["photos"] == {
        "enrolled": 5,
        "already": 0,
        "no_face": 1,
        "several_faces": 1,
        "unreadable": 2,
        "poor": 0,
    }
    skipped = [line for line in answer.err.splitlines() if line.startswith("maskwise: skipped")]
    assert skipped == [f"maskwise: skipped {problem}" for problem in summary["problems"]]
    for name in ("empty.jpg", "text.jpg", "black.png", "two.png", "IMG_0001.png", "Nobody"):
        assert sum(name in line for line in skipped) == 1
    assert "small.png: the largest central one of 2 faces" in answer.err


def test_strict_skips_every_second_face(run: Run, home: Path) -> None:
    photo("p/R/1.png", more=[(GREEN, 300, 40, 60)])
    assert run("enrol", "p", "--gallery", "g.db").status == 0
    answer = run("enrol", "p", "--gallery", "g2.db", "--strict", "--json")
    assert answer.status == 1
    assert answer.lines[0]["photos"]["several_faces"] == 1
    assert answer.lines[0]["people"] == {"enrolled": 0, "skipped": 1}


def test_a_subject_without_a_name_is_a_usage_error(run: Run, home: Path) -> None:
    answer = run("enrol", "--subject", " ", str(photo("a.png")), "--gallery", "g.db")
    assert answer.status == 2
    assert "a person's name cannot be empty" in answer.err
    assert not Path("g.db").exists()


def test_a_missing_photo_counts_in_the_summary(run: Run, home: Path) -> None:
    answer = run("enrol", "--subject", "Ada", "gone.png", "--gallery", "g.db", "--json")
    assert answer.status == 1
    assert answer.lines[0]["photos"]["unreadable"] == 1
    assert answer.lines[0]["people"] == {"enrolled": 0, "skipped": 1}


def test_the_summary_counts_the_people_of_this_run(run: Run, people: Path) -> None:
    run("enrol", "people", "--gallery", "g.db")
    text = run("enrol", "--subject", "Ada", str(photo("a.png")), "--gallery", "g.db").out
    assert text.startswith("people     1 of 1 with photos in the gallery\n")


def test_a_subject_that_is_no_utf8_is_found_by_the_same_name(run: Run, home: Path) -> None:
    assert (
        run("enrol", "--subject", "J\udcfc", str(photo("a.png")), "--gallery", "g.db").status == 0
    )
    assert run("gallery", "list", "--gallery", "g.db", "--json").lines[0]["subject"] == "J\\xfc"
    assert run("gallery", "show", "J\udcfc", "--gallery", "g.db").status == 0
    assert run("gallery", "rename", "J\udcfc", "K\udcfc", "--gallery", "g.db").status == 0
    assert run("gallery", "delete", "K\udcfc", "--yes", "--gallery", "g.db").status == 0


def test_a_missing_folder_and_one_without_pictures_are_said(run: Run, home: Path) -> None:
    Path("empty").mkdir()
    for folder, reason in (("gone", "no such folder"), ("empty", "no pictures in this folder")):
        answer = run("enrol", folder, "--gallery", "g.db")
        assert answer.status == 1
        assert f"maskwise: skipped {folder}: {reason}" in answer.err


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("nosuch",), 1),
        (("people", "--masks", "nosuch"), 2),
        (("people", "--encoder", "maskwise-v1:x"), 2),
    ],
)
def test_nothing_to_enrol_leaves_no_empty_gallery(
    run: Run, people: Path, words: tuple[str, ...], status: int
) -> None:
    answer = run("enrol", *words, "--gallery", "new.db")
    assert answer.status == status
    assert not Path("new.db").exists()


def test_the_users_own_gallery_is_the_default_and_is_said(
    run: Run, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = run("enrol", "people")
    default = Path(os.environ["XDG_DATA_HOME"]) / "maskwise" / "gallery.sqlite3"
    assert default.exists()
    assert f"maskwise: gallery {default}\n" in answer.err
    monkeypatch.setenv("MASKWISE_GALLERY", "mine.db")
    assert "maskwise: gallery mine.db\n" in run("enrol", "people").err


def test_a_file_that_is_no_gallery_is_refused(run: Run, people: Path) -> None:
    Path("g.db").write_text("not a database, but long enough to be looked at" * 50)
    answer = run("enrol", "people", "--gallery", "g.db")
    assert answer.status == 2
    assert answer.err.startswith("maskwise: error: g.db")
    assert len(answer.err.splitlines()) == 1


def after(count: int, error: BaseException) -> Tools:
    """The Recognizer raises ``error`` once ``count`` people are enrolled."""

    def recognizer(**arguments: Any) -> Recognizer:
        made = make_recognizer(**arguments)
        enrol: Callable[..., Any] = made.enrol
        calls = iter(range(1000))

        def once(*given: Any, **options: Any) -> Any:
            if next(calls) == count:
                raise error
            return enrol(*given, **options)

        made.enrol = once  # type: ignore[method-assign]
        return made

    return Tools(recognizer)


def test_an_interrupt_keeps_who_was_finished(run: Run, people: Path) -> None:
    answer = run(
        "enrol", "people", "--gallery", "g.db", "--json", tools=after(2, KeyboardInterrupt())
    )
    assert answer.status == 130
    assert "2 of 3 people were finished and are kept in g.db; run the same command" in answer.err
    assert answer.lines[0]["interrupted"] is True
    assert names() == ["Goldie", "Olive"]
    again = run("enrol", "people", "--gallery", "g.db")
    assert "2 enrolled, 2 already" in again.out


def test_a_full_disk_ends_the_run_and_keeps_who_was_finished(run: Run, people: Path) -> None:
    error = StorageError("g.db: the disk is full; free some space")
    answer = run("enrol", "people", "--gallery", "g.db", tools=after(1, error))
    assert answer.status == 2
    assert "maskwise: error: g.db: the disk is full; free some space" in answer.err
    assert "1 of 3 people were finished and are kept in g.db" in answer.err
    assert names() == ["Goldie"]


def test_a_gallery_of_another_encoder_is_refused(run: Run, people: Path) -> None:
    run("enrol", "people", "--gallery", "g.db")

    def other(**arguments: Any) -> Recognizer:
        made = make_recognizer(**arguments)
        made.encoder.id = "another"  # type: ignore[misc]
        return made

    answer = run("enrol", "people", "--gallery", "g.db", tools=Tools(other))
    assert answer.status == 2
    assert "maskwise: error: " in answer.err


def test_names_that_are_no_text_are_enrolled_escaped(run: Run, home: Path) -> None:
    try:
        photo(Path("p") / os.fsdecode(b"Ren\xe9") / os.fsdecode(b"\xff.png"), RED)
        photo(Path("p") / os.fsdecode(b"Ren\xe9") / os.fsdecode(b"bad\xff.png"), (0, 0, 0))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    answer = run("enrol", "p", "--gallery", "g.db", "--json")
    assert answer.status == 1
    assert names() == ["Ren\\xe9"]
    assert "bad\\xff.png: no face" in answer.err
    json.dumps(answer.lines)
    assert run("gallery", "show", "Ren\\xe9", "--gallery", "g.db").status == 0


def test_galleries_are_closed(run: Run, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Gallery] = []

    def remembered(*arguments: Any, **options: Any) -> Gallery:
        seen.append(open_gallery(*arguments, **options))
        return seen[-1]

    monkeypatch.setattr("maskwise.gallery.open_gallery", remembered)
    run("enrol", "people", "--gallery", "g.db")
    with pytest.raises(OSError, match="closed"):
        seen[0].size()


def test_a_name_that_is_too_long_costs_nobody_else(run: Run, people: Path) -> None:
    photo(people / ("x" * 220) / "1.png", GREEN)
    answer = run("enrol", "people", "--gallery", "g.db", "--json")
    assert answer.status == 1
    assert "at most 200 characters" in answer.err
    assert answer.lines[0]["people"] == {"enrolled": 3, "skipped": 1}
    assert names() == ["Goldie", "Olive", "Ruby"]


def test_a_name_is_one_however_its_accents_are_stored(run: Run, home: Path) -> None:
    photo("p/Zoe\u0308/1.png")
    photo("p/Zo\u00eb_2.png", left=100)
    run("enrol", "p", "--gallery", "g.db")
    assert names() == ["Zo\u00eb"]


def test_all_that_can_become_of_a_photo_is_counted() -> None:
    # The command has its own list: with that of ``answers`` its help would load OpenCV.
    assert get_args(PhotoStatus) == _STATUSES
