from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import insight_models as built
import numpy as np
import pytest

from maskwise.compat.insightface.app import FaceAnalysis
from maskwise.compat.insightface.app.common import Face
from maskwise.errors import ConfigurationError, ImageError, ModelError

BOTH = ["detection", "recognition"]
SIZE = (320, 320)


def prepared(root: Path, **options: Any) -> FaceAnalysis:
    app = FaceAnalysis("mine", root=root, allowed_modules=BOTH, **options)
    app.prepare(ctx_id=-1, det_size=SIZE)
    return app


class TestModules:
    def test_what_is_not_run_is_told_once(
        self, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            FaceAnalysis("mine", root=root)
        (line,) = [one.getMessage() for one in caplog.records]
        assert "1k3d68.onnx (landmark_3d_68), 2d106det.onnx (landmark_2d_106)" in line
        assert "genderage.onnx (genderage)" in line

    def test_not_where_the_caller_chose(self, root: Path, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            FaceAnalysis("mine", root=root, allowed_modules=BOTH)
        assert not caplog.records

    @pytest.mark.parametrize(
        ("allowed", "message"),
        [
            (["detection", "genderage"], "does not run genderage"),
            (["detection", "landmark_3d_68"], "does not run landmark_3d_68"),
            (["detection", "recogntion"], "no module 'recogntion'"),
            (["recognition"], "'detection' is missing"),
            ("detection", "a list"),
        ],
    )
    def test_refused(self, root: Path, allowed: Any, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            FaceAnalysis("mine", root=root, allowed_modules=allowed)

    def test_detection_alone(self, root: Path) -> None:
        app = FaceAnalysis("mine", root=root, allowed_modules=["detection"])
        app.prepare(-1, det_size=SIZE)
        face = app.get(built.picture(1))[0]
        assert face.embedding is None
        assert face.normed_embedding is None

    def test_an_unknown_argument(self, root: Path) -> None:
        with pytest.raises(TypeError, match="provider"):
            FaceAnalysis("mine", root=root, provider=["CPUExecutionProvider"])  # type: ignore[call-arg]

    def test_a_model_of_the_callers_own(self, root: Path) -> None:
        class Age:
            taskname = "age"

            def prepare(self, ctx_id: int) -> None:
                self.ctx_id = ctx_id

            def get(self, img: Any, face: Face) -> None:
                face.age = 40 + self.ctx_id

        app = FaceAnalysis("mine", root=root, allowed_modules=BOTH)
        app.models["age"] = Age()
        app.prepare(-1, det_size=SIZE)
        assert {face.age for face in app.get(built.picture(1))} == {39}


class TestGet:
    def test_a_face(self, root: Path) -> None:
        faces = prepared(root).get(built.picture(1))
        assert len(faces) > 3
        for face in faces:
            assert face.bbox.shape == (4,)
            assert face.kps.shape == (5, 2)
            assert face.embedding.shape == (512,)
            assert np.linalg.norm(face.normed_embedding) == pytest.approx(1, abs=1e-5)
            for name in ("bbox", "kps", "embedding", "det_score"):
                assert face[name].dtype == np.float32, name
            assert face.sex is face.age is face.gender is face.pose is None
        scores = [float(face.det_score) for face in faces]
        assert scores == sorted(scores, reverse=True)
        assert min(scores) >= 0.5

    def test_no_face(self, root: Path) -> None:
        assert prepared(root).get(np.zeros((90, 120, 3), np.uint8)) == []

    def test_the_picture_stays(self, root: Path) -> None:
        picture = built.picture(1)
        before = picture.copy()
        prepared(root).get(picture)
        np.testing.assert_array_equal(picture, before)
        assert picture.flags.writeable

    def test_pictures_of_other_kinds(self, root: Path) -> None:
        app = prepared(root)
        picture = built.picture(1)
        expected = [face.embedding for face in app.get(picture)]

        def same(other: Any) -> bool:
            found = app.get(other)
            return len(found) == len(expected) and all(
                (face.embedding == vector).all()
                for face, vector in zip(found, expected, strict=True)
            )

        assert same(np.ascontiguousarray(picture[..., ::-1])[..., ::-1])
        assert same(np.asfortranarray(picture))
        assert same(np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]))
        grey = picture[..., 1]
        alike = [app.get(grey), app.get(grey[..., None]), app.get(np.dstack([grey] * 3))]
        assert len({len(one) for one in alike}) == 1

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (None, "cv2.imread"),
            ("photo.jpg", "cv2.imread"),
            (np.zeros((20, 20, 3), np.float32), "uint8"),
            (np.zeros((20, 20, 3), np.uint16), "uint8"),
            (np.zeros((0, 20, 3), np.uint8), "array"),
            (np.zeros((20, 20, 2), np.uint8), "array"),
        ],
    )
    def test_no_pictures(self, root: Path, given: Any, message: str) -> None:
        with pytest.raises(ImageError, match=message):
            prepared(root).get(given)

    def test_most(self, root: Path) -> None:
        app, picture = prepared(root), built.picture(1)
        every = app.get(picture)
        largest = max(every, key=lambda f: (f.bbox[2] - f.bbox[0]) * (f.bbox[3] - f.bbox[1]))
        (found,) = app.get(picture, max_num=1, det_metric="max")
        np.testing.assert_array_equal(found.bbox, largest.bbox)
        assert len(app.get(picture, max_num=3)) == 3
        assert len(app.get(picture, max_num=99)) == len(every)
        with pytest.raises(ConfigurationError, match="metric"):
            app.get(picture, det_metric="large")  # type: ignore[arg-type]

    def test_recognition_needs_points(self, root: Path) -> None:
        built.write_detector(root / "models" / "mine" / "det_10g.onnx", points=False)
        with pytest.raises(ModelError, match="needs key points"):
            prepared(root).get(built.picture(1))

    def test_a_subclass_of_a_program(self, root: Path) -> None:
        """As programs do that set the size for every picture."""

        class Own(FaceAnalysis):
            def largest(self, img: Any, size: tuple[int, int]) -> Face:
                self.det_model.input_size = size
                boxes, points = self.det_model.detect(img, max_num=1, metric="default")
                assert points is not None
                face = Face(bbox=boxes[0, :4], kps=points[0], det_score=boxes[0, 4])
                for task, model in self.models.items():
                    if task != "detection":
                        model.get(img, face)
                return face

        app = Own("mine", root=root, allowed_modules=BOTH)
        app.prepare(-1)
        assert app.largest(built.picture(1), SIZE).embedding.shape == (512,)

    def test_pickled(self, root: Path) -> None:
        app, picture = prepared(root), built.picture(1)
        back = pickle.loads(pickle.dumps(app))
        np.testing.assert_array_equal(back.get(picture)[0].embedding, app.get(picture)[0].embedding)


class TestPrepare:
    def test_again_with_another_size(self, root: Path) -> None:
        """insightface 0.7 keeps the first size and says so; 2 takes the second."""
        app, picture = prepared(root), built.picture(1)
        first = len(app.get(picture))
        app.prepare(-1, det_size=(160, 160))
        assert len(app.get(picture)) != first
        app.prepare(-1, det_size=SIZE)
        assert len(app.get(picture)) == first

    @pytest.mark.parametrize("size", [320, (320,), (0, 10), (10.5, 20), "big", [], [(1, 2, 3)]])
    def test_sizes_that_are_none(self, root: Path, size: Any) -> None:
        app = FaceAnalysis("mine", root=root, allowed_modules=BOTH)
        with pytest.raises(ConfigurationError, match="det_size"):
            app.prepare(-1, det_size=size)

    def test_threshold(self, root: Path) -> None:
        app, picture = prepared(root), built.picture(4)
        every = [float(face.det_score) for face in app.get(picture)]
        app.prepare(-1, det_thresh=0.8, det_size=SIZE)
        found = [float(face.det_score) for face in app.get(picture)]
        assert found == [score for score in every if score >= 0.8]
        app.det_model.det_thresh = 0.5
        assert len(app.get(picture)) == len(every)
