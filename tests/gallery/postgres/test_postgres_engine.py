"""What the contract does not ask: processes, broken connections, other people's tables, wiping."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import psycopg
import pytest

from maskwise.errors import ConfigurationError, GalleryFormatError, StorageError
from maskwise.gallery import GallerySize, open_gallery
from maskwise.gallery.postgres import indexes
from maskwise.gallery.postgres import schema as schemas
from maskwise.gallery.postgres.engine import PostgresGallery
from maskwise.gallery.postgres.link import Link
from maskwise.gallery.postgres.place import parse
from maskwise.testing.enrolments import axis, kept_face, reference, unit_vectors, virtual
from maskwise.testing.postgres_server import QUOTED, Server
from maskwise.types import NO_MASK

EACH_WRITES = 40


def photo(name: str = "a.jpg", number: int = 0) -> object:
    return reference(name, [(NO_MASK, axis(number)), (virtual(), axis(number + 1))])


def write(url: str, who: str) -> None:
    with open_gallery(url) as gallery:
        for number in range(EACH_WRITES):
            vector = unit_vectors(1, seed=number)[0]
            gallery.enrol(f"{who} {number % 8}", [reference(f"{number}.jpg", [(NO_MASK, vector)])])
            gallery.enrol("both", [reference(f"{who}{number}", [(NO_MASK, vector)])])


def test_two_processes_open_make_and_write_and_nothing_is_lost(url: str) -> None:
    # Neither finds a gallery: both make it.
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write, args=(url, who)) for who in ("Ann", "Bob")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    with open_gallery(url, create=False) as gallery:
        assert gallery.size() == GallerySize(17, 4 * EACH_WRITES, 4 * EACH_WRITES)
        assert len(gallery.show("both").references) == 2 * EACH_WRITES
        assert gallery.integrity_check() == []


def test_a_writer_waits_for_its_turn_only_so_long(url: str) -> None:
    with open_gallery(url) as gallery:
        gallery.enrol("Ann", [photo()])
        other = PostgresGallery.open(url, busy_timeout_s=0.2)
        with other, gallery._writing():
            assert other.size().people == 1  # readers do not wait
            with pytest.raises(StorageError, match="another process has been writing"):
                other.enrol("Bob", [photo()])
        assert gallery.size().people == 1


def kill_all(server: Server, url: str) -> int:
    """End every session that works for a gallery."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND application_name = %s",
            (parse(url).schema,),
        )
        return len(rows.fetchall())


def test_a_connection_that_was_killed_is_made_anew(server: Server, url: str, schema: str) -> None:
    named = f"{url}&application_name={schema}"
    with open_gallery(named) as gallery:
        gallery.enrol("Ann", [photo()])
        assert kill_all(server, url) == 1
        assert gallery.size().people == 1
        assert kill_all(server, url) == 1
        gallery.enrol("Bob", [photo()])
        assert [p.subject for p in gallery.people()] == ["Ann", "Bob"]


def test_killed_in_the_middle_nothing_is_stored(server: Server, url: str, schema: str) -> None:
    named = f"{url}&application_name={schema}"
    with open_gallery(named) as gallery:
        gallery.enrol("Ann", [photo()])

        def people():  # type: ignore[no-untyped-def]
            yield "Bob", [photo()]
            assert kill_all(server, url) == 1
            yield "Cleo", [photo()]

        with pytest.raises(StorageError, match="run it again"):
            gallery.enrol_all(people())
        assert [p.subject for p in gallery.people()] == ["Ann"]
        gallery.enrol("Bob", [photo()])
        assert gallery.integrity_check() == []


def test_killed_while_storing_it_says_that_nobody_knows(
    server: Server, url: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = f"{url}&application_name={schema}"
    with open_gallery(named) as gallery:
        monkeypatch.setattr(
            "maskwise.gallery.postgres.indexes.keep_up", lambda _: kill_all(server, url)
        )
        with pytest.raises(StorageError, match="may be stored or not"):
            gallery.enrol("Ann", [photo()])


@pytest.mark.parametrize(
    ("old", "new", "kind", "words"),
    [
        (QUOTED, "wrong-secret", ConfigurationError, "password authentication failed"),
        (f":{QUOTED}@", "@", ConfigurationError, "no password supplied"),
        ("/postgres?", "/nowhere?", ConfigurationError, "nowhere"),
        ("maskwise:", "stranger:", ConfigurationError, "stranger"),
        ("127.0.0.1:", "no-such-host.invalid:", StorageError, "check that the server runs"),
    ],
)
def test_what_cannot_be_reached_is_named_without_secrets(
    url: str, old: str, new: str, kind: type[Exception], words: str
) -> None:
    assert old in url
    with pytest.raises(kind, match=words) as caught:
        open_gallery(url.replace(old, new))
    said = "".join(map(str, (caught.value, caught.value.__cause__, caught.value.__context__)))
    for secret in ("wrong-secret", QUOTED, "p@ss/w:rd 1"):
        assert secret not in str(caught.value)
        assert secret not in said


def test_a_server_that_is_not_there_is_named(url: str) -> None:
    port = parse(url).conninfo["port"]
    with pytest.raises(StorageError, match=r"127\.0\.0\.1.*refused.*check that the server runs"):
        open_gallery(url.replace(f":{port}/", ":1/"))


def test_a_gallery_is_not_made_unless_asked(url: str) -> None:
    with pytest.raises(StorageError, match="no gallery yet"):
        open_gallery(url, create=False)


def test_a_newer_format_is_refused_and_left_alone(server: Server, url: str, schema: str) -> None:
    open_gallery(url).close()
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(
            f"INSERT INTO {schema}.migration VALUES (99, 'from the future', '')".encode()
        )
    with pytest.raises(GalleryFormatError, match=r"format 99 .* upgrade maskwise"):
        open_gallery(url)


def test_tables_of_another_program_are_left_alone(server: Server, url: str, schema: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(f"CREATE TABLE {schema}.subject (x int)".encode())
        with pytest.raises(GalleryFormatError, match="another schema"):
            open_gallery(url)
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,)
        ).fetchall()
    assert tables == [("subject",)]


def test_a_step_that_fails_leaves_the_format_before_it(url: str) -> None:
    link = Link(parse(url))
    good = schemas.steps()
    with pytest.raises(GalleryFormatError, match="nope"):
        schemas.open_schema(
            link,
            create=True,
            known=[*good, ("0099_bad", "CREATE TABLE extra (x int); SELECT nope")],
        )
    with link.reading() as connection:
        assert schemas.format_of(connection, link.place.schema) == len(good)
        found = connection.execute("SELECT to_regclass('extra')").fetchone()
    assert found == (None,)
    link.close()
    with open_gallery(url, create=False) as gallery:
        assert gallery.stats().format == len(good)


def test_a_user_without_rights_is_told_what_is_missing(server: Server, schema: str) -> None:
    user = f"u_{schema}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'x1'".encode())
        connection.execute(f"CREATE DATABASE {user}".encode())
        try:
            url = server.url.replace(f"maskwise:{QUOTED}", f"{user}:x1")
            url = url.replace("/postgres", f"/{user}")
            with pytest.raises(ConfigurationError, match="CREATE EXTENSION vector"):
                open_gallery(url)
        finally:
            connection.execute(f"DROP DATABASE {user} WITH (FORCE)".encode())
            connection.execute(f"DROP ROLE {user}".encode())


def test_nothing_of_a_deleted_person_is_left_in_the_tables_files(server: Server, url: str) -> None:
    if server.data is None:
        pytest.skip("the files of another server cannot be seen")
    vectors = unit_vectors(3, 64, seed=9)
    traces = {
        "name": b"Thelonious-Unmistakable",
        "path": b"/photos/unmistakable-path",
        "vector": vectors[0].tobytes()[:32],
        "face": kept_face(1)[100:140],
    }

    def left() -> set[str]:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        assert server.data is not None
        held = [p.read_bytes() for p in (server.data / "base").rglob("*") if p.is_file()]
        return {what for what, trace in traces.items() if any(trace in bytes_ for bytes_ in held)}

    with open_gallery(url) as gallery:
        for name in ("Ann", traces["name"].decode(), "Zoe"):
            source = f"{traces['path'].decode()}/1.jpg" if name not in ("Ann", "Zoe") else name
            vector = vectors[0] if name not in ("Ann", "Zoe") else vectors[1]
            kept = kept_face(1) if name not in ("Ann", "Zoe") else None
            gallery.enrol(name, [reference(source, [(NO_MASK, vector)], kept=kept)])
        assert left() == set(traces)
        result = gallery.delete(traces["name"].decode())
        assert (result.wiped, result.remains) == (True, "")
        assert left() == set()
        assert [p.subject for p in gallery.people()] == ["Ann", "Zoe"]
        gallery.rename("Ann", traces["name"].decode())
        gallery.rename(traces["name"].decode(), "Anna")
        assert left() == set()


def test_a_reader_in_the_way_is_not_waited_for_and_said(server: Server, url: str) -> None:
    with open_gallery(url) as gallery, psycopg.connect(server.url) as reader:
        gallery.enrol("Ann", [photo()])
        gallery.enrol("Bob", [photo()])
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM pg_class")  # a snapshot, and none of our tables
        result = gallery.delete("Ann")
        assert not result.wiped
        assert "VACUUM FULL" in result.remains
        reader.rollback()
        assert gallery.delete("Bob").wiped


def test_tampering_is_found(server: Server, url: str, schema: str) -> None:
    with open_gallery(url) as gallery:
        gallery.enrol("Ann", [photo("a.jpg"), photo("b.jpg", 3)])
        gallery.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(5))])])
        assert gallery.integrity_check() == []
        changes = {
            "near": "UPDATE template SET near = '[1,2]' WHERE id = 1",
            "alone": "UPDATE template SET alone = NOT alone WHERE id = 2",
            "length of": "UPDATE template SET vector = vector || vector WHERE id = 3",
            "another person": "UPDATE template SET subject_id = 2 WHERE id = 4",
        }
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"SET search_path TO {schema}, public".encode())
            for change in changes.values():
                connection.execute(change.encode())
        found = "\n".join(gallery.integrity_check())
        assert "template 1: the column `near` is not its vector" in found
        assert "template 2: the column `alone`" in found
        assert "template 3 has 128 bytes" in found
        assert "template 4 is of another person" in found


def test_a_change_by_hand_is_seen_by_the_next_search(server: Server, url: str, schema: str) -> None:
    with open_gallery(url) as gallery:
        gallery.enrol("Ann", [photo()])
        gallery.enrol("Bob", [photo("b.jpg", 3)])
        assert len(gallery.search(axis(0)[None], wear="bare", top=5)[0]) == 2
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"DELETE FROM {schema}.subject WHERE id = 1".encode())
        assert [c.subject for c in gallery.search(axis(0)[None], wear="bare", top=5)[0]] == ["Bob"]


def test_threads_share_an_object(url: str) -> None:
    with open_gallery(url) as gallery:
        errors: list[BaseException] = []

        def work(number: int) -> None:
            try:
                gallery.enrol(f"p{number}", [photo(f"{number}.jpg")])
                gallery.search(axis(0)[None], wear="bare", top=3)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert errors == []
        assert gallery.size().people == 8


def test_two_galleries_share_a_database(server: Server, url: str, schema: str) -> None:
    second = f"{schema}_b"
    try:
        with open_gallery(url) as gallery, open_gallery(server.gallery(second)) as other:
            gallery.enrol("Ann", [photo()])
            assert other.people() == []
            assert schemas.writer_lock(schema) != schemas.writer_lock(second)
    finally:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {second} CASCADE".encode())


def test_the_index_follows_the_encoder(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "EXACT_LIMIT", 0)
    with open_gallery(url) as gallery:

        def names() -> set[str]:
            with gallery._link.reading() as connection:
                return indexes.present(connection)

        gallery.enrol("Ann", [photo()])
        before = names()
        assert len(before) == 2
        (ann,) = gallery.show("Ann").references
        wide = reference("a.jpg", [(NO_MASK, axis(0, 32))], masks=ann.masks)
        gallery.replace_templates(gallery.encoder_id, [(ann.reference_id, wide)])
        assert len(names()) == 2
        assert not names() & before
        assert gallery.search(axis(0, 32)[None], wear="masked", top=1)[0][0].score == 1
        gallery.delete("Ann")
        assert names() == set()


def test_a_copy_is_of_one_moment_and_complete(url: str, tmp_path: Path) -> None:
    with open_gallery(url) as gallery:
        for number in range(7):
            gallery.enrol(f"p{number}", [photo(f"{number}.jpg", number)])
        gallery.delete("p3")
        gallery.save_copy(tmp_path / "copy.db")
        with open_gallery(tmp_path / "copy.db", create=False) as copy:
            assert [copy.show(p.subject) for p in copy.people()] == [
                gallery.show(p.subject) for p in gallery.people()
            ]
            for wear in ("bare", "masked"):
                probes = unit_vectors(5)
                assert copy.search(probes, wear=wear, top=9) == gallery.search(
                    probes, wear=wear, top=9
                )
            assert copy.integrity_check() == []
