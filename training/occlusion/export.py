"""The trained network as a file: ONNX, weights stored as half-precision numbers.

In: ``chips`` (n, 150, 150, 3) uint8 RGB. Out: ``probability`` (n,) float32, that a mask covers
mouth and chin; ``style`` (n, 4) float32, shares of sample.STYLES that add up to 1, those of the two
that cover to ``probability``; ``type`` (n, 11) float32, shares of sample.KINDS, for a face with a
mask; ``alpha`` (n, 38, 38) uint8, what is covered: cell (r, c) is of the 4x4 px about row 4 r + 0.5
and column 4 c + 0.5.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from network import Network, worn_logit
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

OUTPUTS = ("probability", "style", "type", "alpha")
_LEAST = 256
"""Smaller constants stay float32."""


@dataclass(frozen=True)
class Calibration:
    """worn, nose: scale and offset of two log-odds: that a mask covers the mouth; that then the
    nose is out. kind: divides the logits of the type."""

    worn: tuple[float, float] = (1.0, 0.0)
    nose: tuple[float, float] = (1.0, 0.0)
    kind: float = 1.0


class Exported(nn.Module):
    """The file as a torch module."""

    def __init__(self, network: Network, calibration: Calibration) -> None:
        super().__init__()
        self.network, self.calibration = network, calibration

    def forward(self, chips: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        pixels = chips.permute(0, 3, 1, 2).float()
        said = self.network(nn.functional.avg_pool2d(pixels, 2))
        (a, b), (c, d) = self.calibration.worn, self.calibration.nose
        probability = torch.sigmoid(a * worn_logit(said.style) + b)
        out = torch.sigmoid(c * (said.style[:, 2] - said.style[:, 1]) + d)
        chin = torch.sigmoid(said.style[:, 3] - said.style[:, 0])
        rest = 1 - probability
        parts = (rest * (1 - chin), probability * (1 - out), probability * out, rest * chin)
        kinds = torch.softmax(said.kind / self.calibration.kind, 1)
        alpha = torch.floor(torch.sigmoid(said.alpha) * 255 + 0.5).to(torch.uint8)
        return probability, torch.stack(parts, 1), kinds, alpha


def export(network: Network, calibration: Calibration, path: Path) -> None:
    """Write ``path``; the normalisations go into the convolutions."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.onnx"
        torch.onnx.export(
            Exported(network, calibration).eval(),
            (torch.zeros(2, 150, 150, 3, dtype=torch.uint8),),
            str(whole),
            input_names=["chips"],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "n"} for name in ("chips", *OUTPUTS)},
            opset_version=17,
            dynamo=False,
        )
        model = onnx.load(str(whole))
    _store_halves(model.graph)
    model.producer_name, model.producer_version = "maskwise training", ""
    onnx.checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _store_halves(graph: Any) -> None:
    """Large float32 constants become float16 and a cast, which is done once, at opening."""
    for constant in list(graph.initializer):
        values = numpy_helper.to_array(constant)
        if values.dtype != np.float32 or values.size < _LEAST:
            continue
        graph.initializer.remove(constant)
        half = numpy_helper.from_array(values.astype(np.float16), constant.name + ".half")
        graph.initializer.append(half)
        cast = helper.make_node("Cast", [half.name], [constant.name], to=TensorProto.FLOAT)
        graph.node.insert(0, cast)
