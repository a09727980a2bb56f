"""The embedded gallery keeps the contract, in memory and in a file."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskwise.errors import GalleryFormatError
from maskwise.gallery import Consent, Gallery, codec, open_gallery
from maskwise.gallery.sqlite import SqliteGallery
from maskwise.testing.enrolments import axis, kept_face, reference, sha256, unit_vectors, virtual
from maskwise.testing.gallery_contract import GalleryContract
from maskwise.types import F32, NO_MASK


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.sqlite3"


class TestInMemory(GalleryContract):
    @pytest.fixture
    def connect(self) -> Callable[[], Gallery]:
        return lambda: open_gallery(None)

    @pytest.fixture
    def again(self) -> Gallery:
        pytest.skip("a gallery in memory has one connection")


class TestInAFile(GalleryContract):
    @pytest.fixture
    def connect(self, path: Path) -> Iterator[Callable[[], Gallery]]:
        opened: list[Gallery] = []

        def connect() -> Gallery:
            opened.append(open_gallery(path))
            return opened[-1]

        yield connect
        for gallery in opened:
            gallery.close()


def test_a_writer_that_waits_does_not_keep_readers_out(path: Path) -> None:
    with open_gallery(path) as gallery, open_gallery(path) as other:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        assert isinstance(other, SqliteGallery)
        with other._writing() as connection:
            connection.execute("DELETE FROM subject")
            assert gallery.size().people == 1
            assert len(gallery.search(axis(0)[None], wear="bare", top=1)[0]) == 1


def test_new_templates_are_appended_to_the_index_not_read_anew(path: Path) -> None:
    with SqliteGallery.open(path) as gallery, open_gallery(path) as other:
        assert isinstance(gallery, SqliteGallery)
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        gallery.search(axis(0)[None], wear="bare", top=1)
        index = gallery._loaded.index
        other.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(0))])])
        assert len(gallery.search(axis(0)[None], wear="bare", top=9)[0]) == 2
        assert gallery._loaded.index is index
        other.delete("Ann")
        assert len(gallery.search(axis(0)[None], wear="bare", top=9)[0]) == 1
        assert gallery._loaded.index is not index


def test_an_index_that_failed_to_load_is_not_kept_by_halves(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskwise.gallery.loading._LOAD_AT_ONCE", 1)
    with SqliteGallery.open(path) as gallery, open_gallery(path) as other:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        gallery.search(axis(0)[None], wear="bare", top=1)
        other.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(1))])])
        other.enrol("Cid", [reference("c.jpg", [(NO_MASK, axis(2))])])
        with monkeypatch.context() as patch:
            decode = codec.decode_vectors
            left = [True, False]

            def damaged_at_cid(blobs: Sequence[bytes], dim: int) -> F32:
                return decode(blobs if left.pop(0) else [b""], dim)

            patch.setattr(codec, "decode_vectors", damaged_at_cid)
            with pytest.raises(GalleryFormatError):
                gallery.search(axis(0)[None], wear="bare", top=1)
        assert len(gallery.search(axis(0)[None], wear="bare", top=9)[0]) == 3
        assert gallery._loaded.index is not None
        assert len(gallery._loaded.index) == 3


def test_threads_take_turns(path: Path) -> None:
    errors: list[BaseException] = []
    with open_gallery(path) as gallery:

        def work(number: int) -> None:
            try:
                for step in range(10):
                    name = f"{number}.{step}"
                    gallery.enrol(name, [reference(name, [(NO_MASK, axis(number))])])
                    gallery.search(axis(number)[None], wear="bare", top=3)
                    gallery.size()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert gallery.size().people == 40


def test_a_gallery_dropped_without_closing_lets_go_quietly(path: Path) -> None:
    gallery = open_gallery(path)
    gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
    del gallery
    # The last one out empties the log and takes it away.
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert open_gallery(path).size().people == 1


@pytest.mark.parametrize("seed", range(2))
def test_no_byte_of_a_deleted_person_is_left(path: Path, seed: int) -> None:
    """Pages split and merge in between, so copies in their slack would show up too."""
    rng = random.Random(seed)
    alive: dict[str, bytes] = {}
    gone: dict[str, bytes] = {}
    with open_gallery(path) as gallery:
        for step in range(200):
            if alive and rng.random() < 0.4:
                name = rng.choice(sorted(alive))
                assert gallery.delete(name).wiped
                gone[name] = alive.pop(name)
                continue
            name = f"person-{rng.random():.15f}" + "-" * rng.randrange(100)
            vectors = unit_vectors(rng.randrange(1, 7), 128, seed=1000 * seed + step)
            templates = [(virtual(f"m{i}"), v) for i, v in enumerate(vectors)]
            photo = reference(f"/photos/{name}.jpg", templates, kept=kept_face(step))
            note = Consent(f"note on {name}", "2099-01-31T00:00:00.000+00:00")
            gallery.enrol(name, [replace(photo, consent=note)])
            if rng.random() < 0.2:
                gallery.set_consent(name, Consent(f"another note on {name}"))
            alive[name] = vectors.tobytes()
        renamed = next(iter(alive))
        gallery.delete(rng.choice(sorted(set(alive) - {renamed})))
        held = b"".join(p.read_bytes() for p in path.parent.iterdir())
        for name, vectors_of in gone.items():
            assert name.rstrip("-").encode() not in held
            assert sha256(f"/photos/{name}.jpg").encode() not in held
            for start in range(0, len(vectors_of), 128):
                assert vectors_of[start : start + 32] not in held
        # The same look finds those who are there, and what the log says of those who are not.
        assert renamed.encode() in held
        assert gallery.verify_audit().faults == ()
        uids = [e.subject_id for e in gallery.audit_log() if e.action == "delete"]
        assert len(uids) == len(gone) + 1
        assert all(str(uid).encode() in held for uid in uids)
        assert alive[renamed][:32] in held


def test_no_byte_of_an_old_name_is_left(path: Path) -> None:
    with open_gallery(path) as gallery:
        gallery.enrol("Annabella Oldname", [reference("a.jpg", [(NO_MASK, axis(0))])])
        gallery.rename("Annabella Oldname", "Cleo Newname")
        held = b"".join(p.read_bytes() for p in path.parent.iterdir())
    assert b"Oldname" not in held
    assert b"Newname" in held


def test_a_deletion_while_somebody_reads_says_that_copies_remain(path: Path) -> None:
    with SqliteGallery.open(path, busy_timeout_s=0.05) as gallery, open_gallery(path) as other:
        gallery.enrol("Annabella", [reference("a.jpg", [(NO_MASK, axis(0))])])
        gallery.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(0))])])
        assert isinstance(other, SqliteGallery)
        with other._reading() as connection:
            connection.execute("SELECT count(*) FROM subject").fetchone()
            assert not gallery.delete("Annabella").wiped
        assert gallery.delete("Bob").wiped
        held = b"".join(p.read_bytes() for p in path.parent.iterdir())
    assert b"Annabella" not in held


def test_a_deletion_that_waits_for_a_reader_lets_others_write(path: Path) -> None:
    """SQLite holds the write lock as long as it waits to empty the log."""
    with (
        SqliteGallery.open(path, busy_timeout_s=2.0) as gallery,
        SqliteGallery.open(path) as reader,
        SqliteGallery.open(path, busy_timeout_s=0.5) as writer,
    ):
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        gallery.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(1))])])
        wiped: list[bool] = []
        deletion = threading.Thread(target=lambda: wiped.append(gallery.delete("Ann").wiped))
        with reader._reading() as connection:
            connection.execute("SELECT count(*) FROM subject").fetchone()
            deletion.start()
            while writer.size().people == 2:
                time.sleep(0.01)
            for number in range(3):
                writer.enrol(f"new {number}", [reference("c.jpg", [(NO_MASK, axis(2))])])
            deletion.join()
        assert wiped == [False]
        assert gallery.delete("Bob").wiped
        assert gallery._connection.execute("PRAGMA busy_timeout").fetchone() == (2000,)
        assert sorted(p.subject for p in writer.people()) == ["new 0", "new 1", "new 2"]


def test_no_photo_is_stored(path: Path) -> None:
    """The columns of bytes: names, notes, sources, vectors, keys, faces that were asked for."""
    with open_gallery(path) as gallery:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
    connection = sqlite3.connect(path)
    blobs = {
        f"{table}.{column}"
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({table})")
        if kind == "BLOB"
    }
    kept = connection.execute("SELECT count(*) FROM kept_face").fetchone()
    connection.close()
    texts = {"subject.name", "subject.consent", "reference.source"}
    keys = {"owner_key.salt", "data_key.wrapped"}
    assert blobs == {*texts, *keys, "template.vector", "kept_face.face"}
    assert kept == (0,)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("UPDATE template SET vector = zeroblob(64)", "template 1 has a length of 0.0000"),
        ("UPDATE template SET vector = zeroblob(60)", "template 1 has 60 bytes where 16"),
        ("UPDATE template SET mask_spec = '{}' WHERE id = 2", "not a mask spec"),
        ("UPDATE reference SET masks = 'n95'", "reference 1: not a stored list"),
        ("UPDATE subject SET name = x'ff'", "subject 1: not a stored text"),
        ("DELETE FROM subject", "reference 1 belongs to a subject that is not there"),
        ("DELETE FROM template", "reference 1 has no template"),
        ("DELETE FROM reference", "subject 1 has no reference"),
        ("INSERT INTO encoder VALUES (9, 'other', 16, '', 'other')", "second encoder, other"),
    ],
)
def test_damage_is_found(path: Path, damage: str, sentence: str) -> None:
    templates = [(NO_MASK, axis(0)), (virtual(), axis(1))]
    with open_gallery(path) as gallery:
        gallery.enrol("Ann", [reference("a.jpg", templates)])
        assert gallery.integrity_check() == []
    connection = sqlite3.connect(path)
    connection.execute(damage)
    connection.commit()
    connection.close()
    with open_gallery(path) as gallery:
        assert any(sentence in fault for fault in gallery.integrity_check())


def test_damaged_pages_are_found(path: Path) -> None:
    with open_gallery(path) as gallery:
        for number in range(40):
            vector = unit_vectors(1, 512, seed=number)[0]
            gallery.enrol(f"p{number}", [reference(f"{number}.jpg", [(NO_MASK, vector)])])
    data = bytearray(path.read_bytes())
    noise = np.random.default_rng(0).bytes(4096)
    for number in range(10, 14):  # pages of vectors: without that of the schema nothing opens
        page = data.index(unit_vectors(1, 512, seed=number)[0].tobytes()[:64]) // 4096
        data[4096 * page : 4096 * (page + 1)] = noise
    path.write_bytes(data)
    with open_gallery(path) as gallery:
        faults = gallery.integrity_check()
    assert faults
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(data).digest()
