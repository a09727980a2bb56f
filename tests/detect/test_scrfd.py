from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from detector_files import grey, painted, points_of, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stub_session import install

from maskwise.detect.scrfd import Scrfd
from maskwise.testing.detector_contract import DetectorContract
from maskwise.types import F32, U8, Image

KINDS = {"score": 1, "bbox": 4, "kps": 10}
Make = Callable[..., str]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Files that find coloured rectangles; one of each kind is written once."""
    folder = tmp_path_factory.mktemp("scrfd")
    made: dict[str, str] = {}

    def build(**options: Any) -> str:
        key = repr(sorted(options.items()))
        if key not in made:
            made[key] = str(write(folder / f"{len(made)}.onnx", "scrfd", **options))
        return made[key]

    return build


class TestContract(DetectorContract):
    overlap = 0.9

    @pytest.fixture
    def detector(self, make: Make) -> Scrfd:
        return Scrfd(make())

    @pytest.fixture
    def face(self) -> tuple[U8, F32]:
        return painted(grey(200, 200), (50, 50, 150, 150)), np.float32([50, 50, 150, 150])


class TestContractOfInsightfacesWay(TestContract):
    @pytest.fixture
    def detector(self, make: Make) -> Scrfd:
        return Scrfd(make(), size=(640, 640))


class TestContractWithoutPoints(TestContract):
    @pytest.fixture
    def detector(self, make: Make) -> Scrfd:
        return Scrfd(make(points=False))


class TestContractOfFiveStridesAndOneSize(TestContract):
    @pytest.fixture
    def detector(self, make: Make) -> Scrfd:
        return Scrfd(make(strides=(8, 16, 32, 64, 128), fixed=(640, 640)))


VARIANTS = [
    pytest.param({"points": points, "strides": strides, "batched": batched}, id=f"{name}-{shape}")
    for name, points, strides in (
        ("6", False, (8, 16, 32)),
        ("9", True, (8, 16, 32)),
        ("10", False, (8, 16, 32, 64, 128)),
        ("15", True, (8, 16, 32, 64, 128)),
    )
    for shape, batched in (("batched", True), ("flat", False))
]


class TestFile:
    @pytest.mark.parametrize("options", VARIANTS)
    @pytest.mark.parametrize("size", [None, (640, 640)])
    def test_each_kind_of_file(
        self, make: Make, options: dict[str, Any], size: tuple[int, int] | None
    ) -> None:
        """640x640 px, so nothing is resized but for the looks; boxes on whole cells."""
        places = [(32, 64, 160, 192), (384, 320, 512, 608)]
        canvas = painted(painted(grey(640, 640), places[0]), places[1], 204)
        detector = Scrfd(make(**options), size=size)
        found = detector.detect(Image(canvas))
        assert [one.score for one in found] == pytest.approx([1, 0.8], abs=1e-4)
        for one, place in zip(found, places, strict=True):
            np.testing.assert_allclose(one.box, place, atol=1e-3)
            assert (one.landmarks is not None) == options["points"]
            if one.landmarks is not None:
                np.testing.assert_allclose(one.landmarks.points, points_of(place), atol=1e-3)
        assert detector.scheme == ("five" if options["points"] else None)
        assert detector.input_size is None

    def test_outputs_count_by_place_not_by_name(self, make: Make) -> None:
        path = make(names=[str(448 + 23 * i) for i in range(9)])
        (found,) = Scrfd(path).detect(Image(painted(grey(320, 320), (32, 64, 160, 192))))
        np.testing.assert_allclose(found.box, [32, 64, 160, 192], atol=1e-3)

    @pytest.mark.parametrize("size", [None, (320, 256)])
    @pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3), (17, 33)])
    def test_odd_pictures(
        self, make: Make, size: tuple[int, int] | None, shape: tuple[int, int]
    ) -> None:
        detector = Scrfd(make(), size=size)
        assert detector.detect(Image(grey(*shape))) == []
        whole = painted(grey(*shape), (0, 0, shape[1], shape[0]))
        for one in detector.detect(Image(whole)):
            assert np.isfinite(one.box).all()

    def test_a_size_that_is_no_multiple_of_the_strides(self, make: Make) -> None:
        (found,) = Scrfd(make(), size=(320, 240)).detect(
            Image(painted(grey(240, 320), (100, 60, 300, 220)))
        )
        np.testing.assert_allclose(found.box, [100, 60, 300, 220], atol=1e-3)


class TestDecoding:
    """By the definition, without ONNX Runtime."""

    def outputs(
        self,
        blob: F32,
        strides: tuple[int, ...],
        anchors: int,
        cells: dict[tuple[int, int, int, int], dict[str, npt.ArrayLike]],
    ) -> list[F32]:
        """What stands in (stride, column, row, anchor); zeros elsewhere."""
        height, width = blob.shape[2:]
        out = []
        for kind, wide in KINDS.items():
            for stride in strides:
                grid = np.zeros((height // stride, width // stride, anchors, wide), np.float32)
                for (of, column, row, anchor), values in cells.items():
                    if of == stride and min(blob.shape[2:]) > max(strides):
                        grid[row, column, anchor] = values[kind]
                out.append(grid.reshape(1, -1, wide))
        return out

    def detect(
        self,
        monkeypatch: pytest.MonkeyPatch,
        cells: dict[tuple[int, int, int, int], dict[str, npt.ArrayLike]],
        five: bool = False,
        **options: Any,
    ) -> list[Any]:
        strides, anchors = ((8, 16, 32, 64, 128), 1) if five else ((8, 16, 32), 2)
        names = [f"{kind}{stride}" for kind in KINDS for stride in strides]
        install(monkeypatch, names, lambda blob: self.outputs(blob, strides, anchors, cells))
        return Scrfd("stub", size=(256, 384), **options).detect(Image(grey(384, 256)))

    def test_by_hand(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cells = {
            (16, 3, 2, 1): {
                "score": 0.5,
                "bbox": [1, 0.5, 2, 3],
                "kps": [0, 0, 1, 0, 0.5, 0.5, -1, 1, 1, 1],
            }
        }
        (found,) = self.detect(monkeypatch, cells)
        assert found.box.tolist() == [32, 24, 80, 80]
        assert found.score == 0.5
        points = [[48, 32], [64, 32], [56, 40], [32, 48], [64, 48]]
        assert found.landmarks.points.tolist() == points

    def test_the_threshold_counts_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cells = {(8, 3, 2, 0): {"score": 0.3, "bbox": 1, "kps": 0}}
        assert len(self.detect(monkeypatch, cells, threshold=0.3)) == 1
        assert self.detect(monkeypatch, cells, threshold=0.3001) == []

    def test_overlap_counts_the_last_column(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """16 x 16 px and 16 x 32 px: 17 * 17 / (17 * 33) = 0.515."""
        cells = {
            (8, 4, 4, 0): {"score": 0.9, "bbox": [0, 0, 2, 4], "kps": 0},
            (8, 4, 4, 1): {"score": 0.8, "bbox": [0, 0, 2, 2], "kps": 0},
        }
        assert len(self.detect(monkeypatch, cells, nms=0.516)) == 2
        assert len(self.detect(monkeypatch, cells, nms=0.514)) == 1

    @pytest.mark.parametrize(("size", "count"), [(None, 1), ((768, 768), 2)])
    def test_a_part_of_a_face_is_none_by_default(
        self, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int] | None, count: int
    ) -> None:
        """400 x 400 px, and 100 x 100 px in them with a lower score; insightface keeps both."""
        names = [f"{kind}{stride}" for kind in KINDS for stride in (8, 16, 32)]
        cells = {
            (8, 20, 20, 0): {"score": 0.9, "bbox": 25, "kps": 0},
            (8, 24, 24, 0): {"score": 0.8, "bbox": 6.25, "kps": 0},
        }
        install(
            monkeypatch,
            names,
            # The second look is smaller, and shows nothing.
            lambda blob: self.outputs(
                blob, (8, 16, 32), 2, cells if min(blob.shape[2:]) == 768 else {}
            ),
        )
        assert len(Scrfd("stub", size=size).detect(Image(grey(384, 384)))) == count

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    @given(data=st.data(), five=st.booleans())
    def test_what_is_encoded_comes_back(
        self, monkeypatch: pytest.MonkeyPatch, data: st.DataObject, five: bool
    ) -> None:
        """Up to three faces far from one another, from any cell and anchor of any grid."""
        px = st.floats(2, 90)
        cells, want = {}, []
        for i in range(data.draw(st.integers(1, 3))):
            stride = data.draw(st.sampled_from((8, 16, 32, 64, 128) if five else (8, 16, 32)))
            column = data.draw(st.integers(0, 256 // stride - 1))
            row = data.draw(st.integers(0, 384 // stride - 1))
            anchor = 0 if five else data.draw(st.integers(0, 1))
            x, y = 1000 * i, data.draw(st.floats(-300, 300))
            box = np.array([x, y, x + data.draw(px), y + data.draw(px)])
            points = box[:2] + np.array([[data.draw(px), data.draw(px)] for _ in range(5)])
            centre = np.array([column, row]) * stride
            score = 0.9 - i / 10
            where = (stride, column, row, anchor)
            if where in cells:
                continue
            cells[where] = {
                "score": score,
                "bbox": np.concatenate([centre - box[:2], box[2:] - centre]) / stride,
                "kps": ((points - centre) / stride).ravel(),
            }
            want.append((box, points))
        found = self.detect(monkeypatch, cells, five)
        assert len(found) == len(want)
        for one, (box, points) in zip(found, want, strict=True):
            np.testing.assert_allclose(one.box, box, atol=2e-3)
            np.testing.assert_allclose(one.landmarks.points, points, atol=2e-3)

    def test_it_sees_red_green_blue_about_zero(self, monkeypatch: pytest.MonkeyPatch) -> None:
        names = [f"{kind}{stride}" for kind in KINDS for stride in (8, 16, 32)]
        session = install(monkeypatch, names, lambda blob: self.outputs(blob, (8, 16, 32), 2, {}))
        pixels = np.random.default_rng(0).integers(0, 256, (40, 64, 3), np.uint8)
        Scrfd("stub", size=(64, 64)).detect(Image(pixels))
        blob = session.seen[-1]
        assert blob.shape == (1, 3, 64, 64)
        want = (pixels.astype(np.float64) - 127.5) / 128
        np.testing.assert_array_equal(blob[0, :, :40].transpose(1, 2, 0), want)
        assert (blob[0, :, 40:] == -127.5 / 128).all()


def test_without_a_name_it_is_the_one_that_is_here(
    monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    monkeypatch.setattr("maskwise.detect.scrfd.only_here", lambda backend: make())
    assert Scrfd().detect(Image(grey(64, 64))) == []
