"""The scale of scores: where strangers' scores end, what was needed, and where this face is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from maskwise.annotate import COLOURS
from maskwise.explain.scale import strangers
from maskwise.explain.tiles import INK, PAPER, SOFT, Colour
from maskwise.explain.values import FaceExplanation
from maskwise.explain.words import one_in
from maskwise.lettering import fitted

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

Place = Callable[[float], float]
"""Score -> px from the left."""

_STRANGERS: Final[Colour] = (120, 120, 120)
_FINE: Final = 2
HEIGHT: Final = 190
_EDGE: Final = 18
_TOP, _BOTTOM = 70, 106  # px of the bar
_TEXT: Final = 19
_SMALL: Final = 16


class _Pen:
    """Draws in px of the finished picture."""

    def __init__(self, draw: ImageDraw) -> None:
        self._draw = draw

    def box(self, x1: float, y1: float, x2: float, y2: float, colour: Colour) -> None:
        at = tuple(round(v * _FINE) for v in (x1, y1, x2, y2))
        if at[2] > at[0] and at[3] > at[1]:
            self._draw.rectangle((at[0], at[1], at[2] - 1, at[3] - 1), fill=colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour, *, full: bool = True) -> None:
        at = tuple(v * _FINE for v in (x - radius, y - radius, x + radius, y + radius))
        spot = (at[0], at[1], at[2], at[3])
        self._draw.ellipse(spot, fill=colour if full else PAPER, outline=colour, width=2 * _FINE)

    def width(self, text: str, px: int) -> float:
        return float(self._draw.textlength(*fitted(text, px * _FINE))) / _FINE

    def text(self, x: float, y: float, text: str, colour: Colour, px: int = _TEXT) -> None:
        """About ``x``; y: of the top."""
        shown, font = fitted(text, px * _FINE)
        at = (x - self.width(text, px) / 2) * _FINE, y * _FINE
        self._draw.text(at, shown, fill=colour, font=font)


def score_bar(e: FaceExplanation, width: int) -> Picture | None:
    """The scale, ``width`` x HEIGHT px; None where there is no score."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    if e.score is None:
        return None
    picture = Pillow.new("RGB", (width * _FINE, HEIGHT * _FINE), PAPER)
    pen = _Pen(ImageDraw.Draw(picture))
    low, high = span(e)

    def place(score: float) -> float:
        return _EDGE + (score - low) / (high - low) * (width - 2 * _EDGE)

    pen.box(0, _TOP, width, _BOTTOM, (228, 228, 224))
    if e.point is not None:
        pen.box(place(e.point.threshold), _TOP, width, _BOTTOM, (196, 220, 236))
    _strangers(pen, e, place, width)
    for candidate in e.candidates:
        told = e.against is not None and candidate.subject == e.against.name
        if low <= candidate.score <= high and not told:
            pen.disc(place(candidate.score), (_TOP + _BOTTOM) / 2, 6, SOFT, full=False)
    _threshold(pen, e, place, width)
    _zones(pen, e, place, width)
    colour, x = colour_of(e), place(e.score)
    pen.disc(x, (_TOP + _BOTTOM) / 2, 15, (255, 255, 255))
    pen.disc(x, (_TOP + _BOTTOM) / 2, 12, colour)
    label = f"this face {e.score:.3f}"
    half = pen.width(label, _TEXT) / 2
    if e.point is not None:  # not across the line
        line = place(e.point.threshold)
        x = max(x, line + half + 10) if e.score >= e.point.threshold else min(x, line - half - 10)
    pen.text(min(max(x, half + 4), width - half - 4), _TOP - 30, label, colour)
    return picture.resize((width, HEIGHT), Pillow.Resampling.LANCZOS)


def colour_of(e: FaceExplanation) -> Colour:
    """Of the score: whether it was enough, whatever the decision is for."""
    if e.point is None or e.score is None:
        return COLOURS["insufficient"]
    return COLOURS["match" if e.score >= e.point.threshold else "no_match"]


def span(e: FaceExplanation) -> tuple[float, float]:
    """The lowest and the highest score that the bar shows: all that has a mark, and some room."""
    marks = [t.threshold for t in e.ticks]
    marks += [e.point.threshold] if e.point is not None else []
    marks += [e.score] if e.score is not None else []
    # The scores of candidates far down the list would only push the others together.
    floor = min(marks) - 0.5 * (max(marks) - min(marks)) if len(marks) > 1 else -math.inf
    marks += [c.score for c in e.candidates if c.score > floor]
    low, high = min(marks), max(marks)
    room = max(0.12 * (high - low), 0.01)
    return low - room, min(high + room, 1.0 if high <= 1 else math.inf)


def _strangers(pen: _Pen, e: FaceExplanation, place: Place, width: int) -> None:
    """Grey where strangers' scores lie, the paler the fewer; ticks with their shares."""
    if not e.ticks:
        why = "how high strangers score is not known: these scores rank, and decide nothing"
        pen.text(width / 2, _BOTTOM + 12, why, SOFT, _SMALL)
        return
    xs = [place(t.threshold) for t in e.ticks]
    low, high = span(e)
    for left in range(0, width, 2) if len(xs) > 1 else ():
        score = low + (left + 1 - _EDGE) / (width - 2 * _EDGE) * (high - low)
        # Full height for everybody, none for 1 in 100,000: as the ticks, by powers of ten.
        share = max(1 + math.log10(strangers(e.ticks, score)) / 5, 0)
        pen.box(left, _BOTTOM - (_BOTTOM - _TOP) * share, left + 2, _BOTTOM, _STRANGERS)
    free = 0.0
    for x, tick in zip(xs, e.ticks, strict=True):
        pen.box(x - 1, _BOTTOM, x + 1, _BOTTOM + 8, INK)
        label = one_in(tick.fmr)
        half = pen.width(label, _SMALL) / 2
        if x - half > free:
            pen.text(x, _BOTTOM + 11, label, INK, _SMALL)
            free = x + half + 8
    first = "strangers who score this high or higher, when compared with one photo"
    half = pen.width(first, _SMALL) / 2
    middle = (xs[0] + xs[-1]) / 2
    pen.text(max(middle, half + 8), _BOTTOM + 33, first, SOFT, _SMALL)


def _threshold(pen: _Pen, e: FaceExplanation, place: Place, width: int) -> None:
    if e.point is None:
        return
    x = place(e.point.threshold)
    pen.box(x - 2, _TOP - 34, x + 2, _BOTTOM + 4, INK)
    label = f"needed {e.point.threshold:.3f}"
    half = pen.width(label, _TEXT) / 2
    pen.text(min(max(x, half + 4), width - half - 4), _TOP - 62, label, INK)


def _zones(pen: _Pen, e: FaceExplanation, place: Place, width: int) -> None:
    """What the two ends of the bar stand for, where there is room for the words."""
    taken = [place(c.score) for c in e.candidates]
    taken += [] if e.score is None else [place(e.score)]
    y = _TOP + 2
    half = pen.width("strangers", _SMALL) / 2
    if e.ticks and not any(8 < x < 2 * half + 40 for x in taken):
        pen.text(half + 20, _BOTTOM - 23, "strangers", (255, 255, 255), _SMALL)
    if e.point is None:
        return
    half = pen.width("enough", _SMALL) / 2
    x = place(e.point.threshold) + half + 16
    if x + half < width - 12 and not any(abs(other - x) < half + 18 for other in taken):
        pen.text(x, y, "enough", COLOURS["match"], _SMALL)
