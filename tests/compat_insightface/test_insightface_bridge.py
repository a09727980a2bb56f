"""From insightface's classes to maskwise's own: the same numbers."""

from __future__ import annotations

from pathlib import Path

import insight_models as built
import numpy as np
import pytest

from maskwise import Recognizer, image
from maskwise.compat.insightface.app import FaceAnalysis
from maskwise.detect.scrfd import Scrfd

SIZE = (320, 320)


@pytest.mark.models
def test_templates_are_normed_embeddings(root: Path) -> None:
    app = FaceAnalysis("mine", root=root, allowed_modules=["detection", "recognition"])
    app.prepare(ctx_id=-1, det_size=SIZE)
    detector = Scrfd(app.det_model.model_file, size=SIZE)
    recognizer = Recognizer(
        detector=detector, encoder=f"arcface:{app.models['recognition'].model_file}"
    )
    picture = built.picture(1)
    theirs, ours = app.get(picture), recognizer.encode(image.load(picture, color_order="bgr"))
    assert len(theirs) == len(ours) > 3
    for face, mine in zip(theirs, ours, strict=True):
        np.testing.assert_array_equal(face.bbox, mine.detection.box)
        np.testing.assert_array_equal(face.kps, mine.landmarks.points)
        # Chips may differ by one in a few pixels: the transforms do in their last digits.
        assert face.normed_embedding is not None
        assert float(face.normed_embedding @ mine.template.vector) > 0.99999
