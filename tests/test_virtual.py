"""Templates in virtual masks lean to the bare face."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.types import F32
from maskwise.virtual import BARE_SHARE, virtual_vectors


def units(seed: int, count: int) -> F32:
    vectors = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_mixture_in_numbers() -> None:
    bare, worn = np.eye(4, dtype=np.float32)[:2]
    (made,) = virtual_vectors(bare, worn[None])
    np.testing.assert_allclose(made, [0.47410, 0.88048, 0, 0], atol=1e-5)


@given(st.integers(0, 1000), st.integers(0, 5))
def test_unit_vectors_between_the_two(seed: int, count: int) -> None:
    bare, *worn = units(seed, count + 1)
    made = virtual_vectors(bare, np.array(worn, np.float32).reshape(count, 16))
    assert made.shape == (count, 16)
    assert made.dtype == np.float32
    for vector, drawn in zip(made, worn, strict=True):
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
        assert vector @ bare >= drawn @ bare - 1e-6
        assert vector @ drawn >= bare @ drawn - 1e-6
        # In their plane, nearer to the masked one.
        mixed = BARE_SHARE * bare + (1 - BARE_SHARE) * drawn
        assert vector @ mixed == pytest.approx(np.linalg.norm(mixed), abs=1e-5)


def test_a_face_that_looks_the_same_in_a_mask_stays() -> None:
    (bare,) = units(1, 1)
    np.testing.assert_allclose(virtual_vectors(bare, bare[None])[0], bare, atol=1e-6)
