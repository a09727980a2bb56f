"""The mask state that ships, on the sample people and, where it is there, on real masks."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from maskwise import Recognizer, masks, occlusion
from maskwise.errors import ConfigurationError
from maskwise.occlusion.trunk import Trunk
from maskwise.testing.fakes import FakeMaskClassifier
from maskwise.testing.mask_contract import MaskClassifierContract

pytestmark = pytest.mark.models


class TestContract(MaskClassifierContract):
    @pytest.fixture
    def classifier(self) -> Trunk:
        return Trunk(threads=1)


class TestFake(MaskClassifierContract):
    @pytest.fixture
    def classifier(self) -> FakeMaskClassifier:
        return FakeMaskClassifier()


def test_create_knows_the_one_that_ships_and_refuses_others() -> None:
    assert occlusion.create().id == Trunk().id
    with pytest.raises(ConfigurationError, match="trunk"):
        occlusion.create("nonesuch")


def test_sample_people_bare_and_in_every_mask(sample_photos: list[Path]) -> None:
    recognizer = Recognizer()
    specs = [masks.spec_for(name) for name in masks.parse_types("all")]
    for path in sample_photos[::4]:
        face, _ = recognizer.dominant(path)
        assert not face.mask.worn, path
        worn, _ = masks.wear_on_chips([face.chip], specs)
        states = recognizer.mask_classifier.classify(worn[0])
        assert all(state.worn for state in states), path


@pytest.mark.data
def test_real_masks(data_folder: Path) -> None:
    """At least 19 of 20 right; measured 83 of 84 (training/occlusion/log.txt)."""
    with (data_folder / "mfr2-dev-labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    recognizer = Recognizer()
    right = []
    for row in rows:
        name = row["name"]
        (path,) = (data_folder / "mfr2-dev" / name).glob(f"{name}_{int(row['index']):04d}.*")
        if faces := recognizer.encode(path):
            right.append(faces[0].mask.worn == (row["mask"] != "no-mask"))
    assert len(right) > 70
    assert np.mean(right) >= 0.95
