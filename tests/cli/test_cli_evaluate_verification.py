"""``maskwise evaluate verification`` and ``cache``: pairs of drawn people, without models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskwise.evaluate.score_file import read_scores
from maskwise.testing.command_line import GREEN, RED, Answer, Run, photo

PAIRS = """a,b,same,fold
ruby/0,ruby/1,1,0
ruby/0,olive/0,0,0
ruby/1,olive/1,0,1
olive/0,olive/1,1,1
"""


@pytest.fixture
def images(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    for name, colour in (("ruby", RED), ("olive", GREEN)):
        for n in range(2):
            photo(f"images/{name}/{n}.png", colour, left=80 + n)
    Path("pairs.csv").write_text(PAIRS)
    return Path("images")


def verification(run: Run, *more: str) -> Answer:
    return run(
        "evaluate", "verification", "--images", "images", "--pairs", "pairs.csv", "--out", "out",
        *more,
    )  # fmt: skip


def test_pairs_are_compared_and_reported(run: Run, images: Path) -> None:
    answer = verification(run)
    assert answer.status == 0, answer.err
    assert "verification-as-is" in answer.out
    assert "accuracy over 2 folds" in answer.out
    assert Path("out/report.html").exists()
    scores = read_scores("out/scores/verification-as-is.npz")
    assert scores.mated.tolist() == [True, False, False, True]
    assert scores.scores[scores.mated].min() > scores.scores[~scores.mated].max()
    assert scores.provenance.settings["reference wear"] == "virtual:default"


def test_every_wear_with_every_other(run: Run, images: Path) -> None:
    answer = verification(
        run,
        "--reference-wear",
        "as-is",
        "--reference-wear",
        "virtual:n95,cloth",
        "--json",
        "--probe-wear",
        "none",
        "--probe-wear",
        "virtual:all",
        "--probe-wear",
        "none",
    )
    (found,) = answer.lines
    assert list(found["parts"]) == [
        "verification-bare-vs-as-is",
        "verification-masked-vs-as-is",
        "verification-bare-vs-n95-cloth",
        "verification-masked-vs-n95-cloth",
    ]
    assert sorted(path.stem for path in Path("out/scores").iterdir()) == sorted(found["parts"])


def test_missing_photos_are_failures_and_named(run: Run, images: Path) -> None:
    Path("images/ruby/1.png").unlink()
    answer = verification(run, "--no-report")
    assert answer.status == 1
    assert "counted as a failure: ruby/1: no such file" in answer.err
    scores = read_scores("out/scores/verification-as-is.npz")
    assert np.count_nonzero(scores.failed) == 2
    assert "missing" in scores.probe_failure.values


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (["--images", "empty"], "none of the 4 photos of pairs.csv is in this folder"),
        (["--images", "nowhere"], "nowhere: no such folder"),
        (["--pairs", "nowhere.csv"], "nowhere.csv: cannot be read"),
        (["--format", "lfw"], "pairs.csv, line 1"),
        (["--probe-wear", "hat"], "no wear 'hat'"),
        (["--reference-wear", "virtual:hat"], "hat"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    run: Run, images: Path, more: list[str], problem: str
) -> None:
    Path("empty").mkdir()
    answer = verification(run, *more)
    assert answer.status == 2
    assert problem in answer.err.splitlines()[-1]
    assert not Path("out").exists()


def test_the_cache_is_shown_and_deleted(run: Run, images: Path) -> None:
    (empty,) = run("evaluate", "cache", "--json").lines
    assert (empty["bytes"], empty["deleted"]) == (0, False)
    assert "there is no cache" in run("evaluate", "cache").out
    assert not Path(empty["cache"]).exists()
    verification(run, "--no-report")
    assert "4 templates of 4 photos" in run("evaluate", "cache").out
    (full,) = run("evaluate", "cache", "--json").lines
    assert (full["photos"], full["templates"]) == (4, 4)
    assert full["bytes"] >= Path(full["cache"]).stat().st_size > 0
    answer = run("evaluate", "cache", "--delete")
    assert answer.status == 0
    assert "deleted" in answer.out
    assert not list(Path(full["cache"]).parent.iterdir())


def test_a_damaged_cache_can_be_deleted(run: Run, images: Path) -> None:
    Path("c").mkdir()
    Path("c/templates.sqlite3").write_bytes(b"no database" * 100)
    assert run("evaluate", "cache", "--cache", "c").status == 2
    assert run("evaluate", "cache", "--cache", "c", "--delete").status == 0
    assert not Path("c/templates.sqlite3").exists()
