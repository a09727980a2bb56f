"""The evaluator, on small predictors of any size: dlib reads the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from predictor_files import predictor

from maskwise.landmarks import cascade, shape_predictor_file
from maskwise.landmarks.cascade import Cascade, predict_points
from maskwise.testing.pictures import drawn_face
from maskwise.types import F64

SHAPES = [
    {"points": 2, "levels": 1, "trees": 1, "splits": 1, "pixels": 1},
    {"points": 5, "levels": 3, "trees": 9, "splits": 15, "pixels": 40},
    {"points": 11, "levels": 4, "trees": 6, "splits": 7, "pixels": 30},
    {"points": 68, "levels": 3, "trees": 20, "splits": 3, "pixels": 100},
    {"points": 194, "levels": 2, "trees": 4, "splits": 31, "pixels": 300},
]


def made(path: Path) -> Cascade:
    w = shape_predictor_file.read(path)
    return Cascade.of(
        mean=w.mean,
        pairs=w.pairs,
        thresholds=w.thresholds,
        leaves=w.leaves,
        anchors=w.anchors,
        deltas=w.deltas,
    )


@pytest.fixture
def boxes() -> F64:
    """Forty, some over the edge of a picture of 240 px and some beyond."""
    rng = np.random.default_rng(2)
    corners = rng.integers(-60, 220, (40, 2))
    return np.hstack([corners, corners + rng.integers(2, 150, (40, 2))]).astype(np.float64)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_the_points_are_dlibs(
    shape: dict[str, int], seed: int, boxes: F64, dlib: Any, tmp_path: Path
) -> None:
    path = tmp_path / "some.dat"
    path.write_bytes(predictor(**shape, seed=seed).data)
    theirs = dlib.shape_predictor(str(path))
    image = drawn_face(seed)
    expected = [
        [(p.x, p.y) for p in theirs(image.pixels, dlib.rectangle(*map(int, box))).parts()]
        for box in boxes
    ]
    found = cascade.rounded(predict_points(made(path), image.pixels, boxes))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_leaves_are_added_in_turn_in_float32(shape: dict[str, int], tmp_path: Path) -> None:
    """What dlib does, and what ``np.add.reduce`` does along the first axis."""
    rng = np.random.default_rng(0)
    for faces in (1, 3, 16):
        steps = rng.normal(size=(501, faces, 2 * shape["points"])).astype(np.float32)
        in_turn = np.cumsum(steps, axis=0)[-1]
        np.testing.assert_array_equal(np.add.reduce(steps, axis=0), in_turn)


def test_batches_change_nothing(
    boxes: F64, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some.dat"
    path.write_bytes(predictor(points=9, levels=4, trees=30, splits=7, pixels=60).data)
    pixels = drawn_face(1).pixels
    whole = predict_points(made(path), pixels, boxes)
    for size in (1, 7, 64):
        monkeypatch.setattr(cascade, "_BATCH", size)
        np.testing.assert_allclose(predict_points(made(path), pixels, boxes), whole, atol=1e-4)


def test_thresholds_are_rounded_down() -> None:
    w = predictor().weights
    thresholds = np.array([-3.5, -3.0, 0.99, 7.0, 1e9, -1e9] * 3, np.float32).reshape(2, 3, 3)
    kept = Cascade.of(
        mean=w.mean,
        pairs=w.pairs,
        thresholds=thresholds,
        leaves=w.leaves,
        anchors=w.anchors,
        deltas=w.deltas,
    ).thresholds
    assert kept.ravel()[:6].tolist() == [-4, -3, 0, 7, 256, -256]
