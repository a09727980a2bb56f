"""Where the landmarks of the average face stand, and how far faces differ in chin and width.

Face frame as in ``surface.py``. The places were measured on 1,789 photos of the train split of
LFW, balanced over yaw to 45 degrees: dlib's 68 and 5 points and the 5 of YuNet on the same
faces, factorised together under weak perspective with mirror symmetry. Pitch is nought where
nose base and chin stand as in profile photos. The tip of ``five`` is drawn out a tenth: YuNet's
follows the head less than the others do, and yaw came out a tenth too large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from maskwise.types import F64, Scheme

STRETCH_FROM: Final = 0.5
"""y, units, from which a long chin is stretched: the tip of the nose."""
CHIN: Final = (0.0, 1.86, 0.245)
NOSE_BASE: Final = (0.0, 0.714, 0.462)
MOUTH: Final = (0.0, 1.04, 0.38)

# The left half, by the numbers of the 68 points.
_LEFT: Final = {
    8: (0.0, 1.866, 0.245),
    9: (0.307, 1.823, 0.169),
    10: (0.575, 1.672, -0.038),
    11: (0.810, 1.484, -0.263),
    12: (0.993, 1.248, -0.470),
    13: (1.108, 0.978, -0.614),
    14: (1.169, 0.684, -0.681),
    15: (1.197, 0.385, -0.740),
    16: (1.206, 0.088, -0.824),
    22: (0.185, -0.295, 0.201),
    23: (0.381, -0.365, 0.117),
    24: (0.592, -0.382, 0.019),
    25: (0.792, -0.333, -0.086),
    26: (0.932, -0.198, -0.212),
    27: (0.0, -0.073, 0.261),
    28: (0.0, 0.108, 0.378),
    29: (0.0, 0.289, 0.511),
    30: (0.0, 0.477, 0.640),
    33: (0.0, 0.714, 0.462),
    34: (0.124, 0.682, 0.423),
    35: (0.236, 0.643, 0.359),
    42: (0.303, 0.004, 0.0),
    43: (0.430, -0.080, 0.005),
    44: (0.575, -0.077, -0.016),
    45: (0.697, -0.004, -0.079),
    46: (0.580, 0.033, -0.014),
    47: (0.438, 0.031, 0.007),
    51: (0.0, 0.952, 0.399),
    52: (0.121, 0.928, 0.378),
    53: (0.285, 0.974, 0.271),
    54: (0.443, 1.075, 0.083),
    55: (0.289, 1.203, 0.245),
    56: (0.130, 1.258, 0.354),
    57: (0.0, 1.268, 0.374),
    62: (0.0, 1.033, 0.387),
    63: (0.121, 1.025, 0.363),
    64: (0.369, 1.074, 0.115),
    65: (0.123, 1.110, 0.353),
    66: (0.0, 1.122, 0.374),
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


_OUTER, _INNER = (0.704, -0.010, -0.065), (0.304, -0.006, 0.008)


def _with_mirrored(*places: tuple[float, float, float]) -> list[tuple[float, float, float]]:
    return [*places, *((-x, y, z) for x, y, z in places)]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """The points of one scheme on the average face.

    places: (K, 5) float64: x, y, z in units; what y gains when the chin is stretched by 1; what
    x gains when the face is widened by 1. sigma: (K,) how they scatter about that, units.
    contour: (K,) bool, points of the outline, which only the near side of a face tells.
    shapes: chin and width are fitted too.
    """

    places: F64
    sigma: F64
    contour: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    shapes: bool


def _five(places: list[tuple[float, float, float]], sigma: list[float]) -> Model:
    still = np.hstack([np.array(places), np.zeros((5, 2))])
    return Model(still, np.array(sigma), np.zeros(5, bool), False)


def _model_68() -> Model:
    points = _all_68()
    outline = np.arange(68) < 17
    below = np.where(outline, np.clip(points[:, 1] - STRETCH_FROM, 0, None), 0)
    wide = np.where(outline, points[:, 0], 0)
    # The points of a part err together, so each says less than it would alone.
    sigma = np.where(outline, 0.25, 0.10)
    sigma[7:10] = 0.05
    return Model(np.column_stack([points, below, wide]), sigma, outline, True)


MODELS: Final[dict[Scheme, Model]] = {
    "dlib5": _five(
        [_OUTER, _INNER, *(_with_mirrored(_OUTER, _INNER)[2:]), (0.0, 0.715, 0.430)], [0.03] * 5
    ),
    "five": _five(
        [
            (-0.526, -0.044, 0.008),
            (0.526, -0.044, 0.008),
            (0.0, 0.506, 0.590),
            (-0.449, 1.012, 0.065),
            (0.449, 1.012, 0.065),
        ],
        [0.05] * 5,
    ),
    "ibug68": _model_68(),
}
