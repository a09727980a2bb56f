from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from encoder_files import encoder_file, expected
from record_insightface import FILES, GOLDEN, KEYPOINTS, chips, picture

from maskwise import models
from maskwise.align import ARCFACE_CHIP, align
from maskwise.encode.arcface import ArcFace
from maskwise.errors import ConfigurationError, MaskwiseError, ModelError
from maskwise.testing.encoder_contract import EncoderContract
from maskwise.types import U8, Image, Landmarks


class TestContract(EncoderContract):
    @pytest.fixture
    def encoder(self, tmp_path: Path) -> ArcFace:
        return ArcFace(str(encoder_file(tmp_path / "small.onnx")), threads=1)


class TestContractOfAFileForOneFace(EncoderContract):
    @pytest.fixture
    def encoder(self, tmp_path: Path) -> ArcFace:
        return ArcFace(str(encoder_file(tmp_path / "small.onnx", batch=1)), threads=1)


class TestContractOfAFileForThreeFaces(EncoderContract):
    @pytest.fixture
    def encoder(self, tmp_path: Path) -> ArcFace:
        return ArcFace(str(encoder_file(tmp_path / "small.onnx", batch=3)), threads=1)


class TestContractWithMirrorImages(EncoderContract):
    @pytest.fixture
    def encoder(self, tmp_path: Path) -> ArcFace:
        return ArcFace(str(encoder_file(tmp_path / "small.onnx")), flip=True, threads=1)


@pytest.fixture(scope="module")
def golden() -> dict[str, dict[str, list[list[float]]]]:
    found: dict[str, dict[str, list[list[float]]]] = json.loads(GOLDEN.read_text("utf-8"))
    return found


def shown(rows: Any) -> Any:
    rows = np.asarray(rows, np.float64)
    return np.hstack([rows[:, :8], np.linalg.norm(rows, axis=1, keepdims=True)])


@pytest.mark.parametrize("name", FILES)
class TestAgreementWithInsightface:
    """With the numbers that record_insightface.py wrote down."""

    def test_on_chips(self, name: str, golden: Any, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx", **FILES[name])
        found = ArcFace(str(path), threads=1).describe_batch(chips())
        np.testing.assert_allclose(shown(found), golden[name]["chips"], rtol=1e-5, atol=1e-5)

    def test_on_a_picture(self, name: str, golden: Any, tmp_path: Path) -> None:
        encoder = ArcFace(str(encoder_file(tmp_path / "small.onnx", **FILES[name])), threads=1)
        points = [Landmarks("five", np.float32(face)) for face in KEYPOINTS]
        cut = [align(Image(picture()), p, encoder.chip_spec).pixels for p in points]
        found = shown(encoder.describe_batch(np.stack(cut)))
        # The last bit of the transform may move a grey value by one here and there.
        wanted = np.array(golden[name]["faces"])
        np.testing.assert_allclose(found, wanted, atol=1e-3 * wanted[:, -1].max())


class TestNumbers:
    @pytest.mark.parametrize(
        ("given", "wanted"),
        [
            ({}, {}),
            ({"dim": 128}, {"dim": 128}),
            ({"inside": "mxnet"}, {"std": 128}),
            ({"inside": "mxnet", "listed": True}, {"std": 128}),
            ({"inside": "unnamed"}, {}),
            ({"inside": "unnamed", "listed": True}, {}),
            ({"batch": -1}, {}),
            ({"inside": "divided"}, {}),
            ({"inside": "channels"}, {}),
            ({"names": ("/Sub_1", "/Mul_2")}, {}),
            ({"names": ("Sub_1", "Sub_2")}, {}),
            ({"declared": (1, 512)}, {}),
            ({"declared": ("N", "D")}, {}),
            ({"declared": ()}, {}),
            ({"only_one": True}, {}),
            ({"batch": 1}, {}),
            ({"batch": 4}, {}),
        ],
    )
    def test_they_are_those_of_numpy(self, given: Any, wanted: Any, tmp_path: Path) -> None:
        encoder = ArcFace(str(encoder_file(tmp_path / "small.onnx", **given)), threads=1)
        many = np.concatenate([chips()] * 12)  # more than a batch
        numbers = expected(many, **wanted)
        assert encoder.dim == numbers.shape[1]
        found = encoder.describe_batch(many)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, numbers, atol=2e-5)
        templates = numbers / np.linalg.norm(numbers, axis=1, keepdims=True)
        np.testing.assert_allclose(encoder.encode_batch(many), templates, atol=1e-6)

    def test_half_precision(self, tmp_path: Path) -> None:
        encoder = ArcFace(str(encoder_file(tmp_path / "small.onnx", dtype="half")), threads=1)
        np.testing.assert_allclose(encoder.describe_batch(chips()), expected(chips()), atol=5e-3)

    def test_red_and_blue_are_not_alike(self, tmp_path: Path) -> None:
        encoder = ArcFace(str(encoder_file(tmp_path / "small.onnx")), threads=1)
        swapped = encoder.encode_batch(chips()[..., ::-1])
        assert np.abs(swapped - encoder.encode_batch(chips())).max() > 0.01

    def test_flip_is_the_mean_of_a_face_and_its_mirror_image(self, tmp_path: Path) -> None:
        path = str(encoder_file(tmp_path / "small.onnx"))
        found = ArcFace(path, flip=True, threads=1).describe_batch(chips())
        both = (expected(chips()) + expected(chips()[:, :, ::-1])) / 2
        np.testing.assert_allclose(found, both, atol=2e-5)


class TestNames:
    def test_the_id_names_file_chip_and_pixels(self, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx")
        sha = models.resolve(str(path)).sha256[:12]
        encoder = ArcFace(str(path))
        assert encoder.id == f"arcface/{sha}/arcface-112/rgb-m127.5-s127.5-l2-1"
        assert encoder.space == f"arcface/{sha}"
        assert encoder.chip_spec is ARCFACE_CHIP

    def test_the_id_tells_normalisation_and_mirror_images(self, tmp_path: Path) -> None:
        inside = ArcFace(str(encoder_file(tmp_path / "inside.onnx", inside="mxnet")))
        assert inside.id.endswith("/arcface-112/rgb-m0-s1-l2-1")
        path = str(encoder_file(tmp_path / "small.onnx"))
        flipped = ArcFace(path, flip=True)
        assert flipped.id.endswith("/arcface-112/rgb-m127.5-s127.5-flip-l2-1")
        assert flipped.space == ArcFace(path).space

    def test_a_file_keeps_its_id_under_another_name(self, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx")
        other = shutil.copy(path, tmp_path / "other.onnx")
        assert ArcFace(str(path)).id == ArcFace(str(other)).id

    def test_neither_making_it_nor_its_id_opens_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def opened(*_: object, **__: object) -> None:
            raise AssertionError("opened")

        monkeypatch.setattr(models, "open_file", opened)
        encoder = ArcFace(str(encoder_file(tmp_path / "small.onnx")))
        assert encoder.id
        assert encoder.space
        assert encoder.chip_spec is ARCFACE_CHIP
        with pytest.raises(AssertionError, match="opened"):
            _ = encoder.dim


def pack(folder: Path, **recognition: object) -> Path:
    """A pack's manifest.json as insightface 2 reads it."""
    task = {"file": "small.onnx", **recognition}
    manifest = {"manifest_version": 2, "model_id": "small", "tasks": {"recognition": task}}
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return path


class TestPacks:
    def test_pixels_as_the_pack_says(self, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx")
        pack(tmp_path, preprocessing={"mean": 120, "std": 64.0})
        encoder = ArcFace(str(path), threads=1)
        assert encoder.id.endswith("/rgb-m120-s64-l2-1")
        wanted = expected(chips(), mean=120, std=64)
        np.testing.assert_allclose(encoder.describe_batch(chips()), wanted, atol=5e-5)

    def test_bytes_for_a_file_that_normalises_them(self, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx", inside="unnamed", dtype="uint8")
        pack(tmp_path, preprocessing="embedded")
        found = ArcFace(str(path), threads=1).describe_batch(chips())
        np.testing.assert_allclose(found, expected(chips()), atol=2e-5)

    @pytest.mark.parametrize(
        ("size", "name"), [(112, "arcface-112"), (224, "arcface-112-at-224"), (128, "arcface-128")]
    )
    def test_the_size_that_the_pack_says(self, size: int, name: str, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx", size=size)
        pack(tmp_path, input_size=[size, size])
        encoder = ArcFace(str(path), threads=1)
        assert encoder.chip_spec.name == name
        face = np.random.default_rng(2).integers(0, 256, (1, size, size, 3), np.uint8)
        np.testing.assert_allclose(encoder.describe_batch(face), expected(face), atol=1e-4)

    def test_without_a_word_of_pixels_they_are_insightfaces(self, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx", inside="mxnet")
        pack(tmp_path)
        assert ArcFace(str(path)).id.endswith("/rgb-m127.5-s127.5-l2-1")

    def test_other_manifests_and_other_files_mean_nothing(self, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx")
        before = ArcFace(str(path)).id
        manifest = pack(tmp_path, file="another.onnx", preprocessing="embedded")
        assert ArcFace(str(path)).id == before
        for text in ("no JSON", "[]", '{"manifest_version": 3}', '{"manifest_version": 2}'):
            manifest.write_text(text, encoding="utf-8")
            assert ArcFace(str(path)).id == before

    @pytest.mark.parametrize(
        "task",
        [
            {"preprocessing": "mine"},
            {"preprocessing": {"mean": 1}},
            {"preprocessing": {"mean": 1, "std": 0}},
            {"preprocessing": {"mean": "a", "std": 1}},
            {"input_size": [112, 128]},
            {"input_size": 112},
            {"input_size": [2, 2]},
        ],
    )
    def test_nonsense_is_an_error_that_names_the_manifest(self, task: Any, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx")
        pack(tmp_path, **task)
        with pytest.raises(ModelError, match=r"manifest\.json: makes no sense of small\.onnx"):
            _ = ArcFace(str(path)).id


class TestBadFiles:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"size": 640, "dim": 8}, r"one input \(N, 3, 112, 112\), got \(N, 3, 640, 640\)"),
            ({"layout": "nhwc"}, r"got \(N, 112, 112, 3\)"),
            ({"outputs": ("a", "b", "c")}, "expected one output, got 3: a, b, c"),
            (
                {"odd": "map", "declared": ("N", 3, 4, 4)},
                r"expected an output \(N, D\), got \(N, 3, 4, 4\)",
            ),
            ({"odd": "once", "declared": ("N",)}, r"expected an output \(N, D\), got \(N\)"),
            ({"dtype": "int64"}, "expected an input of float32, float16 or uint8"),
            ({"dtype": "uint8"}, "takes pixels as they are"),
            ({"inside": "unit"}, "normalises pixels of 0..1 itself"),
            ({"odd": "nan"}, "gave no finite numbers for 1 of 1 chips"),
            ({"odd": "zero"}, "gave zeros for 1 of 1 chips"),
        ],
    )
    def test_files_that_are_no_encoders(self, given: Any, words: str, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx", **given)
        assert_refused(path, words)

    def test_two_inputs(self, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx")
        model = onnx.load(str(path))
        extra = onnx.helper.make_tensor_value_info("extra", onnx.TensorProto.FLOAT, [1])
        model.graph.input.append(extra)
        onnx.save(model, str(path))
        assert_refused(path, "got 2: data, extra")

    def test_a_truncated_file(self, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx")
        path.write_bytes(path.read_bytes()[:-2000])
        assert_refused(path, "cut short")

    def test_no_onnx(self, tmp_path: Path) -> None:
        path = tmp_path / "small.onnx"
        path.write_text("weights", encoding="utf-8")
        assert_refused(path, "no ONNX file")

    def test_a_detector_of_ours(self) -> None:
        with pytest.raises(ConfigurationError, match="dlib-mmod is no encoder"):
            _ = ArcFace("dlib-mmod").id

    def test_an_encoder_that_another_backend_reads(self) -> None:
        with pytest.raises(ConfigurationError, match="--encoder dlib-resnet-v1"):
            _ = ArcFace("dlib-resnet-v1").id

    def test_no_such_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="no such file"):
            _ = ArcFace(str(tmp_path / "nothing.onnx")).id


def assert_refused(path: Path, words: str) -> None:
    black: U8 = np.zeros((1, 112, 112, 3), np.uint8)
    with pytest.raises(ModelError, match=words) as caught:
        ArcFace(str(path), threads=1).encode_batch(black)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    assert isinstance(caught.value, MaskwiseError)
