"""A user's picture or words on a mask: where they go, and that they are still the same.

A picture is named by path and hash, so that a spec draws the same mask again or says why not.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from maskwise.errors import ConfigurationError, ImageError
from maskwise.image import describe, load_with_sha256
from maskwise.masks.prints import image_reference
from maskwise.types import F32, U8, MaskSpec

if TYPE_CHECKING:
    from maskwise.masks.fabrics import Layer

_LONGEST: Final = 1200
"""px that a picture is reduced to: what the finest sheet shows of it, about."""
_FRONT: Final = 1.25
"""Half the width of the front of a mask, units of arc. A picture covers it; a cloth that goes
further round the head has the picture mirrored there."""
_CENTRE: Final = (0.0, 1.08)
"""Arc and y of the middle of the print: just below the mouth."""
_FONT_PX: Final = 160
_TEXT_WIDTH, _LETTER_HEIGHT = 1.25, 0.32


def detail_for(path: str | os.PathLike[str]) -> str:
    """The ``detail`` of the pattern "image" that shows the picture at ``path``.

    Write the path as it should be found again: a relative one holds from the folder that
    maskwise runs in. Raises ConfigurationError when there is no picture that can be read.
    """
    _, digest = _read(os.fspath(path))
    return f"{os.fspath(path)}#sha256={digest}"


def _read(path: str) -> tuple[U8, str]:
    """Pixels (H, W, 3) uint8 RGB, and the SHA-256 of the file."""
    if not Path(path).is_file():
        raise ConfigurationError(
            f"{describe(path)}: no such picture for the pattern image; put it back, or make "
            "the spec anew with maskwise.masks.pictures.detail_for(path)"
        )
    try:
        image, digest = load_with_sha256(path)
    except ImageError as error:
        raise ConfigurationError(f"the pattern image needs a picture: {error}") from error
    return image.pixels, digest


@lru_cache(maxsize=8)
def picture(detail: str) -> U8:
    """The picture that ``detail`` names, (H, W, 3) uint8 RGB, reduced to 1200 px; read-only.

    Raises ConfigurationError when it is missing, no picture, or not the one that was hashed.
    """
    import cv2

    path, wanted = image_reference(detail)
    pixels, digest = _read(path)
    if digest != wanted:
        raise ConfigurationError(
            f"{describe(path)}: the picture has changed since the spec was made (SHA-256 "
            f"{digest[:12]}..., expected {wanted[:12]}...); put the old one back, or make the "
            "spec anew with maskwise.masks.pictures.detail_for(path)"
        )
    scale = _LONGEST / max(pixels.shape[:2])
    if scale < 1:
        size = tuple(max(1, round(n * scale)) for n in pixels.shape[1::-1])
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    else:
        pixels = np.array(pixels)
    pixels.flags.writeable = False
    return pixels


def pictured(layer: Layer, spec: MaskSpec) -> F32:
    """(h, w, 3) float32: the picture of the spec, its middle on the mouth, covering the front."""
    import cv2

    pixels = picture(spec.detail)
    left, right = (max(-_FRONT, float(layer.arc[0, 0])), min(_FRONT, float(layer.arc[0, -1])))
    top, bottom = float(layer.y[0, 0]), float(layer.y[-1, 0])
    half_x = max(_CENTRE[0] - left, right - _CENTRE[0])
    half_y = max(_CENTRE[1] - top, bottom - _CENTRE[1])
    rows, columns = pixels.shape[:2]
    scale = max(2 * half_x / columns, 2 * half_y / rows) * layer.density
    # Of a very long or wide picture only the part that shows is enlarged.
    need = (
        int(np.ceil(2 * half_y * layer.density / scale)) + 2,
        int(np.ceil(2 * half_x * layer.density / scale)) + 2,
    )
    cut = [max(0, (n - k) // 2) for n, k in zip((rows, columns), need, strict=True)]
    part = pixels[cut[0] : rows - cut[0], cut[1] : columns - cut[1]]
    size = tuple(max(2, round(n * scale)) for n in part.shape[1::-1])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    fitted = cv2.resize(np.ascontiguousarray(part), size, interpolation=how)
    take = []
    for axis, first in ((1, float(layer.arc[0, 0])), (0, float(layer.y[0, 0]))):
        length = fitted.shape[0 if axis == 0 else 1]
        count = layer.shape[0 if axis == 0 else 1]
        start = round((first - _CENTRE[1 - axis]) * layer.density + length / 2)
        take.append(_mirrored(np.arange(start, start + count), length))
    shown = fitted[take[1]][:, take[0]]
    return np.asarray(shown * np.float32(1 / 255), np.float32)


def _mirrored(
    index: np.ndarray[tuple[int, ...], np.dtype[np.intp]], length: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Indices beyond 0..length - 1 turned back at the ends."""
    period = 2 * length
    folded = index % period
    return np.asarray(np.where(folded < length, folded, period - 1 - folded), np.intp)


def lettered(layer: Layer, spec: MaskSpec, base: F32, ink: F32) -> F32:
    """(h, w, 3) float32: ``base`` with the words of the spec in ``ink`` on the front.

    The size follows the length of the words; weight, size and place vary a little by seed.
    """
    import cv2

    rng = np.random.default_rng((spec.seed, 0x74))
    mask = _letters(spec.detail, bool(rng.random() < 0.6))
    rows, columns = mask.shape
    lines = 1 + _broken(spec.detail.strip()).count("\n")
    height = min(_LETTER_HEIGHT * lines, _TEXT_WIDTH * rows / columns, 0.62) * rng.uniform(0.8, 1.0)
    size = [max(1, round(n * height / rows * layer.density)) for n in (columns, rows)]
    how = cv2.INTER_AREA if size[1] < rows else cv2.INTER_LINEAR
    fitted = np.asarray(cv2.resize(mask, size, interpolation=how), np.uint8)
    x = (_CENTRE[0] + rng.normal(0, 0.02) - float(layer.arc[0, 0])) * layer.density
    y = (_CENTRE[1] + rng.normal(0, 0.03) - float(layer.y[0, 0])) * layer.density
    amount = np.zeros(layer.shape, np.float32)
    _put(amount, fitted, round(x - size[0] / 2), round(y - size[1] / 2))
    amount *= np.float32(0.94 / 255)
    planes = [float(b) + amount * (float(i) - float(b)) for b, i in zip(base, ink, strict=True)]
    return np.asarray(cv2.merge(planes), np.float32)


def _put(onto: F32, patch: U8, x: int, y: int) -> None:
    """Copy ``patch`` with its corner at (x, y), as far as it lies inside."""
    rows, columns = onto.shape
    top, left = max(0, y), max(0, x)
    bottom, right = min(rows, y + patch.shape[0]), min(columns, x + patch.shape[1])
    if top < bottom and left < right:
        onto[top:bottom, left:right] = patch[top - y : bottom - y, left - x : right - x]


@lru_cache(maxsize=32)
def _letters(text: str, bold: bool) -> U8:
    """The words, one or two lines, as (H, W) uint8 cover that they just fill.

    Pillow's own font: the same letters wherever Pillow is.
    """
    from PIL import Image, ImageDraw, ImageFont

    words = text.strip()
    try:
        font = ImageFont.load_default(_FONT_PX)
    except ImportError:  # a Pillow without FreeType: its small letters, enlarged
        font = ImageFont.load_default()
    weight = 7 if bold else 3
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    words = _broken(words)
    box = draw.multiline_textbbox((0, 0), words, font=font, stroke_width=weight, align="center")
    size = tuple(int(np.ceil(b - a)) for a, b in zip(box[:2], box[2:], strict=True))
    canvas = Image.new("L", (max(1, size[0]), max(1, size[1])))
    ImageDraw.Draw(canvas).multiline_text(
        (-box[0], -box[1]), words, 255, font, stroke_width=weight, align="center"
    )
    out = np.array(canvas, np.uint8)
    out.flags.writeable = False
    return out


def _broken(words: str) -> str:
    """Two lines where there is a blank near the middle of long words."""
    blanks = [k for k, c in enumerate(words) if c == " "]
    if len(words) < 10 or not blanks:
        return words
    at = min(blanks, key=lambda k: abs(k - len(words) / 2))
    return words[:at].rstrip() + "\n" + words[at:].lstrip()
