from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from detector_files import grey, painted, points_of, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stub_session import StubSession, install

from maskwise import image
from maskwise.detect.yunet import Yunet
from maskwise.errors import ConfigurationError, ModelError
from maskwise.testing.detector_contract import DetectorContract
from maskwise.types import F32, U8, Image

STRIDES = (8, 16, 32)
NAMES = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES]
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "yunet_2026may.onnx"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A YuNet that finds coloured rectangles."""
    return str(write(tmp_path_factory.mktemp("yunet") / "yunet.onnx", "yunet"))


@pytest.fixture(scope="module")
def fixed_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same, for 640x640 px only."""
    path = tmp_path_factory.mktemp("yunet") / "fixed.onnx"
    return str(write(path, "yunet", fixed=(640, 640)))


class TestContract(DetectorContract):
    overlap = 0.9

    @pytest.fixture
    def detector(self, file: str) -> Yunet:
        return Yunet(file)

    @pytest.fixture
    def face(self) -> tuple[U8, F32]:
        return painted(grey(200, 200), (50, 50, 150, 150)), np.float32([50, 50, 150, 150])


class TestContractOfOneSize(TestContract):
    @pytest.fixture
    def detector(self, file: str) -> Yunet:
        return Yunet(file, size=(640, 640))


class TestContractOfAFixedFile(TestContract):
    @pytest.fixture
    def detector(self, fixed_file: str) -> Yunet:
        return Yunet(fixed_file)


class TestDecoding:
    """By hand: one cell of one grid; what stands in it and what must come out."""

    def outputs(self, blob: F32, cell: tuple[int, int, int], values: dict[str, Any]) -> list[F32]:
        height, width = blob.shape[2:]
        stride, column, row = cell
        out = []
        for name in NAMES:
            kind, of = name.split("_")
            wide = {"bbox": 4, "kps": 10}.get(kind, 1)
            cells = np.zeros((height // int(of), width // int(of), wide), np.float32)
            if int(of) == stride and blob.shape[2:] != (32, 32):
                cells[row, column] = values[kind]
            out.append(cells.reshape(1, -1, wide))
        return out

    @pytest.mark.parametrize("stride", STRIDES)
    def test_one_cell(self, monkeypatch: pytest.MonkeyPatch, stride: int) -> None:
        values = {
            "cls": 0.5,
            "obj": 0.98,
            "bbox": [0.25, -0.5, np.log(2), np.log(3)],
            "kps": [0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 1],
        }
        install(monkeypatch, NAMES, lambda blob: self.outputs(blob, (stride, 3, 2), values))
        (found,) = Yunet("stub", size=(160, 128)).detect(Image(grey(128, 160)))
        # Centre (3 + 0.25, 2 - 0.5), 2 x 3 cells.
        want = np.array([2.25, 0, 4.25, 3]) * stride
        np.testing.assert_allclose(found.box, want, rtol=1e-6, atol=1e-5)
        assert found.score == pytest.approx(0.7)
        assert found.landmarks is not None
        cells = [[3, 2], [4, 2], [3.5, 2.5], [3, 3], [4, 3]]
        np.testing.assert_allclose(found.landmarks.points, np.array(cells) * stride)

    def test_scores_outside_of_0_to_1_are_cut(self, monkeypatch: pytest.MonkeyPatch) -> None:
        values = {"cls": 7.0, "obj": 0.49, "bbox": 0, "kps": 0}
        install(monkeypatch, NAMES, lambda blob: self.outputs(blob, (8, 3, 2), values))
        (found,) = Yunet("stub", size=(160, 128)).detect(Image(grey(128, 160)))
        assert found.score == pytest.approx(0.7)
        values["cls"] = -1.0
        assert Yunet("stub", size=(160, 128)).detect(Image(grey(128, 160))) == []

    def test_numbers_that_are_none_give_no_face(self, monkeypatch: pytest.MonkeyPatch) -> None:
        values = {"cls": 1, "obj": 1, "bbox": [0, 0, 200, 0], "kps": 0}
        install(monkeypatch, NAMES, lambda blob: self.outputs(blob, (8, 3, 2), values))
        assert Yunet("stub", size=(160, 128)).detect(Image(grey(128, 160))) == []
        values["bbox"], values["cls"] = 0, np.nan
        assert Yunet("stub", size=(160, 128)).detect(Image(grey(128, 160))) == []

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    @given(data=st.data())
    def test_what_is_encoded_comes_back(
        self, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
    ) -> None:
        """Boxes and points, encoded by the definition into any cell of any grid."""
        stride = data.draw(st.sampled_from(STRIDES))
        column, row = data.draw(st.integers(0, 160 // stride - 1)), data.draw(st.integers(0, 3))
        px = st.floats(-300, 300)
        x, y = data.draw(px), data.draw(px)
        w, h = data.draw(st.floats(2, 400)), data.draw(st.floats(2, 400))
        points = np.array(data.draw(st.lists(px, min_size=10, max_size=10))).reshape(5, 2)
        centre = np.array([x + w / 2, y + h / 2])
        cell = np.array([column, row])
        values = {
            "cls": 1,
            "obj": 1,
            "bbox": [*(centre / stride - cell), np.log(w / stride), np.log(h / stride)],
            "kps": (points / stride - cell).ravel(),
        }
        install(monkeypatch, NAMES, lambda blob: self.outputs(blob, (stride, column, row), values))
        (found,) = Yunet("stub", size=(160, 128)).detect(Image(grey(128, 160)))
        np.testing.assert_allclose(found.box, [x, y, x + w, y + h], atol=1e-3)
        assert found.landmarks is not None
        np.testing.assert_allclose(found.landmarks.points, points, atol=1e-3)

    def test_it_sees_blue_green_red_unchanged_and_black_below(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        values = {"cls": 0, "obj": 0, "bbox": 0, "kps": 0}
        session: StubSession = install(
            monkeypatch, NAMES, lambda blob: self.outputs(blob, (8, 0, 0), values)
        )
        pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
        Yunet("stub", size=(90, 70)).detect(Image(pixels))
        blob = session.seen[-1]
        assert blob.shape == (1, 3, 96, 96)
        np.testing.assert_array_equal(blob[0, :, :70, :90].transpose(1, 2, 0), pixels[..., ::-1])
        assert (blob[0, :, 70:] == 0).all()
        assert (blob[0, :, :, 90:] == 0).all()


class TestFile:
    @pytest.mark.parametrize("which", ["file", "fixed_file"])
    def test_faces_of_all_sizes_in_a_large_picture(
        self, request: pytest.FixtureRequest, which: str
    ) -> None:
        places = [(16, 16, 116, 116), (300, 200, 900, 1000), (1900, 1200, 3700, 2900)]
        canvas = grey(3000, 4000)
        for place, strength in zip(places, (255, 240, 225), strict=True):
            painted(canvas, place, strength)
        found = Yunet(request.getfixturevalue(which)).detect(Image(canvas))
        assert len(found) == 3
        for one, place in zip(found, places, strict=True):
            np.testing.assert_allclose(one.box, place, atol=8)
            assert one.landmarks is not None
            np.testing.assert_allclose(one.landmarks.points, points_of(place), atol=8)

    @pytest.mark.parametrize("size", [None, (320, 256)])
    @pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3), (17, 33)])
    def test_odd_pictures(
        self, file: str, size: tuple[int, int] | None, shape: tuple[int, int]
    ) -> None:
        detector = Yunet(file, size=size)
        assert detector.detect(Image(grey(*shape))) == []
        whole = painted(grey(*shape), (0, 0, shape[1], shape[0]))
        for one in detector.detect(Image(whole)):
            assert np.isfinite(one.box).all()

    @pytest.mark.parametrize("move", [(32, 0), (64, 96), (96, 32)])
    def test_moved_by_whole_cells_the_answer_moves_too(
        self, file: str, move: tuple[int, int]
    ) -> None:
        still, moved = grey(320, 320), grey(320, 320)
        painted(still, (35, 41, 120, 150))
        painted(moved, (35 + move[0], 41 + move[1], 120 + move[0], 150 + move[1]))
        detector = Yunet(file, size=(320, 320))
        (one,), (other,) = detector.detect(Image(still)), detector.detect(Image(moved))
        np.testing.assert_allclose(other.box, one.box + np.tile(move, 2), atol=1e-3)
        assert one.score == other.score

    def test_the_file_is_opened_at_the_first_use(self) -> None:
        detector = Yunet("nothing-of-that-name.onnx")
        assert detector.scheme == "five"
        with pytest.raises((ModelError, ConfigurationError), match="nothing-of-that-name"):
            detector.detect(Image(grey(9, 9)))

    def test_the_id_names_what_changes_answers(self, file: str) -> None:
        name, sha, size, *_ = Yunet(file).id.split("/")
        assert (name, len(sha), size) == ("yunet", 12, "fitted-1")
        others = [Yunet(file, threshold=0.7), Yunet(file, nms=0.4), Yunet(file, size=(320, 320))]
        assert len({Yunet(file).id, *(one.id for one in others)}) == 4
        assert Yunet(file, threads=1).id == Yunet(file).id


def opencv(path: str, picture: Image, threshold: float) -> F32:
    """(N, 15) float32 of cv2.FaceDetectorYN: x, y, w, h, the points, the score."""
    judge = cv2.FaceDetectorYN.create(
        path, "", (picture.width, picture.height), threshold, 0.3, 5000
    )
    _, found = judge.detect(np.ascontiguousarray(picture.pixels[..., ::-1]))
    return np.zeros((0, 15), np.float32) if found is None else found


def assert_agree(path: str, picture: Image, threshold: float = 0.6) -> int:
    """The same faces within 0.01 px; returns how many."""
    size = (picture.width, picture.height)
    ours = Yunet(path, size=size, threshold=threshold).detect(picture)
    theirs = opencv(path, picture, threshold)
    assert len(ours) == len(theirs), picture.source
    for one, row in zip(ours, theirs, strict=True):
        box = [*row[:2], *(row[:2] + row[2:4])]
        np.testing.assert_allclose(one.box, box, atol=0.01, err_msg=picture.source)
        assert one.landmarks is not None
        np.testing.assert_allclose(one.landmarks.points.ravel(), row[4:14], atol=0.01)
        assert one.score == pytest.approx(row[14], abs=1e-5)
    return len(ours)


class TestAgreementWithOpencv:
    @pytest.mark.parametrize("size", [(250, 333), (250, 250), (320, 256), (97, 301)])
    def test_of_a_small_file(self, file: str, size: tuple[int, int]) -> None:
        canvas = painted(painted(grey(*size), (5, 7, 60, 50), 250), (65, 52, 95, 90), 200)
        assert assert_agree(file, Image(canvas)) == 2

    @pytest.mark.models
    def test_on_the_sample_people(self, sample_photos: list[Path]) -> None:
        self.needs_the_real_one()
        found = [assert_agree(str(REAL), image.load(path)) for path in sample_photos[::4]]
        assert sum(found) >= len(found)

    @pytest.mark.data
    def test_on_photos(self, lfw_photos: list[Image]) -> None:
        self.needs_the_real_one()
        assert sum(assert_agree(str(REAL), photo) for photo in lfw_photos[:30]) >= 30
        # Many candidates, many of them overlapping.
        assert sum(assert_agree(str(REAL), photo, 0.2) for photo in lfw_photos[30:36]) >= 6

    @pytest.mark.data
    def test_on_masked_photos(self, data_folder: Path) -> None:
        self.needs_the_real_one()
        files = sorted((data_folder / "rwmfd-dev").glob("*.jpg"))[::20]
        assert sum(assert_agree(str(REAL), image.load(path)) for path in files) > 0

    def needs_the_real_one(self) -> None:
        if not REAL.is_file():
            pytest.skip("needs yunet_2026may.onnx, which only the development machines have")
