"""One face explained in one picture, to be understood without reading more than its captions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

import numpy as np

from maskwise.annotate import COLOURS
from maskwise.explain import words
from maskwise.explain.bar import colour_of, score_bar
from maskwise.explain.tiles import (
    COVERED,
    INK,
    PAPER,
    SOFT,
    TILE,
    Colour,
    chip_tile,
    dot,
    heat,
    heat_tile,
    photo_tile,
    strongest,
)
from maskwise.explain.values import FaceExplanation, Parts
from maskwise.lettering import fitted, write
from maskwise.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

_WIDTH: Final = 1200
_PAD: Final = 28
_GAP: Final = (_WIDTH - 2 * _PAD - 4 * TILE) // 3
_ROW: Final = 27
"""px of a line of the nearest people."""
_MOST: Final = 2000
"""px that all else is never taller than."""
_TITLE, _TEXT, _SMALL = 30, 19, 17


def card(e: FaceExplanation) -> Image:
    """The picture: 1,200 px wide, and about 800 tall, more where many candidates are listed."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    picture = Pillow.new("RGB", (_WIDTH, _MOST + _ROW * len(e.candidates)), PAPER)
    draw = ImageDraw.Draw(picture)
    y = _head(draw, e)
    y = _tiles(picture, draw, e, y)
    bar = score_bar(e, _WIDTH - 2 * _PAD)
    if bar is not None:
        picture.paste(bar, (_PAD, y))
        y += bar.height
    y = _foot(draw, e, y)
    return Image(np.asarray(picture.crop((0, 0, _WIDTH, y + _PAD // 2))), e.image.source)


def _head(draw: ImageDraw, e: FaceExplanation) -> int:
    """The verdict on its colour, and the score beside it; returns where the next row begins."""
    title, colour = words.verdict(e), COLOURS[e.decision.outcome]
    wide = min(_length(draw, title, _TITLE) + 32, _WIDTH // 2)
    draw.rounded_rectangle((_PAD, _PAD, _PAD + wide, _PAD + 48), radius=10, fill=colour)
    write(draw, (_PAD + 16, _PAD + 6), title, (255, 255, 255), px=_TITLE, width=wide - 32)
    x = _PAD + wide + 20
    write(draw, (x, _PAD + 12), words.score_words(e), INK, px=_TEXT + 2, width=_WIDTH - x - _PAD)
    return _PAD + 48 + 22


def _tiles(picture: Picture, draw: ImageDraw, e: FaceExplanation, top: int) -> int:
    name = e.against.name if e.against else ""
    titles = [
        "1  seen in the photo",
        "2  what the encoder gets",
        "3  the other photo" if e.photos is None else f"3  compared with {name}",
        "4  for and against",
    ]
    tiles = [
        photo_tile(e),
        chip_tile(e.chip),
        None if e.against is None or e.against.picture is None else chip_tile(e.against.picture),
        None if e.parts is None else heat_tile(e.chip, e.parts),
    ]
    bottom = top
    for k, (title, tile) in enumerate(zip(titles, tiles, strict=True)):
        x = _PAD + k * (TILE + _GAP)
        write(draw, (x, top), title, INK, px=_TEXT, width=TILE)
        y = top + 30
        if tile is None:
            draw.rectangle((x, y, x + TILE - 1, y + TILE - 1), fill=(232, 232, 228))
            _paragraph(draw, (x + 20, y + TILE // 2 - 40), _missing(e, k), SOFT, width=TILE - 40)
        else:
            picture.paste(tile, (x, y))
        bottom = max(bottom, _legend(picture, draw, e, k, (x, y + TILE + 8)))
    return bottom + 18


def _missing(e: FaceExplanation, column: int) -> str:
    if column == 2 and e.against is not None:
        return "No picture of it: none was kept, and the photo is not where it was enrolled from."
    return "Nothing to compare with."


def _legend(
    picture: Picture, draw: ImageDraw, e: FaceExplanation, column: int, at: tuple[int, int]
) -> int:
    """What stands below a tile; returns where it ends."""
    x, y = at
    if column == 0:
        dot(draw, (x + 8, y + 11), 6, full=True)
        write(draw, (x + 22, y), "visible", INK, px=_SMALL, width=80)
        if not e.seen.visible.all():
            dot(draw, (x + 108, y + 11), 6, full=False)
            write(draw, (x + 122, y), "hidden", INK, px=_SMALL, width=80)
        if e.seen.alpha is not None:
            veil = tuple(round(0.55 * 225 + 0.45 * c) for c in COVERED)
            draw.rectangle((x, y + 27, x + 16, y + 43), fill=(veil[0], veil[1], veil[2]))
            note = " (assumed)" if e.seen.assumed else ""
            write(draw, (x + 22, y + 24), f"covered{note}", INK, px=_SMALL, width=TILE - 22)
            return y + 48
        return y + 24
    if column == 3 and e.parts is not None:
        return _scale(picture, draw, e.parts, at)
    if column == 1:
        drawn = f", {words.in_wear(e.drawn)}" if e.drawn else ""
        text = f"the face, turned upright, cut out and scaled{drawn}"
    elif e.against is not None:
        how = words.in_wear(e.against.wear)
        text = _short(e.against.reference) + (f", {how}" if how else "")
    else:
        return y
    return _paragraph(draw, at, text, SOFT, width=TILE)


def _scale(picture: Picture, draw: ImageDraw, parts: Parts, at: tuple[int, int]) -> int:
    """The colours of the map."""
    from PIL import Image as Pillow

    x, y = at
    share = np.tile(np.linspace(-1, 1, TILE, dtype=np.float32)[None, :, None], (14, 1, 1))
    picture.paste(Pillow.fromarray(heat(np.full_like(share, 200), share)), (x, y + 4))
    full = strongest(parts)
    write(draw, (x, y + 22), "against", INK, px=_SMALL, width=100)
    wide = _length(draw, "for", _SMALL)
    write(draw, (x + TILE - wide, y + 22), "for", INK, px=_SMALL, width=wide + 2)
    text = f"a spot of full colour, covered, moves the score by {full:.3f}"
    return _paragraph(draw, (x, y + 46), text, SOFT, width=TILE)


def _foot(draw: ImageDraw, e: FaceExplanation, top: int) -> int:
    """What it means, and the nearest people."""
    half = (_WIDTH - 3 * _PAD) // 2
    lines = words.meaning(e)
    why = words.remarks(e)
    lines = why + lines if e.decision.outcome == "insufficient" else lines + why
    if e.parts is not None:
        lines += words.parts_words(e.parts)
    y = top
    wide = half if e.candidates else _WIDTH - 2 * _PAD
    for line in lines:
        y = _paragraph(draw, (_PAD, y), line, INK, width=wide, px=_TEXT) + 8
    x, row = 2 * _PAD + half, top
    if e.candidates:
        write(draw, (x, row), "the nearest people, on the scale above", SOFT, px=_TEXT, width=half)
        row += 28
    for candidate in e.candidates:
        told = e.against is not None and candidate.subject == e.against.name
        colour = colour_of(e) if told else INK
        spot = (x + 3, row + 5, x + 17, row + 19) if told else (x + 4, row + 6, x + 16, row + 18)
        draw.ellipse(spot, fill=colour if told else None, outline=colour if told else SOFT, width=2)
        write(draw, (x + 34, row), candidate.subject, colour, px=_TEXT, width=half - 340)
        write(draw, (x + half - 290, row), f"{candidate.score:.3f}", colour, px=_TEXT, width=70)
        how = words.in_wear(candidate.wear)
        write(draw, (x + half - 215, row + 1), how, SOFT, px=_SMALL, width=215)
        row += _ROW
    return max(y, row)


def _paragraph(
    draw: ImageDraw,
    at: tuple[int, int],
    text: str,
    colour: Colour,
    *,
    width: int,
    px: int = _SMALL,
) -> int:
    """Lines of words; returns where the next line would begin."""
    x, y = at
    for line in _lines(draw, text.split(), width, px):
        write(draw, (x, y), line, colour, px=px, width=width)
        y += round(px * 1.35)
    return y


def _lines(draw: ImageDraw, split: Sequence[str], width: int, px: int) -> list[str]:
    out: list[str] = []
    for word in split:
        longer = f"{out[-1]} {word}" if out else word
        if out and _length(draw, longer, px) <= width:
            out[-1] = longer
        else:
            out.append(word)
    return out


def _length(draw: ImageDraw, text: str, px: int) -> int:
    return round(draw.textlength(*fitted(text, px)))


def _short(path: str) -> str:
    """Enough of a path to know a photo by."""
    parts = PurePath(path).parts[-2:]
    both = "/".join(parts)
    return both if len(both) <= 24 and not parts[0].startswith("/") else parts[-1]
