"""Landmarks -> pose of the face, and from there which point of the mask each pixel shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from maskwise.errors import InputError
from maskwise.masks.face import MODELS, STRETCH_FROM
from maskwise.types import F64, Landmarks, Scheme

C128 = npt.NDArray[np.complexfloating[Any, Any]]
Shape: TypeAlias = tuple[float, float, float, float]
"""Yaw and pitch in radians, how much longer the chin and wider the face is, as shares."""

MIN_IPD_PX: Final = 5.0
"""Below five pixels between the eyes a mask is a smear of a few pixels (looked at)."""
MAX_YAW: Final = np.radians(75.0)
MAX_PITCH: Final = np.radians(35.0)
MAX_MISFIT: Final = 0.25
"""Units, root mean square. On 6,934 photos of LFW's train split the worst face has 0.12 by five
points and 0.19 by 68, whose outline strays."""
MAX_NARROWING: Final = 6.0
"""A face turned by ``MAX_YAW`` shows its eyes a quarter as far apart as from the front."""

# Priors: yaw as wide as a camera sees it; pitch narrow, because five points hardly tell it from
# a long nose. Chin and width, which only the 68 points tell, as these spread on LFW's train people.
_PRIOR_MEAN: Final = np.array([0.0, 0.06, 0.0, 0.0])
_PRIOR: Final = np.diag(np.array([0.8, 0.15, 0.10, 0.06]) ** -2.0)
_LIMITS: Final = (float(MAX_YAW), float(MAX_PITCH), 0.30, 0.18)
_ITERATIONS: Final = 16
_ENOUGH: Final = 1e-3


@dataclass(frozen=True, eq=False)
class Pose:
    """Weak perspective: pixel = scale x M @ X + shift; X in the face frame, M (2, 3).

    scale: px a unit (the distance of the eye centres seen from the front).
    rotation: (3, 3) float64. For the average face a rotation, whose upper two rows are M. A face
    with a long chin or wide jaw stretches the frame: then it is the rotation after the inverse
    of the stretch. Its rows are what one pixel right, one down, and a step to the viewer are in
    the face frame, whichever; its last row times a normal of the surface tells where that faces.
    shift: (2,) float64 px. Angles in radians; the nose points right at yaw > 0, down at pitch > 0.
    """

    scale: float
    rotation: F64
    shift: F64
    yaw: float
    pitch: float
    roll: float

    def project(self, points: F64) -> F64:
        """(N, 3) face-frame points -> (N, 2) px."""
        return np.asarray(points @ self.onto.T + self.shift, np.float64)

    @cached_property
    def onto(self) -> F64:
        """(2, 3) float64, scale x M: px a unit of the face frame, without the shift. Kept."""
        (a, b, c), (d, e, f), (g, h, i) = self.rotation.tolist()
        first = (e * i - f * h, f * g - d * i, d * h - e * g)
        by = self.scale / (a * first[0] + b * first[1] + c * first[2])
        second = (c * h - b * i, a * i - c * g, b * g - a * h)
        return np.array([[by * v for v in row] for row in (first, second)])


def fit_pose(landmarks: Landmarks) -> Pose:
    """The pose of a face from its visible landmarks, of any scheme; result in their frame.

    Turns, scales and shifts with the landmarks. The 68 points also tell how long the chin and
    how wide the jaw is. Yaw, pitch and both stretches are clamped to what the surface can show.
    Raises InputError when fewer than three points are visible, the eyes are (seen from the
    front) nearer than ``MIN_IPD_PX``, or the points cannot be a face: the nose above the eyes,
    left and right swapped, or nothing like a face in any pose (``MAX_MISFIT``,
    ``MAX_NARROWING``).
    """
    model = MODELS[landmarks.scheme]
    keep = landmarks.visible
    if (seen := int(np.count_nonzero(keep))) < 3:
        raise InputError(f"a mask needs three visible landmarks of a face, got {seen}")
    # x + iy; plain numbers throughout, where arrays would be so small that the calls cost most.
    flat: C128 = landmarks.points.astype(np.float64).view(np.complex128)[:, 0]
    right, left = (complex(sum(flat[list(eye)].tolist())) / len(eye) for eye in model.eyes)
    across = left - right
    ipd = abs(across)
    if ipd < 1:
        raise _too_small(ipd)
    # In this frame the eyes are level and one unit apart.
    turn = across / ipd
    middle = (left + right) / 2
    level = (flat - middle) / (ipd * turn)
    if max(y for y, seen in zip(level.imag.tolist(), keep.tolist(), strict=True) if seen) < 0.2:
        raise InputError(
            "the landmarks cannot be a face: no nose or mouth stands below the eyes "
            "(left and right are the subject's; are they swapped?)"
        )
    fit = _Fit(_still(landmarks.scheme, keep.tobytes()), level)
    shape = (*_turn(fit), 0.0, 0.0)
    if model.shapes:
        # The far side's outline is what happens to be seen of it, and tells nothing.
        near = np.clip(1 - 2.5 * model.places[:, 0] * shape[0], 0, 1)
        weight = keep / model.sigma**2 * np.where(model.contour, near, 1)
        fit = _Fit(_Places(model.places, weight), level)
        shape = _solve(fit, shape)
    yaw, pitch, chin, width = (min(max(v, -m), m) for v, m in zip(shape, _LIMITS, strict=True))
    size, origin, misfit = fit.laid(yaw, pitch, chin, width)
    scale = abs(size) * ipd
    if scale < MIN_IPD_PX:
        raise _too_small(scale)
    if misfit > MAX_MISFIT or abs(size) > MAX_NARROWING:
        raise InputError(
            f"the landmarks cannot be a face: the nearest pose misses them by {misfit:.2f} of "
            "the distance of the eyes; check their order and scheme"
        )
    rolled = size / abs(size) * turn
    rotation = _rotation(yaw, pitch, rolled)
    # Where the stretched frame's origin stands: the chin's stretch starts at the nose.
    start = -chin * STRETCH_FROM * complex(rotation[0][1], rotation[1][1]) * scale
    moved = middle + ipd * turn * origin + start
    return Pose(
        scale=scale,
        rotation=np.array([[x / (1 + width), y / (1 + chin), z] for x, y, z in rotation]),
        shift=np.array([moved.real, moved.imag]),
        yaw=yaw,
        pitch=pitch,
        roll=math.atan2(rolled.imag, rolled.real),
    )


def _too_small(ipd: float) -> InputError:
    return InputError(
        f"the eyes are {ipd:.1f} px apart: too small for a mask, {MIN_IPD_PX:.0f} px needed; "
        "use a larger picture"
    )


class _Places:
    """What the places (K, 5) of a model, weighted by (K,), add to the sums of a fit."""

    def __init__(self, places: F64, weight: F64) -> None:
        self.weight, self.total = weight, float(weight.sum())
        self.share = weight / weight.sum()
        self.place = self.share @ places
        centred = places - self.place
        self.weighted = (centred * weight[:, None]).T
        self.square = self.weighted @ centred


@lru_cache(maxsize=16)
def _still(scheme: Scheme, visible: bytes) -> _Places:
    """The visible points without the outline: the same sums for most faces."""
    model = MODELS[scheme]
    keep = np.frombuffer(visible, bool)
    return _Places(model.places, keep / model.sigma**2 * ~model.contour)


class _Fit:
    """The sums that all poses need, of ``places`` and of points (K,) complex."""

    def __init__(self, places: _Places, points: C128) -> None:
        self.weight, self.place, self.square = places.total, places.place, places.square
        self.point = places.share @ points
        off = points - self.point
        self.cross = places.weighted @ off
        self.power = float(places.weight @ (off.real**2 + off.imag**2))

    def laid(
        self, yaw: float, pitch: float, chin: float, width: float
    ) -> tuple[complex, complex, float]:
        """Size and roll (one complex number), shift, and misfit in units of the best similarity
        for this yaw, pitch, chin and width."""
        v: C128 = np.array(_weighing(yaw, pitch, chin, width))
        length = float(np.vdot(v, self.square @ v).real)
        size = complex(np.vdot(v, self.cross)) / length
        rest = max(self.power - abs(size) ** 2 * length, 0.0)
        misfit = math.sqrt(rest / self.weight) / max(abs(size), 1e-9)
        middle = complex(self.place @ v)
        return size, complex(self.point) - size * middle, misfit


def _turn(fit: _Fit) -> tuple[float, float]:
    """Yaw and pitch of the average face: ``_solve`` for these two, on plain numbers.

    Several times as fast as on arrays this small.
    """
    (xx, xy, xz), (_, yy, yz), (_, _, zz) = fit.square[:3, :3].tolist()
    mx, my, mz = fit.cross[:3].tolist()
    usual = float(_PRIOR_MEAN[1])
    yaw, pitch = 0.0, usual
    hold_yaw, hold_pitch = float(_PRIOR[0, 0]), float(_PRIOR[1, 1])
    for _ in range(_ITERATIONS):
        cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
        y, z = complex(-sy * sp, cp), complex(sy * cp, sp)
        # The view's weights of x, y and z, and how they change with yaw and with pitch.
        sx, low, sz = (
            xx * cy + xy * y + xz * z,
            xy * cy + yy * y + yz * z,
            xz * cy + yz * y + zz * z,
        )
        yaw_x, yaw_y, yaw_z = -sy, -cy * sp, cy * cp
        pitch_y, pitch_z = -z.conjugate(), y.conjugate()
        length = (cy * sx + y.conjugate() * low + z.conjugate() * sz).real
        size = (cy * mx + y.conjugate() * my + z.conjugate() * mz) / length
        power = max(size.real**2 + size.imag**2, 1e-9)
        rx, ry, rz = mx - size * sx, my - size * low, mz - size * sz
        back = size.conjugate() / power
        slope_yaw = -(back * (yaw_x * rx + yaw_y * ry + yaw_z * rz)).real
        slope_pitch = -(back * (pitch_y * ry + pitch_z * rz)).real
        slope_yaw += hold_yaw * yaw
        slope_pitch += hold_pitch * (pitch - usual)
        along_yaw = yaw_x * sx + yaw_y * low + yaw_z * sz
        along_pitch = pitch_y * low + pitch_z * sz
        both = (xy * yaw_x + yy * yaw_y + yz * yaw_z, xz * yaw_x + yz * yaw_y + zz * yaw_z)
        a = yaw_x * (xx * yaw_x + xy * yaw_y + xz * yaw_z) + yaw_y * both[0] + yaw_z * both[1]
        b = (pitch_y * both[0] + pitch_z * both[1]).real
        c = yy * abs(z) ** 2 + zz * abs(y) ** 2 - 2 * yz * (z.conjugate() * y).real
        a += hold_yaw - abs(along_yaw) ** 2 / length
        b -= (along_pitch * along_yaw.conjugate()).real / length
        c += hold_pitch - abs(along_pitch) ** 2 / length
        down = a * c - b * b
        step_yaw = (c * slope_yaw - b * slope_pitch) / down
        step_pitch = (a * slope_pitch - b * slope_yaw) / down
        biggest = max(abs(step_yaw), abs(step_pitch))
        # A short step where the points are far from any face, so that it cannot run away.
        short = min(1.0, 0.4 / max(biggest, 1e-12))
        yaw, pitch = yaw - step_yaw * short, pitch - step_pitch * short
        if biggest < _ENOUGH:
            break
    return float(yaw), float(pitch)


def _solve(fit: _Fit, start: Shape) -> Shape:
    """Gauss-Newton over yaw, pitch, chin and width, from ``start``.

    Size, roll and shift are the best for each, in closed form (variable projection), so that
    only sums of five numbers are left of the points. Noise counts in units of the face.
    """
    shape: F64 = np.array(start)
    for _ in range(_ITERATIONS):
        views = _view(shape)
        spread = fit.square @ views.T
        inner = views.conj() @ spread
        length = inner[0, 0].real
        size = (views[0].conj() @ fit.cross) / length
        power = max(size.real**2 + size.imag**2, 1e-9)
        rest = fit.cross - size * spread[:, 0]
        slope = -(size.conjugate() * (views[1:].conj() @ rest)).real / power
        bend = (inner[1:, 1:] - inner[1:, :1] * inner[:1, 1:] / length).real
        step = np.linalg.solve(bend + _PRIOR, slope + _PRIOR @ (shape - _PRIOR_MEAN))
        biggest = float(np.abs(step).max())
        shape = shape - step * min(1.0, 0.4 / max(biggest, 1e-12))
        if biggest < _ENOUGH:
            break
    yaw, pitch, chin, width = shape.tolist()
    return yaw, pitch, chin, width


def _view(shape: F64) -> C128:
    """(4,) yaw, pitch, chin, width -> (5, 5): what the five numbers of a place weigh in its
    picture, x + iy, and the derivatives of that by each of the four."""
    yaw, pitch, chin, width = shape.tolist()
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    first = _weighing(yaw, pitch, chin, width)
    _, y, z, *_ = first
    y_yaw, y_pitch = -cy * sp, -z
    return np.array(
        [
            first,
            [-sy, y_yaw, cy * cp, y_yaw * chin, -sy * width],
            [0, y_pitch, y, y_pitch * chin, 0],
            [0, 0, 0, y, 0],
            [0, 0, 0, 0, cy],
        ]
    )


def _weighing(yaw: float, pitch: float, chin: float, width: float) -> list[complex]:
    """What the five numbers of a place weigh in its picture, x + iy."""
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    y, z = complex(-sy * sp, cp), complex(sy * cp, sp)
    return [cy + 0j, y, z, y * chin, cy * width + 0j]


def _rotation(yaw: float, pitch: float, rolled: complex) -> list[list[float]]:
    """Rows (3, 3): pitch first, then yaw, then roll as the complex number of length 1."""
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    c, s = rolled.real, rolled.imag
    upper = (cy, -sy * sp, sy * cp), (0.0, cp, sp)
    return [
        [c * p - s * q for p, q in zip(*upper, strict=True)],
        [s * p + c * q for p, q in zip(*upper, strict=True)],
        [-sy, -cy * sp, cy * cp],
    ]
