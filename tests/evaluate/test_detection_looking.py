"""Photos, detectors and truth -> figures, with a journal between."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from detection_fakes import BareDetector, FiveDetector

from maskwise.errors import ConfigurationError, EvaluationError
from maskwise.evaluate.detection.boxes_file import read_boxes
from maskwise.evaluate.detection.figures import ALL, Figures, band_of, figures, figures_json
from maskwise.evaluate.detection.files import check_folder
from maskwise.evaluate.detection.journal import Journal
from maskwise.evaluate.detection.looking import KIND, Looked, Seen, Teacher, Wanted, look
from maskwise.evaluate.detection.truth import WearTeller, from_teacher
from maskwise.evaluate.detection.write import About, write_detection
from maskwise.testing.command_line import GREEN, photo
from maskwise.testing.fakes import FakeMaskClassifier
from maskwise.types import Detection, Image

NAMES = ["bare.png", "masked.png", "two.png"]
SMALL = (GREEN, 300, 40, 20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bare face, a masked one, and a photo with a large and a small one."""
    images = tmp_path / "images"
    photo(images / "bare.png")
    photo(images / "masked.png", masked=True)
    photo(images / "two.png", more=[SMALL])
    return images


def looked_at(
    folder: Path, wanted: Wanted, *, out: Path | None = None, **more: FiveDetector
) -> Looked:
    detectors = {"five": FiveDetector(), "bare": BareDetector(), **more}
    with Journal((out or folder.parent) / "seen.jsonl", KIND) as journal:
        return look(NAMES, folder, detectors, wanted, journal)


def of(looked: Looked, name: str, **more: float) -> Figures:
    return figures(name, f"{name}/0", looked.photos, **more)


def taught(wear: WearTeller | None = None, masked: bool | None = None) -> Wanted:
    return Wanted(teacher=Teacher(FiveDetector(), 0.0, 32.0), masked=masked, wear=wear)


def test_a_detector_is_perfect_by_itself(folder: Path) -> None:
    found = of(looked_at(folder, taught()), "five")
    assert (found.recall[ALL][ALL].errors, found.recall[ALL][ALL].trials) == (3, 3)
    assert (found.precision[ALL].errors, found.precision[ALL].trials) == (3, 3)
    assert found.ignored == 1  # the small one
    assert (found.misses, found.extra, found.overlap) == ((), (), 1.0)
    assert (found.faces, found.with_face.errors, found.photos) == (4, 3, 3)


def test_recall_by_what_the_mask_classifier_sees(folder: Path) -> None:
    looked = looked_at(folder, taught(WearTeller(FakeMaskClassifier())))
    found = of(looked, "bare")
    assert {wear: (r[ALL].errors, r[ALL].trials) for wear, r in found.recall.items()} == {
        "all": (2, 3),
        "masked": (0, 1),
        "bare": (2, 2),
    }
    (miss,) = found.misses
    assert (miss.photo, miss.nearest, miss.face.masked) == ("masked.png", 0.0, True)
    assert found.recall["masked"]["64-128 px"].trials == 1


def test_what_is_said_of_all_faces_counts(folder: Path) -> None:
    found = of(looked_at(folder, taught(masked=True)), "bare")
    assert set(found.recall) == {"all", "masked"}


def test_boxes_of_a_file(folder: Path) -> None:
    file = folder.parent / "boxes.csv"
    file.write_text(
        "file,x1,y1,x2,y2,masked\n"
        "masked.png,90,40,209,159,yes\n"
        "masked.png,0,0,30,40,no\n"
        "bare.png,,,,,\n"
    )
    looked = looked_at(folder, Wanted(boxes=read_boxes(file, NAMES)))
    found = of(looked, "five")
    assert found.judged == 2
    assert (found.recall["masked"][ALL].errors, found.recall["bare"][ALL].errors) == (1, 0)
    assert [extra.photo for extra in found.extra] == ["bare.png"]  # two.png is not in the file
    assert found.precision[ALL].trials == 2
    assert found.curve[-1][1:] == (1, 1)


def test_extra_boxes_too_small_to_be_in_the_truth_are_listed_not_counted(folder: Path) -> None:
    file = folder.parent / "boxes.csv"
    file.write_text("file,x1,y1,x2,y2\ntwo.png,90,40,209,159\n")
    looked = looked_at(folder, Wanted(boxes=read_boxes(file, NAMES), least_px=32))
    limited, unlimited = of(looked, "five", least_px=32), of(looked, "five")
    assert [e.counted for e in limited.extra] == [False]
    assert [e.counted for e in unlimited.extra] == [True]
    assert limited.precision[ALL].value == 1
    assert unlimited.precision[ALL].value == 0.5


def test_without_a_truth_there_is_no_recall(folder: Path) -> None:
    found = of(looked_at(folder, Wanted()), "bare")
    assert found.judged is None
    assert (found.recall, found.precision, found.overlap) == ({}, {}, None)
    assert (found.with_face.errors, found.with_face.trials) == (2, 3)
    content = figures_json(found)
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_a_box_outside_of_its_photo_is_refused(folder: Path) -> None:
    file = folder.parent / "boxes.csv"
    file.write_text("file,x1,y1,x2,y2\ntwo.png,900,40,950,90\n")
    with pytest.raises(EvaluationError, match=r"line 2: .* two.png, which is 450 x 220 px"):
        looked_at(folder, Wanted(boxes=read_boxes(file, NAMES)))


def test_unreadable_photos_are_told_and_count_nowhere(folder: Path) -> None:
    (folder / "bare.png").write_bytes(b"no picture")
    (folder / "two.png").unlink()
    looked = looked_at(folder, taught())
    assert [one.name for one in looked.photos] == ["masked.png"]
    assert "not a picture" in looked.unread["bare.png"]
    assert "no such file" in looked.unread["two.png"]


def test_what_was_seen_is_not_looked_at_again(folder: Path) -> None:
    first = looked_at(folder, taught(WearTeller(FakeMaskClassifier())))
    again = FiveDetector()
    second = looked_at(folder, taught(WearTeller(FakeMaskClassifier())), five=again)
    assert again.asked == 0
    assert (first.again, second.again) == (0, 9)  # the teacher is one of the two
    for name in ("five", "bare"):
        one, other = figures_json(of(first, name)), figures_json(of(second, name))
        for key in ("ms_photo", "ms_megapixel"):
            assert one.pop(key) == pytest.approx(other.pop(key), rel=0.2)  # rounded in the file
        assert one == other


def test_a_run_that_was_broken_off_goes_on(folder: Path) -> None:
    class Interrupted(FiveDetector):
        def detect(self, image: Image) -> list[Detection]:
            if self.asked == 3:
                raise KeyboardInterrupt
            return super().detect(image)

    with pytest.raises(KeyboardInterrupt):
        looked_at(folder, Wanted(), five=Interrupted())
    journal = folder.parent / "seen.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"key": "half a li')
    rest = FiveDetector()
    assert len(looked_at(folder, Wanted(), five=rest).photos) == 3
    assert rest.asked == 2  # one photo was left, and the first look is not timed
    assert all(json.loads(line) for line in journal.read_text().splitlines())


def test_a_score_that_is_no_number_is_refused(folder: Path) -> None:
    class Broken(FiveDetector):
        def detect(self, image: Image) -> list[Detection]:
            return [Detection(np.array([0, 0, 9, 9], np.float32), math.nan)]

    with pytest.raises(EvaluationError, match=r"a score that is no number"):
        looked_at(folder, Wanted(), five=Broken())


def test_a_journal_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "seen.jsonl"
    for content in ("my notes\n", '{"format": "maskwise-journal"}\n', "[]\n", "notes"):
        path.write_text(content)
        for anew in (False, True):
            with pytest.raises(ConfigurationError, match=r"delete it, or name another folder"):
                Journal(path, KIND, anew=anew)
        assert path.read_text() == content
    path.unlink()
    Journal(path, "points").__exit__(None, None, None)
    with pytest.raises(ConfigurationError):
        Journal(path, KIND)


def test_anew_forgets(tmp_path: Path) -> None:
    path = tmp_path / "out" / "seen.jsonl"
    with Journal(path, KIND) as journal:
        journal.add("a", 1)
    with Journal(path, KIND) as journal:
        assert journal.get("a") == 1
    with Journal(path, KIND, anew=True) as journal:
        assert journal.get("a") is None
        journal.add("b", [2])
    with Journal(path, KIND) as journal:
        assert (journal.get("a"), journal.get("b")) == (None, [2])


def test_unsure_and_small_boxes_of_a_teacher_are_ignored() -> None:
    def box(height: float, score: float) -> Detection:
        return Detection(np.array([0, 0, 20, height], np.float32), score)

    found = [box(40, 0.9), box(40, 0.79), box(31, 0.9), box(32, 0.8)]
    faces = from_teacher(found, (100, 100), least_score=0.8, least_px=32)
    assert [face.ignored for face in faces] == [False, True, True, False]
    outside = Detection(np.array([200, 0, 220, 40], np.float32), 0.9)
    assert from_teacher([outside], (100, 100), least_score=0.8, least_px=32) == []


def test_seen_comes_back_from_json() -> None:
    seen = Seen(9, 8, (Detection(np.array([1, 2, 3, 4.5], np.float32), 0.25),), 1.5)
    back = Seen.from_json(json.loads(json.dumps(seen.to_json())))
    assert back.to_json() == seen.to_json()
    assert back.faces[0].landmarks is None


@pytest.mark.parametrize(
    ("height", "band"),
    [(0, "under 16 px"), (16, "16-32 px"), (31.9, "16-32 px"), (9e9, "128 px and more")],
)
def test_bands(height: float, band: str) -> None:
    assert band_of(height) == band


def test_the_folder_holds_page_lists_tables_and_sheets(folder: Path, tmp_path: Path) -> None:
    looked = looked_at(folder, taught(WearTeller(FakeMaskClassifier())))
    found = [of(looked, "five"), of(looked, "bare")]
    out = tmp_path / "out"
    about = About(folder, "maskwise evaluate", "the truth <b>", {"iou": 0.5}, {"x.png": "x & y"})
    written = write_detection(found, out, about)
    assert {path.relative_to(out).as_posix() for path in written.files} == {
        *("index.html", "detection.json", "misses.jsonl", "extra.jsonl"),
        *("tables/side-by-side.csv", "tables/recall.csv", "tables/precision.csv"),
        "sheets/misses-bare-1.png",
    }
    (miss,) = [json.loads(line) for line in (out / "misses.jsonl").read_text().splitlines()]
    assert (miss["detector"], miss["photo"], miss["wear"]) == ("bare", "masked.png", "masked")
    page = (out / "index.html").read_text("utf-8")
    assert "the truth &lt;b&gt;" in page
    assert "x &amp; y" in page
    assert "data:image/jpeg" in page
    content = json.loads((out / "detection.json").read_text())
    assert content["detectors"][1]["recall"]["masked"]["all"]["count"] == 0
    check_folder(out)  # it is ours
    write_detection(found[:1], out, about, thumbnails=False)
    assert not list((out / "sheets").iterdir())  # of other figures
    assert "data:image" not in (out / "index.html").read_text("utf-8")


def test_photos_that_went_away_have_no_thumbnail(folder: Path, tmp_path: Path) -> None:
    looked = looked_at(folder, taught())
    (folder / "masked.png").unlink()
    about = About(folder, "", "", {}, {})
    written = write_detection([of(looked, "bare")], tmp_path / "out", about)
    assert list(written.not_shown) == ["masked.png"]


def test_a_page_of_somebody_elses_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html>mine</html>")
    with pytest.raises(ConfigurationError, match="not written by maskwise"):
        check_folder(tmp_path)
    with pytest.raises(ConfigurationError, match="is a file"):
        check_folder(tmp_path / "index.html" / "below")


def test_rates_without_trials_are_no_nan(folder: Path) -> None:
    file = folder.parent / "boxes.csv"
    file.write_text("file,x1,y1,x2,y2\nbare.png,,,,\n")
    looked = looked_at(folder, Wanted(boxes=read_boxes(file, NAMES)))
    content = figures_json(of(looked, "five"))
    assert content["recall"]["all"]["all"]["share"] is None
    assert math.isclose(content["precision"]["all"]["share"], 0.0)
    json.dumps(content, allow_nan=False)
    write_detection([of(looked, "five")], folder.parent / "out", About(folder, "", "", {}, {}))
