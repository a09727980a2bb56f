"""maskwise evaluate report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from maskwise.cli.options import Tools
from maskwise.decide import OperatingCurve
from maskwise.evaluate.calibration import Calibration, PairCalibration
from maskwise.evaluate.calibration_file import write_calibration
from maskwise.evaluate.llr import LogisticMap
from maskwise.evaluate.score_file import write_scores
from maskwise.evaluate.scores import Labels, Provenance, Scores
from maskwise.testing.command_line import GREEN, RED, Run, make_recognizer, photo

MADE = Provenance("net", {"encoder": "b" * 64}, "c" * 64, "d" * 64, "0.1.0", 3, "2026-01-02")


@pytest.fixture
def scores(home: Path) -> Path:
    """Two people with two photos each; one stranger passes at 0.5, and nobody is missed."""
    pairs = np.array([(0, 1), (2, 3), (0, 2), (1, 3)], np.int32)
    data = Scores(
        MADE,
        ("Ruby/1.png", "Ruby/2.png", "Olive/1.png", "Olive/2.png"),
        ("Ruby", "Ruby", "Olive", "Olive"),
        pairs,
        np.array([0.9, 0.8, 0.6, 0.1]),
        np.array([True, True, False, False]),
        Labels.all_one("none", 4),
        Labels.all_one("none", 4),
        Labels.all_one("", 4),
        Labels.all_one("", 4),
    )
    write_scores(home / "scores.npz", data)
    return Path("scores.npz")


def photos() -> None:
    for name, colour in (("Ruby", RED), ("Olive", GREEN)):
        for number in (1, 2):
            photo(f"photos/{name}/{number}.png", colour, left=80 + 10 * number)


def no_recognizer(**_: object) -> None:
    raise AssertionError("a report without thumbnails needs no models")


def test_writes_a_page_and_says_what_is_in_it(run: Run, scores: Path) -> None:
    answer = run("evaluate", "report", str(scores), "--out", "out", tools=Tools(no_recognizer))  # type: ignore[arg-type]
    assert (answer.status, answer.err) == (0, "")
    assert "4 comparisons of 4 photos of 2 people" in answer.out
    assert answer.out.endswith("report: out/report.html\n")
    page = Path("out/report.html").read_text("utf-8")
    assert "Command: maskwise evaluate report scores.npz" in page
    assert "data:image" not in page
    assert Path("out/plots/det.png").stat().st_size > 0
    assert Path("out/tables/decisions.csv").read_text().count("\n") == 2


def test_json(run: Run, scores: Path) -> None:
    answer = run("evaluate", "report", str(scores), "--out", "out", "--json", "--title", "Mine")
    (line,) = answer.lines
    assert (answer.status, line["page"], line["not_shown"]) == (0, "out/report.html", {})
    assert all(Path(file).is_file() for file in line["files"])
    assert line["summary"]["scores"][0].startswith("4 comparisons")
    assert json.loads(Path(line["json"]).read_text())["title"] == "Mine"


def test_several_files_are_set_side_by_side(run: Run, scores: Path) -> None:
    Path("other.npz").write_bytes(scores.read_bytes())
    answer = run("evaluate", "report", str(scores), "other.npz", "--out", "out")
    assert answer.status == 0
    assert Path("out/tables/side-by-side.csv").read_text().count("\n") == 3


def test_thumbnails_are_faces_and_can_be_switched_off(run: Run, scores: Path) -> None:
    photos()
    arguments = ("evaluate", "report", str(scores), "--out", "out", "--images", "photos")
    assert run(*arguments).status == 0
    assert Path("out/report.html").read_text("utf-8").count("data:image/jpeg") == 8
    answer = run(*arguments, "--no-thumbnails", tools=Tools(no_recognizer))  # type: ignore[arg-type]
    assert answer.status == 0
    assert "data:image" not in Path("out/report.html").read_text("utf-8")


def test_photos_of_several_faces_or_none_have_thumbnails_too(run: Run, scores: Path) -> None:
    photos()
    photo("photos/Ruby/1.png", RED, left=20, more=[(GREEN, 300, 40, 120)])
    photo("photos/Ruby/2.png", (40, 40, 40))
    answer = run("evaluate", "report", str(scores), "--out", "out", "--images", "photos")
    assert (answer.status, answer.err) == (0, "")
    assert Path("out/report.html").read_text("utf-8").count("data:image/jpeg") == 8


def test_photos_that_are_not_there_are_named(run: Run, scores: Path) -> None:
    photos()
    Path("photos/Ruby/2.png").unlink()
    answer = run("evaluate", "report", str(scores), "--out", "out", "--images", "photos")
    assert answer.status == 1
    assert "no thumbnail of Ruby/2.png" in answer.err
    assert answer.err.count("\n") == 1


def test_thresholds_of_a_calibration(run: Run, scores: Path) -> None:
    curve = OperatingCurve((0.1, 0.001), (0.3, 0.5), 1000, "other people")
    pair = PairCalibration(curve, LogisticMap(1, 0, -1, 1), 50, 1000, 20, 0.1, 0.1)
    write_calibration("calibration.json", Calibration("net", {"bare-bare": pair}, MADE, {}))
    arguments = ("evaluate", "report", str(scores), "--out", "out")
    run(*arguments, "--calibration", "calibration.json")
    part = json.loads(Path("out/report.json").read_text())["parts"][0]
    (row,) = part["tables"]["decisions"]["rows"]
    assert (row["threshold"], row["fmr_errors"], row["fnmr_errors"]) == (0.5, 1, 0)
    assert row["origin"] == "calibrated on other people, for an FMR of 0.1 %"
    run(*arguments, "--calibration", "calibration.json", "--fmr", "0.1")
    part = json.loads(Path("out/report.json").read_text())["parts"][0]
    assert part["tables"]["decisions"]["rows"][0]["threshold"] == 0.3
    assert "--fmr 0.1" in Path("out/report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("none.npz", "--out", "out"), "no such file"),
        (("broken.npz", "--out", "out"), "is no score file"),
        (("scores.npz", "--out", "broken.npz"), "is a file; name a folder"),
        (("scores.npz", "--out", "scores.npz"), "is a score file"),
        (("scores.npz", "scores.npz", "--out", "out"), "named twice"),
        (("scores.npz", "--out", "mine"), "was not written by maskwise"),
        (("scores.npz", "--out", "out", "--images", "none"), "no such folder"),
        (("scores.npz", "--out", "out", "--calibration", "broken.npz"), "is no calibration"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    run: Run, scores: Path, arguments: tuple[str, ...], says: str
) -> None:
    Path("broken.npz").write_text("nothing")
    Path("mine").mkdir()
    Path("mine/report.html").write_text("my own")
    answer = run("evaluate", "report", *arguments, tools=Tools(make_recognizer))
    assert (answer.status, answer.out) == (2, "")
    assert says in answer.err
    assert answer.err.count("\n") == 1
    assert Path("mine/report.html").read_text() == "my own"
