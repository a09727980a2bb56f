"""dlib's ResNet v1, 128 numbers (CC0), on ONNX Runtime."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np

from maskwise import models
from maskwise.align import DLIB_CHIP
from maskwise.types import F32, U8, ChipSpec, check_chips

_DIM: Final = 128


class DlibResnet:
    """The Encoder of dlib's ResNet v1. The model is opened at the first use.

    threads: of one run; see ``maskwise.models.open_session``. Subclasses are the same network with
    other weights.
    """

    model: ClassVar[str] = "dlib-resnet-v1"
    """The weights' name in the manifest, and the first part of the id."""

    def __init__(self, *, threads: int | None = None) -> None:
        self._threads = threads

    @property
    def id(self) -> str:
        """``<model>/<12 hex digits of the file's sha256>/<chip>/l2-1``.

        The last part names what is done with the file's output: scaled to unit length, version 1.
        """
        return f"{self._weights}/{self.chip_spec.name}/l2-1"

    @property
    def _weights(self) -> str:
        return f"{self.model}/{models.entry(self.model).sha256[:12]}"

    @property
    def space(self) -> str:
        """``dlib-resnet-v1/<12 hex digits of the file's sha256>``."""
        return self._weights

    @property
    def chip_spec(self) -> ChipSpec:
        """``DLIB_CHIP``: 150 px, a quarter of padding, five points."""
        return DLIB_CHIP

    @property
    def dim(self) -> int:
        """128."""
        return _DIM

    def encode_batch(self, chips: U8) -> F32:
        """(N, 150, 150, 3) uint8 RGB chips -> (N, 128) float32 rows of unit length; N may be 0.

        Raises InputError on another shape or dtype, ModelError when the weights are missing or
        damaged.
        """
        vectors = self.describe_batch(chips)
        # No chip comes near a vector of zeros; the floor only keeps the division defined.
        lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return np.asarray(vectors / lengths, np.float32)

    def describe_batch(self, chips: U8) -> F32:
        """The numbers as dlib gives them: (N, 150, 150, 3) uint8 RGB -> (N, 128) float32.

        Not of unit length; dlib compares them by Euclidean distance. Raises as ``encode_batch``.
        """
        check_chips(chips, self.chip_spec.size)
        if not len(chips):
            return np.zeros((0, _DIM), np.float32)
        return models.run_batches(self.model, chips, threads=self._threads)
