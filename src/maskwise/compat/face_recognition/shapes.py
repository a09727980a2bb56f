"""dlib's objects that face_recognition hands out: rectangles, points and shapes, without dlib.

Frame: whole px, (0, 0) is the centre of the top-left pixel, the last column and row of a
rectangle belong to it (dlib/geometry/rectangle.h).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Point:
    """dlib.point: a whole pixel."""

    x: int
    y: int

    def __repr__(self) -> str:
        return f"point({self.x}, {self.y})"

    def __str__(self) -> str:
        return f"({self.x}, {self.y})"


@dataclass(frozen=True, slots=True, init=False, eq=True, repr=False)
class Rectangle:
    """dlib.rectangle(left, top, right, bottom): its corners are methods, as there."""

    _corners: tuple[int, int, int, int]

    def __init__(self, left: int, top: int, right: int, bottom: int) -> None:
        object.__setattr__(self, "_corners", (left, top, right, bottom))

    def left(self) -> int:
        """The first column."""
        return self._corners[0]

    def top(self) -> int:
        """The first row."""
        return self._corners[1]

    def right(self) -> int:
        """The last column; it belongs to the rectangle."""
        return self._corners[2]

    def bottom(self) -> int:
        """The last row; it belongs to the rectangle."""
        return self._corners[3]

    def width(self) -> int:
        """Columns; 0 of an empty rectangle."""
        return 0 if self.is_empty() else self.right() - self.left() + 1

    def height(self) -> int:
        """Rows; 0 of an empty rectangle."""
        return 0 if self.is_empty() else self.bottom() - self.top() + 1

    def area(self) -> int:
        """Pixels."""
        return self.width() * self.height()

    def is_empty(self) -> bool:
        """Whether no pixel is in it."""
        return self.top() > self.bottom() or self.left() > self.right()

    def center(self) -> Point:
        """The middle, in whole px as dlib rounds it."""
        x, y = self.left() + self.right() + 1, self.top() + self.bottom() + 1
        # C++ divides towards zero, and dlib takes one off sums below zero first.
        return Point(*(int((v - 1 if v < 0 else v) / 2) for v in (x, y)))

    def tl_corner(self) -> Point:
        """The top left pixel."""
        return Point(self.left(), self.top())

    def br_corner(self) -> Point:
        """The bottom right pixel."""
        return Point(self.right(), self.bottom())

    def contains(self, point: Point) -> bool:
        """Whether the pixel ``point`` is in it."""
        return self.left() <= point.x <= self.right() and self.top() <= point.y <= self.bottom()

    def __repr__(self) -> str:
        return f"rectangle({','.join(map(str, self._corners))})"

    def __str__(self) -> str:
        left, top, right, bottom = self._corners
        return f"[({left}, {top}) ({right}, {bottom})]"


@dataclass(frozen=True, slots=True)
class MmodRectangle:
    """dlib.mmod_rectangle: what the "cnn" detector finds.

    rect: where. confidence: the detector's score, above 0.
    """

    rect: Rectangle
    confidence: float


class FullObjectDetection:
    """dlib.full_object_detection: the points of one face.

    Unlike dlib's, nothing is taken from these objects again: ``face_encodings`` finds its own
    points, and ``landmarks=`` says which of them count.
    """

    def __init__(self, rect: Rectangle, points: Sequence[Point]) -> None:
        self._rect = rect
        self._points = tuple(points)

    @property
    def rect(self) -> Rectangle:
        """The face's box, in which the points were looked for."""
        return self._rect

    @property
    def num_parts(self) -> int:
        """5 or 68."""
        return len(self._points)

    def part(self, index: int) -> Point:
        """Point ``index``; IndexError when there is none."""
        if not 0 <= index < len(self._points):
            raise IndexError(f"part({index}): there are {len(self._points)} points, 0 is the first")
        return self._points[index]

    def parts(self) -> list[Point]:
        """All points, in their order."""
        return list(self._points)
