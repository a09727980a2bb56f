"""Chips to learn from: the same from the same seed, fresh each epoch, masks where they belong."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from maskwise.align import DLIB_CHIP, FIVE_CHIP

FOLDER = Path(__file__).resolve().parents[2] / "training" / "encoder"


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    before = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    names = ("chips", "draw", "data")
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    sys.path[:] = before


@pytest.fixture(scope="module")
def faces(parts: SimpleNamespace) -> object:
    """Twelve grey pictures with a dot at each landmark; the last four are held back.

    dlib's points and the detector's disagree by a few px, as they do.
    """
    data, points, five = [], [], []
    rng = np.random.default_rng(3)
    for k in range(12):
        picture = np.full((200, 190, 3), 90 + 10 * k, np.uint8)
        corner = rng.uniform(15, 30, 2)
        where = (DLIB_CHIP.reference + corner).astype(np.float32)
        for x, y in where:
            cv2.circle(picture, (round(float(x)), round(float(y))), 3, (250, 20, 20), -1)
        data.append(cv2.imencode(".webp", picture)[1].ravel())
        points.append(where)
        five.append((FIVE_CHIP.reference + corner + (2, -3)).astype(np.float32))
    starts = np.cumsum([0, *map(len, data)])
    people = np.array([0, 0, 0, 1, 1, 2, 3, 4, 5, 5, 6, 6])
    names = np.array([f"p{p}/{k}" for k, p in enumerate(people)])
    places = (np.array(points), np.array(five))
    return parts.chips.Faces(
        np.concatenate(data), starts, *places, people, names, np.arange(12) < 8
    )


def drawn(parts: SimpleNamespace, faces: object, workers: int, epoch: int) -> np.ndarray:
    drawers = parts.data.Drawers(faces, 7, 4, workers)
    tasks = [parts.data.Task(epoch, k, np.arange(4 * k, 4 * k + 4)) for k in range(3)]
    try:
        made = [np.stack([b.bare, b.masked]) for b in drawers.batches(tasks)]
    finally:
        drawers.close()
    return np.concatenate(made, axis=1)


def test_chips_hang_on_seed_and_epoch_not_on_the_workers(
    parts: SimpleNamespace, faces: object
) -> None:
    one = drawn(parts, faces, 1, 0)
    assert np.array_equal(one, drawn(parts, faces, 3, 0))
    other = drawn(parts, faces, 3, 1)
    assert all((a != b).any() for a, b in zip(one[1], other[1], strict=True))


def test_more_batches_than_slots_come_in_order(parts: SimpleNamespace, faces: object) -> None:
    drawers = parts.data.Drawers(faces, 7, 2, 2)
    tasks = [parts.data.Task(0, k, np.array([k % 12])) for k in range(17)]
    seen = [int(b.task.photos[0]) for b in drawers.batches(iter(tasks))]
    drawers.close()
    assert seen == [k % 12 for k in range(17)]


def test_an_error_of_a_worker_is_told(parts: SimpleNamespace, faces: object) -> None:
    drawers = parts.data.Drawers(faces, 7, 2, 1)
    with pytest.raises(RuntimeError, match="IndexError"):
        list(drawers.batches([parts.data.Task(0, 0, np.array([99]))]))
    drawers.close()


def test_a_held_back_bare_chip_is_the_aligned_photo(parts: SimpleNamespace, faces: object) -> None:
    rng = np.random.default_rng(0)
    pixels, to_chip = faces.pixels(2), faces.to_chip(2)
    plain = parts.draw.PLAIN
    bare, _, style = parts.draw.pair(
        (pixels, faces.points[2], to_chip), rng, plain, [parts.draw.design(rng)], "drawn"
    )
    size = (FIVE_CHIP.size, FIVE_CHIP.size)
    assert style == "drawn"
    assert np.array_equal(bare, cv2.warpAffine(pixels, to_chip, size))


def test_the_student_s_chips_lie_by_the_detector_s_points_and_the_stock_one_s_by_dlib_s(
    parts: SimpleNamespace, faces: object
) -> None:
    few = faces.taken(np.array([2, 5]))
    for k, index in enumerate((2, 5)):
        student, stock = faces.to_chip(index), faces.to_stock_chip(index)
        on_chip = [np.column_stack([p[index], np.ones(5)]) for p in (faces.five, faces.points)]
        np.testing.assert_allclose(on_chip[0] @ student.T, FIVE_CHIP.reference, atol=1e-3)
        np.testing.assert_allclose(on_chip[1] @ stock.T, DLIB_CHIP.reference, atol=1e-3)
        np.testing.assert_allclose((student - stock)[:, 2], (-2, 3), atol=1e-3)
        assert np.array_equal(few.to_chip(k), student)
        assert np.array_equal(few.to_stock_chip(k), stock)


def test_both_styles_cover_the_mouth_and_leave_the_eyes(parts: SimpleNamespace) -> None:
    chip = np.full((150, 150, 3), 128, np.uint8)
    points = DLIB_CHIP.reference
    eyes, mouth = points[:4].mean(0).round().astype(int), (75, 108)
    hit = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        flat = parts.draw.flat_mask(chip, points, rng)
        hit += bool((flat[mouth[1], mouth[0]] != 128).any())
        assert (flat[eyes[1] - 3, eyes[0]] == 128).all()
    assert hit >= 36


def test_an_epoch_has_few_photos_of_each_and_pairs_side_by_side(parts: SimpleNamespace) -> None:
    people = np.repeat(np.arange(30), 12)
    order = parts.data.order(people, 1, 0)
    assert len(np.unique(order)) == len(order) == 30 * 8
    assert np.array_equal(people[order[::2]], people[order[1::2]])
    assert not np.array_equal(order, parts.data.order(people, 1, 1))


def test_a_chip_that_is_turned_keeps_its_middle(parts: SimpleNamespace) -> None:
    found = parts.draw.moved(np.eye(2, 3), (3.0, -2.0), 30.0, 0.2)
    assert np.allclose(found @ [75, 75, 1], [78, 73])
    assert np.allclose(np.hypot(*found[:, 0]), np.exp(0.2))
