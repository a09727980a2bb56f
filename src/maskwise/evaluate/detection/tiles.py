"""Pieces of photos with boxes and points drawn on them, and sheets of many."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from maskwise.types import F64, U8, Image

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

TILE_PX: Final = 150
TRUTH: Final = (0, 114, 178)
FOUND: Final = (213, 94, 0)
"""Okabe and Ito's blue for the truth and vermilion for what was found (see ``annotate``)."""

_WHITE: Final = (255, 255, 255)
_INK: Final = (30, 30, 30)
_PAPER: Final = (250, 250, 248)
MARGIN: Final = 0.5
"""What is shown round a box, in its longer sides: enough to tell what it is that was boxed."""
CLOSE: Final = 0.15
"""The same where points in the box are to be seen."""
_LEAST_SHOWN_PX: Final = 24.0
_GAP: Final = 8
_QUALITY: Final = 80

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """What is drawn. boxes: (4,) px of the photo. points: (K, 2) px of the photo."""

    boxes: tuple[tuple[F64, Colour], ...] = ()
    points: tuple[tuple[npt.NDArray[np.floating], Colour], ...] = ()


def tile(picture: Image, box: npt.ArrayLike, marks: Marks, *, margin: float = MARGIN) -> U8:
    """(TILE_PX, TILE_PX, 3) uint8: ``box`` and its surroundings; grey where the photo ends."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    side_px = TILE_PX
    x1, y1, x2, y2 = (float(v) for v in np.asarray(box))
    half = max((0.5 + margin) * max(x2 - x1, y2 - y1), _LEAST_SHOWN_PX)
    # Never more than the photo and a border of its size: boxes may be wild.
    half = min(half, float(max(picture.width, picture.height)))
    left, top = (x1 + x2) / 2 - half, (y1 + y2) / 2 - half
    scale = side_px / (2 * half)
    shown = Pillow.fromarray(_cut(picture.pixels, (left, top), 2 * half, side_px))
    draw = ImageDraw.Draw(shown)
    for one, colour in marks.boxes:
        # Pixel centres stay centres.
        corners = [(float(v) - at) * scale for v, at in zip(one, (left, top) * 2, strict=True)]
        _frame(draw, corners, colour)
    for points, colour in marks.points:
        for x, y in (np.asarray(points, np.float64) - (left, top)) * scale:
            draw.ellipse((x - 3.5, y - 3.5, x + 3.5, y + 3.5), fill=_WHITE)
            draw.ellipse((x - 2.2, y - 2.2, x + 2.2, y + 2.2), fill=colour)
    return np.asarray(shown)


def _cut(pixels: U8, corner: tuple[float, float], side: float, side_px: int) -> U8:
    """(side_px, side_px, 3): the square of ``side`` px at ``corner``, grey beyond the photo.

    Only what is in the photo is looked at, so a large box takes no more room than a small one.
    """
    from PIL import Image as Pillow

    scale = side_px / side
    out = np.full((side_px, side_px, 3), 128, np.uint8)
    here, there = [], []
    for start, end in zip(corner, pixels.shape[1::-1], strict=True):
        low, high = max(round(start), 0), min(round(start + side), end)
        first, last = round((low - start) * scale), round((high - start) * scale)
        here.append(slice(low, high))
        there.append(slice(max(first, 0), min(max(last, first + 1), side_px)))
    part = pixels[here[1], here[0]]
    width, height = (max(one.stop - one.start, 0) for one in there)
    if part.size and width and height:
        small = Pillow.fromarray(part).resize(
            (width, height), Pillow.Resampling.LANCZOS, reducing_gap=2.0
        )
        out[there[1], there[0]] = np.asarray(small)
    return out


def _frame(draw: ImageDraw, corners: Sequence[float], colour: Colour) -> None:
    x1, y1, x2, y2 = corners
    if x1 <= x2 and y1 <= y2:
        draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=_WHITE, width=4)
        draw.rectangle((x1, y1, x2, y2), outline=colour, width=2)


def sheet(title: str, tiles: Sequence[tuple[str, U8]], columns: int) -> Image:
    """All tiles in rows of ``columns``, each with a line of text below it."""
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    side = tiles[0][1].shape[0] if tiles else TILE_PX
    columns = max(1, min(columns, len(tiles)))
    rows = -(-len(tiles) // columns)
    text_px, head = 13, 30
    cell = side + text_px + 6 + _GAP
    size = (_GAP + columns * (side + _GAP), head + _GAP + rows * cell)
    out = Pillow.new("RGB", (max(size[0], 480), size[1]), _PAPER)
    draw = ImageDraw.Draw(out)
    font = ImageFont.load_default(text_px)
    draw.text((_GAP, _GAP), _plain(title), fill=_INK, font=ImageFont.load_default(17))
    for k, (words, pixels) in enumerate(tiles):
        x = _GAP + (k % columns) * (side + _GAP)
        y = head + _GAP + (k // columns) * cell
        out.paste(Pillow.fromarray(pixels), (x, y))
        draw.text((x, y + side + 2), _plain(words), fill=_INK, font=font)
    return Image(np.asarray(out), title)


def _plain(text: str) -> str:
    """What Pillow's own font can show."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)


def png(picture: Image) -> bytes:
    """A PNG file, with the comment that marks the files we wrote."""
    from PIL import Image as Pillow
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("comment", "made by maskwise")
    buffer = io.BytesIO()
    Pillow.fromarray(picture.pixels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def address(pixels: U8) -> str:
    """A ``data:`` address for a page. Encoded anew: no place, no date comes along."""
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
