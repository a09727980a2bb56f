"""The adapted network: the contract, its space, and that it tells masked people apart better."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maskwise import detect, encode, image, landmarks, masks, models
from maskwise.align import DLIB_CHIP, align
from maskwise.decide import OperatingPoints
from maskwise.encode.dlib_resnet import DlibResnet
from maskwise.encode.maskwise_v1 import MaskwiseV1
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
        assert MaskwiseV1().id == f"maskwise-v1/{sha[:12]}/dlib5-150-p25/l2-1"

    def test_the_space_is_that_of_the_stock_network(self) -> None:
        assert MaskwiseV1().space == DlibResnet().space
        assert MaskwiseV1().id != DlibResnet().id

    def test_it_is_made_by_its_name(self) -> None:
        assert encode.create("maskwise-v1").id == MaskwiseV1().id

    def test_the_model_is_opened_at_the_first_use(self) -> None:
        empty = MaskwiseV1(threads=0).encode_batch(np.zeros((0, 150, 150, 3), np.uint8))
        assert empty.shape == (0, 128)

    def test_without_thresholds_nothing_is_decided(self) -> None:
        """They come with ``maskwise calibrate``: until some ship, and then this test goes."""
        assert OperatingPoints.shipped_or_none(MaskwiseV1().id) is None


@pytest.fixture(scope="module")
def chips(sample_photos: list[Path]) -> tuple[U8, U8]:
    """(24, 150, 150, 3) each: two of each of the sample people, bare and in a surgical mask."""
    detector, predictor = detect.create(), landmarks.create()
    chips = []
    for path in sample_photos:
        picture = image.load(path)
        points = predictor.predict(picture, detector.detect(picture)[:1])[0]
        chips.append(align(picture, points, DLIB_CHIP))
    worn, _ = masks.wear_each(chips, [MaskSpec("surgical", "#8fc1e3")] * len(chips))
    return np.stack([chip.pixels for chip in chips]), worn


def alike(a: F32, b: F32) -> F32:
    """The cosines of rows of unit length."""
    return np.asarray((a * b).sum(axis=1))


def test_bare_faces_keep_their_numbers(chips: tuple[U8, U8]) -> None:
    old, new = DlibResnet(threads=1), MaskwiseV1(threads=1)
    found = alike(old.encode_batch(chips[0]), new.encode_batch(chips[0]))
    assert found.min() > 0.97  # strangers of LFW: 0.84
    assert found.max() < 0.99999  # it is another network


def test_masked_people_are_told_apart_better(
    chips: tuple[U8, U8], sample_photos: list[Path]
) -> None:
    """Against bare references of the stock network, as old galleries hold them."""
    people = np.array([path.parent.name for path in sample_photos])
    same, itself = people[:, None] == people[None], np.eye(len(people), dtype=bool)
    references = DlibResnet(threads=1).encode_batch(chips[0])
    apart = []
    for encoder in (DlibResnet(threads=1), MaskwiseV1(threads=1)):
        scores = references @ encoder.encode_batch(chips[1]).T
        apart.append(scores[same & ~itself].mean() - scores[~same].mean())
    assert apart[1] > apart[0] + 0.008  # measured: 0.081 and 0.096
