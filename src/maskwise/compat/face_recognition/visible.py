"""What the question asked for: a masked face encoded by its visible part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from maskwise.compat.face_recognition import api, engine
from maskwise.types import F64, Scheme

if TYPE_CHECKING:
    from maskwise.cover import Cover


def face_encodings_masked(
    face_image: api.PixelArray,
    known_face_locations: Iterable[Any] | None = None,
    num_jitters: int = 1,
    model: str = "large",
    *,
    landmarks: str | Iterable[int] = "eyes",
    cover: Cover | None = None,
    seed: int = 0,
) -> list[F64]:
    """(128,) float64 for each face as ``face_encodings``, from the part that a mask leaves bare.

    The first four parameters are those of ``face_encodings``, but model is "large" as the
    question had it; its weights forbid commercial use, and "small" does without them.
    landmarks: the points that place the face: a name or indices of
    ``maskwise.landmarks.subsets``; "eyes" exists for both models.
    cover: neutralise what lies under a mask: "mean", "flat" or "mask", see ``maskwise.cover``.
    Encodings compare with those of the same cover only, so cover both sides alike, masked or
    not. None leaves all pixels: such encodings compare with those of ``face_encodings``.
    Neither sets another threshold: docs/why-zeroed-landmarks.md says what each gains and costs.
    Raises as ``face_encodings``, and ConfigurationError (a ValueError) for another cover.
    """
    from maskwise import dlib_chip
    from maskwise.cover import check_cover
    from maskwise.cover import cover as covered
    from maskwise.landmarks import subsets

    if cover is not None:
        check_cover(cover)
    # Looked at first: a photo without a face would not tell that they are wrong.
    scheme: Scheme = "dlib5" if engine.landmark_model(model) == "dlib5" else "ibug68"
    points = subsets.indices(landmarks, scheme)
    image, found = api._found(face_image, known_face_locations, model)
    cuts = [dlib_chip.cut(image, subsets.keep(face, points)) for _, face in found]
    chips = np.stack(cuts) if cuts else np.zeros((0, 150, 150, 3), np.uint8)
    rows = dlib_chip.describe_chips(
        engine.encoder().describe_batch,
        chips if cover is None else covered(chips, cover),
        num_jitters=num_jitters,
        seed=seed,
    )
    return list(rows)
