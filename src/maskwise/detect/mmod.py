"""dlib's MMOD face detector (CC0) on ONNX Runtime; face_recognition's users know it as "cnn".

King, "Max-Margin Object Detection", arXiv:1502.00046: a fully convolutional network scores every
8 px of a tiled image pyramid; each score above the threshold stands for a window of 80x80 px
there. What dlib does around the network is in dlib/dnn/loss.h (to_label), dlib/dnn/input.h and
tools/python/src/cnn_face_detector.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
import numpy.typing as npt

from maskwise import models
from maskwise.detect import tiled_pyramid
from maskwise.errors import ConfigurationError, InputError
from maskwise.models.session import run
from maskwise.types import F32, F64, U8, Detection, Image, Scheme

if TYPE_CHECKING:
    import onnxruntime

I64 = npt.NDArray[np.int64]
_MODEL: Final = "dlib-mmod"
# Of the picture that is tiled.
_LONGEST_SIDE: Final = 2000
# A crop of a face this small gets a second look with a border: of mfr2-dev's masked crops, cut
# again to YuNet's boxes, 42 of 61 are then found instead of 35; uncut, 48 either way.
_CROP_SIDE: Final = 400
_MEAN_COLOUR: Final = (123, 117, 104)
# Rows of scores at once; each is 8 px of the pyramid.
_STRIP: Final = 128
# Of the doubled picture: a phone's 12 megapixels doubled once pass, in 3 GB.
_MOST_PIXELS: Final = 50_000_000
# pyramid_down<2>::point_down in dlib/image_transforms/image_pyramid.h.
_DOUBLED_SHIFT: Final = np.array([1.25, 0.75, 1.25, 0.75])


@dataclass(frozen=True, slots=True, eq=False)
class _Options:
    """What the model file says of itself.

    window: (2,) px of the pyramid. mean: (3,) R, G, B. nms_iou, nms_covered: two boxes are one
    face above this intersection over union, or covered share of either. Score i stands at pixel
    stride * i + offset, and depends on ``halo`` scores' worth of pixels on each side.
    """

    window: F64
    mean: F32
    nms_iou: float
    nms_covered: float
    stride: int
    offset: int
    halo: int


class Mmod:
    """The Detector of dlib's MMOD network. The model is opened at the first use.

    upsample: N >= 0 gives dlib's own answers, the picture doubled N times first (faces need about
    80 px in the doubled picture). None fits the picture's size; see ``detect``.
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
        how = "fitted-1" if self._upsample is None else f"upsample-{self._upsample}"
        sha = models.entry(_MODEL).sha256[:12]
        return f"{_MODEL}/{sha}/{how}/threshold-{self._threshold:g}"

    @property
    def scheme(self) -> Scheme | None:
        """None: it gives boxes alone."""
        return None

    def detect(self, image: Image) -> list[Detection]:
        """All faces of ``image`` by falling score, without landmarks.

        Without ``upsample``, a picture of up to 1000 px a side is doubled once, so faces from
        about 40 px are found; a larger one is brought to 2000 px, so in a photo of 4000 px they
        need 160. A picture of up to 400 px where nothing is found is looked at once more with a
        border, since a face that fills it needs some context.

        Boxes are dlib's rectangles: whole px, the last column and row belong to the face.
        Raises ModelError when the weights are missing or damaged, and InputError when
        ``upsample`` makes the picture larger than 50 million pixels.
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
        """Doubled where that is small enough, else at the largest size; see ``detect``."""
        height, width = pixels.shape[:2]
        scale = _LONGEST_SIDE / max(height, width)
        if scale < 2:
            size = max(round(width * scale), 1), max(round(height * scale), 1)
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            resized = np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)
            boxes, scores = self._boxes(resized)
            return _rounded((boxes + 0.5) / scale - 0.5), scores
        boxes, scores = self._detect_doubled(pixels, 1)
        if not len(scores) and max(height, width) <= _CROP_SIDE:
            border = max(height, width) // 4
            # The mean colour is what the network sees around every picture.
            framed = cv2.copyMakeBorder(
                pixels, border, border, border, border, cv2.BORDER_CONSTANT, value=_MEAN_COLOUR
            )
            boxes, scores = self._detect_doubled(np.asarray(framed, np.uint8), 1)
            boxes = boxes - border
        return boxes, scores

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
        scores = _scores(session, pyramid, options)
        row, column = np.nonzero(scores > self._threshold)
        found = scores[row, column].astype(np.float64)
        order = np.argsort(-found, kind="stable")
        cells = np.stack([column, row], axis=1)[order].astype(np.float64)
        centres = cells * options.stride + options.offset
        half = np.asarray((options.window - 1) / 2, np.float64)
        boxes = _rounded(tiled_pyramid.to_picture(centres, half, tiles))
        keep = _suppressed(boxes, options.nms_iou, options.nms_covered)
        return boxes[keep], found[order][keep]


def _scores(session: onnxruntime.InferenceSession, pyramid: F32, options: _Options) -> F32:
    """(h, w) float32 of the whole ``pyramid``, computed in strips so that memory stays bounded."""
    size = 2 * options.offset + 1
    count = (pyramid.shape[2] - size) // options.stride + 1
    strips = []
    for start in range(0, count, _STRIP):
        first = max(start - options.halo, 0)
        last = min(start + _STRIP + options.halo, count) - 1
        rows = pyramid[:, :, first * options.stride : last * options.stride + size]
        scores = run(_MODEL, session, {"pyramid": np.ascontiguousarray(rows)})[0, 0]
        strips.append(scores[start - first : start - first + _STRIP])
    return np.concatenate(strips)


def _suppressed(boxes: I64, most_iou: float, most_covered: float) -> I64:
    """Indices of ``boxes`` (N, 4), by falling score, that overlap none kept before them.

    Columns and rows count inclusively. dlib/image_processing/box_overlap_testing.h.
    """
    areas = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1)
    left = np.arange(len(boxes))
    keep = []
    while len(left):
        best, left = left[0], left[1:]
        keep.append(best)
        low = np.maximum(boxes[left, :2], boxes[best, :2])
        high = np.minimum(boxes[left, 2:], boxes[best, 2:])
        inner = np.maximum(high - low + 1, 0).prod(axis=1)
        iou = inner / (areas[left] + areas[best] - inner)
        covered = inner / np.minimum(areas[left], areas[best])
        left = left[(iou <= most_iou) & (covered <= most_covered)]
    return np.array(keep, np.int64)


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
        halo=int(metadata["halo"]),
    )
