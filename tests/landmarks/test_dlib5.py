from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskwise import landmarks, models
from maskwise.errors import ModelError
from maskwise.landmarks import dlib5
from maskwise.landmarks.dlib5 import Dlib5
from maskwise.testing.landmarks_contract import LandmarksContract
from maskwise.testing.pictures import drawn_face, face_detection, plain_chips
from maskwise.types import F32, Detection, Image

pytestmark = pytest.mark.models


class TestContract(LandmarksContract):
    @pytest.fixture
    def predictor(self) -> Dlib5:
        return Dlib5()


class TestSubpixelContract(LandmarksContract):
    tolerance_px = 0.01

    @pytest.fixture
    def predictor(self) -> Dlib5:
        return Dlib5(subpixel=True)


@pytest.fixture(scope="module")
def dlibs(dlib: Any, dlib_models: Path) -> Any:
    """dlib's points of faces: (F, 5, 2)."""
    predictor = dlib.shape_predictor(str(dlib_models / "shape_predictor_5_face_landmarks.dat"))

    def predict(image: Image, faces: list[Detection]) -> F32:
        shapes = [
            predictor(image.pixels, dlib.rectangle(*(int(np.floor(v + 0.5)) for v in face.box)))
            for face in faces
        ]
        return np.array([[(p.x, p.y) for p in shape.parts()] for shape in shapes], np.float32)

    return predict


def ours(image: Image, faces: list[Detection]) -> F32:
    return np.stack([found.points for found in Dlib5().predict(image, faces)])


class TestAgreementWithDlib:
    def test_on_drawn_faces(self, faces: list[tuple[Image, list[Detection]]], dlibs: Any) -> None:
        for image, boxes in faces:
            assert np.abs(ours(image, boxes) - dlibs(image, boxes)).max() <= 0.01

    def test_on_pictures_of_nothing(self, dlibs: Any) -> None:
        rng = np.random.default_rng(4)
        for pixels in plain_chips(150):
            corners = rng.uniform(-40, 90, (6, 2))
            boxes = [Detection(np.r_[c, c + rng.uniform(5, 120, 2)], 1.0) for c in corners]
            image = Image(pixels)
            assert np.abs(ours(image, boxes) - dlibs(image, boxes)).max() <= 0.01

    def test_on_boxes_of_half_pixels(self, dlibs: Any) -> None:
        image, box = drawn_face(5), face_detection().box
        boxes = [Detection(box + np.float32(d), 1.0) for d in (-0.5, 0.25, 0.5, 0.75, -3.5)]
        assert np.abs(ours(image, boxes) - dlibs(image, boxes)).max() <= 0.01

    def test_on_sample_people(self, sample_photos: list[Path], dlibs: Any) -> None:
        from maskwise.image import load

        for path in sample_photos[:24]:
            self.check_photo(load(path), dlibs)

    @pytest.mark.data
    def test_on_photos(self, lfw_photos: list[Image], dlibs: Any) -> None:
        assert len(lfw_photos) == 50
        for photo in lfw_photos:
            self.check_photo(photo, dlibs)

    def check_photo(self, photo: Image, dlibs: Any) -> None:
        """At a box in the middle and at five others, as detectors might give them."""
        size = np.array([photo.width, photo.height])
        rng = np.random.default_rng(photo.width)
        half = 0.2 * size.min() * rng.uniform(0.8, 1.3, (6, 1))
        middle = size / 2 + rng.normal(0, 0.03, (6, 2)) * size
        boxes = [Detection(b, 1.0) for b in np.hstack([middle - half, middle + half])]
        assert np.abs(ours(photo, boxes) - dlibs(photo, boxes)).max() <= 0.01


class TestDlib5:
    def test_the_nose_and_eyes_of_a_drawn_face_are_found(self) -> None:
        (found,) = Dlib5().predict(drawn_face(0), [face_detection()])
        # drawn_face: eyes at 0.31 and 0.69 of the box, a third down; nostrils at 0.66.
        box = face_detection().box
        side = box[2] - box[0]
        places = np.array([[0.31, 0.33], [0.69, 0.33]]) * side + box[:2]
        np.testing.assert_allclose(found.eyes, places, atol=0.05 * side)
        nose = np.array([0.5, 0.66]) * side + box[:2]
        np.testing.assert_allclose(found.points[4], nose, atol=0.06 * side)

    def test_points_are_whole_pixels_unless_asked_otherwise(self) -> None:
        image, boxes = drawn_face(0), [face_detection()]
        whole = Dlib5().predict(image, boxes)[0].points
        finer = Dlib5(subpixel=True).predict(image, boxes)[0].points
        np.testing.assert_array_equal(whole, np.floor(finer + 0.5))
        assert (finer != whole).any()

    def test_the_id_tells_the_two_forms_apart(self) -> None:
        sha = models.entry("dlib-five-points").sha256[:12]
        assert Dlib5().id == f"dlib-five-points/{sha}"
        assert Dlib5(subpixel=True).id == f"dlib-five-points/{sha}/subpixel"

    def test_it_is_the_default(self) -> None:
        assert landmarks.create().id == landmarks.create("dlib5").id == Dlib5().id

    def test_another_archive_is_refused_by_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = tmp_path / "other.npz"
        np.savez(other, mean=np.zeros((5, 2)))
        text = tmp_path / "text.npz"
        text.write_text("not an archive")
        for path in (other, text):
            monkeypatch.setattr(dlib5.models, "locate", lambda _, path=path: path)
            with pytest.raises(ModelError, match=f"{path.name} is no five-point predictor"):
                Dlib5().predict(drawn_face(0), [face_detection()])
