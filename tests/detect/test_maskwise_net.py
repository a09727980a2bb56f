from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detector_files import grey, painted, points_of, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stub_session import StubSession, install

from maskwise import detect, models
from maskwise.detect.maskwise_net import MODEL, MaskwiseNet
from maskwise.errors import ConfigurationError, ModelError
from maskwise.testing.detector_contract import DetectorContract
from maskwise.types import F32, U8, Image

STRIDES = (8, 16, 32)
WIDE = {"score": 1, "box": 4, "points": 10}
NAMES = [f"{kind}_{stride}" for kind in WIDE for stride in STRIDES]
POINTS = np.arange(10) / 10
Cells = dict[tuple[int, int, int], dict[str, Any]]
"""(stride, column, row) -> what stands in that cell."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of our detector's kind that finds coloured rectangles."""
    return str(write(tmp_path_factory.mktemp("maskwise") / "own.onnx", "maskwise"))


def outputs(blob: F32, cells: Cells) -> list[F32]:
    """Nothing anywhere but in ``cells``; nothing in the black picture of the first check."""
    height, width = blob.shape[2:]
    out = {
        f"{kind}_{stride}": np.zeros((height // stride, width // stride, wide), np.float32)
        for kind, wide in WIDE.items()
        for stride in STRIDES
    }
    if (height, width) != (32, 32):
        for (stride, column, row), values in cells.items():
            for kind, value in values.items():
                out[f"{kind}_{stride}"][row, column] = value
    return [out[name].reshape(1, -1, WIDE[name.split("_")[0]]) for name in NAMES]


Plant = Callable[[Cells], StubSession]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Whatever is looked at, these cells are what the network gives."""
    return lambda cells: install(monkeypatch, NAMES, lambda blob: outputs(blob, cells))


def cell(score: float = 0.9, box: Any = (1, 1, 1, 1), points: Any = POINTS) -> dict[str, Any]:
    return {"score": score, "box": box, "points": points}


class TestContract(DetectorContract):
    overlap = 0.9

    @pytest.fixture
    def detector(self, file: str) -> MaskwiseNet:
        return MaskwiseNet(file)

    @pytest.fixture
    def face(self) -> tuple[U8, F32]:
        return painted(grey(200, 200), (50, 50, 150, 150)), np.array([50, 50, 150, 150], np.float32)


class TestContractOfOneSize(TestContract):
    @pytest.fixture
    def detector(self, file: str) -> MaskwiseNet:
        return MaskwiseNet(file, size=(640, 640))


class TestDecoding:
    """By hand: what stands in one cell, and what must come out."""

    @pytest.mark.parametrize("stride", STRIDES)
    def test_one_cell(self, plant: Plant, stride: int) -> None:
        points = [0, 0, 1, 0, 0.5, 0.5, -0.25, 1, 1, 1]
        plant({(stride, 3, 2): cell(0.75, [2, 1, 1, 1.5], points)})
        (found,) = MaskwiseNet("stub").detect(Image(grey(160, 320)))
        # The cell's centre is 3.5, 2.5 cells from the upper left.
        np.testing.assert_allclose(found.box, np.array([1.5, 1.5, 4.5, 4]) * stride)
        assert found.score == 0.75
        assert found.landmarks is not None
        assert found.landmarks.scheme == "five"
        want = np.array([[3.5, 2.5], [4.5, 2.5], [4, 3], [3.25, 3.5], [4.5, 3.5]]) * stride
        np.testing.assert_allclose(found.landmarks.points, want)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    @given(data=st.data())
    def test_what_is_encoded_comes_back(
        self, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
    ) -> None:
        """Boxes and points, encoded by the definition into any cell of any grid."""
        stride = data.draw(st.sampled_from(STRIDES))
        column, row = data.draw(st.integers(0, 320 // stride - 1)), data.draw(st.integers(0, 3))
        centre = (np.array([column, row]) + 0.5) * stride
        away = np.array([data.draw(st.floats(0, 300)) + 1 for _ in range(4)])
        points = np.array(data.draw(st.lists(st.floats(-300, 900), min_size=10, max_size=10)))
        five = points.reshape(5, 2)
        values = cell(1, away / stride, ((five - centre) / stride).ravel())
        cells = {(stride, column, row): values}
        install(monkeypatch, NAMES, lambda blob: outputs(blob, cells))
        (found,) = MaskwiseNet("stub").detect(Image(grey(240, 320)))
        box = np.concatenate([centre - away[:2], centre + away[2:]])
        np.testing.assert_allclose(found.box, np.clip(box, 0, [320, 240] * 2), atol=1e-3)
        assert found.landmarks is not None
        np.testing.assert_allclose(found.landmarks.points, five, atol=1e-3)  # never cut

    def test_it_sees_red_green_blue_as_they_are_and_black_right_and_below(
        self, plant: Plant
    ) -> None:
        session = plant({})
        pixels = np.random.default_rng(0).integers(0, 256, (170, 320, 3), np.uint8)
        MaskwiseNet("stub").detect(Image(pixels))
        _, blob = session.seen  # the first is the check of the file
        assert blob.shape == (1, 3, 192, 320)
        np.testing.assert_array_equal(blob[0, :, :170].transpose(1, 2, 0), pixels)
        assert (blob[0, :, 170:] == 0).all()

    def test_the_threshold_is_inclusive(self, plant: Plant) -> None:
        plant({(16, 2, 2): cell(0.625), (16, 6, 6): cell(0.62)})
        assert len(MaskwiseNet("stub", threshold=0.625).detect(Image(grey(160, 320)))) == 1
        assert len(MaskwiseNet("stub", threshold=0.62).detect(Image(grey(160, 320)))) == 2

    @pytest.mark.parametrize(("threshold", "low"), [(0.5, 0.65), (0.8, 0.9), (0, 0)])
    def test_low_faces_need_more(self, plant: Plant, threshold: float, low: float) -> None:
        """24 px is not low."""
        for height, least in ((1.499, low), (1.5, threshold)):
            for score in (least - 0.01, least + 0.01):
                plant({(16, 4, 4): cell(score, [1, 0.5, 1, height - 0.5])})
                found = MaskwiseNet("stub", threshold=threshold).detect(Image(grey(160, 320)))
                assert any(one.score > 0 for one in found) == (score >= least and score > 0)

    def test_best_first_and_equal_scores_in_one_order(self, plant: Plant) -> None:
        cells: Cells = {(8, 2 + 4 * i, 12): cell(0.75) for i in range(4)}
        cells |= {(16, 2, 2): cell(0.5), (32, 3, 1): cell(1.0)}
        plant(cells)
        found = MaskwiseNet("stub").detect(Image(grey(160, 320)))
        assert [one.score for one in found] == [1, 0.75, 0.75, 0.75, 0.75, 0.5]
        assert [one.box[0] for one in found[1:5]] == [12, 44, 76, 108]

    def test_of_boxes_for_one_face_the_best_stays(self, plant: Plant) -> None:
        plant(
            {
                (16, 4, 4): cell(0.9, [2, 2, 2, 2]),
                (16, 5, 4): cell(0.8, [2, 2, 2, 2]),  # moved by 1 of 4: IoU 0.6
                (16, 7, 4): cell(0.7, [2, 2, 2, 2]),  # by 3 of 4: IoU 1/7
                (8, 8, 8): cell(0.6, [1, 1, 1, 1]),  # inside the first
            }
        )
        found = MaskwiseNet("stub").detect(Image(grey(160, 320)))
        assert [one.score for one in found] == [np.float32(0.9), np.float32(0.7)]


class TestEdges:
    def test_boxes_are_cut_off_at_the_picture_and_points_are_not(self, plant: Plant) -> None:
        points = np.tile([-2.0, -3.0], 5)
        plant({(32, 0, 0): cell(0.9, [3, 3, 1, 1], points), (32, 4, 4): cell(0.8, [1, 1, 9, 9])})
        found = MaskwiseNet("stub").detect(Image(grey(150, 320)))
        assert [one.box.tolist() for one in found] == [[0, 0, 48, 48], [112, 112, 320, 150]]
        assert found[0].landmarks is not None
        np.testing.assert_allclose(found[0].landmarks.points, [[16 - 64, 16 - 96]] * 5)

    def test_a_face_in_the_black_beside_the_picture_is_none(self, plant: Plant) -> None:
        plant({(8, 3, 22): cell(0.9, [1, 0.5, 1, 1])})  # from y 176 on
        assert MaskwiseNet("stub").detect(Image(grey(176, 320))) == []
        assert len(MaskwiseNet("stub").detect(Image(grey(177, 320)))) == 1

    @pytest.mark.parametrize("kind", ["score", "box", "points"])
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("place", [0, -1])
    def test_numbers_that_are_none_give_no_face(
        self, plant: Plant, kind: str, value: float, place: int
    ) -> None:
        bad: dict[str, Any] = {key: np.ravel(one).astype(np.float32) for key, one in cell().items()}
        bad[kind][place] = value
        plant({(16, 3, 3): bad, (16, 7, 7): cell(0.7)})
        (found,) = MaskwiseNet("stub", threshold=0).detect(Image(grey(160, 320)))[:1]
        assert found.score == np.float32(0.7)
        for one in MaskwiseNet("stub").detect(Image(grey(160, 320))):
            assert np.isfinite(one.box).all()
            assert np.isfinite(one.score)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1, 1e30])
    def test_a_network_gone_astray(self, plant: Plant, value: float) -> None:
        every: Cells = {
            (stride, x, y): cell(value, [value] * 4, [value] * 10)
            for stride in STRIDES
            for x in range(160 // stride)
            for y in range(160 // stride)
        }
        plant(every)
        for one in MaskwiseNet("stub", threshold=0).detect(Image(grey(160, 320))):
            assert np.isfinite(one.box).all()
            assert np.isfinite(one.score)


class TestSizes:
    @pytest.mark.parametrize(
        ("shape", "seen"),
        [
            ((1, 1), [(32, 32), (32, 32)]),
            ((60, 80), [(128, 160), (64, 96)]),
            ((200, 160), [(416, 320), (160, 128)]),
            ((320, 250), [(320, 256)]),
            ((480, 641), [(480, 672), (128, 160)]),
            ((1280, 960), [(1280, 960), (160, 128)]),
            ((1000, 1400), [(928, 1280), (128, 160)]),
            ((900, 2000), [(928, 1056), (928, 1056), (576, 1280), (96, 160)]),
            ((1, 9000), [(32, 1120)] * 4 + [(32, 1280), (32, 160)]),
        ],
    )
    def test_what_the_network_is_shown(
        self, plant: Plant, shape: tuple[int, int], seen: list[tuple[int, int]]
    ) -> None:
        session = plant({})
        MaskwiseNet("stub").detect(Image(grey(*shape)))
        assert [blob.shape[2:] for blob in session.seen[1:]] == seen

    @pytest.mark.parametrize("side", [90, 250, 700, 1500, 2600, 4500])
    def test_a_face_is_found_once_at_its_place(self, file: str, side: int) -> None:
        box = np.round(np.array([0.3, 0.25, 0.55, 0.5]) * side).astype(int)
        (found,) = MaskwiseNet(file).detect(Image(painted(grey(side, side), box.tolist())))
        np.testing.assert_allclose(found.box, box, atol=max(2, side / 250))
        assert found.landmarks is not None
        np.testing.assert_allclose(found.landmarks.points, points_of(box), atol=max(2, side / 250))

    def test_faces_at_the_seams_of_tiles(self, file: str) -> None:
        """Every face across an edge, whatever its size, comes back whole and once.

        The tiles' columns are 0-1023, 928-1951 and 1856-2879, the rows 0-960, 840-1800. No two
        faces share a row or a column: what the network of this test takes for one.
        """
        canvas = grey(1800, 2880)
        middles = [(928, 100), (1023, 300), (1880, 550), (1400, 845), (2300, 950), (500, 1250)]
        sizes = (30, 60, 96, 150, 40, 340)
        boxes = []
        for (x, y), size in zip(middles, sizes, strict=True):
            boxes.append((x - size // 2, y - size // 2, x + size // 2, y + size // 2))
            painted(canvas, boxes[-1], 255 - 4 * len(boxes))
        found = MaskwiseNet(file).detect(Image(canvas))
        assert len(found) == len(boxes)
        for one, box in zip(found, boxes, strict=True):
            np.testing.assert_allclose(one.box, box, atol=6)

    def test_faces_of_all_sizes_in_a_large_picture(self, file: str) -> None:
        places = [(16, 16, 46, 46), (300, 200, 900, 1000), (1900, 1200, 3700, 2900)]
        canvas = grey(3000, 4000)
        for place, strength in zip(places, (255, 240, 225), strict=True):
            painted(canvas, place, strength)
        found = MaskwiseNet(file).detect(Image(canvas))
        assert len(found) == 3
        for one, place in zip(found, places, strict=True):
            np.testing.assert_allclose(one.box, place, atol=12)

    def test_a_large_photo_takes_little_memory(self, plant: Plant) -> None:
        session = plant({})
        session.seen = Forgetful()
        picture = Image(grey(3000, 4000))
        detector = MaskwiseNet("stub")
        tracemalloc.start()
        try:
            detector.detect(picture)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # Of 4000x3000 px as float32 it would be 144 MB; one tile has 15 MB, and 6 before.
        assert peak < 50e6


class Forgetful(list[F32]):
    """Keeps nothing alive."""

    def append(self, one: F32) -> None:
        return


class TestFile:
    @pytest.mark.parametrize(("family", "hint"), [("yunet", "yunet:"), ("scrfd", "scrfd:")])
    def test_another_detectors(self, tmp_path: Path, family: Any, hint: str) -> None:
        text = self.line(MaskwiseNet(str(write(tmp_path / "a.onnx", family))))
        assert "is no maskwise detector file: expected the 9 outputs score, box and points" in text
        assert hint in text

    def test_a_network_that_is_no_detector(self) -> None:
        text = self.line(MaskwiseNet(str(models.locate("dlib-resnet-v1"))))
        assert "got 1 (" in text
        assert "yunet:FILE" in text

    @pytest.mark.parametrize("how", ["empty", "text", "truncated"])
    def test_no_onnx(self, tmp_path: Path, file: str, how: str) -> None:
        whole = Path(file).read_bytes()
        path = tmp_path / "a.onnx"
        path.write_bytes({"empty": b"", "text": b"<html>", "truncated": whole[:-900]}[how])
        self.line(MaskwiseNet(str(path)))

    def test_outputs_of_another_width(self, monkeypatch: pytest.MonkeyPatch) -> None:
        install(monkeypatch, NAMES, lambda blob: [one[..., :1] for one in outputs(blob, {})])
        assert "box of stride 8 in output 'box_8' as (1, 16, 4)" in self.line(MaskwiseNet("stub"))

    def test_a_file_of_one_size(self, tmp_path: Path) -> None:
        path = str(write(tmp_path / "a.onnx", "maskwise", fixed=(640, 320)))
        detector = MaskwiseNet(path)
        assert detector.input_size == (640, 320)
        (found,) = detector.detect(Image(painted(grey(900, 1300), (200, 300, 500, 620))))
        np.testing.assert_allclose(found.box, [200, 300, 500, 620], atol=8)

    def line(self, detector: MaskwiseNet) -> str:
        with pytest.raises(ModelError) as caught:
            detector.detect(Image(grey(64, 64)))
        text = str(caught.value)
        assert "\n" not in text
        assert ".onnx" in text
        return text


class TestAddress:
    def test_a_file_of_the_users(self, file: str) -> None:
        made = detect.create(f"maskwise:{file}")
        assert made.id == MaskwiseNet(file).id
        assert made.scheme == "five"

    def test_alone_it_is_the_file_that_ships(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def resolve(what: str) -> models.ModelFile:
            asked.append(what)
            return models.ModelFile(MODEL, Path("stub.onnx"), "0" * 64, None)

        monkeypatch.setattr(models, "resolve", resolve)
        assert detect.create("maskwise").id.startswith("maskwise/000000000000/fitted-1/")
        assert asked == [MODEL]

    def test_it_is_the_default(self) -> None:
        sha = models.entry(MODEL).sha256[:12]
        assert detect.create().id == detect.create("maskwise").id == MaskwiseNet().id
        assert MaskwiseNet().id.split("/")[1] == sha

    def test_the_id_names_what_changes_answers(self, file: str) -> None:
        name, sha, size, *_ = MaskwiseNet(file).id.split("/")
        assert (name, len(sha), size) == ("maskwise", 12, "fitted-1")
        others = [
            MaskwiseNet(file, threshold=0.7),
            MaskwiseNet(file, nms=0.3),
            MaskwiseNet(file, size=(320, 320)),
        ]
        assert len({MaskwiseNet(file).id, *(one.id for one in others)}) == 4
        assert MaskwiseNet(file, threads=1).id == MaskwiseNet(file).id

    @pytest.mark.parametrize(
        "options", [{"threshold": 1.5}, {"threshold": "x"}, {"nms": -1}, {"size": (0, 640)}]
    )
    def test_options_that_cannot_be(self, options: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError, match=next(iter(options))):
            MaskwiseNet("stub", **options)
