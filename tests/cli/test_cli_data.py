"""maskwise data: what it prints; the fetching itself is tested in tests/test_datasets.py."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from maskwise import datasets
from maskwise.errors import FetchError
from maskwise.testing.command_line import GREEN, RED, Run, photo


def fake_lfw(folder: Path) -> datasets.Lfw:
    """The layout of the loader, with drawn faces."""
    place = folder / "lfw_home"
    for number in (1, 2):
        for name, colour in (("Ada", RED), ("Bo", GREEN)):
            path = place / "lfw_funneled" / name / f"{name}_{number:04d}.jpg"
            photo(path, colour, left=80 + 10 * number)
    pairs = [place / name for name in ("pairs.txt", "pairsDevTrain.txt", "pairsDevTest.txt")]
    for path in pairs:
        path.write_text("2\t1\nAda\t1\t2\nAda\t1\tBo\t1\nBo\t1\t2\nBo\t2\tAda\t2\n", "utf-8")
    return datasets.Lfw(place / "lfw_funneled", tuple(pairs), {"pairs.txt": "12"}, 2, 4, True)


def test_the_command_that_it_prints_runs(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "fetch_lfw", lambda folder, _: fake_lfw(folder))
    answer = run("data", "lfw", "--out", "my data")
    assert answer.status == 0
    assert "they stay their owners'" in answer.err
    last = answer.out.splitlines()[-1]
    assert last.startswith("next: maskwise evaluate verification ")
    words = shlex.split(last)[2:]
    assert run(*words, "--no-cache", "--no-report").status == 0
    assert list(Path("lfw-report/scores").glob("*.npz"))


def test_json(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "fetch_lfw", lambda folder, _: fake_lfw(folder))
    (told,) = run("data", "lfw", "--out", "data", "--json").lines
    assert (told["people"], told["photo_count"], told["fetched"]) == (2, 4, True)
    assert told["next"][:3] == ["maskwise", "evaluate", "verification"]
    assert Path(told["photos"]).is_dir()
    assert [Path(path).is_file() for path in told["pairs"]] == [True] * 3


def test_what_fails_is_one_line_and_exit_2(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise FetchError("LFW cannot be fetched (no network)")

    monkeypatch.setattr(datasets, "fetch_lfw", fail)
    answer = run("data", "lfw", "--out", "data", "--json")
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.splitlines()[-1] == "maskwise: error: LFW cannot be fetched (no network)"


def test_without_scikit_learn(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    answer = run("data", "lfw")
    assert answer.status == 2
    assert 'pip install "maskwise[data]"' in answer.err
    assert answer.out == ""
