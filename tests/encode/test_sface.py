from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from encoder_files import encoder_file, expected
from record_insightface import KEYPOINTS, chips, picture

from maskwise import encode, models
from maskwise.align import ARCFACE_CHIP, align
from maskwise.encode.sface import SFace
from maskwise.errors import ConfigurationError, ModelError
from maskwise.testing.encoder_contract import EncoderContract
from maskwise.types import Image, Landmarks


def small(folder: Path, **given: Any) -> str:
    """As the OpenCV Zoo's file: one face, RGB of 0..255, the normalisation inside, 128 numbers."""
    usual: dict[str, Any] = {"dim": 128, "batch": 1, "inside": "mxnet", "outputs": ("fc1",)}
    return str(encoder_file(folder / "small.onnx", **{**usual, **given}))


class TestContract(EncoderContract):
    @pytest.fixture
    def encoder(self, tmp_path: Path) -> SFace:
        return SFace(small(tmp_path), threads=1)


@pytest.fixture
def opencv(tmp_path: Path) -> Any:
    """OpenCV's own class with the small file."""
    return cv2.FaceRecognizerSF.create(small(tmp_path), "")


class TestAgreementWithOpenCV:
    def test_features(self, opencv: Any, tmp_path: Path) -> None:
        wanted = [opencv.feature(np.ascontiguousarray(c[..., ::-1])).copy() for c in chips()]
        found = SFace(small(tmp_path), threads=1).describe_batch(chips())
        np.testing.assert_allclose(found, np.concatenate(wanted), rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("points", KEYPOINTS)
    def test_chips(self, opencv: Any, points: Any) -> None:
        given = np.float32([[10, 10, 90, 120, *np.ravel(points), 0.9]])
        wanted = opencv.alignCrop(np.ascontiguousarray(picture()[..., ::-1]), given)[..., ::-1]
        landmarks = Landmarks("five", np.float32(points))
        found = align(Image(picture()), landmarks, ARCFACE_CHIP).pixels
        # OpenCV writes the mean of the reference points down with six digits.
        assert np.abs(found.astype(int) - wanted).max() <= 2
        assert (found == wanted).mean() > 0.98

    def test_scores(self, opencv: Any, tmp_path: Path) -> None:
        rows = [opencv.feature(np.ascontiguousarray(c[..., ::-1])).copy() for c in chips()]
        wanted = [[opencv.match(a, b, cv2.FaceRecognizerSF_FR_COSINE) for b in rows] for a in rows]
        found = SFace(small(tmp_path), threads=1).encode_batch(chips())
        np.testing.assert_allclose(found @ found.T, wanted, atol=1e-5)


class TestSFace:
    def test_numbers_are_those_of_numpy(self, tmp_path: Path) -> None:
        found = SFace(small(tmp_path), threads=1).describe_batch(chips())
        np.testing.assert_allclose(found, expected(chips(), 128, std=128), atol=2e-5)

    def test_names(self, tmp_path: Path) -> None:
        path = small(tmp_path)
        sha = models.resolve(path).sha256[:12]
        encoder = SFace(path)
        assert encoder.id == f"sface/{sha}/arcface-112/rgb-m0-s1-l2-1"
        assert encoder.space == f"sface/{sha}"
        assert encoder.dim == 128
        assert encode.create(f"sface:{path}").id == encoder.id

    def test_a_file_of_another_dimension(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"expected 128 numbers a face, got 512; sface reads"):
            SFace(small(tmp_path, dim=512), threads=1).encode_batch(chips())

    def test_the_stores_file_is_the_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MASKWISE_MODELS", str(tmp_path))
        with pytest.raises(ModelError, match="maskwise models pull sface"):
            _ = SFace().id

    def test_a_model_of_another_backend(self) -> None:
        with pytest.raises(ConfigurationError, match="not read by sface"):
            _ = SFace("dlib-resnet-v1").id
