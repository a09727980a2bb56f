"""The square pictures of a card: the face in its photo, chips, and the map of what counts.

All are Pillow pictures of ``TILE`` px a side. Drawn larger and shrunk, so that lines are smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from maskwise.annotate import COLOURS
from maskwise.explain.values import FaceExplanation, Parts
from maskwise.types import F32, F64, U8

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

Colour = tuple[int, int, int]

TILE: Final = 268
_FINE: Final = 3
_ROOM: Final = 1.7
"""Side of the part of the photo that is shown, in longer sides of the box."""

COVERED: Final[Colour] = (190, 80, 160)
"""Okabe and Ito's reddish purple, darkened: neither "for" nor "against"."""
POINT: Final[Colour] = (255, 214, 0)
INK: Final[Colour] = (30, 30, 30)
SOFT: Final[Colour] = (92, 92, 92)
PAPER: Final[Colour] = (250, 250, 248)
"""What is written, what is written small, and what on; of the whole card."""
FOR: Final = COLOURS["match"]
AGAINST: Final[Colour] = (213, 94, 0)
"""Okabe and Ito's vermilion."""
_VEIL: Final = 0.45
LEAST_SHOWN: Final = 0.01
"""The fall of the score with which the map's colours are full, at least: noise stays pale."""


def photo_tile(e: FaceExplanation) -> Picture:
    """The face in its photo: box, landmarks (hidden ones hollow), and what is covered."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    side = TILE * _FINE
    to_tile = _window(e, side)
    pixels = _warped(e.image.pixels, to_tile, side, (236, 236, 232))
    if e.seen.alpha is not None:
        back = np.asarray(cv2.invertAffineTransform(e.face.chip.transform), np.float64)
        onto = to_tile[:, :2] @ back
        onto[:, 2] += to_tile[:, 2]
        alpha = _warped(e.seen.alpha, onto, side, (0,)).astype(np.float32)[..., None] / 255
        veil = _VEIL * alpha
        pixels = np.rint(pixels * (1 - veil) + np.array(COVERED, np.float32) * veil).astype(
            np.uint8
        )
    picture = Pillow.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    x1, y1, x2, y2 = (
        float(v) for v in (_moved(e.face.detection.box.reshape(2, 2), to_tile)).ravel()
    )
    draw.rectangle((x1 - 3, y1 - 3, x2 + 3, y2 + 3), outline=(255, 255, 255), width=5 * _FINE)
    draw.rectangle((x1, y1, x2, y2), outline=COLOURS[e.decision.outcome], width=3 * _FINE)
    few = len(e.seen.visible) <= 10
    radius = (6.0 if few else 2.5) * _FINE
    for point, visible in zip(
        _moved(e.face.landmarks.points, to_tile), e.seen.visible, strict=True
    ):
        dot(draw, (float(point[0]), float(point[1])), radius, full=bool(visible), fine=_FINE)
    return picture.resize((TILE, TILE), Pillow.Resampling.LANCZOS)


def dot(
    draw: ImageDraw, at: tuple[float, float], radius: float, *, full: bool, fine: int = 1
) -> None:
    """A landmark: a full disc where it is visible, a ring where it is hidden."""
    outer, inner = _around(*at, radius + fine), _around(*at, radius)
    if full:
        draw.ellipse(outer, fill=INK)
        draw.ellipse(inner, fill=POINT)
    else:
        width = max(1, round(0.45 * radius))
        draw.ellipse(outer, outline=INK, width=width + 2 * fine)
        draw.ellipse(inner, outline=POINT, width=width)


def chip_tile(chip: U8) -> Picture:
    """An aligned face."""
    from PIL import Image as Pillow

    return Pillow.fromarray(chip).resize((TILE, TILE), Pillow.Resampling.BICUBIC)


def heat_tile(chip: U8, parts: Parts) -> Picture:
    """The chip in grey, with what speaks for the match in blue and against it in orange."""
    from PIL import Image as Pillow

    grey = np.asarray(chip_tile(chip).convert("L"), np.float32)[..., None]
    # Stretched: on a dark picture no colour would show.
    dark, light = np.percentile(grey, (2, 98))
    grey = 50 + 185 * np.clip((grey - dark) / max(float(light - dark), 1.0), 0, 1)
    falls = cv2.resize(parts.falls, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    share = np.clip(falls / strongest(parts), -1, 1)[..., None]
    return Pillow.fromarray(heat(grey, np.asarray(share, np.float32)))


def heat(ground: F32, share: F32) -> U8:
    """``ground`` (H, W, 1) 0..255 tinted by ``share`` (H, W, 1) in -1 (against) .. 1 (for)."""
    colour = np.where(share > 0, np.array(FOR, np.float32), np.array(AGAINST, np.float32))
    weight = 0.8 * np.abs(share) ** 0.8
    return np.rint(ground * (1 - weight) + colour * weight).astype(np.uint8)


def strongest(parts: Parts) -> float:
    """The change of the score that has the full colour."""
    return max(float(np.abs(parts.falls).max()), LEAST_SHOWN)


def _window(e: FaceExplanation, side: int) -> F64:
    """(2, 3): px of the photo -> px of the tile, about the face, within the photo if it can be."""
    low, high = np.float64(e.face.detection.box).reshape(2, 2)
    size = np.array([e.image.width, e.image.height], np.float64)
    face = float((high - low).max())
    span = max(min(_ROOM * face, float(size.min())), 1.15 * face)
    corner = (low + high - span) / 2
    inside = np.clip(corner, 0, np.maximum(size - span, 0))
    corner = np.where(size >= span, inside, (size - span) / 2)
    scale = side / span
    shift = -scale * (corner + 0.5) + scale * 0.5 if scale < 1 else -scale * corner
    return np.column_stack([np.eye(2) * scale, shift])


def _warped(pixels: U8, matrix: F64, side: int, empty: Sequence[float]) -> U8:
    scale = float(matrix[0, 0]) if matrix[0, 1] == 0 else 1.0
    if scale < 0.5:  # averaged down first, so that fine stripes do not turn coarse
        factor = int(1 / scale)
        height, width = pixels.shape[0] // factor, pixels.shape[1] // factor
        if min(height, width) >= 1:
            part = pixels[: height * factor, : width * factor]
            pixels = np.asarray(
                cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA), np.uint8
            )
            matrix = matrix.copy()
            matrix[:, 2] += matrix[:, :2] @ np.full(2, (factor - 1) / 2)
            matrix[:, :2] *= factor
    out = cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_CUBIC, borderValue=empty)
    return np.asarray(out, np.uint8)


def _moved(points: F32, matrix: F64) -> F64:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float64)


def _around(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return x - radius, y - radius, x + radius, y + radius
