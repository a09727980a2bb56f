"""An encoder whose chips other landmarks place: the same network, chips of another name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from encoder_files import encoder_file
from record_insightface import chips

from maskwise.align import ARCFACE_CHIP, by_scheme
from maskwise.encode import placed
from maskwise.encode.arcface import ArcFace
from maskwise.encode.protocol import Encoder
from maskwise.testing.encoder_contract import EncoderContract


@pytest.fixture
def own(tmp_path: Path) -> ArcFace:
    return ArcFace(str(encoder_file(tmp_path / "small.onnx")), threads=1)


class TestContract(EncoderContract):
    @pytest.fixture
    def encoder(self, own: ArcFace) -> Encoder:
        return placed(own, "dlib5")


def test_its_own_landmarks_leave_it_as_it_is(own: ArcFace) -> None:
    assert placed(own, "five") is own


def test_the_same_numbers_and_space_by_another_id(own: ArcFace) -> None:
    other = placed(own, "dlib5")
    np.testing.assert_array_equal(other.encode_batch(chips()), own.encode_batch(chips()))
    assert (other.space, other.dim) == (own.space, own.dim)
    assert other.chip_spec is by_scheme(ARCFACE_CHIP, "dlib5")
    ids = {own.id, other.id, placed(own, "ibug68").id}
    assert len(ids) == 3
    assert other.id == own.id.replace("/arcface-112/", "/arcface-112-by-dlib5/")
