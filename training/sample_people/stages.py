"""Detect, align and encode, as the package does it; and the real people's templates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from photos import WORK

from maskwise import align, detect, encode, landmarks
from maskwise.types import F32, U8, Chip, Detection, Image, Landmarks


@dataclass(frozen=True, eq=False)
class Face:
    """detections: all of the picture. The rest belongs to the first."""

    detections: list[Detection]
    landmarks: Landmarks
    chip: Chip
    vector: F32


class Stages:
    """The detector, five points and encoder that the people were chosen by."""

    def __init__(self) -> None:
        self.detector = detect.create("mmod")
        self.predictor = landmarks.create()
        self.encoder = encode.create("dlib-resnet-v1")

    def face(self, pixels: U8) -> Face | None:
        """None when the detector finds nothing."""
        image = Image(pixels)
        detections = self.detector.detect(image)
        if not detections:
            return None
        points = self.predictor.predict(image, detections[:1])[0]
        chip = align.align(image, points, self.encoder.chip_spec)
        return Face(detections, points, chip, self.encoder.encode_batch(chip.pixels[None])[0])


class Real:
    """Templates of the real people of lfw-dev: work/real.npz."""

    @cached_property
    def data(self) -> dict[str, Any]:
        return dict(np.load(WORK / "real.npz"))

    def vectors(self, *folds: str) -> F32:
        """(N, 128) of unit length: all photos of people in ``folds`` (all without one)."""
        d = self.data
        return np.asarray(d["vectors"][np.isin(d["folds"], folds)] if folds else d["vectors"])


def distances(a: F32, b: F32) -> F32:
    """(len(a), len(b)) Euclidean distances of unit vectors."""
    return np.sqrt(np.clip(2 - 2 * (a @ b.T), 0, None))
