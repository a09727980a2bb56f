"""Small ONNX files with the inputs and outputs of real encoders, and what they must give.

A file takes the mean of each of 4 x 4 squares of each channel, times a fixed matrix, plus a fixed
bias. ``expected`` computes the same with NumPy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from maskwise.types import F64, U8

GRID = 4
Inside = Literal["", "mxnet", "unnamed", "divided", "unit", "channels"]
TYPES = {
    "float": TensorProto.FLOAT,
    "half": TensorProto.FLOAT16,
    "uint8": TensorProto.UINT8,
    "int64": TensorProto.INT64,
}


def weights(dim: int, seed: int = 0) -> tuple[F64, F64]:
    """(48, D) and (D,) float64 that float32 holds exactly."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(3 * GRID * GRID, dim)).astype(np.float32).astype(np.float64),
        rng.normal(size=dim).astype(np.float32).astype(np.float64),
    )


def expected(
    chips: U8,
    dim: int = 512,
    *,
    mean: float | Sequence[float] = 127.5,
    std: float | Sequence[float] = 127.5,
    bgr: bool = False,
    seed: int = 0,
) -> F64:
    """(N, S, S, 3) uint8 RGB -> (N, D) float64: what the file must give for these pixels."""
    matrix, bias = weights(dim, seed)
    values = chips.astype(np.float64)
    if bgr:
        values = values[..., ::-1]
    values = (values - np.asarray(mean)) / np.asarray(std)
    n, size = chips.shape[:2]
    step = size // GRID
    squares = values.reshape(n, GRID, step, GRID, step, 3).mean((2, 4))
    return np.asarray(squares.transpose(0, 3, 1, 2).reshape(n, -1) @ matrix + bias)


def encoder_file(  # noqa: PLR0912
    path: Path,
    *,
    dim: int = 512,
    size: int = 112,
    batch: int | str = "N",
    inside: Inside = "",
    layout: str = "nchw",
    dtype: str = "float",
    outputs: Sequence[str] = ("embedding",),
    declared: Sequence[int | str] | None = None,
    only_one: bool = False,
    odd: Literal["", "nan", "zero", "once", "map"] = "",
    names: Sequence[str] = (),
    listed: bool = False,
    seed: int = 0,
) -> Path:
    """Write it to ``path``, which is returned.

    inside: how the graph begins: with nothing, or with a normalisation as mxnet's exporter names
    it, (x - 127.5) / 127.5 by nodes without names, the same with Constant nodes and Div, one that
    wants 0..1, one with a mean a channel. outputs: the second is the vector's length, the third
    the squares. declared: the shape that the first output claims. only_one: says that it takes
    any number of faces and fails on two. odd: gives NaN, zeros, a list without rows, or a map.
    names: of nodes that do nothing, before the vector comes out. listed: the weights are inputs
    too, as old exporters have it.
    """
    nodes: list[Any] = []
    initializers: list[Any] = []

    def constant(name: str, value: Any, kind: Any = np.float32) -> str:
        initializers.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def add(op: str, inputs: Sequence[str], output: str, name: str = "", **attributes: Any) -> str:
        nodes.append(helper.make_node(op, list(inputs), [output], name, **attributes))
        return output

    at = "data"
    if dtype != "float":
        at = add("Cast", [at], "as_float", to=TensorProto.FLOAT)
    if inside == "mxnet":
        at = add("Sub", [at, constant("scalar_op1", 127.5)], "minus", "_minusscalar0")
        at = add("Mul", [at, constant("scalar_op2", [0.0078125])], "mul", "_mulscalar0")
    elif inside == "unnamed":
        at = add("Sub", [at, constant("c1", 127.5)], "minus")
        at = add("Mul", [at, constant("c2", 1 / 127.5)], "mul")
    elif inside == "divided":
        for name, value in (("c1", 127.5), ("c2", 127.5)):
            tensor = numpy_helper.from_array(np.asarray(value, np.float32))
            nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        at = add("Sub", [at, "c1"], "minus", "/norm/Sub")
        at = add("Div", [at, "c2"], "div", "/norm/Div")
    elif inside == "unit":
        at = add("Sub", [at, constant("c1", 0.5)], "minus", "/norm/Sub")
        at = add("Div", [at, constant("c2", 0.5)], "div", "/norm/Div")
    elif inside == "channels":
        mean, std = np.full((1, 3, 1, 1), 127.5), np.full((1, 3, 1, 1), 127.5)
        at = add("Sub", [at, constant("c1", mean)], "minus", "/norm/Sub")
        at = add("Div", [at, constant("c2", std)], "div", "/norm/Div")
    if layout == "nhwc":
        at = add("Transpose", [at], "planes", perm=[0, 3, 1, 2])
    step = size // GRID
    at = add("AveragePool", [at], "pooled", kernel_shape=[step, step], strides=[step, step])
    squares = at
    for index, name in enumerate(names):
        at = add(
            "Mul" if "ul" in name else "Sub",
            [at, constant(f"n{index}", "ul" in name)],
            f"named{index}",
            name,
        )
    if only_one:
        at = add("Reshape", [at, constant("shape", [1, 3 * GRID * GRID], np.int64)], "flat")
    else:
        at = add("Flatten", [at], "flat")
    matrix, bias = weights(dim, seed)
    vector = add("Gemm", [at, constant("matrix", matrix), constant("bias", bias)], "vector")
    if odd == "nan":
        vector = add("Sqrt", [add("Neg", [add("Exp", [vector], "exp")], "neg")], "odd")
    elif odd == "zero":
        vector = add("Mul", [vector, constant("nothing", 0.0)], "odd")
    elif odd == "once":
        vector = add("ReduceMean", [vector], "odd", axes=[1], keepdims=0)
    elif odd == "map":
        vector = squares
    first = TensorProto.FLOAT
    if dtype == "half":
        vector, first = add("Cast", [vector], "as_half", to=TensorProto.FLOAT16), TYPES["half"]
    add("Identity", [vector], outputs[0])
    shape = list(declared) if declared is not None else [batch, dim]
    infos = [helper.make_tensor_value_info(outputs[0], first, shape)]
    if len(outputs) > 1:
        add("ReduceL2", [vector], outputs[1], axes=[1])
        infos.append(helper.make_tensor_value_info(outputs[1], TensorProto.FLOAT, [batch, 1]))
    for name in outputs[2:]:
        add("Identity", [squares], name)
        infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 3, GRID, GRID]))
    wanted = [batch, 3, size, size] if layout == "nchw" else [batch, size, size, 3]
    given = helper.make_tensor_value_info("data", TYPES[dtype], wanted)
    inputs = [given]
    if listed:
        inputs += [helper.make_tensor_value_info(i.name, i.data_type, i.dims) for i in initializers]
    graph = helper.make_graph(nodes, "small", inputs, infos, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path
