"""What is measured of the picture of a face.

Pixels are looked at around the eyes alone, which a mask leaves free, so that a mask's cloth and
colour do not pass for blur and light. Places there are in units of the distance of the eye
centres, from the middle between them: u to the right in the chip, v down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from maskwise.errors import InputError
from maskwise.masks.fit import fit_pose
from maskwise.types import F32, F64, Bool, Chip, Landmarks, MaskState

_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32) / 255
"""ITU-R BT.601, from RGB bytes to 0..1."""
_BLACK, _WHITE = 5 / 255, 250 / 255

# Brows to lower lids: above the upper edge of a mask that is worn high.
# Each: |u| at most, v at least, v at most.
_AROUND = (0.85, -0.50, 0.20)
# Three patches of skin, whose middle one counts, as any one may lie under hair, glasses or a mask:
# between the brows, the bridge of the nose, and beneath the eyes, without an ellipse about each.
_BROWS = (0.16, -0.50, -0.15)
_BRIDGE = (0.14, -0.10, 0.30)
_BENEATH = (0.85, 0.10, 0.30)
_LOOKED_AT = (1.0, -0.65, 0.45)
"""As ``_AROUND``: all of these, and a margin."""
_LIDS = (0.34, 0.18)
"""Half axes of what is no skin about an eye: lids and lashes."""
_EYE = (0.28, 0.15)
_LIGHTEST: Final = 0.85
"""Half axes of an eye, and the quantile of its luma that a pupil and lashes do not touch."""

_NOISE: Final = 0.012
"""Share of the distance of the eyes: a blur that takes off a pixel's noise before all else."""
_AGAIN: Final = 0.03
"""Likewise: the blur laid on to see how much sharpness it costs; that of a fairly sharp chip."""
_EVEN: Final = 1e-3
"""Share of all slopes that every direction gets, so that one without edges decides nothing."""
MOST_BLUR: Final = 0.25
"""``Quality.blur`` of a face that shows no edge at all."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of one face.

    ipd_px: distance of the eye centres, px of the picture. It shrinks when the face turns.
    blur: standard deviation of the blur of edges around the eyes, as a share of that distance, in
    the direction in which it is largest; 0..``MOST_BLUR``, see ``blur_of``.
    luma: median luma of the skin between and beneath the eyes, 0 (black) .. 1 (white).
    spread: standard deviation of luma around the eyes, 0..0.5.
    clipped: share of the pixels around the eyes that are as good as black or white, 0..1.
    eye_light: luma of the lightest parts of the lighter eye, whites and lids, over ``luma``. Dark
    glasses and deep shadow have less than about 0.4; light and mirrored glasses do not show.
    yaw_deg, roll_deg: of the head in the picture: the nose points right at yaw > 0; roll as
    ``masks.fit.Pose`` has it. Both None where the points cannot be a face. There is no pitch:
    five points hardly tell it.
    coverage: share of the chip that is covered; None where nothing tells.
    """

    ipd_px: float
    blur: float
    luma: float
    spread: float
    clipped: float
    eye_light: float
    yaw_deg: float | None = None
    roll_deg: float | None = None
    coverage: float | None = None


def measure(chip: Chip, mask: MaskState | None = None) -> Quality:
    """The quality of the face in ``chip``, whose transform tells how large it is in the picture.

    mask: what it wears; for ``coverage`` alone.
    Black beyond the edge of the picture counts as clipped.
    Raises InputError when the eye centres fall together or lie outside the chip.
    """
    eyes = chip.landmarks.eyes
    across = eyes[1] - eyes[0]
    ipd = float(np.hypot(*across))
    if ipd < 1:
        raise InputError(
            f"quality: the eyes are {ipd:.2f} px apart in the chip: no place to measure at"
        )
    u, v, part = _places(eyes, chip.spec.size)
    aside = np.abs(u)
    around = _within(aside, v, _AROUND)
    grey = np.asarray(chip.pixels[part] @ _LUMA, np.float32)
    here = grey[around]
    skin = [grey[patch] for patch in _skin(aside, v)]
    lids = [grey[_eye(side * u, v, _EYE)] for side in (-1, 1)]
    if not all(pixels.size for pixels in (here, *skin, *lids)):
        raise InputError("quality: the eyes lie outside the chip: nothing there to measure")
    linear = chip.transform[:, :2]
    scale = math.sqrt(abs(float(np.linalg.det(linear))))
    if scale <= 0:
        raise InputError(f"quality: the chip's transform has no inverse: {linear.tolist()}")
    turned = math.degrees(math.atan2(linear[1, 0], linear[0, 0]))
    luma = sorted(_quantile(patch, 0.5) for patch in skin)[1]
    light = max(_quantile(pixels, _LIGHTEST) for pixels in lids)
    yaw, roll = _pose(chip.landmarks, turned)
    return Quality(
        ipd_px=ipd / scale,
        blur=blur_of(grey, around, ipd),
        luma=luma,
        spread=float(here.std()),
        clipped=float(((here <= _BLACK) | (here >= _WHITE)).mean()),
        eye_light=light / max(luma, _BLACK),
        yaw_deg=yaw,
        roll_deg=roll,
        coverage=None if mask is None else mask.coverage,
    )


def blur_of(grey: F32, keep: Bool, unit: float) -> float:
    """Standard deviation of the blur of the edges in a picture, as a share of ``unit`` px.

    grey: (H, W) float32 of any scale and offset, which do not matter. keep: (H, W) bool, the
    pixels whose edges count, by the square of their slope. An edge blurred by s has 1/s of the
    energy of slope; blurred once more by t it is blurred by sqrt(s^2 + t^2). The two energies tell
    s. After Zhuo and Sim, "Defocus map estimation from a single image", Pattern Recognition 44(9),
    2011, who compare slopes along edges. Slopes are taken in the direction in which the two differ
    least, as a camera that moved blurs one way only: the smaller eigenvalue of one structure tensor
    by the other. Eyes and brows are no step edges, so that a sharp face has some blur, too;
    training/quality/README.md tells how much.
    Between 0 (nothing but noise) and ``MOST_BLUR`` (no edges).
    """
    calm = _softened(grey, _NOISE * unit)
    before, after = (_slopes(g, keep) for g in (calm, _softened(calm, _AGAIN * unit)))
    if np.trace(after) <= 1e-12 * keep.sum():
        return MOST_BLUR
    change = np.linalg.solve(after, before)
    half = float(np.trace(change)) / 2
    kept = half - math.sqrt(max(half**2 - float(np.linalg.det(change)), 0))
    least = 1 + (_AGAIN / MOST_BLUR) ** 2  # as a blur of MOST_BLUR has it, squared
    return _AGAIN / math.sqrt(max(kept**2, least) - 1)


def _quantile(values: F32, share: float) -> float:
    """As ``numpy.quantile``, in a tenth of the time for so few values."""
    ranked = np.sort(values)
    at = share * (len(ranked) - 1)
    below = int(at)
    low, high = float(ranked[below]), float(ranked[min(below + 1, len(ranked) - 1)])
    return low + (high - low) * (at - below)


def _softened(grey: F32, sigma_px: float) -> F32:
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma_px), np.float32)


def _slopes(grey: F32, keep: Bool) -> F64:
    """The structure tensor (2, 2) float64 of the pixels ``keep``, in sum.

    With a little of its trace in all directions: one without edges then tells nothing.
    """
    x, y = (
        np.asarray(cv2.Sobel(grey, cv2.CV_32F, *way, ksize=3, scale=1 / 8), np.float64)[keep]
        for way in ((1, 0), (0, 1))
    )
    sums = np.array([[x @ x, x @ y], [x @ y, y @ y]])
    return np.asarray(sums + _EVEN * np.trace(sums) * np.eye(2), np.float64)


def _places(eyes: F64, size: int) -> tuple[F64, F64, tuple[slice, slice]]:
    """u and v (H, W) float64 of the part of a chip that is looked at, and that part.

    With what the blurs of ``blur_of`` reach beyond it.
    """
    across, middle = complex(*(eyes[1] - eyes[0])), complex(*eyes.mean(0))
    side, top, bottom = _LOOKED_AT
    corners = middle + across * np.array([u + 1j * v for u in (-side, side) for v in (top, bottom)])
    left, right, up, down = (
        min(max(math.floor(at), 0), size)
        for at in (
            corners.real.min(),
            corners.real.max() + 2,
            corners.imag.min(),
            corners.imag.max() + 2,
        )
    )
    # (x + iy - middle) / across, with its real and imaginary parts as sums of a row and a column.
    turn = 1 / across
    x = np.arange(left, right) - middle.real
    y = (np.arange(up, down) - middle.imag)[:, None]
    u, v = turn.real * x - turn.imag * y, turn.imag * x + turn.real * y
    return u, v, (slice(up, down), slice(left, right))


def _within(aside: F64, v: F64, limits: tuple[float, float, float]) -> Bool:
    side, top, bottom = limits
    inside: Bool = aside <= side
    inside &= v >= top
    inside &= v <= bottom
    return inside


def _skin(aside: F64, v: F64) -> tuple[Bool, Bool, Bool]:
    lids = _eye(aside, v, _LIDS)
    brows, bridge, beneath = (_within(aside, v, part) for part in (_BROWS, _BRIDGE, _BENEATH))
    return brows, bridge, beneath & ~lids


def _eye(u: F64, v: F64, axes: tuple[float, float]) -> Bool:
    """The ellipse about the eye at u = 0.5."""
    return np.asarray(((u - 0.5) / axes[0]) ** 2 + (v / axes[1]) ** 2 < 1, np.bool_)


def _pose(points: Landmarks, turned: float) -> tuple[float | None, float | None]:
    """Yaw and roll in degrees; turned: how far the chip turned the picture, degrees."""
    try:
        pose = fit_pose(points)
    except InputError:
        return None, None
    roll = math.degrees(pose.roll) - turned
    return math.degrees(pose.yaw), (roll + 180) % 360 - 180
