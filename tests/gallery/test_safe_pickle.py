"""The restricted pickle reader: what it reads, what it refuses, and that it never runs anything."""

from __future__ import annotations

import builtins
import collections
import datetime
import os
import pickle
import pickletools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwise.errors import InputError
from maskwise.gallery import safe_pickle
from maskwise.gallery.safe_pickle import loads

PROTOCOLS = range(6)
ROWS = np.random.default_rng(0).normal(size=(3, 8))


def same(got: Any, want: Any) -> bool:
    """Equal in value and in type, arrays among them."""
    if isinstance(want, np.ndarray):
        return (
            isinstance(got, np.ndarray)
            and got.dtype == want.dtype
            and got.shape == want.shape
            and bool((got == want).all())
        )
    if isinstance(want, dict):
        return (
            type(got) is dict
            and list(got) == list(want)
            and same([*got.values()], [*want.values()])
        )
    if isinstance(want, (list, tuple)):
        return (
            type(got) is type(want)
            and len(got) == len(want)
            and all(same(a, b) for a, b in zip(got, want, strict=True))
        )
    return type(got) is type(want) and bool(got == want)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dumps", [pickle.dumps, pickle._dumps])  # type: ignore[attr-defined]
@pytest.mark.parametrize(
    "value",
    [
        {"encodings": list(ROWS), "names": ["Ada", "Zoë", ""]},
        {"Ada": ROWS[0].tolist(), "Bo": ROWS.tolist(), 7: [1, -2, 300, 70_000, 10**40]},
        (ROWS, ["Ada", "Bo", "Cy"]),
        [("Ada", ROWS[0].astype(np.float32)), ("Bo", np.asfortranarray(ROWS))],
        [ROWS.astype(">f8"), ROWS[:, ::2], np.zeros((0, 128)), np.float32([[0.5]])],
        [
            np.array(["x", "ÿé"]),
            np.array([b"x", b"yy"]),
            np.array([True]),
            np.arange(3, dtype="u1"),
        ],
        [None, True, False, 0, 1, -1, 1.5, float("inf"), "\ud800\n\\'", b"", b"\xff\x00"],
        [[[]], ({},), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ()],
    ],
)
def test_what_pickle_writes_is_read_as_it_was(value: Any, dumps: Any, protocol: int) -> None:
    assert same(loads(dumps(value, protocol)), value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_scalars_and_arrays_of_objects_become_python_s_own(protocol: int) -> None:
    given_: Any = {
        "f": np.float64(1.5),
        "i": np.int64(3),
        "s": np.str_("é"),
        "list": np.array(["Ada", None], dtype=object),
        "item": np.array({"Ada": [1.0]}, dtype=object),
    }
    want = {"f": 1.5, "i": 3, "s": "é", "list": ["Ada", None], "item": {"Ada": [1.0]}}
    assert same(loads(pickle.dumps(given_, protocol)), want)


# What Python 2 and NumPy 1 wrote: text as str, and the older names of NumPy's modules.
PYTHON_2 = (
    b"(dp0\nS'Ad\\xc3\\xa9'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\n"
    b"tp4\nS'b'\np5\ntp6\nRp7\n(I1\n(I2\ntp8\ncnumpy\ndtype\np9\n(S'f4'\np10\nI0\nI1\ntp11\nRp12\n"
    b"(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\n"
)


@pytest.mark.parametrize("values", [(0.5, 1.0), (0.1, -3.25e7)])
def test_pickles_of_python_2(values: tuple[float, float]) -> None:
    raw = struct.pack("<2f", *values)
    text = b"".join(b"\\x%02x" % byte for byte in raw)
    data = PYTHON_2 + b"S'" + text + b"'\np15\ntp16\nbs."
    assert same(loads(data), {"Adé".encode(): np.array(values, "<f4")})
    assert same(
        loads(b"(S'a\\n\\t\\'\\\\q'\nL12L\nI01\nI00\nF1e-3\nt."),
        ("a\n\t'\\q", 12, True, False, 1e-3),
    )


class Call:
    """Pickles to a call of ``function``."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.parts = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Call(os.system, "touch ran"), f"{os.name}.system"),
        (Call(builtins.eval, "open('ran', 'w')"), "eval"),
        (Call(getattr, "x", "upper"), "getattr"),
        ([Path("x")], "pathlib"),
        (datetime.date(2020, 1, 1), "datetime.date"),
        (collections.OrderedDict(a=1), "collections.OrderedDict"),
        (collections.Counter("a"), "collections.Counter"),
        (np.random.default_rng, "numpy.random"),
        (Call(np.load, "x.npy"), "numpy"),
        (Call(np.frombuffer, b"x"), "numpy"),
        ({1, 2}, "set"),
        (frozenset("a"), "frozenset"),
        (complex(1, 2), "complex"),
        (print, "print"),
        (np.ndarray, "ndarray"),
        (np.array(["2020"], "M8[D]"), "an array of another kind than numbers and text"),
        (np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), "an array of another kind"),
        (np.array([1j]), "an array of another kind"),
        (np.ma.masked_array([1.0]), "numpy.ma"),
        ({(1, 2): 3}, "a dict with keys other than text"),
        ({1 << 61: 3}, "a dict with keys other than text"),
    ],
)
def test_anything_else_is_refused_by_name_and_not_run(
    value: Any, name: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match=r"faces\.pkl: refused, because the pickle asks for"
    ) as told:
        loads(pickle.dumps(value, protocol), "faces.pkl")
    assert name in str(told.value)
    assert "docs/importing.md" in str(told.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"(.",
        b"N",
        b"NN.",
        b"\x80\x09N.",
        b"a.",
        b"]a.",
        b"(K\x01d.",
        b"h\x00.",
        b"g99\n.",
        b"NR.",
        b"N)R.",
        b")b.",
        b"N)\x81.",
        b"(K\x01o.",
        b"\x82\x01.",
        b"Pid\n.",
        b"NQ.",
        b"ios\nsystem\n.",
        b"cos\nsystem\n.",
        b"\x97.",
        b"\x8b\xff\xff\xff\x7f.",
        b"X\xff\xff\xff\xffabc.",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc.",
        b"I" + b"9" * 10_000 + b"\n.",
        b"Iabc\n.",
        b"Sabc\n.",
        b"V\\uzzzz\n.",
        b"\xee.",
        b"cnumpy\nndarray\n.",
        b"(cnumpy\nndarray\nt.",
        b"((l.",
        b"(0.",
        b"]2a.",  # a list that holds itself is read; see below
    ],
)
def test_damage_is_an_input_error(data: bytes) -> None:
    if data == b"]2a.":
        value = loads(data)
        assert value[0] is value
        return
    with pytest.raises(InputError, match="pickle"):
        loads(data)


@pytest.mark.parametrize(
    "value", [{"encodings": list(ROWS), "names": ["a", "b"]}, [1.0] * 50, "é" * 9]
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_that_is_cut_off(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    for length in range(len(data)):
        with pytest.raises(InputError, match="pickle"):
            loads(data[:length])


NDARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"


def array_state(shape: bytes, dtype: bytes, raw: bytes) -> bytes:
    made = b"cnumpy\ndtype\n(S'" + dtype + b"'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntb"
    return NDARRAY + b"(I1\n(" + shape + b"t" + made + b"I00\n" + raw + b"tb."


def test_the_array_of_the_next_tests_is_sound() -> None:
    assert same(loads(array_state(b"I2\n", b"u1", b"S'ab'\n")), np.frombuffer(b"ab", "u1"))


@pytest.mark.parametrize(
    "data",
    [
        array_state(b"I3\n", b"u1", b"S'ab'\n"),
        array_state(b"I-2\n", b"u1", b"S'ab'\n"),
        array_state(b"I1000000000000\n", b"S0", b"S''\n"),
        array_state(b"I1000000000000\n", b"u1", b"S''\n"),
        array_state(b"I1000000000000\n", b"O8", b"(l"),
        array_state(b"I2\nI2\nI2\nI2\nI2\nI2\n", b"u1", b"S'ab'\n"),
        array_state(b"N", b"u1", b"S'ab'\n"),
        array_state(b"I2\n", b"u1", b"N"),
        array_state(b"I2\n", b"M8", b"S'ab'\n"),
        array_state(b"I1\n", b"U1", b"S'\\xff\\xff\\xff\\xff'\n"),
        pickle.dumps(np.str_("bad")).replace(b"b\0\0\0", b"\xff\xff\xff\xff"),
        array_state(b"I2\n", b"f99", b"S'ab'\n"),
        array_state(b"I2\n", b"(2,2)u1", b"S'ab'\n"),
        NDARRAY + b".",
        b"(" + NDARRAY + b"t.",
        NDARRAY + b"(t" + b"b.",
        b"cnumpy\ndtype\n(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntb.",
        b"cnumpy\ndtype\n(tR.",
    ],
)
def test_arrays_that_numpy_did_not_write(data: bytes) -> None:
    with pytest.raises(InputError, match="pickle"):
        loads(data)


def test_an_array_that_is_held_twice_is_one() -> None:
    row = ROWS[0]
    first, second = loads(pickle.dumps([row, row], 2))
    assert first is second
    assert same(first, row)


@pytest.mark.parametrize(
    "bomb", [b"(" + b"]" * 5000 + b"l.", b"]" + b"2a" * 3000 + b".", b"N0" * 5000]
)
def test_small_files_that_make_much_are_stopped(bomb: bytes) -> None:
    with pytest.raises(InputError, match="too many values"):
        loads(bomb, max_values=4000)


def test_numbers_in_lists_count_as_values() -> None:
    data = pickle.dumps([0.5] * 1000)
    assert loads(data, max_values=1020) == [0.5] * 1000
    with pytest.raises(InputError, match="too many values"):
        loads(data, max_values=1000)


def test_text_is_not_decoded_over_and_over() -> None:
    text = b"a" * 1000
    encode = b"c_codecs\nencode\n(g0\nVlatin1\ntR0"
    data = b"V" + text + b"\np0\n" + encode * 10_000 + b"."
    with pytest.raises(InputError, match="too many values"):
        loads(data)


def test_nests_of_shared_lists_are_looked_at_once() -> None:
    # A billion laughs: 2 ** 60 paths through 61 lists.
    data = (
        b"]p0\n0" + b"".join(b"(g%d\ng%d\nlp%d\n0" % (n, n, n + 1) for n in range(60)) + b"g60\n."
    )
    value = loads(data)
    assert len(value) == 2
    assert value[0] is value[1]


def test_deep_nests_do_not_end_the_process() -> None:
    assert loads(b"(" * 100_000 + b"l" * 100_000 + b".") != 0


@settings(max_examples=1000)
@given(st.binary(max_size=200))
def test_random_bytes_never_do_anything_else(data: bytes) -> None:
    check_harmless(data)


OPCODES = [op.code.encode("latin-1") for op in pickletools.opcodes]
ARGUMENTS = [
    b"",
    b"\x00",
    b"\x01\x00",
    b"\x02\x00\x00\x00ab",
    b"\x08" + bytes(8),
    bytes(8),
    b"1\n",
    b"0\n",
    b"'ab'\n",
    b"ab\n",
    b"os\nsystem\n",
    b"numpy\nndarray\n",
    b"numpy\ndtype\n",
    b"numpy.core.multiarray\n_reconstruct\n",
    b"numpy.core.multiarray\nscalar\n",
    b"numpy._core.numeric\n_frombuffer\n",
    b"_codecs\nencode\n",
    b"\x02u1",
    b"\x06latin1",
]


@settings(max_examples=2500)
@given(st.lists(st.tuples(st.sampled_from(OPCODES), st.sampled_from(ARGUMENTS)), max_size=40))
def test_random_opcodes_never_do_anything_else(steps: list[tuple[bytes, bytes]]) -> None:
    check_harmless(b"".join(code + argument for code, argument in steps) + b".")


@settings(max_examples=1000)
@given(
    st.sampled_from(PROTOCOLS),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_damaged_pickles_never_do_anything_else(
    protocol: int, changes: list[tuple[int, int]]
) -> None:
    value = {"e": list(ROWS), "n": ["a", np.str_("b")], "o": np.array([1, "x"], object)}
    data = bytearray(pickle.dumps(value, protocol))
    for place, byte in changes:
        data[place % len(data)] = byte
    check_harmless(bytes(data))


ALLOWED = {type(None), bool, int, float, str, bytes, list, tuple, dict, np.ndarray}


def check_harmless(data: bytes) -> None:
    """Either an InputError, or a value of the types promised."""
    try:
        value = loads(data, "fuzz", max_values=10_000)
    except InputError as error:
        told = str(error)
    else:
        told = "fuzz: a value"
        check_types(value)
    assert told.startswith("fuzz: ")


def check_types(value: Any) -> None:
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        assert type(item) in ALLOWED
        if id(item) in seen or not isinstance(item, (list, tuple, dict)):
            continue
        seen.add(id(item))
        waiting += item.values() if isinstance(item, dict) else item


def test_the_reader_imports_and_calls_nothing() -> None:
    text = Path(safe_pickle.__file__).read_text("utf-8")
    for word in ("import pickle", "__import__", "import_module", "getattr(", "eval(", "exec("):
        assert word not in text
