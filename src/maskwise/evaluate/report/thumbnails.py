"""Small pictures of faces, inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from maskwise import image
from maskwise.errors import ConfigurationError, ImageError
from maskwise.types import F32, Image

FindFace = Callable[[Image], "F32 | None"]
"""The box (4,) x1, y1, x2, y2, px, of the face that counts; None where there is none."""

_SIDE_PX: Final = 144  # shown at half of it: sharp on a phone
_QUALITY: Final = 78
_MARGIN: Final = 0.35
"""What is shown round the face, in sides of its box."""


def thumbnails(
    photos: Iterable[str], folder: Path, find_face: FindFace | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Photos as ``data:`` addresses, and those that could not be shown with the reason.

    photos: paths below ``folder``, with "/". A path that leads out of it is refused: a score
    file from somebody else shall not pick files of yours. Raises ConfigurationError where there
    is no such folder.
    """
    if not folder.is_dir():
        raise ConfigurationError(
            f"{image.describe(folder)}: no such folder; name the folder with the photos, or leave "
            "thumbnails out"
        )
    made: dict[str, str] = {}
    lost: dict[str, str] = {}
    for photo in dict.fromkeys(photos):
        address, why = _thumbnail(folder, photo, find_face)
        (lost if why else made)[photo] = why or address
    return made, lost


def _thumbnail(folder: Path, photo: str, find_face: FindFace | None) -> tuple[str, str]:
    """The address, or why there is none."""
    try:
        return _address(_square(image.load(_inside(folder, photo)), find_face)), ""
    except ImageError as error:
        return "", str(error)


def _inside(folder: Path, photo: str) -> Path:
    path = PurePosixPath(photo)
    # A drive or a backslash leads out of the folder on Windows.
    if path.is_absolute() or ".." in path.parts or not photo or "\\" in photo or ":" in photo[:2]:
        raise ImageError(f"{photo!r} leads out of the folder of photos; it is not opened")
    return folder.joinpath(*path.parts)


def _square(picture: Image, find_face: FindFace | None) -> Image:
    """The face, or the middle of the photo."""
    box = find_face(picture) if find_face is not None else None
    if box is None:
        half = min(picture.width, picture.height) / 2
        x, y = picture.width / 2, picture.height / 2
    else:
        x1, y1, x2, y2 = (float(v) for v in box)
        half = max(x2 - x1, y2 - y1) * (0.5 + _MARGIN)
        half = max(min(half, picture.width / 2, picture.height / 2), 0.5)
        x = min(max((x1 + x2) / 2, half), picture.width - half)
        y = min(max((y1 + y2) / 2, half), picture.height - half)
    left, top, side = int(x - half), int(y - half), max(1, int(2 * half))
    pixels = picture.pixels[top : top + side, left : left + side]
    return Image(np.ascontiguousarray(pixels), picture.source)


def _address(picture: Image) -> str:
    """Encoded anew, so nothing but pixels (no place, no date) comes along."""
    from PIL import Image as Pillow

    small = Pillow.fromarray(picture.pixels)
    small = small.resize((_SIDE_PX, _SIDE_PX), Pillow.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
