"""At which sizes a network sees a picture, and the way back.

A network like these finds faces of some 20 to 320 px *of what it is shown* (YuNet to 500). So by
default a picture is looked at as large as is worth the time, for the small faces, and once more
small and amid a border, for a face that fills the picture or is cut off at its edges. The
constants were chosen on photos of LFW's training people, bare and in virtual masks; see
docs/detectors.md. Our own network finds larger and smaller faces; ``own_sized`` is for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from maskwise.types import F32, U8, Bool

Size = tuple[int, int]
"""Width and height in px."""

MOST_COVERED: Final = 0.7
"""Share of a box that may lie in a better one: networks see small faces in parts of a close-up."""

# The longest side of the first look. Masked faces of 20 px: 38 % are found at their own size,
# 97 % at twice that.
_LARGEST: Final = 1280
_MOST_ENLARGED: Final = 2.0
# The longest side of the picture in the second look, and its border as a share of that. Faces as
# large as the picture are then of a size where both networks are surest.
_SMALL: Final = 256
_BORDER: Final = 0.25
# Of two tiles, for networks that take one size only: what is larger is seen in the whole picture.
_OVERLAP: Final = 96
# Tiles that show less more than the whole picture does are not worth their time.
_WORTH_TILES: Final = 1.2

# Of ``own_sized``. The longest side of a look, so that its memory is bounded, and that up to which
# a large photo is seen in its own size.
_WHOLE: Final = 1280
_MOST_TILED: Final = 4096
# The longest side of the small look, and the least height of a face that counts there: the other
# looks see the rest better.
_CLOSE_UP: Final = 160
_CLOSE_UP_LEAST: Final = 64
# Where the other looks saw a face of this share of the longest side there is no close-up behind it.
_CLOSE_UP_SEEN: Final = 0.25
# A picture below the first is enlarged to the second, by _MOST_ENLARGED at most.
_ENLARGED_BELOW: Final = 320
_ENLARGED_TO: Final = 512
# What every network here steps by: tiles of a multiple of it need no black beside them.
_STEP: Final = 32


@dataclass(frozen=True, slots=True)
class Look:
    """The picture brought to ``size`` lies in ``canvas`` with its corner at ``place``.

    What reaches over the canvas is cut off, what is around the picture is black. A point (x, y) of
    the canvas is (x, y) minus ``place``, divided by ``scale``, in the picture. averaged: shrunk by
    means of areas, not by the four nearest px. least: px of the canvas; lower faces are left to
    other looks.
    """

    canvas: Size
    size: Size
    place: Size
    scale: tuple[float, float]
    averaged: bool = False
    least: int = 0


def letterboxed(picture: Size, canvas: Size) -> Look:
    """As large as ``canvas`` holds, at the top left: what insightface does.

    Sizes are cut to whole px, and the height's scale is taken for both axes, as there. A picture
    so flat that no row would be left keeps one, and scales of its own.
    """
    width, height = picture
    ratio = height / width
    if ratio > canvas[1] / canvas[0]:
        size = int(canvas[1] / ratio), canvas[1]
    else:
        size = canvas[0], int(canvas[0] * ratio)
    if min(size) < 1:
        size = max(size[0], 1), max(size[1], 1)
        return Look(canvas, size, (0, 0), (size[0] / width, size[1] / height))
    scale = size[1] / height
    return Look(canvas, size, (0, 0), (scale, scale))


def unchanged(picture: Size) -> Look:
    """The picture as it is."""
    return Look(picture, picture, (0, 0), (1.0, 1.0))


def fitted(picture: Size, fixed: Size | None) -> list[Look]:
    """The looks by default, the larger first. fixed: the only canvas that the network takes.

    A network of one size sees at most four tiles, the whole picture, and the small one.
    """
    longest = max(picture)
    factor = min(_LARGEST / longest, _MOST_ENLARGED)
    small = min(_SMALL / longest, 1.0)
    if fixed is None:
        return [_look(picture, factor), _look(picture, small, _BORDER)]
    looks = []
    whole = min(factor, *_room(picture, fixed))
    tiled = min(factor, *_room(picture, (2 * fixed[0] - _OVERLAP, 2 * fixed[1] - _OVERLAP)))
    if tiled >= whole * _WORTH_TILES:
        look = _look(picture, tiled)
        places = [(-x, -y) for y in _starts(look, fixed, 1) for x in _starts(look, fixed, 0)]
        looks += [replace(look, canvas=fixed, place=place) for place in places]
    looks.append(replace(_look(picture, whole), canvas=fixed))
    frame = picture[0] + 2 * _BORDER * longest, picture[1] + 2 * _BORDER * longest
    small = min(small, *_room(frame, fixed))
    return [*looks, replace(_look(picture, small, _BORDER), canvas=fixed)]


def own_sized(picture: Size) -> list[Look]:
    """The looks for a network that takes any size and finds faces of 20 px up to the whole frame.

    The larger first. A picture is seen in its own size (a small one enlarged, a large one in
    tiles and once whole at 1280 px), and once small, for a face that fills it, unless the size is
    such that the first look sees those too.
    """
    longest = max(picture)
    small = replace(_look(picture, min(_CLOSE_UP / longest, 1.0)), least=_CLOSE_UP_LEAST)
    if longest < _ENLARGED_BELOW:
        return [_look(picture, min(_ENLARGED_TO / longest, _MOST_ENLARGED)), small]
    if longest == _ENLARGED_BELOW:
        return [unchanged(picture)]
    if longest <= _WHOLE:
        return [unchanged(picture), small]
    whole = _look(picture, _WHOLE / longest)
    if longest < _WORTH_TILES * _WHOLE:
        return [whole, small]
    return [*_tiles(_look(picture, min(_MOST_TILED / longest, 1.0))), whole, small]


def _tiles(look: Look) -> list[Look]:
    """``look`` in tiles of at most _WHOLE px a side that overlap by _OVERLAP or more."""
    canvas, starts = [], []
    for side in look.size:
        count = max(math.ceil((side - _OVERLAP) / (_WHOLE - _OVERLAP)), 1)
        tile = side
        if count > 1:
            tile = math.ceil((side + (count - 1) * _OVERLAP) / count / _STEP) * _STEP
        canvas.append(tile)
        starts.append([(side - tile) * i // max(count - 1, 1) for i in range(count)])
    places = [(-x, -y) for y in starts[1] for x in starts[0]]
    return [replace(look, canvas=(canvas[0], canvas[1]), place=place) for place in places]


def _look(picture: Size, factor: float, border: float = 0.0) -> Look:
    """``border``: on every side, as a share of the picture's longest side."""
    edge = int(border * max(picture) * factor)
    # A hair more: 640 / 6000 * 6000 is 639.99...
    width, height = (max(int(side * factor + 1e-6), 1) for side in picture)
    return Look(
        canvas=(width + 2 * edge, height + 2 * edge),
        size=(width, height),
        place=(edge, edge),
        scale=(width / picture[0], height / picture[1]),
        averaged=factor < 1,
    )


def _room(sides: tuple[float, float], canvas: Size) -> tuple[float, float]:
    """The factors by which each side just fits."""
    return canvas[0] / sides[0], canvas[1] / sides[1]


def _starts(look: Look, canvas: Size, axis: int) -> tuple[int, ...]:
    """Where the tiles begin in the resized picture."""
    rest = look.size[axis] - canvas[axis]
    return (0,) if rest <= 0 else (0, rest)


def counting(look: Look, boxes: F32) -> Bool:
    """(N,) which of ``boxes`` (N, 4), in px of the canvas, no other look sees better.

    Those cut by a tile's edge show a part of a face, which another look shows whole.
    """
    found: Bool = np.asarray(boxes[:, 3] - boxes[:, 1] >= look.least, np.bool_)
    for axis in (0, 1):
        if look.place[axis] < 0:
            found &= boxes[:, axis] >= 1
        if look.place[axis] + look.size[axis] > look.canvas[axis]:
            found &= boxes[:, 2 + axis] <= look.canvas[axis] - 1
    return found


def answered(look: Look, picture: Size, seen: list[F32]) -> bool:
    """Whether a look for close-ups is needless: ``seen`` boxes (N, 4) hold a face large enough."""
    if not look.least:
        return False
    least = _CLOSE_UP_SEEN * max(picture)
    return any(bool((boxes[:, 3] - boxes[:, 1] >= least).any()) for boxes in seen)


def resized(pixels: U8, look: Look) -> U8:
    """(h, w, 3) uint8 brought to the look's size."""
    if (pixels.shape[1], pixels.shape[0]) == look.size:
        return pixels
    how = cv2.INTER_AREA if look.averaged else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, look.size, interpolation=how), np.uint8)


def planes(shown: U8, look: Look, multiple: int, *, bgr: bool, mean: float, std: float) -> F32:
    """(1, 3, H, W) float32, what the network sees: (value - mean) / std of each colour.

    shown: (h, w, 3) uint8 RGB of the look's size. multiple: H and W are the canvas's, rounded up
    to it with more black.
    """
    width, height = (-(-side // multiple) * multiple for side in look.canvas)
    out = np.empty((1, 3, height, width), np.float32)
    here, there = zip(*(_overlap(look, axis) for axis in (1, 0)), strict=True)
    cut = shown[there]
    if cut.shape[:2] != (height, width):
        out.fill(-mean / std)
    # Splitting first is the fastest of six ways: 0.3 ms for 640x640 px, blobFromImage 5.
    colours = cv2.split(cut)
    for plane, colour in zip(out[0], reversed(colours) if bgr else colours, strict=True):
        part = plane[here]
        if mean:
            np.subtract(colour, np.float32(mean), out=part)
        else:
            np.copyto(part, colour)
        if std != 1:
            part /= np.float32(std)
    return out


def _overlap(look: Look, axis: int) -> tuple[slice, slice]:
    """Which px of the canvas show which of the resized picture."""
    place = look.place[axis]
    start, end = max(place, 0), min(place + look.size[axis], look.canvas[axis])
    return slice(start, end), slice(start - place, end - place)
