from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from maskwise.compare import compare
from maskwise.errors import InputError
from maskwise.testing.strategies import unit_vectors
from maskwise.types import F32


@given(unit_vectors(8, 3), unit_vectors(8, 5))
def test_scores_are_cosines_probes_by_references(probes: F32, references: F32) -> None:
    scores = compare(probes, references)
    assert scores.shape == (3, 5)
    assert scores.dtype == np.float32
    expected = [[sum(map(float, p * r)) for r in references] for p in probes]
    np.testing.assert_allclose(scores, expected, atol=1e-6)


@given(unit_vectors(8, 4))
def test_nobody_is_more_alike_than_oneself_and_sides_are_equal(rows: F32) -> None:
    scores = compare(rows, rows)
    np.testing.assert_allclose(np.diag(scores), 1, atol=1e-6)
    np.testing.assert_allclose(scores, scores.T, atol=1e-6)
    assert scores.max() <= 1
    assert scores.min() >= -1


@given(unit_vectors(8, 2), unit_vectors(8, 2))
def test_dlibs_distance_follows_from_the_score(probes: F32, references: F32) -> None:
    distance = np.linalg.norm(probes[:, None].astype(float) - references[None], axis=2)
    scores = compare(probes, references).astype(float)
    np.testing.assert_allclose(distance**2, 2 - 2 * scores, atol=1e-6)


def test_rounding_does_not_lead_out_of_minus_one_to_one() -> None:
    rows = np.random.default_rng(0).normal(size=(400, 128))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    assert (rows @ rows.T).max() > 1  # or this test asks nothing
    assert compare(rows, rows).max() == 1
    assert compare(rows, -rows).min() == -1


def test_no_probes_or_no_references_give_an_empty_table() -> None:
    none, some = np.zeros((0, 4), np.float32), np.eye(4, dtype=np.float32)
    assert compare(none, some).shape == (0, 4)
    assert compare(some, none).shape == (4, 0)


@pytest.mark.parametrize(("p", "r"), [((1, 4), (1, 5)), ((4,), (1, 4)), ((1, 4), (4,))])
def test_other_shapes_are_refused_and_named(p: tuple[int, ...], r: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        compare(np.zeros(p, np.float32), np.zeros(r, np.float32))
    assert str(p) in str(caught.value)
    assert str(r) in str(caught.value)
