"""The trained network as the file that ships: ONNX, weights stored as half-precision numbers.

python training/detector/export.py DIR/wide.pt maskwise-detector.onnx --student JSON
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
from network import STRIDES, Exported, Network
from onnx import TensorProto, helper, numpy_helper

NAMES: Final = tuple(f"{kind}_{s}" for kind in ("score", "box", "points") for s in STRIDES)
# Smaller constants, such as biases, stay as they are.
_LEAST: Final = 256


def export(network: Network, out: Path) -> None:
    """``out``: the network with any height and width that 32 divides."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.onnx"
        torch.onnx.export(
            Exported(network),
            (torch.zeros(1, 3, 320, 320),),
            str(whole),
            input_names=["image"],
            output_names=list(NAMES),
            dynamic_axes={"image": {2: "height", 3: "width"}},
            opset_version=17,
            dynamo=False,
        )
        model = onnx.load(str(whole))
    _store_halves(model.graph)
    model.producer_name, model.producer_version = "maskwise", ""
    onnx.checker.check_model(model)
    onnx.save(model, str(out))


def _store_halves(graph: Any) -> None:
    """Large float32 constants become float16 and a cast, which is done once, at loading."""
    for constant in list(graph.initializer):
        values = numpy_helper.to_array(constant)
        if values.dtype != np.float32 or values.size < _LEAST:
            continue
        graph.initializer.remove(constant)
        name = constant.name + "_half"
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), name))
        cast = helper.make_node("Cast", [name], [constant.name], to=TensorProto.FLOAT)
        graph.node.insert(0, cast)


def difference(network: Network, file: Path) -> dict[str, float]:
    """The largest difference of each output from PyTorch's, on noise of 320x256 px."""
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (1, 3, 256, 320)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    got = session.run(list(NAMES), {"image": image})
    with torch.no_grad():
        wanted = Exported(network)(torch.from_numpy(image))
    return {
        name: float(np.abs(a - b.numpy()).max())
        for name, a, b in zip(NAMES, got, wanted, strict=True)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--student", default="{}", help="the network's arguments, as in train.py")
    options = parser.parse_args()
    network = Network(**json.loads(options.student))
    network.load_state_dict(torch.load(options.weights, "cpu"))
    export(network, options.out)
    print(difference(network, options.out))
    digest = hashlib.sha256(options.out.read_bytes()).hexdigest()
    print(f"{options.out} {options.out.stat().st_size} bytes sha256 {digest}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
