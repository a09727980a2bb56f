"""Our own face detector, for bare and masked faces; how it was made stands in training/detector/.

Three grids of 8, 16 and 32 px. Each cell gives a score, the distances from the cell's centre to
the four sides of the box, and the way to the five points, all in cells. Colours are brought to
the network's range inside the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from maskwise.detect import dense, looks, network_file
from maskwise.detect.single_shot import SingleShot
from maskwise.types import F32, U8, Scheme

if TYPE_CHECKING:
    import onnxruntime

    from maskwise.detect.dense import I64, Faces
    from maskwise.detect.looks import Look, Size
    from maskwise.detect.network_file import Layout

MODEL: Final = "maskwise-detector"
"""Its name in the manifest."""

THRESHOLD: Final = 0.5
"""The least score by default."""

# Faces this low, in px of the picture, are seldom more than a light patch below a dark one; so are
# letters, hands and folds. They need a score this much higher. Chosen on RWMFD's training photos.
_LOW: Final = 24
_LOW_MORE: Final = 1.3

# Candidates of one look above which a face of many is made one at once: in a crowd's photo of many
# tiles the limit on all candidates would else cut off faces.
_MANY: Final = 1000

_KIND: Final = "maskwise detector"
_STRIDES: Final = (8, 16, 32)
_KINDS: Final = (("score", 1), ("box", 4), ("points", 10))
_OUTPUTS: Final = tuple(f"{kind}_{stride}" for kind, _ in _KINDS for stride in _STRIDES)


class MaskwiseNet(SingleShot):
    """The Detector of our own network; see ``SingleShot`` for the options.

    what: None for the file that ships, else one that training/detector/ exported. Without ``size``
    the picture is seen in its own size, enlarged or in tiles, and once small; see
    ``looks.own_sized``. Faces lower than 24 px need a higher score than ``threshold``. Boxes are
    cut off at the picture's edges, points are not.
    """

    name = "maskwise"
    _bgr = False
    _mean = 0.0
    _std = 1.0
    _clipped = True

    def __init__(
        self,
        what: str | None = None,
        *,
        threshold: float = THRESHOLD,
        nms: float = 0.4,
        size: Size | None = None,
        threads: int | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__(
            what, threshold=threshold, nms=nms, size=size, threads=threads, device=device
        )

    @property
    def scheme(self) -> Scheme:
        """``five``: the network always gives them."""
        return "five"

    @property
    def _low_threshold(self) -> float:
        """The least score of low faces; below 1 for every threshold below 1."""
        return min(self._threshold * _LOW_MORE, (1 + self._threshold) / 2)

    def _default(self) -> str:
        return MODEL

    def _looks(self, picture: Size, layout: Layout) -> list[Look]:
        if self._size is not None or layout.fixed is not None:
            return super()._looks(picture, layout)
        return looks.own_sized(picture)

    def _seen(
        self, shown: U8, look: Look, session: onnxruntime.InferenceSession, layout: Layout
    ) -> Faces:
        seen = super()._seen(shown, look, session, layout)
        low = seen.boxes[:, 3] - seen.boxes[:, 1] < _LOW
        seen = seen.take(~low | (seen.scores >= self._low_threshold))
        if len(seen.scores) > _MANY:
            seen = self._one_each(dense.best_first(seen))
        return seen

    def _read(self, session: onnxruntime.InferenceSession, file: str) -> Layout:
        names = {one.name for one in session.get_outputs()}
        if names != set(_OUTPUTS):
            raise network_file.wrong(
                _KIND,
                file,
                "the 9 outputs score, box and points of _8, _16 and _32, "
                f"got {network_file.outputs_of(session)}; a YuNet file is yunet:FILE, an SCRFD "
                "file scrfd:FILE",
            )
        given, fixed = network_file.read_input(_KIND, file, session)
        return network_file.Layout(_KIND, file, given, _STRIDES, _KINDS, _OUTPUTS, 1, fixed)

    def _scores(self, arrays: list[F32]) -> F32:
        return arrays[0][:, 0]

    def _boxes(self, cells: F32, stride: int, arrays: list[F32]) -> tuple[F32, F32 | None]:
        _, away, ways = arrays
        centre = cells + np.float32(0.5)
        boxes = np.concatenate([centre - away[:, :2], centre + away[:, 2:]], axis=1)
        points = centre[:, None] + ways.reshape(-1, 5, 2)
        return boxes * np.float32(stride), points * np.float32(stride)

    def _kept(self, faces: Faces, most_covered: float) -> I64:
        return dense.kept(faces.boxes, self._nms, 0, most_covered)
