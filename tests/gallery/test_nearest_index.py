"""The exact index against one plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwise.gallery.index import ExactIndex, NearestIndex, WearIndex, exact

DIM = 4
# Few levels and exact products, so that equal scores are common and really equal.
NUMBERS = st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0])
VECTORS = st.lists(NUMBERS, min_size=DIM, max_size=DIM)
ROWS = st.lists(st.tuples(st.integers(0, 6), VECTORS), max_size=30)


def plain(rows, probe, top, only=None):
    """Owners, keys, scores: rows are (key, owner, vector)."""
    best: dict[int, tuple[float, int]] = {}
    for key, owner, vector in rows:
        if only is not None and owner not in only:
            continue
        score = min(1.0, max(-1.0, float(np.dot(vector, probe))))
        if owner not in best or score > best[owner][0]:
            best[owner] = (score, key)
    ranked = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))[:top]
    return [(owner, key, score) for owner, (score, key) in ranked]


def listed(hits):
    return list(zip(hits.owners.tolist(), hits.keys.tolist(), hits.scores.tolist(), strict=True))


def add(index, rows, *masked):
    index.add(
        np.array([r[0] for r in rows], np.int64),
        np.array([r[1] for r in rows], np.int64),
        *masked,
        np.array([r[2] for r in rows], np.float32).reshape(-1, DIM),
    )


@settings(deadline=None)
@given(
    batches=st.lists(ROWS, max_size=4),
    probes=st.lists(VECTORS, min_size=1, max_size=3),
    top=st.integers(1, 9),
    removed=st.sets(st.integers(0, 60)),
    only=st.none() | st.sets(st.integers(0, 8)),
)
def test_exact_search_is_what_a_plain_loop_finds(batches, probes, top, removed, only):
    index: NearestIndex = ExactIndex(DIM)
    rows: list[tuple[int, int, list[float]]] = []
    for number, batch in enumerate(batches):
        new = [(len(rows) + i, owner, vector) for i, (owner, vector) in enumerate(batch)]
        add(index, new)
        rows += new
        if number == 1:
            index.remove(np.array(sorted(removed), np.int64))
            rows = [row if row[0] not in removed else (row[0], -1, row[2]) for row in rows]
    held = [row for row in rows if row[1] >= 0]
    assert len(index) == len(held)
    assert index.owners.tolist() == sorted({owner for _, owner, _ in held})
    some = None if only is None else np.array(sorted(only), np.int64)
    found = index.search(np.array(probes, np.float32), top, some)
    assert [listed(h) for h in found] == [plain(held, p, top, only) for p in probes]


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 5), VECTORS, st.booleans()), max_size=30),
    probe=VECTORS,
    top=st.integers(1, 7),
    masked=st.booleans(),
)
def test_the_wear_index_searches_what_fits_and_leaves_nobody_out(rows, probe, top, masked):
    index = WearIndex(DIM)
    keyed = [(key, owner, vector, worn) for key, (owner, vector, worn) in enumerate(rows)]
    for some in (keyed[::2], keyed[1::2]):
        add(index, some, np.array([r[3] for r in some], bool))
    assert len(index) == len(rows)
    fitting = {owner for _, owner, _, worn in keyed if worn == masked}
    counted = [r[:3] for r in keyed if r[3] == masked or r[1] not in fitting]
    order = {key: n for n, key in enumerate(range(len(rows)))}
    (hits,) = index.search(np.array([probe], np.float32), top, masked=masked)
    wanted = plain(counted, probe, top)
    assert [(o, s) for o, _, s in listed(hits)] == [(o, s) for o, _, s in wanted]
    assert all(key in order for key in hits.keys.tolist())


def test_many_probes_go_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    index = ExactIndex(DIM)
    rows = [(n, n // 3, rng.standard_normal(DIM)) for n in range(60)]
    add(index, rows)
    probes = rng.standard_normal((11, DIM)).astype(np.float32)
    whole = [listed(h) for h in index.search(probes, 4)]
    monkeypatch.setattr(exact, "_BLOCK", 60 * 3)
    blocks = [listed(h) for h in index.search(probes, 4)]
    assert [[h[:2] for h in hits] for hits in blocks] == [[h[:2] for h in hits] for hits in whole]


def test_an_empty_index_finds_nobody() -> None:
    for found in (
        ExactIndex(DIM).search(np.zeros((2, DIM), np.float32), 3),
        WearIndex(DIM).search(np.zeros((2, DIM), np.float32), 3, masked=True),
    ):
        assert [len(h.owners) for h in found] == [0, 0]


def test_adding_copies_what_it_is_given() -> None:
    index = ExactIndex(DIM)
    vectors = np.eye(1, DIM, dtype=np.float32)
    index.add(np.array([1]), np.array([1]), vectors)
    vectors[:] = 0
    assert index.search(np.eye(1, DIM, dtype=np.float32), 1)[0].scores.tolist() == [1]
