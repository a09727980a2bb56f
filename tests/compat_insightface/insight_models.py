"""Small ONNX files with the contracts of insightface's packs, and pictures that they see faces in.

onnx and NumPy only: record_insightface.py uses them where maskwise is not installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)
ANCHORS = 2
DIM = 512

# Distances to a box's sides and the ways to the five points, in cells; the points as in a face.
_BOX = (2.2, 2.6, 2.2, 2.6)
_POINTS = (-1.0, -0.9, 1.0, -0.9, 0.05, 0.2, -0.8, 1.2, 0.85, 1.25)


def picture(seed: int, height: int = 300, width: int = 420) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8: blotches of colour, the same for the same seed on every machine."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 40 + 2, width // 40 + 2, 3)).astype(np.float64)
    y, x = np.arange(height) / 40, np.arange(width) / 40
    yi, xi = y.astype(int), x.astype(int)
    fy, fx = (y - yi)[:, None, None], (x - xi)[None, :, None]
    top = coarse[yi][:, xi] * (1 - fx) + coarse[yi][:, xi + 1] * fx
    low = coarse[yi + 1][:, xi] * (1 - fx) + coarse[yi + 1][:, xi + 1] * fx
    grain = rng.integers(-6, 7, (height, width, 3))
    return np.clip(np.rint(top * (1 - fy) + low * fy) + grain, 0, 255).astype(np.uint8)


def write_detector(path: Path, *, points: bool = True, size: int | None = None) -> Path:
    """A file with SCRFD's inputs and outputs, that takes blotches of some colours for faces.

    size: the only one that it takes, px a side.
    """
    nodes, weights, outputs = [], [], []
    heads = [("score", 1), ("bbox", 4)] + ([("kps", 10)] if points else [])
    for stride in STRIDES:
        nodes.append(
            helper.make_node(
                "AveragePool",
                ["input"],
                [f"pool{stride}"],
                kernel_shape=[stride, stride],
                strides=[stride, stride],
            )
        )
        for seed, (head, width) in enumerate(heads):
            weight, bias = _head(head, width, seed * 100 + stride)
            weights += [_tensor(f"{head}{stride}_w", weight), _tensor(f"{head}{stride}_b", bias)]
            name = f"{head}_{stride}"
            nodes += [
                helper.make_node(
                    "Conv",
                    [f"pool{stride}", f"{head}{stride}_w", f"{head}{stride}_b"],
                    [f"{name}c"],
                ),
                helper.make_node("Transpose", [f"{name}c"], [f"{name}t"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"{name}t", f"shape{width}"], [f"{name}r"]),
                helper.make_node("Sigmoid" if head == "score" else "Relu", [f"{name}r"], [name])
                if head != "kps"
                else helper.make_node("Identity", [f"{name}r"], [name]),
            ]
    for head, width in heads:
        weights.append(_tensor(f"shape{width}", np.array([-1, width], np.int64)))
        outputs += [
            helper.make_tensor_value_info(f"{head}_{stride}", TensorProto.FLOAT, ["n", width])
            for stride in STRIDES
        ]
    sides: list[Any] = ["h", "w"] if size is None else [size, size]
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, *sides])
    return _save(path, nodes, given, outputs, weights)


def write_encoder(path: Path, *, size: int = 112, inside: bool = False) -> Path:
    """A file with the contract of insightface's recognition: (N, 3, size, size) -> (N, 512).

    inside: it normalises the pixels itself, as the older ones do.
    """
    rng = np.random.default_rng(7)
    weights = [
        _tensor("w1", rng.normal(0, 0.08, (8, 3, 8, 8)).astype(np.float32)),
        _tensor("b1", rng.normal(0, 0.1, 8).astype(np.float32)),
        _tensor("w2", rng.normal(0, 0.05, (8 * (size // 8) ** 2, DIM)).astype(np.float32)),
        _tensor("b2", rng.normal(0, 0.1, DIM).astype(np.float32)),
    ]
    nodes = []
    first = "data"
    if inside:
        weights += [_tensor("mean", np.float32(127.5)), _tensor("scale", np.float32(1 / 127.5))]
        nodes += [
            helper.make_node("Sub", ["data", "mean"], ["less"], name="_minusscalar0"),
            helper.make_node("Mul", ["less", "scale"], ["scaled"], name="_mulscalar0"),
        ]
        first = "scaled"
    nodes += [
        helper.make_node("Conv", [first, "w1", "b1"], ["c"], strides=[8, 8], name="Conv_0"),
        helper.make_node("Relu", ["c"], ["r"], name="Relu_0"),
        helper.make_node("Flatten", ["r"], ["f"], name="Flatten_0"),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["embedding"], name="Gemm_0"),
    ]
    given = helper.make_tensor_value_info("data", TensorProto.FLOAT, ["N", 3, size, size])
    out = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", DIM])
    return _save(path, nodes, given, [out], weights)


def write_other(path: Path, size: int, numbers: int, name: str = "data") -> Path:
    """A file with the shape of genderage (96) or the landmark models (192)."""
    nodes = [
        helper.make_node("GlobalAveragePool", [name], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w"], ["out"]),
    ]
    given = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3, size, size])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N", numbers])
    return _save(path, nodes, given, [out], [_tensor("w", np.zeros((3, numbers), np.float32))])


def write_pack(folder: Path) -> Path:
    """What buffalo_l holds: a detector, an encoder, and three files for other things."""
    folder.mkdir(parents=True, exist_ok=True)
    write_other(folder / "1k3d68.onnx", 192, 3309)
    write_other(folder / "2d106det.onnx", 192, 212)
    write_detector(folder / "det_10g.onnx")
    write_other(folder / "genderage.onnx", 96, 3)
    write_encoder(folder / "w600k_r50.onnx")
    return folder


def _head(kind: str, width: int, seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    rng = np.random.default_rng(seed)
    channels = ANCHORS * width
    if kind == "score":
        weight = rng.normal(0, 3.5, (channels, 3, 1, 1))
        # Black, -1 in all colours, is no face.
        return weight, weight.sum(axis=(1, 2, 3)) + rng.normal(-11, 0.3, channels)
    typical = np.tile(_BOX if kind == "bbox" else _POINTS, ANCHORS)
    return rng.normal(0, 0.25, (channels, 3, 1, 1)), typical + rng.normal(0, 0.05, channels)


def _tensor(name: str, value: npt.NDArray[Any]) -> Any:
    array = np.asarray(value)
    kept = array if array.dtype == np.int64 else array.astype(np.float32)
    return numpy_helper.from_array(kept, name)


def _save(path: Path, nodes: Any, given: Any, outputs: Any, weights: Any) -> Path:
    graph = helper.make_graph(nodes, "g", [given], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path
