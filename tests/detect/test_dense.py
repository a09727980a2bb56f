from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from maskwise.detect import dense
from maskwise.detect.dense import Faces
from maskwise.types import F32


def greedy(boxes: F32, most_iou: float, extra: float, most_covered: float) -> list[int]:
    """One pair after the other, by the definition."""

    def area(box: F32) -> float:
        return float((box[2] - box[0] + extra) * (box[3] - box[1] + extra))

    found: list[int] = []
    for i, box in enumerate(boxes):
        for j in found:
            w = min(box[2], boxes[j][2]) - max(box[0], boxes[j][0]) + extra
            h = min(box[3], boxes[j][3]) - max(box[1], boxes[j][1]) + extra
            inner = max(w, 0) * max(h, 0)
            union = area(box) + area(boxes[j]) - inner
            if inner > most_iou * union or inner > most_covered * area(box):
                break
        else:
            found.append(i)
    return found


def some_boxes(count: int = 30) -> st.SearchStrategy[F32]:
    """(N, 4) of whole px: every share of them is exact."""
    rows = npst.arrays(np.int64, st.tuples(st.integers(0, count), st.just(4)),
                       elements=st.integers(0, 40))  # fmt: skip
    return rows.map(
        lambda r: np.concatenate([r[:, :2], r[:, :2] + r[:, 2:] + 1], axis=1).astype(np.float32)
    )


class TestKept:
    @given(some_boxes(), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from([0, 1]),
           st.sampled_from([0.5, 1.0]))  # fmt: skip
    def test_as_one_pair_after_the_other(
        self, boxes: F32, most_iou: float, extra: int, most_covered: float
    ) -> None:
        kept = dense.kept(boxes.astype(np.float64), most_iou, extra, most_covered)
        assert kept.tolist() == greedy(boxes, most_iou, extra, most_covered)

    def test_the_last_column_may_count(self) -> None:
        # 10 x 10 and 10 x 5 within: 1/2; as 11 x 11 and 11 x 6: 6/11.
        boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]], np.float32)
        assert dense.kept(boxes, 0.5, 0).tolist() == [0, 1]
        assert dense.kept(boxes, 0.5, 1).tolist() == [0]

    def test_a_part_of_a_better_face_goes_but_a_larger_one_stays(self) -> None:
        large, small = [0, 0, 100, 100], [10, 10, 40, 40]
        assert dense.kept(np.float32([large, small]), 0.5, 0, 0.7).tolist() == [0]
        assert dense.kept(np.float32([small, large]), 0.5, 0, 0.7).tolist() == [0, 1]


class TestBestFirst:
    def test_what_is_no_box_is_left_out(self) -> None:
        boxes = np.float32(
            [[0, 0, 5, 5], [0, 0, np.inf, 5], [3, 0, 3, 5], [0, 6, 5, 5], [1, 1, 2, 2]]
        )
        points = np.zeros((5, 5, 2), np.float32)
        points[4, 2] = np.nan
        faces = Faces(boxes, np.float32([0.5, 0.9, 0.9, 0.9, 0.9]), points)
        assert dense.best_first(faces).boxes.tolist() == [[0, 0, 5, 5]]

    def test_equal_scores_keep_their_order(self) -> None:
        boxes = np.float32([[i, 0, i + 1, 1] for i in range(40)])
        faces = dense.best_first(Faces(boxes, np.float32([0.5, 0.7] * 20), None))
        assert faces.boxes[:, 0].tolist() == [*range(1, 40, 2), *range(0, 40, 2)]

    def test_a_network_gone_astray_gives_a_bounded_number(self) -> None:
        boxes = np.float32([[i, 0, i + 1, 1] for i in range(6000)])
        faces = dense.best_first(Faces(boxes, np.linspace(0, 1, 6000, dtype=np.float32), None))
        assert len(faces.scores) == dense.MOST_CANDIDATES == 5000
        assert faces.boxes[0, 0] == 5999


@given(
    npst.arrays(np.float32, (3, 4), elements=st.floats(-50, 50, width=32)),
    st.tuples(st.floats(0.1, 4), st.floats(0.1, 4)),
    st.tuples(st.integers(0, 99), st.integers(0, 99)),
)
def test_there_and_back(boxes: F32, scale: tuple[float, float], shift: tuple[int, int]) -> None:
    points = np.stack([boxes[:, :2]] * 5, axis=1)
    there = np.tile(scale, 2) * boxes + np.tile(shift, 2)
    shown = Faces(np.float32(there), np.ones(3, np.float32), np.float32(points * scale + shift))
    back = shown.moved(scale, shift)
    np.testing.assert_allclose(back.boxes, boxes, atol=2e-3)
    assert back.points is not None
    np.testing.assert_allclose(back.points, points, atol=2e-3)


def test_detections_carry_the_points_where_there_are_some() -> None:
    faces = Faces(np.float32([[0, 0, 5, 6]]), np.float32([0.5]), None)
    assert faces.detections()[0].landmarks is None
    marked = faces._replace(points=np.arange(10, dtype=np.float32).reshape(1, 5, 2))
    landmarks = marked.detections()[0].landmarks
    assert landmarks is not None
    assert landmarks.scheme == "five"
    assert landmarks.points.ravel().tolist() == list(range(10))
    assert dense.joined([faces, faces]).points is None


def test_whole_px_are_cut_towards_zero() -> None:
    boxes = np.float32([[-1.9, 2.9, 3.3, 7.2]])
    assert dense.whole(boxes) == pytest.approx(np.array([[-1, 2, 4, 6]]))
