"""``maskwise evaluate identification``: drawn people in an open set, without models."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from maskwise.evaluate.score_file import read_searches
from maskwise.testing.command_line import GOLD, GREEN, RED, TEAL, Answer, Run, photo


@pytest.fixture
def people(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ruby and Olive are enrolled; they, Goldie and two nameless ones are looked for."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    for name, colour in (("Ruby", RED), ("Olive", GREEN)):
        photo(f"set/gallery/{name}/1.png", colour)
        photo(f"set/probes/{name}/2.png", colour, left=100)
    photo("set/probes/Goldie/1.png", GOLD)
    photo("set/street/x.png", TEAL)
    photo("set/street/y.png", TEAL, left=95)


def identification(run: Run, *more: str) -> Answer:
    return run(
        "evaluate", "identification", "--gallery", "set/gallery", "--probes", "set/probes",
        "--out", "out", *more,
    )  # fmt: skip


def test_an_open_set_is_searched(run: Run, people: None) -> None:
    answer = identification(run, "--strangers", "set/street", "--probe-wear", "as-is")
    assert answer.status == 0, answer.err
    for words in ("among N people", "FPIR", "FNIR", "rank 1"):
        assert words in answer.out
    found = read_searches("out/scores/identification-as-is.npz")
    assert (found.people, found.references) == (2, 2)
    assert found.mated.sum() == 2
    assert found.rank[found.mated].tolist() == [1, 1]
    assert sorted({s for s, m in zip(found.subjects, found.mated, strict=True) if not m}) == [
        "Goldie",
        "x.png",
        "y.png",
    ]
    assert "data:image/jpeg" in Path("out/report.html").read_text("utf-8")


def test_masked_probes_beside_bare_ones(run: Run, people: None) -> None:
    answer = identification(run, "--probe-wear", "as-is", "--probe-wear", "virtual:n95", "--json")
    (found,) = answer.lines
    assert list(found["parts"]) == ["identification-as-is", "identification-n95"]
    assert found["parts"]["identification-as-is"]["non_mated"] == 1


def test_an_enrolled_photo_proves_nothing(run: Run, people: None) -> None:
    shutil.copy("set/gallery/Ruby/1.png", "set/probes/Ruby/1.png")
    answer = identification(run, "--no-report")
    assert "1 probes are enrolled photos themselves (same SHA-256) and are left out" in answer.err
    found = read_searches("out/scores/identification-as-is.npz")
    assert len(found) == 3
    assert answer.err.split("maskwise: ")[1].strip() == found.provenance.notes[0]


def test_who_cannot_be_enrolled_is_missed(run: Run, people: None) -> None:
    photo("set/gallery/Ruby/1.png", (0, 0, 0))
    (found,) = identification(run, "--no-report", "--json").lines
    part = found["parts"]["identification-as-is"]
    assert part["missed_mates"]["errors"] == 1
    assert np.isclose(part["ranks"][0]["rate"], 0.5)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (["--probes", "set/gallery"], "gallery is named twice"),
        (["--probes", "set"], "lies in"),
        (["--probes", "nowhere"], "nowhere: no such folder"),
        (["--gallery", "set/street"], "no person"),
        (["--strangers", "clash"], "Ruby stands among the strangers and in the gallery"),
        (["--probes", "copies"], "every probe is an enrolled photo itself"),
        (["--out", "set/probes/report"], "lies in set/probes"),
        (["--reference-wear", "hat"], "no wear 'hat'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    run: Run, people: None, more: list[str], problem: str
) -> None:
    photo("clash/Ruby/1.png", TEAL)
    shutil.copytree("set/gallery", "copies")
    answer = identification(run, *more)
    assert answer.status == 2
    assert problem in answer.err.splitlines()[-1]
    assert not Path("out").exists()
