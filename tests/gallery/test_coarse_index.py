"""The coarse index answers as the exact one; its codes lie as faiss reads them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwise.gallery.index import CoarseIndex, ExactIndex, NearestIndex, TieredIndex, WearIndex
from maskwise.gallery.index.codes import Levels, nibbles, pack, packed_shape, unpack
from maskwise.gallery.index.scanning import Scanner
from maskwise.testing.enrolments import unit_vectors

pytest.importorskip("faiss")

DIM = 12


class Truth:
    """Vectors by key, as the tables hold them."""

    def __init__(self):
        self.rows = {}

    def __call__(self, keys):
        assert (np.diff(keys) > 0).all()
        there = np.array([k in self.rows for k in keys.tolist()], bool)
        none = np.zeros(DIM, np.float32)
        return there, np.array([self.rows.get(k, none) for k in keys.tolist()]).reshape(-1, DIM)


def coarse(keys, owners, vectors, fetch) -> CoarseIndex:
    levels = Levels.fit(vectors)
    scanner = Scanner(levels, len(keys))
    scanner.fill(pack(levels.encode(vectors)))
    scanner.check()
    return CoarseIndex(scanner, keys, owners, fetch)


def same(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-5)
        # Scores a rounding apart may change places between two products.
        clear_cut = np.abs(np.diff(b.scores, append=-9, prepend=9)) > 1e-5
        kept = clear_cut[1:] & clear_cut[:-1]
        np.testing.assert_array_equal(a.owners[kept], b.owners[kept])
        np.testing.assert_array_equal(a.keys[kept], b.keys[kept])


STEP = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 60)),
    st.tuples(st.just("remove"), st.integers(0, 40)),
    st.tuples(st.just("rebuild"), st.just(0)),
    st.tuples(st.just("search"), st.integers(1, 12)),
)


@settings(deadline=None, max_examples=60)
@given(steps=st.lists(STEP, max_size=14), seed=st.integers(0, 999), spread=st.sampled_from([0, 1]))
def test_any_sequence_gives_the_exact_indexs_answers(steps, seed, spread):
    rng = np.random.default_rng(seed)
    truth = Truth()
    owner_of = {}
    centres = unit_vectors(20, DIM, seed)
    exact: NearestIndex = ExactIndex(DIM)
    tested: NearestIndex = TieredIndex(ExactIndex(DIM), DIM)
    for what, number in [*steps, ("rebuild", 0), ("search", 5)]:
        keys = np.array(sorted(truth.rows), np.int64)
        if what == "add":
            owners = rng.integers(1, 20, number)
            noise = rng.standard_normal((number, DIM))
            vectors = spread * centres[owners] * 3 + noise
            vectors = np.float32(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
            new = np.arange(number) + 1 + max(owner_of, default=0)
            truth.rows |= dict(zip(new.tolist(), vectors, strict=True))
            owner_of |= dict(zip(new.tolist(), owners.tolist(), strict=True))
            exact.add(new, owners, vectors)
            tested.add(new, owners, vectors)
        elif what == "remove" and len(keys):
            gone = rng.choice(keys, min(number, len(keys)), replace=False)
            exact.remove(gone)
            tested.remove(gone)
            for key in gone.tolist():
                del truth.rows[key]
        elif what == "rebuild" and len(keys):
            of = np.array([owner_of[k] for k in keys.tolist()], np.int64)
            older = coarse(keys, of, np.array([truth.rows[k] for k in keys.tolist()]), truth)
            tested = TieredIndex(older, DIM)
        elif what == "search":
            probes = unit_vectors(3, DIM, int(rng.integers(9999)))
            only = None if rng.random() < 0.5 else np.unique(rng.integers(1, 20, 6))
            same(tested.search(probes, number, only), exact.search(probes, number, only))
        assert len(tested) == len(exact)
        np.testing.assert_array_equal(tested.owners, exact.owners)


@pytest.mark.parametrize("dim", [16, 33])
@pytest.mark.parametrize("spread", [0.0, 4.0])
def test_large_ones_find_whom_the_exact_one_finds(dim, spread):
    """Far more rows than candidates, persons in clusters or not; some gone, some not asked for."""
    rng = np.random.default_rng(1)
    count, people = 30_000, 6_000
    owners = rng.permutation(np.arange(count) % people) + 1
    centres = unit_vectors(people + 1, dim, 2)
    vectors = spread * centres[owners] / np.sqrt(dim) * 4 + rng.standard_normal((count, dim))
    vectors = np.float32(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    keys = np.arange(1, count + 1)
    exact = ExactIndex(dim)
    exact.add(keys, owners, vectors)
    index = coarse(keys, owners, vectors, lambda some: (some > 0, vectors[some - 1]))
    probes = vectors[rng.choice(count, 20)] + 0.3 / np.sqrt(dim) * rng.standard_normal((20, dim))
    probes = np.float32(probes / np.linalg.norm(probes, axis=1, keepdims=True))
    for only in (None, np.arange(1, people + 1, 2), np.arange(1, 40), np.arange(9, 300)):
        found, wanted = index.search(probes, 10, only), exact.search(probes, 10, only)
        hit = [np.isin(w.owners, f.owners).mean() for f, w in zip(found, wanted, strict=True)]
        assert np.mean(hit) >= 0.995
    gone = rng.choice(keys, 5_000, replace=False)
    exact.remove(gone)
    index.remove(gone)
    found, wanted = index.search(probes, 10), exact.search(probes, 10)
    hit = [np.isin(w.owners, f.owners).mean() for f, w in zip(found, wanted, strict=True)]
    assert np.mean(hit) >= 0.995
    assert not any(np.isin(f.keys, gone).any() for f in found)


@pytest.mark.parametrize("dim", [12, 33, 127])
def test_equal_vectors_tie_wherever_they_stand(dim):
    """BLAS rounds the last rows of a matrix in another way than the others."""
    vectors = np.repeat(unit_vectors(1, dim, 8), 90, axis=0)
    keys, owners = np.arange(1, 91), np.arange(90) // 2 + 1
    levels = Levels.fit(unit_vectors(50, dim, 9))
    scanner = Scanner(levels, 90)
    scanner.fill(pack(levels.encode(vectors)))
    index = CoarseIndex(scanner, keys, owners, lambda some: (some > 0, vectors[some - 1]))
    for hits in index.search(unit_vectors(5, dim, 10), 45):
        assert len(set(hits.scores.tolist())) == 1
        np.testing.assert_array_equal(hits.owners, np.arange(1, 46))
        np.testing.assert_array_equal(hits.keys, np.arange(1, 91, 2))


def test_the_wear_index_takes_others_underneath():
    vectors = unit_vectors(60, DIM, 3)
    keys, owners, masked = np.arange(1, 61), np.arange(60) // 4 + 1, np.arange(60) % 3 == 0
    masked |= owners == 2
    masked &= owners != 5
    rows = {wear: keys[masked == wear] for wear in (False, True)}
    plain, tested = (
        WearIndex(DIM),
        WearIndex(
            DIM,
            *(
                TieredIndex(
                    coarse(
                        rows[w][:10],
                        owners[rows[w][:10] - 1],
                        vectors[rows[w][:10] - 1],
                        lambda some: (some > 0, vectors[some - 1]),
                    ),
                    DIM,
                )
                for w in (False, True)
            ),
        ),
    )
    plain.add(keys, owners, masked, vectors)
    later = np.isin(keys, np.concatenate([rows[w][10:] for w in (False, True)]))
    tested.add(keys[later], owners[later], masked[later], vectors[later])
    probes = unit_vectors(5, DIM, 4)
    for worn in (False, True):
        for shift in (0.0, -0.4):
            options = {"masked": worn, "other_wear_shift": shift}
            same(tested.search(probes, 9, **options), plain.search(probes, 9, **options))


@pytest.mark.parametrize(("count", "dim"), [(1, 4), (31, 5), (64, 16), (100, 7)])
def test_codes_are_packed_and_unpacked(count, dim):
    codes = np.random.default_rng(0).integers(0, 16, (count, dim)).astype(np.uint8)
    packed = pack(codes)
    assert packed.shape == packed_shape(count, dim)
    rows = np.arange(count)
    np.testing.assert_array_equal(unpack(packed, rows, dim), codes)
    at, others = nibbles(rows[::3], dim)
    np.bitwise_and.at(packed.reshape(-1), at, others)
    codes[::3] = 0
    np.testing.assert_array_equal(unpack(packed, rows, dim), codes)


def test_faiss_packs_as_we_do():
    import faiss

    vectors = unit_vectors(100, DIM, 5)
    levels = Levels.fit(vectors)
    codes = levels.encode(vectors)
    plain = faiss.IndexPQ(DIM, DIM, 4, faiss.METRIC_INNER_PRODUCT)
    centres = levels.decode(np.repeat(np.arange(16, dtype=np.uint8)[:, None], DIM, 1)).T
    faiss.copy_array_to_vector(np.ascontiguousarray(centres).ravel(), plain.pq.centroids)
    plain.is_trained = True
    plain.add_sa_codes(np.ascontiguousarray(codes[:, ::2] | codes[:, 1::2] << 4))
    theirs = faiss.IndexPQFastScan(plain, 32)
    held = faiss.rev_swig_ptr(theirs.codes.get(), theirs.codes.size())
    np.testing.assert_array_equal(held.reshape(pack(codes).shape), pack(codes))


def test_the_scan_says_the_scores_of_the_codes():
    vectors = unit_vectors(500, DIM, 6)
    levels = Levels.fit(vectors)
    scanner = Scanner(levels, 500)
    scanner.fill(pack(levels.encode(vectors)))
    scores, rows = scanner.search(vectors[:3], 500)
    decoded = levels.decode(levels.encode(vectors))
    for probe, of_it, at in zip(vectors[:3], scores, rows, strict=True):
        assert sorted(at.tolist()) == list(range(500))
        np.testing.assert_allclose(of_it, decoded[at] @ probe, atol=0.02)
    # Sixteen levels are fine enough: errors as expected of normal numbers, or less.
    assert np.abs(decoded - vectors).std() < 0.15 / np.sqrt(DIM)
