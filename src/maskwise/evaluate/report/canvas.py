"""A drawing of lines, areas and words: as SVG, and as PNG, from the same few shapes.

Frame: user units, x right, y down, origin top left. Inks are names; SVG carries both the colour
(for a file that stands alone) and a class (so that the page can recolour it in dark mode).
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from maskwise.evaluate.report.words import shown

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

INKS: Final = {
    "text": ("#222222", "#e6e6e6"),
    "soft": ("#5c5c5c", "#a8a8a8"),
    "grid": ("#e4e4e4", "#34373c"),
    "void": ("#f1efe9", "#24272c"),
    "paper": ("#ffffff", "#1b1d21"),
    # Okabe and Ito 2008, "Color universal design": told apart with any colour vision; darkened
    # where a line of it on white would have a contrast below 3.
    "s0": ("#0072b2", "#56b4e9"),
    "s1": ("#d55e00", "#f08c3a"),
    "s2": ("#00805c", "#2fc79b"),
    "s3": ("#a8578a", "#d993bd"),
    "s4": ("#8a6d00", "#e5c33d"),
    "s5": ("#444444", "#c8c8c8"),
}
"""Name -> colour on light paper, on dark paper."""

DASHES: Final[tuple[tuple[float, ...], ...]] = ((), (7, 3), (2, 2.5), (9, 3, 2, 3), (4, 2), (1, 3))
SERIES: Final = 6
TEXT_PX: Final = 13
_SCALE: Final = 2  # of a PNG, in px a unit
_FINER: Final = 2  # drawn so much larger, then shrunk: Pillow's lines have no smooth edges

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """Through ``points``. dash: lengths on, off, on ..."""

    points: tuple[Point, ...]
    ink: str
    width: float = 1.0
    dash: tuple[float, ...] = ()
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Area:
    """Inside ``points``."""

    points: tuple[Point, ...]
    ink: str
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text. at: of its baseline. anchor: start, middle or end. turned: upwards.

    halo: paper colour round the letters, where lines pass behind them.
    """

    at: Point
    text: str
    ink: str = "text"
    px: float = TEXT_PX
    anchor: str = "start"
    turned: bool = False
    halo: bool = False
    bold: bool = False


@dataclass(slots=True)
class Canvas:
    """Shapes, in the order in which they are drawn. title and description: for who cannot see."""

    width: float
    height: float
    title: str
    description: str = ""
    shapes: list[Line | Area | Words] = field(default_factory=list)

    def line(
        self,
        points: Sequence[Point],
        ink: str,
        width: float = 1.0,
        dash: tuple[float, ...] = (),
        opacity: float = 1.0,
    ) -> None:
        """Add a line; one of fewer than two points is none."""
        if len(points) > 1:
            self.shapes.append(Line(tuple(points), ink, width, dash, opacity))

    def area(self, points: Sequence[Point], ink: str, opacity: float = 1.0) -> None:
        """Add a filled polygon; one of fewer than three points is none."""
        if len(points) > 2:
            self.shapes.append(Area(tuple(points), ink, opacity))

    def dot(self, at: Point, ink: str, half: float = 3.5) -> None:
        """Add a filled square with its middle ``at`` a point."""
        (x, y) = at
        corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        self.area([(x + half * a, y + half * b) for a, b in corners], ink)

    def words(self, words: Words) -> None:
        """Add text."""
        self.shapes.append(words)

    def svg(self, *, alone: bool) -> str:
        """alone: a file of its own, with XML's namespace, a fixed size and white paper."""
        size = f' width="{self.width:g}" height="{self.height:g}"' if alone else ""
        space = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
        paper = '<rect width="100%" height="100%" fill="#ffffff"/>\n' if alone else ""
        name = escape(shown(self.title))
        return (
            f'<svg{space}{size} viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'aria-label="{name}" font-family="system-ui, -apple-system, Segoe UI, sans-serif">\n'
            f"<title>{name}</title><desc>{escape(shown(self.description))}</desc>\n{paper}"
            + "\n".join(_svg(shape) for shape in self.shapes)
            + "\n</svg>"
        )

    def png(self) -> bytes:
        """The same as PNG, at twice the size."""
        from PIL import Image, ImageDraw

        scale = _SCALE * _FINER
        size = round(self.width * scale), round(self.height * scale)
        picture = Image.new("RGB", size, INKS["paper"][0])
        for shape in self.shapes:
            if isinstance(shape, Words):
                _write(picture, shape, scale)
            elif shape.opacity >= 1:
                _draw(ImageDraw.Draw(picture), shape, scale, INKS[shape.ink][0])
            else:
                cover = Image.new("L", size, 0)
                _draw(ImageDraw.Draw(cover), shape, scale, round(255 * shape.opacity))
                picture.paste(Image.new("RGB", size, INKS[shape.ink][0]), (0, 0), cover)
        picture = picture.resize(
            (round(self.width * _SCALE), round(self.height * _SCALE)), Image.Resampling.BOX
        )
        buffer = io.BytesIO()
        picture.quantize(128).save(buffer, "PNG", optimize=True)
        return buffer.getvalue()


def style(dark: bool) -> str:
    """CSS that colours the SVG of a page."""
    return "\n".join(
        f".f-{ink}{{fill:{pair[dark]}}} .l-{ink}{{stroke:{pair[dark]}}}"
        for ink, pair in INKS.items()
    )


def _svg(shape: Line | Area | Words) -> str:
    colour = INKS[shape.ink][0]
    if isinstance(shape, Words):
        x, y = shape.at
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if shape.turned else ""
        anchor = f' text-anchor="{shape.anchor}"' if shape.anchor != "start" else ""
        bold = ' font-weight="600"' if shape.bold else ""
        halo = (
            f' stroke="{INKS["paper"][0]}" stroke-width="3" stroke-linejoin="round" '
            'paint-order="stroke"'
            if shape.halo
            else ""
        )
        kinds = f"f-{shape.ink}" + " l-paper" * shape.halo
        return (
            f'<text x="{x:.1f}" y="{y:.1f}" class="{kinds}" fill="{colour}" '
            f'font-size="{shape.px:g}"{anchor}{bold}{halo}{turn}>{escape(shown(shape.text))}</text>'
        )
    fade = f' opacity="{shape.opacity:g}"' if shape.opacity < 1 else ""
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
    if isinstance(shape, Area):
        return f'<polygon points="{points}" class="f-{shape.ink}" fill="{colour}"{fade}/>'
    dash = f' stroke-dasharray="{" ".join(f"{d:g}" for d in shape.dash)}"' if shape.dash else ""
    return (
        f'<polyline points="{points}" class="l-{shape.ink}" fill="none" stroke="{colour}" '
        f'stroke-width="{shape.width:g}" stroke-linejoin="round"{dash}{fade}/>'
    )


def _draw(draw: ImageDraw, shape: Line | Area, scale: float, fill: str | int) -> None:
    points = [(x * scale, y * scale) for x, y in shape.points]
    if isinstance(shape, Area):
        draw.polygon(points, fill=fill)
        return
    width = max(1, round(shape.width * scale))
    for piece in _dashed(points, [d * scale for d in shape.dash]):
        draw.line(piece, fill=fill, width=width, joint="curve")


def _dashed(points: list[Point], dash: list[float]) -> list[list[Point]]:
    """The pieces of a line that are drawn."""
    if not dash:
        return [points]
    pieces: list[list[Point]] = []
    place, left, on = 0, dash[0], True
    piece = [points[0]]
    for a, b in pairwise(points):
        length, done = math.dist(a, b), 0.0
        while length - done > left:
            done += left
            share = done / length
            at = (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]))
            if on:
                pieces.append([*piece, at])
            place, on, piece = (place + 1) % len(dash), not on, [at]
            left = dash[place]
        left -= length - done
        piece.append(b)
    if on and len(piece) > 1:
        pieces.append(piece)
    return pieces


def _write(picture: Picture, words: Words, scale: float) -> None:
    from PIL import Image, ImageDraw

    font = _font(round(words.px * scale))
    text, paper, ink = shown(words.text), INKS["paper"][0], INKS[words.ink][0]
    anchor = {"start": "ls", "middle": "ms", "end": "rs"}[words.anchor]
    x, y = words.at[0] * scale, words.at[1] * scale
    if not words.turned:
        draw = ImageDraw.Draw(picture)
        thick = round(0.03 * words.px * scale) if words.bold else 0
        if words.halo:
            border = round(1.5 * scale) + thick
            draw.text((x, y), text, paper, font, anchor, stroke_width=border, stroke_fill=paper)
        draw.text((x, y), text, ink, font, anchor, stroke_width=thick, stroke_fill=ink)
        return
    # Pillow writes from left to right only: write on a strip as long as twice the text.
    long, high = 2 * math.ceil(font.getlength(text)) + 4, 3 * round(words.px * scale)
    strip = Image.new("L", (long, high), 0)
    ImageDraw.Draw(strip).text((long / 2, high / 2), text, 255, font, anchor)
    strip = strip.rotate(90, expand=True)
    place = round(x - high / 2), round(y - long / 2)
    picture.paste(Image.new("RGB", strip.size, ink), place, strip)


def _font(px: int) -> FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.load_default(px)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
