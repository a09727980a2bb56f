"""dlib's MMOD face detector (CC0) on ONNX Runtime; face_recognition's users know it as "cnn".

King, "Max-Margin Object Detection", arXiv:1502.00046: a fully convolutional network scores every
8 px of a tiled image pyramid; each score above the threshold stands for a window of 80x80 px
there. What dlib does around the network is in dlib/dnn/loss.h (to_label), dlib/dnn/input.h and
tools/python/src/cnn_face_detector.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from maskwise import models
from maskwise.detect import tiled_pyramid
from maskwise.errors import ConfigurationError, InputError
from maskwise.types import F32, F64, U8, Detection, Image

I64 = npt.NDArray[np.int64]
_MODEL: Final = "dlib-mmod"
# Of the network's input: about 1 s and 500 MB.
_LONGEST_SIDE: Final = 2000
_MOST_PIXELS: Final = 5000 * 5000
# pyramid_down<2>::point_down in dlib/image_transforms/image_pyramid.h.
_DOUBLED_SHIFT: Final = np.array([1.25, 0.75, 1.25, 0.75])


@dataclass(frozen=True, slots=True, eq=False)
class _Options:
    """What the model file says of itself. window: (2,) px. mean: (3,) R, G, B."""

    window: F64
    mean: F32
    nms_iou: float
    nms_covered: float
    stride: int
    offset: int


class Mmod:
    """The Detector of dlib's MMOD network. The model is opened at the first use.

    upsample: N >= 0 gives dlib's own answers, the picture doubled N times first (faces need about
    80 px in the doubled picture). None chooses by the picture's size; see ``detect``.
    threshold: the least score, exclusive; dlib's is 0. threads: of one run.
    """

    def __init__(
        self, *, upsample: int | None = None, threshold: float = 0.0, threads: int | None = None
    ) -> None:
        if upsample is not None and upsample < 0:
            raise ConfigurationError(f"upsample: expected 0 or more, or None, got {upsample}")
        self._upsample = upsample
        self._threshold = threshold
        self._threads = threads
        self._options: _Options | None = None

    @property
    def id(self) -> str:
        """``dlib-mmod/<12 hex digits of the file's sha256>/<upsample>/<threshold>``."""
        how = "auto-1" if self._upsample is None else f"upsample-{self._upsample}"
        sha = models.entry(_MODEL).sha256[:12]
        return f"{_MODEL}/{sha}/{how}/threshold-{self._threshold:g}"

    def detect(self, image: Image) -> list[Detection]:
        """All faces of ``image`` by falling score, without landmarks.

        Boxes are dlib's rectangles: whole px, the last column and row belong to the face.
        Raises ModelError when the weights are missing or damaged, and InputError when
        ``upsample`` makes the picture larger than 25 million pixels.
        """
        if self._upsample is None:
            corners, scores = self._detect_fitted(image.pixels)
        else:
            if image.width * image.height * 4**self._upsample > _MOST_PIXELS:
                raise InputError(
                    f"{image.source}: {image.width}x{image.height} px doubled {self._upsample} "
                    "times is too large for the MMOD detector; choose a smaller upsample, or None"
                )
            corners, scores = self._detect_doubled(image.pixels, self._upsample)
        return [
            Detection(box.astype(np.float32), float(score))
            for box, score in zip(corners, scores, strict=True)
        ]

    def _detect_fitted(self, pixels: U8) -> tuple[I64, F64]:
        """``_detect_doubled`` once where the picture is small enough, else at the largest size."""
        height, width = pixels.shape[:2]
        scale = _LONGEST_SIDE / max(height, width)
        if scale >= 2:
            return self._detect_doubled(pixels, 1)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        resized = np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)
        boxes, scores = self._boxes(resized)
        return _rounded((boxes + 0.5) / scale - 0.5), scores

    def _detect_doubled(self, pixels: U8, times: int) -> tuple[I64, F64]:
        """(N, 4) whole px and (N,) scores, as dlib gives them after doubling ``times``."""
        for _ in range(times):
            pixels = tiled_pyramid.doubled(pixels)
        boxes, scores = self._boxes(pixels)
        corners = boxes.astype(np.float64)
        for _ in range(times):
            corners = corners / 2 - _DOUBLED_SHIFT
        return _rounded(corners), scores

    def _boxes(self, pixels: U8) -> tuple[I64, F64]:
        """(N, 4) whole px left, top, right, bottom and (N,) scores of ``pixels``, by score."""
        tiles, whole = tiled_pyramid.layout(*pixels.shape[:2])
        session = models.open_session(_MODEL, threads=self._threads)
        if self._options is None:
            self._options = _read_options(session.get_modelmeta().custom_metadata_map)
        options = self._options
        # The first convolutions are not padded: what is smaller leaves nothing to score.
        if not len(tiles) or min(whole) < 2 * options.offset + 1:
            return np.zeros((0, 4), np.int64), np.zeros(0)
        pyramid = tiled_pyramid.build(pixels, tiles, whole, options.mean)
        scores = session.run(None, {"pyramid": pyramid})[0][0, 0]
        row, column = np.nonzero(scores > self._threshold)
        found = scores[row, column].astype(np.float64)
        order = np.argsort(-found, kind="stable")
        centres = np.stack([column, row], axis=1)[order] * float(options.stride) + options.offset
        boxes = _rounded(tiled_pyramid.to_picture(centres, (options.window - 1) / 2, tiles))
        keep = _suppressed(boxes, options.nms_iou, options.nms_covered)
        return boxes[keep], found[order][keep]


def _suppressed(boxes: I64, most_iou: float, most_covered: float) -> list[int]:
    """Which of ``boxes`` (N, 4), by falling score, overlap none of those kept before them."""
    areas = ((boxes[:, 2:] - boxes[:, :2]) + 1).prod(axis=1).astype(np.float64)
    keep: list[int] = []
    for i, box in enumerate(boxes):
        kept = boxes[keep]
        corner = np.minimum(box[2:], kept[:, 2:]) - np.maximum(box[:2], kept[:, :2]) + 1
        inner = np.maximum(corner, 0).prod(axis=1).astype(np.float64)
        outer = areas[i] + areas[keep] - inner
        covered = inner / np.minimum(areas[i], areas[keep])
        if not ((inner > most_iou * outer) | (covered > most_covered)).any():
            keep.append(i)
    return keep


def _rounded(values: F64) -> I64:
    """Nearest whole numbers, halves up, as dlib turns real corners into pixels."""
    return np.floor(values + 0.5).astype(np.int64)


def _read_options(metadata: dict[str, str]) -> _Options:
    return _Options(
        window=np.array(metadata["window"].split(), np.float64),
        mean=np.array(metadata["mean_rgb"].split(), np.float32),
        nms_iou=float(metadata["nms_iou"]),
        nms_covered=float(metadata["nms_covered"]),
        stride=int(metadata["stride"]),
        offset=int(metadata["offset"]),
    )
