"""maskwise verify."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskwise.decide import OperatingCurve, OperatingPoints
from maskwise.likelihood import LogisticMap
from maskwise.testing import command_line
from maskwise.testing.command_line import GREEN, RED, TEAL, Run, photo


@pytest.mark.parametrize(
    ("colour", "masked", "status", "outcome"),
    [
        (RED, False, 0, "match"),
        (RED, True, 0, "match"),
        (TEAL, False, 1, "no_match"),
        (GREEN, True, 1, "no_match"),
        ((0, 0, 0), False, 3, "insufficient"),
    ],
)
def test_the_status_is_the_answer(
    run: Run, colour: tuple[int, int, int], masked: bool, status: int, outcome: str
) -> None:
    a, b = str(photo("a.png", RED)), str(photo("b.png", colour, masked=masked, left=110))
    answer = run("verify", a, b, "--json")
    (line,) = answer.lines
    assert (answer.status, line["decision"]["outcome"]) == (status, outcome)
    assert list(line) == ["a", "b", "decision", "models"]
    assert line["a"]["image"] == "a.png"
    words = {"match": "match:", "no_match": "no match:", "insufficient": "could not tell"}
    text = run("verify", a, b)
    assert text.status == status
    assert text.out.startswith(words[outcome])


def test_it_says_what_the_threshold_means(run: Run, home: Path) -> None:
    a, b = str(photo("a.png")), str(photo("b.png", left=110, masked=True))
    text = run("verify", a, b).out
    assert ">= threshold" in text
    assert "1 in 1,000 pairs of different people pass" in text
    assert "(FMR 0.001)" in text
    assert "calibrated on fakes" in text
    assert "a.png: no mask" in text
    assert "b.png: mask" in text
    strict = run("verify", a, b, "--fmr", "0.0001", "--json").lines[0]["decision"]
    loose = run("verify", a, b, "--fmr", "0.01", "--json").lines[0]["decision"]
    assert strict["threshold"] > loose["threshold"]
    assert strict["target_fmr"] == 0.0001
    assert strict["wear_pair"] == "masked-masked"


def test_where_the_map_of_scores_ends_it_says_at_least(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, c = (str(photo(f"{k}.png", RED, left=90 + 10 * k)) for k in range(3))
    teal = str(photo("teal.png", TEAL))
    for high, said in ((3.0, "at least 95.3%"), (9.0, "over 99.9%")):
        line = LogisticMap(slope=1000.0, offset=-900.0, low=-4.0, high=high)
        curve = OperatingCurve((0.1, 1e-6), (0.5, 0.9), 1000, "fakes", line)
        points = OperatingPoints("fake-encoder", {"bare-bare": curve})
        monkeypatch.setattr(command_line, "POINTS", points)
        text = run("verify", a, b).out
        assert "Such a score is at least " in text
        assert f"the probability of one person is {said}." in text
    text = run("verify", c, teal).out
    assert "at least 55 times likelier for two people than for one (LLR -4.0)" in text
    assert "the probability of one person is at most 1.8%." in text


def test_everything_wrong_with_either_photo_is_said(run: Run, home: Path) -> None:
    Path("text.jpg").write_text("hello")
    answer = run("verify", "text.jpg", "gone.jpg")
    assert answer.status == 3
    first, *reasons = answer.out.splitlines()
    assert first == "could not tell"
    assert [reason.partition(":")[0] for reason in reasons] == ["text.jpg", "gone.jpg"]
    (line,) = run("verify", "text.jpg", "gone.jpg", "--json").lines
    assert line["a"]["face"] is None
    assert len(line["decision"]["reasons"]) == 2


def test_two_faces_alike_in_size_cannot_be_told(run: Run, home: Path) -> None:
    a = str(photo("a.png"))
    b = str(photo("b.png", more=[(GREEN, 300, 40, 118)]))
    answer = run("verify", a, b)
    assert answer.status == 3
    assert "b.png: 2 faces" in answer.out


def test_a_share_is_between_zero_and_one(run: Run, home: Path) -> None:
    a = str(photo("a.png"))
    for share in ("0", "1", "2"):
        assert run("verify", a, a, "--fmr", share).status == 2
