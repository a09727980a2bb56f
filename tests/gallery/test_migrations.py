"""Galleries of every format that was ever written open, and newer ones are refused."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskwise.errors import GalleryFormatError, GalleryKeyError, StorageError
from maskwise.gallery import files, migrations, open_gallery
from maskwise.gallery.encryption.keys import FileKey
from maskwise.gallery.migrations import APPLICATION_ID, MIGRATIONS, format_of, migrate
from maskwise.testing.enrolments import axis, mix, reference, virtual
from maskwise.types import NO_MASK
from maskwise.virtual import virtual_vectors

FORMAT_1 = Path(__file__).with_name("format_1.sql")
FORMAT_2 = Path(__file__).with_name("format_2.sql")
FORMAT_3 = Path(__file__).with_name("format_3.sql")
FORMAT_4 = Path(__file__).with_name("format_4.sql")
FORMAT_5 = Path(__file__).with_name("format_5.sql")

LEANT = pytest.approx(0.65 / np.hypot(0.35, 0.65), abs=1e-6)
"""axis(2), met by what was axis(2) in a mask beside a bare template at right angles to it."""


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A gallery as format 1 wrote it."""
    return written(tmp_path / "people.sqlite3", FORMAT_1)


def written(path: Path, dump: Path, then: str = "") -> Path:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(dump.read_text("utf-8") + then)
    connection.close()
    return path


def schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
    ).fetchall()


def empty() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def test_a_gallery_of_format_1_opens_and_answers(stored: Path) -> None:
    with open_gallery(stored, create=False) as gallery:
        assert gallery.integrity_check() == []
        assert [p.subject for p in gallery.people()] == ["Ann Exämple", "Bob"]
        probes = np.stack([axis(0), axis(2), axis(3), axis(4)])
        bare = gallery.search(probes, wear="bare", top=1)
        assert [(c.subject, round(c.score, 6)) for (c,) in bare] == [
            ("Ann Exämple", 0.6), ("Ann Exämple", 0), ("Ann Exämple", 0), ("Bob", 1),
        ]  # fmt: skip
        (masked,) = gallery.search(axis(2)[None], wear="masked", top=1)[0]
        then = virtual("n95", 3)
        assert then.spec is not None
        then = replace(then, spec=replace(then.spec, version=1))
        assert (masked.score, masked.wear) == (LEANT, then)
        sources = [r.source for r in gallery.show("Ann Exämple").references]
        assert sources == ["/photos/ann/1.jpg", "caf\udce9.jpg"]
        gallery.enrol("Dora", [reference("d.jpg", [(NO_MASK, mix(0, 1, 0.5))])])
        assert gallery.stats().format == len(MIGRATIONS)


@pytest.mark.parametrize(
    ("version", "dump"),
    [(1, FORMAT_1), (2, FORMAT_2), (3, FORMAT_3), (4, FORMAT_4), (5, FORMAT_5)],
)
def test_a_format_is_what_its_steps_make(tmp_path: Path, version: int, dump: Path) -> None:
    """A step that was released is never edited."""
    connection = empty()
    migrate(connection, MIGRATIONS[:version])
    old = sqlite3.connect(written(tmp_path / "old.sqlite3", dump))
    assert schema(connection) == schema(old)
    assert format_of(connection) == format_of(old) == version
    connection.close()
    old.close()


def test_every_format_has_its_dump() -> None:
    dumps = sorted(Path(__file__).parent.glob("format_*.sql"))
    assert [p.stem for p in dumps] == [f"format_{n + 1}" for n in range(len(MIGRATIONS))]


@pytest.mark.parametrize(
    ("encoder", "space"),
    [
        ("dlib-resnet-v1/0123456789ab/dlib5-150-p25/l2-1", "dlib-resnet-v1/0123456789ab"),
        ("encoder-a/0123", "encoder-a/0123"),
        # Imported ones, under any name.
        ("facenet 512", "facenet 512"),
        ("dlib-resnet-v1/0123456789ab", "dlib-resnet-v1/0123456789ab"),
        ("a/b/0123456789ab/c", "a/b/0123456789ab/c"),
    ],
)
def test_format_2_knows_the_space_of_encoders_of_format_1(
    tmp_path: Path, encoder: str, space: str
) -> None:
    path = tmp_path / "people.sqlite3"
    written(path, FORMAT_1, f"UPDATE encoder SET name = '{encoder}';")
    with open_gallery(path, create=False) as gallery:
        assert (gallery.encoder_id, gallery.encoder_space) == (encoder, space)
        gallery.check_encoder(encoder)
        gallery.check_comparable("another", space)
        assert gallery.stats().kept_faces == 0
        assert gallery.integrity_check() == []


def test_a_gallery_of_format_2_opens_and_answers(tmp_path: Path) -> None:
    with open_gallery(written(tmp_path / "g.sqlite3", FORMAT_2), create=False) as gallery:
        assert (gallery.encoder_id, gallery.encoder_space) == ("encoder-a/0123", "space-1")
        first, second = gallery.show("Ann Exämple").references
        assert (first.kept_bytes, second.kept_bytes) == (0, 17)
        assert gallery.kept_face(second.reference_id) == b"not really a face"
        (masked,) = gallery.search(axis(2)[None], wear="masked", top=1)[0]
        assert (masked.subject, masked.score) == ("Ann Exämple", LEANT)
        (fault,) = gallery.integrity_check()
        assert "reference 2: a kept face is damaged" in fault


def test_in_format_3_virtual_templates_lean_to_the_bare_one(tmp_path: Path) -> None:
    with (
        open_gallery(written(tmp_path / "2.sqlite3", FORMAT_2)) as old,
        open_gallery(written(tmp_path / "3.sqlite3", FORMAT_3)) as new,
    ):
        for made, kept in zip(
            old.show("Ann Exämple").references, new.show("Ann Exämple").references, strict=True
        ):
            for a, b in zip(
                old.templates(made.reference_id), new.templates(kept.reference_id), strict=True
            ):
                assert a.wear == b.wear
                np.testing.assert_allclose(a.vector, b.vector, atol=1e-6)
        (first, *_) = new.show("Ann Exämple").references
        bare, drawn = (t.vector for t in new.templates(first.reference_id))
        np.testing.assert_allclose(drawn, virtual_vectors(bare, axis(2)[None])[0], atol=1e-6)
        # The other kinds stay as they were.
        np.testing.assert_allclose(bare, mix(0, 1, 0.6), atol=1e-6)
        (real,) = new.templates(new.show("Ann Exämple").references[1].reference_id)
        np.testing.assert_allclose(real.vector, axis(3), atol=1e-6)


def test_a_damaged_template_is_left_to_the_check(tmp_path: Path) -> None:
    short = "UPDATE template SET vector = X'00' WHERE id = 2;"
    with open_gallery(written(tmp_path / "g.sqlite3", FORMAT_2, short)) as gallery:
        assert any("template" in fault for fault in gallery.integrity_check())
        assert gallery.stats().format == len(MIGRATIONS)


def test_format_4_begins_a_log_with_what_was_there(tmp_path: Path) -> None:
    with open_gallery(written(tmp_path / "g.sqlite3", FORMAT_3), create=False) as gallery:
        (begin,) = gallery.audit_log()
        counts = {key: begin.details[key] for key in ("people", "references", "templates")}
        assert (begin.seq, begin.action, begin.subject_id) == (1, "begin", None)
        assert counts == {"people": 2, "references": 3, "templates": 4}
        shown = gallery.show("Bob")
        assert (shown.consent, shown.expires_at, gallery.retention_days) == ("", None, None)
        # Whoever was there before the log is no fault of it, also once they are gone.
        assert gallery.verify_audit().faults == ()
        gallery.delete("Bob")
        assert gallery.verify_audit().faults == ()
    with open_gallery(written(tmp_path / "h.sqlite3", FORMAT_3), create=False) as other:
        assert other.audit_log()[0].hash != begin.hash


def test_a_gallery_of_format_4_opens_and_answers(tmp_path: Path) -> None:
    with open_gallery(written(tmp_path / "g.sqlite3", FORMAT_4), create=False) as gallery:
        shown = gallery.show("Bob")
        assert (shown.consent, shown.expires_at) == (
            "form 12, drawer 3", "2030-01-31T00:00:00.000+00:00",
        )  # fmt: skip
        assert gallery.retention_days == 3650
        last = "01241eaeb6193645dfe4595637447cf5172a56c5c96d1367397122ba3ac0cebd"
        report = gallery.verify_audit(last)
        assert (report.entries, report.last_hash, report.faults) == (3, last, ())
        assert [e.action for e in gallery.audit_log()] == ["begin", "consent", "retention"]


def test_a_gallery_of_format_5_opens_by_its_key_and_answers(tmp_path: Path) -> None:
    path = written(tmp_path / "5.sqlite3", FORMAT_5)
    with pytest.raises(GalleryKeyError, match="key file dd058f1245e4b2d3"):
        open_gallery(path, create=False, key=None)
    with (
        open_gallery(written(tmp_path / "4.sqlite3", FORMAT_4), create=False) as clear,
        open_gallery(path, create=False, key=FileKey(bytes(range(32)))) as sealed,
    ):
        assert [e.action for e in sealed.audit_log()][-1] == "encrypt"
        assert sealed.integrity_check() == clear.integrity_check()
        for name in ("Ann Exämple", "Bob"):
            for kept in clear.show(name).references:
                uid = kept.reference_id
                assert sealed.kept_face(uid) == clear.kept_face(uid)
                assert [(t.wear, t.vector.tobytes()) for t in sealed.templates(uid)] == [
                    (t.wear, t.vector.tobytes()) for t in clear.templates(uid)
                ]
            assert sealed.show(name) == clear.show(name)


def test_an_older_gallery_is_brought_up_once(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []

    def note(connection: sqlite3.Connection) -> None:
        runs.append(connection)
        connection.execute("ALTER TABLE subject ADD COLUMN note TEXT")

    steps = (*MIGRATIONS, note)
    monkeypatch.setattr(files, "MIGRATIONS", steps)
    monkeypatch.setattr(files, "migrate", lambda connection: migrate(connection, steps))
    for _ in range(2):
        with open_gallery(stored) as gallery:
            assert gallery.stats().format == len(steps)
            assert [p.subject for p in gallery.people()] == ["Ann Exämple", "Bob"]
    assert len(runs) == 1


def test_a_step_that_fails_leaves_the_format_before(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM template")
        raise sqlite3.OperationalError("database or disk is full")

    steps = (*MIGRATIONS, fails)
    monkeypatch.setattr(files, "migrate", lambda connection: migrate(connection, steps))
    with pytest.raises(StorageError, match="free some disk space"):
        open_gallery(stored)
    monkeypatch.undo()
    with open_gallery(stored) as gallery:
        assert gallery.stats().format == len(MIGRATIONS)
        assert gallery.size().templates == 4


def test_a_step_that_another_process_took_meanwhile_is_not_taken_twice(stored: Path) -> None:
    ours = sqlite3.connect(stored, isolation_level=None)
    other = sqlite3.connect(stored, isolation_level=None)
    steps = (*MIGRATIONS, lambda c: c.execute("CREATE TABLE extra (x)") and None)
    looks = []

    class Slow(sqlite3.Connection):
        def execute(self, *args):  # type: ignore[no-untyped-def]
            if args[0] == "BEGIN IMMEDIATE" and not looks:
                looks.append(1)
                migrate(other, steps)
            return super().execute(*args)

    slow = sqlite3.connect(stored, isolation_level=None, factory=Slow)
    migrate(slow, steps)
    assert looks
    assert format_of(slow) == len(steps)
    for connection in (ours, other, slow):
        connection.close()


def test_a_newer_gallery_is_refused_and_stays_as_it_is(stored: Path) -> None:
    connection = sqlite3.connect(stored)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.commit()
    connection.close()
    with pytest.raises(GalleryFormatError, match="upgrade maskwise") as caught:
        open_gallery(stored)
    assert str(stored) in str(caught.value)
    connection = sqlite3.connect(stored)
    assert format_of(connection) == len(MIGRATIONS) + 1
    connection.close()


def test_the_file_is_marked_as_ours(stored: Path) -> None:
    connection = empty()
    migrate(connection)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert APPLICATION_ID.to_bytes(4, "big") == b"MSWG"
    assert stored.read_bytes()[68:72] == b"MSWG"
    assert migrations.format_of(connection) == len(MIGRATIONS)
    connection.close()
