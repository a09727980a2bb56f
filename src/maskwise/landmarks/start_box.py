"""Where dlib's landmark predictors begin: the box that dlib's detectors would have given.

The trees were trained on those boxes, and other detectors draw others: YuNet's and SCRFD's are
higher than wide and end at the hairline. Where a detector gives the five points, the box comes
from them, whatever box it drew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from maskwise.align import ARCFACE_CHIP, transform_of
from maskwise.errors import InputError
from maskwise.types import F64, Detection

# MMOD's boxes seen from YuNet's five points on a photo each of 1,000 of LFW's train people: the
# box's centre in an ArcFace chip laid on the points, and its side in px of that chip. Medians; the
# quartiles lie up to 6 px from them, as MMOD's boxes come in steps.
# training/chip_points/measure.py.
_CENTRE: Final = np.array([49.85, 63.15])
_SIDE: Final = 84.25


def start_boxes(detections: Sequence[Detection]) -> F64:
    """(N, 4) float64 x1, y1, x2, y2 in px: by the five points where all are there, else as found.

    The last column and row belong to the face, as in dlib's rectangles.
    """
    return np.stack([_start(one) for one in detections]).astype(np.float64)


def _start(detection: Detection) -> F64:
    points = detection.landmarks
    if points is None or points.scheme != "five" or not points.visible.all():
        return detection.box.astype(np.float64)
    try:
        into = transform_of(points, ARCFACE_CHIP)
    except InputError:  # no face can have these points: the box is what is left
        return detection.box.astype(np.float64)
    onto = np.asarray(cv2.invertAffineTransform(into), np.float64)
    centre = onto[:, :2] @ _CENTRE + onto[:, 2]
    half = (_SIDE * float(np.hypot(*onto[:, 0])) - 1) / 2
    return np.concatenate([centre - half, centre + half])
