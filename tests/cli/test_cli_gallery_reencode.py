"""maskwise gallery re-encode, and what the other commands say of kept faces and copies."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from maskwise import Recognizer
from maskwise.cli.options import Tools
from maskwise.gallery import open_gallery
from maskwise.own_calibration import place_beside
from maskwise.testing.command_line import POINTS, Run
from maskwise.testing.fakes import FakeDetector, FakeEncoder, FakeMaskClassifier, FakePredictor

G = ("--gallery", "g.db")
TO_B = ("gallery", "re-encode", *G, "--encoder", "b")


class EncoderB(FakeEncoder):
    id = "encoder-b"
    space = "space-b"


class Student(FakeEncoder):
    id = "student"


ENCODERS = {"a": FakeEncoder, "b": EncoderB, "student": Student}


def make(encoder: str = "a", **arguments: Any) -> Recognizer:
    if encoder not in ENCODERS:
        return Recognizer(encoder=encoder)  # says what there is
    return Recognizer(
        detector=FakeDetector(),
        predictor=FakePredictor(),
        mask_classifier=FakeMaskClassifier(),
        encoder=ENCODERS[encoder](),
        operating_points=POINTS,
        **arguments,
    )


@pytest.fixture
def go(run: Run) -> Run:
    """Run a command whose encoders are called a, b and student."""
    return lambda *arguments, **how: run(*arguments, tools=Tools(make), **how)


@pytest.fixture(autouse=True)
def enrolled(go: Run, people: Path) -> None:
    assert go("enrol", "people", *G, "--masks", "surgical").status == 0


def encoder() -> str | None:
    with open_gallery("g.db", create=False) as gallery:
        return gallery.encoder_id


def test_it_moves_everybody_and_says_what_it_did(go: Run) -> None:
    place_beside(Path("g.db")).write_text("{}")
    answer = go(*TO_B)
    assert answer.status == 0
    (before,) = Path().glob("g.db.before-*.db")
    (calibration,) = Path().glob("g.db.calibration.json.before-*")
    lines = [line.split(maxsplit=1) for line in answer.out.splitlines()]
    assert lines[:2] == [["people", "3 of 3"], ["photos", "4 of 4"]]
    assert "4 from the photo where it was" in answer.out
    assert ["encoder", "encoder-b, before fake-encoder"] in lines
    assert ["gallery", "g.db, 8 templates"] in lines
    assert f"{before}; delete it when" in answer.out
    assert f"is now {calibration}; calibrate anew: maskwise calibrate" in answer.out
    assert encoder() == "encoder-b"
    assert go("gallery", "check", *G).status == 0


def test_json(go: Run) -> None:
    Path("people/Ruby/2.png").unlink()
    answer = go(*TO_B, "--json")
    assert answer.status == 1
    (told,) = answer.lines
    (left_out,) = told.pop("left_out")
    assert left_out.pop("sha256")
    assert left_out == {
        "subject": "Ruby",
        "source": "people/Ruby/2.png",
        "why": "neither photo nor face was kept",
    }
    assert told.pop("before").startswith("g.db.before-")
    assert told == {
        "encoder": "encoder-b",
        "encoder_before": "fake-encoder",
        "dry_run": False,
        "people": 3,
        "people_lost": [],
        "photos": 4,
        "origins": {"kept": 0, "photo": 3, "folder": 0, "none": 1},
        "resumed": 0,
        "gallery": "g.db",
        "templates": 6,
        "calibration_before": None,
    }
    assert (
        "maskwise: cannot be re-encoded: Ruby: people/Ruby/2.png: neither photo nor face was kept"
        in answer.err.splitlines()
    )


def test_a_dry_run_changes_nothing(go: Run) -> None:
    Path("people/Goldie_1.png").rename("renamed.png")
    before = Path("g.db").read_bytes()
    for more, status, words in (
        ((), 1, ["2 of 3", "3 of 4", "1 cannot be re-encoded", "this was a dry run"]),
        (("--photos", "."), 0, ["3 of 3", "1 from a photo in --photos"]),
    ):
        answer = go(*TO_B, "--dry-run", *more)
        assert answer.status == status
        for word in words:
            assert word in answer.out
    (told,) = go(*TO_B, "--dry-run", "--json").lines
    assert told["dry_run"] is True
    assert told["people_lost"] == ["Goldie"]
    assert told["gallery"] is None
    assert encoder() == "fake-encoder"
    assert Path("g.db").read_bytes() == before
    assert not list(Path().glob("g.db.*"))


def test_who_would_be_lost_stops_it(go: Run) -> None:
    Path("people/Goldie_1.png").unlink()
    answer = go(*TO_B)
    assert answer.status == 2
    assert answer.err.splitlines()[-2:] == [
        "maskwise: cannot be re-encoded: Goldie: people/Goldie_1.png: neither photo nor face was "
        "kept",
        "maskwise: error: 1 of 3 people would lose all their templates (Goldie), so nothing was "
        "changed; name the folders of their photos with --photos, or leave these people out with "
        "--drop-missing",
    ]
    assert encoder() == "fake-encoder"
    answer = go(*TO_B, "--drop-missing")
    assert answer.status == 1
    assert "2 of 3" in answer.out
    assert encoder() == "encoder-b"
    shutil.rmtree("people")
    assert go("gallery", "re-encode", *G, "--encoder", "a", "--drop-missing").status == 2
    assert encoder() == "encoder-b"


def test_to_another_gallery(go: Run) -> None:
    assert go(*TO_B, "--out", "new.db").status == 0
    assert encoder() == "fake-encoder"
    assert (
        go("gallery", "stats", "--gallery", "new.db", "--json").lines[0]["encoder"] == "encoder-b"
    )
    answer = go(*TO_B, "--out", "new.db")
    assert answer.status == 2
    assert "new.db: there is a file of that name already" in answer.err


def test_ctrl_c(go: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(EncoderB, "encode_batch", stop)
        answer = go(*TO_B)
    assert answer.status == 130
    assert "interrupted: g.db is as it was; run the same command again to go on" in answer.err
    assert encoder() == "fake-encoder"
    assert go(*TO_B).status == 0
    assert not list(Path().glob("g.db.re-encoding-*"))


def test_a_photo_without_a_face_is_named_once(go: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    find = FakeDetector.detect
    monkeypatch.setattr(
        FakeDetector,
        "detect",
        lambda self, image: [] if "2.png" in image.source else find(self, image),
    )
    answer = go(*TO_B)
    assert answer.status == 1
    assert answer.err.count("people/Ruby/2.png") == 2  # whose it is, and what was looked at
    assert "no face found where the enrolled one was; try another --detector" in answer.err
    assert "3 of 4" in answer.out


def test_what_need_not_be_done_is_said_and_done(go: Run) -> None:
    answer = go("gallery", "re-encode", *G, "--encoder", "student")
    assert answer.status == 0
    assert "are of one space, fake-space: to compare probes of either, nothing" in answer.err
    assert encoder() == "student"
    answer = go("gallery", "re-encode", *G, "--encoder", "student")
    assert answer.status == 0
    assert "the templates are of student already; they are made anew" in answer.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "--encoder: name the encoder"),
        (("--encoder", "nothing"), "no encoder 'nothing'; there are: "),
        (("--encoder", "b", "--photos", "gone"), "gone"),
        (("--encoder", "b", "--photos", "g.db"), "g.db"),
    ],
)
def test_bad_arguments(
    go: Run, arguments: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MASKWISE_ENCODER", raising=False)
    answer = go("gallery", "re-encode", *G, *arguments)
    assert answer.status == 2
    assert sentence in answer.err
    assert encoder() == "fake-encoder"


def test_nobody_and_nothing(go: Run) -> None:
    assert go("gallery", "re-encode", "--gallery", "gone.db", "--encoder", "b").status == 2
    assert not Path("gone.db").exists()
    for name in ("Ruby", "Olive", "Goldie"):
        go("gallery", "delete", name, "--yes", *G)
    answer = go(*TO_B)
    assert answer.status == 2
    assert "nobody is enrolled" in answer.err


def test_kept_faces_are_asked_for_shown_and_enough(go: Run) -> None:
    assert "none are kept" in go("gallery", "stats", *G).out
    assert go("gallery", "stats", *G, "--json").lines[0]["kept_faces"] == 0
    answer = go("enrol", "people", "--gallery", "k.db", "--keep", "faces")
    assert answer.status == 0
    stats = go("gallery", "stats", "--gallery", "k.db")
    assert "4 faces kept, as was asked for" in stats.out
    (told,) = go("gallery", "stats", "--gallery", "k.db", "--json").lines
    assert (told["kept_faces"], told["space"]) == (4, "fake-space")
    (ruby,) = go("gallery", "show", "Ruby", "--gallery", "k.db", "--json").lines
    sizes = [p["kept_bytes"] for p in ruby["photos"]]
    assert all(sizes)
    assert f"{sizes[0]:,} bytes" in go("gallery", "show", "Ruby", "--gallery", "k.db").out
    shutil.rmtree("people")
    answer = go("gallery", "re-encode", "--gallery", "k.db", "--encoder", "b")
    assert answer.status == 0
    assert "4 from the kept face" in answer.out
    assert go("gallery", "re-encode", *G, "--encoder", "b").status == 2


def test_faces_can_be_kept_of_people_who_are_enrolled_already(go: Run) -> None:
    answer = go("enrol", "people", *G, "--masks", "surgical", "--keep", "faces")
    assert "4 enrolled, 0 already" in answer.out
    assert "4 faces kept" in go("gallery", "stats", *G).out
    answer = go("enrol", "people", *G, "--masks", "surgical", "--keep", "faces")
    assert "0 enrolled, 4 already" in answer.out


def test_deleting_somebody_names_the_copies_that_are_left(go: Run) -> None:
    assert go("gallery", "delete", "Olive", "--yes", "--json", *G).lines[0]["copies"] == []
    go(*TO_B)
    (before,) = Path().glob("g.db.before-*.db")
    answer = go("gallery", "delete", "Ruby", "--yes", *G)
    assert answer.status == 0
    assert f"{before} still holds this person: delete it" in answer.err
