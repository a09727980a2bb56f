from __future__ import annotations

import logging
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import insight_models as built
import numpy as np
import pytest

from maskwise.compat.insightface import files
from maskwise.compat.insightface.app import FaceAnalysis
from maskwise.compat.insightface.app.common import Face
from maskwise.errors import ConfigurationError, ImageError, LicenceError, ModelError
from maskwise.models import licences, place

BOTH = ["detection", "recognition"]
SIZE = (320, 320)


def prepared(root: Path, **options: Any) -> FaceAnalysis:
    app = FaceAnalysis("mine", root=root, allowed_modules=BOTH, **options)
    app.prepare(ctx_id=-1, det_size=SIZE)
    return app


class TestFindingFiles:
    def test_detector_and_encoder_are_told_by_their_shapes(self, root: Path) -> None:
        folder = root / "models" / "mine"
        (folder / "det_10g.onnx").rename(folder / "x.onnx")
        (folder / "w600k_r50.onnx").rename(folder / "a.onnx")
        app = FaceAnalysis("mine", root=str(root), allowed_modules=BOTH)
        assert sorted(app.models) == BOTH
        assert app.det_model is app.models["detection"]
        assert app.det_model.model_file == str(folder / "x.onnx")
        assert app.models["recognition"].model_file == str(folder / "a.onnx")
        assert app.model_dir == str(folder)

    def test_the_first_of_a_kind_counts(self, root: Path) -> None:
        folder = root / "models" / "mine"
        built.write_detector(folder / "aaa.onnx", points=False)
        app = FaceAnalysis("mine", root=root, allowed_modules=["detection"])
        assert app.det_model.model_file == str(folder / "aaa.onnx")
        assert list(app.models) == ["detection"]

    @pytest.mark.parametrize(
        ("file", "task"),
        [
            ("1k3d68", "landmark_3d_68"),
            ("2d106det", "landmark_2d_106"),
            ("det_10g", "detection"),
            ("genderage", "genderage"),
            ("w600k_r50", "recognition"),
        ],
    )
    def test_tasks(self, written: Path, file: str, task: str) -> None:
        assert files.task_of(written / f"{file}.onnx") == task

    def test_a_folder_in_the_folder(self, root: Path) -> None:
        """antelopev2's zip has one, over which insightface stumbles."""
        folder = root / "models" / "mine"
        inner = folder / "mine"
        inner.mkdir()
        for file in folder.glob("*.onnx"):
            file.rename(inner / file.name)
        assert FaceAnalysis("mine", root=root, allowed_modules=BOTH).model_dir == str(inner)

    def test_a_path_instead_of_a_name(self, root: Path) -> None:
        folder = root / "models" / "mine"
        app = FaceAnalysis(str(folder), root="/nowhere", allowed_modules=BOTH)
        assert app.model_dir == str(folder)

    def test_a_home(self, root: Path, home: Path) -> None:
        shutil.copytree(root / "models" / "mine", home / ".insightface" / "models" / "mine")
        app = FaceAnalysis("mine", allowed_modules=BOTH)
        assert app.model_dir == str(home / ".insightface" / "models" / "mine")

    def test_nothing_there(self, home: Path) -> None:
        with pytest.raises(ModelError, match=r"maskwise models pull buffalo_l$"):
            FaceAnalysis()
        with pytest.raises(ModelError, match="antelopev2, buffalo_l"):
            FaceAnalysis("bufalo_l")
        assert not (home / ".insightface").exists()

    def test_no_detector(self, root: Path) -> None:
        (root / "models" / "mine" / "det_10g.onnx").unlink()
        with pytest.raises(ModelError, match=r"no detector, only 1k3d68\.onnx, 2d106det"):
            FaceAnalysis("mine", root=root, allowed_modules=BOTH)

    def test_a_file_that_is_no_model(self, root: Path) -> None:
        file = root / "models" / "mine" / "det_10g.onnx"
        file.write_bytes(file.read_bytes()[:1000])
        with pytest.raises(ModelError, match="det_10g"):
            FaceAnalysis("mine", root=root, allowed_modules=BOTH)


class TestLicence:
    @pytest.fixture
    def theirs(self, root: Path) -> Path:
        """The pack under the name of one of insightface's."""
        (root / "models" / "mine").rename(root / "models" / "buffalo_l")
        return root

    def test_is_wanted_once(self, theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(LicenceError, match="maskwise models accept insightface-models"):
            FaceAnalysis("buffalo_l", root=theirs, allowed_modules=BOTH)
        monkeypatch.setenv(licences.ACCEPT_VARIABLE, "insightface-models")
        assert FaceAnalysis("buffalo_l", root=theirs, allowed_modules=BOTH).det_model

    def test_the_store(self, written: Path, home: Path) -> None:
        """What lies in the store is held to the pack's sha256, which drawn files do not have."""
        assert place.folder() == home / "store"
        shutil.copytree(written, home / "store" / "buffalo_l")
        with pytest.raises(LicenceError, match="insightface-models"):
            FaceAnalysis("buffalo_l", allowed_modules=BOTH)
        licences.accept("insightface-models")
        with pytest.raises(ModelError, match=r"det_10g\.onnx is damaged"):
            FaceAnalysis("buffalo_l", allowed_modules=BOTH)


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


def test_stand_in_and_what_is_loaded(root: Path) -> None:
    """In a fresh process: nothing heavy at the import, and the names of insightface."""
    code = f"""
import sys
import maskwise.compat.insightface as ours
assert not {{"onnxruntime", "PIL", "scipy", "skimage", "onnx"}} & set(sys.modules), "too much"
ours.stand_in()
ours.stand_in()
import insightface
from insightface.app import FaceAnalysis
from insightface.app.common import Face
from insightface.model_zoo import model_zoo, get_model
from insightface.utils import face_align
import insightface.utils.face_align
assert insightface is ours and Face is ours.app.common.Face
app = insightface.app.FaceAnalysis("mine", root={str(root)!r}, allowed_modules=["detection"])
app.prepare(ctx_id=-1)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_stand_in_refuses_the_real_one() -> None:
    code = """
import sys, types
sys.modules["insightface"] = types.ModuleType("insightface")
import maskwise.compat.insightface as ours
try:
    ours.stand_in()
except RuntimeError as error:
    assert "already" in str(error)
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
