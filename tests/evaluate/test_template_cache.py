"""The cache of templates: what it promises whatever ends a run."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from maskwise.errors import OutputError
from maskwise.evaluate.template_cache import FILE, Entry, TemplateCache, delete_cache

MADE_BY = {"encoder": "e/0123", "detector": "d/4567"}


def sha(n: int) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()


def entry(n: int = 0) -> Entry:
    vector = np.zeros(8, np.float32)
    vector[n % 8] = 1
    place = np.arange(19, dtype=np.float32)
    return Entry("found", "a note", 0.25, place, vector)


def same(a: Entry, b: Entry) -> bool:
    return (
        (a.status, a.note) == (b.status, b.note)
        and np.array_equal(a.mask, b.mask, equal_nan=True)
        and all(
            (x is None and y is None) or (x is not None and y is not None and (x == y).all())
            for x, y in ((a.place, b.place), (a.vector, b.vector))
        )
    )


def test_what_was_added_is_there_after_reopening(tmp_path: Path) -> None:
    without_face = Entry("no_face", "no face found")
    with TemplateCache.open(tmp_path) as cache:
        pipeline = cache.pipeline(MADE_BY)
        cache.add(pipeline, [(sha(1), "as-is", entry()), (sha(2), "as-is", without_face)])
        cache.add(pipeline, [(sha(1), "chip:x", entry(1))])
    with TemplateCache.open(tmp_path) as cache:
        assert cache.pipeline(dict(reversed(MADE_BY.items()))) == pipeline
        found = cache.get(pipeline, sha(1))
        assert set(found) == {"as-is", "chip:x"}
        assert same(found["as-is"], entry())
        assert same(found["chip:x"], entry(1))
        assert found["as-is"].vector is not None
        assert found["as-is"].vector.dtype == np.float32
        assert same(cache.get(pipeline, sha(2))["as-is"], without_face)
        assert cache.get(pipeline, sha(3)) == {}
        assert cache.count() == (2, 2)


def test_other_models_have_other_templates(tmp_path: Path) -> None:
    with TemplateCache.open(tmp_path) as cache:
        cache.add(cache.pipeline(MADE_BY), [(sha(1), "as-is", entry())])
        other = cache.pipeline({**MADE_BY, "encoder": "e/9999"})
        assert cache.get(other, sha(1)) == {}


def test_what_is_there_stays(tmp_path: Path) -> None:
    with TemplateCache.open(tmp_path) as cache:
        pipeline = cache.pipeline(MADE_BY)
        cache.add(pipeline, [(sha(1), "as-is", entry())])
        cache.add(pipeline, [(sha(1), "as-is", entry(1)), (sha(2), "as-is", entry(2))])
        assert same(cache.get(pipeline, sha(1))["as-is"], entry())
        assert same(cache.get(pipeline, sha(2))["as-is"], entry(2))


def test_all_of_a_call_or_nothing(tmp_path: Path) -> None:
    with TemplateCache.open(tmp_path) as cache:
        pipeline = cache.pipeline(MADE_BY)
        with pytest.raises(ValueError, match="hex"):
            cache.add(pipeline, [(sha(1), "as-is", entry()), ("no hex", "as-is", entry())])
        odd = Entry("found", object(), vector=entry().vector)  # type: ignore[arg-type]
        with pytest.raises(OutputError):
            cache.add(pipeline, [(sha(1), "as-is", entry()), (sha(2), "as-is", odd)])
        assert cache.count() == (0, 0)
        cache.add(pipeline, [(sha(1), "as-is", entry())])
        assert cache.count() == (1, 1)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_the_owner_may_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with TemplateCache.open(tmp_path / "new") as cache:
            cache.add(cache.pipeline(MADE_BY), [(sha(1), "as-is", entry())])
            files = list((tmp_path / "new").iterdir())
            assert {file.name for file in files} >= {FILE, f"{FILE}-wal"}
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    finally:
        os.umask(before)


def test_deleted_with_its_log_and_nothing_else(tmp_path: Path) -> None:
    beside = tmp_path / "other.txt"
    beside.write_text("stays")
    with TemplateCache.open(tmp_path) as cache:
        cache.add(cache.pipeline(MADE_BY), [(sha(1), "as-is", entry())])
        assert delete_cache(tmp_path) > 4096
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]
    assert delete_cache(tmp_path) == 0
    with TemplateCache.open(tmp_path) as cache:
        assert cache.count() == (0, 0)


def test_in_memory() -> None:
    with TemplateCache.in_memory() as cache:
        pipeline = cache.pipeline(MADE_BY)
        cache.add(pipeline, [(sha(1), "as-is", entry())])
        assert same(cache.get(pipeline, sha(1))["as-is"], entry())


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_file_that_is_no_cache(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(OutputError, match=r"templates\.sqlite3.*delete it"):
        TemplateCache.open(tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    content = (tmp_path / FILE).read_bytes()
    with pytest.raises(OutputError, match="is no cache of templates"):
        TemplateCache.open(tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    TemplateCache.open(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(OutputError, match="another version's"):
        TemplateCache.open(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        "vector = x'00000000'",
        "vector = x'000000'",
        "vector = 'text'",
        "vector = NULL",
        "status = 'odd'",
        "status = 'no_face'",
        "mask = 'text'",
        "place = x'0000c07f'",
        "vector = x'0000c07f'",
    ],
)
def test_a_changed_row_is_damage_and_no_template(tmp_path: Path, change: str) -> None:
    with TemplateCache.open(tmp_path) as cache:
        pipeline = cache.pipeline(MADE_BY)
        cache.add(pipeline, [(sha(1), "as-is", entry())])
        connection = sqlite3.connect(tmp_path / FILE)
        with connection:
            connection.execute(f"UPDATE templates SET {change}")
        connection.close()
        with pytest.raises(OutputError, match="damaged"):
            cache.get(pipeline, sha(1))


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="another folder"):
        TemplateCache.open(tmp_path / "file")


_WRITER = """
import sys
import numpy as np
from maskwise.evaluate.template_cache import Entry, TemplateCache
folder, first = sys.argv[1], int(sys.argv[2])
vector = np.ones(1, np.float32)
with TemplateCache.open(folder) as cache:
    pipeline = cache.pipeline({"encoder": "e"})
    n = first
    while first < 0 or n < first + 400:
        rows = [(f"{abs(n):064x}", f"{k}", Entry("found", vector=vector)) for k in range(16)]
        cache.add(pipeline, rows)
        n += -1 if first < 0 else 1
        if first < 0:
            print(n, flush=True)
"""


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    # They overlap by half: what two of them add is there once.
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), str(first)])
        for first in (0, 200, 400)
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    with TemplateCache.open(tmp_path) as cache:
        assert cache.count() == (800, 800 * 16)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_killed_process_leaves_whole_batches(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path), "-1"], stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    for _ in range(60):
        last = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split()
    writer.stdout.close()
    writer.wait(60)
    said = [last, *map(int, rest)][-1]
    with TemplateCache.open(tmp_path) as cache:
        photos, vectors = cache.count()
        assert vectors == 16 * photos
        # What was said to be added is there; one more may be.
        assert photos in (-1 - said, -said)
        pipeline = cache.pipeline({"encoder": "e"})
        assert len(cache.get(pipeline, f"{-1 - said:064x}")) == 16
