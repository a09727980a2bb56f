"""SCRFD, insightface's face detectors (det_*.onnx, scrfd_*.onnx), on ONNX Runtime, decoded here.

Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", ICLR 2022: grids
of cells with one or two anchors; each gives a score, the distances from the cell to the four
sides of the box, and the way to five points, all in cells. insightface tells its files apart by
the number of outputs (python-package/insightface/model_zoo/scrfd.py), and so is it done here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from maskwise.detect import dense, network_file
from maskwise.detect.single_shot import SingleShot
from maskwise.models.readers import only_here
from maskwise.types import F32

if TYPE_CHECKING:
    import onnxruntime

    from maskwise.detect.dense import I64, Faces
    from maskwise.detect.looks import Size
    from maskwise.detect.network_file import Layout

_KIND: Final = "SCRFD"
_THREE: Final = (8, 16, 32)
_FIVE: Final = (8, 16, 32, 64, 128)
_PLAIN: Final = (("score", 1), ("bbox", 4))
_MARKED: Final = (*_PLAIN, ("kps", 10))
# Number of outputs -> strides, anchors of a cell, what each cell has.
_LAYOUTS: Final = {
    6: (_THREE, 2, _PLAIN),
    9: (_THREE, 2, _MARKED),
    10: (_FIVE, 1, _PLAIN),
    15: (_FIVE, 1, _MARKED),
}


class Scrfd(SingleShot):
    """The Detector of SCRFD's files; see ``SingleShot`` for the options.

    With ``size`` the picture is letterboxed into it at the top left, and what comes back is what
    insightface says of it with that ``det_size``.
    """

    name = "scrfd"
    _bgr = False
    _mean = 127.5
    _std = 128.0

    def __init__(
        self,
        what: str | None = None,
        *,
        threshold: float = 0.5,
        nms: float = 0.4,
        size: Size | None = None,
        threads: int | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__(
            what, threshold=threshold, nms=nms, size=size, threads=threads, device=device
        )

    def _default(self) -> str:
        return only_here("scrfd")

    def _read(self, session: onnxruntime.InferenceSession, file: str) -> Layout:
        names = tuple(one.name for one in session.get_outputs())
        if len(names) not in _LAYOUTS:
            raise network_file.wrong(
                _KIND,
                file,
                f"6, 9, 10 or 15 outputs, got {network_file.outputs_of(session)}; "
                "a YuNet file is yunet:FILE",
            )
        strides, anchors, kinds = _LAYOUTS[len(names)]
        given, fixed = network_file.read_input(_KIND, file, session)
        return network_file.Layout(_KIND, file, given, strides, kinds, names, anchors, fixed)

    def _scores(self, arrays: list[F32]) -> F32:
        return arrays[0][:, 0]

    def _boxes(self, cells: F32, stride: int, arrays: list[F32]) -> tuple[F32, F32 | None]:
        corner = cells * stride
        away = arrays[1] * np.float32(stride)
        boxes = np.concatenate([corner - away[:, :2], corner + away[:, 2:]], axis=1)
        if len(arrays) == 2:
            return boxes, None
        ways = arrays[2].reshape(-1, 5, 2) * np.float32(stride)
        return boxes, corner[:, None] + ways

    def _kept(self, faces: Faces, most_covered: float) -> I64:
        return dense.kept(faces.boxes, self._nms, 1, most_covered)
