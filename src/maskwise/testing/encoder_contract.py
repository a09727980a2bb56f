"""What every encoder must do: subclass ``EncoderContract`` in the backend's tests."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

import numpy as np
import pytest

from maskwise.encode.protocol import Encoder
from maskwise.errors import InputError
from maskwise.types import U8


class EncoderContract:
    """Override ``encoder``; pytest then runs these tests on it.

    ``tolerance`` is how far one chip's vector may move with the batch it came in.
    """

    tolerance = 1e-5

    @pytest.fixture
    def encoder(self) -> Encoder:
        """The encoder under test."""
        raise NotImplementedError("override the fixture `encoder`")

    @pytest.fixture
    def chips(self, encoder: Encoder) -> U8:
        """(5, S, S, 3) uint8: noise of rising brightness, all different."""
        size = encoder.chip_spec.size
        noise = np.random.default_rng(5).integers(0, 128, (5, size, size, 3))
        return (noise + 25 * np.arange(5)[:, None, None, None]).astype(np.uint8)

    def test_one_row_of_unit_length_a_chip(self, encoder: Encoder, chips: U8) -> None:
        vectors = encoder.encode_batch(chips)
        assert vectors.shape == (len(chips), encoder.dim)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_different_chips_get_different_rows(self, encoder: Encoder, chips: U8) -> None:
        vectors = encoder.encode_batch(chips)
        distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
        assert distances[~np.eye(len(chips), dtype=bool)].min() > 10 * self.tolerance

    def test_the_batch_does_not_matter(self, encoder: Encoder, chips: U8) -> None:
        together = encoder.encode_batch(chips)
        singly = np.concatenate([encoder.encode_batch(chip[None]) for chip in chips])
        np.testing.assert_allclose(together, singly, atol=self.tolerance)

    def test_a_large_batch_is_answered_whole(self, encoder: Encoder, chips: U8) -> None:
        many = np.concatenate([chips] * 14)[:67]
        expected = np.concatenate([encoder.encode_batch(chips)] * 14)[:67]
        np.testing.assert_allclose(encoder.encode_batch(many), expected, atol=self.tolerance)

    def test_rows_follow_the_order_of_the_chips(self, encoder: Encoder, chips: U8) -> None:
        order = [3, 0, 4, 1, 2]
        np.testing.assert_allclose(
            encoder.encode_batch(chips[order]),
            encoder.encode_batch(chips)[order],
            atol=self.tolerance,
        )

    def test_an_empty_batch_gives_no_rows(self, encoder: Encoder, chips: U8) -> None:
        vectors = encoder.encode_batch(chips[:0])
        assert vectors.shape == (0, encoder.dim)
        assert vectors.dtype == np.float32

    def test_strided_and_read_only_input_is_read_as_it_looks(
        self, encoder: Encoder, chips: U8
    ) -> None:
        mirrored = chips[:, :, ::-1]
        mirrored.flags.writeable = False
        np.testing.assert_allclose(
            encoder.encode_batch(mirrored),
            encoder.encode_batch(np.ascontiguousarray(mirrored)),
            atol=self.tolerance,
        )

    def test_the_input_is_neither_altered_nor_kept(self, encoder: Encoder, chips: U8) -> None:
        before = chips.copy()
        first = encoder.encode_batch(chips)
        kept = first.copy()
        np.testing.assert_array_equal(chips, before)
        chips[:] = 0
        encoder.encode_batch(chips)
        np.testing.assert_array_equal(first, kept)
        np.testing.assert_allclose(encoder.encode_batch(before), first, atol=self.tolerance)

    def test_other_shapes_and_types_are_refused(self, encoder: Encoder, chips: U8) -> None:
        bad: list[object] = [
            chips[0],
            chips[:, 1:],
            chips[..., :1],
            chips.transpose(0, 3, 1, 2),
            chips.astype(np.float32),
            chips.astype(np.int64),
            np.concatenate([chips, chips[..., :1]], axis=3),
            chips.tolist(),
        ]
        for array in bad:
            with pytest.raises(InputError, match="expected"):
                encoder.encode_batch(array)  # type: ignore[arg-type]

    def test_the_space_is_named_and_stable(self, encoder: Encoder, chips: U8) -> None:
        before = encoder.space
        encoder.encode_batch(chips[:1])
        assert before
        assert encoder.space == before

    def test_the_id_is_stable_and_names_the_chips(self, encoder: Encoder, chips: U8) -> None:
        before = encoder.id
        encoder.encode_batch(chips[:1])
        assert encoder.id == before
        assert encoder.chip_spec.name in before
