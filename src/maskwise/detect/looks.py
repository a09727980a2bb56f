"""At which sizes a network sees a picture, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from maskwise.types import F32, U8

Size = tuple[int, int]
"""Width and height in px."""

_LARGEST: Final = 1280
_MOST_ENLARGED: Final = 2.0
_SMALL: Final = 256
_BORDER: Final = 0.25


@dataclass(frozen=True, slots=True)
class Look:
    """The picture brought to ``size`` lies in ``canvas`` with its corner at ``place``.

    What is around it is black. A point (x, y) of the canvas is (x, y) minus ``place``, divided by
    ``scale``, in the picture.
    """

    canvas: Size
    size: Size
    place: Size
    scale: tuple[float, float]


def letterboxed(picture: Size, canvas: Size) -> Look:
    """As large as ``canvas`` holds, at the top left: what insightface does.

    Sizes are cut to whole px, and the height's scale is taken for both axes, as there. A picture
    so flat that no row would be left keeps one, and scales of its own.
    """
    width, height = picture
    ratio = height / width
    if ratio > canvas[1] / canvas[0]:
        size = int(canvas[1] / ratio), canvas[1]
    else:
        size = canvas[0], int(canvas[0] * ratio)
    if min(size) < 1:
        size = max(size[0], 1), max(size[1], 1)
        return Look(canvas, size, (0, 0), (size[0] / width, size[1] / height))
    scale = size[1] / height
    return Look(canvas, size, (0, 0), (scale, scale))


def fitted(picture: Size, fixed: Size | None) -> list[Look]:
    """The looks by default, the larger first. fixed: the only canvas that the network takes."""
    longest = max(picture)
    factor = min(_LARGEST / longest, _MOST_ENLARGED)
    if fixed:
        factor = min(factor, fixed[0] / picture[0], fixed[1] / picture[1])
    looks = [_look(picture, factor, 0, fixed)]
    factor = min(_SMALL / longest, 1.0)
    looks.append(_look(picture, factor, round(longest * factor * _BORDER), fixed))
    return looks


def _look(picture: Size, factor: float, border: int, fixed: Size | None) -> Look:
    size = max(round(picture[0] * factor), 1), max(round(picture[1] * factor), 1)
    scale = size[0] / picture[0], size[1] / picture[1]
    canvas = fixed or (size[0] + 2 * border, size[1] + 2 * border)
    return Look(canvas, size, (border, border), scale)


def planes(pixels: U8, look: Look, multiple: int, *, bgr: bool, mean: float, std: float) -> F32:
    """(1, 3, H, W) float32, what the network sees: (value - mean) / std of each colour.

    pixels: (h, w, 3) uint8 RGB of the picture. multiple: H and W are the canvas's, rounded up to
    it with more black.
    """
    shown = _resized(pixels, look.size)
    width, height = (-(-side // multiple) * multiple for side in look.canvas)
    out = np.full((1, 3, height, width), -mean / std, np.float32)
    rows = slice(look.place[1], look.place[1] + look.size[1])
    columns = slice(look.place[0], look.place[0] + look.size[0])
    for plane, channel in enumerate((2, 1, 0) if bgr else (0, 1, 2)):
        part = out[0, plane, rows, columns]
        np.subtract(shown[..., channel], np.float32(mean), out=part)
        part /= np.float32(std)
    return out


def _resized(pixels: U8, size: Size) -> U8:
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)
