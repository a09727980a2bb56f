"""SFace of the OpenCV Zoo: 128 numbers, what cv2.FaceRecognizerSF runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from maskwise.align import ARCFACE_CHIP
from maskwise.encode.onnx_encoder import EncoderSpec, OnnxEncoder, Preprocessing
from maskwise.encode.weights import encoder_file

if TYPE_CHECKING:
    from maskwise.models import ModelFile

MODEL: Final = "sface"
"""The store's name of face_recognition_sface_2021dec.onnx."""

SPEC: Final = EncoderSpec(
    "sface",
    ARCFACE_CHIP,
    # modules/objdetect/src/face_recognize.cpp, feature(): RGB of 0..255; the file has the rest.
    Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    dim=128,
    advice="sface reads face_recognition_sface_2021dec.onnx of the OpenCV Zoo "
    "(maskwise models pull sface); other encoders: arcface:PATH, or a manifest (docs/encoders.md)",
)


class SFace(OnnxEncoder):
    """The Encoder of OpenCV's SFace; see ``OnnxEncoder``.

    what: a model's name in the store, or a path; by default ``sface``.
    """

    def __init__(
        self,
        what: str | None = None,
        *,
        threads: int | None = None,
        device: str | None = None,
    ) -> None:
        def describe() -> tuple[ModelFile, EncoderSpec]:
            return encoder_file(what or MODEL, "sface"), SPEC

        super().__init__(describe, threads=threads, device=device)
