from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from predictor_files import integer, number

from maskwise.landmarks.dlib_stream import (
    FormatError,
    Reader,
    Words,
    integers_at,
    numbers_at,
    padded,
    rows_at,
)

FLOATS = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.integers(-(2**20), 2**20).map(lambda k: k / 64),
    st.just(0.0),
)


def words(data: bytes) -> Words:
    room = padded(len(data))
    room[: len(data)] = np.frombuffer(data, np.uint8)
    return Words(room, len(data))


class TestReader:
    @pytest.mark.parametrize("data", [b"", b"\x02\x01", b"\x01"])
    def test_the_end_is_no_integer(self, data: bytes) -> None:
        with pytest.raises(FormatError, match="byte 0"):
            Reader(data).integer()

    def test_a_count_is_bounded(self) -> None:
        for value in (0, -1, 4):
            with pytest.raises(FormatError, match=f"{value} trees at byte 0"):
                Reader(integer(value)).count("trees", 3)
        assert Reader(integer(3)).count("trees", 3) == 3

    @pytest.mark.parametrize("exponent", [1101, -1101, 2**40])
    def test_an_exponent_that_no_float_has_is_refused(self, exponent: int) -> None:
        with pytest.raises(FormatError, match="infinite"):
            Reader(integer(1) + integer(exponent)).number()

    def test_a_number_that_no_float_can_hold_is_refused(self) -> None:
        with pytest.raises(FormatError, match="too large"):
            Reader(integer(2**60) + integer(1000)).number()
        with pytest.raises(FormatError, match="no float32"):
            Reader(integer(-1) + integer(-1) + integer(1) + integer(200)).matrix()

    @pytest.mark.parametrize("rows", [-(2**62), 1, -1000])
    def test_a_matrix_that_the_file_cannot_hold_is_refused(self, rows: int) -> None:
        with pytest.raises(FormatError, match="no matrix at byte 0"):
            Reader(integer(rows) + integer(-1) + number(1.5) * 3).matrix()


class TestInStep:
    @given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=1, max_size=9))
    def test_integers_are_the_readers(self, values: list[int]) -> None:
        data = [integer(value) for value in values]
        starts = np.cumsum([0, *map(len, data)])
        got, ends = integers_at(words(b"".join(data)), starts[:-1])
        assert got.tolist() == values
        assert ends.tolist() == starts[1:].tolist()

    @given(st.lists(FLOATS, min_size=1, max_size=9))
    def test_numbers_are_the_readers(self, values: list[float]) -> None:
        data = [number(value) for value in values]
        starts = np.cumsum([0, *map(len, data)])
        got, ends = numbers_at(words(b"".join(data)), starts[:-1])
        assert got.tolist() == values == [Reader(d).number() for d in data]
        assert ends.tolist() == starts[1:].tolist()

    @given(st.lists(st.lists(FLOATS, min_size=7, max_size=7), min_size=1, max_size=5))
    def test_rows_are_the_readers(self, rows: list[list[float]]) -> None:
        data = [b"".join(map(number, row)) for row in rows]
        starts = np.cumsum([0, *map(len, data)])
        got, ends = rows_at(words(b"".join(data)), starts[:-1], 7)
        np.testing.assert_array_equal(got, np.array(rows, np.float32))
        assert ends.tolist() == starts[1:].tolist()

    def test_many_rows_and_numbers_of_any_length(self) -> None:
        rng = np.random.default_rng(1)
        values = rng.normal(size=(5000, 10)).astype(np.float32)
        values[rng.random(values.shape) < 0.2] = 0.25
        data = [b"".join(map(number, row)) for row in values]
        # Numbers that dlib would write shorter: a mantissa of eight bytes, an exponent of two.
        data[7] = b"".join(
            integer(int(v * 2.0**60)) + b"\x82" + (60).to_bytes(2, "little") for v in values[7] / 2
        )
        values[7] /= 2
        starts = np.cumsum([0, *map(len, data)])
        got, ends = rows_at(words(b"".join(data)), starts[:-1], 10)
        np.testing.assert_array_equal(got, values)
        assert ends.tolist() == starts[1:].tolist()

    @pytest.mark.parametrize(
        "data", [b"\x00\x01", b"\x09" + bytes(9), b"\x13abc", b"\x03ab", b"\x88" + b"\xff" * 8]
    )
    def test_what_is_no_integer_is_refused_with_its_place(self, data: bytes) -> None:
        with pytest.raises(FormatError, match="no integer at byte 2"):
            integers_at(words(b"\x01\x07" + data), np.array([0, 2]))

    def test_infinity_and_what_is_too_large_is_refused(self) -> None:
        for text in (integer(0) + integer(32000), integer(2**60) + integer(1000)):
            with pytest.raises(FormatError, match="at byte 0"):
                numbers_at(words(text), np.array([0]))
        with pytest.raises(FormatError, match="no float32"):
            rows_at(words(integer(2**20) + integer(120)), np.array([0]), 1)

    @given(st.binary(max_size=60), st.integers(1, 5))
    def test_any_bytes_give_numbers_or_an_error(self, data: bytes, count: int) -> None:
        reader = Reader(data)
        try:
            expected = [np.float32(reader.number()) for _ in range(count)]
        except FormatError:
            with pytest.raises(FormatError):
                rows_at(words(data), np.array([0]), count)
            return
        if np.isfinite(expected).all() and abs(Reader(data).integer()) < 2**63:
            got, ends = rows_at(words(data), np.array([0]), count)
            np.testing.assert_array_equal(got[0], expected)
            assert ends.tolist() == [reader.position]
