"""The figures of training/encoder on scores whose answers are known."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

FOLDER = Path(__file__).resolve().parents[2] / "training" / "encoder"


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    before = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    names = ("validate", "mfr2")
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    sys.path[:] = before


@pytest.fixture
def validate(parts: SimpleNamespace) -> ModuleType:
    module: ModuleType = parts.validate
    return module


def test_fnmr_is_at_the_threshold_that_one_stranger_in_a_thousand_passes(
    validate: ModuleType,
) -> None:
    strangers = torch.arange(10_000) / 10_000  # ten lie above 0.9989
    mated = torch.tensor([0.2, 0.9985, 0.9989, 0.9995])
    assert validate.rates(mated, strangers)["fnmr"] == 75  # a score of the threshold is a miss


def test_rates_of_scores_that_do_not_overlap_are_nought(validate: ModuleType) -> None:
    found = validate.rates(torch.linspace(0.8, 1, 50), torch.linspace(0, 0.5, 2000))
    assert found == {"fnmr": 0, "eer": 0}


def test_eer_where_a_quarter_of_each_is_on_the_wrong_side(parts: SimpleNamespace) -> None:
    mated, strangers = np.full(100, 0.9), np.full(400, 0.1)
    mated[:25], strangers[:100] = 0.05, 0.95
    found = parts.validate.rates(torch.from_numpy(mated), torch.from_numpy(strangers))
    assert found["eer"] == pytest.approx(25, abs=1)
    assert parts.mfr2.eer(mated, strangers) == pytest.approx(found["eer"], abs=1)


def test_accuracy_is_of_the_best_threshold(parts: SimpleNamespace) -> None:
    assert parts.mfr2.accuracy(np.array([0.9, 0.8, 0.3]), np.array([0.1, 0.2, 0.5])) == (
        pytest.approx(500 / 6)
    )


class Told(torch.nn.Module):
    """A network that says what stands in the corner of a chip: 128 numbers of one person."""

    def forward(self, chips: Any) -> Any:
        return torch.nn.functional.one_hot(chips[:, 0, 0, 0].long(), 128).float()


def held_back(validate: ModuleType, masked_as: list[int]) -> Any:
    """Three photos each of forty people; of each masked photo the first person is told wrong."""
    people = np.repeat(np.arange(40), 3)
    bare = np.zeros((len(people), 150, 150, 3), np.uint8)
    bare[:, 0, 0, 0] = people
    masked = bare.copy()
    masked[: len(masked_as), 0, 0, 0] = masked_as
    return validate.HeldBack(bare, bare, masked, bare, people)


def test_figures_tell_the_looks_apart(validate: ModuleType) -> None:
    device, network = torch.device("cpu"), Told()
    held = held_back(validate, [7, 7, 7])
    old = validate.templates(network, held.stock, device)
    found = validate.figures(network, held, old, device)
    assert found["bare.rank1"] == found["bare-flat.rank1"] == 100
    # Each person's first photo is enrolled: two probes of eighty are of the first person.
    assert found["bare-drawn.rank1"] == found["old-drawn.rank1"] == pytest.approx(97.5)
    assert found["bare.eer"] == found["flat.eer"] == 0
    assert found["bare-drawn.eer"] > 0
