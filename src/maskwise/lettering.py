"""Words in pictures, in a font that has their letters."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

_FONTS: Final = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")
"""Tried in this order for text that Pillow's own font cannot show."""


def write(
    draw: ImageDraw,
    at: tuple[int, int],
    text: str,
    colour: tuple[int, int, int],
    *,
    px: int,
    width: int,
) -> None:
    """One line of text, cut with an ellipsis where it is wider than ``width``."""
    shown, font = fitted(text, px)
    if draw.textlength(shown, font) > width + 1:
        while shown and draw.textlength(shown + "...", font) > width:
            shown = shown[:-1]
        shown += "..."
    draw.text(at, shown, fill=colour, font=font)


def fitted(text: str, px: int) -> tuple[str, FreeTypeFont]:
    """``text`` and a font that has all its letters; else without accents, then with ``?``."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    own = _own_font(px)
    if all(_shows(own, c) for c in set(text)):
        return text, own
    for name in _FONTS:
        font = _system_font(name, px)
        if font is not None and all(_shows(font, c) for c in set(text)):
            return text, font
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c if c.isascii() else "?" for c in plain if not unicodedata.combining(c)), own


@lru_cache(maxsize=64)
def _own_font(px: int) -> FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.load_default(px)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


@lru_cache(maxsize=64)
def _system_font(name: str, px: int) -> FreeTypeFont | None:
    from PIL import ImageFont

    try:
        return ImageFont.truetype(name, px)
    except OSError:
        return None


def _shows(font: FreeTypeFont, character: str) -> bool:
    return character.isspace() or _glyph(font, character) != _glyph(font, "\uffff")


def _glyph(font: FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)
