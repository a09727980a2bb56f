"""Backends without models that see masks, and folders of drawn people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from maskwise import Recognizer
from maskwise.align import DLIB_CHIP
from maskwise.decide import OperatingCurve, OperatingPoints
from maskwise.testing.fakes import FakePredictor, face_picture
from maskwise.types import F32, U8, Detection, Image, Landmarks, MaskState

# Real masks are of a colour that no drawn one has.
REAL = (20, 60, 230)


def patch(chips: U8, top: int, bottom: int) -> Any:
    return chips[:, top:bottom, 60:90].mean((1, 2))


class Mouths:
    """Sure of a mask where mouth and forehead differ."""

    id = "mouths"
    chip_spec = DLIB_CHIP

    def __init__(self) -> None:
        self.calls = 0

    def classify(self, chips: U8) -> list[MaskState]:
        self.calls += 1
        apart = np.abs(patch(chips, 85, 105) - patch(chips, 30, 45)).max(1)
        return [MaskState(0.9 if d > 4 else 0.1) for d in apart]


class Colours:
    """Forehead and mouth: seven numbers, so that masks show."""

    chip_spec = DLIB_CHIP
    dim = 7

    def __init__(self, id: str = "colours") -> None:
        self.id = self.space = id
        self.batches: list[int] = []

    def encode_batch(self, chips: U8) -> F32:
        self.batches.append(len(chips))
        parts = [patch(chips, 30, 45) / 127.5 - 1, 0.4 * (patch(chips, 85, 105) / 127.5 - 1)]
        rows = np.concatenate([*parts, np.full((len(chips), 1), 0.1)], axis=1)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


class Squares:
    """Finds what is not black, but for the specks that straps leave beside a face."""

    id = "squares"

    def __init__(self) -> None:
        self.calls = 0

    def detect(self, image: Image) -> list[Detection]:
        import cv2

        self.calls += 1
        lit: U8 = np.asarray((image.pixels > 0).any(axis=2), np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(lit)
        found = [
            Detection(np.array([x, y, x + w - 1, y + h - 1], np.float32), float(area))
            for x, y, w, h, area in stats[1:]
            if area > 1000
        ]
        return sorted(found, key=lambda d: -d.score)


class Predictor(FakePredictor):
    def __init__(self) -> None:
        self.calls = 0

    def predict(self, image: Image, detections: Sequence[Detection]) -> list[Landmarks]:
        self.calls += 1
        return super().predict(image, detections)


_UNLIKE = OperatingCurve((0.1, 1e-6), (0.3, 0.6), 1000, "stubs")
_LIKE = OperatingCurve((0.1, 1e-6), (0.5, 0.9), 1000, "stubs")


def recognizer(masks: str = "all", encoder: Any = None, **arguments: Any) -> Recognizer:
    encoder = encoder or Colours()
    points = OperatingPoints(
        encoder.id, {"bare-bare": _LIKE, "bare-masked": _UNLIKE, "masked-masked": _LIKE}
    )
    return Recognizer(
        detector=arguments.pop("detector", Squares()),
        predictor=arguments.pop("predictor", Predictor()),
        mask_classifier=arguments.pop("mask_classifier", Mouths()),
        encoder=encoder,
        operating_points=points,
        masks=masks,
        **arguments,
    )


def calls(r: Recognizer) -> int:
    """How often any model was asked."""
    parts: tuple[Any, ...] = (r.detector, r.predictor, r.mask_classifier)
    return sum(part.calls for part in parts) + len(r.encoder.batches)  # type: ignore[attr-defined]


def colour_of(person: int, photo: int) -> tuple[int, int, int]:
    rng = np.random.default_rng(person)
    shift = np.random.default_rng([person, photo]).integers(-12, 13, 3)
    red, green, blue = (int(v) for v in np.clip(rng.integers(60, 230, 3) + shift, 30, 250))
    return red, green, blue


def picture(person: int, photo: int, *, masked: bool = False) -> U8:
    side = 110 + 4 * photo
    return face_picture([(colour_of(person, photo), 90, 40, side)], masked=[0] if masked else [])


def save(pixels: U8, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels).save(path)
    return path


def people(
    folder: Path, count: int, photos: int = 3, masked: Sequence[tuple[int, int]] = ()
) -> Path:
    """``count`` folders p00, p01, ... of ``photos``; those in ``masked`` wear a real mask."""
    for person in range(count):
        for photo in range(photos):
            pixels = picture(person, photo, masked=(person, photo) in masked)
            save(pixels, folder / f"p{person:02d}" / f"{photo}.png")
    return folder


def two_faces(second_side: int) -> U8:
    return face_picture(
        [((200, 90, 80), 100, 60, 100), ((90, 200, 80), 300, 20, second_side)], size=(220, 450)
    )
