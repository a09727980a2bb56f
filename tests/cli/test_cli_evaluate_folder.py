"""``maskwise evaluate folder``: on drawn people, without models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskwise.cli.options import Tools
from maskwise.evaluate.score_file import read_any, read_scores, read_searches
from maskwise.testing.command_line import Run, make_recognizer, photo
from maskwise.types import F32, U8

COLOURS = [(220, 60, 60), (60, 200, 60), (220, 200, 60), (130, 90, 60), (200, 60, 200)]
PARTS = [
    f"{kind}-{what}" for kind in ("verification", "identification") for what in ("as-is", "masked")
]


@pytest.fixture
def photos(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five people of three photos, and one with a single photo."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    for person, colour in enumerate(COLOURS):
        for n in range(3):
            photo(f"photos/p{person}/{n}.png", colour, left=80 + n)
    photo("photos/single/0.png", (200, 200, 200))
    return Path("photos")


class Interrupted:
    """An encoder that is interrupted at a batch."""

    def __init__(self, inner: Any, at: int) -> None:
        self._inner, self._at = inner, at
        self.id, self.chip_spec, self.dim = inner.id, inner.chip_spec, inner.dim

    def encode_batch(self, chips: U8) -> F32:
        self._at -= 1
        if self._at < 0:
            raise KeyboardInterrupt
        encoded: F32 = self._inner.encode_batch(chips)
        return encoded


def interrupted_tools(at: int) -> Tools:
    def make(**arguments: Any) -> Any:
        made = make_recognizer(**arguments)
        made.encoder = Interrupted(made.encoder, at)
        return made

    return Tools(make)


def test_it_says_how_well_it_works(run: Run, photos: Path) -> None:
    answer = run("evaluate", "folder", "photos", "--replicates", "20")
    assert answer.status == 0, answer.err
    for words in ("Is it the same person?", "Who is it?", "FNMR", "rank 1", *PARTS):
        assert words in answer.out
    assert answer.out.endswith(
        f"scores: {Path('evaluation', 'scores')}\nreport: {Path('evaluation', 'report.html')}\n"
    )
    assert "4 people are enrolled with 4 photos; 8 other photos of them and 4 photos of 2 " in (
        answer.err
    )
    page = Path("evaluation/report.html").read_text("utf-8")
    assert all(part in page for part in PARTS)
    assert "data:image/jpeg" in page
    assert "maskwise evaluate folder photos --replicates 20" in page
    bare = read_scores("evaluation/scores/verification-as-is.npz")
    assert len(bare) == 5 * 3 + (16 * 15 // 2 - 5 * 3)
    assert set(bare.wear_pair().values) == {"bare-bare"}
    report = json.loads(Path("evaluation/report.json").read_text("utf-8"))
    for part in report["parts"]:
        told = any("these figures do not tell" in line for line in part["summary"])
        assert told == part["name"].endswith("masked")
    masked = read_searches("evaluation/scores/identification-masked.npz")
    assert masked.people == 4
    assert np.count_nonzero(~masked.mated) == 4
    assert masked.provenance.notes[-1].startswith("identification: 4 people are enrolled")


def test_a_second_run_asks_no_model_and_says_the_same(run: Run, photos: Path) -> None:
    first = run("evaluate", "folder", "photos", "--no-report", "--json")
    again = run("evaluate", "folder", "photos", "--no-report", "--json", tools=interrupted_tools(0))
    assert again.status == 0
    assert again.out == first.out
    fresh = run("evaluate", "folder", "photos", "--no-report", "--json", "--no-cache")
    assert fresh.out == first.out


@pytest.mark.parametrize("at", [0, 1, 2])
def test_interrupted_it_goes_on_from_there(run: Run, photos: Path, at: int) -> None:
    for n in range(20):  # more batches than one
        photo(f"photos/p0/more{n}.png", COLOURS[0], left=100 + n)
    answer = run("evaluate", "folder", "photos", "--no-report", tools=interrupted_tools(at))
    assert answer.status == 130
    assert answer.err.splitlines()[-1] == (
        "maskwise: interrupted; running the same command again goes on from there"
    )
    assert "Traceback" not in answer.err
    for file in Path("evaluation").rglob("*.*"):
        read_any(file)  # whole, or not there
    again = run("evaluate", "folder", "photos", "--no-report", "--json")
    fresh = run("evaluate", "folder", "photos", "--no-report", "--json", "--no-cache")
    assert again.out == fresh.out


def test_without_a_cache_nothing_is_kept(run: Run, photos: Path) -> None:
    answer = run("evaluate", "folder", "photos", "--no-cache", tools=interrupted_tools(0))
    assert answer.status == 130
    assert "with --no-cache nothing was kept" in answer.err
    assert not Path("cache").exists()


def test_without_masks_there_is_one_of_each(run: Run, photos: Path) -> None:
    answer = run("evaluate", "folder", "photos", "--masks", "none", "--no-report", "--json")
    (found,) = answer.lines
    assert list(found["parts"]) == ["verification-as-is", "identification-as-is"]
    assert found["page"] is None
    assert not Path("evaluation/report.html").exists()


def test_json_holds_counts_and_intervals(run: Run, photos: Path) -> None:
    (found,) = run("evaluate", "folder", "photos", "--json", "--target-fmr", "0.2").lines
    pair = found["parts"]["verification-as-is"]["wear_pairs"]["bare-bare"]
    assert (pair["mated"], pair["non_mated"]) == (15, 105)
    (at,) = pair["at_fmr"]
    assert at["target"] == 0.2
    assert at["fmr"]["errors"] / at["fmr"]["trials"] <= 0.2
    assert pair["decided"]["fmr"]["interval"]["level"] == 0.95
    assert pair["decided"]["beyond_calibration"] is False
    searches = found["parts"]["identification-as-is"]
    assert (searches["people"], searches["length"], searches["non_mated"]) == (4, 1, 4)
    assert len(searches["cmc"]) == 20
    assert [one["target"] for one in searches["at_fpir"]] == [0.1, 0.01]
    assert Path(found["page"]).exists()


def test_photos_that_fail_are_counted(run: Run, photos: Path) -> None:
    Path("photos/p0/0.png").write_bytes(b"no picture")
    photo("photos/p1/empty.png", (0, 0, 0))
    answer = run("evaluate", "folder", "photos", "--no-report", "--json")
    assert answer.status == 1
    assert "counted as a failure: p0/0.png" in answer.err.replace("\\", "/")
    (found,) = answer.lines
    assert list(found["unread"]) == ["p0/0.png"]
    scores = read_scores("evaluation/scores/verification-as-is.npz")
    reasons = {*scores.reference_failure.values, *scores.probe_failure.values}
    assert {"unreadable", "no_face"} <= reasons
    # Failures have no known wear: they stand in a row of their own.
    pairs = found["parts"]["verification-as-is"]["wear_pairs"].values()
    lost = sum(pair["failures"]["mated"] + pair["failures"]["non_mated"] for pair in pairs)
    assert lost == np.count_nonzero(scores.failed) > 0


def test_only_so_many_pairs_of_two_people(run: Run, photos: Path) -> None:
    run("evaluate", "folder", "photos", "--no-report", "--non-mated", "40")
    scores = read_scores("evaluation/scores/verification-as-is.npz")
    assert np.count_nonzero(~scores.mated) == 40


def test_copies_and_loose_pictures_are_left_out(run: Run, photos: Path) -> None:
    shutil.copy("photos/p0/0.png", "photos/p0/copy.png")
    shutil.copy("photos/p1/0.png", "photos/p2/of p1.png")
    photo("photos/loose.png", COLOURS[0])
    answer = run("evaluate", "folder", "photos", "--no-report")
    assert answer.status == 0
    assert "1 second copies of a person's photo prove nothing and are left out" in answer.err
    assert "1 files stand in the folders of two people, such as p1/0.png and p2/of p1.png" in (
        answer.err
    )
    assert "1 pictures in photos itself belong to nobody and are left out" in answer.err
    notes = read_scores("evaluation/scores/verification-as-is.npz").provenance.notes
    assert len(notes) == 3


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["photos", "--out", "photos/report"], "lies in photos"),
        (["photos", "--out", "photos"], "lies in photos"),
        (["photos/p0"], "no pair of photos"),
        (["nowhere"], "no such folder"),
        (["alone"], "1 people, 1 of them with two photos or more"),
        (["singles"], "2 people, 0 of them with two photos or more"),
        (["photos", "--masks", "hat"], "hat"),
        (["photos", "--detector", "no-such"], "no detector 'no-such'"),
        (["photos", "--cache", "c", "--no-cache"], "contradict each other"),
        (["photos", "--out", "taken"], "is no score file of this maskwise"),
        (["photos", "--out", "file"], "file is a file"),
        (["photos", "--out", "file", "--no-report"], "file is a file"),
        (["photos", "--out", "file/in/it", "--no-report"], "file is a file"),
        (["photos", "--out", "mine"], "was not written by maskwise"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    run: Run, photos: Path, arguments: list[str], problem: str
) -> None:
    for n in range(2):
        photo(f"alone/ada/{n}.png", left=90 + n)
        photo(f"singles/p{n}/0.png", left=90 + n)
    Path("taken/scores").mkdir(parents=True)
    Path("taken/scores/verification-as-is.npz").write_bytes(b"mine")
    Path("file").touch()
    Path("mine").mkdir()
    Path("mine/report.html").write_text("mine")
    # Before any photo is looked at.
    tools = Tools() if "--detector" in arguments else interrupted_tools(0)
    answer = run("evaluate", "folder", *arguments, tools=tools)
    assert answer.status == 2
    assert problem in answer.err.splitlines()[-1]
    assert answer.out == ""
    assert Path("taken/scores/verification-as-is.npz").read_bytes() == b"mine"


def test_the_report_is_rebuilt_from_the_scores(run: Run, photos: Path) -> None:
    run("evaluate", "folder", "photos")
    files = [f"evaluation/scores/{part}.npz" for part in PARTS]
    assert run("evaluate", "report", *files, "--out", "again").status == 0
    first, again = (
        json.loads(Path(folder, "report.json").read_text("utf-8"))["parts"]
        for folder in ("evaluation", "again")
    )
    assert first == again
