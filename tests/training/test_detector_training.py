"""How the detector's canvases are made and what it is told of them."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from maskwise.testing.pictures import drawn_face

FOLDER = Path(__file__).resolve().parents[2] / "training" / "detector"


@pytest.fixture(scope="module")
def bring() -> Iterator[Any]:
    """A module of the folder by its name; its names are common, so they go again."""
    before, known = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(FOLDER))

    def load(name: str) -> ModuleType:
        if name in {"compose", "loss", "network", "export"}:
            pytest.importorskip("torch")
        return importlib.import_module(name)

    yield load
    sys.path[:] = before
    for name in set(sys.modules) - known:
        if name in {
            "tiles",
            "packed",
            "empties",
            "compose",
            "loss",
            "network",
            "export",
            "train",
            "label",
        }:
            del sys.modules[name]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four drawn faces of 250 px with labels, one of them in a real mask, and a wrong box."""
    data, faces = [], []
    points = [90, 105, 160, 105, 125, 145, 95, 185, 155, 185]
    for seed in range(4):
        picture = drawn_face(seed, (250, 250), 120).pixels
        data.append(cv2.imencode(".webp", picture)[1].ravel())
        table = np.zeros((16, 16), np.float32)
        table[0] = [65, 50, 185, 215, *points, 1, 1]
        faces.append(table)
    file = tmp_path_factory.mktemp("detector") / "train.npz"
    np.savez(
        file,
        data=np.concatenate(data),
        ends=np.cumsum([len(one) for one in data]),
        faces=np.stack(faces),
        real=np.array([False, False, False, True]),
        taken=np.array([[0, 5, 5, 35, 45]], np.float32),
    )
    return file


def drawn(bring: Any, file: Path, workers: int, turn: int) -> Any:
    tiles = bring("tiles").Tiles(file, masked=2, empty=6, workers=workers, seed=3)
    tiles.begin(turn)
    pixels = tiles.drawn().copy()
    tiles.close()
    return SimpleNamespace(pixels=pixels, layout=tiles.layout)


def test_tiles_hang_on_seed_and_round_not_on_the_workers(bring: Any, packed: Path) -> None:
    one, two = drawn(bring, packed, 1, 0), drawn(bring, packed, 2, 0)
    np.testing.assert_array_equal(one.pixels, two.pixels)
    other = drawn(bring, packed, 1, 1).pixels
    assert (other[:4] == one.pixels[:4]).all()  # bare
    assert any((other[k] != one.pixels[k]).any() for k in (4, 5, 6))


def test_masks_lie_on_faces_without_one_and_leave_the_truth(bring: Any, packed: Path) -> None:
    made = drawn(bring, packed, 1, 0)
    assert made.layout.sources.tolist() == [0, 1, 2, 3] * 3 + [-1] * 6
    for tile in range(4, 12):
        bare = made.pixels[tile % 4]
        changed = (made.pixels[tile] != bare).any(axis=2)
        assert changed.any() == (tile % 4 != 3)
        assert not changed[:40].any()  # far above every face
        np.testing.assert_array_equal(made.layout.faces[tile], made.layout.faces[tile % 4])
    assert (made.layout.faces[12:, :, 14] == 0).all()


def test_what_was_judged_by_eye_says_face_or_none() -> None:
    seen = json.loads((FOLDER / "looked_at.json").read_text())
    rows = [row for some in seen.values() for row in some]
    assert {row[4] for row in rows} == {0, 1}
    assert all(row[0] < row[2] and row[1] < row[3] for row in rows)


def test_mirrored_faces_change_sides(bring: Any) -> None:
    compose, torch = bring("compose"), pytest.importorskip("torch")
    faces = torch.zeros(1, 16, 16)
    faces[0, 0] = torch.tensor([10, 20, 50, 80, 20, 40, 40, 41, 31, 50, 22, 65, 39, 66, 1, 1.0])
    mirror = torch.tensor([[[-2.0, 0], [0, 2]]])
    moved = compose._moved(
        faces,
        mirror,
        torch.tensor([[30.0, 50]]),
        torch.tensor([[100.0, 100]]),
        torch.tensor([-1.0]),
    )[0, 0]
    assert moved[:4].tolist() == [60, 40, 140, 160]
    right, left = moved[4:6].tolist(), moved[6:8].tolist()
    assert right == [80, 82]  # the left eye's place, mirrored
    assert left == [120, 80]


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        ([10, 10, 60, 70], 1),
        ([70, 10, 120, 70], 1),  # six tenths show
        ([-45, 10, 15, 70], 2),  # a quarter
        ([-58, 10, 2, 70], 0),  # next to nothing
        ([10, 10, 16, 18], 2),  # too low to learn
        ([-30, -30, 130, 130], 1),  # a close-up: eyes and nose are there
    ],
)
def test_what_shows_of_a_face_decides(bring: Any, box: list[float], kind: int) -> None:
    compose, torch = bring("compose"), pytest.importorskip("torch")
    table = torch.zeros(1, 16, 16)
    middle = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
    table[0, 0] = torch.tensor([*box, *(middle * 5), 1, 1.0])
    assert compose._judged(table, 100)[0, 0, 14].item() == kind


def test_canvases_hold_their_faces_where_they_say(bring: Any, packed: Path) -> None:
    """A white square in the face's box on black tiles: it must lie in the box of the canvas."""
    compose, tiles, torch = bring("compose"), bring("tiles"), pytest.importorskip("torch")
    layout = tiles.lay_out(bring("packed").load(packed), 0, 1)
    pixels = torch.zeros(len(layout.sources), 250, 250, 3, dtype=torch.uint8)
    pixels[:4, 50:215, 65:185] = 255
    composer = compose.Composer(pixels, torch.from_numpy(layout.faces), torch.ones(5), 0)
    composer._spoilt = lambda images: images
    made = composer.batch(24, 224)
    assert made.images.shape == (24, 3, 224, 224)
    seen = 0
    for image, boxes, kinds in zip(made.images, made.boxes, made.kinds, strict=True):
        for box in boxes[kinds == 1]:
            x, y = ((box[:2] + box[2:]) / 2).round().int().tolist()
            if 0 <= x < 224 and 0 <= y < 224:
                seen += 1
                assert image[:, y, x].min() > 250
    assert seen > 30


def test_saying_the_truth_costs_less(bring: Any) -> None:
    compose, loss, torch = bring("compose"), bring("loss"), pytest.importorskip("torch")
    at = loss.cells(128, torch.device("cpu"))
    box = torch.tensor([[[40.0, 30, 88, 98]]])
    points = torch.tensor([[[[50.0, 50], [78, 50], [64, 65], [52, 82], [76, 82]]]])
    truth = compose.Canvases(
        torch.zeros(1), box, points, torch.tensor([[1.0]]), torch.tensor([[1.0]])
    )
    sides = torch.cat([at.centres - box[0, :, :2], box[0, :, 2:] - at.centres], 1)
    near = (sides > 0).all(1) & (at.strides > 8)
    ways = (points[0] - at.centres[:, None]) / at.strides[:, None, None]
    places = torch.cat([(sides / at.strides[:, None]).clamp(min=1e-2).log(), ways.flatten(1)], 1)
    scores = torch.where(near, 6.0, -6.0)

    def cost(places: Any, scores: Any) -> tuple[float, dict[str, float]]:
        total, parts = loss.loss([(scores[None], places[None])], truth, at)
        return float(total), parts

    right, parts = cost(places, scores)
    assert parts["box"] < 1e-3
    assert parts["points"] < 1e-6
    assert cost(places, -scores)[0] > right + 1
    assert cost(places + 0.3, scores)[0] > right + 0.1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_exported_file_says_what_the_network_says(bring: Any, tmp_path: Path) -> None:
    export, network = bring("export"), bring("network")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = network.Network(stem=(4, 8), widths=(16, 16, 16), depths=(1, 1, 1), neck=16).eval()
    file = tmp_path / "a.onnx"
    export.export(net, file)
    assert max(export.difference(net, file).values()) < 5e-3
