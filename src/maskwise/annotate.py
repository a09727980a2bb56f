"""Pictures for people: faces with boxes, names and scores; contact sheets.

Colours follow Okabe and Ito ("Color Universal Design", 2008), which people of every colour
vision tell apart; the line tells the outcome too: solid for a match, dashed for nobody
enrolled, dotted for "could not tell". Text is large enough to read at any size of picture:
small pictures are enlarged first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from maskwise.lettering import fitted, write
from maskwise.types import Image, Outcome

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

    from maskwise.answers import Identification
    from maskwise.types import MaskState

Colour: TypeAlias = tuple[int, int, int]
Box: TypeAlias = tuple[int, int, int, int]

COLOURS: Final[dict[Outcome, Colour]] = {
    "match": (0, 114, 178),
    "no_match": (186, 74, 0),
    "insufficient": (90, 90, 90),
}
"""Okabe and Ito's blue and, darkened for white text on it, their vermilion; and a grey."""

_DASHES: Final[dict[Outcome, tuple[float, float] | None]] = {
    "match": None,
    "no_match": (4.0, 4.0),
    "insufficient": (0.5, 3.0),
}
"""Length of stroke and gap in line widths, to which the ends add one; None: solid."""

_WHITE: Final[Colour] = (255, 255, 255)
_INK: Final[Colour] = (30, 30, 30)
_PAPER: Final[Colour] = (250, 250, 248)
_LEAST_SIDE_PX: Final = 480
"""Pictures with a shorter side are enlarged to about this."""


@dataclass(frozen=True, slots=True)
class FaceLabel:
    """What is drawn at one face. box: x1, y1, x2, y2 px. lines: the first is the name."""

    box: tuple[float, float, float, float]
    outcome: Outcome
    lines: tuple[str, ...]


def annotate(image: Image, results: Sequence[Identification]) -> Image:
    """A copy of ``image`` with every face's box, name, score and mask state.

    Small pictures come back enlarged. Where faces stand too close for their labels, they are
    numbered, and a legend stands below the picture.
    """
    return draw_labels(image, [label_of(result) for result in results])


def label_of(result: Identification) -> FaceLabel:
    """The label of an identified face."""
    decision = result.decision
    x1, y1, x2, y2 = (float(v) for v in result.face.detection.box)
    if decision.outcome == "match" and result.candidates:
        name = result.candidates[0].subject
    else:
        name = "nobody enrolled" if decision.outcome == "no_match" else "could not tell"
    details = []
    if decision.score is not None:
        point = decision.operating_point
        needs = None if point is None else point.threshold
        details.append(_score_words(decision.score, needs))
    details.append(mask_words(result.face.mask))
    return FaceLabel((x1, y1, x2, y2), decision.outcome, (name, ", ".join(details)))


def _score_words(score: float, needs: float | None) -> str:
    """Two decimals, or up to five where fewer would show a miss as a tie."""
    if needs is None:
        return f"{score:.2f}"
    digits = next((n for n in (2, 3, 4, 5) if f"{score:.{n}f}" != f"{needs:.{n}f}"), 2)
    return f"{score:.{digits}f} (needs {needs:.{digits}f})"


def mask_words(state: MaskState) -> str:
    """``no mask``, ``mask``, ``surgical mask``; ``mask, nose out``; ``mask under the chin``."""
    if not state.worn:
        return "mask under the chin" if state.style == "under-chin" else "no mask"
    what = f"{state.type} mask" if state.type else "mask"
    return f"{what}, nose out" if state.style == "under-nose" else what


def draw_labels(image: Image, labels: Sequence[FaceLabel]) -> Image:
    """A copy of ``image`` with these labels; says so in a strip below when there is none."""
    from PIL import ImageDraw

    picture, scale = _enlarged(image)
    side = math.sqrt(picture.width * picture.height)
    text_px = round(max(min(side / 26, picture.width / 16), 14))
    line_px = max(2, round(text_px / 7))
    draw = ImageDraw.Draw(picture)
    boxes = [_scaled(label.box, scale) for label in labels]
    for box, label in zip(boxes, labels, strict=True):
        _frame(draw, box, label.outcome, line_px)
    if not labels:
        return _image(_with_legend(picture, [("no face found", _INK)], text_px), image.source)
    places = _places(draw, boxes, labels, text_px, picture.size)
    if places is not None:
        for place, label in zip(places, labels, strict=True):
            _plate(draw, place, label.lines, COLOURS[label.outcome], text_px)
        return _image(picture, image.source)
    legend = []
    order = sorted(range(len(labels)), key=lambda k: (boxes[k][0], boxes[k][1]))
    for number, k in enumerate(order, 1):
        label = labels[k]
        _number(draw, boxes[k], str(number), COLOURS[label.outcome], text_px)
        legend.append((f"{number}  " + ", ".join(label.lines), COLOURS[label.outcome]))
    return _image(_with_legend(picture, legend, text_px), image.source)


def contact_sheet(tiles: Sequence[tuple[str, Image]], title: str, *, tile_px: int = 260) -> Image:
    """All pictures in one, each with its name below: a grid that is wider than tall."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    gap, text_px, title_px = tile_px // 16, round(tile_px / 13), round(tile_px / 10)
    columns = max(1, min(len(tiles), math.ceil(math.sqrt(len(tiles) * 1.6))))
    rows = math.ceil(len(tiles) / columns)
    head = round(title_px * 1.4) + gap
    cell = tile_px + round(text_px * 1.6) + gap
    sheet = Pillow.new("RGB", (gap + columns * (tile_px + gap), gap + head + rows * cell), _PAPER)
    draw = ImageDraw.Draw(sheet)
    write(draw, (gap, gap), title, _INK, px=title_px, width=sheet.width - 2 * gap)
    for k, (name, image) in enumerate(tiles):
        x = gap + (k % columns) * (tile_px + gap)
        y = gap + head + (k // columns) * cell
        tile = Pillow.fromarray(image.pixels)
        ratio = tile_px / max(tile.size)
        size = (max(1, round(tile.width * ratio)), max(1, round(tile.height * ratio)))
        tile = tile.resize(size, Pillow.Resampling.LANCZOS)
        sheet.paste(tile, (x + (tile_px - tile.width) // 2, y + (tile_px - tile.height) // 2))
        write(draw, (x, y + tile_px + round(text_px * 0.2)), name, _INK, px=text_px, width=tile_px)
    return Image(np.asarray(sheet), title)


def _image(picture: Picture, source: str) -> Image:
    return Image(np.asarray(picture), source)


def _enlarged(image: Image) -> tuple[Picture, float]:
    from PIL import Image as Pillow

    picture = Pillow.fromarray(image.pixels)
    # A very long strip is not blown up beyond reason.
    scale = min(_LEAST_SIDE_PX / min(picture.size), 8000 / max(picture.size))
    if scale <= 1:
        return picture.copy(), 1.0
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Pillow.Resampling.BICUBIC), scale


def _scaled(box: tuple[float, float, float, float], scale: float) -> Box:
    """Pixel centres stay centres: (x + 1/2) * scale - 1/2."""
    x1, y1, x2, y2 = (round((v + 0.5) * scale - 0.5) for v in box)
    return x1, y1, x2, y2


def _frame(draw: ImageDraw, box: Box, outcome: Outcome, width: int) -> None:
    """The box: coloured on a wider white line, so that it shows on every ground."""
    x1, y1, x2, y2 = box
    halo = width + 2 * max(1, width // 2)
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)]
    dash = _DASHES[outcome]
    for colour, thickness in ((_WHITE, halo), (COLOURS[outcome], width)):
        for start, end in pairwise(corners):
            for piece in _pieces(start, end, None if colour == _WHITE else dash, width):
                _line(draw, piece, colour, thickness)


def _pieces(
    start: tuple[int, int], end: tuple[int, int], dash: tuple[float, float] | None, width: int
) -> list[tuple[int, int, int, int]]:
    if dash is None:
        return [(*start, *end)]
    length = math.dist(start, end)
    stroke, gap = (part * width for part in dash)
    # Whole dashes, one at each corner.
    count = max(1, round((length + gap) / (stroke + gap)))
    step = (length - stroke) / (count - 1) if count > 1 else 0.0
    dx, dy = (end[0] - start[0]) / max(length, 1), (end[1] - start[1]) / max(length, 1)
    out = []
    for k in range(count):
        a, b = k * step, min(k * step + stroke, length)
        x, y = start
        out.append((round(x + a * dx), round(y + a * dy), round(x + b * dx), round(y + b * dy)))
    return out


def _line(draw: ImageDraw, piece: tuple[int, int, int, int], colour: Colour, width: int) -> None:
    x1, y1, x2, y2 = piece
    before, after = width // 2, width - width // 2 - 1
    draw.rectangle(
        (min(x1, x2) - before, min(y1, y2) - before, max(x1, x2) + after, max(y1, y2) + after),
        fill=colour,
    )


def _places(
    draw: ImageDraw,
    boxes: Sequence[Box],
    labels: Sequence[FaceLabel],
    text_px: int,
    size: tuple[int, int],
) -> list[Box] | None:
    """A place for each label beside its own box, clear of faces and of each other; or None."""
    width, height = size
    taken: list[Box] = []
    for box, label in zip(boxes, labels, strict=True):
        w, h = _plate_size(draw, label.lines, text_px)
        gap = max(2, text_px // 5)
        left = min(max(box[0], 0), max(width - w, 0))
        # Above: below is the chin, and the mask.
        tops = (box[1] - gap - h, box[3] + gap)
        others = [other for other in boxes if other is not box]
        for top in tops:
            place = (left, top, left + w, top + h)
            inside = w <= width and top >= 0 and top + h <= height
            if inside and not any(_overlap(place, other) for other in (*others, *taken)):
                taken.append(place)
                break
        else:
            return None
    return taken


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _plate_size(draw: ImageDraw, lines: Sequence[str], text_px: int) -> tuple[int, int]:
    pad = text_px // 3
    width = max(math.ceil(draw.textlength(*fitted(line, text_px))) for line in lines)
    return width + 2 * pad, round(len(lines) * text_px * 1.25) + pad


def _plate(draw: ImageDraw, place: Box, lines: Sequence[str], colour: Colour, text_px: int) -> None:
    """White text on the outcome's colour."""
    pad = text_px // 3
    draw.rounded_rectangle(place, radius=pad, fill=colour)
    for k, line in enumerate(lines):
        at = place[0] + pad, place[1] + pad // 2 + round(k * text_px * 1.25)
        write(draw, at, line, _WHITE, px=text_px, width=place[2] - place[0] - 2 * pad)


def _number(draw: ImageDraw, box: Box, number: str, colour: Colour, text_px: int) -> None:
    w, h = _plate_size(draw, (number,), text_px)
    # On top of the box where there is room, so that a small face stays to be seen.
    x, y = max(box[0], 0), max(box[1] - h, 0)
    _plate(draw, (x, y, x + w, y + h), (number,), colour, text_px)


def _with_legend(picture: Picture, lines: Sequence[tuple[str, Colour]], text_px: int) -> Picture:
    """The picture with a strip of lines below it."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    pad, step = text_px // 2, round(text_px * 1.4)
    height = picture.height + 2 * pad + step * len(lines)
    out = Pillow.new("RGB", (picture.width, height), _PAPER)
    out.paste(picture)
    draw = ImageDraw.Draw(out)
    for k, (line, colour) in enumerate(lines):
        y = picture.height + pad + k * step
        write(draw, (pad, y), line, colour, px=text_px, width=picture.width - 2 * pad)
    return out
