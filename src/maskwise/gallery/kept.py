"""A face kept for other encoders: as little of the photo as their chips need, with its landmarks.

Only where the owner of a gallery asked for it (``maskwise enrol --keep faces``). The bytes are a
PNG, lossless, with a text chunk of JSON; docs/gallery-format.md tells what stands in it.
"""

from __future__ import annotations

import io
import itertools
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from maskwise import image
from maskwise.align import ARCFACE_CHIP, DLIB_CHIP, by_scheme, transform_of
from maskwise.errors import GalleryFormatError, ImageError, InputError
from maskwise.types import F32, F64, U8, Image, Landmarks, Scheme

LONGEST_SIDE: Final = 256
"""px. A larger part of the photo is shrunk to it, a smaller one is kept pixel by pixel: chips cut
from it are then those of the photo. At this size the chip of an upright face spans some 180 px, and
encoders want 112 to 150; more pixels gain nothing (docs/adr/0012-kept-faces.md)."""

FORMAT: Final = 1
_KEYWORD: Final = b"maskwise-face"
_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
# ArcFace's chip shows more forehead than dlib's, and less chin. The margins are about the centres:
# for chips a little larger, and for detectors, which want some forehead.
_CHIPS: Final = (DLIB_CHIP, ARCFACE_CHIP)
_CHIP_MARGIN: Final = 1.15
_BOX_MARGIN: Final = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class KeptFace:
    """What ``unpack`` gives.

    image: the part of the photo. landmarks: by scheme, in px of ``image``. box: (4,) float32 x1,
    y1, x2, y2 of the face in px of ``image``. transform: (2, 3) float64, photo px -> image px:
    moved and perhaps shrunk, never turned.
    """

    image: Image
    landmarks: dict[Scheme, Landmarks]
    box: F32
    transform: F64


def pack(picture: Image, landmarks: Mapping[Scheme, Landmarks], box: npt.ArrayLike) -> bytes:
    """The face as a gallery keeps it: ``NewReference.kept``.

    landmarks: of the face, of every scheme that is known, in px of ``picture``. box: (4,) x1, y1,
    x2, y2 in px of ``picture``. Around it are a quarter of the box on each side and what the
    encoders' chips span; other faces there may be stay in the picture.
    Raises InputError for landmarks under another scheme's name, and a face outside the picture.
    """
    corners = np.asarray(box, np.float64)
    if corners.shape != (4,) or not np.isfinite(corners).all():
        raise InputError(f"keep: expected a box of 4 finite numbers, got {box!r}")
    if any(scheme != points.scheme for scheme, points in landmarks.items()):
        raise InputError("keep: landmarks stand under another scheme's name")
    left, top, right, bottom = _region(picture, landmarks, corners.reshape(2, 2))
    pixels, scale = _shrunk(picture.pixels[top:bottom, left:right])
    # Pixel centres: the corner of a picture lies at -0.5.
    shift = scale * (0.5 - np.array([left, top])) - 0.5
    transform = np.column_stack([np.diag(scale), shift])
    facts = {
        "format": FORMAT,
        "box": (corners.reshape(2, 2) * scale + shift).ravel().tolist(),
        "transform": transform.tolist(),
        "landmarks": {
            scheme: {
                "points": (points.points.astype(np.float64) * scale + shift).tolist(),
                "visible": points.visible.tolist(),
            }
            for scheme, points in sorted(landmarks.items())
        },
    }
    text = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode("ascii")
    return _with_text(_png(pixels), text)


def unpack(blob: bytes) -> KeptFace:
    """What ``pack`` wrote; GalleryFormatError on anything else."""
    facts = _facts(blob)
    try:
        picture = image.load(blob, max_pixels=LONGEST_SIDE**2)
        return KeptFace(
            Image(picture.pixels, "<kept face>"),
            {
                scheme: Landmarks(scheme, np.float32(told["points"]), np.array(told["visible"]))
                for scheme, told in facts["landmarks"].items()
            },
            np.array(facts["box"], np.float32).reshape(4),
            np.array(facts["transform"], np.float64).reshape(2, 3),
        )
    except (
        *(ImageError, InputError, KeyError, TypeError, AttributeError, ValueError, OverflowError),
    ) as error:
        raise _damaged(str(error)) from error


def fault(blob: bytes) -> str | None:
    """What is wrong with a kept face, or None; by its checksums, without decoding a pixel."""
    try:
        _facts(blob)
    except GalleryFormatError as error:
        return str(error)
    return None


def _region(
    picture: Image, landmarks: Mapping[Scheme, Landmarks], box: F64
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in whole px of what is kept; right and bottom are exclusive."""
    spans = [_grown(box, _BOX_MARGIN)]
    for points, spec in itertools.product(landmarks.values(), _CHIPS):
        try:
            to_chip = transform_of(points, by_scheme(spec, points.scheme))
        except InputError:  # points that place no chip, now or later
            continue
        far = spec.size - 0.5
        square = np.array([(-0.5, -0.5), (far, -0.5), (-0.5, far), (far, far)])
        in_photo = (square - to_chip[:, 2]) @ np.linalg.inv(to_chip[:, :2]).T
        spans.append(_grown(in_photo, _CHIP_MARGIN))
    corners = np.concatenate(spans)
    size = np.array([picture.width, picture.height])
    low = np.clip(np.floor(corners.min(0)), 0, size).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + 1, 0, size).astype(int)
    if (high <= low).any():
        raise InputError(f"keep: the face lies outside the picture: {box.ravel().tolist()}")
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _grown(points: F64, factor: float) -> F64:
    centre = (points.min(0) + points.max(0)) / 2
    return np.asarray(centre + factor * (points - centre), np.float64)


def _shrunk(part: U8) -> tuple[U8, F64]:
    """At most LONGEST_SIDE px a side, and (2,) the scale of x and y."""
    height, width = part.shape[:2]
    ratio = LONGEST_SIDE / max(height, width)
    if ratio >= 1:
        return part, np.ones(2)
    import cv2

    # To whole pixels: the scales of the axes differ by less than half of one.
    wide, high = (max(1, round(side * ratio)) for side in (width, height))
    small = cv2.resize(part, (wide, high), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), np.array([wide / width, high / height])


def _png(pixels: U8) -> bytes:
    import PIL.Image

    out = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG")
    return out.getvalue()


def _with_text(png: bytes, text: bytes) -> bytes:
    """The PNG with a tEXt chunk (PNG specification, 11.3.4.3) after its header."""
    body = b"tEXt" + _KEYWORD + b"\0" + text
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    after_header = len(_MAGIC) + 25
    return png[:after_header] + chunk + png[after_header:]


def _chunks(blob: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of every chunk; GalleryFormatError where one is not what it was."""
    if not blob.startswith(_MAGIC):
        raise _damaged("not a PNG")
    at = len(_MAGIC)
    while at < len(blob):
        if at + 12 > len(blob):
            raise _damaged("cut short")
        (length,) = struct.unpack_from(">I", blob, at)
        body, end = blob[at + 4 : at + 8 + length], at + 12 + length
        if end > len(blob) or struct.unpack_from(">I", blob, end - 4)[0] != zlib.crc32(body):
            raise _damaged("a checksum does not hold")
        yield body[:4], body[4:]
        at = end


def _facts(blob: bytes) -> dict[str, Any]:
    found: dict[str, Any] | None = None
    last = b""
    for last, content in _chunks(blob):
        keyword, _, text = content.partition(b"\0")
        if last == b"tEXt" and keyword == _KEYWORD:
            try:
                found = dict(json.loads(text))
            except (TypeError, ValueError, RecursionError) as error:
                raise _damaged(f"its facts cannot be read: {error}") from error
    if last != b"IEND" or found is None:
        raise _damaged("cut short" if last != b"IEND" else "it has no landmarks")
    if found.get("format") != FORMAT:
        raise _damaged(f"of format {found.get('format')!r}, and this maskwise reads {FORMAT}")
    return found


def _damaged(why: str) -> GalleryFormatError:
    return GalleryFormatError(
        f"a kept face is damaged ({why}); enrol its photo again with --keep faces, or restore a "
        "backup"
    )
