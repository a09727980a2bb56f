"""dlib's MMOD face detector -> ONNX, straight from the parsed arrays.

The network (examples/dnn_mmod_face_detection_ex.cpp of dlib) is fully convolutional: three 5x5
convolutions of stride 2 without padding (16, 32, 32 channels), three padded ones of stride 1
(45 channels), each with batch normalisation and ReLU, and a padded 9x9 convolution that gives one
score for every 8 px of the tiled image pyramid.

What the file of 2016 holds besides the weights, and where it goes:

- The loss layer's options: the detection window and the overlap from which non-maximum
  suppression drops a box. They become metadata of the ONNX file, with the strides' arithmetic.
- The channel means that are subtracted before the division by 256: metadata as well. The pyramid
  is built of such values, so its padding of zeros is the mean colour, not black.
- Batch normalisation as it was trained (bn_con2). dlib reads it as an affine layer; here it is
  folded into the convolution before it.

The file (0.7 MB) stays float32: half of that would not be worth other scores than dlib's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from datfile import F32, FormatError, Reader
from onnx import helper, numpy_helper

SOURCE = "mmod_human_face_detector.dat"
_OPSET, _IR_VERSION = 17, 8
_LAYER = re.compile(rb"\x01(?:\x05(con_4)|\x07(bn_con2))")
_LOSS = b"loss_mmod_"
_INPUT = b"\x01\x17input_rgb_image_pyramid"
# (outputs, inputs, kernel, stride, padding) from the picture on.
_SHAPES = (
    (16, 3, 5, 2, 0),
    (32, 16, 5, 2, 0),
    (32, 32, 5, 2, 0),
    (45, 32, 5, 1, 2),
    (45, 45, 5, 1, 2),
    (45, 45, 5, 1, 2),
    (1, 45, 9, 1, 4),
)


@dataclass(frozen=True)
class Options:
    """window: width and height of a detection in px of the pyramid. nms_iou, nms_covered: two
    boxes are the same face above this intersection over union, or covered share of one of them.
    mean: of the channels R, G, B."""

    window: tuple[int, int]
    nms_iou: float
    nms_covered: float
    mean: tuple[float, float, float]


@dataclass(frozen=True)
class Convolution:
    """weight (out, in, k, k), bias (out,), float32, the batch normalisation folded in."""

    weight: F32
    bias: F32
    stride: int
    padding: int


def convert(models: Path) -> bytes:
    """The bytes of dlib-mmod.onnx, from the folder of .dat files."""
    data = (models / SOURCE).read_bytes()
    model = build(read_options(data), read_layers(data))
    out: bytes = model.SerializeToString(deterministic=True)
    return out


def read_options(data: bytes) -> Options:
    """What the loss layer and the input layer say; FormatError where it is no such file."""
    reader = Reader(data)
    # The network's version, then the layer's name with its length.
    reader.expect(1, len(_LOSS))
    if not data.startswith(_LOSS, reader.position):
        raise FormatError("the file does not start with the loss layer of MMOD")
    reader.position += len(_LOSS)
    reader.expect(1)
    window = reader.integer(), reader.integer()
    for _ in range(3):  # loss per false alarm and per miss, IoU that counts as a hit: for training
        reader.number()
    nms_iou, nms_covered = reader.number(), reader.number()
    start = data.find(_INPUT)
    if start < 0:
        raise FormatError("the file has no input_rgb_image_pyramid layer")
    reader.position = start + len(_INPUT)
    mean = reader.number(), reader.number(), reader.number()
    return Options(window, nms_iou, nms_covered, mean)


def read_layers(data: bytes) -> list[Convolution]:
    """All convolutions, picture to scores; FormatError where the file is another network."""
    convolutions: list[Convolution] = []
    position = data.find(_INPUT)
    for index, (out, inp, k, stride, padding) in enumerate(_SHAPES):
        reader = _next_layer(data, position, "con_4")
        values = reader.tensor().ravel()
        reader.expect(out, k, k, stride, stride, padding, padding)
        count = out * inp * k * k
        if values.size != count + out:
            raise FormatError(f"unexpected size of layer {index}: {values.size}")
        weight = values[:count].reshape(out, inp, k, k).astype(np.float64)
        bias = values[count:].astype(np.float64)
        if index < len(_SHAPES) - 1:
            reader = _next_layer(data, reader.position, "bn_con2")
            gain, shift = _affine(reader, out)
            weight, bias = weight * gain[:, None, None, None], bias * gain + shift
        position = reader.position
        convolutions.append(
            Convolution(weight.astype(np.float32), bias.astype(np.float32), stride, padding)
        )
    if _LAYER.search(data, position):
        raise FormatError("the file has more layers than dlib's face detector")
    return convolutions


def _next_layer(data: bytes, position: int, kind: str) -> Reader:
    match = _LAYER.search(data, position)
    if match is None or kind.encode() not in match.groups():
        raise FormatError(f"expected a layer {kind} after byte {position}")
    return Reader(data, match.end())


def _affine(reader: Reader, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Gain and shift of a channel, float64, from the statistics of a bn_con2 layer."""
    parameters = reader.tensor().ravel().astype(np.float64)
    for _ in range(2):  # where gamma and beta stand in the parameters
        reader.expect(1, 1, channels, 1, 1)
    # The last batch's means and inverse deviations, then the running means and variances.
    reader.tensor(), reader.tensor()
    means = reader.tensor().ravel().astype(np.float64)
    variances = reader.tensor().ravel().astype(np.float64)
    if not len(parameters) == 2 * channels == 2 * len(means) == 2 * len(variances):
        raise FormatError(f"unexpected size of a batch normalisation: {len(parameters)}")
    # Updates so far, window of the running statistics, then four training rates.
    reader.integer(), reader.integer()
    for _ in range(4):
        reader.number()
    epsilon = reader.number()
    gain = parameters[:channels] / np.sqrt(variances + epsilon)
    return gain, parameters[channels:] - gain * means


def build(options: Options, layers: list[Convolution]) -> onnx.ModelProto:
    """pyramid (1, 3, h, w) float32 -> scores (1, 1, h', w') float32."""
    nodes, weights = [], []
    x = "pyramid"
    for index, layer in enumerate(layers):
        last = index == len(layers) - 1
        name = "scores" if last else f"layer{index + 1}"
        weights.append(numpy_helper.from_array(layer.weight, f"weight{index + 1}"))
        weights.append(numpy_helper.from_array(layer.bias, f"bias{index + 1}"))
        nodes.append(
            helper.make_node(
                "Conv",
                [x, f"weight{index + 1}", f"bias{index + 1}"],
                [name],
                name=name,
                strides=[layer.stride] * 2,
                pads=[layer.padding] * 4,
            )
        )
        if not last:
            nodes.append(helper.make_node("Relu", [name], [name + ".relu"], name=name + ".relu"))
        x = name + ".relu"
    float32 = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "dlib_mmod",
        [helper.make_tensor_value_info("pyramid", float32, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("scores", float32, [1, 1, "score_h", "score_w"])],
        weights,
    )
    model = helper.make_model(
        graph,
        producer_name="maskwise training/convert_dlib",
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    stride, offset = _cell(layers)
    properties = {
        "window": " ".join(map(str, options.window)),
        "nms_iou": repr(options.nms_iou),
        "nms_covered": repr(options.nms_covered),
        "mean_rgb": " ".join(map(repr, options.mean)),
        "stride": str(stride),
        "offset": str(offset),
        # How many scores away a score's pixels reach, past the first unpadded convolutions.
        "halo": str(sum(layer.padding for layer in layers)),
    }
    for key, value in properties.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model, full_check=True)
    return model


def _cell(layers: list[Convolution]) -> tuple[int, int]:
    """Score i belongs to pixel stride * i + offset of the pyramid."""
    stride, offset = 1, 0
    for layer in reversed(layers):
        step = layer.weight.shape[2] // 2 - layer.padding
        stride, offset = stride * layer.stride, offset * layer.stride + step
    return stride, offset
