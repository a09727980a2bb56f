"""One face wearing every mask of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maskwise.errors import InputError
from maskwise.types import F32, Image

if TYPE_CHECKING:
    from maskwise.pipeline import Recognizer

_MARGIN = 0.55
"""What is shown round the face, in sides of its box."""


def mask_sheet(recognizer: Recognizer, photo: Path, name: str) -> Image | None:
    """A contact sheet: ``photo``'s main face bare, and in every type and pattern.

    None when the photo cannot be read, shows no single face, or one that wears a mask already.
    """
    from maskwise.annotate import contact_sheet
    from maskwise.masks import TYPES, spec_for, wear_on_image

    try:
        picture = recognizer.load(photo)
        face, _ = recognizer.dominant(picture)
    except InputError:
        return None
    if face.mask.worn:
        return None
    tiles = [("no mask", _around(picture, face.detection.box))]
    for kind in TYPES.values():
        for number, pattern in enumerate(kind.patterns):
            # Other patterns in other colours, so that the sheet shows both.
            color = kind.palette[number * 2 % len(kind.palette)][0]
            spec = spec_for(kind.name, pattern=pattern, color=color, seed=number)
            worn = wear_on_image(picture, [face.landmarks], [spec]).image
            label = kind.name if number == 0 else f"{kind.name}, {pattern}"
            tiles.append((label, _around(worn, face.detection.box)))
    return contact_sheet(tiles, f"{name} wearing every mask")


def _around(picture: Image, box: F32) -> Image:
    """The square about a face, as far as the picture goes."""
    x1, y1, x2, y2 = (float(v) for v in box)
    half = max(x2 - x1, y2 - y1) * (0.5 + _MARGIN)
    half = min(half, picture.width / 2, picture.height / 2)
    x = min(max((x1 + x2) / 2, half), picture.width - half)
    y = min(max((y1 + y2) / 2, half), picture.height - half)
    left, top, side = int(x - half), int(y - half), max(1, int(2 * half))
    pixels = picture.pixels[top : top + side, left : left + side]
    return Image(np.ascontiguousarray(pixels), picture.source)
