"""The templates of one face that is known already, through a Recognizer's own stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from maskwise import masks
from maskwise.align import transform_of
from maskwise.errors import InputError, NoFaceError
from maskwise.pipeline import Recognizer
from maskwise.types import Detection, Image, Landmarks, Template, Wear
from maskwise.virtual import virtual_vectors

LEAST_OVERLAP: Final = 0.2
"""Intersection over union of two boxes of one face, by two detectors, at least. They differ in how
much forehead and chin they take in; boxes of two people side by side overlap less."""


def templates_of(
    recognizer: Recognizer,
    picture: Image,
    points: Landmarks,
    wears: Sequence[Wear],
    qualities: Sequence[float | None] | None = None,
) -> list[Template]:
    """The face in ``picture`` as it is and in virtual masks, as enrolment would encode it.

    points: of the recognizer's predictor's scheme, in px of ``picture``. wears: one a template;
    a virtual one is drawn by its spec, any other is the face as it is. qualities: likewise.
    Raises InputError for points that no chip or mask fits, and ConfigurationError for a mask that
    cannot be drawn.
    """
    chip = recognizer.align(picture, points)
    specs = [wear.spec for wear in wears if wear.spec is not None]
    worn, _ = masks.wear_on_chips([chip], specs)
    # One batch, as enrolment makes it: the same numbers to the bit.
    vectors = recognizer.encoder.encode_batch(np.concatenate([chip.pixels[None], worn[0]]))
    drawn = iter(virtual_vectors(vectors[0], vectors[1:]))
    return [
        Template(
            vectors[0] if wear.spec is None else next(drawn),
            recognizer.encoder.id,
            wear,
            None if qualities is None else qualities[number],
        )
        for number, wear in enumerate(wears)
    ]


def face_at(recognizer: Recognizer, picture: Image, box: tuple[float, ...] | None) -> Detection:
    """The face that was enrolled, found anew; box: where it was, x1, y1, x2, y2 px.

    Among several faces it is the one whose box overlaps most; without a box, the dominant one.
    Raises NoFaceError when no face is there, and AmbiguousFaceError as ``Recognizer.dominant``.
    """
    if box is None:
        return recognizer.dominant(picture)[0].detection
    found = [d for d in recognizer.detect(picture) if _can_align(recognizer, d)]
    best = max(found, key=lambda d: overlap(d.box, box), default=None)
    if best is None or overlap(best.box, box) < LEAST_OVERLAP:
        raise NoFaceError(
            f"{picture.source}: no face found where the enrolled one was; try another --detector"
        )
    return best


def overlap(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Intersection over union of two boxes x1, y1, x2, y2; 0 for an empty one."""
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    both = float(np.prod(np.maximum(high - low, 0)))
    areas = float(np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2]))
    return both / (areas - both) if areas > both else 0.0


def _can_align(recognizer: Recognizer, detection: Detection) -> bool:
    try:
        if detection.landmarks is not None:
            transform_of(detection.landmarks, recognizer.encoder.chip_spec)
    except InputError:
        return False
    return detection.landmarks is not None
