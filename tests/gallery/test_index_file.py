"""The file of an index: erasing rows of it."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from maskwise.gallery.index import file as index_file
from maskwise.gallery.index.codes import Levels, pack, unpack
from maskwise.testing.enrolments import unit_vectors

pytest.importorskip("faiss")


def test_erasing_keeps_every_checksum(tmp_path: Path) -> None:
    """Over many chunks, with blocks that lie across two of them."""
    rng = np.random.default_rng(0)
    count, dim = 3_000, 40
    vectors = unit_vectors(count, dim)
    levels = Levels.fit(vectors)
    place = tmp_path / "x.index"
    place.touch()
    part = index_file.Part(
        levels, pack(levels.encode(vectors)), np.arange(1, count + 1), np.arange(count)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_file, "CHUNK", 1000)
        head = index_file.Head("b", "e", dim, 3, count, "", count, ((1, 2), (9, 9)))
        index_file.write(place, head, {"bare": part})
        gone = rng.choice(count, 200, replace=False) + 1
        assert index_file.erase(place, gone, 3, 203) == 200
        head, scanner, keys, owners = index_file.read_part(place, "b", "bare")
        assert head.removals == 203
        assert head.gone == 200
        codes = unpack(scanner.packed(), np.arange(count), dim)
        there = np.isin(np.arange(1, count + 1), gone, invert=True)
        np.testing.assert_array_equal(keys, np.where(there, np.arange(1, count + 1), 0))
        assert not owners[~there].any()
        assert not codes[~there].any()
        np.testing.assert_array_equal(codes[there], levels.encode(vectors)[there])


@pytest.mark.parametrize("change", [{"format": 2}, {"fitted": None}, {"parts": {"bare": 1}}])
def test_a_head_of_another_version_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    place = tmp_path / "x.index"
    place.touch()
    index_file.write(place, index_file.Head("b", "e", 4, 3, 9, "", 9, ()), {})
    data = place.read_bytes()
    fields = {**json.loads(data[12:]), **change}
    fields = {name: value for name, value in fields.items() if value is not None}
    body = json.dumps(fields).encode().ljust(index_file.HEAD - 12)
    place.write_bytes(data[:8] + zlib.crc32(body).to_bytes(4, "little") + body)
    with pytest.raises(index_file.DamagedIndexError, match="another version"):
        index_file.read_head(place)
