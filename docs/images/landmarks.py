"""Draw landmarks.png: the schemes and the subsets of docs/landmarks.md.

    python docs/images/landmarks.py

The face is nobody's: dlib's mean points (maskwise.align.DLIB_CHIP_68), which have no jaw, and a
jaw that is a curve.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from maskwise.align import DLIB_CHIP_68
from maskwise.landmarks import subsets
from maskwise.types import Landmarks

_OUT = Path(__file__).with_name("landmarks.png")
_FINE = 2  # drawn so much larger, then shrunk
_INK, _LINE, _FAINT, _KEPT = "#1f2933", "#c3ccd6", "#b8c2cc", "#0b69c7"
# Neighbours on one line of the face: first, last, and whether it closes.
_LINES = (
    *((0, 16, False), (17, 21, False), (22, 26, False), (27, 30, False), (31, 35, False)),
    *((36, 41, True), (42, 47, True), (48, 59, True), (60, 67, True)),
)


def mean_face() -> Landmarks:
    """68 points in a frame of 150 px; the jaw runs round below them."""
    points = DLIB_CHIP_68.reference.copy()
    middle, brow = points[27, 0], points[36, 1]
    turn = np.pi * np.arange(17) / 16
    across = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.8
    points[:17, 0] = middle - 58 * across
    points[:17, 1] = brow - 4 + 105 * np.sin(turn) ** 0.85
    points[[*range(55, 60), *range(65, 68)], 1] += 7  # the mouth opens, to make room for numbers
    return Landmarks("ibug68", points.astype(np.float32))


class Sheet:
    """What is drawn on; places and sizes are in px of the picture that is written."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.picture = Image.new("RGB", (width * _FINE, height * _FINE), "white")
        self.pen = ImageDraw.Draw(self.picture)

    def face(self, at: tuple[int, int], scale: float, points: np.ndarray) -> np.ndarray:
        """The lines of the face, and where its points are on the sheet."""
        where = (points - [75, 30]) * scale + at
        for first, last, closes in _LINES:
            line = [tuple(p) for p in where[first : last + 1] * _FINE]
            self.pen.line(line + line[:1] * closes, fill=_LINE, width=2 * _FINE, joint="curve")
        return where

    def dot(self, at: np.ndarray, radius: float, colour: str) -> None:
        """A point."""
        x, y = at * _FINE
        r = radius * _FINE
        self.pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def text(self, at: tuple[float, float], words: str, size: int, colour: str = _INK) -> None:
        """Words about ``at``."""
        font = ImageFont.load_default(size * _FINE)
        self.pen.text((at[0] * _FINE, at[1] * _FINE), words, fill=colour, font=font, anchor="mm")

    def save(self, path: Path) -> None:
        """Write it as PNG."""
        self.picture.resize(self.size, Image.Resampling.LANCZOS).quantize(64).save(
            path, optimize=True
        )


def numbered(sheet: Sheet, at: tuple[int, int], face: Landmarks) -> None:
    """The face with its points' numbers beside them."""
    where = sheet.face(at, 4.4, face.points.astype(np.float64))
    middle = where[27:68].mean(0)
    for k, point in enumerate(where):
        sheet.dot(point, 3.5, _KEPT)
        away = point - middle
        if 36 <= k <= 47:
            away = point - where[36:42].mean(0) if k < 42 else point - where[42:48].mean(0)
        if 48 <= k <= 67:
            away = (point - where[60:68].mean(0)) * [1, 3]
        if 60 <= k <= 67:
            away = -away if k in (60, 64) else np.array([0, 1.0 if k < 64 else -1.0])
        if 27 <= k <= 30:
            away = np.array([1.0, 0])
        if 31 <= k <= 35:
            away = np.array([0, 1.0])
        step = 13 * away / max(np.hypot(*away), 1e-6)
        sheet.text(tuple(point + step), str(k), 11)


def main() -> None:
    """Draw everything."""
    face = mean_face()
    sheet = Sheet(1180, 780)
    sheet.text((300, 24), "ibug68", 20)
    numbered(sheet, (300, 150), face)
    panels = [name for name in subsets.NAMES["ibug68"] if name != "all"]
    for k, name in enumerate(panels):
        at = (690 + 200 * (k % 3), 90 + 250 * (k // 3))
        sheet.text((at[0], at[1] - 50), name, 15)
        where = sheet.face(at, 1.5, face.points.astype(np.float64))
        kept = subsets.keep(face, name).visible
        for point, seen in zip(where, kept, strict=True):
            sheet.dot(point, 3.2 if seen else 1.6, _KEPT if seen else _FAINT)
    for k, scheme in enumerate(("dlib5", "five")):
        at = (690 + 200 * k, 590)
        sheet.text((at[0], at[1] - 50), scheme, 15)
        sheet.face(at, 1.5, face.points.astype(np.float64))
        few = subsets.convert(face, scheme, estimate=True).points.astype(np.float64)
        for number, point in enumerate((few - [75, 30]) * 1.5 + at):
            sheet.dot(point, 3.2, _KEPT)
            sheet.text((point[0], point[1] - 11), str(number), 12)
    sheet.save(_OUT)


if __name__ == "__main__":
    main()
