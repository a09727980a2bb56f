"""Small ONNX files for tests of the store."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper


def write_onnx(path: Path) -> Path:
    """A graph of one node."""
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 8, 8]) for n in "xy"]
    node = helper.make_node("Relu", ["x"], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path
