"""The shapes in which people keep names and encodings -> one row an encoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from maskwise.errors import InputError

MAX_NUMBERS: Final = 1 << 27
"""The most numbers in all: a million encodings of 128. A file may name one array many times."""

_NUMBERS: Final = {int, float}
_SHAPES: Final = (
    "a dict of names and encodings, or lists of names and of encodings (docs/importing.md)"
)


class Rows:
    """Collects names and encodings from values as files hold them.

    source: for messages. names: as they were given, but as text. Every method raises InputError
    for what it cannot take.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.names: list[str] = []
        self._blocks: list[npt.NDArray[Any]] = []
        self._numbers = 0

    def encodings(self) -> npt.NDArray[Any]:
        """(N, D), in the order of ``names``."""
        if not self._blocks:
            raise InputError(f"{self.source}: holds no encodings")
        width, row = self._blocks[0].shape[1], 0
        for block in self._blocks:
            if block.shape[1] != width:
                raise InputError(
                    f"{self.source}: row {row + 1} ({self.names[row][:100]!r}) has "
                    f"{block.shape[1]} numbers, and the first one {width}; all must come from one "
                    "encoder"
                )
            row += len(block)
        return np.concatenate(self._blocks)

    def add_value(self, value: Any, names: Sequence[Any] | None = None) -> None:
        """All that a file holds; names: where they come from elsewhere."""
        if names is not None:
            self._columns(names, self._alone(value))
        elif isinstance(value, dict):
            self._dict(value)
        elif isinstance(value, (list, tuple)):
            self._list(value)
        elif _is_array(value) and value.ndim > 0 and value.dtype.kind in "fiu":
            raise self._nameless()
        else:
            raise self._unknown()

    def _unknown(self) -> InputError:
        return InputError(f"{self.source}: expected {_SHAPES}")

    def _nameless(self) -> InputError:
        return InputError(
            f"{self.source}: holds encodings without names; give a file with one name a row: "
            "--names FILE"
        )

    def _alone(self, value: Any) -> Any:
        """The encodings of a value that has no names."""
        if isinstance(value, dict) and "names" not in value:
            if "encodings" in value:
                return value["encodings"]
            if len(value) == 1:
                (value,) = value.values()
        if isinstance(value, dict) or (
            isinstance(value, (list, tuple)) and any(_has_names(item) for item in value[:2])
        ):
            raise InputError(f"{self.source}: has names of its own; leave --names away")
        return value

    def _dict(self, value: dict[Any, Any]) -> None:
        if "names" in value and "encodings" in value:
            self._columns(value["names"], value["encodings"])
        elif "name" in value and "encoding" in value:
            self._person(value["name"], value["encoding"])
        elif len(value) == 2 and self._two_columns(*value.values()):
            pass
        elif set(value) in ({"encodings"}, {"arr_0"}):
            raise self._nameless()
        else:
            for name, encodings in value.items():
                self._person(name, encodings)

    def _list(self, value: Sequence[Any]) -> None:
        if len(value) == 2 and self._two_columns(*value):
            return
        if value and (_is_number(value[0]) or _is_array(value[0]) or _is_vector(value[0])):
            raise self._nameless()
        for row, item in enumerate(value, 1):
            if isinstance(item, dict) and "name" in item:
                found = [item[key] for key in ("encoding", "encodings") if key in item]
                if len(found) == 1:
                    self._person(item["name"], found[0])
                    continue
            elif isinstance(item, (list, tuple)) and len(item) == 2:
                named = [_is_name(part) for part in item]
                if sum(named) == 1:
                    self._person(item[named.index(True)], item[named.index(False)])
                    continue
            raise InputError(
                f"{self.source}: row {row}: expected a name with an encoding; the file may hold "
                f"{_SHAPES}"
            )

    def _two_columns(self, a: Any, b: Any) -> bool:
        """Take the two as names and encodings, if one of them is names."""
        if _are_names(a) == _are_names(b):
            return False
        self._columns(*((a, b) if _are_names(a) else (b, a)))
        return True

    def _columns(self, names: Any, encodings: Any) -> None:
        if _is_array(names) and names.ndim == 1:
            names = names.tolist()
        if not isinstance(names, (list, tuple)):
            raise InputError(f"{self.source}: expected names as a list of text")
        if len(encodings) if _is_array(encodings) and encodings.ndim else encodings:
            block = self._block(encodings, "the encodings")
        else:
            raise InputError(f"{self.source}: holds no encodings")
        if len(block) != len(names):
            raise InputError(
                f"{self.source}: {len(names)} names for {len(block)} encodings; expected as many "
                "of one as of the other"
            )
        self._add([self._name(name, row) for row, name in enumerate(names, 1)], block)

    def _person(self, name: Any, encodings: Any) -> None:
        text = self._name(name, len(self.names) + 1)
        block = self._block(encodings, repr(text[:100]))
        self._add([text] * len(block), block)

    def _add(self, names: list[str], block: npt.NDArray[Any]) -> None:
        self._numbers += block.size
        if self._numbers > MAX_NUMBERS:
            raise InputError(
                f"{self.source}: holds more than {MAX_NUMBERS:,} numbers; split it into several"
            )
        self.names += names
        self._blocks.append(block)

    def _name(self, name: Any, row: int) -> str:
        if isinstance(name, bytes):
            try:
                return name.decode("utf-8")
            except UnicodeDecodeError:
                raise InputError(f"{self.source}: row {row}: the name is not UTF-8") from None
        if type(name) is int:
            return str(name)
        if not isinstance(name, str):
            raise InputError(
                f"{self.source}: row {row}: a person's name is text, got {type(name).__name__}"
            )
        return name

    def _block(self, value: Any, of: str) -> npt.NDArray[Any]:
        """(K, D) numbers from one encoding or several."""
        if _is_array(value):
            if value.dtype.kind not in "fiu" or value.ndim not in (1, 2) or not value.size:
                raise self._no_encoding(of, f"an array {value.shape} of {value.dtype}")
            return value[None] if value.ndim == 1 else value  # type: ignore[no-any-return]
        if not isinstance(value, (list, tuple)):
            raise self._no_encoding(of, type(value).__name__)
        if not value:
            raise self._no_encoding(of, "an empty list")
        if _is_number(value[0]):
            return self._vector(value, of)[None]
        vectors = [
            item
            if _is_array(item) and item.ndim == 1 and item.size and item.dtype.kind in "fiu"
            else self._vector(item, f"{of}: encoding {k}")
            for k, item in enumerate(value, 1)
        ]
        for k, vector in enumerate(vectors, 1):
            if len(vector) != len(vectors[0]):
                raise InputError(
                    f"{self.source}: {of}: encoding {k} has {len(vector)} numbers, and the first "
                    f"one {len(vectors[0])}; all must come from one encoder"
                )
        if len(vectors) * len(vectors[0]) > MAX_NUMBERS:  # before they are copied
            self._numbers = MAX_NUMBERS
            self._add([], np.empty((1, 1)))
        return np.stack(vectors)

    def _vector(self, value: Any, of: str) -> npt.NDArray[np.float64]:
        if not isinstance(value, (list, tuple)):
            got = f"an array {value.shape}" if _is_array(value) else type(value).__name__
            raise self._no_encoding(of, got)
        kinds = set(map(type, value))
        if not kinds:
            raise self._no_encoding(of, "an empty list")
        if not kinds <= _NUMBERS:
            odd = sorted(kind.__name__ for kind in kinds - _NUMBERS)
            raise self._no_encoding(of, f"a list with {', '.join(odd)} in it")
        try:
            return np.array(value, np.float64)
        except OverflowError:
            raise self._no_encoding(of, "a number that is much too large") from None

    def _no_encoding(self, of: str, got: str) -> InputError:
        return InputError(
            f"{self.source}: {of}: expected one encoding, or a list of encodings, as numbers, got "
            f"{got}"
        )


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _is_number(value: Any) -> bool:
    return type(value) in _NUMBERS


def _is_vector(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and _is_number(value[0])


def _is_name(value: Any) -> bool:
    return isinstance(value, (str, bytes))


def _are_names(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.dtype.kind in "US"
    return isinstance(value, (list, tuple)) and bool(value) and all(map(_is_name, value))


def _has_names(value: Any) -> bool:
    if isinstance(value, dict):
        return "name" in value
    return _is_name(value) or (
        (_is_array(value) and value.dtype.kind in "US")
        or (isinstance(value, (list, tuple)) and any(map(_is_name, value[:2])))
    )
