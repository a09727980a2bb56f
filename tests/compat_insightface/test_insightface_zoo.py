from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import insight_models as built
import numpy as np
import pytest

from maskwise.compat.insightface import devices, model_zoo
from maskwise.compat.insightface.app.common import Face
from maskwise.compat.insightface.model_zoo import ArcFaceONNX, get_model
from maskwise.compat.insightface.model_zoo.scrfd import SCRFD, sizes_of
from maskwise.errors import ConfigurationError, ImageError, LicenceError, ModelError
from maskwise.models.runtime import opening

CPU, CUDA, TENSORRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))


class TestGetModel:
    def test_by_what_the_file_is(self, written: Path) -> None:
        assert isinstance(get_model(written / "det_10g.onnx"), SCRFD)
        assert isinstance(get_model(str(written / "w600k_r50.onnx")), ArcFaceONNX)
        assert model_zoo.model_zoo.get_model is get_model
        assert model_zoo.RetinaFace is SCRFD

    def test_a_pack_means_its_last_file(self, root: Path) -> None:
        model = get_model("mine", root=root)
        assert model.taskname == "recognition"
        assert model.model_file.endswith("w600k_r50.onnx")

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("det_10g.onnx", r"no model file det_10g\.onnx, and nothing is downloaded"),
            ("arcface_r100_v1", "no model files of arcface_r100_v1"),
            ("buffalo_l/det_10g", "maskwise models pull buffalo_l/det_10g"),
            ("buffalo_l", "maskwise models pull buffalo_l"),
        ],
    )
    def test_what_is_not_there(self, name: str, message: str) -> None:
        with pytest.raises(ModelError, match=message):
            get_model(name, download=True)

    @pytest.mark.parametrize("file", ["genderage", "1k3d68", "2d106det"])
    def test_what_is_not_run(self, written: Path, file: str) -> None:
        with pytest.raises(ModelError, match="detection and recognition only"):
            get_model(written / f"{file}.onnx")

    def test_of_no_kind(self, tmp_path: Path) -> None:
        path = built.write_other(tmp_path / "odd.onnx", 50, 3)
        with pytest.raises(ModelError, match="of no kind"):
            get_model(path)

    @pytest.mark.parametrize("content", [b"", b"no onnx at all", b"PK\x03\x04"])
    def test_no_onnx(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "net.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"net\.onnx") as caught:
            get_model(path)
        assert "\n" not in str(caught.value)

    def test_known_weights_want_their_licence(
        self, written: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Wherever they lie: their sha256 tells."""
        monkeypatch.setattr(
            "maskwise.models.store.by_sha256",
            lambda sha: SimpleNamespace(name="pack/net", accept="insightface-models"),
        )
        with pytest.raises(LicenceError, match="insightface-models"):
            get_model(written / "w600k_r50.onnx")


class TestScrfd:
    @pytest.fixture
    def detector(self, written: Path) -> Any:
        return get_model(written / "det_10g.onnx")

    def test_insightfaces_attributes(self, detector: Any) -> None:
        assert detector.taskname == "detection"
        assert detector.input_name == "input"
        assert detector.input_shape[:2] == [1, 3]
        assert len(detector.output_names) == 9
        assert (detector.input_mean, detector.input_std) == (127.5, 128.0)
        assert (detector.det_thresh, detector.nms_thresh) == (0.5, 0.4)
        assert detector.use_kps
        assert detector.session.get_providers() == [CPU]

    def test_sizes(self, detector: Any) -> None:
        picture = built.picture(1)
        given = detector.detect(picture, input_size=(320, 320))[0]
        detector.prepare(ctx_id=-1, input_size=(320, 320))
        np.testing.assert_array_equal(detector.detect(picture)[0], given)
        array = detector.detect(picture, input_size=np.array([320, 320]))[0]
        np.testing.assert_array_equal(array, given)

    def test_nothing_prepared_means_both_default_sizes(self, detector: Any) -> None:
        picture = built.picture(3, 70, 90)
        both = detector.detect(picture, input_size=[(128, 128), (640, 640)])[0]
        np.testing.assert_array_equal(detector.detect(picture)[0], both)
        np.testing.assert_array_equal(detector.detect(picture, input_size=(0, 0))[0], both)

    def test_thresholds(self, detector: Any) -> None:
        picture = built.picture(4)
        every = detector.detect(picture, input_size=(320, 320))[0]
        high = detector.detect(picture, input_size=(320, 320), det_thresh=0.9)[0]
        np.testing.assert_array_equal(high, every[every[:, 4] >= 0.9])
        detector.prepare(-1, nms_thresh=0.05)
        assert len(detector.detect(picture, input_size=(320, 320))[0]) < len(every)

    def test_without_points(self, tmp_path: Path) -> None:
        detector = get_model(built.write_detector(tmp_path / "d.onnx", points=False))
        assert isinstance(detector, SCRFD)
        assert not detector.use_kps
        boxes, points = detector.detect(built.picture(1), input_size=(320, 320), max_num=2)
        assert boxes.shape == (2, 5)
        assert points is None

    def test_nothing_found(self, detector: Any, tmp_path: Path) -> None:
        black = np.zeros((50, 60, 3), np.uint8)
        for sizes in ((320, 320), None):
            boxes, points = detector.detect(black, input_size=sizes)
            assert boxes.shape == (0, 5)
            assert points.shape == (0, 5, 2)
            assert boxes.dtype == points.dtype == np.float32

    def test_a_file_of_one_size_is_given_that(self, tmp_path: Path) -> None:
        detector = get_model(built.write_detector(tmp_path / "d.onnx", size=256))
        assert isinstance(detector, SCRFD)
        detector.prepare(-1, input_size=(640, 640))
        picture = built.picture(1)
        other = detector.detect(picture, input_size=[(128, 128), (640, 640)])[0]
        np.testing.assert_array_equal(detector.detect(picture)[0], other)
        free = get_model(built.write_detector(tmp_path / "free.onnx"))
        assert isinstance(free, SCRFD)
        expected = free.detect(picture, input_size=(256, 256))[0]
        np.testing.assert_allclose(other, expected, atol=1e-3)

    def test_an_argument_that_prepare_lacks(self, detector: Any) -> None:
        with pytest.raises(TypeError, match="det_size"):
            detector.prepare(ctx_id=0, det_size=(640, 640))

    @pytest.mark.parametrize(
        ("given", "sizes"),
        [
            ((640, 480), [(640, 480)]),
            ([640.0, 480.0], [(640, 480)]),
            ([(1, 2), (3, 4), (1, 2)], [(1, 2), (3, 4)]),
            ([(0, 0), (320, 320)], [(128, 128), (640, 640), (320, 320)]),
            (None, [(128, 128), (640, 640)]),
        ],
    )
    def test_sizes_of(self, given: Any, sizes: list[tuple[int, int]]) -> None:
        assert list(sizes_of(given)) == sizes


class TestArcFace:
    @pytest.fixture
    def encoder(self, written: Path) -> Any:
        return get_model(written / "w600k_r50.onnx")

    def test_insightfaces_attributes(self, encoder: Any) -> None:
        assert encoder.taskname == "recognition"
        assert encoder.input_size == (112, 112)
        assert (encoder.input_mean, encoder.input_std) == (127.5, 127.5)
        assert encoder.output_names == ["embedding"]
        assert encoder.output_shape[1] == 512

    def test_one_and_many(self, encoder: Any) -> None:
        faces = [built.picture(seed, 112, 112) for seed in range(3)]
        many = encoder.get_feat(faces)
        assert many.shape == (3, 512)
        for face, row in zip(faces, many, strict=True):
            np.testing.assert_allclose(encoder.get_feat(face)[0], row, atol=1e-4)
        assert encoder.get_feat([]).shape == (0, 512)

    def test_forward_is_get_feat_without_the_pictures_work(self, encoder: Any) -> None:
        face = built.picture(2, 112, 112)
        blob = face[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32)
        np.testing.assert_allclose(encoder.forward(blob), encoder.get_feat(face), atol=1e-4)

    def test_get_puts_it_into_the_face(self, encoder: Any) -> None:
        face = Face(kps=np.float32([[50, 60], [90, 60], [70, 80], [55, 100], [85, 100]]))
        found = encoder.get(built.picture(1), face)
        assert face.embedding is found
        assert found.shape == (512,)

    def test_without_points(self, encoder: Any) -> None:
        with pytest.raises(ModelError, match="key points"):
            encoder.get(built.picture(1), Face(bbox=np.zeros(4)))

    def test_no_picture(self, encoder: Any) -> None:
        with pytest.raises(ImageError, match=r"cv2\.imread"):
            encoder.get_feat(None)

    def test_likeness(self, encoder: Any) -> None:
        one = np.float32([3, 4])
        assert encoder.compute_sim(one, one[None] * 2) == pytest.approx(1)
        assert encoder.compute_sim(one, np.float32([-4, 3])) == pytest.approx(0, abs=1e-7)

    def test_pickled(self, encoder: Any) -> None:
        face = built.picture(2, 112, 112)
        back = pickle.loads(pickle.dumps(encoder))
        np.testing.assert_array_equal(back.get_feat(face), encoder.get_feat(face))

    def test_a_session_is_not_taken(self, written: Path) -> None:
        with pytest.raises(ConfigurationError, match="session"):
            ArcFaceONNX(str(written / "w600k_r50.onnx"), session=object())  # type: ignore[arg-type]


def test_a_file_of_another_folder_or_time_is_another_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chip = built.picture(1, 112, 112)
    for folder, inside in (("a", False), ("b", True)):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        built.write_encoder(Path("net.onnx"), inside=inside)
        model = ArcFaceONNX("net.onnx")
        assert model.input_mean == (0 if inside else 127.5)
        monkeypatch.chdir(tmp_path)
        assert model.get_feat(chip).shape == (1, built.DIM)
    monkeypatch.chdir(tmp_path / "b")
    built.write_encoder(Path("net.onnx"))
    assert ArcFaceONNX("net.onnx").input_mean == 127.5
    for points in (True, False):
        built.write_detector(Path("det.onnx"), points=points)
        assert SCRFD("det.onnx").use_kps == points


class TestDevices:
    @pytest.fixture
    def there(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The providers of a stand-in for ONNX Runtime; may be changed."""
        names = [CPU]
        runtime = SimpleNamespace(__version__="1", get_available_providers=lambda: names)
        monkeypatch.setattr(opening, "runtime", lambda: runtime)
        return names

    @pytest.mark.parametrize(
        ("providers", "available", "device"),
        [
            (None, [CPU], "cpu"),
            (None, [CUDA, CPU], "cuda"),
            ([CPU], [CUDA, CPU], "cpu"),
            ([CPU, CUDA], [CPU], "cpu"),
            ([CUDA, CPU], [CUDA, CPU], "cuda"),
            ([CUDA], [CUDA, CPU], "cuda"),
            ([TENSORRT, CUDA, CPU], [CUDA, CPU], "cuda"),
            ([(CUDA, {"device_id": 1}), CPU], [CUDA, CPU], "cuda:1"),
            (["AzureExecutionProvider", CPU], [CPU], "cpu"),
        ],
    )
    def test_chosen(
        self, there: list[str], providers: Any, available: list[str], device: str
    ) -> None:
        there[:] = available
        assert devices.wanted(providers).device() == device

    def test_options_apart(self, there: list[str]) -> None:
        there[:] = [CUDA, CPU]
        assert devices.wanted([CUDA, CPU], [{"device_id": "2"}, {}]).device() == "cuda:2"

    @pytest.mark.parametrize("providers", [[CUDA], [CUDA, CPU], [TENSORRT, CUDA, CPU]])
    def test_never_the_cpu_in_silence(
        self, there: list[str], providers: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wanted = devices.wanted(providers)
        with pytest.raises(ConfigurationError, match=r"not there.*ctx_id=-1.*MASKWISE_DEVICE=cpu"):
            wanted.device()
        assert wanted.device(-1) == "cpu"
        monkeypatch.setenv("MASKWISE_DEVICE", "cpu")
        assert wanted.device() == "cpu"

    def test_the_variable_where_nothing_was_asked_for(
        self, there: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MASKWISE_DEVICE", "openvino")
        assert devices.wanted(None).device() is None

    def test_names_that_there_are_not(self) -> None:
        with pytest.raises(ConfigurationError, match="no 'GPU' here"):
            devices.wanted(["GPU"])
        with pytest.raises(ConfigurationError, match="a list"):
            devices.wanted(CPU)

    def test_an_absent_gpu_stops_prepare(self, written: Path, there: list[str]) -> None:
        model = ArcFaceONNX(str(written / "w600k_r50.onnx"), wanted=devices.wanted([CUDA, CPU]))
        with pytest.raises(ConfigurationError, match="'cuda' is not there"):
            model.open()
