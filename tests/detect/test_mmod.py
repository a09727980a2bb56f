from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from maskwise import detect, image
from maskwise.detect import mmod, tiled_pyramid
from maskwise.detect.mmod import Mmod
from maskwise.errors import ConfigurationError, InputError
from maskwise.testing.detector_contract import DetectorContract
from maskwise.testing.pictures import drawn_face, plain_chips
from maskwise.types import U8, Detection, Image

pytestmark = pytest.mark.models

Judge = Callable[[Image, int], list[Detection]]
# Measured over 50 photos: boxes equal, scores within 1e-5.
SCORE_TOLERANCE = 1e-4


class TestContract(DetectorContract):
    @pytest.fixture
    def detector(self) -> Mmod:
        return Mmod()


class TestContractOfDlibsOwnWay(DetectorContract):
    @pytest.fixture
    def detector(self) -> Mmod:
        return Mmod(upsample=0)


@pytest.fixture(scope="module")
def dlibs(dlib: Any, dlib_models: Path) -> Judge:
    """dlib's detections, best first."""
    model = dlib.cnn_face_detection_model_v1(str(dlib_models / "mmod_human_face_detector.dat"))

    def find(image: Image, upsample: int) -> list[Detection]:
        found = []
        for one in model(np.array(image.pixels), upsample):
            r = one.rect
            box = np.array([r.left(), r.top(), r.right(), r.bottom()], np.float32)
            found.append(Detection(box, one.confidence))
        return sorted(found, key=lambda one: -one.score)

    return find


def assert_agree(image: Image, upsample: int, dlibs: Judge) -> int:
    """The same faces, boxes within 1 px; returns how many."""
    ours, theirs = Mmod(upsample=upsample).detect(image), dlibs(image, upsample)
    assert len(ours) == len(theirs), image.source
    for one, other in zip(ours, theirs, strict=True):
        assert np.abs(one.box - other.box).max() <= 1, image.source
        assert one.score == pytest.approx(other.score, abs=SCORE_TOLERANCE), image.source
    return len(ours)


class TestAgreementWithDlib:
    @pytest.mark.parametrize("upsample", [0, 1])
    def test_on_drawn_faces(self, dlibs: Judge, upsample: int) -> None:
        sizes = [(120, 100), (122, 90), (131, 177), (240, 150), (97, 260)]
        pictures = [drawn_face(seed, size, 90 - 20 * upsample) for seed, size in enumerate(sizes)]
        assert sum(assert_agree(picture, upsample, dlibs) for picture in pictures) >= 4

    def test_on_a_crowd(self, dlibs: Judge) -> None:
        rows = [
            np.hstack([drawn_face(4 * r + c, (110, 104), 84).pixels for c in range(4)])
            for r in range(3)
        ]
        assert assert_agree(Image(np.vstack(rows)), 0, dlibs) >= 8

    def test_on_a_face_over_the_edge(self, dlibs: Judge) -> None:
        cut = Image(drawn_face(1, (240, 240), 160).pixels[45:])
        assert assert_agree(cut, 0, dlibs) == 1

    def test_twice_doubled(self, dlibs: Judge) -> None:
        assert assert_agree(drawn_face(0, (60, 50), 30), 2, dlibs) == 1

    @pytest.mark.parametrize("size", [(30, 30), (47, 30), (30, 90), (15, 200)])
    def test_on_small_pictures(self, dlibs: Judge, size: tuple[int, int]) -> None:
        assert_agree(drawn_face(2, size, 26), 0, dlibs)

    def test_on_pictures_of_nothing(self, dlibs: Judge) -> None:
        for pixels in plain_chips(150):
            assert_agree(Image(pixels), 0, dlibs)

    def test_on_the_sample_people(self, sample_photos: list[Path], dlibs: Judge) -> None:
        assert sum(assert_agree(image.load(path), 0, dlibs) for path in sample_photos[::4]) > 0

    @pytest.mark.data
    def test_on_photos(self, lfw_photos: list[Image], dlibs: Judge) -> None:
        assert sum(assert_agree(photo, 0, dlibs) for photo in lfw_photos[:30]) >= 30

    @pytest.mark.data
    def test_on_doubled_photos(self, lfw_photos: list[Image], dlibs: Judge) -> None:
        assert sum(assert_agree(photo, 1, dlibs) for photo in lfw_photos[30:36]) >= 6


class TestFittedToThePicture:
    def test_an_ordinary_picture_is_doubled(self) -> None:
        image = drawn_face(3, (300, 420), 60)
        fitted, doubled = Mmod().detect(image), Mmod(upsample=1).detect(image)
        assert len(fitted) == 1
        np.testing.assert_array_equal(fitted[0].box, doubled[0].box)
        assert fitted[0].score == doubled[0].score

    @pytest.mark.parametrize("size", [(800, 1200), (2600, 1500)])
    def test_a_large_picture_is_brought_to_2000_px(
        self, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tiled: list[tuple[int, ...]] = []
        layout = tiled_pyramid.layout

        def spy(*shape: int) -> Any:
            tiled.append(shape)
            return layout(*shape)

        monkeypatch.setattr(tiled_pyramid, "layout", spy)
        pixels = np.full((*size, 3), 128, np.uint8)
        face = drawn_face(0, (500, 500), 300).pixels
        pixels[150:650, 700:1200] = face
        found = Mmod().detect(Image(pixels))
        assert [max(shape) for shape in tiled] == [2000]
        assert len(found) == 1
        # The face's own box; dlib's windows are 6/5 apart in size and 8 px in place.
        assert np.abs(found[0].box - [800, 250, 1100, 550]).max() <= 60

    def test_a_face_that_fills_the_picture_is_looked_at_with_a_border(self) -> None:
        # The face's box is (60, 60, 180, 180) of the drawing: hardly more than eyes to mouth.
        tight = Image(drawn_face(0, (240, 240), 120).pixels[90:170, 70:170])
        assert Mmod(upsample=1).detect(tight) == []
        (found,) = Mmod().detect(tight)
        assert np.abs(found.box - [-10, -30, 110, 90]).max() <= 15

    def test_strips_give_what_the_whole_gives(self, monkeypatch: pytest.MonkeyPatch) -> None:
        image = drawn_face(5, (400, 150), 110)
        whole = Mmod(threshold=-0.5).detect(image)
        monkeypatch.setattr(mmod, "_STRIP", 7)
        strips = Mmod(threshold=-0.5).detect(image)
        assert whole
        assert [one.box.tolist() for one in strips] == [one.box.tolist() for one in whole]
        np.testing.assert_allclose(
            [one.score for one in strips], [one.score for one in whole], atol=1e-5
        )


class TestSettings:
    def test_a_lower_threshold_finds_more(self) -> None:
        image = drawn_face(2, (200, 200), 80)
        usual, more = Mmod(upsample=0).detect(image), Mmod(upsample=0, threshold=-2).detect(image)
        assert len(more) > len(usual)
        assert min(one.score for one in more) > -2
        high = Mmod(upsample=0, threshold=usual[0].score)
        assert high.detect(image) == []

    def test_the_id_names_what_changes_answers(self) -> None:
        made = [Mmod(), Mmod(upsample=0), Mmod(upsample=1), Mmod(threshold=0.5)]
        assert len({one.id for one in made}) == 4
        assert Mmod(threads=1).id == Mmod(threads=2).id

    def test_it_is_made_by_name(self) -> None:
        assert detect.create("mmod").id == Mmod().id
        with pytest.raises(ConfigurationError, match="mmod"):
            detect.create("hog")

    def test_what_cannot_be_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="upsample"):
            Mmod(upsample=-1)
        image = Image(np.zeros((2000, 2000, 3), np.uint8), "big.png")
        with pytest.raises(InputError, match=r"big\.png.*smaller upsample"):
            Mmod(upsample=2).detect(image)


def test_suppression_keeps_the_better_of_two_that_overlap() -> None:
    rng = np.random.default_rng(1)
    corner = rng.integers(0, 200, (120, 2))
    boxes = np.hstack([corner, corner + rng.integers(20, 90, (120, 2))])
    masks = np.zeros((120, 300, 300), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        cv2.rectangle(grid := np.zeros((300, 300), np.uint8), (x1, y1), (x2, y2), 1, -1)
        mask[:] = grid > 0
    for most_iou, most_covered in [(0.34, 1.0), (0.2, 0.6)]:
        keep: list[int] = []
        for i, mask in enumerate(masks):
            inner = [(masks[j] & mask).sum() for j in keep]
            union = [(masks[j] | mask).sum() for j in keep]
            less = [min(masks[j].sum(), mask.sum()) for j in keep]
            if all(
                n / u <= most_iou and n / k <= most_covered
                for n, u, k in zip(inner, union, less, strict=True)
            ):
                keep.append(i)
        assert mmod._suppressed(boxes, most_iou, most_covered).tolist() == keep
        assert 3 < len(keep) < 120


def test_no_boxes_are_suppressed_to_none() -> None:
    assert mmod._suppressed(np.zeros((0, 4), np.int64), 0.3, 1.0).tolist() == []


def test_a_plain_picture_holds_nobody() -> None:
    found = [Mmod().detect(Image(pixels)) for pixels in _plain()]
    assert not any(found)


def _plain() -> list[U8]:
    return list(plain_chips(160))
