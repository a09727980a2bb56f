"""dlib's ResNet v1, 128 numbers (CC0), on ONNX Runtime."""

from __future__ import annotations

from typing import Final

import numpy as np

from maskwise.types import ChipSpec

# Mean positions of the five points in a unit face box, and 0.25 of padding on each side:
# dlib/image_transforms/interpolation.h, get_face_chip_details().
_MEAN5 = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ]
)
_PADDING = 0.25

DLIB_CHIP: Final = ChipSpec(
    "dlib5-150-p25", 150, "dlib5", 150 * (_PADDING + _MEAN5) / (1 + 2 * _PADDING)
)
