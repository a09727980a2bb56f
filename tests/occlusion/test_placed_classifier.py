"""A mask classifier whose chips other landmarks place."""

from __future__ import annotations

import pytest

from maskwise.occlusion import MaskClassifier, placed
from maskwise.testing.fakes import FakeMaskClassifier
from maskwise.testing.mask_contract import MaskClassifierContract


class TestContract(MaskClassifierContract):
    @pytest.fixture
    def classifier(self) -> MaskClassifier:
        return placed(FakeMaskClassifier(), "five")


def test_its_own_landmarks_leave_it_as_it_is() -> None:
    own = FakeMaskClassifier()
    assert placed(own, own.chip_spec.scheme) is own


def test_its_id_names_the_chips() -> None:
    own = FakeMaskClassifier()
    ids = {own.id, placed(own, "five").id, placed(own, "ibug68").id}
    assert len(ids) == 3
    assert placed(own, "five").chip_spec.name in placed(own, "five").id
