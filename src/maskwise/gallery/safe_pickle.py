"""Read plain values from a pickle without running any of it.

``pickle.load`` calls whatever the file names. This reader never does: it interprets the opcodes
itself (protocols 0 to 5, as the standard library's ``pickletools`` documents them), and the
globals that NumPy's arrays need are words to it, not objects (``pickled_numpy``). It knows no
import and no call. What it gives: None, bool, int, float, str, bytes, list, tuple, dict, and NumPy
arrays of numbers or text. A NumPy scalar comes as Python's own value, an array of objects as a
list.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from maskwise.errors import InputError
from maskwise.gallery.pickled_numpy import (
    RefusedError,
    Unfinished,
    Word,
    completed,
    made,
    word,
)

MAX_VALUES: Final = 20_000_000
"""The most steps that a pickle may take: 150,000 lists of 128 numbers, or a million arrays. An
empty dict takes one byte of the file and 64 of memory, so the size of the file is no limit."""

MAX_DIGITS: Final = 400
"""The longest number in digits: converting decimal digits takes quadratic time."""

REMEDY: Final = (
    "save the names and encodings as .npz, .json or .csv where this file was made "
    "(docs/importing.md shows how)"
)

_MARK: Final = object()
_HOLDING: Final = frozenset({list, tuple, dict})
_VALUES: Final = _HOLDING | {type(None), bool, int, float, str, bytes, np.ndarray}


def loads(data: bytes, source: str = "<pickle>", *, max_values: int = MAX_VALUES) -> Any:
    """The value that the pickle ``data`` holds, of the types that the module names.

    source: what the messages call it. Bytes after the end of the pickle
    are ignored, as Python does. A list may hold itself: walk what you get with a limit.
    Raises InputError for everything else: a global, a class or an extension (by name), a damaged
    or truncated file, and more than ``max_values`` steps.
    """
    try:
        return _Reader(data, source, max_values).run()
    except RefusedError as error:
        what = str(error)
        shown = what if what.isprintable() and len(what) < 200 else ascii(what[:200])
        raise InputError(
            f"{source}: refused, because the pickle asks for {shown}; only lists, dicts, text, "
            f"numbers and NumPy arrays are read, and no code is run: {REMEDY}"
        ) from None
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(
            f"{source}: a damaged or unusual pickle ({type(error).__name__}); {REMEDY}"
        ) from error


_DAMAGE: Final = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
    RecursionError,
    MemoryError,
)


class _Reader:
    """A stack machine, as pickles are written for; one use."""

    def __init__(self, data: bytes, source: str, max_values: int) -> None:
        self.data = data
        self.source = source
        self.at = 0
        self.left = max_values
        # Real pickles decode no text twice: what that makes is bounded by the file itself.
        self.text_left = 2 * len(data)
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        data, end, stack = self.data, len(self.data), self.stack
        while self.at < end:
            code = data[self.at]
            self.at += 1
            self.spend(1)
            if code == _STOP:
                value = self.pop()
                if stack:
                    raise ValueError("more than one value")
                _check(value)
                return value
            if code == _BINFLOAT:
                stack += self.floats()
                continue
            step = _STEPS.get(code)
            if step is None:
                raise RefusedError(_REFUSED.get(code) or f"the unknown opcode {code:#04x}")
            step(self)
        raise self.cut_off()

    # What the steps are made of.

    def cut_off(self) -> InputError:
        return InputError(f"{self.source}: the pickle is cut off; copy the file again")

    def too_much(self) -> InputError:
        return InputError(
            f"{self.source}: refused, because the pickle makes too many values; split it, or "
            "save arrays instead of lists of numbers"
        )

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise self.too_much()

    def spend_text(self, size: int) -> None:
        self.text_left -= size
        if self.text_left < 0:
            raise self.too_much()

    def take(self, count: int) -> bytes:
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            raise self.cut_off()
        return self.data[start : self.at]

    def number(self, form: struct.Struct) -> Any:
        return form.unpack(self.take(form.size))[0]

    def sized(self, form: struct.Struct) -> bytes:
        return self.take(self.number(form))

    def line(self, limit: int | None = None) -> bytes:
        stop = self.data.find(b"\n", self.at)
        if stop < 0:
            raise self.cut_off()
        if limit is not None and stop - self.at > limit:
            raise ValueError("a number of too many digits")
        text, self.at = self.data[self.at : stop], stop + 1
        return text

    def digits(self) -> bytes:
        return self.line(MAX_DIGITS).strip()

    def floats(self) -> list[float]:
        """The number at hand and all that follow it directly: most of a list of numbers."""
        run = _FLOATS.match(self.data, self.at - 1)
        if run is None:
            return [float(self.number(_F64))]
        rows = np.frombuffer(run[0], np.dtype([("code", "S1"), ("value", ">f8")]))
        self.at = run.end()
        self.spend(len(rows) - 1)
        values: list[float] = rows["value"].tolist()
        return values

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value is due")
        return value

    def top(self, kind: type) -> Any:
        value = self.stack[-1]
        if type(value) is not kind:
            raise ValueError(f"expected a {kind.__name__}")
        return value

    def since_mark(self) -> list[Any]:
        stack = self.stack
        for place in range(len(stack) - 1, -1, -1):
            if stack[place] is _MARK:
                items = stack[place + 1 :]
                del stack[place:]
                return items
        raise ValueError("no mark")

    def put(self, key: int) -> None:
        value = self.stack[-1]
        if value is _MARK:
            raise ValueError("a mark where a value is due")
        if isinstance(value, Unfinished):
            value.places.append(key)
        self.memo[key] = value

    def fill(self, items: list[Any]) -> None:
        target = self.top(dict)
        if len(items) % 2:
            raise ValueError("a key without a value")
        for key in items[::2]:
            # No key whose hash the file chooses freely, nor one that walks a nest of tuples.
            whole = type(key) is int and abs(key) < 1 << 60
            if not whole and type(key) not in (str, bytes):
                raise RefusedError("a dict with keys other than text")
        target.update(zip(items[::2], items[1::2], strict=True))

    def stack_word(self) -> None:
        name, module = self.pop(), self.pop()
        if type(name) is not str or type(module) is not str:
            raise ValueError("a global's name is text")
        self.push(word(module, name))

    def call(self) -> None:
        given, called = self.pop(), self.pop()
        if not isinstance(called, Word) or type(given) is not tuple:
            raise ValueError("nothing that may be called")
        self.push(made(called, given, self.spend_text))

    def build(self) -> None:
        state, target = self.pop(), self.pop()
        if not isinstance(target, Unfinished) or type(state) is not tuple:
            raise RefusedError("an object with a state of its own")
        value = completed(target, state, self.spend_text)
        for key in target.places:
            if self.memo.get(key) is target:
                self.memo[key] = value
        self.push(value)


def _check(value: Any) -> None:
    """RefusedError unless ``value`` is made of the types promised; each part is looked at once."""
    seen: set[int] = set()
    waiting = [[value]]
    while waiting:
        items: Any = waiting.pop()
        kinds = set(map(type, items))
        if not kinds <= _VALUES:
            odd = next(item for item in items if type(item) not in _VALUES)
            raise RefusedError(odd.name if isinstance(odd, Word) else "an object without a state")
        if kinds & _HOLDING:
            for item in items:
                if type(item) in _HOLDING and id(item) not in seen:
                    seen.add(id(item))
                    waiting.append(list(item.values()) if type(item) is dict else item)


def _pushing(read: Callable[[_Reader], Any]) -> Callable[[_Reader], None]:
    """A step that pushes what ``read`` gives."""
    return lambda r: r.stack.append(read(r))


def _whole(text: bytes) -> int | bool:
    """Protocol 0 writes False as 00 and True as 01."""
    return text == b"01" if text in (b"00", b"01") else int(text)


def _old_string(raw: bytes) -> str | bytes:
    """Python 2's str, which held text and bytes alike."""
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        return raw


def _unquoted(text: bytes) -> bytes:
    """What Python 2's ``repr`` of a str stands for."""
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise ValueError("a string without quotes")
    return _ESCAPE.sub(lambda m: _unescaped(m[1]), text[1:-1])


def _unescaped(code: bytes) -> bytes:
    return bytes([int(code[1:], 16)]) if len(code) == 3 else _ESCAPES.get(code, b"\\" + code)


def _tuple(count: int) -> Callable[[_Reader], None]:
    def step(r: _Reader) -> None:
        items = [r.pop() for _ in range(count)]
        r.push(tuple(items[::-1]))

    return step


def _append(r: _Reader) -> None:
    item = r.pop()
    r.top(list).append(item)


def _appends(r: _Reader) -> None:
    items = r.since_mark()
    r.top(list).extend(items)


def _set_item(r: _Reader) -> None:
    value, key = r.pop(), r.pop()
    r.fill([key, value])


def _dict_of_marked(r: _Reader) -> None:
    items = r.since_mark()
    r.push({})
    r.fill(items)


def _protocol(r: _Reader) -> None:
    if r.take(1)[0] > 5:
        raise RefusedError("a protocol above 5")


def _instance(r: _Reader) -> None:
    module, name = (r.line().decode("utf-8", "replace") for _ in range(2))
    raise RefusedError(f"{module}.{name}")


_U8, _U16, _I32, _U32, _U64, _F64 = map(struct.Struct, ("B", "<H", "<i", "<I", "<Q", ">d"))
_STOP: Final = ord(".")
_BINFLOAT: Final = ord("G")
# Not without an end: a match of the whole file would hold up Ctrl-C.
_FLOATS: Final = re.compile(rb"(?:G.{8}){2,4096}", re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\", b"'": b"'", b'"': b'"'}
_STEPS: Final[dict[int, Callable[[_Reader], Any]]] = {
    ord(code): step
    for code, step in {
        "\x80": _protocol,
        "\x95": lambda r: r.take(8),  # a frame's size: how the file is cut up, nothing more
        "(": lambda r: r.push(_MARK),
        "0": lambda r: r.stack.pop(),
        "1": lambda r: r.since_mark(),
        "2": _pushing(lambda r: r.stack[-1]),
        # Values.
        "N": _pushing(lambda r: None),
        "\x88": _pushing(lambda r: True),
        "\x89": _pushing(lambda r: False),
        "I": _pushing(lambda r: _whole(r.digits())),
        "L": _pushing(lambda r: int(r.digits().rstrip(b"L"))),
        "J": _pushing(lambda r: r.number(_I32)),
        "K": _pushing(lambda r: r.number(_U8)),
        "M": _pushing(lambda r: r.number(_U16)),
        "\x8a": _pushing(lambda r: int.from_bytes(r.sized(_U8), "little", signed=True)),
        "F": _pushing(lambda r: float(r.digits())),
        "S": _pushing(lambda r: _old_string(_unquoted(r.line().strip()))),
        "T": _pushing(lambda r: _old_string(r.sized(_U32))),
        "U": _pushing(lambda r: _old_string(r.sized(_U8))),
        "V": _pushing(lambda r: str(r.line(), "raw-unicode-escape")),
        "X": _pushing(lambda r: str(r.sized(_U32), "utf-8", "surrogatepass")),
        "\x8c": _pushing(lambda r: str(r.sized(_U8), "utf-8", "surrogatepass")),
        "\x8d": _pushing(lambda r: str(r.sized(_U64), "utf-8", "surrogatepass")),
        "B": _pushing(lambda r: r.sized(_U32)),
        "C": _pushing(lambda r: r.sized(_U8)),
        "\x8e": _pushing(lambda r: r.sized(_U64)),
        "\x96": _pushing(lambda r: r.sized(_U64)),  # a bytearray
        # Containers.
        "]": _pushing(lambda r: []),
        "}": _pushing(lambda r: {}),
        ")": _pushing(lambda r: ()),
        "l": _pushing(lambda r: r.since_mark()),
        "t": _pushing(lambda r: tuple(r.since_mark())),
        "d": _dict_of_marked,
        "\x85": _tuple(1),
        "\x86": _tuple(2),
        "\x87": _tuple(3),
        "a": _append,
        "e": _appends,
        "s": _set_item,
        "u": lambda r: r.fill(r.since_mark()),
        # The memo.
        "p": lambda r: r.put(int(r.digits())),
        "q": lambda r: r.put(r.number(_U8)),
        "r": lambda r: r.put(r.number(_U32)),
        "\x94": lambda r: r.put(len(r.memo)),
        "g": _pushing(lambda r: r.memo[int(r.digits())]),
        "h": _pushing(lambda r: r.memo[r.number(_U8)]),
        "j": _pushing(lambda r: r.memo[r.number(_U32)]),
        # Where a real unpickler would import and call.
        "c": _pushing(lambda r: word(str(r.line(), "utf-8"), str(r.line(), "utf-8"))),
        "\x93": lambda r: r.stack_word(),
        "R": lambda r: r.call(),
        "b": lambda r: r.build(),
        "i": _instance,
    }.items()
}
_REFUSED: Final = {
    ord(code): what
    for codes, what in {
        "o\x81\x92": "an object of a class",
        "\x82\x83\x84": "an extension (copyreg)",
        "PQ": "a persistent id",
        "\x8f\x90": "a set",
        "\x91": "a frozenset",
        "\x97\x98": "a buffer outside the file",
        "\x8b": "a very long whole number",
    }.items()
    for code in codes
}
