"""dlib's face recognition ResNet as a torch module: read from the shipped ONNX, and back to it.

The network is described in ../convert_dlib/resnet.py, whose graph builder writes it again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent / "convert_dlib"))
from resnet import BLOCKS, DIM, Convolution, Parameters, build_encoder

STOCK = _HERE.parents[1] / "src" / "maskwise" / "models" / "files" / "dlib-resnet-v1.onnx"
# As ../convert_dlib/resnet.py has them: channel means of dlib's training pictures, then / 256.
_MEAN_RGB = (122.782, 117.001, 104.298)
_SCALE = 1 / 256


class Block(nn.Module):
    """A residual block; ``halves``: strides of 2, the short cut a 2x2 average."""

    def __init__(self, inputs: int, outputs: int, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.more = outputs - inputs
        stride, padding = (2, 0) if halves else (1, 1)
        self.first = nn.Conv2d(inputs, outputs, 3, stride, padding)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(functional.relu(self.first(x)))
        if self.halves:
            x = functional.avg_pool2d(x, 2, 2)
            if self.more:
                x = functional.pad(x, (0, 0, 0, 0, 0, self.more))
            missing = x.shape[-1] - y.shape[-1]
            if missing:
                y = functional.pad(y, (0, missing, 0, missing))
        return functional.relu(x + y)


class Network(nn.Module):
    """chips (N, 150, 150, 3) uint8 RGB -> vectors (N, 128) float, as dlib's: not unit length."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, 2)
        blocks, inputs = [], 32
        for outputs, halves in BLOCKS:
            blocks.append(Block(inputs, outputs, halves))
            inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(inputs, DIM, bias=False)
        self.register_buffer("mean", torch.tensor(_MEAN_RGB).view(1, 3, 1, 1), persistent=False)
        self.frozen = 0

    def freeze(self, blocks: int) -> None:
        """Keep the stem and the first ``blocks`` blocks as they are; 0 frees everything."""
        self.frozen = blocks
        for part in (self.stem, *self.blocks[:blocks]):
            part.requires_grad_(not blocks)

    def _trunk(self, chips: Tensor) -> Tensor:
        x = (chips.permute(0, 3, 1, 2).float() - self.mean) * _SCALE
        x = functional.max_pool2d(functional.relu(self.stem(x)), 3, 2)
        for block in self.blocks[: self.frozen]:
            x = block(x)
        return x

    def forward(self, chips: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            x = self._trunk(chips)
        for block in self.blocks[self.frozen :]:
            x = block(x)
        # The mean and the head are taken in float32 whatever the blocks ran in.
        with torch.autocast(x.device.type, enabled=False):
            return self.head(x.float().mean((2, 3)))


def read(path: Path = STOCK) -> Network:
    """The network of an ONNX file that ``build_encoder`` made."""
    network, model = Network(), onnx.load(path)
    load(network, parameters_of(model))
    # Stored as float16 it is 122.8 for 122.782: 2e-5 in the vectors.
    (mean,) = [w for w in model.graph.initializer if w.name.removesuffix(".half") == "mean"]
    network.mean.copy_(torch.from_numpy(numpy_helper.to_array(mean).astype(np.float32)))
    return network.eval()


def parameters_of(model: onnx.ModelProto) -> Parameters:
    """The weights of such a graph, float32; KeyError where it is another one."""
    stored = {w.name.removesuffix(".half"): w for w in model.graph.initializer}

    def array(name: str) -> np.ndarray:
        return numpy_helper.to_array(stored[name]).astype(np.float32)

    def convolution(name: str) -> Convolution:
        return Convolution(array(name + ".weight"), array(name + ".bias"))

    names = [f"block{k + 1}" for k in range(len(BLOCKS))]
    pairs = [(convolution(name + ".first"), convolution(name + ".second")) for name in names]
    return Parameters(convolution("stem"), pairs, array("head"))


def load(network: Network, parameters: Parameters) -> None:
    """Copy the weights into ``network``."""
    layers = [parameters.stem, *(layer for pair in parameters.blocks for layer in pair)]
    with torch.no_grad():
        for module, layer in zip(_convolutions(network), layers, strict=True):
            module.weight.copy_(torch.from_numpy(layer.weight))
            module.bias.copy_(torch.from_numpy(layer.bias))
        network.head.weight.copy_(torch.from_numpy(parameters.head.T.copy()))


def export(network: Network, path: Path, *, half: bool = True) -> None:
    """Write the ONNX file, the same graph as the shipped one."""
    path.write_bytes(encoder_of(network, half=half).SerializeToString(deterministic=True))


def encoder_of(network: Network, *, half: bool = True) -> onnx.ModelProto:
    """The ONNX graph; half: large weights are stored as float16."""
    arrays = [
        Convolution(*(t.detach().float().cpu().contiguous().numpy() for t in (m.weight, m.bias)))
        for m in _convolutions(network)
    ]
    pairs = list(zip(arrays[1::2], arrays[2::2], strict=True))
    head = network.head.weight.detach().float().cpu().numpy().T
    return build_encoder(Parameters(arrays[0], pairs, np.ascontiguousarray(head)), half=half)


def _convolutions(network: Network) -> list[nn.Conv2d]:
    inner = [layer for block in network.blocks for layer in (block.first, block.second)]
    return [network.stem, *inner]
