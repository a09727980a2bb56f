"""Flat masks as the best-known tools draw them: the yardstick for our own, in speed and in looks.

Our own implementation of what Anwar and Raychowdhury describe ("Masked Face Recognition for
Secure Authentication", arXiv 2008.11104) and of what MaskTheFace's documentation says of its
options; no code of theirs. A flat template with six anchor points is warped in two halves onto
six key points of the face, tinted (by default #0473e2 at half weight), brought to the brightness
of the whole picture, and cut out by a binary alpha.

Differences from the original: the templates are drawn here, one frontal picture a kind, where
the original picks one of three by the face's tilt; the key points can also come from five
landmarks, by way of our pose; a seed scatters them, as a landmark model does.

    pixels, alpha = flat_masks.wear(photo, landmarks, "surgical", seed=0)
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import cv2
import numpy as np

from maskwise.errors import ConfigurationError
from maskwise.masks.fit import fit_pose
from maskwise.masks.surface import Shape, points_on
from maskwise.types import F64, U8, Landmarks

TINT: Final = (4, 115, 226)
TINT_WEIGHT: Final = 0.5
_SIZE: Final = (900, 760)
"""Width and height of a template, px."""

# Upper left, upper middle, upper right, lower left, lower middle, lower right of the template.
_ANCHORS: Final = np.array(
    [(40, 190), (450, 40), (860, 190), (170, 560), (450, 720), (730, 560)], np.float32
)
# The same places of the face: in the 68 points, and as (arc, y) of our surface, the jaw's at
# the side that shows.
_FROM_68: Final = (1, 28, 15, 5, 8, 11)
_SIDES: Final = ((-1, 0.35), (0, 0.22), (1, 0.35), (-1, 1.42), (0, 1.86), (1, 1.42))
_SCATTER: Final = 0.02  # units of the eye distance


def wear(pixels: U8, landmarks: Landmarks, kind: str, seed: int = 0) -> tuple[U8, U8]:
    """One flat mask on one face.

    pixels: (H, W, 3) uint8 RGB. landmarks: px of it, of any scheme. kind: one of ``KINDS``.
    seed: scatters the key points by 0.02 eye distances; 0: not at all.
    Returns the picture, and what the mask covers, (H, W) uint8, 0 or 255. Raises InputError when
    the landmarks cannot be a face's, ConfigurationError for an unknown kind.
    """
    return lay(pixels, landmarks, template(kind), seed)


def wear_as_published(pixels: U8, landmarks: Landmarks, file: Path, seed: int = 0) -> U8:
    """The same with the template read and decoded for each mask: what the method costs."""
    bgra = np.asarray(cv2.imread(str(file), cv2.IMREAD_UNCHANGED), np.uint8)
    rgba = np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA), np.uint8)
    return lay(pixels, landmarks, tinted(rgba), seed)[0]


def lay(pixels: U8, landmarks: Landmarks, rgba: U8, seed: int) -> tuple[U8, U8]:
    """Warp a template in two halves onto the face, match the brightness, paste."""
    height, width = pixels.shape[:2]
    keys = key_points(landmarks)
    if seed:
        scatter = np.random.default_rng(seed).normal(0, _SCATTER, (6, 2))
        keys = keys + scatter * landmarks.ipd_px
    keys32 = keys.astype(np.float32)
    middle = _SIZE[0] // 2
    warped = np.zeros((height, width, 4), np.uint8)
    # Each half reaches a little over the middle, or a seam of holes would show.
    left, right = slice(0, middle + 16), slice(middle - 16, None)
    for half, corners in ((left, (0, 1, 4, 3)), (right, (1, 2, 5, 4))):
        source = _ANCHORS[list(corners)] - np.array([half.start, 0])
        to_face = cv2.getPerspectiveTransform(source.astype(np.float32), keys32[list(corners)])
        part = cv2.warpPerspective(np.ascontiguousarray(rgba[:, half]), to_face, (width, height))
        more = cv2.compare(part[..., 3], warped[..., 3], cv2.CMP_GT)
        cv2.copyTo(part, more, warped)
    cover = np.asarray(cv2.threshold(warped[..., 3], 127, 255, cv2.THRESH_BINARY)[1], np.uint8)
    out = pixels.copy()
    cv2.copyTo(_as_bright_as(pixels, warped[..., :3], cover), cover, out)
    return out, cover


def key_points(landmarks: Landmarks) -> F64:
    """(6, 2) px: where the template's six anchors belong."""
    if landmarks.scheme == "ibug68" and landmarks.visible[list(_FROM_68)].all():
        return landmarks.points[list(_FROM_68)].astype(np.float64)
    pose = fit_pose(landmarks)
    across = pose.rotation[:2, 0]
    out = []
    for side, y in _SIDES:
        arc = side * np.linspace(0.9, 1.6, 15)
        px = pose.project(points_on(Shape(tent=0.0), arc, np.full(15, y)))
        out.append(px[np.argmax(side * (px @ across))])
    return np.asarray(out, np.float64)


def _as_bright_as(photo: U8, mask: U8, cover: U8) -> U8:
    """The mask with the mean brightness (V of HSV) of the whole photo."""
    hsv = cv2.cvtColor(mask, cv2.COLOR_RGB2HSV)
    aim = cv2.mean(cv2.cvtColor(photo, cv2.COLOR_RGB2HSV))[2]
    lift = aim - cv2.mean(hsv, cover)[2]
    hsv = cv2.add(hsv, np.array([0.0, 0.0, lift, 0.0]))
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def tinted(rgba: U8) -> U8:
    """The template with the default tint mixed in."""
    colour = np.full_like(rgba, (*TINT, 255))
    mixed = np.asarray(cv2.addWeighted(rgba, 1 - TINT_WEIGHT, colour, TINT_WEIGHT, 0), np.uint8)
    cv2.mixChannels([rgba], [mixed], [3, 3])
    return mixed


@cache
def template(kind: str) -> U8:
    """(760, 900, 4) uint8 RGBA: the tinted template, kept. Read-only."""
    out = tinted(drawn(kind))
    out.flags.writeable = False
    return out


@cache
def _folder() -> Path:
    """A temporary folder of this process, which goes when the process ends."""
    made = TemporaryDirectory(prefix="flat-masks-")
    atexit.register(made.cleanup)
    return Path(made.name)


@cache
def template_file(kind: str) -> Path:
    """The template as a PNG in a temporary folder of this run."""
    path = _folder() / f"{kind}.png"
    cv2.imwrite(str(path), cv2.cvtColor(drawn(kind), cv2.COLOR_RGBA2BGRA))
    return path


def drawn(kind: str) -> U8:
    """(760, 900, 4) uint8 RGBA: the template of a kind, before the tint."""
    if kind not in KINDS:
        raise ConfigurationError(f"no flat mask {kind!r}; there are: {', '.join(KINDS)}")
    canvas = np.zeros((_SIZE[1], _SIZE[0], 4), np.uint8)
    KINDS[kind](canvas)
    return canvas


# The right half of each outline, from the upper to the lower middle; px of the template.
_Outline = list[tuple[int, int]]
_WIDE: Final[_Outline] = [(450, 40), (560, 80), (700, 190), (860, 215), (845, 420), (730, 560),
                          (600, 680), (450, 720)]  # fmt: skip
_CUP: Final[_Outline] = [(450, 30), (540, 90), (660, 250), (790, 400), (760, 540), (620, 670),
                         (450, 725)]  # fmt: skip
_FOLD: Final[_Outline] = [(450, 35), (600, 130), (860, 230), (850, 420), (640, 640),
                          (450, 725)]  # fmt: skip


def _body(canvas: U8, outline: _Outline, color: tuple[int, int, int]) -> None:
    both = [*outline, *((900 - x, y) for x, y in reversed(outline))]
    corners = np.array(both, np.int32)
    cv2.fillPoly(canvas, [corners], (*color, 255), cv2.LINE_AA)
    cv2.polylines(canvas, [corners], True, (*(int(0.8 * c) for c in color), 255), 6, cv2.LINE_AA)


def _line(canvas: U8, points: _Outline, color: tuple[int, int, int], width: int) -> None:
    for side in (points, [(900 - x, y) for x, y in points]):
        cv2.polylines(canvas, [np.array(side)], False, (*color, 255), width, cv2.LINE_AA)


def _surgical(canvas: U8) -> None:
    _body(canvas, _WIDE, (214, 226, 236))
    for y, sag in ((260, 20), (380, 45), (500, 60)):
        _line(canvas, [(450, y + sag), (650, y + sag // 2), (835, y - 20)], (176, 190, 204), 8)
    _line(canvas, [(450, 75), (560, 115)], (190, 200, 212), 14)


def _n95(canvas: U8) -> None:
    for y in (250, 520):
        _line(canvas, [(740, y + 60), (860, y)], (225, 200, 120), 22)
    _body(canvas, _CUP, (235, 235, 228))
    _line(canvas, [(450, 190), (560, 240), (650, 400), (600, 560), (450, 620)], (205, 205, 198), 8)
    _line(canvas, [(450, 95), (520, 140)], (160, 162, 168), 26)


def _kn95(canvas: U8) -> None:
    _body(canvas, _FOLD, (240, 240, 238))
    cv2.line(canvas, (450, 40), (450, 720), (190, 190, 190, 255), 10, cv2.LINE_AA)
    _line(canvas, [(560, 125), (620, 350), (560, 650)], (215, 215, 212), 6)


def _cloth(canvas: U8) -> None:
    _body(canvas, _WIDE, (120, 124, 132))
    cv2.line(canvas, (450, 45), (450, 715), (80, 84, 92, 255), 8, cv2.LINE_AA)
    _line(canvas, [(450, 75), (690, 225), (825, 245)], (92, 96, 104), 5)


def _gas(canvas: U8) -> None:
    _body(canvas, _CUP, (74, 78, 84))
    for x in (250, 650):
        cv2.circle(canvas, (x, 540), 130, (48, 50, 54, 255), -1, cv2.LINE_AA)
        cv2.circle(canvas, (x, 540), 95, (150, 90, 120, 255), -1, cv2.LINE_AA)
    cv2.circle(canvas, (450, 470), 85, (56, 58, 62, 255), -1, cv2.LINE_AA)


KINDS: Final[dict[str, Callable[[U8], None]]] = {
    "surgical": _surgical,
    "n95": _n95,
    "kn95": _kn95,
    "cloth": _cloth,
    "gas": _gas,
}
