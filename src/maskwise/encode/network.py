"""An opened ONNX file: whether it is an encoder, and its batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from maskwise import models
from maskwise.errors import ModelError
from maskwise.models.runtime.opening import in_short
from maskwise.models.store import unchanged
from maskwise.types import F32, U8

if TYPE_CHECKING:
    import onnxruntime

    from maskwise.encode.onnx_encoder import EncoderSpec
    from maskwise.models import ModelFile

# On two cores a ResNet-50 of this kind takes no less time a face past 8, and its memory grows:
# 160 MiB for 16 faces, 380 MiB for 32.
_BATCH: Final = 16
_TYPES: Final[dict[str, Any]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}
_MOST_OUTPUTS: Final = 4  # that a message names


class Network:
    """The one input and the one output of an encoder's file, checked against ``spec``.

    No session is held: ``models.open_file`` keeps one a process, also after a fork.
    Raises ModelError when the file cannot be opened, or has other inputs and outputs than
    ``spec`` says; errors of ``models.open_file``.
    """

    def __init__(
        self, file: ModelFile, spec: EncoderSpec, *, threads: int | None, device: str | None
    ) -> None:
        self._file, self._spec = file, spec
        self._threads, self._device = threads, device
        session = self._session()
        self._input, self._dtype, self._batch = self._checked_input(session.get_inputs())
        self._output, dim = self._checked_output(session.get_outputs())
        self.dim: int = dim if dim is not None else self._tried()
        """How many numbers come out."""
        if spec.dim not in (None, self.dim):
            raise self._unfit(f"expected {spec.dim} numbers a face, got {self.dim}")

    def run(self, chips: U8) -> F32:
        """(N, S, S, 3) uint8 RGB chips, N >= 1 -> (N, D) float32, as the file gives them.

        In batches of 16, so that memory stays bounded; a file with a fixed batch gets that.
        """
        parts: list[F32] = []
        at = 0
        while at < len(chips):
            batch = self._batch  # another thread may change it meanwhile
            some = chips[at : at + (batch or _BATCH)]
            rows = self._part(some, batch)
            if rows is None:
                # It says that it takes any number of faces, and was exported for one.
                self._batch = 1
                continue
            parts.append(rows)
            at += len(some)
        return np.concatenate(parts)

    def _part(self, chips: U8, batch: int | None) -> F32 | None:
        """The rows of up to ``batch`` chips; None when the file fails on several faces."""
        count = len(chips)
        given = self._spec.preprocessing(chips, self._dtype)
        if batch is not None and count < batch:
            given = np.pad(given, [(0, batch - count)] + [(0, 0)] * 3)
        rows = self._call(given)
        if isinstance(rows, str) or rows.shape != (len(given), self.dim):
            if count > 1 and batch is None:
                return None
            raise self._unfit(f"expected ({len(given)}, {self.dim}) numbers, got {_got(rows)}")
        return rows[:count]

    def _call(self, given: npt.NDArray[Any]) -> F32 | str:
        """The output as rows; ONNX Runtime's words where it gives none."""
        session = self._session()
        try:
            (out,) = session.run([self._output], {self._input: given})
        except Exception as error:  # ONNX Runtime's share no base class of their own
            return in_short(error)
        rows = np.asarray(out, np.float32)
        # What is no list of rows is left as it came, for a message.
        return rows.reshape(len(rows), -1) if rows.size and rows.ndim > 1 else rows

    def _tried(self) -> int:
        """The number of numbers for a black chip."""
        size = self._spec.chip.size
        black = np.zeros((self._batch or 1, size, size, 3), np.uint8)
        rows = self._call(self._spec.preprocessing(black, self._dtype))
        if isinstance(rows, str) or rows.ndim != 2 or len(rows) != len(black):
            raise self._unfit(f"expected ({len(black)}, D) numbers, got {_got(rows)}")
        return int(rows.shape[1])

    def _session(self) -> onnxruntime.InferenceSession:
        return models.open_file(unchanged(self._file), threads=self._threads, device=self._device)

    def _checked_input(self, inputs: Sequence[Any]) -> tuple[str, Any, int | None]:
        """Its name, dtype, and how many faces it takes at once; None: any number."""
        size, layout = self._spec.chip.size, self._spec.preprocessing.layout
        wanted: tuple[int, ...] = (3, size, size) if layout == "nchw" else (size, size, 3)
        text = f"one input (N, {', '.join(map(str, wanted))})"
        if len(inputs) != 1:
            names = ", ".join(node.name for node in inputs[:_MOST_OUTPUTS])
            raise self._unfit(f"expected {text}, got {len(inputs)}: {names}")
        node = inputs[0]
        shape = list(node.shape)
        if len(shape) != 4 or any(
            isinstance(have, int) and have > 0 and have != want
            for have, want in zip(shape[1:], wanted, strict=True)
        ):
            raise self._unfit(f"expected {text}, got {_shown(shape)}")
        if node.type not in _TYPES:
            raise self._unfit(f"expected an input of float32, float16 or uint8, got {node.type}")
        if _TYPES[node.type] is np.uint8 and not self._spec.preprocessing.untouched:
            raise self._unfit(
                "it takes pixels as they are (uint8), so mean must be 0 and std 1, not "
                f"{self._spec.preprocessing.tag}"
            )
        batch = shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None
        return node.name, _TYPES[node.type], batch

    def _checked_output(self, outputs: Sequence[Any]) -> tuple[str, int | None]:
        """Its name, and how many numbers a face it says it gives."""
        named = {node.name: node for node in outputs}
        names = ", ".join(list(named)[:_MOST_OUTPUTS]) + (
            ", ..." if len(named) > _MOST_OUTPUTS else ""
        )
        if self._spec.output is None:
            if len(outputs) != 1:
                raise self._unfit(f"expected one output, got {len(outputs)}: {names}")
            node = outputs[0]
        elif self._spec.output not in named:
            raise self._unfit(f"it has no output {self._spec.output!r}; there are: {names}")
        else:
            node = named[self._spec.output]
        if node.type not in ("tensor(float)", "tensor(float16)"):
            raise self._unfit(f"expected an output of float32 or float16, got {node.type}")
        shape = list(node.shape)
        if not shape:
            return node.name, None  # says nothing of it
        # Some exporters leave (1, D, 1, 1).
        if len(shape) < 2 or any(isinstance(n, int) and n != 1 for n in shape[2:]):
            raise self._unfit(f"expected an output (N, D), got {_shown(shape)} named {node.name!r}")
        known = isinstance(shape[1], int) and all(isinstance(n, int) for n in shape[2:])
        return node.name, shape[1] if known else None

    def _unfit(self, why: str) -> ModelError:
        advice = f"; {self._spec.advice}" if self._spec.advice else ""
        return ModelError(f"{self._file.path} is no file for {self._spec.name}: {why}{advice}")


def _shown(shape: Sequence[Any]) -> str:
    return "(" + ", ".join(str(n) if isinstance(n, int) else "N" for n in shape) + ")"


def _got(rows: F32 | str) -> str:
    return rows if isinstance(rows, str) else str(rows.shape)
