"""Backends without models, for tests of what is composed of them.

They read drawn pictures: a face is a square whose upper half has the person's colour, and whose
lower half is ``MASK_BLUE`` where it wears a mask. ``face_picture`` draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from maskwise.align import DLIB_CHIP
from maskwise.types import (
    ALPHA_CELLS,
    F32,
    U8,
    ChipSpec,
    Detection,
    Image,
    Landmarks,
    MaskState,
    Scheme,
    check_chips,
)

BACKGROUND: Final = (0, 0, 0)
MASK_BLUE: Final = (20, 60, 230)
Colour = tuple[int, int, int]
_LEAST_FACE: Final = 12  # px


def face_picture(
    faces: Sequence[tuple[Colour, int, int, int]],
    size: tuple[int, int] = (200, 300),
    masked: Sequence[int] = (),
) -> U8:
    """(H, W, 3) uint8 RGB: a square a face, given as colour, left, top and side in px.

    masked: the indices of the faces that wear a mask. Faces must not touch one another.
    """
    pixels = np.zeros((*size, 3), np.uint8)
    for index, (colour, left, top, side) in enumerate(faces):
        pixels[top : top + side, left : left + side] = colour
        if index in masked:
            pixels[top + side // 2 : top + side, left : left + side] = MASK_BLUE
    return pixels


class FakeDetector:
    """Finds the rectangles that are not black: a face each, larger ones with a higher score.

    Specks are none: straps of a drawn mask leave some beside a face.
    """

    id = "fake-detector"
    scheme: Scheme | None = None

    def detect(self, image: Image) -> list[Detection]:
        """Rectangles by falling area."""
        import cv2

        lit: U8 = np.asarray((image.pixels > 0).any(axis=2), np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(lit)
        found = [
            Detection(np.array([x, y, x + w - 1, y + h - 1], np.float32), w * h / lit.size)
            for x, y, w, h, _ in stats[1:]
            if min(w, h) >= _LEAST_FACE
        ]
        return sorted(found, key=lambda d: -d.score)


class FakePredictor:
    """The five points where dlib's mean face has them in the box."""

    id = "fake-predictor"
    scheme: Scheme = "dlib5"

    def predict(self, image: Image, detections: Sequence[Detection]) -> list[Landmarks]:
        """In px of ``image``."""
        spec = DLIB_CHIP
        # A quarter of padding on each side of the box: the chip spans 1.5 boxes.
        shares = (spec.reference + 0.5) / spec.size * 1.5 - 0.25
        corners = [(d.box[:2], d.box[2:] - d.box[:2]) for d in detections]
        return [Landmarks("dlib5", np.float32(shares * side + at)) for at, side in corners]


class FakeMaskClassifier:
    """Sure of a mask where the chip is MASK_BLUE, or any other blue, below its middle.

    What is blue is covered. The nose is out where its tip is not.
    """

    id = "fake-mask"
    chip_spec: ChipSpec = DLIB_CHIP

    def classify(self, chips: U8) -> list[MaskState]:
        """By the mean colour of a patch where the mouth is, and of each cell."""
        check_chips(chips, DLIB_CHIP.size)
        # Cells begin a pixel before the chip, and end one after it.
        wide = np.pad(chips, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        cells = wide.reshape(len(chips), ALPHA_CELLS, 4, ALPHA_CELLS, 4, 3).mean((2, 4))
        covered = np.where(cells[..., 2] > cells[..., :2].max(-1) + 60, 255, 0).astype(np.uint8)
        mouths = chips[:, 85:105, 65:85].mean((1, 2))
        worn = [bool(mouth[2] > mouth[:2].max() + 60) for mouth in mouths]
        return [
            MaskState(
                float(masked),
                coverage=float(alpha.mean()) / 255,
                style=("proper" if alpha[19, 18] else "under-nose") if masked else None,
                alpha=alpha,
            )
            for masked, alpha in zip(worn, covered, strict=True)
        ]


class FakeEncoder:
    """Four numbers: the forehead's colour about grey, and a constant."""

    id = "fake-encoder"
    space = "fake-space"
    chip_spec: ChipSpec = DLIB_CHIP
    dim = 4

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode_batch(self, chips: U8) -> F32:
        """(N, 150, 150, 3) -> (N, 4) float32 of unit length; notes N in ``batches``."""
        check_chips(chips, DLIB_CHIP.size)
        self.batches.append(len(chips))
        forehead = chips[:, 30:45, 60:90].mean((1, 2)) / 127.5 - 1
        rows = np.concatenate([forehead, np.full((len(chips), 1), 0.1)], axis=1)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
