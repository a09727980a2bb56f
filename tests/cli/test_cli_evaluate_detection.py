"""``maskwise evaluate detection`` and ``landmarks``, with fakes for detectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from maskwise import detect, occlusion, samples
from maskwise.testing.command_line import GREEN, Answer, Run, photo
from maskwise.testing.fakes import FakeDetector, FakeMaskClassifier
from maskwise.types import Detection, Image, Landmarks, Scheme

SHARES = np.array([(0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75)], np.float32)


class Five(FakeDetector):
    """FakeDetector with the five points."""

    id = "five/0123"
    scheme: Scheme | None = "five"

    def detect(self, image: Image) -> list[Detection]:
        found = super().detect(image)
        points = [d.box[:2] + SHARES * (d.box[2:] - d.box[:2]) for d in found]
        return [
            Detection(d.box, 0.9, Landmarks("five", p)) for d, p in zip(found, points, strict=True)
        ]


class Interrupted(Five):
    """Ctrl-C at the second photo."""

    id = "interrupted/0123"
    asked = 0

    def detect(self, image: Image) -> list[Detection]:
        self.asked += 1
        if self.asked == 3:
            raise KeyboardInterrupt
        return super().detect(image)


@pytest.fixture
def images(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MASKWISE_DETECTOR", raising=False)
    for name, made in (("plain", FakeDetector), ("five", Five), ("interrupted", Interrupted)):
        monkeypatch.setitem(detect.DETECTORS, name, made)
    monkeypatch.setitem(occlusion.CLASSIFIERS, occlusion.DEFAULT, FakeMaskClassifier)
    photo("images/bare.png")
    photo("images/below/masked.png", masked=True)
    photo("images/green.png", GREEN)
    return Path("images")


def detection(run: Run, *more: str, detector: str = "five") -> Answer:
    return run(
        "evaluate", "detection", "--images", "images", "--out", "out", "--detector", detector, *more
    )  # fmt: skip


def landmarks(run: Run, *more: str, detector: str = "five") -> Answer:
    return run(
        "evaluate", "landmarks", "--images", "images", "--out", "out", "--masks", "surgical,n95",
        "--detector", detector, *more,
    )  # fmt: skip


def test_without_a_truth_photos_with_a_face_are_counted(run: Run, images: Path) -> None:
    answer = detection(run)
    assert answer.status == 0, answer.err
    assert "No truth was given" in answer.out
    assert "recall" not in answer.out.lower()
    assert Path("out/index.html").exists()
    assert Path("out/misses.jsonl").read_bytes() == b""


def test_detectors_side_by_side_by_a_teacher(run: Run, images: Path) -> None:
    (found,) = detection(run, "--detector", "plain", "--teacher", "five", "--json").lines
    assert [one["detector"] for one in found["detectors"]] == ["five", "plain"]
    recall = found["detectors"][1]["recall"]
    assert {wear: rates["all"]["of"] for wear, rates in recall.items()} == {
        "all": 3,
        "masked": 1,
        "bare": 2,
    }
    assert found["settings"]["iou"] == 0.5
    assert all(Path(path).exists() for path in found["files"])
    assert json.loads(Path("out/detection.json").read_text())["detectors"] == found["detectors"]


def test_boxes_of_a_file_and_tables(run: Run, images: Path) -> None:
    Path("boxes.csv").write_text(
        "file,x1,y1,x2,y2,masked\nbare.png,90,40,209,159,no\nbelow/masked.png,0,0,40,40,yes\n"
    )
    answer = detection(run, "--boxes", "boxes.csv")
    assert answer.status == 0, answer.err
    assert "Recall, by what the face wears" in answer.out
    assert "1 of 3 photos are not in the file" in Path("out/index.html").read_text("utf-8")
    assert len(Path("out/extra.jsonl").read_text().splitlines()) == 1
    assert len(Path("out/misses.jsonl").read_text().splitlines()) == 1
    assert len(list(Path("out/sheets").glob("*.png"))) == 2
    assert detection(run, "--boxes", "boxes.csv", "--no-thumbnails").status == 0
    assert not list(Path("out/sheets").glob("*.png"))


def test_unread_photos_are_named_and_give_status_one(run: Run, images: Path) -> None:
    Path("images/bad.png").write_bytes(b"no picture")
    answer = detection(run, "--json")
    assert answer.status == 1
    assert "left out: images/bad.png: not a picture" in answer.err
    assert list(answer.lines[0]["unread"]) == ["bad.png"]
    assert landmarks(run, "--out", "points").status == 1


def test_so_many_photos_at_most(run: Run, images: Path) -> None:
    Path("boxes.csv").write_text(
        "file,x1,y1,x2,y2\nbare.png,90,40,209,159\nbelow/masked.png,90,40,209,159\ngreen.png,,,,\n"
    )
    (found,) = detection(run, "--most", "2", "--boxes", "boxes.csv", "--json").lines
    (one,) = found["detectors"]
    assert (one["photos"], one["judged_photos"], one["recall"]["all"]["all"]["of"]) == (2, 2, 2)


def test_ctrl_c_keeps_what_was_seen(
    run: Run, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = detection(run, detector="interrupted")
    assert answer.status == 130
    assert "goes on from there" in answer.err
    assert len(Path("out/seen.jsonl").read_text().splitlines()) == 2  # the head, and one photo
    assert not Path("out/index.html").exists()
    Interrupted.asked = 100
    (found,) = detection(run, "--json", detector="interrupted").lines
    assert found["settings"]["answers_kept_from_before"] == 1
    (anew,) = detection(run, "--json", "--anew", detector="interrupted").lines
    assert anew["settings"]["answers_kept_from_before"] == 0


def test_points_under_masks(run: Run, images: Path) -> None:
    answer = landmarks(run, "--detector", "plain")
    assert answer.status == 0, answer.err
    assert "plain gives no points and is left out: the five points are measured." in answer.err
    assert "wears a mask already" in answer.out
    rows = [line.split()[1:2] for line in answer.out.splitlines() if line.startswith("five ")]
    assert rows == [["all"], ["surgical"], ["n95"]]
    (found,) = landmarks(run, "--json", "--teacher", "five").lines
    (one,) = found["detectors"]
    assert one["photos"] == {"measured": 2, "wears_mask": 1}
    assert one["masks"]["bare"]["all_points"] == {"median": 0.0, "p95": 0.0}
    assert one["masks"]["all masks"]["lost"]["of"] == 4
    assert Path("out/sheets/points-five.png").exists()


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (["--images", "nowhere"], "nowhere: no such file or folder"),
        (["--images", "empty"], "empty: no pictures in this folder"),
        (["--images", "images/bare.png"], "is a file; name the folder"),
        (["--images", "damaged"], "none of the photos can be read"),
        (["--out", "images/out"], "lies in images"),
        (["--out", "images/bare.png/out"], "images"),
        (["--boxes", "nowhere.csv"], "nowhere.csv: cannot be read"),
        (["--boxes", "bad.csv"], "bad.csv, line 2: the box 9, 9, 9, 20 has no area"),
        (["--boxes", "missing.csv"], "photos that are not there: z.png (line 2)"),
        (["--boxes", "outside.csv"], "outside.csv, line 2: the box 900, 0, 950, 90 lies outside"),
        (["--boxes", "bad.csv", "--teacher", "five"], "contradict each other"),
        (["--teacher", "hat"], "no detector 'hat'"),
        (["--teacher", "yunet:nowhere.onnx"], "nowhere.onnx"),
        (["--teacher-score", "0.7"], "--teacher-score is for --teacher"),
        (["--min-height", "20"], "--min-height is about the faces that are there"),
        (["--masked", "yes"], "--masked is about the faces that are there"),
        (["--detector", "yunet:nowhere.onnx"], "nowhere.onnx"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    run: Run, images: Path, more: list[str], problem: str
) -> None:
    Path("empty").mkdir()
    Path("damaged").mkdir()
    Path("damaged/x.jpg").write_bytes(b"")
    Path("bad.csv").write_text("file,x1,y1,x2,y2\nbare.png,9,9,9,20\n")
    Path("missing.csv").write_text("file,x1,y1,x2,y2\nz.png,1,2,3,4\n")
    Path("outside.csv").write_text("file,x1,y1,x2,y2\nbare.png,900,0,950,90\n")
    answer = detection(run, *more)
    assert answer.status == 2
    assert problem in answer.err.splitlines()[-1]
    assert not Path("out/index.html").exists()


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (["--teacher", "plain"], "plain does not give the five points"),
        (["--masks", "none"], "without a mask nothing can move"),
        (["--masks", "hat"], "hat"),
    ],
)
def test_what_cannot_be_of_points(run: Run, images: Path, more: list[str], problem: str) -> None:
    answer = landmarks(run, *more)
    assert answer.status == 2
    assert problem in answer.err.splitlines()[-1]
    alone = landmarks(run, detector="plain")
    assert alone.status == 2
    assert "Name a detector that gives them" in alone.err


@pytest.mark.parametrize("value", ["nan", "-1", "inf", "x"])
def test_heights_are_numbers(run: Run, images: Path, value: str) -> None:
    assert detection(run, "--teacher", "five", "--min-height", value).status == 2


def test_the_default_detector_is_that_of_the_variable(
    run: Run, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKWISE_DETECTOR", "plain")
    (found,) = run("evaluate", "detection", "--images", "images", "--out", "out", "--json").lines
    assert [one["detector"] for one in found["detectors"]] == ["plain"]


def test_two_detectors_of_a_name_are_told_apart(run: Run, images: Path) -> None:
    (found,) = detection(run, "--detector", "five", "--json").lines
    assert [one["detector"] for one in found["detectors"]] == ["five"]  # named twice, run once


@pytest.mark.models
def test_the_default_detector_on_sample_people(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MASKWISE_DETECTOR", raising=False)
    answer = run(
        "evaluate", "detection", "--images", str(samples.people()), "--most", "3", "--out", "out",
        "--json",
    )  # fmt: skip
    (one,) = answer.lines[0]["detectors"]
    assert one["photos_with_a_face"]["count"] == 3
    assert one["id"].startswith(one["detector"])
    assert one["ms_megapixel"] > 0
