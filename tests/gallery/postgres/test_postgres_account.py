"""The log on a server: nobody changes it, nobody forks it, and formats before it are brought up."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psycopg
import pytest

from maskwise.gallery import Consent, audit, open_gallery
from maskwise.gallery.postgres import indexes
from maskwise.gallery.postgres import schema as schemas
from maskwise.gallery.postgres.link import Link
from maskwise.gallery.postgres.place import parse
from maskwise.testing.enrolments import axis, reference
from maskwise.testing.postgres_server import QUOTED, Server
from maskwise.types import NO_MASK

EACH_WRITES = 25


def write(url: str, who: str, together: Barrier) -> None:
    with open_gallery(url) as gallery:
        gallery.actor = who
        together.wait(60)
        for number in range(EACH_WRITES):
            gallery.enrol(f"{who} {number}", [reference("a.jpg", [(NO_MASK, axis(0))])])


def test_writers_at_once_make_one_chain(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(2)
    processes = [context.Process(target=write, args=(url, who, together)) for who in ("Ann", "Bob")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    with open_gallery(url, create=False) as gallery:
        report = gallery.verify_audit()
        assert (report.entries, report.faults) == (1 + 2 * EACH_WRITES, ())
        log = gallery.audit_log()
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    # They did work at once: no writer's entries stand in one piece.
    turns = sum(a.actor != b.actor for a, b in itertools.pairwise(log))
    assert turns > 2


def test_the_hashes_are_those_that_the_page_tells_how_to_make(url: str) -> None:
    with open_gallery(url) as gallery, open_gallery(None) as other:
        for store in (gallery, other):
            store.actor = "Ada"
            store.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
            store.set_consent("Ann", Consent("form 12", "2099-01-31T00:00:00.000+00:00"))
            for entry in store.audit_log():
                assert audit.digest(entry.as_json()) == entry.hash
        assert [e.details for e in gallery.audit_log()[1:]] == [
            e.details for e in other.audit_log()[1:]
        ]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit WHERE seq = 2",
        "TRUNCATE audit",
        "INSERT INTO audit SELECT 9, at, actor, action, subject, details, prev_hash,"
        " repeat('a', 64) FROM audit WHERE seq = 1",
        "INSERT INTO audit SELECT 3, at, actor, action, subject, details, repeat('b', 64),"
        " repeat('a', 64) FROM audit WHERE seq = 1",
    ],
)
def test_the_server_refuses_what_does_not_append(
    server: Server, url: str, schema: str, change: str
) -> None:
    with open_gallery(url) as gallery:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        before = gallery.audit_log()
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"SET search_path TO {schema}".encode())
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                connection.execute(change.encode())
        assert gallery.audit_log() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE seq = 2", "entry 2 was changed"),
        ("DELETE FROM audit WHERE seq = 2", "entry 2 is missing"),
        ("DELETE FROM audit", "the audit log is empty"),
        ("UPDATE audit SET details = '{' WHERE seq = 1", "entry 1 was changed"),
        ("DELETE FROM subject WHERE id = 1", "no entry tells of a deletion"),
        (
            "INSERT INTO subject (uid, name, created_at) VALUES (repeat('a', 32), 'x', '')",
            "no entry tells of it",
        ),
        ("DROP TRIGGER audit_updated ON audit", "triggers that keep the log"),
        ("ALTER TABLE audit DISABLE TRIGGER audit_updated", "triggers that keep the log"),
    ],
)
def test_what_a_superuser_does_is_found(
    server: Server, url: str, schema: str, change: str, words: str
) -> None:
    with open_gallery(url) as gallery:
        for name in ("Ann", "Bob"):
            gallery.enrol(name, [reference("a.jpg", [(NO_MASK, axis(0))])])
        assert gallery.verify_audit().faults == ()
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"SET search_path TO {schema}".encode())
            # As who restores a dump: no trigger fires in this session.
            connection.execute("SET session_replication_role = replica")
            connection.execute(change.encode())
        assert words in "\n".join(gallery.verify_audit().faults)
        assert words in "\n".join(gallery.integrity_check())


def test_a_gallery_without_a_log_gets_one_that_counts_who_was_there(
    server: Server, url: str, schema: str
) -> None:
    link = Link(parse(url))
    schemas.open_schema(link, create=True, known=schemas.steps()[:1])
    link.close()
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {schema}, public".encode())
        connection.execute(
            "INSERT INTO encoder (name, space, dim, created_at) VALUES ('test/1', 'test/1', 2, '');"
            "INSERT INTO subject (uid, name, created_at) VALUES (repeat('a', 32), 'Ann',"
            " '2026-01-01T00:00:00.000+00:00');"
            "INSERT INTO reference (uid, subject_id, source, photo_sha256, detector, masks,"
            " created_at) VALUES (repeat('b', 32), 1, 'a.jpg', repeat('c', 64), 'd', '[]', '');"
            "INSERT INTO template (reference_id, subject_id, encoder_id, wear, vector, near, alone,"
            " created_at) VALUES (1, 1, 1, 'none', '\\x0000803f00000000', '[1,0]', true, '')"
        )
    with open_gallery(url, create=False) as gallery:
        (begin,) = gallery.audit_log()
        counts = {"people": 1, "references": 1, "templates": 1, "last_subject": 1}
        assert {k: v for k, v in begin.details.items() if k != "gallery"} == counts
        assert gallery.integrity_check() == []
        shown = gallery.show("Ann")
        assert (shown.consent, shown.expires_at, gallery.retention_days) == ("", None, None)
        assert gallery.stats().format == 2


@contextlib.contextmanager
def other_user(server: Server, schema: str, *grants: str) -> Iterator[str]:
    """A user who owns nothing, with these rights."""
    user = f"u_{schema}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'x1'".encode())
        try:
            for grant in (f"GRANT USAGE ON SCHEMA {schema} TO USER", *grants):
                connection.execute(grant.replace("USER", user).encode())
            yield user
        finally:
            connection.execute(f"DROP OWNED BY {user}".encode())
            connection.execute(f"DROP ROLE {user}".encode())


def test_who_may_only_read_reads_the_log_and_copies(
    server: Server, url: str, schema: str, tmp_path: Path
) -> None:
    with open_gallery(url) as gallery:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        before = gallery.audit_log()
    all_tables = f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO USER"
    with other_user(server, schema, all_tables) as user:
        reader = url.replace(f"maskwise:{QUOTED}", f"{user}:x1")
        with open_gallery(reader, create=False) as gallery:
            assert gallery.verify_audit().faults == ()
            gallery.save_copy(tmp_path / "copy.db")
            assert gallery.audit_log() == before  # there is no place for the entry


def test_who_does_not_own_the_tables_writes_and_cannot_touch_the_log(
    server: Server, url: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the grants of docs/postgresql.md."""
    open_gallery(url).close()
    monkeypatch.setattr(indexes, "EXACT_LIMIT", 0)
    grants = (
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO USER",
        f"REVOKE UPDATE, DELETE ON {schema}.audit FROM USER",
    )
    with other_user(server, schema, *grants) as user:
        login = f"maskwise:{QUOTED}", f"{user}:x1"
        with open_gallery(url.replace(*login), create=False) as gallery:
            for name in ("Ann", "Bob"):
                gallery.enrol(name, [reference("a.jpg", [(NO_MASK, axis(0))])])
            gallery.rename("Bob", "Rob")
            assert "does not own them" in gallery.delete("Rob").remains
            assert gallery.verify_audit().faults == ()
            assert "makes it anew" in gallery.integrity_check()[0]
            (found,) = gallery.search(axis(0)[None], wear="bare", top=2)
            assert [c.subject for c in found] == ["Ann"]
        with psycopg.connect(server.url.replace(*login), autocommit=True) as connection:
            for change in (
                f"UPDATE {schema}.audit SET actor = 'x'",
                f"TRUNCATE {schema}.audit",
                f"DROP TRIGGER audit_updated ON {schema}.audit",
                f"ALTER TABLE {schema}.audit DISABLE TRIGGER ALL",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(change.encode())
    with open_gallery(url) as gallery:
        gallery.enrol("Cid", [reference("a.jpg", [(NO_MASK, axis(1))])])
        assert gallery.integrity_check() == []
