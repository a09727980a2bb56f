from __future__ import annotations

from pathlib import Path

import cv2
import insight_models as built
import numpy as np

from maskwise.compat.insightface.app import FaceAnalysis
from maskwise.compat.insightface.app.common import Face


def prepared(root: Path) -> FaceAnalysis:
    app = FaceAnalysis("mine", root=root, allowed_modules=["detection", "recognition"])
    app.prepare(ctx_id=-1, det_size=(320, 320))
    return app


class TestDrawOn:
    def test_box_points_and_score(self, root: Path) -> None:
        app, picture = prepared(root), built.picture(1) // 3
        faces = app.get(built.picture(1))[:1]
        before = picture.copy()
        drawn = app.draw_on(picture, faces)
        np.testing.assert_array_equal(picture, before)
        assert drawn.shape == picture.shape
        assert drawn.dtype == np.uint8
        changed = (drawn != picture).any(axis=2)
        x1, y1, x2, y2 = np.rint(faces[0].bbox).astype(int)
        assert changed[(y1 + y2) // 2, max(x1, 0)] or changed[min(y2, 299), (x1 + x2) // 2]
        for x, y in np.rint(faces[0].kps).astype(int):
            if 0 <= x < picture.shape[1] and 0 <= y < picture.shape[0]:
                assert changed[y, x]
        assert changed.mean() < 0.25

    def test_no_faces_and_faces_with_little(self, root: Path) -> None:
        app, picture = prepared(root), built.picture(1)
        np.testing.assert_array_equal(app.draw_on(picture, []), picture)
        box = np.array([-20, -30, 60, 70], np.float32)
        assert (app.draw_on(picture, [Face(bbox=box)]) != picture).any()

    def test_sex_and_age(self, root: Path) -> None:
        app, picture = prepared(root), built.picture(1)
        face = Face(bbox=np.array([100, 100, 220, 250], np.float32), det_score=0.9)
        plain = app.draw_on(picture, [face])
        face.gender, face.age = 0, 41
        assert (app.draw_on(picture, [face]) != plain).any()

    def test_small_and_large_pictures(self, root: Path) -> None:
        app = prepared(root)
        for side in (12, 3000):
            picture = np.zeros((side, side, 3), np.uint8)
            box = np.array([0.2, 0.3, 0.6, 0.8], np.float32) * side
            drawn = app.draw_on(picture, [Face(bbox=box, det_score=0.5)])
            assert drawn.any()
            grey = cv2.cvtColor(drawn, cv2.COLOR_BGR2GRAY)
            assert 0 < (grey > 0).mean() < 0.9
