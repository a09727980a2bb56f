"""Copies, exports and backups of galleries."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwise.errors import GalleryFormatError, InputError, StorageError
from maskwise.gallery import Gallery, StoredReference, copying, export_file, open_gallery
from maskwise.gallery.backup import backup
from maskwise.testing.enrolments import axis, reference, unit_vectors
from maskwise.testing.gallery_contract.moving import contents, fill
from maskwise.types import NO_MASK, Template, Wear


@pytest.fixture
def source(tmp_path: Path) -> Gallery:
    gallery = open_gallery(tmp_path / "source.db")
    fill(gallery)
    return gallery


@pytest.fixture
def target(tmp_path: Path) -> Gallery:
    return open_gallery(tmp_path / "target.db")


def test_a_copy_is_equal_and_says_so(source: Gallery, target: Gallery) -> None:
    report = copying.copy(source, target)
    assert (report.copied, report.already, report.problems) == (7, 0, ())
    assert report.probes == 14
    assert contents(target) == contents(source)
    again = copying.copy(source, target)
    assert (again.copied, again.already, again.problems) == (0, 7, ())


def test_a_copy_goes_on_where_it_ended(
    source: Gallery, target: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "BATCH", 2)

    for done in (2, 4, 6):

        def interrupt(_: int, done: int = done) -> None:
            if target.size().references == done:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            copying.copy(source, target, on_copied=interrupt)
        assert target.size().references == done
    report = copying.copy(source, target)
    assert (report.copied, report.already, report.problems) == (1, 6, ())


def test_a_copy_that_was_changed_or_is_another_gallery_is_refused(
    source: Gallery, target: Gallery
) -> None:
    copying.copy(source, target)
    target.rename("Ann", "Anna")
    with pytest.raises(InputError, match="other content"):
        copying.copy(source, target)
    target.rename("Anna", "Ann")
    target.enrol("Eve", [reference("e.jpg", [(NO_MASK, axis(3))], space="space-1")])
    with pytest.raises(InputError, match="holds 1 photos that"):
        copying.copy(source, target)
    target.delete("Eve")
    assert contents(target) == contents(source)


def test_an_engine_that_changes_a_bit_is_found(
    source: Gallery, target: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = target.restore

    def lossy(records: list[StoredReference]) -> int:
        for record in records:
            first = record.photo.templates[0]
            vector = first.vector.copy()
            vector[0] = np.nextafter(vector[0], np.float32(2))
            object.__setattr__(first, "vector", vector)
        return whole(records)

    monkeypatch.setattr(target, "restore", lossy)
    report = copying.copy(source, target)
    assert "7 references differ in all" in report.problems


def test_an_engine_that_answers_otherwise_is_found(
    source: Gallery, target: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = target.search
    monkeypatch.setattr(
        target,
        "search",
        lambda probes, wear, top: [f[1:] for f in real(probes, wear=wear, top=top)],
    )
    (problem,) = copying.copy(source, target).problems
    assert "14 of 14 sampled searches" in problem


def test_of_a_large_gallery_an_index_may_miss_a_few(
    source: Gallery, target: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "EXACT", 0)
    real = target.search
    left = [1]

    def search(probes: object, wear: str, top: int) -> object:
        found = real(probes, wear=wear, top=top)
        for number in range(len(found)):
            if left[0]:
                left[0] -= 1
                found[number] = found[number][1:]
        return found

    monkeypatch.setattr(target, "search", search)
    monkeypatch.setattr(copying, "MISSED", 0.1)
    report = copying.copy(source, target)
    assert (report.problems, report.missed > 0) == ((), True)
    left[0] = 14
    (problem,) = copying.copy(source, target).problems
    assert "an index misses them" in problem


def test_a_killed_copy_goes_on_and_stores_nothing_twice(tmp_path: Path) -> None:
    vectors = unit_vectors(4, 128)
    with open_gallery(tmp_path / "a.db") as gallery:
        gallery.enrol_all(
            (f"p{n}", [reference(f"{n}.jpg", [(NO_MASK, vectors[n % 4])])]) for n in range(600)
        )
    code = (
        "import os, signal, sys\n"
        "from maskwise.gallery import copying, open_gallery\n"
        "copying.BATCH = 16\n"
        "done = 0\n"
        "def told(n):\n"
        "    global done\n"
        "    done += n\n"
        "    if done >= int(sys.argv[1]): os.kill(os.getpid(), signal.SIGKILL)\n"
        "copying.copy(open_gallery('a.db'), open_gallery('b.db'), on_copied=told)\n"
    )
    for stop in (100, 300, 500):
        run = subprocess.run([sys.executable, "-c", code, str(stop)], cwd=tmp_path, check=False)
        assert run.returncode == -signal.SIGKILL
    with open_gallery(tmp_path / "a.db") as old, open_gallery(tmp_path / "b.db") as new:
        assert new.size().references == 512
        report = copying.copy(old, new)
        assert (report.copied, report.already, report.problems) == (88, 512, ())
        assert contents(new) == contents(old)


def test_an_export_comes_back_to_the_bit(source: Gallery, target: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    assert export_file.export(source, path) == 7
    assert path.stat().st_mode & 0o777 == 0o600
    assert target.restore(export_file.read(path)) == 7
    assert contents(target) == contents(source)
    export_file.export(target, tmp_path / "y.jsonl")
    assert path.read_bytes() == (tmp_path / "y.jsonl").read_bytes()
    with pytest.raises(StorageError, match="already"):
        export_file.export(source, path)


def test_an_empty_gallery_is_exported_too(target: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    assert export_file.export(target, path) == 0
    assert list(export_file.read(path)) == []


@settings(max_examples=40, deadline=None)
@given(
    name=st.text(st.characters(), min_size=1, max_size=20).filter(lambda t: t.strip()),
    source=st.text(st.characters(), max_size=20),
    quality=st.none() | st.floats(0, 1),
    box=st.none() | st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 4),
    seed=st.integers(0, 99),
    worn=st.sampled_from(["none", "real", "unknown"]),
)
def test_any_reference_comes_back_from_its_record(
    *, name: str, source: str, quality: float | None, box: object, seed: int, worn: str
) -> None:
    photo = reference("x", [(NO_MASK, axis(0))], space="s")
    photo = type(photo)(
        source,
        [Template(unit_vectors(1, 7, seed)[0], "e", Wear(worn), quality)],  # type: ignore[arg-type]
        photo_sha256=photo.photo_sha256,
        box=box,  # type: ignore[arg-type]
        ipd_px=quality,
        detector_id="d",
        masks=("n95",),
        space="s",
    )
    with open_gallery(None) as gallery:
        gallery.enrol(name, [photo])
        (record,) = gallery.export()
    line = json.loads(json.dumps(record.to_json()))
    assert StoredReference.from_json(line, "e", "s").sha256() == record.sha256()


def damaged(lines: list[bytes]) -> dict[str, tuple[list[bytes], str]]:
    """What may happen to a file -> its lines then, and what the error says."""
    third = json.loads(lines[2])

    def with_third(**fields: object) -> list[bytes]:
        return [*lines[:2], json.dumps({**third, **fields}).encode() + b"\n", *lines[3:]]

    return {
        "no last line": (lines[:-1], "not whole"),
        "a line lost": (lines[:2] + lines[3:], "line 8: 6 references came before"),
        "a line twice": (lines[:2] + lines[1:], "line 10: 8 references"),
        "cut in a line": ([*lines[:3], lines[3][:40]], "line 4: ends in the middle"),
        "no JSON": ([*lines[:2], b"nonsense\n", *lines[3:]], "line 3: not JSON"),
        "NaN": ([*lines[:2], b'{"box":NaN}\n', *lines[3:]], "line 3: "),
        "no object": ([*lines[:2], b"[1]\n", *lines[3:]], "line 3: expected a JSON object"),
        "a name changed": (with_third(source="other"), "line 9: the sha256 does not hold"),
        "a field more": (with_third(more=1), "line 3: a reference has other fields.*more"),
        "a name of spaces": (with_third(subject=" x "), "line 3: not a name"),
        "no id": (with_third(reference_id="7"), "line 3: an id is 32"),
        "an id of a number": (with_third(subject_id=7), "line 3: an id is 32"),
        "no time": (with_third(created_at="today"), "line 3: a time looks"),
        "no templates": (with_third(templates=[]), "line 3: .*at least one"),
        "a template of text": (with_third(templates=["x"]), "line 3: a template is an object"),
        "a box of text": (with_third(box=["a"] * 4), "line 3: box"),
        "no kept face": (with_third(kept_face="***"), "line 3: kept_face: not base64"),
        "another version": ([lines[0].replace(b'"version":1', b'"version":2')], "version 2"),
        "more after the end": ([*lines, b"{}\n"], "line 9: more follows"),
        "another width": (
            [lines[0].replace(b'"dim":16', b'"dim":17'), *lines[1:]],
            "line 2: 16 numbers, where 17",
        ),
    }


def test_a_bad_file_names_its_line_and_changes_nothing(
    source: Gallery, target: Gallery, tmp_path: Path
) -> None:
    export_file.export(source, tmp_path / "x.jsonl")
    lines = (tmp_path / "x.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) == 9
    target.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(2))], space="space-1")])
    before = contents(target)
    bad = tmp_path / "bad.jsonl"
    for what, (changed, said) in damaged(lines).items():
        bad.write_bytes(b"".join(changed))
        with pytest.raises(InputError, match=said) as raised:
            target.restore(export_file.read(bad))
        assert str(bad) in str(raised.value), what
        assert contents(target) == before


def test_a_backup_is_sound_and_appears_whole(source: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "new" / "b.db"
    assert backup(source, path) == source.size()
    assert [p.name for p in path.parent.iterdir()] == ["b.db"]
    with open_gallery(path, create=False) as copy:
        assert contents(copy) == contents(source)
    with pytest.raises(StorageError, match="already"):
        backup(source, path)


def test_a_backup_of_a_damaged_gallery_is_not_kept(source: Gallery, tmp_path: Path) -> None:
    assert source.file is not None
    with sqlite3.connect(source.file) as connection:
        connection.execute("UPDATE template SET vector = x'00' WHERE id = 1")
    connection.close()
    path = tmp_path / "new" / "b.db"
    with pytest.raises(GalleryFormatError, match="not sound"):
        backup(source, path)
    assert list(path.parent.iterdir()) == []
