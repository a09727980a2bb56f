from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from maskwise import image, landmarks, masks
from maskwise.compat import face_recognition
from maskwise.compat.face_recognition import engine
from maskwise.cover import COVERS
from maskwise.detect.mmod import Mmod
from maskwise.errors import ConfigurationError, InputError, LicenceError
from maskwise.types import Image

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "zeroed_landmarks.py"
NOBODY = np.full((90, 120, 3), 128, np.uint8)

encodings_masked = face_recognition.face_encodings_masked


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine.HOG_VARIABLE, "maskwise")
    for name in (engine.STRICT_VARIABLE, "MASKWISE_ACCEPT_LICENCES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def picture(sample_photos: list[Path]) -> Image:
    return image.load(sample_photos[0])


@pytest.fixture(scope="module")
def masked(picture: Image) -> Image:
    """The same photo with a mask drawn on it."""
    found = landmarks.create().predict(picture, Mmod().detect(picture))
    return masks.wear_on_image(picture, found, [masks.spec_for("kn95")]).image


@pytest.fixture(scope="module")
def boxes(picture: Image) -> list[Any]:
    found = Mmod().detect(picture)
    left, top, right, bottom = (int(v) for v in found[0].box)
    return [(top, right, bottom, left)]


class TestArguments:
    """What needs no model to be refused, or to be empty."""

    def test_another_cover(self) -> None:
        with pytest.raises(ConfigurationError, match="no cover 'grey'; there are: mean, flat"):
            encodings_masked(NOBODY, [], cover="grey")  # type: ignore[arg-type]

    def test_another_model_is_a_value_error(self) -> None:
        with pytest.raises(ValueError, match=r"Supported models are \['small', 'large'\]"):
            encodings_masked(NOBODY, [], model="medium")

    @pytest.mark.parametrize(("model", "subset"), [("small", "question"), ("large", "ears")])
    def test_a_subset_that_does_not_exist_even_without_a_face(
        self, model: str, subset: str
    ) -> None:
        with pytest.raises(InputError, match=f"no subset '{subset}'.*name one of all"):
            encodings_masked(NOBODY, [], model=model, landmarks=subset)

    @pytest.mark.parametrize("how", [None, *COVERS])
    def test_no_face_is_an_empty_list(self, how: Any) -> None:
        assert encodings_masked(NOBODY, [], cover=how) == []
        with face_recognition.strict(), pytest.raises(IndexError, match="no face"):
            encodings_masked(NOBODY, [], cover=how)


@pytest.mark.models
class TestOnPictures:
    def test_no_face_in_a_grey_wall(self) -> None:
        assert encodings_masked(NOBODY, cover="mean") == []

    @pytest.mark.parametrize("how", [None, *COVERS])
    def test_shapes(self, picture: Image, boxes: list[Any], how: Any) -> None:
        found = encodings_masked(picture.pixels, boxes * 2, 1, "small", cover=how)
        assert [(e.shape, e.dtype) for e in found] == [((128,), np.float64)] * 2
        assert np.array_equal(found[0], found[1])
        assert len(encodings_masked(picture.pixels, model="small", cover=how)) == 1

    def test_all_five_points_are_the_original(self, picture: Image, boxes: list[Any]) -> None:
        for jitters in (1, 3):
            (plain,) = face_recognition.face_encodings(picture.pixels, boxes, jitters, "small")
            (same,) = encodings_masked(picture.pixels, boxes, jitters, "small", landmarks="all")
            assert np.array_equal(plain, same)

    def test_without_a_cover_it_is_face_encodings_with_landmarks(
        self, picture: Image, boxes: list[Any]
    ) -> None:
        for subset in ("eyes", (0, 2)):
            (one,) = face_recognition.face_encodings(picture.pixels, boxes, landmarks=subset)
            (other,) = encodings_masked(picture.pixels, boxes, model="small", landmarks=subset)
            assert np.array_equal(one, other)

    def test_jitters_are_seeded_and_are_of_the_covered_chip(
        self, picture: Image, boxes: list[Any]
    ) -> None:
        def encoded(jitters: int, seed: int = 0) -> Any:
            return encodings_masked(
                picture.pixels, boxes, jitters, "small", cover="flat", seed=seed
            )[0]

        assert np.array_equal(encoded(4), encoded(4))
        assert not np.array_equal(encoded(4), encoded(4, seed=1))
        (bare,) = encodings_masked(picture.pixels, boxes, 4, "small")
        assert 0 < np.linalg.norm(encoded(4) - encoded(1)) < np.linalg.norm(encoded(4) - bare)

    @pytest.mark.parametrize("how", COVERS)
    def test_a_cover_brings_the_bare_and_the_masked_photo_together(
        self, picture: Image, masked: Image, boxes: list[Any], how: Any
    ) -> None:
        def apart(cover: Any) -> float:
            # The mask moves the predicted points; the eyes' corners hardly.
            one, other = (
                encodings_masked(p.pixels, boxes, model="small", cover=cover)[0]
                for p in (picture, masked)
            )
            return float(np.linalg.norm(one - other))

        assert apart(how) < 0.7 * apart(None)

    @pytest.mark.parametrize(
        ("subset", "says"), [("question", "all, eyes"), ("ears", "all, eyes"), ([0, 9], "point 9")]
    )
    def test_a_subset_that_the_five_lack(
        self, picture: Image, boxes: list[Any], subset: Any, says: str
    ) -> None:
        with pytest.raises(InputError, match=says):
            encodings_masked(picture.pixels, boxes, model="small", landmarks=subset)

    def test_one_point_places_no_face(self, picture: Image, boxes: list[Any]) -> None:
        with pytest.raises(InputError, match="two visible points or more"):
            encodings_masked(picture.pixels, boxes, model="small", landmarks=[4])

    def test_the_default_needs_the_licence_of_the_68_points(
        self, picture: Image, boxes: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
            monkeypatch.setenv(name, str(tmp_path))
        engine._predictor.cache_clear()
        with pytest.raises(LicenceError, match=r'model="small"'):
            encodings_masked(picture.pixels, boxes)

    def test_the_question(
        self,
        picture: Image,
        boxes: list[Any],
        dlib_models: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("MASKWISE_ACCEPT_LICENCES", "dlib-68-points")
        engine._predictor.cache_clear()
        (whole,) = face_recognition.face_encodings(picture.pixels, boxes, model="large")
        for subset in ("eyes", "eyes+bridge", "eyes+brows", "question"):
            (part,) = encodings_masked(picture.pixels, boxes, landmarks=subset)
            assert 0 < np.linalg.norm(part - whole) < 0.4
        for same in ("all", "dlib33"):
            (part,) = encodings_masked(picture.pixels, boxes, landmarks=same)
            assert np.array_equal(part, whole)


# Makes `import dlib` fail as where it is not installed.
_WITHOUT_DLIB = (
    "import sys, runpy; sys.modules['dlib'] = None; runpy.run_path({!r}, None, '__main__')"
)


def run(*arguments: str) -> str:
    environment = {**os.environ, "MASKWISE_ACCEPT_LICENCES": ""}
    ran = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.mark.models
@pytest.mark.skipif(not EXAMPLE.exists(), reason="needs examples/, which only a checkout holds")
class TestTheExample:
    def test_without_dlib(self, tmp_path: Path) -> None:
        out = run("-c", _WITHOUT_DLIB.format(str(EXAMPLE)), "--out", str(tmp_path / "pictures"))
        assert "dlib is not installed" in out
        assert "these change the chip: 27-54, 60-64" in out
        assert "the same ones: True" in out
        assert "False" not in out
        for name, size in (("zeroed-landmarks.png", (640, 202)), ("masked-chips.png", (640, 400))):
            with PillowImage.open(tmp_path / "pictures" / name) as sheet:
                assert sheet.size == size

    def test_with_dlib(self, dlib: Any) -> None:
        out = run(str(EXAMPLE))
        assert "while dlib cuts the chip: 0" in out
        assert "the 128 numbers are the same, bit for bit: True" in out
        assert "(dlib itself), these change the chip: 27-54, 60-64" in out
        assert "dlib cuts the same wreck: True" in out
        assert "False" not in out
        page = (ROOT / "docs" / "why-zeroed-landmarks.md").read_text("utf-8")
        shown = page.partition("## 1.")[2].partition("## 2.")[0].splitlines()
        quoted = [line.strip() for line in shown if line.startswith("    ")]
        assert len(quoted) == 4
        assert set(quoted) <= set(out.splitlines())

    def test_a_photo_without_a_face(self, tmp_path: Path) -> None:
        PillowImage.fromarray(NOBODY).save(tmp_path / "wall.png")
        ran = subprocess.run(
            [sys.executable, str(EXAMPLE), str(tmp_path / "wall.png")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 1
        assert "no face found" in ran.stderr
