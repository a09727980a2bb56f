from __future__ import annotations

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskwise import detect, image
from maskwise.detect import dlib_hog
from maskwise.detect.dlib_hog import DlibHog
from maskwise.errors import ConfigurationError, InputError
from maskwise.testing.detector_contract import DetectorContract
from maskwise.testing.pictures import drawn_face
from maskwise.types import Detection, Image


@pytest.mark.usefixtures("dlib")
class TestContract(DetectorContract):
    @pytest.fixture
    def detector(self) -> DlibHog:
        return DlibHog()


@pytest.mark.usefixtures("dlib")
class TestContractUndoubled(DetectorContract):
    @pytest.fixture
    def detector(self) -> DlibHog:
        return DlibHog(upsample=0)


def crowd() -> Image:
    rows = [
        np.hstack([drawn_face(6 * (r + c), (130, 124), 84).pixels for c in range(3)])
        for r in range(2)
    ]
    return Image(np.vstack(rows))


def dlibs(dlib: Any, picture: Image, upsample: int) -> list[tuple[list[int], float]]:
    """What dlib's detector gives: corners and score, as it orders them."""
    detector = dlib.get_frontal_face_detector()
    rectangles, scores, _ = detector.run(np.array(picture.pixels), upsample, 0.0)
    boxes = [[r.left(), r.top(), r.right(), r.bottom()] for r in rectangles]
    return sorted(zip(boxes, scores, strict=True), key=lambda one: -one[1])


def ours(found: list[Detection]) -> list[tuple[list[int], float]]:
    return [(one.box.tolist(), one.score) for one in found]


class TestAgreementWithDlib:
    @pytest.mark.parametrize("upsample", [0, 1, 2])
    def test_on_a_crowd(self, dlib: Any, upsample: int) -> None:
        expected = dlibs(dlib, crowd(), upsample)
        assert len(expected) >= 4
        assert ours(DlibHog(upsample=upsample).detect(crowd())) == expected

    def test_on_a_face_over_the_edge(self, dlib: Any) -> None:
        cut = Image(drawn_face(4, (200, 200), 120).pixels[34:, 34:])
        expected = dlibs(dlib, cut, 1)
        assert min(expected[0][0]) < 0
        assert ours(DlibHog().detect(cut)) == expected

    def test_on_the_sample_people(self, dlib: Any, sample_photos: list[Path]) -> None:
        photos = [image.load(path) for path in sample_photos[::4]]
        for photo in photos:
            expected = dlibs(dlib, photo, 1)
            assert len(expected) == 1
            assert ours(DlibHog().detect(photo)) == expected

    def test_threads_do_not_disturb_each_other(self, dlib: Any) -> None:
        pictures = [drawn_face(seed, (200, 200), 100) for seed in (0, 1, 4, 5)] * 3
        expected = [dlibs(dlib, picture, 1) for picture in pictures]
        assert len({str(one) for one in expected}) == 4
        detector = DlibHog()
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(detector.detect, pictures))
        assert [ours(one) for one in found] == expected


class TestWithoutDlib:
    @pytest.fixture(autouse=True)
    def no_dlib(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "dlib", None)

    def test_the_error_says_what_to_install(self) -> None:
        detector = detect.create("dlib-hog")  # made without dlib, which it needs only to detect
        assert detector.id
        with pytest.raises(ConfigurationError, match=r'pip install "maskwise\[dlib\]"'):
            detector.detect(drawn_face(0))

    def test_it_is_said_not_to_be_there(self) -> None:
        assert not dlib_hog.available()


class TestSettings:
    def test_dlib_is_found_without_being_imported(
        self, dlib: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delitem(sys.modules, "dlib")
        assert dlib_hog.available()
        DlibHog()
        assert "dlib" not in sys.modules
        monkeypatch.setitem(sys.modules, "dlib", dlib)
        assert importlib.import_module("dlib") is dlib

    def test_it_is_made_by_name(self) -> None:
        assert detect.create("dlib-hog").id == DlibHog().id == "dlib-hog/upsample-1"
        assert DlibHog(upsample=0).id != DlibHog().id

    def test_what_cannot_be_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="upsample"):
            DlibHog(upsample=-1)
        wide = Image(np.zeros((400, 500, 3), np.uint8), "big.png")
        with pytest.raises(InputError, match=r"big\.png.*smaller upsample"):
            DlibHog(upsample=5).detect(wide)
