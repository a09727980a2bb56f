"""insightface's recognition model, by ``maskwise.encode.arcface``."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskwise.compat.insightface.app.common import Face
from maskwise.compat.insightface.devices import Wanted
from maskwise.compat.insightface.model_zoo.base import OnnxModel
from maskwise.compat.insightface.pictures import as_bgr
from maskwise.compat.insightface.utils import face_align
from maskwise.encode.arcface import ArcFace
from maskwise.errors import ModelError
from maskwise.types import F32


class ArcFaceONNX(OnnxModel):
    """An encoder with insightface's calls; see ``OnnxModel``."""

    taskname = "recognition"

    def __init__(
        self, model_file: str, session: None = None, *, wanted: Wanted | None = None
    ) -> None:
        super().__init__(model_file, session, wanted=wanted)

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height in px of the chips that it wants."""
        return self._backend.chip_spec.size, self._backend.chip_spec.size

    @property
    def input_mean(self) -> float:
        """What is subtracted from a pixel; 0 where the file does that itself."""
        return self._backend.spec.preprocessing.mean[0]

    @property
    def input_std(self) -> float:
        """What the difference is divided by; 1 where the file does that itself."""
        return self._backend.spec.preprocessing.std[0]

    def prepare(self, ctx_id: int) -> None:
        """ctx_id: below 0 for the CPU."""
        self._ctx_id = ctx_id

    def get(self, img: npt.NDArray[Any], face: Face) -> F32:
        """The embedding (D,) float32 of one face of ``img`` (H, W, 3) uint8 BGR, also put into it.

        face: with kps. Raises ModelError without, and as ``get_feat``.
        """
        if face.kps is None:
            raise ModelError(
                "recognition needs key points, and this face has none: use a detector that gives "
                "them, such as det_10g.onnx or one with bnkps in its name"
            )
        chip = face_align.norm_crop(as_bgr(img), face.kps, self.input_size[0])
        face.embedding = self.get_feat(chip).flatten()
        found: F32 = face.embedding
        return found

    def get_feat(self, imgs: npt.NDArray[Any] | list[npt.NDArray[Any]]) -> F32:
        """(N, D) float32, not of unit length, of N aligned faces, uint8 BGR; one may come alone.

        Those of another size than ``input_size`` are stretched to it. Raises ImageError,
        ModelError, LicenceError and ConfigurationError.
        """
        chips = [as_bgr(one) for one in (imgs if isinstance(imgs, list) else [imgs])]
        width, height = self.input_size
        rows = np.zeros((len(chips), height, width, 3), np.uint8)
        for row, chip in zip(rows, chips, strict=True):
            same = chip.shape[:2] == (height, width)
            row[...] = (chip if same else cv2.resize(chip, (width, height)))[..., ::-1]
        return self._backend.describe_batch(rows)

    def forward(self, batch_data: npt.NDArray[Any]) -> F32:
        """(N, 3, H, W) RGB numbers from 0 to 255, no faces cut and no colours swapped -> (N, D)."""
        blob = ((batch_data - self.input_mean) / self.input_std).astype(np.float32)
        session = self.session
        found = session.run(None, {session.get_inputs()[0].name: blob})[0]
        return np.asarray(found, np.float32)

    def compute_sim(self, feat1: npt.NDArray[Any], feat2: npt.NDArray[Any]) -> np.floating[Any]:
        """The cosine of two embeddings, -1 to 1, higher is more alike."""
        one, other = np.ravel(feat1), np.ravel(feat2)
        found: np.floating[Any] = np.dot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other))
        return found

    @property
    def _backend(self) -> ArcFace:
        return _encoder(str(self._file.path), self._file.sha256, self._device)


@lru_cache(maxsize=16)
def _encoder(file: str, sha256: str, device: str | None) -> ArcFace:
    """sha256: of the file; another one under its name is another encoder."""
    return ArcFace(file, device=device)
