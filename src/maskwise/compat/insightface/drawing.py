"""Boxes, points and scores on a picture, by OpenCV alone: draw_on is called for every frame."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from maskwise.types import U8

# Okabe and Ito ("Color Universal Design", 2008), BGR: blue, and vermilion for the side of the
# subject's right eye and corner of the mouth, which insightface marks too.
_BOX: Final = (178, 114, 0)
_RIGHT: Final = (0, 94, 213)
_WHITE: Final = (255, 255, 255)
_RIGHT_POINTS: Final = (0, 3)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_PX_OF_FONT: Final = 22  # its capitals at scale 1


def draw(picture: U8, box: npt.ArrayLike, points: npt.NDArray[Any] | None, words: str) -> None:
    """Draw one face on ``picture`` (H, W, 3) uint8 BGR, in place.

    box: x1, y1, x2, y2 px. points: (K, 2) px. words: in ASCII, above the box, or below its upper
    edge where there is no room.
    """
    x1, y1, x2, y2 = np.rint(np.asarray(box, np.float64)).astype(int).tolist()
    side = max(min(x2 - x1, y2 - y1), 1)
    line = max(1, round(min(side / 40, min(picture.shape[:2]) / 200)))
    for colour, width in ((_WHITE, line + 2), (_BOX, line)):
        cv2.rectangle(picture, (x1, y1), (x2, y2), colour, width, cv2.LINE_AA)
    for number, (x, y) in enumerate([] if points is None else np.rint(points).astype(int)):
        colour = _RIGHT if number in _RIGHT_POINTS else _BOX
        radius = max(1, round(side / 50))
        cv2.circle(picture, (int(x), int(y)), radius + 1, _WHITE, -1, cv2.LINE_AA)
        cv2.circle(picture, (int(x), int(y)), radius, colour, -1, cv2.LINE_AA)
    if words:
        _label(picture, (x1, y1), side, words, line)


def _label(picture: U8, corner: tuple[int, int], side: int, words: str, line: int) -> None:
    scale = float(np.clip(side / 8, 9, min(picture.shape[:2]) / 16 + 9)) / _PX_OF_FONT
    thick = max(1, round(scale * 1.6))
    (width, height), below = cv2.getTextSize(words, _FONT, scale, thick)
    x = max(min(corner[0] - line, picture.shape[1] - width - 4), 0)
    bottom = corner[1] - line - 1
    if bottom - height - below - 2 < 0:
        bottom = max(corner[1], 0) + height + below + line + 3
    cv2.rectangle(
        picture, (x, bottom - height - below - 2), (x + width + 4, bottom), _BOX, cv2.FILLED
    )
    place = (x + 2, bottom - below)
    cv2.putText(picture, words, place, _FONT, scale, _WHITE, thick, cv2.LINE_AA)
