"""The light on a face: brightness, colour cast and direction, told from the skin that shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from maskwise.masks import photo
from maskwise.masks.fit import Pose
from maskwise.masks.jpeg_loss import quality_of
from maskwise.masks.lean import CONTRASTS, LUMA, fit
from maskwise.masks.surface import (
    ARC_RADIUS,
    Y_BOTTOM,
    Y_TOP,
    Shape,
    points_on,
    radius_table,
    table_cell,
)
from maskwise.types import F32, F64, U8, Bool

# All constants of this file and of lean.py: 2,000 photos of the train split of LFW, one or two a
# person, landmarks by YuNet; light on 1,000 of them, white collars on 1,200.

# Places of skin that a mask leaves bare, or that lie beside its edge: y, then (arc, median
# departure in log luma from the light's fit). Mirrored. Lips, eyes, chin and beards stay out.
_PLACES: Final = (
    (-0.66, ((0.00, 0.07), (0.15, 0.07), (0.30, 0.05), (0.45, 0.02))),
    (-0.54, ((0.00, 0.08), (0.15, 0.08), (0.30, 0.07), (0.45, 0.04))),
    (-0.42, ((0.00, 0.07), (0.15, 0.07), (0.30, 0.05), (0.45, 0.01))),
    (-0.30, ((0.00, 0.03), (0.15, -0.01))),
    (-0.06, ((0.00, 0.00), (0.15, -0.22))),
    (0.06, ((0.00, 0.02), (0.15, -0.16))),
    (0.18, ((0.00, 0.04), (0.30, -0.09), (0.60, -0.12), (0.90, -0.10), (1.20, -0.17))),
    (0.30, ((0.30, -0.02), (0.45, 0.00), (0.60, 0.01), (0.75, 0.00), (0.90, -0.02))),
    (0.30, ((1.05, -0.08), (1.20, -0.16))),
    (0.42, ((0.30, -0.03), (0.45, 0.03), (0.60, 0.04), (0.75, 0.02), (0.90, -0.03))),
    (0.42, ((1.05, -0.10), (1.20, -0.18))),
    (0.54, ((0.75, -0.02), (0.90, -0.08), (1.05, -0.15), (1.20, -0.22))),
    (0.66, ((0.60, -0.05), (0.75, -0.08), (0.90, -0.14), (1.05, -0.20), (1.20, -0.24))),
    (0.78, ((0.60, -0.12), (0.75, -0.13), (0.90, -0.18))),
    (0.90, ((0.60, -0.15), (0.75, -0.16), (0.90, -0.19))),
    (1.02, ((0.60, -0.14), (0.75, -0.15), (0.90, -0.21))),
    (1.14, ((0.60, -0.14), (0.75, -0.17), (0.90, -0.23))),
)
_LUMA_OF: Final = LUMA.astype(np.float32)
_HUES_OF: Final = CONTRASTS[:2, :3].T.astype(np.float32)
STRAIGHT: Final = 0.8
"""z of the normal of a typical place: the light's fit is level there."""
_FEWEST: Final = 6

# White collars stand at this luma, whatever the skin is (slope 0.06 in logs), unless nothing
# on the photo is near it: then at about 1.3 times the brightest there.
_WHITE: Final = 221.0
_TYPICAL_SKIN: Final = 147.0
_SKIN_SLOPE: Final = 0.06
_ABOVE_BRIGHTEST: Final = 1.3
_ABOVE_SKIN: Final = 3.0
"""White cloth beside the darkest skin, about as the albedos (0.85 and 0.09) through gamma 2.2."""

_MIDDLE: Final = np.array([[0.0, 0.45, 0.0]])

# log R/G and log B/G of skin and of the brightest of the picture, medians.
_SKIN_HUE: Final = (0.281, -0.198)
_BRIGHT_HUE: Final = (0.10, -0.08)


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """The light on one face, and how its photo was taken.

    gain: (3,) float32, what multiplies the mask's colour. saturation: 0 (a grey or sepia
    photo) to 1. lean: (3,) float32, how log brightness rises along x, y and z of the normal in
    the face frame, beyond the usual light from above. blur_px, noise, grain_px: see
    ``photo.measure``. jpeg: the quality that the photo was saved at, 0 for none that shows.
    """

    gain: F32
    saturation: float
    lean: F32
    blur_px: float
    noise: float
    grain_px: float
    jpeg: int = 0

    @property
    def side(self) -> float:
        """Light from the right of the face as the picture shows it (positive) or the left."""
        return float(self.lean[0])


def estimate(pixels: U8, pose: Pose, *, as_saved: bool = False) -> Light:
    """Read the light off (H, W, 3) uint8 RGB ``pixels``, in whose frame ``pose`` stands.

    Places that the picture's border cuts off or that the head hides are left out; hair,
    glasses and shine weigh little. With few places the light is near the typical one, and
    with none it is that. as_saved: the pixels stand where their file has them, so that the
    blocks of a JPEG can be told.
    """
    (light,) = estimates([pixels], [pose], as_saved=as_saved)
    return light


def estimates(
    pictures: Sequence[U8], poses: Sequence[Pose], *, as_saved: bool = False
) -> list[Light]:
    """``estimate`` for many faces, each on its picture.

    Step by step for all of them: in a fifth less time than face by face, since a step's code
    stays in the core's cache.
    """
    face, boxes = _face(), len(photo.BOXES)
    both = list(zip(pictures, poses, strict=True))
    points = [pose.onto @ face.points + pose.shift[:, None] for pose in poses]
    taken = [photo.measure(*b, px[:, -boxes:]) for b, px in zip(both, points, strict=True)]
    jpeg = [quality_of(*b) if as_saved else 0 for b in both]
    found = [_places(*b, px[:, :-boxes]) for b, px in zip(both, points, strict=True)]
    fitted = [
        places and fit(places[1], face.basis.compress(places[2], 0), face.usual[places[2]])
        for places in found
    ]
    out = []
    for places, fit_of, camera, quality in zip(found, fitted, taken, jpeg, strict=True):
        gain, saturation, lean = np.ones(3, np.float32), 1.0, np.zeros(3, np.float32)
        if places and fit_of:
            lean = fit_of[1]
            gain, saturation = _color(places[0], fit_of[0])
        out.append(Light(gain, saturation, lean, *camera, quality))
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Face:
    """The places of skin: points (3, N + 9), with the head's middle and ``photo.BOXES`` last,
    unit normals (N, 3), the fit's basis (N, 4) on them, and the median departure (N,)."""

    points: F64
    normals: F64
    basis: F64
    usual: F64


@lru_cache(maxsize=1)
def _face() -> _Face:
    rows = [(s * a, y, m) for y, row in _PLACES for a, m in row for s in ((1, -1) if a else (1,))]
    arc, y, usual = np.array(rows).T
    bare = Shape(tent=0.0)
    # Skin is as soft as the light: normals without the nose's finer forms.
    r = cv2.GaussianBlur(radius_table(bare), (0, 0), 4).astype(np.float64)
    step = (Y_BOTTOM - Y_TOP) / (len(r) - 1)
    slope_y, slope_arc = (np.asarray(g, np.float64) for g in np.gradient(r, step))
    column, row = (np.rint(v).astype(int) for v in table_cell(arc, y))
    lean = slope_arc[row, column] * ARC_RADIUS / r[row, column]
    angle = arc / ARC_RADIUS
    sine, cosine = np.sin(angle), np.cos(angle)
    normals = np.stack([sine - lean * cosine, -slope_y[row, column], cosine + lean * sine], 1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    basis = np.hstack([np.ones((len(normals), 1)), normals - [0, 0, STRAIGHT]])
    points = np.vstack([points_on(bare, arc, y), _MIDDLE, photo.BOXES])
    return _Face(np.ascontiguousarray(points.T), normals, basis, usual)


def _places(pixels: U8, pose: Pose, px: F64) -> tuple[F32, F64, Bool] | None:
    """The picture about the head, a tenth of a unit a pixel, (h, w, 3); the colours at the
    places that show, (N, 3); and which those are. None when they are too few.
    """
    height, width = pixels.shape[:2]
    face = _face()
    middle = px[:, -1].tolist()
    reach = 1.6 * pose.scale
    x0, y0 = (max(0, int(v - reach)) for v in middle)
    x1, y1 = (min(e, int(v + reach) + 1) for e, v in zip((width, height), middle, strict=True))
    cell = max(1, int(0.1 * pose.scale))
    # Every other row will do; of a large face, every so many pixels.
    cell += cell % 2
    step = max(1, cell // 6)
    cell -= cell % (2 * step)
    columns, rows = (x1 - x0) // cell, (y1 - y0) // cell
    if min(columns, rows) < 3:
        return None
    part = pixels[y0 : y0 + rows * cell : 2 * step, x0 : x0 + columns * cell : step]
    part = np.ascontiguousarray(part) if step > 1 else part
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    x, y = (
        ((along[:-1] - start) / cell).astype(np.float32)
        for along, start in zip(px, (x0 + (cell - step) / 2, y0 + cell / 2 - step), strict=True)
    )
    shows = face.normals @ pose.rotation[2] > 0.3
    shows &= x >= -0.5
    shows &= x <= columns - 0.5
    shows &= y >= -0.5
    shows &= y <= rows - 0.5
    x, y = x.compress(shows), y.compress(shows)
    if len(x) < _FEWEST:
        return None
    colors = cv2.remap(small, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return small, colors[0].astype(np.float64), shows


def _color(small: F32, skin: list[float]) -> tuple[F32, float]:
    """(gain, saturation) from the picture about the head and the skin's colour."""
    flat = small.reshape(-1, 3)
    luma = flat @ _LUMA_OF
    k = int(0.98 * (len(luma) - 1))
    top = np.argpartition(luma, k)[k:]
    brightest = float(luma[top[0]])
    bright = [math.log(v + 8) for v in cv2.mean(flat.take(top, axis=0)[None])[:3]]
    red, green, blue = skin
    own = max(0.299 * red + 0.587 * green + 0.114 * blue, 4.0)
    limits = [
        _WHITE * (own / _TYPICAL_SKIN) ** _SKIN_SLOPE,
        _ABOVE_BRIGHTEST * max(brightest, 4.0),
        _ABOVE_SKIN * own,
    ]
    # A soft minimum; and cloth is no darker than the skin beside it.
    white = sum(v**-20 for v in limits) ** (-1 / 20)
    white = min(max(white, 1.03 * own), 250.0)

    # Where all is of one hue, the photo is grey or sepia and the mask is to be, too.
    hues = flat[::4] + np.float32(8)
    np.log(hues, out=hues)
    hues = hues @ _HUES_OF
    hues -= _ones(len(hues)) @ hues / np.float32(len(hues))
    spread = float(np.add.reduce(np.abs(hues, out=hues), axis=None)) / len(hues)
    saturation = min(max((spread - 0.025) / 0.04, 0.0), 1.0)
    color = [1.0, 1.0, 1.0]
    for k, own_tint in ((0, red), (2, blue)):
        tint = math.log((own_tint + 8) / (green + 8))
        off = tint - _SKIN_HUE[k // 2]
        # Dark skin has little blue in any light: only a bluish one counts for more.
        cast = 0.10 * off + 0.25 * max(off - 0.15, 0.0)
        cast += 0.12 * (bright[k] - bright[1] - _BRIGHT_HUE[k // 2])
        # A grey photo stays grey to the bit, whatever the order of the sums was.
        tint = 0.0 if abs(tint) < 1e-4 else tint
        color[k] = math.exp(saturation * min(max(cast, -0.2), 0.2) + (1 - saturation) * tint)
    level = white / _WHITE / (0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2])
    return np.array([level * v for v in color], np.float32), saturation


@lru_cache(maxsize=16)
def _ones(count: int) -> F32:
    return np.ones(count, np.float32)
