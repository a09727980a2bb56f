"""Pictures as insightface's users hand them over: what cv2.imread gives."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from maskwise import image as images
from maskwise.errors import ImageError
from maskwise.types import U8, Image


class UnsupportedImageError(ImageError, TypeError):
    """What is no picture of 8 bits."""


def as_bgr(img: Any) -> U8:
    """(H, W, 3) uint8 BGR, C-contiguous; the same array where it is that already.

    Grey becomes BGR, transparency (BGRA) is laid over white. Raises UnsupportedImageError.
    """
    if img is None or isinstance(img, str | bytes | os.PathLike):
        raise UnsupportedImageError(
            f"expected the array of a picture, got {type(img).__name__}; cv2.imread reads a file, "
            "and gives None for one that it cannot read"
        )
    if isinstance(img, np.ndarray) and img.dtype != np.uint8:
        raise UnsupportedImageError(
            f"expected uint8 (0 to 255), got {img.dtype}; bring the values to 0..255 and convert "
            "them with .astype(numpy.uint8)"
        )
    if isinstance(img, np.ndarray) and img.ndim == 3 and img.shape[2] == 3 and img.size:
        return np.ascontiguousarray(img)
    try:
        return np.ascontiguousarray(images.load(img, color_order="bgr").pixels[..., ::-1])
    except ImageError as error:
        raise UnsupportedImageError(str(error)) from error


def as_image(bgr: U8) -> Image:
    """An Image, which is RGB, of what ``as_bgr`` gave."""
    pixels = np.ascontiguousarray(bgr[..., ::-1])
    pixels.flags.writeable = False
    return Image(pixels)
