"""Landmarks -> pose of the face, and from there which point of the mask each pixel shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from maskwise.errors import InputError
from maskwise.masks.surface import (
    FACE_POINTS,
)
from maskwise.types import F64, Landmarks

MIN_IPD_PX: Final = 2.0
MAX_YAW: Final = np.radians(50.0)
MAX_PITCH: Final = np.radians(25.0)

# Least squares with priors: points as they scatter about the model (0.04 units), yaw as wide
# as a camera sees it, pitch narrow, because five points hardly tell it from a long nose.
_POINT_SIGMA: Final = 0.04
_YAW_SIGMA: Final = 0.6
_PITCH_SIGMA: Final = 0.2
_ITERATIONS: Final = 6
_STEP: Final = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Weak perspective: pixel = scale x (rotation @ X)[:2] + shift; X in the face frame.

    scale: px a unit (the distance of the eye centres seen from the front).
    rotation: (3, 3) float64. shift: (2,) float64 px. Angles in radians; yaw is positive when
    the nose points to the right of the picture, pitch when it points down.
    """

    scale: float
    rotation: F64
    shift: F64
    yaw: float
    pitch: float
    roll: float

    def project(self, points: F64) -> F64:
        """(N, 3) face-frame points -> (N, 2) px."""
        return np.asarray(self.scale * points @ self.rotation[:2].T + self.shift, np.float64)


def fit_pose(landmarks: Landmarks) -> Pose:
    """The pose of a face from its visible landmarks, of any scheme; result in their frame.

    Turns, scales and shifts with the landmarks. Yaw and pitch are clamped to what the surface
    can show. Raises InputError when fewer than three of the points it uses are visible, the
    eyes are nearer than two pixels, or the points cannot be a face (the nose above the eyes,
    or left and right swapped).
    """
    index, model = FACE_POINTS[landmarks.scheme]
    keep = landmarks.visible[list(index)]
    model = model[keep]
    points = landmarks.points[list(index)].astype(np.float64)[keep]
    if len(points) < 3:
        raise InputError(f"a mask needs three visible landmarks of a face, got {len(points)}")
    right, left = landmarks.eyes
    across = left - right
    ipd = float(np.hypot(*across))
    if ipd < MIN_IPD_PX:
        raise InputError(
            f"the eyes are {ipd:.1f} px apart: too small for a mask, {MIN_IPD_PX:.0f} px needed"
        )
    roll = float(np.arctan2(across[1], across[0]))
    middle = (left + right) / 2
    # In this frame the eyes are level, one unit apart: what follows knows no size and no roll.
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    level = (points - middle) @ turn / ipd
    low = float(level[:, 1].max())
    if low < 0.2:
        raise InputError(
            "the landmarks cannot be a face: no nose or mouth stands below the eyes "
            "(left and right are the subject's; are they swapped?)"
        )
    p = _solve(level, model)
    yaw = float(np.clip(p[0], -MAX_YAW, MAX_YAW))
    pitch = float(np.clip(p[1], -MAX_PITCH, MAX_PITCH))
    local = _rotations(np.array([[yaw, pitch, p[2]]]))[0]
    lift = np.eye(3)
    lift[:2, :2] = turn
    return Pose(
        scale=float(np.exp(p[3])) * ipd,
        rotation=lift @ local,
        shift=middle + ipd * turn @ p[4:],
        yaw=yaw,
        pitch=pitch,
        roll=roll + float(p[2]),
    )


def _solve(level: F64, model: F64) -> F64:
    """Gauss-Newton: yaw, pitch, roll, log scale and shift that lay ``model`` on ``level``."""
    p = np.zeros(6)
    steps = np.vstack([np.zeros(6), _STEP * np.eye(6)])
    for _ in range(_ITERATIONS):
        r = _residuals(p + steps, level, model)
        jacobian = (r[1:] - r[0]).T / _STEP
        normal = jacobian.T @ jacobian + 1e-9 * np.eye(6)
        # A short step where the points are far from any face, so that it cannot run away.
        p = p - np.clip(np.linalg.solve(normal, jacobian.T @ r[0]), -0.5, 0.5)
    return p


def _residuals(params: F64, level: F64, model: F64) -> F64:
    """(B, 6) parameters -> (B, 2K + 2) residuals in standard deviations."""
    seen = np.einsum("bij,kj->bki", _rotations(params[:, :3])[:, :2], model)
    seen = np.exp(params[:, 3])[:, None, None] * seen + params[:, None, 4:]
    points = ((seen - level) / _POINT_SIGMA).reshape(len(params), -1)
    return np.hstack([points, params[:, :1] / _YAW_SIGMA, params[:, 1:2] / _PITCH_SIGMA])


def _rotations(angles: F64) -> F64:
    """(B, 3) yaw, pitch, roll -> (B, 3, 3): pitch first, then yaw, then roll."""
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles).T, np.sin(angles).T
    out = np.empty((len(angles), 3, 3))
    out[:, 0] = np.stack([cr * cy, cr * sy * -sp - sr * cp, cr * sy * cp - sr * sp], 1)
    out[:, 1] = np.stack([sr * cy, sr * sy * -sp + cr * cp, sr * sy * cp + cr * sp], 1)
    out[:, 2] = np.stack([-sy, -cy * sp, cy * cp], 1)
    return out
