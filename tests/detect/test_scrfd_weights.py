"""SCRFD with real weights, against the paper's decoding written out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from maskwise import image
from maskwise.detect.scrfd import Scrfd
from maskwise.types import F32, U8, Image

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "scrfd_500m_bnkps.onnx"


def reference(pixels: U8, side: int, threshold: float, most_iou: float) -> list[F32]:
    """SCRFD by the paper, one cell after the other: rows of box, score and points.

    On the real file, with its own session; nothing of the code under test.
    """
    import onnxruntime

    height, width = pixels.shape[:2]
    if width >= height:
        new = (side, int(side * height / width))
    else:
        new = (int(side / (height / width)), side)
    canvas = np.zeros((side, side, 3), np.uint8)
    canvas[: new[1], : new[0]] = cv2.resize(pixels, new)
    scale = new[1] / height
    blob = (canvas.astype(np.float32).transpose(2, 0, 1)[None] - 127.5) / 128
    session = onnxruntime.InferenceSession(str(REAL), providers=["CPUExecutionProvider"])
    out = [o[0] for o in session.run(None, {session.get_inputs()[0].name: blob})]
    rows = []
    for level, stride in enumerate((8, 16, 32)):
        for i in np.flatnonzero(out[level][:, 0] >= threshold):
            y, x = divmod(i // 2, side // stride)
            left, top, right, bottom = out[level + 3][i] * stride
            points = out[level + 6][i].reshape(5, 2) * stride + (x * stride, y * stride)
            box = [x * stride - left, y * stride - top, x * stride + right, y * stride + bottom]
            place = np.array([*box, *points.ravel()]) / scale
            rows.append(np.append(place, out[level][i]))
    kept: list[F32] = []
    for row in sorted(rows, key=lambda r: -r[-1]):
        for other in kept:
            w = min(row[2], other[2]) - max(row[0], other[0]) + 1
            h = min(row[3], other[3]) - max(row[1], other[1]) + 1
            inner = max(w, 0) * max(h, 0)
            areas = [(r[2] - r[0] + 1) * (r[3] - r[1] + 1) for r in (row, other)]
            if inner / (sum(areas) - inner) > most_iou:
                break
        else:
            kept.append(row)
    return kept


def assert_agree(picture: Image, threshold: float = 0.5) -> int:
    """The same faces within 0.01 px; returns how many."""
    ours = Scrfd(str(REAL), size=(640, 640), threshold=threshold).detect(picture)
    theirs = reference(picture.pixels, 640, threshold, 0.4)
    assert len(ours) == len(theirs), picture.source
    for one, row in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.box, row[:4], atol=0.01, err_msg=picture.source)
        assert one.landmarks is not None
        np.testing.assert_allclose(one.landmarks.points.ravel(), row[4:14], atol=0.01)
        assert one.score == pytest.approx(row[14], abs=1e-5)
    return len(ours)


@pytest.mark.data
@pytest.mark.skipif(not REAL.is_file(), reason="needs scrfd_500m_bnkps.onnx")
class TestRealWeights:
    @pytest.fixture(autouse=True)
    def _accepted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MASKWISE_ACCEPT_LICENCES", "insightface-models")

    def test_on_photos(self, lfw_photos: list[Image]) -> None:
        assert sum(assert_agree(photo) for photo in lfw_photos[:20]) >= 20
        assert sum(assert_agree(photo, 0.1) for photo in lfw_photos[20:24]) >= 4

    def test_on_masked_photos(self, data_folder: Path) -> None:
        files = sorted((data_folder / "rwmfd-dev").glob("*.jpg"))[::40]
        assert sum(assert_agree(image.load(path)) for path in files) > 0

    def test_by_default_close_ups_and_small_faces_are_found(self, lfw_photos: list[Image]) -> None:
        detector = Scrfd(str(REAL))
        for photo in lfw_photos[:6]:
            (first, *_) = detector.detect(photo)
            x1, y1, x2, y2 = np.clip(first.box, 0, 250).astype(int)
            close_up = cv2.resize(photo.pixels[y1:y2, x1:x2], (1200, 1500))
            assert len(detector.detect(Image(close_up))) == 1, photo.source
            small = cv2.resize(photo.pixels, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
            assert detector.detect(Image(small)), photo.source
