"""The skin's colour and the lean of the light, fitted to places of skin.

Constants: as in ``light.py``, from 1,000 photos of the train split of LFW.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from maskwise.types import F32, F64

LUMA: Final = np.array([0.299, 0.587, 0.114])
_RGB_AND_LUMA: Final = np.column_stack([np.eye(3), LUMA])
CONTRASTS: Final = np.array([[1, -1, 0, 0], [0, -1, 1, 0], [0, 0, 0, 1.0]])
"""log R, G, B and luma -> log R/G, log B/G and the level."""

# Least squares: skin scatters by 0.15 in log luma about the fit, with the long tail of a
# t distribution of 2 degrees; neighbouring places err together, so four count as one.
_SCATTER: Final = 0.15
_HUE_SCATTER: Final = 0.12
_SHARE: Final = 0.25
_PRIOR: Final = np.diag((_SCATTER / np.array([2.0, 0.4, 0.2, 0.1])) ** 2 / _SHARE)
"""Of the level, which is all but free, and of the lean along x, y and z."""
_ROUNDS: Final = 3
_STEEPER: Final = 1.2
"""Chins are lit more unevenly than the cheeks' fit says, by so much."""
_LEAN_MAX: Final = (0.8, 0.4, 0.3)
_FLOOR: Final = 6.0
"""Added to 8-bit values before the logarithm, so that black is no infinity."""


def fit(colors: F64, basis: F64, usual: F64) -> tuple[list[float], F32]:
    """Colours of the places (N, 3) -> the skin's colour (3,), and the lean of the light (3,).

    Iteratively reweighted least squares of log luma on the normals, with the prior.
    """
    logs = colors @ _RGB_AND_LUMA
    logs += _FLOOR
    np.log(logs, out=logs)
    three = CONTRASTS @ logs.T
    three[2] -= usual
    middle = three.shape[1] // 2
    ordered = three.copy()
    ordered.partition(middle, axis=1)
    three -= ordered[:, middle : middle + 1]
    value = three[2]
    hues = three[:2] * three[:2]
    off = hues[0] + hues[1]
    off *= 0.5 / _HUE_SCATTER**2
    off += 1
    flat = basis.T.copy()
    weight = _weights(value, off)
    for _ in range(_ROUNDS):
        weighted = flat * weight
        # Both sides without the scatter, which the prior carries instead.
        square = weighted @ basis
        square += _PRIOR
        _, params = cv2.solve(square, (weighted @ value)[:, None], flags=cv2.DECOMP_CHOLESKY)
        params = params[:, 0]
        weight = _weights(value - params @ flat, off)
    total = float(np.add.reduce(weight))
    skin = [math.exp(v / total) - _FLOOR for v in (weight @ logs[:, :3]).tolist()]
    lean = [
        min(max(v * _STEEPER, -most), most)
        for v, most in zip(params[1:].tolist(), _LEAN_MAX, strict=True)
    ]
    return skin, np.array(lean, np.float32)


def _weights(error: F64, off: F64) -> F64:
    """What places count that err so much in log luma, and are ``off`` in hue."""
    out = error * error
    out *= 0.5 / _SCATTER**2
    out += off
    return np.asarray(np.divide(1, out, out=out), np.float64)
