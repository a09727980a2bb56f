"""The five points under drawn masks: what is measured, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from detection_fakes import FiveDetector, FixedDetector, with_points

from maskwise import samples
from maskwise.evaluate.detection.journal import Journal
from maskwise.evaluate.detection.steadiness import (
    KIND,
    Asked,
    Steady,
    dominant,
    measure,
    spec_of,
    steady,
)
from maskwise.evaluate.detection.steady_figures import ALL_MASKS, BARE, steady_figures, steady_json
from maskwise.evaluate.detection.steady_write import to_json, write_landmarks
from maskwise.evaluate.detection.truth import WearTeller
from maskwise.evaluate.detection.write import About
from maskwise.image import load
from maskwise.testing.command_line import GREEN, RED, photo
from maskwise.testing.fakes import FakeMaskClassifier, face_picture
from maskwise.testing.pictures import drawn_face, face_detection
from maskwise.types import Detection, Image

TYPES = ("surgical", "scarf")
ASKED = Asked(TYPES, wear=WearTeller(FakeMaskClassifier()))
SHA = "0123456789abcdef" * 4
FACE = with_points(face_detection())  # of 120 px; the eyes are 48 px apart


def one(detector: FixedDetector, asked: Asked | None = None) -> Steady:
    return steady(drawn_face(0), SHA, detector, asked or Asked(TYPES))


def test_points_that_stay_have_no_error() -> None:
    found = one(FixedDetector([FACE], [FACE]))
    assert (found.status, set(found.masks)) == ("measured", set(TYPES))
    assert found.eyes_px == pytest.approx(48)
    for under in found.masks.values():
        assert under.points is not None
        assert found.error(under.points).tolist() == [0] * 5


def test_errors_are_in_distances_of_the_eyes() -> None:
    found = one(FixedDetector([FACE], [with_points(face_detection(), (4.8, 0))]))
    points = found.masks["scarf"].points
    assert points is not None
    np.testing.assert_allclose(found.error(points), 0.1, atol=1e-6)


def test_a_face_that_is_not_found_again_is_lost() -> None:
    elsewhere = with_points(Detection(np.array([0, 0, 30, 30], np.float32), 1.0))
    for then in ([], [elsewhere]):
        found = one(FixedDetector([FACE], then))
        assert found.status == "measured"
        assert all(under.points is None for under in found.masks.values())


def test_the_box_over_the_face_counts_also_among_others() -> None:
    elsewhere = with_points(Detection(np.array([0, 0, 30, 30], np.float32), 2.0))
    found = one(FixedDetector([FACE], [elsewhere, FACE]))
    assert all(under.points is not None for under in found.masks.values())


def test_photos_that_tell_nothing_are_left_out() -> None:
    tiny = with_points(Detection(np.array([0, 0, 3, 3], np.float32), 1.0))
    assert one(FixedDetector([], [FACE])).status == "no_face"
    assert one(FixedDetector([face_detection()], [FACE])).status == "no_face"  # without points
    assert one(FixedDetector([tiny], [FACE])).status in {"no_face", "mask_unfit"}
    masked = Image(face_picture([(RED, 60, 60, 120)], size=(240, 240), masked=[0]))
    asked = Asked(TYPES, wear=WearTeller(FakeMaskClassifier()))
    found = steady(masked, SHA, FixedDetector([FACE], [FACE]), asked)
    assert (found.status, found.masks) == ("wears_mask", {})
    assert found.box is not None  # to be looked at


def test_the_dominant_face_is_the_one_that_stands_out() -> None:
    picture = drawn_face(0)
    small = Detection(np.array([0, 0, 60, 60], np.float32), 9.0)
    alike = Detection(np.array([10, 0, 120, 110], np.float32), 9.0)
    assert dominant([small, FACE], picture) == (FACE, "measured")
    assert dominant([FACE, alike], picture) == (None, "several_faces")
    assert dominant([], picture) == (None, "no_face")


def test_a_teachers_points_are_the_truth_where_there_is_one() -> None:
    off = with_points(face_detection(), (0, 2.4))
    asked = Asked(TYPES, teacher=FixedDetector([FACE], [FACE]))
    found = one(FixedDetector([off], [FACE]), asked)
    assert found.bare is not None
    np.testing.assert_allclose(found.error(found.bare), 0.05, atol=1e-6)
    assert found.truth is not None
    np.testing.assert_array_equal(found.truth, FACE.landmarks.points)  # type: ignore[union-attr]
    figures = steady_figures("x", "x/1", {"a": found}, types=TYPES, taught=True)
    assert list(figures.masks) == [BARE, ALL_MASKS, *TYPES]
    assert figures.masks[BARE].quantile(0.5) == pytest.approx(0.05, abs=1e-6)
    none = one(FixedDetector([], [FACE]), asked=Asked(TYPES, teacher=FixedDetector([FACE], [])))
    assert none.status == "no_face"


def test_the_mask_follows_from_photo_type_and_seed() -> None:
    assert spec_of("cloth", SHA, 0) == spec_of("cloth", SHA, 0)
    assert spec_of("cloth", SHA, 0) != spec_of("cloth", SHA, 1)
    assert spec_of("cloth", SHA, 0) != spec_of("cloth", SHA[::-1], 0)
    assert spec_of("cloth", SHA, 0).type == "cloth"


def test_comes_back_from_json() -> None:
    for found in (
        one(FixedDetector([FACE], [])),
        one(FixedDetector([FACE], [FACE])),
        Steady("no_face"),
    ):
        text = json.dumps(found.to_json(), allow_nan=False)
        assert Steady.from_json(json.loads(text)).to_json() == found.to_json()


def test_figures_of_nothing_are_no_numbers() -> None:
    figures = steady_figures("x", "x/1", {"a": Steady("no_face")}, types=TYPES, taught=False)
    content = steady_json(figures)
    assert content["masks"]["surgical"]["all_points"] == {"median": None, "p95": None}
    assert content["masks"]["surgical"]["lost"]["share"] is None
    assert content["photos"] == {"no_face": 1}
    json.dumps(content, allow_nan=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two bare faces, a masked one, two of a size, and no picture."""
    images = tmp_path / "images"
    photo(images / "red.png")
    photo(images / "green.png", GREEN)
    photo(images / "worn.png", masked=True)
    photo(images / "two.png", more=[(GREEN, 300, 40, 115)])
    (images / "x.png").write_bytes(b"no picture")
    return images


def run(folder: Path, detector: FiveDetector) -> dict[str, Steady]:
    names = sorted(path.name for path in folder.iterdir())
    with Journal(folder.parent / "points.jsonl", KIND) as journal:
        measured = measure(names, folder, {"five": detector}, ASKED, journal)
    assert list(measured.unread) == ["x.png"]
    return {photo: found["five"] for photo, found in measured.photos.items()}


def test_a_folder_is_measured_once_and_reported(folder: Path, tmp_path: Path) -> None:
    photos = run(folder, FiveDetector())
    assert {name: found.status for name, found in photos.items()} == {
        "red.png": "measured",
        "green.png": "measured",
        "two.png": "several_faces",
        "worn.png": "wears_mask",
    }
    again = FiveDetector()
    assert {n: f.to_json() for n, f in run(folder, again).items()} == {
        n: f.to_json() for n, f in photos.items()
    }
    assert again.asked == 0
    figures = steady_figures("five", "five/1", photos, types=TYPES, taught=False)
    assert figures.masks[ALL_MASKS].lost.trials == 4
    out = tmp_path / "out"
    about = About(folder, "maskwise", "from <own> points", {}, {"x.png": "no picture"})
    written = write_landmarks([figures], out, about)
    names = {path.relative_to(out).as_posix() for path in written.files}
    assert {"index.html", "landmarks.json", "pairs.jsonl", "tables/steadiness.csv"} <= names
    assert {"sheets/points-five.png", "sheets/worst-five.png", "sheets/worn-five.png"} <= names
    assert "from &lt;own&gt; points" in (out / "index.html").read_text("utf-8")
    rows = [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]
    assert {(row["photo"], row["mask"]) for row in rows} == {
        (name, kind) for name in ("red.png", "green.png") for kind in TYPES
    }
    assert json.loads((out / "landmarks.json").read_text()) == to_json([figures], about)
    write_landmarks([figures], out, about, thumbnails=False)
    assert not list((out / "sheets").iterdir())


def test_a_sample_person_can_wear_every_mask() -> None:
    picture = load(sorted(samples.people().rglob("*.jpg"))[0])
    side = min(picture.width, picture.height) * 0.5
    x, y = (picture.width - side) / 2, (picture.height - side) / 2
    face = with_points(Detection(np.array([x, y, x + side, y + side], np.float32), 1.0))
    found = steady(
        picture, SHA, FixedDetector([face], [face]), Asked(("surgical", "n95", "gaiter"))
    )
    assert found.status == "measured"
    assert len(found.masks) == 3
