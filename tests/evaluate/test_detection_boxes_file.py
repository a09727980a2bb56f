"""Files of boxes: CSV and JSON lines, and what is wrong with them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from maskwise.errors import EvaluationError
from maskwise.evaluate.detection.boxes_file import POINTS, SIDES, BoxesFile, read_boxes

PHOTOS = ["a.jpg", "b/c.png", "empty.jpg"]


def read(tmp_path: Path, text: str) -> BoxesFile:
    path = tmp_path / "boxes.txt"
    path.write_text(text, "utf-8")
    return read_boxes(path, PHOTOS)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_the_examples_of_the_page_are_read(tmp_path: Path, kind: str) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "detection-evaluation.md"
    if not page.exists():
        pytest.skip("needs docs/detection-evaluation.md, which only a checkout holds")
    found = re.search(rf"```{kind}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert found is not None
    path = tmp_path / "boxes"
    path.write_text(found[1], "utf-8")
    boxes = read_boxes(path, ["party/1.jpg", "party/2.jpg", "street.jpg"])
    masked = [face.masked for faces in boxes.photos.values() for face in faces]
    assert masked == ([True, False] if kind == "csv" else [True])


def test_every_column_is_on_the_page() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "detection-evaluation.md"
    if not page.exists():
        pytest.skip("needs docs/detection-evaluation.md, which only a checkout holds")
    text = page.read_text("utf-8")
    for column in ("file", *SIDES, *POINTS, "masked", "ignored"):
        assert f"`{column}`" in text


def test_csv_with_and_without_mask_and_photos_without_faces(tmp_path: Path) -> None:
    boxes = read(
        tmp_path,
        "file,x1,y1,x2,y2,masked\na.jpg,1,2,30,40.5,yes\na.jpg,50,2,70,40,\nempty.jpg,,,,,\n",
    )
    one, two = boxes.photos["a.jpg"]
    assert one.box.tolist() == [1, 2, 30, 40.5]
    assert (one.masked, two.masked) == (True, None)
    assert boxes.photos["empty.jpg"] == ()
    assert boxes.faces("empty.jpg", (9, 9)) == []
    assert boxes.faces("b/c.png", (9, 9)) is None  # not named: nothing is known


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_and_any_order(tmp_path: Path, delimiter: str) -> None:
    rows = [["Masked", "x2", "file", "y2", "x1", "y1"], ["0", "3", "b/c.png", "4", "1", "2"]]
    boxes = read(tmp_path, "\n".join(delimiter.join(row) for row in rows))
    (face,) = boxes.photos["b/c.png"]
    assert (face.box.tolist(), face.masked) == ([1, 2, 3, 4], False)


def test_json_lines_with_points(tmp_path: Path) -> None:
    points = [[1, 2], [3, 2], [2, 3], [1, 4], [3, 4]]
    rows = [
        {"file": "a.jpg", "box": [0, 0, 5, 5], "points": points, "masked": True},
        {"file": "a.jpg", "x1": 6, "y1": 0, "x2": 8, "y2": 5, "ignored": True},
        {"file": "b/c.png"},
    ]
    boxes = read(tmp_path, "\n".join(map(json.dumps, rows)) + "\n\n")
    one, two = boxes.photos["a.jpg"]
    assert one.points is not None
    assert one.points.points.tolist() == points
    assert one.points.scheme == "five"
    assert (one.ignored, two.ignored) == (False, True)
    assert boxes.photos["b/c.png"] == ()


def test_csv_has_the_same_points(tmp_path: Path) -> None:
    text = ",".join(("file", "x1", "y1", "x2", "y2", *POINTS))
    boxes = read(tmp_path, f"{text}\na.jpg,0,0,9,9,1,2,3,4,5,6,7,8,9,9\n")
    points = boxes.photos["a.jpg"][0].points
    assert points is not None
    assert points.points[4].tolist() == [9, 9]


def test_boxes_are_cut_off_at_the_photo_and_refused_outside_of_it(tmp_path: Path) -> None:
    boxes = read(tmp_path, "file,x1,y1,x2,y2\na.jpg,-9,-9,20,20\nb/c.png,50,1,60,9\n")
    faces = boxes.faces("a.jpg", (10, 10))
    assert faces is not None
    assert faces[0].box.tolist() == [-0.5, -0.5, 9.5, 9.5]
    with pytest.raises(EvaluationError, match=r"line 3: the box 50, 1, 60, 9 lies outside"):
        boxes.faces("b/c.png", (50, 40))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no row"),
        ("file,x1,y1,x2,y2\n", "holds no row"),
        ("file,x,y,w,h\na.jpg,1,2,3,4\n", r"line 1: no column x1, y1, x2, y2"),
        ("file,x1,y1,x2,y2\na.jpg,1,2,3\n", r"line 2: expected 5 cells, got 4"),
        ("file,x1,y1,x2,y2\na.jpg,1,2,3,nan\n", r"line 2: y2: expected a number"),
        ("file,x1,y1,x2,y2\na.jpg,1,2,3,\n", r"line 2: y2: .* got nothing"),
        ("file,x1,y1,x2,y2\na.jpg,1,2,one,4\n", r"line 2: x2: .*'one'"),
        ("file,x1,y1,x2,y2\na.jpg,30,40,10,20\n", r"line 2: the box 30, 40, 10, 20 has no area"),
        ("file,x1,y1,x2,y2\na.jpg,1,2,1,9\n", r"line 2: .* has no area; write x1 < x2"),
        ("file,x1,y1,x2,y2\nz.jpg,1,2,3,4\n", r"not there: z.jpg \(line 2\); write paths below"),
        ("file,x1,y1,x2,y2,masked\na.jpg,1,2,3,4,perhaps\n", r"masked: expected yes or no"),
        ("file,x1,y1,x2,y2\n,1,2,3,4\n", r"line 2: no file"),
        ('{"file": "a.jpg", "box": [1, 2, 3]}', r"line 1: box: expected \[x1"),
        ('{"file": "a.jpg", "box": [1, 2, 3, 4], "points": [[1, 2]]}', r"points: expected five"),
        ('{"file": "a.jpg"}\n{"file"', r"line 2: is no JSON"),
        ('{"file": "a.jpg"}\n[1]', r"line 2: expected an object"),
        ('{"file": "a.jpg", "box": [1, 2, 3, true]}', r"y2: expected a number"),
        ('{"file": "a.jpg", "box": [1, 2, 3, 1e300]}', r"y2: expected a number"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(EvaluationError, match=problem):
        read(tmp_path, text)


def test_no_such_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_boxes(tmp_path / "nowhere.csv", PHOTOS)
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00file")
    with pytest.raises(EvaluationError, match="no UTF-8"):
        read_boxes(tmp_path / "x", PHOTOS)
