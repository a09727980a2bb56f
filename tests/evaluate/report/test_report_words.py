"""Numbers and names as people read them; drawing."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import numpy as np
import pytest

from maskwise.evaluate.intervals import Interval, Rate
from maskwise.evaluate.report.canvas import INKS, Canvas, _dashed
from maskwise.evaluate.report.frame import Axis
from maskwise.evaluate.report.plots import (
    Mark,
    Trace,
    _parted,
    _round_steps,
    error_curves,
    histogram,
)
from maskwise.evaluate.report.tables import Figure, Share, Table, columns
from maskwise.evaluate.report.words import (
    count,
    markup,
    of_many,
    percent,
    percent_range,
    score,
    shown,
    slug,
)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.5, "50 %"),
        (0.03416, "3.42 %"),
        (0.000998, "0.0998 %"),
        (1e-6, "0.0001 %"),
        (0.99973, "99.973 %"),
        (0.9966, "99.66 %"),
        (math.nan, "\u2013"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_rate_that_is_not_whole_is_never_shown_as_0_or_100() -> None:
    for exponent in range(1, 8):
        assert percent(10.0**-exponent) != "0 %"
    for exponent in range(1, 6):
        assert percent(1 - 10.0**-exponent) != "100 %"


def test_ranges() -> None:
    assert percent_range(Interval(0.0123, 0.0456, 0.95, "")) == "1.2 to 4.6 %"
    assert percent_range(Interval(0, 0.393, 0.95, "")) == "below 39 %"
    assert percent_range(Interval(0.6, 1, 0.95, "")) == "above 60 %"
    assert percent_range(Interval(0, 1, 0.95, "")) == "0 to 100 %"


@pytest.mark.parametrize(
    ("errors", "trials", "text"),
    [
        (0, 9, "none of 9"),
        (9, 9, "all of 9"),
        (1, 2, "about 50 of 100"),
        (1, 1000, "about 1 of 1,000"),
        (19, 10_000, "about 2 of 1,000"),
        (999, 1000, "about 999 of 1,000"),
    ],
)
def test_rates_as_people_count(errors: int, trials: int, text: str) -> None:
    assert of_many(Rate(errors, trials)) == text


def test_counts_scores_and_names() -> None:
    assert [count(1, "person", "people"), count(1200, "photo")] == ["1 person", "1,200 photos"]
    assert [score(0.5), score(-math.inf), score(math.inf)] == ["0.5000", "none needed", "above all"]
    taken: set[str] = set()
    assert [slug(t, taken) for t in ("A b/c", "a-b-c", "\u4e2d", "")] == [
        "a-b-c", "a-b-c-2", "part", "part-2",
    ]  # fmt: skip


def test_what_cannot_be_printed_is_escaped_and_what_can_is_not() -> None:
    assert shown("a\x1b\u202e\udcff\n") == "a\\x1b\\u202e\\udcff\\n"
    for text in ("José 中文", "\u0645\u06cc\u200c\u0634\u0648\u062f"):
        assert shown(text) == text
    assert markup("<5 %>") == "&lt;5\u00a0%&gt;"


def test_a_note_takes_the_room_of_what_is_not_known() -> None:
    table = Table(
        "t",
        "T",
        columns(("a", "a"), ("b", "b"), ("c", "c"), ("note", "note")),
        (("x", None, None, "why"), ("y", Share(Rate(1, 2)), None, "")),
    )
    html = table.html()
    assert "colspan=3" in html
    assert html.count("<td") == 1 + 3
    assert table.records()[0] == {"a": "x", "b": None, "c": None, "note": "why"}
    assert table.csv().decode().splitlines()[0] == "a,b,c,note,b_errors,b_trials"


def test_names_that_are_too_long_are_cut_and_keep_their_line() -> None:
    trace = Trace("m" * 90, np.array([0.01, 1]), np.array([0.5, 0]))
    svg = error_curves([trace], "t", "x", "y").svg(alone=False)
    (name,) = re.findall(r">(m+…)<", svg)
    assert 10 < len(name) < 40


def test_intervals_without_a_spread_are_not_shown() -> None:
    for high, shows in ((0.0, False), (0.1, True)):
        cell = Figure(0.0, "share", Interval(0, high, 0.95, "bootstrap over people"))
        assert ("<small>" in Table("t", "T", columns(("a", "a")), ((cell,),)).html()) == shows


def test_axes_hold_what_lies_beyond_them() -> None:
    axis = Axis(1e-4, 1, True)
    assert np.allclose(axis.place([0, 1e-5, 1e-4, 1e-2, 1, 5]), [0, 0, 0, 0.5, 1, 1])
    assert np.allclose(Axis(-1, 1, False).place([-2, 0, 1]), [0, 0.5, 1])


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.3, 0.9), (0, 0.013), (-40, 7), (0.9, 1)])
def test_steps_are_round_few_and_inside(low: float, high: float) -> None:
    steps = _round_steps(low, high)
    assert 2 <= len(steps) <= 7
    assert low - 1e-9 <= steps[0] < steps[-1] <= high + 1e-9


def test_dashes_add_up() -> None:
    pieces = _dashed([(0, 0), (10, 0), (10, 10)], [4, 1])
    lengths = [sum(math.dist(a, b) for a, b in pairwise(p)) for p in pieces]
    assert np.allclose(lengths, [4, 4, 4, 4])
    assert (10, 0) in pieces[2] or (10, 0) in pieces[1]


def test_a_parted_line_has_no_gap() -> None:
    line = [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]
    left, right = _parted(line, 1.5)
    assert set(left) & set(right)
    assert set(left) | set(right) == set(line)
    assert _parted(line, -1)[1] == line
    assert _parted(line, 9)[0] == line


def test_a_threshold_off_the_plot_is_left_out() -> None:
    scores = np.array([0.1, 0.2])
    made = histogram(scores, scores, [Mark(5, "far")], "t", span=(0.1, 0.2))
    assert "far" not in made.svg(alone=True)


def contrast(a: str, b: str) -> float:
    """WCAG 2's contrast ratio."""

    def light(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [0, 1])
def test_lines_and_words_stand_out_from_the_paper(dark: int) -> None:
    paper = INKS["paper"][dark]
    for ink in ("text", "soft"):
        assert contrast(INKS[ink][dark], paper) >= 4.5
    for number in range(6):
        assert contrast(INKS[f"s{number}"][dark], paper) >= 3


def test_a_drawing_without_shapes_is_a_picture_too() -> None:
    assert Canvas(20, 10, "t").png().startswith(b"\x89PNG")
