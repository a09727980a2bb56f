"""What goes into a gallery's file comes out again, and the bytes are the documented ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from maskwise.errors import GalleryFormatError
from maskwise.gallery import codec
from maskwise.types import F32, NO_MASK, MaskSpec, Wear

TEXT = st.text(st.characters())  # lone surrogates too
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SPECS = st.builds(
    MaskSpec,
    type=st.text(min_size=1),
    color=st.just("#aabbcc"),
    pattern=st.text(),
    wear_style=st.text(),
    coverage=st.floats(0, 1),
    seed=st.integers(0, 2**63),
    version=st.integers(1, 99),
)
WEARS = st.one_of(
    st.just(NO_MASK),
    st.builds(lambda spec: Wear("virtual", spec), SPECS),
    st.builds(
        lambda kind, name: Wear(kind, type=name),
        st.sampled_from(["real", "unknown"]),
        st.none() | st.text(min_size=1),
    ),
)


def test_a_vector_is_little_endian_float32() -> None:
    assert codec.encode_vector(np.array([1, -2, 0.5], np.float32)).hex() == (
        "0000803f" "000000c0" "0000003f"
    )  # fmt: skip


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=20),
        elements=st.floats(width=32, allow_nan=False),
    )
)
def test_vectors_come_back_bit_by_bit(vectors: F32) -> None:
    blobs = [codec.encode_vector(row) for row in vectors]
    back = codec.decode_vectors(blobs, vectors.shape[1])
    assert back.dtype == np.float32
    assert back.tobytes() == vectors.tobytes()


def test_strided_vectors_are_stored_as_they_look() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    back = codec.decode_vectors([codec.encode_vector(rows[:, 1])], 3)
    np.testing.assert_array_equal(back[0], [1, 5, 9])


@pytest.mark.parametrize("blob", [b"", b"\0" * 11, b"\0" * 16])
def test_a_vector_of_another_length_is_refused(blob: bytes) -> None:
    with pytest.raises(GalleryFormatError, match="damaged"):
        codec.decode_vectors([b"\0" * 12, blob], 3)
    assert codec.vector_fault(blob, 3) is not None


@pytest.mark.parametrize("vector", [[0, 0, 0], [1, 1, 0], [np.nan, 0, 0], [np.inf, 0, 0]])
def test_a_vector_of_other_than_unit_length_is_a_fault(vector: list[float]) -> None:
    blob = codec.encode_vector(np.array(vector, np.float32))
    assert codec.vector_fault(blob, 3) is not None
    assert codec.vector_fault(codec.encode_vector(np.array([0, 0.6, -0.8], np.float32)), 3) is None


@given(TEXT)
def test_texts_come_back(text: str) -> None:
    assert codec.decode_text(codec.encode_text(text)) == text


@given(st.text())
def test_a_text_is_plain_utf8_where_it_can_be(text: str) -> None:
    assert codec.encode_text(text) == text.encode()


@given(WEARS)
def test_wears_come_back(wear: Wear) -> None:
    assert codec.decode_wear(*codec.encode_wear(wear)) == wear


@given(st.lists(TEXT), st.lists(FINITE, max_size=4))
def test_lists_come_back(texts: list[str], numbers: list[float]) -> None:
    assert codec.decode_numbers(codec.encode_list(numbers)) == tuple(numbers)
    names = [text for text in texts if text.isascii()]
    assert codec.decode_strings(codec.encode_list(names)) == tuple(names)


def test_what_is_not_stored_is_refused() -> None:
    for call in (
        lambda: codec.decode_text(b"\xff"),
        lambda: codec.decode_text("text"),  # type: ignore[arg-type]
        lambda: codec.decode_wear("virtual", "n95", "{"),
        lambda: codec.decode_wear("virtual", "n95", None),
        lambda: codec.decode_wear("hat", None, None),  # type: ignore[arg-type]
        lambda: codec.decode_strings("{}"),
        lambda: codec.decode_strings("["),
        lambda: codec.decode_numbers('["a"]'),
    ):
        with pytest.raises(GalleryFormatError, match="not a stored"):
            call()
    assert codec.decode_numbers(None) is None
