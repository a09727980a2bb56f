"""insightface's detection model, by ``maskwise.detect.scrfd``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from maskwise.compat.insightface.devices import Wanted
from maskwise.compat.insightface.model_zoo.base import OnnxModel
from maskwise.compat.insightface.pictures import as_bgr, as_image
from maskwise.detect import dense
from maskwise.detect.scrfd import Scrfd
from maskwise.errors import ConfigurationError
from maskwise.types import F32, Image

Size: TypeAlias = tuple[int, int]
"""Width and height in px."""

SizesInput: TypeAlias = "Sequence[int] | Sequence[Sequence[int]] | npt.NDArray[Any]"

Metric = Literal["default", "max"]

AUTO_SIZES: Final[tuple[Size, ...]] = ((128, 128), (640, 640))
"""What insightface 2 looks at where no size is named: large faces in the first."""


class SCRFD(OnnxModel):
    """A detector with insightface's calls; see ``OnnxModel``.

    input_size may be set at any time, and so may det_thresh and nms_thresh. A file that takes one
    size only is given that, whatever is set.
    """

    taskname = "detection"
    input_mean = 127.5
    input_std = 128.0

    def __init__(
        self, model_file: str, session: None = None, *, wanted: Wanted | None = None
    ) -> None:
        super().__init__(model_file, session, wanted=wanted)
        self.det_thresh = 0.5
        self.nms_thresh = 0.4
        self.input_size: SizesInput | None = None

    @property
    def use_kps(self) -> bool:
        """Whether the file gives the five points."""
        return self._backend(1.0, None).scheme is not None

    def prepare(
        self,
        ctx_id: int,
        *,
        input_size: SizesInput | None = None,
        det_thresh: float | None = None,
        nms_thresh: float | None = None,
    ) -> None:
        """Set what is not None. ctx_id: below 0 for the CPU."""
        self._ctx_id = ctx_id
        if input_size is not None:
            sizes_of(input_size)
            self.input_size = input_size
        if det_thresh is not None:
            self.det_thresh = det_thresh
        if nms_thresh is not None:
            self.nms_thresh = nms_thresh

    def detect(
        self,
        img: npt.NDArray[Any],
        input_size: SizesInput | None = None,
        max_num: int = 0,
        metric: Metric = "default",
        det_thresh: float | None = None,
    ) -> tuple[F32, F32 | None]:
        """The faces of ``img`` (H, W, 3) uint8 BGR by falling score.

        (N, 5) float32 x1, y1, x2, y2, score in px of ``img``, and (N, 5, 2) float32 points, None
        where the file gives none. input_size: (width, height) that the picture is brought to, by
        default the one that was prepared; several, or none, as in insightface 2. max_num: at most
        so many, the largest (``max``), or those that are large and central; 0: all.
        Raises ImageError, ModelError, LicenceError and ConfigurationError.
        """
        if metric not in ("default", "max"):
            raise ConfigurationError(f'metric: expected "default" or "max", got {metric!r}')
        image = as_image(as_bgr(img))
        fixed = self._backend(1.0, None).input_size
        wanted = input_size if input_size is not None else self.input_size
        sizes = (fixed,) if fixed is not None else sizes_of(wanted)
        threshold = self.det_thresh if det_thresh is None else det_thresh
        if len(sizes) == 1:
            found, points = self._seen(image, sizes[0], threshold, self.nms_thresh)
        else:
            found, points = self._merged(image, sizes, threshold)
        if 0 < max_num < len(found):
            best = _preferred(found, image, metric)[:max_num]
            found, points = found[best], None if points is None else points[best]
        return found, points

    def _merged(
        self, image: Image, sizes: Sequence[Size], threshold: float
    ) -> tuple[F32, F32 | None]:
        """One box a face out of all candidates of all sizes."""
        parts = [self._seen(image, size, threshold, 1.0) for size in sizes]
        found = np.concatenate([part[0] for part in parts])
        order = np.argsort(-found[:, 4], kind="stable")
        order = order[dense.kept(found[order, :4], self.nms_thresh, 1)]
        points = [part[1] for part in parts if part[1] is not None]
        return found[order], np.concatenate(points)[order] if points else None

    def _seen(
        self, image: Image, size: Size, threshold: float, nms: float
    ) -> tuple[F32, F32 | None]:
        backend = self._backend(nms, size, threshold)
        faces = backend.detect(image)
        found = np.zeros((len(faces), 5), np.float32)
        points = np.zeros((len(faces), 5, 2), np.float32)
        for row, face in enumerate(faces):
            found[row, :4], found[row, 4] = face.box, face.score
            if face.landmarks is not None:
                points[row] = face.landmarks.points
        return found, points if backend.scheme is not None else None

    def _backend(self, nms: float, size: Size | None, threshold: float = 0.5) -> Scrfd:
        file = self._file
        return _detector(str(file.path), file.sha256, threshold, nms, size, self._device)


@lru_cache(maxsize=32)
def _detector(  # noqa: PLR0917 - lru_cache takes names for other calls
    file: str, sha256: str, threshold: float, nms: float, size: Size | None, device: str | None
) -> Scrfd:
    """sha256: of the file; another one under its name is another detector."""
    return Scrfd(file, threshold=threshold, nms=nms, size=size, device=device)


RetinaFace = SCRFD
"""insightface's older name of it, which insightface 0.7 uses."""


def sizes_of(given: SizesInput | None) -> tuple[Size, ...]:
    """A det_size as a tuple of sizes: one pair, several, or None for AUTO_SIZES.

    Raises ConfigurationError for what is none of these.
    """
    if given is None:
        return AUTO_SIZES
    try:
        array = np.asarray(given)
        pairs = array.reshape(-1, 2) if array.ndim in (1, 2) and array.shape[-1] == 2 else None
        if pairs is not None and len(pairs) and (pairs == pairs.astype(np.int64)).all():
            found = [size for w, h in pairs.tolist() for size in _auto((int(w), int(h)))]
            if min(map(min, found)) > 0:
                return tuple(dict.fromkeys(found))
    except (TypeError, ValueError):
        pass
    raise ConfigurationError(
        f"det_size: expected (width, height) in px, several of them, or None, got {given!r}"
    )


def _auto(size: Size) -> Sequence[Size]:
    return AUTO_SIZES if size == (0, 0) else (size,)


def _preferred(found: F32, image: Image, metric: Metric) -> npt.NDArray[np.int64]:
    """The order in which insightface drops faces, the last first, in its arithmetic.

    By area in px, minus twice the squared distance from the picture's middle.
    """
    x1, y1, x2, y2 = found[:, :4].T
    values = (x2 - x1) * (y2 - y1)
    if metric == "default":
        across = (x1 + x2) / 2 - image.width // 2
        down = (y1 + y2) / 2 - image.height // 2
        values = values - (across**2 + down**2) * 2
    return np.argsort(values)[::-1]
