"""An ONNX file of a detector: which output is what, and whether it is what it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from maskwise.errors import ModelError
from maskwise.models.runtime.opening import in_short
from maskwise.types import F32

if TYPE_CHECKING:
    import onnxruntime

    from maskwise.detect.looks import Size

_FLOAT: Final = "tensor(float)"


@dataclass(frozen=True, slots=True)
class Layout:
    """How the outputs of one file are read.

    kind, file: for messages. strides: px of a cell, one grid each. kinds: name and width of what
    each cell has, e.g. a box's 4. outputs: their names, by kind, then by stride. anchors: of each
    cell. fixed: width and height of the only input; None: any multiple of the largest stride.
    """

    kind: str
    file: str
    input: str
    strides: tuple[int, ...]
    kinds: tuple[tuple[str, int], ...]
    outputs: tuple[str, ...]
    anchors: int
    fixed: Size | None

    @property
    def points(self) -> bool:
        """Whether cells have the five points."""
        return self.kinds[-1][1] == 10

    @property
    def multiple(self) -> int:
        """What the input's sides must be a multiple of."""
        return max(self.strides)


def read_input(
    kind: str, file: str, session: onnxruntime.InferenceSession
) -> tuple[str, Size | None]:
    """The input's name, and its width and height where they are fixed.

    ModelError unless there is one input of (1, 3, H, W) float32, H and W both fixed or both free.
    """
    given = session.get_inputs()
    shape = list(given[0].shape) if given else []
    if len(given) == 1 and given[0].type == _FLOAT and len(shape) == 4:
        batch, channels, height, width = (side if _is_size(side) else None for side in shape)
        sides = height, width
        if batch in (1, None) and channels in (3, None) and (None not in sides or not any(sides)):
            return given[0].name, None if height is None or width is None else (width, height)
    got = ", ".join(f"{one.name} {_shape(one.shape)} {one.type}" for one in given) or "none"
    raise wrong(kind, file, f"one input (1, 3, height, width) float32, got {got}")


def check(session: onnxruntime.InferenceSession, layout: Layout) -> None:
    """ModelError unless a black picture gives outputs of the shapes that ``layout`` says."""
    width, height = layout.fixed or (layout.multiple, layout.multiple)
    if width % layout.multiple or height % layout.multiple:
        raise wrong(
            layout.kind,
            layout.file,
            f"an input of multiples of {layout.multiple} px, got {width}x{height}",
        )
    run(session, layout, np.zeros((1, 3, height, width), np.float32))


def run(session: onnxruntime.InferenceSession, layout: Layout, blob: F32) -> list[list[F32]]:
    """For each stride, one (cells * anchors, width) float32 array of each kind.

    ModelError when the network cannot run, or gives another number.
    """
    try:
        given = session.run(list(layout.outputs), {layout.input: blob})
    # ONNX Runtime's exceptions share no base class of their own.
    except Exception as error:
        raise ModelError(f"{layout.file}: the network cannot be run: {in_short(error)}") from error
    height, width = blob.shape[2:]
    by_stride: list[list[F32]] = [[] for _ in layout.strides]
    names = iter(zip(layout.outputs, given, strict=True))
    for kind, wide in layout.kinds:
        for found, stride in zip(by_stride, layout.strides, strict=True):
            name, array = next(names)
            count = (width // stride) * (height // stride) * layout.anchors
            array = np.asarray(array)
            if array.dtype != np.float32 or array.shape not in ((1, count, wide), (count, wide)):
                raise wrong(
                    layout.kind,
                    layout.file,
                    f"{kind} of stride {stride} in output {name!r} as (1, {count}, {wide}) "
                    f"float32 for {width}x{height} px, got {_shape(array.shape)} {array.dtype}",
                )
            found.append(array.reshape(count, wide))
    return by_stride


def wrong(kind: str, file: str, what: str) -> ModelError:
    """The one line for a file of another kind."""
    return ModelError(f"{file} is no {kind} file: expected {what}")


def outputs_of(session: onnxruntime.InferenceSession) -> str:
    """The outputs in words, for messages: how many, and the first names with their shapes."""
    given = session.get_outputs()
    some = ", ".join(f"{one.name} {_shape(one.shape)}" for one in given[:3])
    return f"{len(given)} ({some}{', ...' if len(given) > 3 else ''})"


def _shape(shape: Any) -> str:
    return "(" + ", ".join(str(side) for side in shape) + ")"


def _is_size(side: object) -> bool:
    return isinstance(side, int) and side > 0
