"""NumPy's arrays in pickles: the few words that they need, understood without NumPy's own code.

NumPy pickles an array as a call of ``_reconstruct`` or ``_frombuffer`` and a state. Here these
are names; the array is a view of bytes that the file holds, of a dtype of numbers or text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_ARRAY: Final = "numpy.ndarray"
_DTYPE: Final = "numpy.dtype"
_RECONSTRUCT: Final = "numpy.core.multiarray._reconstruct"
_SCALAR: Final = "numpy.core.multiarray.scalar"
_FROM_BUFFER: Final = "numpy.core.numeric._frombuffer"
# How Python 3 writes bytes in the protocols of Python 2.
_ENCODE: Final = "_codecs.encode"
_BYTES: Final = "builtins.bytes"
_KNOWN: Final = {_ARRAY, _DTYPE, _RECONSTRUCT, _SCALAR, _FROM_BUFFER, _ENCODE, _BYTES}
_OLDER: Final = {"numpy._core": "numpy.core", "__builtin__": "builtins"}
"""NumPy 2's modules by NumPy 1's names, Python 2's by Python 3's."""

_DTYPE_TEXT: Final = re.compile(
    r"[|<>=]?(?:[biuf]\d{1,2}|[?bBhHiIlLqQefd]|[SU][1-9]\d{0,5}|O8?)", re.ASCII
)
_OTHER_KIND: Final = "an array of another kind than numbers and text"
_MAX_NDIM: Final = 4
_MAX_SIDE: Final = 1 << 40

SpendText = Callable[[int], None]
"""Told of every text that is turned into bytes, with its length; raises when it is too much."""


class RefusedError(Exception):
    """What the pickle asks for and does not get; ``safe_pickle.loads`` says it in an InputError."""


class Word:
    """A global that the pickle names and this reader understands; never the thing itself."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Unfinished:
    """An array or dtype whose state is still to come.

    dtype: None for an array. places: the memo's keys that hold it.
    """

    __slots__ = ("dtype", "places")

    def __init__(self, dtype: np.dtype[Any] | None = None) -> None:
        self.dtype = dtype
        self.places: list[int] = []


def word(module: str, name: str) -> Word:
    """The word for a global; RefusedError, with its name, unless it is one of the few."""
    full = f"{module}.{name}"
    for newer, older in _OLDER.items():
        if module == newer or module.startswith(f"{newer}."):
            full = f"{older}{module[len(newer) :]}.{name}"
    if full not in _KNOWN:
        raise RefusedError(f"{module}.{name}")
    return Word(full)


def made(called: Word, given: tuple[Any, ...], spend_text: SpendText) -> Any:
    """What a call of ``called`` with ``given`` stands for.

    Raises RefusedError, and ValueError or TypeError for arguments that NumPy does not write.
    """
    if called.name == _RECONSTRUCT:
        kind, _, _ = given
        if not isinstance(kind, Word) or kind.name != _ARRAY:
            raise RefusedError(_OTHER_KIND)
        return Unfinished()
    if called.name == _DTYPE:
        return Unfinished(_dtype(given[0]))
    if called.name == _SCALAR:
        dtype, raw = given
        return _array((), dtype, raw, spend_text).item()
    if called.name == _FROM_BUFFER:
        raw, dtype, shape, order = given
        return _array(shape, dtype, raw, spend_text, fortran=_text(order) == "F")
    if called.name == _ENCODE:
        text, encoding = given
        if type(text) is not str or _text(encoding) not in ("latin1", "latin-1"):
            raise RefusedError("an encoding of text other than Latin 1")
        spend_text(len(text))
        return text.encode("latin-1")
    if called.name == _BYTES and not given:
        return b""
    raise RefusedError(f"a call of {called.name}")


def completed(target: Unfinished, state: tuple[Any, ...], spend_text: SpendText) -> Any:
    """The array or dtype ``target`` with the state that NumPy wrote; raises as ``made``.

    An array of objects gives a list, or where it has no dimension, what it holds.
    """
    if target.dtype is not None:
        # Version, byte order; then what structured types have alone; then sizes.
        if any(part is not None for part in state[2:5]):
            raise RefusedError(_OTHER_KIND)
        order = _text(state[1])
        if order not in ("<", ">", "|", "="):
            raise ValueError("no byte order")
        return target.dtype.newbyteorder(order)  # type: ignore[arg-type]
    _, shape, dtype, fortran, raw = state
    if not isinstance(dtype, np.dtype) or not dtype.hasobject:
        return _array(
            shape, dtype, raw, spend_text, fortran=type(fortran) in (bool, int) and bool(fortran)
        )
    if type(raw) is not list or len(raw) != _count(shape) or len(shape) > 1:
        raise RefusedError("an unusual array of objects")
    return raw if shape else raw[0]


def check_text(flat: npt.NDArray[Any]) -> None:
    """ValueError for a (N,) contiguous array of text that is no Unicode.

    NumPy takes it as it is, and fails when it is looked at, with a SystemError at times.
    """
    if flat.dtype.kind == "U" and flat.size:
        points = flat.view(f"{flat.dtype.byteorder}u4")
        if points.max() > 0x10FFFF:
            raise ValueError("text that is no Unicode")


def _text(value: Any) -> str:
    """Text that Python 3, or 2, wrote."""
    if type(value) is bytes:
        return value.decode("ascii")
    if type(value) is not str:
        raise TypeError("expected text")
    return value


def _dtype(value: Any) -> np.dtype[Any]:
    text = _text(value)
    if not _DTYPE_TEXT.fullmatch(text):
        raise RefusedError(_OTHER_KIND)
    return np.dtype(text)


def _count(shape: Any) -> int:
    if (
        type(shape) is not tuple
        or len(shape) > _MAX_NDIM
        or not all(type(side) is int and 0 <= side < _MAX_SIDE for side in shape)
    ):
        raise ValueError("an array without a shape")
    return math.prod(shape)


def _array(
    shape: Any, dtype: Any, raw: Any, spend_text: SpendText, *, fortran: bool = False
) -> npt.NDArray[Any]:
    """A read-only view of ``raw``."""
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise RefusedError(_OTHER_KIND)
    count = _count(shape)
    if type(raw) is str:  # Python 2's bytes that happen to be ASCII
        spend_text(len(raw))
        raw = raw.encode("ascii")
    if type(raw) is not bytes or len(raw) != count * dtype.itemsize:
        raise ValueError("an array of another size than it says")
    # frombuffer refuses to make an array of nothing.
    flat: npt.NDArray[Any] = np.frombuffer(raw, dtype) if raw else np.zeros(0, dtype)
    check_text(flat)
    shaped: npt.NDArray[Any] = flat.reshape(shape, order="F" if fortran else "C")
    return shaped
