"""What stands at the head of an ONNX file, read without the onnx package.

An ONNX file is one message in protobuf's wire format (https://protobuf.dev/programming-guides/
encoding/); the numbers of its fields are those of onnx.proto3. Only the few that are named here
are read, weights are stepped over. The file may be anybody's: whatever it holds, the answer is a
GraphSummary or a ModelError.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maskwise.errors import ModelError
from maskwise.models.runtime.protobuf import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    DamagedError,
    Field,
    fields,
    must_be,
    number_of,
    signed,
    varint,
)

DEFAULT_DOMAIN: Final = "ai.onnx"
"""What the domain of ONNX's own operators is called here; files leave it empty."""

_LONGEST_TEXT: Final = 1000  # bytes of a name; the rest is cut off
_MOST_DIMENSIONS: Final = 8
_FIRST_BYTE: Final = 0x08  # of every ONNX file that we met: the key of ir_version

# TensorProto.DataType -> how one value stands in raw_data, and which field holds it otherwise.
_RAW: Final = {1: "<f", 6: "<i", 7: "<q", 10: "<e", 11: "<d"}
_TYPED: Final = {1: (4, "<f"), 6: (5, ""), 7: (7, ""), 11: (10, "<d")}

_HEADS: Final = (
    (b"version https://git-lfs", "it is a Git LFS pointer, not the file: git lfs pull fetches it"),
    (b"PK\x03\x04", "it is a zip file: unpack it first"),
    (b"\x80\x02", "it is a pickle (PyTorch?), which nothing here loads"),
    (b"<", "it is a web page: the download went wrong"),
)


@dataclass(frozen=True, slots=True)
class GraphSummary:
    """What ``read_graph`` found.

    opsets: domain -> version, ONNX's own as ``ai.onnx``. producer: who wrote the file, with the
    version. nodes: (op_type, name) of the first ones. node_inputs: the names of what each of them
    takes. scalars: name -> value of initializers and Constant nodes with a single number; of the
    Constants, those among ``nodes``. inputs, outputs: the graph's, without initializers.
    """

    ir_version: int
    opsets: dict[str, int]
    producer: str
    nodes: tuple[tuple[str, str], ...]
    node_inputs: tuple[tuple[str, ...], ...]
    scalars: dict[str, float]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read_graph(path: str | os.PathLike[str], most_nodes: int = 16) -> GraphSummary:
    """The head of the ONNX file ``path``; of its nodes the first ``most_nodes``, in file order.

    Raises ModelError in one line when the file is missing, is no ONNX or is cut short. That it
    returns does not mean that ONNX Runtime can run the file.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            if not stream.read(1):
                raise ModelError(f"{file} is no ONNX file: it is empty")
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _summary(data, file, most_nodes)
    except (OSError, ValueError) as error:  # ValueError: a name with a null in it, a pipe
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"model file {file} cannot be read ({reason})") from error


def _summary(data: mmap.mmap, file: Path, most_nodes: int) -> GraphSummary:
    try:
        found = _Model(data, most_nodes)
    except DamagedError as error:
        head = data[:64].lstrip()
        for beginning, words in _HEADS:
            if head.startswith(beginning):
                raise ModelError(f"{file} is no ONNX file: {words}") from None
        if data[4:8] == b"ORTM":
            raise ModelError(
                f"{file} is no ONNX file but one of ONNX Runtime's own; name it .ort"
            ) from None
        if data[0] == _FIRST_BYTE:
            raise ModelError(f"the ONNX file {file} is damaged or cut short ({error})") from None
        raise ModelError(f"{file} is no ONNX file ({error})") from None
    return GraphSummary(
        ir_version=found.ir_version,
        opsets=found.opsets,
        producer=" ".join(part for part in found.producer if part),
        nodes=tuple(found.nodes),
        node_inputs=tuple(found.node_inputs),
        scalars=found.scalars,
        inputs=tuple(name for name in found.inputs if name not in found.initializers),
        outputs=tuple(found.outputs),
    )


class _Model:
    """A ModelProto, as far as it is asked for."""

    def __init__(self, data: mmap.mmap, most_nodes: int) -> None:
        self._data = data
        self._most_nodes = most_nodes
        self.ir_version = 0
        self.opsets: dict[str, int] = {}
        self.producer = ["", ""]
        self.nodes: list[tuple[str, str]] = []
        self.node_inputs: list[tuple[str, ...]] = []
        self.scalars: dict[str, float] = {}
        self.initializers: set[str] = set()
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        has_graph = False
        for field in fields(data, 0, len(data)):
            if field.number == 1:
                self.ir_version = number_of(field)
            elif field.number in (2, 3):
                self.producer[field.number - 2] = self._text(field)
            elif field.number == 8:
                self._opset(field)
            elif field.number == 7:
                has_graph = True
                self._graph(field)
        if not has_graph or self.ir_version < 1:
            raise DamagedError("it has no graph")

    def _opset(self, message: Field) -> None:
        domain, version = "", 0
        for field in self._inside(message):
            if field.number == 1:
                domain = self._text(field)
            elif field.number == 2:
                version = number_of(field)
        self.opsets[domain or DEFAULT_DOMAIN] = version

    def _graph(self, message: Field) -> None:
        for field in self._inside(message):
            if field.number == 1 and len(self.nodes) < self._most_nodes:
                self._node(field)
            elif field.number == 5:
                name, value = self._tensor(field)
                self.initializers.add(name)
                if value is not None:
                    self.scalars[name] = value
            elif field.number in (11, 12):
                (self.inputs if field.number == 11 else self.outputs).append(self._name(field))

    def _name(self, message: Field) -> str:
        """Of a ValueInfoProto."""
        names = [self._text(field) for field in self._inside(message) if field.number == 1]
        return names[-1] if names else ""

    def _node(self, message: Field) -> None:
        inputs: list[str] = []
        outputs: list[str] = []
        name = op_type = ""
        value: float | None = None
        for field in self._inside(message):
            if field.number == 1:
                inputs.append(self._text(field))
            elif field.number == 2:
                outputs.append(self._text(field))
            elif field.number == 3:
                name = self._text(field)
            elif field.number == 4:
                op_type = self._text(field)
            elif field.number == 5:
                value = self._attribute(field)
        self.nodes.append((op_type, name))
        self.node_inputs.append(tuple(inputs))
        if op_type == "Constant" and value is not None and len(outputs) == 1:
            self.scalars[outputs[0]] = value

    def _attribute(self, message: Field) -> float | None:
        """The number that a Constant's attribute is."""
        name, found = "", None
        for field in self._inside(message):
            if field.number == 1:
                name = self._text(field)
            elif field.number == 2:
                found = _unpacked("<f", self._raw(field, FIXED32, 4))
            elif field.number == 3:
                found = float(number_of(field))
            elif field.number == 5:
                found = self._tensor(field)[1]
        return found if name in ("value", "value_float", "value_int") else None

    def _tensor(self, message: Field) -> tuple[str, float | None]:
        """A TensorProto's name, and its value where it is a single number of a known type."""
        dimensions: list[int] = []
        kind, name, elsewhere = 0, "", False
        contents: dict[int, Field] = {}
        for field in self._inside(message):
            if field.number == 1:
                dimensions += self._dimensions(field)
            elif field.number == 2:
                kind = number_of(field)
            elif field.number == 8:
                name = self._text(field)
            elif field.number in (4, 5, 7, 9, 10):
                contents[field.number] = field
            elif field.number == 14:
                elsewhere = number_of(field) == 1
        if elsewhere or any(size != 1 for size in dimensions):
            return name, None
        return name, self._single(kind, contents)

    def _single(self, kind: int, contents: dict[int, Field]) -> float | None:
        if 9 in contents and kind in _RAW:
            form = _RAW[kind]
            return _unpacked(form, self._raw(contents[9], BYTES, struct.calcsize(form)))
        number, form = _TYPED.get(kind, (0, ""))
        field = contents.get(number)
        if field is None:
            return None
        if not form:  # an integer; packed, or alone
            if field.wire == VARINT:
                return float(number_of(field))
            value, end = varint(self._data, field.start, field.end)
            return float(signed(value)) if end == field.end else None
        size = struct.calcsize(form)
        wire = BYTES if field.wire == BYTES else (FIXED32 if size == 4 else FIXED64)
        return _unpacked(form, self._raw(field, wire, size))

    def _dimensions(self, field: Field) -> list[int]:
        if field.wire == VARINT:
            return [number_of(field)]
        must_be(field, BYTES)
        found: list[int] = []
        at = field.start
        while at < field.end and len(found) < _MOST_DIMENSIONS:
            value, at = varint(self._data, at, field.end)
            found.append(signed(value))
        return found

    def _raw(self, field: Field, wire: int, size: int) -> bytes:
        """Empty where it is of another size than ``size`` bytes."""
        must_be(field, wire)
        return self._data[field.start : field.end] if field.end - field.start == size else b""

    def _text(self, field: Field) -> str:
        must_be(field, BYTES)
        end = min(field.end, field.start + _LONGEST_TEXT)
        return self._data[field.start : end].decode("utf-8", "replace")

    def _inside(self, field: Field) -> Iterator[Field]:
        must_be(field, BYTES)
        return fields(self._data, field.start, field.end)


def _unpacked(form: str, raw: bytes) -> float | None:
    return float(struct.unpack(form, raw)[0]) if raw else None
