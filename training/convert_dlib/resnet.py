"""dlib's face recognition ResNet v1 -> ONNX, straight from the parsed arrays.

The network (examples/dnn_face_recognition_ex.cpp of dlib): a 7x7 convolution of stride 2, a 3x3
max pooling of stride 2, fourteen residual blocks, a global average and a matrix of 256 x 128.
Every convolution carries a bias and is followed by a per-channel affine layer, the frozen form of
batch normalisation; both are folded into one convolution here.

What differs from the ResNets of other frameworks:

- Convolutions and poolings of stride 2 have no padding; those of stride 1 pad by one pixel.
- The short cut of a halving block is a 2x2 average pooling; channels that it lacks are zeros.
- Where the two branches then differ in size (4x4 against 3x3, 2x2 against 1x1), dlib adds what
  overlaps and takes the larger, so the convolutions' branch gets zeros at the bottom and right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from datfile import F32, FormatError, Reader, models_folder
from onnx import TensorProto, helper, numpy_helper

SOURCE = "dlib_face_recognition_resnet_model_v1.dat"
SIZE = 150
DIM = 128
# (channels, halves the map) of the fourteen residual blocks, from the picture on.
BLOCKS = (
    *[(32, False)] * 3,
    (64, True),
    *[(64, False)] * 3,
    (128, True),
    *[(128, False)] * 2,
    (256, True),
    *[(256, False)] * 2,
    (256, True),
)
# input_rgb_image_sized in dlib/dnn/input.h: channel means of the training pictures, then / 256.
_MEAN_RGB = np.array([122.782, 117.001, 104.298])
_DIVISOR = 256.0
# Opset 17 and IR 8 open in every ONNX Runtime from 1.12 on.
_OPSET, _IR_VERSION = 17, 8
_LAYER = re.compile(rb"\x01(?:\x05(con_4)|\x07(affine_)|\x04(fc_2))")


@dataclass(frozen=True)
class Convolution:
    """weight (out, in, k, k), bias (out,), float32, the affine layer folded in."""

    weight: F32
    bias: F32


@dataclass(frozen=True)
class Parameters:
    """stem: the first convolution. blocks: fourteen pairs. head: (256, 128) float32."""

    stem: Convolution
    blocks: list[tuple[Convolution, Convolution]]
    head: F32


def read_parameters(path: Path) -> Parameters:
    """All weights of ``path``; FormatError where the file is another network."""
    layers = _layers(path.read_bytes())
    shapes = [(32, 3, 7)]
    inputs = 32
    for channels, _ in BLOCKS:
        shapes += [(channels, inputs, 3), (channels, channels, 3)]
        inputs = channels
    kinds = [kind for kind, _ in layers]
    if kinds != ["con_4", "affine_"] * len(shapes) + ["fc_2"]:
        raise FormatError(f"{path.name}: these are not the layers of dlib's ResNet v1")
    convolutions = []
    for (out, inp, k), (_, weights), (_, affine) in zip(
        shapes, layers[0::2], layers[1::2], strict=False
    ):
        count = out * inp * k * k
        if weights.size != count + out or affine.size != 2 * out:
            raise FormatError(f"{path.name}: unexpected size of layer {len(convolutions)}")
        gain, shift = affine[:out].astype(np.float64), affine[out:].astype(np.float64)
        weight = weights[:count].reshape(out, inp, k, k) * gain[:, None, None, None]
        bias = weights[count:] * gain + shift
        convolutions.append(Convolution(weight.astype(np.float32), bias.astype(np.float32)))
    head = layers[-1][1].reshape(inputs, DIM)
    pairs = list(zip(convolutions[1::2], convolutions[2::2], strict=True))
    return Parameters(convolutions[0], pairs, head)


def _layers(data: bytes) -> list[tuple[str, F32]]:
    """Name and flat parameters of every layer that has some, picture to output.

    dlib writes a network from the output to the input as nested objects, and the details of a
    layer after those of the layers below it: in the file the picture's end comes first. Each
    starts with its length-prefixed name, which is what is searched for, past the last tensor.
    """
    found, position = [], 0
    while match := _LAYER.search(data, position):
        kind = next(group for group in match.groups() if group).decode()
        reader = Reader(data, match.end())
        if kind == "fc_2":
            reader.expect(DIM, BLOCKS[-1][0])
        found.append((kind, reader.tensor().ravel()))
        position = reader.position
    return found


class _Graph:
    """Collects nodes and weights; names follow from the order, so the bytes do not change."""

    def __init__(self, half: bool) -> None:
        self.half = half
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, op: str, *inputs: str, name: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        """Large float32 weights are stored as float16 and cast back when the model is opened."""
        if self.half and value.dtype == np.float32 and value.ndim > 1:
            stored = numpy_helper.from_array(value.astype(np.float16), name + ".half")
            self.weights.append(stored)
            return self.add("Cast", stored.name, name=name, to=TensorProto.FLOAT)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def convolution(self, x: str, layer: Convolution, stride: int, name: str) -> str:
        pad = 1 if stride == 1 else 0
        return self.add(
            "Conv",
            x,
            self.constant(name + ".weight", layer.weight),
            self.constant(name + ".bias", layer.bias),
            name=name,
            strides=[stride, stride],
            pads=[pad] * 4,
        )

    def stem(self, x: str, layer: Convolution) -> tuple[str, int]:
        """uint8 (N, 150, 150, 3) -> float (N, 32, 35, 35): its name and the map's size."""
        x = self.add("Transpose", x, name="planes", perm=[0, 3, 1, 2])
        x = self.add("Cast", x, name="float", to=TensorProto.FLOAT)
        x = self.add("Sub", x, self.constant("mean", _column(_MEAN_RGB)), name="centred")
        scale = np.float32(1 / _DIVISOR)
        x = self.add("Mul", x, self.constant("scale", np.array(scale)), name="scaled")
        x = self.add("Relu", self.convolution(x, layer, 2, "stem"), name="stem.relu")
        x = self.add("MaxPool", x, name="stem.pool", kernel_shape=[3, 3], strides=[2, 2])
        return x, _halved(_halved(SIZE, 7), 3)

    def block(
        self, x: str, size: int, layers: tuple[Convolution, Convolution], index: int
    ) -> tuple[str, int]:
        """One residual block: its output's name and the map's size."""
        name = f"block{index + 1}"
        first, second = layers
        halves = BLOCKS[index][1]
        y = self.convolution(x, first, 2 if halves else 1, name + ".first")
        y = self.convolution(self.add("Relu", y, name=name + ".relu"), second, 1, name + ".second")
        if halves:
            x = self.add("AveragePool", x, name=name + ".half", kernel_shape=[2, 2], strides=[2, 2])
            out, inp = first.weight.shape[:2]
            if out > inp:
                x = self._padded(x, (out - inp, 0, 0), name + ".channels")
            missing = size // 2 - _halved(size, 3)
            if missing:
                y = self._padded(y, (0, missing, missing), name + ".corner")
            size //= 2
        x = self.add("Add", x, y, name=name + ".sum")
        return self.add("Relu", x, name=name), size

    def _padded(self, x: str, ends: tuple[int, int, int], name: str) -> str:
        pads = np.array([0, 0, 0, 0, 0, *ends], np.int64)
        return self.add("Pad", x, self.constant(name + ".pads", pads), name=name)

    def pooled(self, x: str, size: int, channels: int, cells: int) -> str:
        """(N, C, size, size) -> (N, C * cells * cells): means over a grid of cells.

        Cell i covers the rows floor(i*size/cells) up to ceil((i+1)*size/cells); the grid is laid
        by two matrix products, because no ONNX pooling has cells of unequal size.
        """
        edges = np.arange(cells + 1) * size / cells
        rows = np.zeros((cells, size), np.float64)
        for i in range(cells):
            low, high = int(np.floor(edges[i])), int(np.ceil(edges[i + 1]))
            rows[i, low:high] = 1 / (high - low)
        kept, self.half = self.half, False
        left = self.constant("grid.rows", rows.astype(np.float32))
        right = self.constant("grid.columns", rows.T.astype(np.float32))
        self.half = kept
        x = self.add("MatMul", left, self.add("MatMul", x, right, name="grid.x"), name="grid")
        shape = self.constant("flat.shape", np.array([-1, channels * cells * cells], np.int64))
        return self.add("Reshape", x, shape, name="features")

    def model(self, name: str, output: str, width: int) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("chips", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", width])],
            self.weights,
        )
        model = helper.make_model(
            graph,
            producer_name="maskwise training/convert_dlib",
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def build_encoder(parameters: Parameters, *, half: bool) -> onnx.ModelProto:
    """chips (n, 150, 150, 3) uint8 RGB -> vectors (n, 128) float32, as dlib's, not unit length."""
    graph = _Graph(half)
    x, size = graph.stem("chips", parameters.stem)
    for index, layers in enumerate(parameters.blocks):
        x, size = graph.block(x, size, layers, index)
    x = graph.add("GlobalAveragePool", x, name="mean_map")
    x = graph.add("Flatten", x, name="flat")
    graph.add("MatMul", x, graph.constant("head", parameters.head), name="vectors")
    return graph.model("dlib_resnet_v1", "vectors", DIM)


def build_trunk(
    blocks: int, pool: int, *, half: bool = True, models: Path | None = None
) -> onnx.ModelProto:
    """The encoder's first ``blocks`` (1 to 14) residual blocks, averaged over a grid.

    chips (n, 150, 150, 3) uint8 RGB -> features (n, C * pool * pool) float32, channel by channel,
    each row by row. Map sizes: 35 px after block 1, 17 after 4, 8 after 8, 4 after 11, 2 after 14.
    For whoever trains something small on top, the mask state above all. ``models`` is the folder
    of the .dat files, by default that of the installed package.
    """
    if not 1 <= blocks <= len(BLOCKS):
        raise ValueError(f"blocks: expected 1 to {len(BLOCKS)}, got {blocks}")
    parameters = read_parameters(models_folder(models) / SOURCE)
    graph = _Graph(half)
    x, size = graph.stem("chips", parameters.stem)
    for index, layers in enumerate(parameters.blocks[:blocks]):
        x, size = graph.block(x, size, layers, index)
    if not 1 <= pool <= size:
        raise ValueError(f"pool: expected 1 to {size} after block {blocks}, got {pool}")
    channels = BLOCKS[blocks - 1][0]
    return graph.model(
        "dlib_resnet_v1_trunk", graph.pooled(x, size, channels, pool), channels * pool * pool
    )


def _halved(size: int, kernel: int) -> int:
    """What a stride of 2 without padding leaves of ``size``."""
    return (size - kernel) // 2 + 1


def _column(values: np.ndarray) -> F32:
    return values.astype(np.float32).reshape(1, -1, 1, 1)
