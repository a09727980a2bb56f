"""Where the landmarks of the average face stand, and how far faces differ in chin and width.

Face frame as in ``surface.py``. Printed by training/mask_fit/factorise.py from 1,660 photos of the
train split of LFW, balanced over yaw to 45 degrees:

- ``dlib5`` and ``five``, ``NOSE_BASE`` and ``MOUTH``: dlib's five points (CC0) and YuNet's (MIT)
  on the same faces, factorised together under weak perspective with mirror symmetry. These
  do not tell which pitch is nought: the nose base is set to stand out 0.65 of its height below
  the eyes (0.64 in an earlier fit of the same two schemes, whose pitch had a prior).
- ``CHIN``: the lower edge of YuNet's box (y 1.82, 10th to 90th percentile 1.73-1.91), and 0.05
  more, by eye on 20 photos. Chin and mouth are as deep as ``surface.py`` without its nose.
- ``ibug68`` alone: dlib's 68 points, placed on these faces as the ten points above pose them.

The training set of the 68-point predictor excludes commercial use, so no place that acts without
that predictor comes from it; its points served to judge two choices, the pitch prior of ``fit.py``
and the heights of the profile in ``surface.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from maskwise.types import F64, Scheme

STRETCH_FROM: Final = 0.5
"""y, units, from which a long chin is stretched: the tip of the nose."""
CHIN: Final = (0.0, 1.87, 0.22)
NOSE_BASE: Final = (0.0, 0.728, 0.473)
MOUTH: Final = (0.0, 1.027, 0.32)

# Used by ``ibug68`` only. The left half, by the numbers of the 68 points.
_LEFT: Final = {
    8: (0.0, 1.896, 0.215),
    9: (0.308, 1.850, 0.131),
    10: (0.574, 1.695, -0.107),
    11: (0.808, 1.495, -0.372),
    12: (0.991, 1.251, -0.621),
    13: (1.108, 0.976, -0.805),
    14: (1.167, 0.681, -0.891),
    15: (1.194, 0.380, -0.942),
    16: (1.202, 0.085, -1.025),
    22: (0.183, -0.284, 0.248),
    23: (0.377, -0.354, 0.144),
    24: (0.587, -0.372, 0.030),
    25: (0.785, -0.323, -0.091),
    26: (0.924, -0.188, -0.239),
    27: (0.0, -0.063, 0.310),
    28: (0.0, 0.121, 0.440),
    29: (0.0, 0.304, 0.581),
    30: (0.0, 0.495, 0.718),
    33: (0.0, 0.729, 0.514),
    34: (0.125, 0.695, 0.470),
    35: (0.237, 0.654, 0.400),
    42: (0.301, 0.012, 0.001),
    43: (0.427, -0.072, 0.004),
    44: (0.570, -0.070, -0.020),
    45: (0.691, 0.002, -0.089),
    46: (0.575, 0.040, -0.019),
    47: (0.435, 0.038, 0.003),
    51: (0.0, 0.963, 0.436),
    52: (0.124, 0.938, 0.404),
    53: (0.290, 0.981, 0.284),
    54: (0.446, 1.086, 0.076),
    55: (0.295, 1.224, 0.245),
    56: (0.133, 1.285, 0.363),
    57: (0.0, 1.296, 0.393),
    62: (0.0, 1.042, 0.422),
    63: (0.125, 1.033, 0.390),
    64: (0.375, 1.085, 0.107),
    65: (0.127, 1.139, 0.368),
    66: (0.0, 1.153, 0.398),
}
# (last number of a group on the left, what the numbers of a point and its mirror image add up to)
_MIRROR: Final = (
    (16, 16),
    (26, 43),
    (35, 66),
    (45, 81),
    (47, 87),
    (54, 102),
    (57, 114),
    (64, 124),
    (66, 132),
)


def _all_68() -> F64:
    out = np.zeros((68, 3))
    for number, place in _LEFT.items():
        total = next(total for last, total in _MIRROR if number <= last)
        out[number] = place
        if place[0]:
            out[total - number] = (-place[0], place[1], place[2])
    return out


_OUTER, _INNER = (0.698, -0.002, -0.082), (0.302, 0.002, 0.0)


def _with_mirrored(*places: tuple[float, float, float]) -> list[tuple[float, float, float]]:
    return [*places, *((-x, y, z) for x, y, z in places)]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """The points of one scheme on the average face.

    places: (K, 5) float64: x, y, z in units; what y gains when the chin is stretched by 1; what
    x gains when the face is widened by 1. sigma: (K,) how they scatter about that, units.
    contour: (K,) bool, points of the outline, which only the near side of a face tells.
    shapes: chin and width are fitted too. eyes: the points whose means are the centres of the
    subject's right eye, and of the left.
    """

    places: F64
    sigma: F64
    contour: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    shapes: bool
    eyes: tuple[tuple[int, ...], tuple[int, ...]]


# How five points scatter: what a scheme misses by alone (0.014 and 0.024) times 1.6, as six of its
# ten numbers are fitted, and rounded up.
def _five(
    places: list[tuple[float, float, float]],
    sigma: float,
    eyes: tuple[tuple[int, ...], tuple[int, ...]],
) -> Model:
    still = np.hstack([np.array(places), np.zeros((5, 2))])
    return Model(still, np.full(5, sigma), np.zeros(5, bool), False, eyes)


def _model_68() -> Model:
    points = _all_68()
    outline = np.arange(68) < 17
    below = np.where(outline, np.clip(points[:, 1] - STRETCH_FROM, 0, None), 0)
    wide = np.where(outline, points[:, 0], 0)
    # The points of a part err together, so each says less than it would alone.
    sigma = np.where(outline, 0.25, 0.10)
    sigma[7:10] = 0.05
    eyes = (tuple(range(36, 42)), tuple(range(42, 48)))
    return Model(np.column_stack([points, below, wide]), sigma, outline, True, eyes)


MODELS: Final[dict[Scheme, Model]] = {
    "dlib5": _five(
        [_OUTER, _INNER, *(_with_mirrored(_OUTER, _INNER)[2:]), NOSE_BASE],
        0.03,
        ((2, 3), (0, 1)),
    ),
    "five": _five(
        [
            (-0.529, -0.039, 0.040),
            (0.529, -0.039, 0.040),
            (0.0, 0.519, 0.720),
            (-0.450, 1.027, 0.058),
            (0.450, 1.027, 0.058),
        ],
        0.05,
        ((0,), (1,)),
    ),
    "ibug68": _model_68(),
}
