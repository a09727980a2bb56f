"""Chips cut as insightface cuts them, to the byte: insightface/utils/face_align.py."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from maskwise.align import ARCFACE_CHIP
from maskwise.errors import ConfigurationError, InputError
from maskwise.types import F32, F64

arcface_dst: Final[F32] = np.asarray(ARCFACE_CHIP.reference, np.float32)
"""(5, 2) float32: where the five points stand in a chip of 112 px."""

_UNITS: Final = (112, 128)
"""Chips of 128 px show those of 112 with 8 px more on each side, and 16 more below."""


def estimate_norm(lmk: npt.ArrayLike, image_size: int = 112, mode: str = "arcface") -> F64:
    """The transform (2, 3) float64, picture px -> chip px, that lays five points on arcface_dst.

    lmk: (5, 2) float in px. image_size: of the chip, a multiple of 112 or 128 px.
    Raises InputError for other points and for points that are all in one place,
    ConfigurationError for another size or mode.
    """
    points = np.asarray(lmk)
    if points.shape != (5, 2):
        raise InputError(f"landmark: expected five points (5, 2), got {points.shape}")
    if mode != "arcface":
        raise ConfigurationError(f'mode: there is "arcface" alone, got {mode!r}')
    if image_size <= 0 or all(image_size % unit for unit in _UNITS):
        raise ConfigurationError(
            f"image_size: expected a multiple of 112 or 128 px, got {image_size}"
        )
    if image_size % 112 == 0:
        target = arcface_dst * np.float32(image_size / 112)
    else:
        ratio = np.float32(image_size / 128)
        target = arcface_dst * ratio
        target[:, 0] += 8 * ratio
    return _umeyama(points, target)


def norm_crop(
    img: npt.NDArray[Any], landmark: npt.ArrayLike, image_size: int = 112, mode: str = "arcface"
) -> npt.NDArray[Any]:
    """The (image_size, image_size, C) chip of ``img`` (H, W, C), in the order of its channels.

    Outside the picture it is black. A large face is not averaged down: it is what insightface's
    encoders are fed. Raises as ``estimate_norm``, and InputError for what is no picture.
    """
    return norm_crop2(img, landmark, image_size, mode)[0]


def norm_crop2(
    img: npt.NDArray[Any], landmark: npt.ArrayLike, image_size: int = 112, mode: str = "arcface"
) -> tuple[npt.NDArray[Any], F64]:
    """``norm_crop`` and the transform that it used."""
    if not isinstance(img, np.ndarray) or img.ndim not in (2, 3) or not img.size:
        raise InputError(
            "expected the array of a picture, got "
            f"{img.shape if isinstance(img, np.ndarray) else type(img).__name__}"
        )
    transform = estimate_norm(landmark, image_size, mode)
    try:
        chip = cv2.warpAffine(img, transform, (image_size, image_size), borderValue=0.0)
    except cv2.error as error:  # OpenCV 4 takes no picture of more than 32,767 px a side
        raise InputError(
            f"OpenCV cannot cut a chip out of {img.shape} {img.dtype} ({error.err})"
        ) from error
    return np.asarray(chip), transform


def _umeyama(source: npt.NDArray[Any], target: F32) -> F64:
    """The similarity without reflection, (2, 3) float64, that takes ``source`` nearest to target.

    What ``align.similarity`` finds in closed form, here by Umeyama's equations 38-43 and, where
    the points are float32, in that: scikit-image does so for insightface, and the last digits of
    a transform move pixels of the chip by one.
    """
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    around = source - middle
    spread = around.var(axis=0).sum()
    if not np.isfinite(spread) or spread <= 0:
        raise InputError(f"landmark: five points in one place, or no numbers: {source.tolist()}")
    u, lengths, v = np.linalg.svd((target - goal).T @ around / len(source))
    signs = np.array([1.0, -1.0 if np.linalg.det(u) * np.linalg.det(v) < 0 else 1.0])
    turn = u @ np.diag(signs) @ v
    scale = 1.0 / spread * (lengths @ signs)
    found = np.empty((2, 3), np.float64)
    found[:, 2] = goal - scale * (turn @ middle)
    found[:, :2] = turn * scale
    return found
