"""Copies between a file and a server, both ways."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from maskwise.gallery import Gallery, copying, export_file, open_gallery
from maskwise.gallery.backup import backup
from maskwise.gallery.postgres import bulk, indexes
from maskwise.gallery.postgres import whole as whole_references
from maskwise.gallery.postgres.engine import PostgresGallery
from maskwise.testing.enrolments import axis, kept_face, reference, unit_vectors, virtual
from maskwise.testing.gallery_contract.moving import contents, fill
from maskwise.testing.postgres_server import Server
from maskwise.types import NO_MASK


@pytest.fixture
def file(tmp_path: Path) -> Gallery:
    gallery = open_gallery(tmp_path / "a.db")
    fill(gallery)
    return gallery


def test_there_and_back_to_the_bit(file: Gallery, url: str, tmp_path: Path) -> None:
    with open_gallery(url) as there, open_gallery(tmp_path / "b.db") as back:
        report = copying.copy(file, there)
        assert (report.copied, report.already, report.problems) == (7, 0, ())
        again = copying.copy(file, there)
        assert (again.copied, again.already, again.problems) == (0, 7, ())
        report = copying.copy(there, back)
        assert (report.copied, report.problems) == (7, ())
        assert contents(back) == contents(file) == contents(there)
        for gallery in (there, back):
            assert gallery.integrity_check() == []
            assert gallery.verify_audit().faults == ()


def test_an_export_is_the_same_from_either(file: Gallery, url: str, tmp_path: Path) -> None:
    with open_gallery(url) as there:
        copying.copy(file, there)
        export_file.export(there, tmp_path / "there.jsonl")
        export_file.export(file, tmp_path / "here.jsonl")
    assert (tmp_path / "there.jsonl").read_bytes() == (tmp_path / "here.jsonl").read_bytes()


def test_a_backup_holds_consent_and_limit_and_begins_a_log(url: str, tmp_path: Path) -> None:
    with open_gallery(url) as gallery:
        fill(gallery)
        gallery.set_retention_days(30)
        assert backup(gallery, tmp_path / "c.db").references == 7
        assert gallery.audit_log()[-1].action == "copy"
        with open_gallery(tmp_path / "c.db", create=False) as copy:
            assert contents(copy) == contents(gallery)
            assert copy.retention_days == 30
            assert [e.action for e in copy.audit_log()] == ["begin", "take-over"]


def test_an_export_in_small_batches_is_whole(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_gallery(url) as gallery:
        fill(gallery)
        whole = contents(gallery)
        for size in (1, 2, 3):
            monkeypatch.setattr(whole_references, "BATCH", size)
            assert contents(gallery) == whole


def test_large_values_go_in_pieces(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_CHUNK", 64)
    with open_gallery(None) as memory, open_gallery(url) as gallery:
        vectors = unit_vectors(40, 512)
        for number, vector in enumerate(vectors):
            photo = reference(f"{number}", [(NO_MASK, vector)], kept=kept_face(number % 5))
            memory.enrol(f"p{number}", [photo])
        assert gallery.restore(memory.export()) == 40
        assert contents(gallery) == contents(memory)


def test_a_killed_copy_goes_on_and_stores_nothing_twice(
    server: Server, url: str, schema: str, tmp_path: Path
) -> None:
    vectors = unit_vectors(4, 16)
    with open_gallery(tmp_path / "a.db") as gallery:
        gallery.enrol_all(
            (f"p{n}", [reference(f"{n}.jpg", [(NO_MASK, vectors[n % 4])])]) for n in range(300)
        )
    code = (
        "import os, signal, sys\n"
        "from maskwise.gallery import copying, open_gallery\n"
        "copying.BATCH = 16\n"
        "done = 0\n"
        "def told(n):\n"
        "    global done\n"
        "    done += n\n"
        "    if done >= int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)\n"
        "copying.copy(open_gallery('a.db'), open_gallery(sys.argv[1]), on_copied=told)\n"
    )
    for stop in (200,):
        run = subprocess.run(
            [sys.executable, "-c", code, url, str(stop)], cwd=tmp_path, check=False
        )
        assert run.returncode == -signal.SIGKILL
    with open_gallery(tmp_path / "a.db") as old, open_gallery(url) as new:
        assert new.size().references == 208
        report = copying.copy(old, new)
        assert (report.copied, report.already, report.problems) == (92, 208, ())
        assert contents(new) == contents(old)


def index_names(gallery: Gallery) -> set[str]:
    assert isinstance(gallery, PostgresGallery)
    with gallery._link.reading() as connection:
        return indexes.present(connection)


def test_the_index_is_made_once_all_are_there(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "EXACT_LIMIT", 100)
    monkeypatch.setattr(copying, "BATCH", 64)
    made: list[int] = []
    vectors = unit_vectors(400, 32).reshape(200, 2, 32)
    with open_gallery(None) as memory, open_gallery(url) as gallery:
        memory.enrol_all(
            (f"p{n}", [reference(f"{n}", [(NO_MASK, v[0]), (virtual(), v[1])])])
            for n, v in enumerate(vectors)
        )
        report = copying.copy(
            memory, gallery, on_copied=lambda _: made.append(len(index_names(gallery)))
        )
        assert made == [0] * 4
        assert len(index_names(gallery)) == 2
        assert report.problems == ()
        assert gallery.integrity_check() == []


def test_people_of_one_kind_of_template_are_marked(server: Server, url: str, schema: str) -> None:
    """Also where their photos come in two batches, the second of another kind."""
    with open_gallery(None) as memory, open_gallery(url) as gallery:
        for name, first, second in (
            ("bare", NO_MASK, NO_MASK),
            ("masked", virtual(), virtual("n95", 2)),
            ("both", NO_MASK, virtual()),
        ):
            memory.enrol(name, [reference("1", [(first, axis(0))])])
            memory.enrol(name, [reference("2", [(second, axis(1))])])
        records = list(memory.export())
        gallery.restore(records[::2])
        gallery.restore(records)
        assert gallery.integrity_check() == []
        with psycopg.connect(server.url) as connection:
            rows = connection.execute(
                f"SELECT s.name, bool_and(alone), bool_or(alone) FROM {schema}.template t"
                f" JOIN {schema}.subject s ON s.id = t.subject_id GROUP BY 1 ORDER BY 1".encode()
            ).fetchall()
    assert rows == [
        (b"bare", True, True),
        (b"both", False, False),
        (b"masked", True, True),
    ]
