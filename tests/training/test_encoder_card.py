"""The figures and tables of training/encoder/card.py, on scores whose answers are known."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.evaluate.scores import Labels, Provenance, Scores
from maskwise.evaluate.searches import Searches, rank_searches

FOLDER = Path(__file__).resolve().parents[2] / "training" / "encoder"
MADE_OF = Provenance("test", {}, "", "", "0", 0, "")
PEOPLE = 30
REPLICATES = 40


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    if not FOLDER.is_dir():
        pytest.skip("needs training/encoder, which only a checkout holds")
    before = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    names = ("figures", "tables")
    try:
        yield SimpleNamespace(**{n: importlib.import_module(f"card_{n}") for n in names})
    finally:
        sys.path[:] = before


@pytest.fixture
def figures(parts: SimpleNamespace) -> ModuleType:
    module: ModuleType = parts.figures
    return module


@pytest.fixture
def tables(parts: SimpleNamespace) -> ModuleType:
    module: ModuleType = parts.tables
    return module


def scores(
    values: Sequence[float] | None = None, shift: float = 0.0, lost: Sequence[int] = ()
) -> Scores:
    """Two photos of each of 30 people: every pair of photos; probes in two types of mask.

    values: of the trials, else drawn: mated about 0.9, others about 0.7. shift: of the mated.
    """
    first, second = np.triu_indices(2 * PEOPLE, 1)
    mated = first // 2 == second // 2
    drawn = np.random.default_rng(1).normal(np.where(mated, 0.9, 0.7), 0.1)
    out = np.array(drawn if values is None else values, np.float64) + shift * mated
    failure = np.full(len(mated), "", "<U8")
    failure[list(lost)] = "no_face"
    out[list(lost)] = np.nan
    return Scores(
        MADE_OF,
        tuple(f"{k // 2}/{k}.jpg" for k in range(2 * PEOPLE)),
        tuple(f"person {k // 2}" for k in range(2 * PEOPLE)),
        np.stack([first, second], axis=1).astype(np.int32),
        out,
        mated,
        Labels.all_one("none", len(mated)),
        Labels.of(np.where(second % 4 < 2, "virtual:cloth", "virtual:n95")),
        Labels.all_one("", len(mated)),
        Labels.of(failure),
    )


def searches(better: bool = False) -> Searches:
    """20 mates in a gallery of 20, and 15 strangers; mates 1 to 5 are found by the better only."""
    found = np.random.default_rng(2).uniform(0, 0.6, (35, 20))
    mates = np.arange(20)
    found[mates, mates] = 0.9
    if not better:
        found[1:6, 10] = 0.95
    ranked = rank_searches(found, mates, [*mates, *[-1] * 15])
    names = [f"person {k}" for k in range(35)]
    return Searches(
        MADE_OF,
        tuple(f"{name}.jpg" for name in names),
        tuple(names),
        20,
        20,
        np.arange(35) < 20,
        ranked.mate_score,
        ranked.rank,
        ranked.other_score,
        Labels.coded(ranked.other, (*names, "")),
        Labels.all_one("none", 35),
        Labels.all_one("none", 35),
        Labels.all_one("", 35),
        Labels.all_one("", 35),
    )


def test_both_networks_are_judged_on_the_trials_that_both_have(figures: ModuleType) -> None:
    a, b = scores(lost=[0]), scores(lost=[5, 6])
    mated = int(a.mated.sum())
    kept, lost = figures.same_trials([a, b])
    assert lost == {"mated": 1, "non_mated": 2}  # the first trial is of one person
    assert [len(one) for one in kept] == [len(a) - 3] * 2
    found = figures.verification([a, b], REPLICATES)
    assert (found["mated"], found["lost"]) == (mated - 1, lost)


def test_a_network_compared_with_itself_differs_by_nothing(figures: ModuleType) -> None:
    found = figures.verification([scores(), scores()], REPLICATES)
    for name in ("fnmr", "eer", "balanced"):
        assert found["difference"][name] == {"value": 0, "low": 0, "high": 0}
        one = found["by"][0][name]
        assert one["low"] < one["value"] < one["high"]


def test_differences_are_the_second_less_the_first_and_paired(figures: ModuleType) -> None:
    found = figures.verification([scores(), scores(shift=0.2)], REPLICATES)
    change, (a, b) = found["difference"], found["by"]
    for name in ("fnmr", "eer", "balanced"):
        assert change[name]["value"] == pytest.approx(b[name]["value"] - a[name]["value"])
    assert change["eer"]["high"] < 0 < change["balanced"]["low"]
    # Not paired, a small difference would have an interval about as wide as both together.
    found = figures.verification([scores(), scores(shift=0.005)], REPLICATES)
    change, (a, b) = found["difference"], found["by"]
    wide = [one["eer"]["high"] - one["eer"]["low"] for one in (a, b)]
    assert change["eer"]["high"] - change["eer"]["low"] < min(wide) / 2


@given(st.data())
def test_balanced_accuracy_is_that_of_the_best_threshold(
    parts: SimpleNamespace, data: st.DataObject
) -> None:
    numbers = st.lists(st.integers(0, 9), min_size=1, max_size=12)
    mated, other = (np.array(data.draw(numbers), np.float64) for _ in range(2))
    best = max(
        ((mated >= t).mean() + (other < t).mean()) / 2 for t in np.concatenate([mated, other])
    )
    assert parts.figures.balanced_accuracy(mated, other) == pytest.approx(best)


def test_random_lists_are_the_same_for_both_networks(figures: ModuleType) -> None:
    found = figures.random_lists([scores(), scores()], 25, 12)
    assert (found["difference"], found["share_with_loss"]) == ({"mean": 0, "sd": 0}, 0)
    worse = figures.random_lists([scores(), scores(shift=-0.1)], 25, 12)
    assert worse["share_with_loss"] == 1
    assert worse["by"][0] == found["by"][0]
    assert worse["difference"]["mean"] == pytest.approx(
        worse["by"][1]["mean"] - worse["by"][0]["mean"]
    )
    # Not more than there are.
    assert figures.random_lists([scores(), scores()], 1000, 2)["each"] == PEOPLE


def test_separable_scores_are_all_right_in_own_folds(figures: ModuleType) -> None:
    base = scores()
    clear = scores(np.where(base.mated, 0.9, 0.1))
    turned = np.array(clear.scores)
    turned[np.flatnonzero(base.mated)[:2]] = 0
    found = figures.own_list([clear, scores(turned)])
    assert found["by"][0] == {
        "folds": 1,
        "standard_error": 0,
        "other_folds": 1,
        "best": 1,
        "wrong_at_best": 0,
    }
    assert found["by"][1]["wrong_at_best"] == 2
    assert found["by"][1]["folds"] < 1


def test_types_share_one_threshold_and_all_mated_trials(figures: ModuleType) -> None:
    one = scores()
    (found,) = figures.by_type([one], REPLICATES)["by"]
    every = figures.verification([one], REPLICATES)["by"][0]["fnmr"]
    assert set(found) == {"cloth", "n95"}
    assert sum(kind["trials"] for kind in found.values()) == every["trials"]
    assert sum(kind["errors"] for kind in found.values()) == every["errors"]


def test_searches_count_who_is_first(figures: ModuleType) -> None:
    found = figures.searched([searches(), searches(better=True)], REPLICATES)
    assert [one["rank1"]["errors"] for one in found["by"]] == [15, 20]
    assert (found["mated"], found["non_mated"], found["people"]) == (20, 15, 20)
    assert found["difference"]["rank1"]["value"] == pytest.approx(0.25)
    assert found["difference"]["rank1"]["low"] > 0
    at = found["by"][0]["at_fpir"]["0.1"]
    assert at["fnir"]["value"] == pytest.approx(0.25)
    assert at["tpir"] == pytest.approx(0.75)
    assert not at["supported"]


# Tables.


@pytest.mark.parametrize(
    ("given_", "text"),
    [
        ({"value": -0.0043, "low": -0.0209, "high": 0.0081}, "-0.4 (-2.1 to +0.8)"),
        ({"value": -0.001, "low": -0.0039, "high": 0.0017}, "-0.10 (-0.39 to +0.17)"),
        ({"value": -0.00001, "low": None, "high": None}, "0.00"),
    ],
)
def test_differences_are_in_points(tables: ModuleType, given_: dict[str, float], text: str) -> None:
    assert tables.points(given_) == text


def test_what_is_not_supported_stands_in_brackets(tables: ModuleType) -> None:
    figure = {"value": 0.0637, "low": 0.0412, "high": 0.09, "errors": 7, "trials": 110}
    assert tables.rate(figure) == "6.37 % (4.1 to 9 %)"
    assert tables.rate({**figure, "supported": False}) == "[6.37 % (4.1 to 9 %)]"
    assert tables.counted(figure) == "7 of 110, 6.37 % (4.1 to 9 %)"
    assert tables.rate({"value": 0.0, "low": 0.0, "high": 0.0}) == "0 %"


def test_the_whole_card_is_made_of_whole_tables(figures: ModuleType, tables: ModuleType) -> None:
    both = [scores(), scores(shift=0.02, lost=[3])]
    verified = figures.verification(both, REPLICATES)
    found = figures.searched([searches(), searches(better=True)], REPLICATES)
    types = figures.by_type(both, REPLICATES)
    card = {
        "encoders": ["stock", "ours"],
        "replicates": REPLICATES,
        "limit": None,
        "photos": 60,
        "people": 30,
        "failures": {"LFW": [{"photos": 60}, {"photos": 60}]},
        "lfw": {
            "verification": {"bare, bare": verified},
            "cross": {"across": figures.verification(both[:1], REPLICATES)},
            "own_pairs": figures.own_list(both),
            "random_lists": [figures.random_lists(both, 20, 5)],
            "identification": {"bare": found},
            "types": types,
        },
        "flat": {
            "verification": {"bare only": verified},
            "identification": {"flat": found},
            "types": types,
        },
        "mfr2": {"verification": {"all": verified}, "identification": {"bare only": found}},
    }
    text = tables.markdown(json.loads(json.dumps(card)))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    heads = [k for k, line in enumerate(rows) if set(line) <= set("| -")]
    assert len(heads) == 11
    widths = [line.count("|") for line in rows]
    for start, end in zip([k - 1 for k in heads], [*(k - 1 for k in heads[1:]), None], strict=True):
        assert len(set(widths[start:end])) == 1, rows[start:end]
    assert "0 + 1" in text
    assert "person" not in text.replace("people", "")  # nobody is named
