"""What MaskwiseNet, Yunet and Scrfd share: a checked file, looks at a picture, one box a face."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from maskwise import models
from maskwise.detect import dense, looks, network_file
from maskwise.detect.dense import Faces
from maskwise.errors import ConfigurationError
from maskwise.models.store import unchanged
from maskwise.types import F32, U8, Detection, Image, Scheme

if TYPE_CHECKING:
    import onnxruntime

    from maskwise.detect.dense import I64
    from maskwise.detect.looks import Look, Size
    from maskwise.detect.network_file import Layout
    from maskwise.models import ModelFile

_MOST_SIDE = 8192


class SingleShot(ABC):
    """A Detector on ONNX Runtime whose network scores every cell of a few grids.

    what: the model's name in the store, or a path. threshold: the least score, 0..1, inclusive.
    nms: intersection over union up to which two boxes are two faces. size: width and height that
    the picture is brought to, by the peer's own rule; None: by the picture, see
    docs/detectors.md. threads, device: as in ``models.open_file``.
    The file is looked up and opened at the first use.
    """

    name: ClassVar[str]
    _bgr: ClassVar[bool]
    _mean: ClassVar[float]
    _std: ClassVar[float]
    _clipped: ClassVar[bool] = False
    """Whether boxes are cut off at the picture's edges; the peers' are not."""

    def __init__(
        self,
        what: str | None,
        *,
        threshold: float,
        nms: float,
        size: Size | None,
        threads: int | None,
        device: str | None,
    ) -> None:
        for option, value in (("threshold", threshold), ("nms", nms)):
            if not (isinstance(value, (int, float, np.number)) and 0 <= value <= 1):
                raise ConfigurationError(f"{option}: expected 0 to 1, got {value}")
        if size is not None and (
            len(size) != 2 or any(int(side) != side or not 1 <= side <= _MOST_SIDE for side in size)
        ):
            raise ConfigurationError(
                f"size: expected (width, height) of 1 to {_MOST_SIDE} px, or None, got {size}"
            )
        self._what = what
        self._threshold = float(threshold)
        self._nms = float(nms)
        self._size = None if size is None else (int(size[0]), int(size[1]))
        self._threads = threads
        self._device = device
        self._layout: Layout | None = None

    @property
    def id(self) -> str:
        """``<name>/<12 hex digits of the file's sha256>/<size>/threshold-<t>/nms-<n>``.

        The size is ``fitted-1`` without one: the number rises when that rule changes.
        """
        how = "fitted-1" if self._size is None else f"{self._size[0]}x{self._size[1]}"
        return (
            f"{self.name}/{self._file.sha256[:12]}/{how}"
            f"/threshold-{self._threshold:g}/nms-{self._nms:g}"
        )

    @property
    def scheme(self) -> Scheme | None:
        """``five``, or None where the file has no key points. Opens the file."""
        return "five" if self._opened()[1].points else None

    @property
    def input_size(self) -> Size | None:
        """Width and height of the only input that the file takes; None: any. Opens the file."""
        return self._opened()[1].fixed

    def detect(self, image: Image) -> list[Detection]:
        """All faces of ``image`` by falling score, with the five points where the file has them.

        Boxes and points are the network's numbers divided by the picture's scale, as the peers
        give them; boxes may reach outside the picture, except ``MaskwiseNet``'s.
        Raises ModelError when the file is missing, not accepted, damaged or of another kind, and
        ConfigurationError when it takes another ``size`` only.
        """
        session, layout = self._opened()
        found: list[Faces] = []
        source = image.pixels
        planned = self._looks((image.width, image.height), layout)
        for _, same in groupby(planned, key=lambda look: look.size):
            group = list(same)
            if looks.answered(group[0], (image.width, image.height), [one.boxes for one in found]):
                continue
            shown = looks.resized(source, group[0])
            if group[0].averaged:  # the next is smaller: large photos are averaged once
                source = shown
            found += [self._seen(shown, look, session, layout) for look in group]
        faces = dense.best_first(dense.joined(found))
        if self._clipped:
            faces = faces.clipped(image.width, image.height)
        return self._one_each(faces).detections()

    def _one_each(self, faces: Faces) -> Faces:
        """Of ``faces``, by falling score, the best box of each."""
        return faces.take(self._kept(faces, looks.MOST_COVERED if self._size is None else 1.0))

    def _looks(self, picture: Size, layout: Layout) -> list[Look]:
        if self._size is None:
            return looks.fitted(picture, layout.fixed)
        return [looks.letterboxed(picture, self._size)]

    def _seen(
        self, shown: U8, look: Look, session: onnxruntime.InferenceSession, layout: Layout
    ) -> Faces:
        """The candidates of one look, in px of the picture. shown: it, at the look's size."""
        blob = looks.planes(
            shown, look, layout.multiple, bgr=self._bgr, mean=self._mean, std=self._std
        )
        outputs = network_file.run(session, layout, blob)
        parts: list[Faces] = []
        for stride, arrays in zip(layout.strides, outputs, strict=True):
            scores = self._scores(arrays)
            index = np.flatnonzero(scores >= np.float32(self._threshold))
            if parts and not len(index):  # most grids of most pictures
                continue
            place = index // layout.anchors
            columns = blob.shape[3] // stride
            cells = np.stack([place % columns, place // columns], axis=1).astype(np.float32)
            boxes = self._boxes(cells, stride, [one[index] for one in arrays])
            parts.append(Faces(boxes[0], scores[index], boxes[1]))
        seen = dense.joined(parts)
        return seen.take(looks.counting(look, seen.boxes)).moved(look.scale, look.place)

    def _opened(self) -> tuple[onnxruntime.InferenceSession, Layout]:
        """The session, asked for every time since a forked child needs its own."""
        session = models.open_file(
            unchanged(self._file), threads=self._threads, device=self._device
        )
        if self._layout is None:
            layout = self._read(session, str(self._file.path))
            network_file.check(session, layout)
            if self._size and layout.fixed and self._size != layout.fixed:
                raise ConfigurationError(
                    f"size: {self._file.path} takes {layout.fixed[0]}x{layout.fixed[1]} px only, "
                    f"got {self._size[0]}x{self._size[1]}"
                )
            self._layout = layout
        return session, self._layout

    @cached_property
    def _file(self) -> ModelFile:
        return models.resolve(self._what or self._default())

    @abstractmethod
    def _default(self) -> str:
        """What is opened where nothing was named."""

    @abstractmethod
    def _read(self, session: onnxruntime.InferenceSession, file: str) -> Layout:
        """Which output is what; ModelError where that cannot be told."""

    @abstractmethod
    def _scores(self, arrays: list[F32]) -> F32:
        """(N,) float32 of the N cells of one stride."""

    @abstractmethod
    def _boxes(self, cells: F32, stride: int, arrays: list[F32]) -> tuple[F32, F32 | None]:
        """(N, 4) boxes and (N, 5, 2) points in px of the canvas, of N ``cells`` (column, row)."""

    @abstractmethod
    def _kept(self, faces: Faces, most_covered: float) -> I64:
        """Which of ``faces``, by falling score, are one each."""
