"""Read dlib's serialised files without dlib: what maskwise's own reader lacks.

``maskwise.landmarks.dlib_stream`` describes the format and reads numbers and matrices. Beside
them a network's file holds tensors (dlib/cuda/gpu_data.cpp): the version 2, four sizes (samples,
channels, rows, columns), then little-endian float32 values as they lie in memory.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from maskwise.landmarks import dlib_stream
from maskwise.landmarks.dlib_stream import FormatError

F32 = npt.NDArray[np.float32]

__all__ = ["F32", "PACKAGE", "FormatError", "Reader", "models_folder"]

PACKAGE = "face_recognition_models"


def models_folder(given: Path | None = None) -> Path:
    """The folder of the .dat files: ``given``, or that of the installed package.

    The package is found, never imported: its ``__init__`` needs ``pkg_resources``.
    """
    if given is not None:
        return given
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{PACKAGE} is not installed: pip install {PACKAGE}, or pass --models DIR")
    return Path(spec.origin).parent / "models"


class Reader(dlib_stream.Reader):
    """A position in the bytes of one file; every method reads one item and moves on."""

    def tensor(self) -> F32:
        """(samples, channels, rows, columns) float32."""
        self.expect(2)
        shape = [self.integer() for _ in range(4)]
        count = math.prod(shape)
        if min(shape) < 0 or 4 * count > len(self.data) - self.position:
            raise FormatError(f"no tensor before byte {self.position}: {shape}")
        values = np.frombuffer(self.data, "<f4", count, self.position)
        self.position += 4 * count
        return values.reshape(shape).astype(np.float32)
