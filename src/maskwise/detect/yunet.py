"""YuNet, OpenCV Zoo's face detector (MIT), on ONNX Runtime, decoded here.

Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023:
three grids of 8, 16 and 32 px; each cell gives a class and an object score, a box by its centre
and the logarithm of its size, and five points. What OpenCV does around the network is in
modules/objdetect/src/face_detect.cpp; test_yunet.py compares with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from maskwise.detect import dense, looks, network_file
from maskwise.detect.single_shot import SingleShot
from maskwise.models.readers import only_here
from maskwise.types import F32, Scheme

if TYPE_CHECKING:
    import onnxruntime

    from maskwise.detect.dense import I64, Faces
    from maskwise.detect.looks import Look, Size
    from maskwise.detect.network_file import Layout

PREFERRED: Final = "yunet-2026may"
"""Of several files in the store: it takes pictures of any size."""

_KIND: Final = "YuNet"
_STRIDES: Final = (8, 16, 32)
_KINDS: Final = (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
_OUTPUTS: Final = tuple(f"{kind}_{stride}" for kind, _ in _KINDS for stride in _STRIDES)


class Yunet(SingleShot):
    """The Detector of YuNet's files; see ``SingleShot`` for the options.

    With ``size`` the picture is letterboxed into it at the top left, and what comes back is what
    cv2.FaceDetectorYN says of that; with the picture's own size nothing is resized.
    """

    name = "yunet"
    _bgr = True
    _mean = 0.0
    _std = 1.0

    def __init__(
        self,
        what: str | None = None,
        *,
        threshold: float = 0.6,
        nms: float = 0.3,
        size: Size | None = None,
        threads: int | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__(
            what, threshold=threshold, nms=nms, size=size, threads=threads, device=device
        )

    @property
    def scheme(self) -> Scheme:
        """``five``: every YuNet has them."""
        return "five"

    def _default(self) -> str:
        return only_here("yunet", PREFERRED)

    def _looks(self, picture: Size, layout: Layout) -> list[Look]:
        # Letterboxing cuts: int(333 * (250 / 333)) is 249, and a row would be lost.
        return (
            [looks.unchanged(picture)] if picture == self._size else super()._looks(picture, layout)
        )

    def _read(self, session: onnxruntime.InferenceSession, file: str) -> Layout:
        names = {one.name for one in session.get_outputs()}
        if names != set(_OUTPUTS):
            raise network_file.wrong(
                _KIND,
                file,
                "the 12 outputs cls, obj, bbox and kps of _8, _16 and _32, "
                f"got {network_file.outputs_of(session)}; an SCRFD file is "
                "scrfd:FILE, one of maskwise's own is maskwise:FILE",
            )
        given, fixed = network_file.read_input(_KIND, file, session)
        return network_file.Layout(_KIND, file, given, _STRIDES, _KINDS, _OUTPUTS, 1, fixed)

    def _scores(self, arrays: list[F32]) -> F32:
        both = np.clip(arrays[0], 0, 1) * np.clip(arrays[1], 0, 1)
        return np.asarray(np.sqrt(both)[:, 0], np.float32)

    def _boxes(self, cells: F32, stride: int, arrays: list[F32]) -> tuple[F32, F32 | None]:
        _, _, box, points = arrays
        centre = (cells + box[:, :2]) * stride
        with np.errstate(over="ignore"):  # what is infinite is left out afterwards
            half = np.exp(box[:, 2:]) * stride / 2
        five = (points.reshape(-1, 5, 2) + cells[:, None]) * stride
        return np.concatenate([centre - half, centre + half], axis=1), five

    def _kept(self, faces: Faces, most_covered: float) -> I64:
        return dense.kept(dense.whole(faces.boxes), self._nms, 0, most_covered)
