"""Is int8 good enough? Quantise a finished network, and compare both on held-back people.

    PYTHONPATH=src python training/encoder/int8.py NAME.onnx --out NAME-int8.onnx

Static quantisation by ONNX Runtime (QDQ, int8 weights a channel, uint8 activations), ranges from
chips of train people, bare and masked; the first convolution and the head stay in float. Prints
what validate.py says of both, FNMR of each pair by how much it moved, and how long a chip takes.
It is as good if no FNMR at FMR 1e-3 gets worse by 0.2 points.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from chips import FACES, load
from data import Drawers, epoch_tasks
from network import STOCK
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from validate import figures, held_back, templates

from maskwise.types import U8

_BATCH = 64
_BATCHES = 8
_LEAST = 0.2


class OnnxNetwork:
    """An ONNX file, called as the torch network is."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, chips: torch.Tensor) -> torch.Tensor:
        parts = [
            self.session.run(None, {"chips": chips[k : k + _BATCH].numpy()})[0]
            for k in range(0, len(chips), _BATCH)
        ]
        return torch.from_numpy(np.concatenate(parts))


class _Chips(CalibrationDataReader):
    def __init__(self, batches: list[U8]) -> None:
        self._coming: Iterator[U8] = iter(batches)

    def get_next(self) -> dict[str, U8] | None:
        batch = next(self._coming, None)
        return None if batch is None else {"chips": batch}


def in_float32(path: Path, out: Path) -> list[str]:
    """The graph with its weights as float32, and the names of its first convolution and its head.

    Weights stored as float16 are cast in the graph, where the quantiser does not see them.
    """
    model = onnx.load(path)
    halves = {w.name: w for w in model.graph.initializer if w.data_type == onnx.TensorProto.FLOAT16}
    casts = {
        n.output[0]: n for n in model.graph.node if n.op_type == "Cast" and n.input[0] in halves
    }
    for name, node in casts.items():
        array = numpy_helper.to_array(halves[node.input[0]]).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
        model.graph.node.remove(node)
    for weight in halves.values():
        model.graph.initializer.remove(weight)
    for k, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}{k}"
    onnx.save(model, out)
    convolutions = [n.name for n in model.graph.node if n.op_type == "Conv"]
    heads = [n.name for n in model.graph.node if n.op_type in ("MatMul", "Gemm")]
    return [convolutions[0], *heads]


def quantised(path: Path, out: Path, batches: list[U8]) -> None:
    """Write the int8 network."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "float.onnx"
        kept = in_float32(path, whole)
        quantize_static(
            whole,
            out,
            _Chips(batches),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": 99.99},
            nodes_to_exclude=kept,
            op_types_to_quantize=["Conv", "Add", "MaxPool", "Relu", "AveragePool"],
        )


def milliseconds(network: OnnxNetwork, chips: U8) -> float:
    """A chip, in batches of 16 on one thread: the best of ten."""
    taken = []
    for _ in range(10):
        begin = time.perf_counter()
        network(torch.from_numpy(chips[:16]))
        taken.append(time.perf_counter() - begin)
    return 1000 * min(taken) / 16


def main() -> None:
    parser = argparse.ArgumentParser(description="Is int8 good enough?")
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--faces", type=Path, default=FACES)
    arguments = parser.parse_args()
    faces = load(arguments.faces)
    drawers = Drawers(faces, 1, _BATCH, 1)
    held = held_back(faces, drawers, _BATCH)
    train = np.flatnonzero(faces.train)
    some = epoch_tasks(faces.people[train], 1, 0, _BATCH // 2)[:_BATCHES]
    tasks = [replace(task, photos=train[task.photos]) for task in some]
    batches = [np.concatenate([b.bare, b.masked]) for b in drawers.batches(tasks)]
    drawers.close()
    quantised(arguments.model, arguments.out, batches)
    device = torch.device("cpu")
    old = templates(OnnxNetwork(STOCK), held.stock, device)
    found = {}
    for path in (arguments.model, arguments.out):
        network = OnnxNetwork(path)
        found[path] = figures(network, held, old, device)
        told = f"{path.stat().st_size} bytes, {milliseconds(network, held.bare):.2f} ms a chip"
        print(f"{path.name}: {told}", flush=True)
    before, after = found.values()
    moved = {name: after[name] - before[name] for name in before if name.endswith("fnmr")}
    for name, by in moved.items():
        print(f"{name:20} {before[name]:6.2f} {after[name]:6.2f}  {by:+.2f}")
    worst = max(moved.values())
    print(f"worse by {worst:.2f} points at most: {'as good' if worst < _LEAST else 'not as good'}")


if __name__ == "__main__":
    main()
