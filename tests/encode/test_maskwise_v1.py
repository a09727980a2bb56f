"""The adapted network: the contract, its space, and that it tells masked people apart better."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskwise import encode, masks, models
from maskwise.align import DLIB_CHIP
from maskwise.decide import OperatingPoints
from maskwise.encode.dlib_resnet import DlibResnet
from maskwise.encode.maskwise_v1 import MaskwiseV1
from maskwise.stages import Stages
from maskwise.testing.encoder_contract import EncoderContract
from maskwise.types import F32, U8, MaskSpec

pytestmark = pytest.mark.models


class TestContract(EncoderContract):
    @pytest.fixture
    def encoder(self) -> MaskwiseV1:
        return MaskwiseV1(threads=1)


class TestNames:
    def test_the_id_is_its_own(self) -> None:
        sha = models.entry("maskwise-v1").sha256
        assert MaskwiseV1().id == f"maskwise-v1/{sha[:12]}/dlib5-150-p25-by-five/l2-1"
        by_dlib = encode.placed(MaskwiseV1(), "dlib5")
        assert by_dlib.id == f"maskwise-v1/{sha[:12]}/dlib5-150-p25/l2-1"

    def test_the_space_is_that_of_the_stock_network(self) -> None:
        assert MaskwiseV1().space == DlibResnet().space
        assert MaskwiseV1().id != DlibResnet().id

    def test_it_is_the_default(self) -> None:
        assert encode.create().id == encode.create("maskwise-v1").id == MaskwiseV1().id

    def test_the_model_is_opened_at_the_first_use(self) -> None:
        empty = MaskwiseV1(threads=0).encode_batch(np.zeros((0, 150, 150, 3), np.uint8))
        assert empty.shape == (0, 128)

    def test_dlib_s_chips_give_templates_of_another_encoder_of_the_space(self) -> None:
        """It has no thresholds: ours were fitted on chips by the detector's points."""
        by_dlib = encode.placed(MaskwiseV1(), "dlib5")
        assert by_dlib.space == MaskwiseV1().space
        assert by_dlib.chip_spec is DLIB_CHIP
        assert OperatingPoints.shipped_or_none(by_dlib.id) is None
        assert OperatingPoints.shipped_or_none(MaskwiseV1().id) is not None


@pytest.fixture(scope="module")
def chips(sample_photos: list[Path]) -> dict[str, tuple[U8, U8]]:
    """By encoder, (24, 150, 150, 3) each: two of each of the sample people, bare and masked.

    Each encoder's own chips, the mask a surgical one.
    """
    found: dict[str, tuple[U8, U8]] = {}
    for name in ("dlib-resnet-v1", "maskwise-v1"):
        stages = Stages(encoder=name)
        own = [stages.dominant(path)[0].chip for path in sample_photos]
        worn, _ = masks.wear_each(own, [MaskSpec("surgical", "#8fc1e3")] * len(own))
        found[name] = np.stack([chip.pixels for chip in own]), worn
    return found


def alike(a: F32, b: F32) -> F32:
    """The cosines of rows of unit length."""
    return np.asarray((a * b).sum(axis=1))


def test_bare_faces_keep_their_numbers(chips: dict[str, tuple[U8, U8]]) -> None:
    old = DlibResnet(threads=1).encode_batch(chips["dlib-resnet-v1"][0])
    new = MaskwiseV1(threads=1).encode_batch(chips["maskwise-v1"][0])
    found = alike(old, new)
    assert found.min() > 0.95  # strangers of LFW: 0.84
    assert found.max() < 0.99999  # it is another network


def test_masked_people_are_told_apart_better(
    chips: dict[str, tuple[U8, U8]], sample_photos: list[Path]
) -> None:
    """Against bare references of the stock network, as old galleries hold them."""
    people = np.array([path.parent.name for path in sample_photos])
    same, itself = people[:, None] == people[None], np.eye(len(people), dtype=bool)
    references = DlibResnet(threads=1).encode_batch(chips["dlib-resnet-v1"][0])
    apart = []
    for encoder in (DlibResnet(threads=1), MaskwiseV1(threads=1)):
        scores = references @ encoder.encode_batch(chips[encoder.model][1]).T
        apart.append(scores[same & ~itself].mean() - scores[~same].mean())
    assert apart[1] > apart[0] + 0.008  # measured: 0.081 and 0.094
