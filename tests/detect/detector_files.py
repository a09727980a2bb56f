"""Small ONNX files with the inputs and outputs of our detectors, which find coloured rectangles.

A face is a rectangle of one colour (strength, 255, 0). In every cell the network measures how
much of it is covered (green minus blue), how strongly (red minus blue), and how many covered cells
follow one another to each of the four sides. So the box of every cell that lies in a rectangle is
that rectangle, whatever its size; the score is its strength. The five points lie at SHARES of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from maskwise.types import F32, U8

Family = Literal["maskwise", "scrfd", "yunet"]

_KINDS: Final[dict[Family, tuple[str, ...]]] = {
    "maskwise": ("score", "box", "points"),
    "scrfd": ("score", "bbox", "kps"),
    "yunet": ("cls", "obj", "bbox", "kps"),
}

SHARES: Final = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
"""(x, y) of the points, as shares of the rectangle's width and height."""

REACH: Final = {"maskwise": 1280, "scrfd": 640, "yunet": 640}  # px that it sees to each side


def painted(canvas: U8, box: Sequence[int], strength: int = 255) -> U8:
    """``canvas`` with a face that covers the columns x1..x2-1 and rows y1..y2-1 of ``box``."""
    x1, y1, x2, y2 = box
    canvas[y1:y2, x1:x2] = (strength, 255, 0)
    return canvas


def grey(height: int, width: int) -> U8:
    """(H, W, 3) uint8 without a face."""
    return np.full((height, width, 3), 128, np.uint8)


def points_of(box: npt.ArrayLike) -> F32:
    """(5, 2) px: where the network has the points of a rectangle."""
    corners = np.asarray(box, np.float64).reshape(2, 2)
    return np.asarray(corners[0] + SHARES * (corners[1] - corners[0]), np.float32)


def write(
    path: Path,
    family: Family,
    *,
    points: bool = True,
    strides: Sequence[int] = (8, 16, 32),
    anchors: int | None = None,
    fixed: tuple[int, int] | None = None,
    batched: bool = True,
    names: Sequence[str] | None = None,
    scales: Sequence[float] | None = None,
) -> Path:
    """``path``, with such a network in it.

    anchors: of each cell; by default 2 with three strides of SCRFD's, else 1. Every second one
    scores a quarter as much and has its box twice as far away. fixed: width and height of the only
    input. batched: outputs of (1, N, C), else (N, C), as insightface's older files. names: of
    the outputs. scales: a factor for the scores of each stride.
    """
    graph = _Graph(family)
    anchors = anchors or (2 if family == "scrfd" and len(strides) == 3 else 1)
    kinds = _KINDS[family] if points else _KINDS[family][:-1]
    heads = {
        stride: graph.heads(stride, factor)
        for stride, factor in zip(strides, scales or [1.0] * len(strides), strict=True)
    }
    outputs = []
    for kind in kinds:
        for stride in strides:
            made = [heads[stride][kind]]
            if anchors == 2:
                made.append(graph.op("Mul", made[0], graph.number(0.25 if kind == "score" else 2)))
            wide = {"bbox": 4, "box": 4, "kps": 10, "points": 10}.get(kind, 1)
            outputs.append(graph.listed(made, wide, f"{kind}_{stride}", batched))
    if names is not None:
        outputs = [
            graph.op("Identity", old, name=new) for old, new in zip(outputs, names, strict=True)
        ]
    given = "image" if family == "maskwise" else "input"
    width, height = fixed or ("width", "height")
    shape = [None] * (3 if batched else 2)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            family,
            [helper.make_tensor_value_info(given, TensorProto.FLOAT, [1, 3, height, width])],
            [helper.make_tensor_value_info(one, TensorProto.FLOAT, shape) for one in outputs],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    onnx.save(model, path)
    return path


class _Graph:
    """Nodes and weights under way."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def op(self, kind: str, *inputs: str, name: str | None = None, **options: Any) -> str:
        name = name or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **options))
        return name

    def tensor(self, values: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def number(self, value: float) -> str:
        return self.tensor([value])

    def heads(self, stride: int, factor: float) -> dict[str, str]:
        """(1, C, h, w) of each kind."""
        # Input channels are R, G, B, and B, G, R for YuNet; all are undone to 0..1.
        red, blue = (2, 0) if self.family == "yunet" else (0, 2)
        unit = 128 / 255 if self.family == "scrfd" else 1 / 255
        mix = np.zeros((2, 3, 1, 1))
        mix[0, red], mix[1, 1], mix[:, blue] = unit, unit, -unit
        given = "image" if self.family == "maskwise" else "input"
        signal = self.op("Relu", self.op("Conv", given, self.tensor(mix)))
        cells = self.op(
            "AveragePool", signal, kernel_shape=[stride, stride], strides=[stride, stride]
        )
        strength = self.op("Slice", cells, *self._span(0, 1))
        covered = self.op("Slice", cells, *self._span(1, 2))
        reach = REACH[self.family] // stride
        ones = self.tensor(np.ones((1, 1, 1, reach))), self.tensor(np.ones((1, 1, reach, 1)))
        # From a cell's upper left corner: the cells before it, and those from itself on.
        left = self.op("Conv", covered, ones[0], pads=[0, reach, 0, 0])
        top = self.op("Conv", covered, ones[1], pads=[reach, 0, 0, 0])
        right = self.op("Conv", covered, ones[0], pads=[0, 0, 0, reach - 1])
        bottom = self.op("Conv", covered, ones[1], pads=[0, 0, reach - 1, 0])
        left = self.op("Slice", left, *self._span(0, -1, axis=3))
        top = self.op("Slice", top, *self._span(0, -1, axis=2))
        away = self.op("Concat", left, top, right, bottom, axis=1)
        ways = np.zeros((10, 4, 1, 1))
        for i, (x, y) in enumerate(SHARES):
            ways[2 * i, [0, 2], 0, 0] = x - 1, x
            ways[2 * i + 1, [1, 3], 0, 0] = y - 1, y
        # 1 where a cell is all covered, 0 from 95 % down: other cells' boxes are not exact.
        inside = self.op("Mul", covered, self.number(20))
        inside = self.op("Relu", self.op("Sub", inside, self.number(19)))
        score = self.op("Mul", self.op("Mul", strength, inside), self.number(factor))
        made = {"score": score, "bbox": away, "kps": self.op("Conv", away, self.tensor(ways))}
        if self.family == "scrfd":
            return made
        if self.family == "maskwise":  # from the cell's centre
            half = self.tensor(np.array([0.5, 0.5, -0.5, -0.5]).reshape(1, 4, 1, 1))
            box = self.op("Relu", self.op("Add", away, half))
            return {
                "score": score,
                "box": box,
                "points": self.op("Sub", made["kps"], self.number(0.5)),
            }
        # Centre and logarithm of the size; the score is the root of a product of two, of which
        # one may be larger than 1.
        middle, sides = np.zeros((2, 4, 1, 1)), np.zeros((2, 4, 1, 1))
        middle[[0, 1], [0, 1]], middle[[0, 1], [2, 3]] = -0.5, 0.5
        sides[[0, 1], [0, 1]] = sides[[0, 1], [2, 3]] = 1
        size = self.op("Conv", away, self.tensor(sides))
        size = self.op("Log", self.op("Max", size, self.number(1e-3)))
        centre = self.op("Conv", away, self.tensor(middle))
        made["bbox"] = self.op("Concat", centre, size, axis=1)
        made["cls"] = self.op("Mul", score, score)
        made["obj"] = self.op("Mul", inside, self.number(1.5))
        return made

    def listed(self, made: list[str], wide: int, name: str, batched: bool) -> str:
        """(1, C, h, w) of each anchor -> (1, h * w * anchors, C)."""
        joined = self.op("Concat", *made, axis=1)
        rows = self.op("Transpose", joined, perm=[0, 2, 3, 1])
        shape = self.tensor([1, -1, wide] if batched else [-1, wide], np.int64)
        return self.op("Reshape", rows, shape, name=name)

    def _span(self, start: int, end: int, axis: int = 1) -> tuple[str, str, str]:
        return (
            self.tensor([start], np.int64),
            self.tensor([end], np.int64),
            self.tensor([axis], np.int64),
        )
