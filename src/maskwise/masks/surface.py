"""The face as the masks know it: a radius over angle and height.

Face frame: unit = distance of the eye centres (midpoints of the eye corners); origin between
the eyes, at the depth of the inner corners; x to the right of the picture, y down, z to the
viewer. The head is star-shaped about a vertical axis behind the face, so that a surface is one
table r(angle, y). Sheet coordinates (arc, y): arc = angle x ``ARC_RADIUS``, both in units.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from maskwise.types import F32, F64

AXIS_Z: Final = -0.9
"""Depth of the vertical axis, half-way between the ears."""
ARC_RADIUS: Final = 1.1
MAX_ANGLE: Final = np.radians(112.0)
Y_TOP: Final = -0.7
Y_BOTTOM: Final = 2.7
ARC_MAX: Final = float(MAX_ANGLE * ARC_RADIUS)
_TABLE_STEP: Final = 1 / 32  # units a cell of the radius table


@dataclass(frozen=True, slots=True)
class Bulge:
    """A swelling of the surface at (arc, y), mirrored; sizes in units.

    crease: linear flanks that meet in an edge instead of a round bell.
    """

    arc: float
    y: float
    width: float
    height: float
    rise: float
    crease: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """How a type of mask stands off the face.

    tent: 0..1, how far the cloth bridges the hollows beside nose and mouth.
    drape: 0..1, how far it hangs down to the neck instead of closing under the chin.
    """

    tent: float = 1.0
    drape: float = 0.0
    bulges: tuple[Bulge, ...] = ()


# y, half-width at the ears and jaw, front depth from the axis without the nose, nose above it.
# Head proportions by eye on photos of LFW's train split, tied to the chin of face.py and to the
# sides of YuNet's box (half-width 1.12 in median, training/mask_fit).
_PROFILE: Final = np.array(
    [
        [-0.70, 1.12, 1.00, 0.00],
        [-0.20, 1.15, 1.00, 0.05],
        [0.00, 1.15, 1.02, 0.16],
        [0.25, 1.15, 1.04, 0.30],
        [0.52, 1.14, 1.08, 0.54],
        [0.72, 1.12, 1.13, 0.40],
        [0.90, 1.09, 1.19, 0.30],
        [1.10, 1.05, 1.23, 0.22],
        [1.30, 0.99, 1.24, 0.16],
        [1.52, 0.89, 1.24, 0.12],
        [1.68, 0.78, 1.21, 0.08],
        [1.85, 0.64, 1.12, 0.04],
        [2.00, 0.49, 0.98, 0.00],
        [2.15, 0.43, 0.80, 0.00],
        [2.38, 0.45, 0.62, 0.00],
        [2.70, 0.55, 0.60, 0.00],
    ]
)
_DRAPED: Final = np.array(
    [[1.5, 0.88, 1.25], [1.8, 0.74, 1.18], [2.1, 0.67, 1.05], [2.4, 0.72, 1.0], [2.7, 0.9, 1.0]]
)


@lru_cache(maxsize=32)
def radius_table(shape: Shape) -> F32:
    """r over the sheet, (rows, columns) float32 in units; cell (0, 0) is its upper left corner."""
    rows = round((Y_BOTTOM - Y_TOP) / _TABLE_STEP) + 1
    columns = round(2 * ARC_MAX / _TABLE_STEP) + 1
    y = np.linspace(Y_TOP, Y_BOTTOM, rows)[:, None]
    arc = np.linspace(-ARC_MAX, ARC_MAX, columns)[None]
    angle = arc / ARC_RADIUS
    side, front, nose = (_smooth(y, _PROFILE[:, 0], _PROFILE[:, k]) for k in (1, 2, 3))
    if shape.drape:
        fall = shape.drape * _ramp(y, 1.45, 1.75)
        side += fall * (_smooth(y, _DRAPED[:, 0], _DRAPED[:, 1]) - side)
        front += fall * (_smooth(y, _DRAPED[:, 0], _DRAPED[:, 2]) - front)
    # Behind the ears the ellipse keeps its side width: only the straps go there.
    turned = np.clip(angle, -np.pi / 2, np.pi / 2)
    r = 1 / np.hypot(np.sin(turned) / side, np.cos(turned) / front)
    width = np.radians(9 + shape.tent * 17 * _ramp(y, 0.1, 0.9))
    r = r + nose * np.exp(-0.5 * (angle / width) ** 2)
    for b in shape.bulges:
        for sign in (1, -1) if b.arc else (1,):
            dx, dy = (arc - sign * b.arc) / b.width, (y - b.y) / b.height
            bell = np.exp(-(dy**2) - (0 if b.crease else 1) * dx**2)
            r = r + b.rise * bell * (np.clip(1 - np.abs(dx), 0, 1) if b.crease else 1)
    out = r.astype(np.float32)
    out.flags.writeable = False
    return out


def table_cell(arc: npt.NDArray[np.floating], y: npt.NDArray[np.floating]) -> tuple[F32, F32]:
    """Sheet coordinates -> (column, row) float32 of ``radius_table``."""
    column = (np.asarray(arc, np.float32) + np.float32(ARC_MAX)) * np.float32(1 / _TABLE_STEP)
    row = (np.asarray(y, np.float32) - np.float32(Y_TOP)) * np.float32(1 / _TABLE_STEP)
    return column, row


def points_on(shape: Shape, arc: npt.ArrayLike, y: npt.ArrayLike) -> F64:
    """(N, 3) float64 face-frame points of the surface at sheet coordinates (N,)."""
    a, h = np.asarray(arc, np.float64), np.asarray(y, np.float64)
    table = radius_table(shape)
    column, row = table_cell(a, h)
    r = table[
        np.clip(np.rint(row), 0, table.shape[0] - 1).astype(int),
        np.clip(np.rint(column), 0, table.shape[1] - 1).astype(int),
    ].astype(np.float64)
    angle = a / ARC_RADIUS
    return np.stack([r * np.sin(angle), h, r * np.cos(angle) + AXIS_Z], axis=-1)


def _ramp(y: F64, low: float, high: float) -> F64:
    t = np.clip((y - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float64)


def _smooth(y: F64, at: F64, values: F64) -> F64:
    """Linear interpolation under a bell of 0.1 units, so that no kink shows in the shading."""
    shifts = np.linspace(-0.2, 0.2, 9)
    weights = np.exp(-0.5 * (shifts / 0.1) ** 2)
    samples = [w * np.interp(y + s, at, values) for s, w in zip(shifts, weights, strict=True)]
    return np.asarray(np.sum(samples, axis=0) / weights.sum(), np.float64)
