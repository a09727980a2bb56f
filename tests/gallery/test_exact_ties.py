"""Equal vectors have equal scores, wherever they stand: whoever was enrolled first comes first."""

from __future__ import annotations

import numpy as np
import pytest

from maskwise.gallery.index.exact import ExactIndex
from maskwise.testing.enrolments import unit_vectors


@pytest.mark.parametrize("dim", [128, 512])
@pytest.mark.parametrize("count", [5, 37, 260])
def test_who_came_first_comes_first(dim: int, count: int) -> None:
    vectors = unit_vectors(count, dim, seed=count)
    same = np.arange(count) % 3 != 1
    vectors[same] = vectors[0]
    index = ExactIndex(dim)
    owners = np.arange(1, count + 1)
    index.add(owners * 10, owners, vectors)
    probes = unit_vectors(40, dim, seed=7)
    for found in (index.search(probes, 8), [index.search(p[None], 8)[0] for p in probes]):
        for probe, hits in zip(probes, found, strict=True):
            # A sum of its own for each row is what is owed.
            exact = np.einsum("kd,d->k", vectors, probe)
            owed = np.lexsort((owners, -exact))[:8]
            assert hits.owners.tolist() == owners[owed].tolist()
            np.testing.assert_array_equal(hits.scores, exact[owed])


def test_of_equal_templates_of_one_person_the_older_one_wins() -> None:
    vectors = np.repeat(unit_vectors(1, 128), 50, axis=0)
    index = ExactIndex(128)
    index.add(np.arange(1, 51), np.repeat(np.arange(1, 11), 5), vectors)
    for probe in unit_vectors(20, 128, seed=3):
        (hits,) = index.search(probe[None], 10)
        assert hits.keys.tolist() == list(range(1, 50, 5))
