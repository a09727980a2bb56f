"""A scan by several threads finds what one thread finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from maskwise.gallery.index import file as index_file
from maskwise.gallery.index import scanning
from maskwise.gallery.index.codes import Levels, pack
from maskwise.gallery.index.scanning import Scanner
from maskwise.testing.enrolments import unit_vectors

faiss = pytest.importorskip("faiss")

DIM = 20


@pytest.fixture
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Any codes are worth a thread of their own."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    monkeypatch.setattr(scanning, "_SLICE", 1)
    yield
    faiss.omp_set_num_threads(before)


def filled(count: int, monkeypatch: pytest.MonkeyPatch | None = None) -> Scanner:
    vectors = unit_vectors(count, DIM)
    levels = Levels.fit(vectors)
    with pytest.MonkeyPatch.context() as patch:
        if monkeypatch is None:
            patch.setattr(scanning, "_SLICE", 1 << 30)
        scanner = Scanner(levels, count)
    scanner.fill(pack(levels.encode(vectors)))
    scanner.check()
    return scanner


@pytest.mark.parametrize(("count", "slices"), [(1, 1), (33, 2), (70, 3), (1000, 3), (5001, 3)])
@pytest.mark.parametrize("wanted", [1, 40, 900])
@pytest.mark.usefixtures("three_threads")
def test_slices_find_what_the_whole_finds(
    count: int, slices: int, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, several = filled(count), filled(count, monkeypatch)
    assert len(one.pieces) == 1
    assert len(several.pieces) == slices
    np.testing.assert_array_equal(one.packed(), several.packed())
    wanted = min(wanted, count)
    for probes in (unit_vectors(1, DIM, 5), unit_vectors(9, DIM, 6)):
        scores, rows = one.search(probes, wanted)
        found, places = several.search(probes, wanted)
        np.testing.assert_allclose(found, scores, atol=1e-6)
        assert (np.diff(found, axis=1) <= 0).all()
        for ours, theirs, at in zip(places, rows, scores, strict=True):
            assert len(set(ours.tolist())) == wanted
            # Of those that tie with the last place, either may come.
            clear = theirs[at > at[-1] + 1e-6]
            assert set(clear.tolist()) <= set(ours.tolist())


@pytest.mark.usefixtures("three_threads")
def test_a_scan_leaves_faiss_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    filled(1000, monkeypatch).search(unit_vectors(4, DIM), 10)
    assert faiss.omp_get_max_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_slices_are_read_from_a_file_whose_checksums_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces of checksums and of threads do not end together."""
    monkeypatch.setattr(index_file, "CHUNK", 1000)
    count, keys = 500, np.arange(1, 501)
    vectors = unit_vectors(count, DIM)
    levels = Levels.fit(vectors)
    place = tmp_path / "x.index"
    place.touch()
    part = index_file.Part(levels, pack(levels.encode(vectors)), keys, keys)
    head = index_file.Head("b", "e", DIM, 0, count, "", count, ())
    head = index_file.write(place, head, {"bare": part})
    _, scanner, _, _ = index_file.read_part(place, "b", "bare")
    assert len(scanner.pieces) == 3
    np.testing.assert_array_equal(scanner.packed(), part.packed)
    at, size = head.parts["bare"]["codes"]
    for where in (at, at + 999, at + 1000, at + 2345, at + size - 1):
        data = bytearray(place.read_bytes())
        data[where] ^= 1
        (tmp_path / "y.index").write_bytes(data)
        with pytest.raises(index_file.DamagedIndexError, match="checksum"):
            index_file.read_part(tmp_path / "y.index", "b", "bare")
