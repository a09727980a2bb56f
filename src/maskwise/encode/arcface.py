"""Recognition files of insightface, and any other ONNX file with their contract.

One input (N, 3, 112, 112) of float32, RGB, (x - 127.5) / 127.5; one output (N, D). Files whose
graph begins with the normalisation take the pixels as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maskwise.align import ARCFACE_CHIP
from maskwise.encode.chips import arcface_chip
from maskwise.encode.onnx_encoder import EncoderSpec, OnnxEncoder, Preprocessing
from maskwise.encode.weights import encoder_file
from maskwise.errors import ConfigurationError, ModelError
from maskwise.models.readers import only_here

if TYPE_CHECKING:
    from maskwise.models import ModelFile
    from maskwise.models.runtime.onnx_graph import GraphSummary
    from maskwise.types import ChipSpec

_ADVICE: Final = (
    "arcface reads insightface's recognition files; --detector names detectors, and a manifest "
    "describes other encoders (--encoder file:MY.toml, see docs/encoders.md)"
)
_OUTSIDE: Final = Preprocessing()
_INSIDE: Final = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

# insightface/model_zoo/arcface_onnx.py looks at this many nodes, for names that begin so.
_LOOKED_AT: Final = 8
_SUBTRACTS, _MULTIPLIES = ("Sub", "_minus"), ("Mul", "_mul")

# Nodes that may stand before or within a normalisation and leave the numbers alone.
_IDLE: Final = ("Constant", "Identity", "Cast", "Transpose")

# Past this, a normalisation that is given pixels of 0..255 was meant for 0..1.
_LARGEST: Final = 20.0

_PACK: Final = "manifest.json"
_PACK_VERSION: Final = 2


class ArcFace(OnnxEncoder):
    """The Encoder of insightface's recognition files; see ``OnnxEncoder``.

    what: a model's name in the store (``buffalo_l/w600k_r50``), or a path; by default the only
    one that is installed. flip: the mean of a face's numbers and its mirror image's.
    ``describe_batch`` gives what insightface calls ``embedding``.

    Whether the normalisation is inside the file is told by insightface's rule (names among the
    first eight nodes), and beyond it by the operators that its graph begins with; where the file
    lies in a pack with a ``manifest.json`` (insightface 2), that says it.
    Raises ConfigurationError when ``what`` is None and there is not exactly one.
    """

    def __init__(
        self,
        what: str | None = None,
        *,
        flip: bool = False,
        threads: int | None = None,
        device: str | None = None,
    ) -> None:
        def describe() -> tuple[ModelFile, EncoderSpec]:
            file = encoder_file(what or only_here("arcface"), "arcface")
            return file, describe_file(file.path, flip=flip)

        super().__init__(describe, threads=threads, device=device)


def describe_file(path: Path, *, flip: bool = False) -> EncoderSpec:
    """What the recognition file ``path`` wants.

    Raises ModelError when it is no ONNX file, or when its pack's manifest makes no sense.
    """
    from maskwise.models.runtime.onnx_graph import read_graph

    graph = read_graph(path)  # also of a file in a pack: it tells what is no ONNX
    packed = _of_pack(path)
    if packed is not None:
        chip, preprocessing = packed
    else:
        chip = ARCFACE_CHIP
        preprocessing = _INSIDE if has_normalisation(graph, path) else _OUTSIDE
    return EncoderSpec("arcface", chip, preprocessing, flip=flip, advice=_ADVICE)


def has_normalisation(graph: GraphSummary, path: Path) -> bool:
    """Whether the file takes pixels of 0..255 and normalises them itself.

    Raises ModelError when it normalises, and wants pixels of 0..1.
    """
    names = [name for _, name in graph.nodes[:_LOOKED_AT]]
    if all(any(name.startswith(w) for name in names) for w in (_SUBTRACTS, _MULTIPLIES)):
        return True
    head = _head(graph)
    shifts = any(op in ("Sub", "Add") for op, _ in head)
    scales = any(op in ("Mul", "Div") for op, _ in head)
    if not (shifts and scales):
        return False
    ends = [_through(head, pixel) for pixel in (0.0, 255.0)]
    if any(end is not None and abs(end) > _LARGEST for end in ends):
        raise ModelError(
            f"{path} normalises pixels of 0..1 itself, which insightface's files do not: describe "
            'it by a manifest with scale = "1/255" (--encoder file:MY.toml, see docs/encoders.md)'
        )
    return True


def _head(graph: GraphSummary) -> list[tuple[str, float | None]]:
    """The arithmetic that the graph begins with: operator, and its constant where it is known."""
    found: list[tuple[str, float | None]] = []
    started = False
    for (op, _), inputs in zip(graph.nodes, graph.node_inputs, strict=True):
        if op == "Constant":
            continue
        if not started and not set(inputs) & set(graph.inputs):
            break
        started = True
        if op in _IDLE:
            continue
        if op not in ("Sub", "Add", "Mul", "Div"):
            break
        constants = [graph.scalars[name] for name in inputs if name in graph.scalars]
        found.append((op, constants[0] if constants else None))
    return found


def _through(head: list[tuple[str, float | None]], value: float) -> float | None:
    """What becomes of a pixel; None where a constant is not known."""
    for op, constant in head:
        if constant is None or (op == "Div" and constant == 0):
            return None
        if op == "Sub":
            value -= constant
        elif op == "Add":
            value += constant
        elif op == "Mul":
            value *= constant
        else:
            value /= constant
    return value


def _of_pack(path: Path) -> tuple[ChipSpec, Preprocessing] | None:
    """What the pack of insightface 2 that the file lies in says of it; None without one.

    insightface/model_zoo/package_manifest.py: tasks.recognition with file, input_size and
    preprocessing, which is "embedded" or mean and std.
    """
    manifest = path.parent / _PACK
    try:
        pack = json.loads(manifest.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(pack, dict) or pack.get("manifest_version") != _PACK_VERSION:
        return None
    tasks = pack.get("tasks")
    task = tasks.get("recognition") if isinstance(tasks, dict) else None
    if not isinstance(task, dict) or Path(str(task.get("file", ""))).name != path.name:
        return None
    try:
        width, height = task.get("input_size", [112, 112])
        if width != height or not isinstance(width, int):
            raise ValueError(f"input_size {width} x {height}")
        # As insightface's estimate_norm: the wider chip where 128 divides the size, and 112 not.
        wider = width % ARCFACE_CHIP.size != 0 and width % 128 == 0
        chip = arcface_chip(width, 128 if wider else ARCFACE_CHIP.size)
        return chip, _pack_preprocessing(task.get("preprocessing"))
    except (TypeError, ValueError, KeyError, OverflowError, ConfigurationError) as error:
        raise ModelError(f"{manifest}: makes no sense of {path.name}: {error}") from error


def _pack_preprocessing(given: Any) -> Preprocessing:
    if given is None:
        return _OUTSIDE
    if given == "embedded":
        return _INSIDE
    mean, std = float(given["mean"]), float(given["std"])
    return Preprocessing((mean, mean, mean), (std, std, std))
