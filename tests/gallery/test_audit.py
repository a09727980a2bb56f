"""The audit log: what tampers with it is found, and it keeps in step with the people."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwise.errors import ConfigurationError, GalleryFormatError, InputError, StorageError
from maskwise.gallery import AuditReport, Consent, Gallery, audit, audit_check, open_gallery
from maskwise.gallery.accounting import Accounting
from maskwise.gallery.sqlite import SqliteGallery
from maskwise.testing.enrolments import axis, reference, sha256
from maskwise.types import NO_MASK

COLUMNS = ("seq", "at", "actor", "action", "subject", "details", "prev_hash", "hash")
Row = dict[str, Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.sqlite3"


def fill(gallery: Gallery) -> None:
    """Nine entries, with the one that began it."""
    gallery.actor = "Ada"
    for name in ("Ann", "Bob", "Cid"):
        gallery.enrol(name, [reference(f"/photos/{name}.jpg", [(NO_MASK, axis(0))])])
    gallery.rename("Ann", "Annabella")
    gallery.set_consent("Bob", Consent("form 12", "2099-01-31T00:00:00.000+00:00"))
    gallery.delete("Cid")
    gallery.set_retention_days(30)
    gallery.record("looked", details={"times": 1})


SOURCE = SqliteGallery.in_memory()
fill(SOURCE)


def copied() -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", isolation_level=None)
    SOURCE._connection.backup(copy)
    return copy


def rows_of(connection: sqlite3.Connection) -> list[Row]:
    found = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM audit ORDER BY seq")
    return [dict(zip(COLUMNS, row, strict=True)) for row in found]


ROWS = rows_of(SOURCE._connection)
LAST = ROWS[-1]["hash"]


def report(rows: list[Row], expect: str | None = None) -> AuditReport:
    """What is found where somebody who has the file put these rows in place of the true ones."""
    connection = copied()
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit%'"
    ).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("DELETE FROM audit")
    connection.executemany(
        f"INSERT INTO audit ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})",
        [[row[column] for column in COLUMNS] for row in rows],
    )
    for _, sql in triggers:
        connection.execute(sql)
    found = audit_check.verify(connection, expect)
    connection.close()
    return found


def rechained(rows: list[Row]) -> list[Row]:
    """The rows with sequence and hashes as they should be: a log made anew as a whole."""
    last, made = audit.START, []
    for seq, row in enumerate(rows, 1):
        told = {**row, "seq": seq, "prev_hash": last, "details": json.loads(row["details"])}
        last = audit.digest(told)
        made.append({**row, "seq": seq, "prev_hash": told["prev_hash"], "hash": last})
    return made


def test_the_true_log_is_sound() -> None:
    assert len(ROWS) == 9
    assert report(ROWS, LAST) == AuditReport(9, LAST, (), 0)
    assert report(ROWS, ROWS[3]["hash"]).after_expected == 5
    assert rechained(ROWS) == ROWS


def test_the_hash_is_what_the_documentation_says() -> None:
    """Recomputed as docs/gallery-format.md tells, by nothing of ours."""
    last = "0" * 64
    for row in ROWS:
        told = {k: v for k, v in row.items() if k != "hash"}
        told["details"] = json.loads(row["details"])
        assert told["prev_hash"] == last
        text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        last = hashlib.sha256(text.encode("ascii")).hexdigest()
        assert row["hash"] == last


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_an_entry_that_was_changed_and_hashed_anew_is_found_by_the_next(number: int) -> None:
    forged = [dict(row) for row in ROWS]
    told = {**forged[number], "actor": "Eve", "details": json.loads(forged[number]["details"])}
    forged[number] |= {"actor": "Eve", "hash": audit.digest(told)}
    found = report(forged).faults
    if number < len(ROWS) - 1:
        assert found == (f"entry {number + 2} does not follow entry {number + 1}: one of them was "
                         "changed or moved",)  # fmt: skip
    else:
        assert found == ()  # nothing follows the last one
    assert len(report(forged, LAST).faults) == 1


def test_details_are_as_they_were_written_to_the_byte() -> None:
    for other in (
        ROWS[1]["details"].replace(":", ": "),
        '{"kept_faces":9,' + ROWS[1]["details"][1:],
    ):
        assert json.loads(other) == json.loads(ROWS[1]["details"])
        changed = [dict(row) for row in ROWS]
        changed[1]["details"] = other
        (fault,) = report(changed).faults
        assert fault == "entry 2 was changed: its hash does not fit what it says"


texts = st.one_of(
    st.text(max_size=70), st.sampled_from([r[c] for r in ROWS for c in COLUMNS if r[c]])
)


@settings(max_examples=300, deadline=None)
@given(
    number=st.integers(0, len(ROWS) - 1),
    column=st.sampled_from([c for c in COLUMNS if c != "seq"]),
    value=st.one_of(st.none(), texts, st.integers(-5, 5), st.binary(max_size=8)),
)
def test_a_changed_column_is_found(number: int, column: str, value: object) -> None:
    if value == ROWS[number][column]:
        return
    changed = [dict(row) for row in ROWS]
    changed[number][column] = value
    try:
        found = report(changed)
    except (sqlite3.IntegrityError, UnicodeEncodeError):  # the table itself does not take it
        return
    assert found.faults


@settings(max_examples=100, deadline=None)
@given(order=st.permutations(range(len(ROWS))))
def test_another_order_is_found(order: list[int]) -> None:
    if order == sorted(order):
        return
    # Moved with their numbers changed, so that these are without gaps.
    assert report([{**ROWS[old], "seq": new} for new, old in enumerate(order, 1)]).faults


@settings(max_examples=100, deadline=None)
@given(gone=st.sets(st.integers(0, len(ROWS) - 1), min_size=1), renumbered=st.booleans())
def test_removed_entries_are_found_but_for_a_cut_end(gone: set[int], renumbered: bool) -> None:
    left = [dict(row) for number, row in enumerate(ROWS) if number not in gone]
    if renumbered:
        left = [{**row, "seq": seq} for seq, row in enumerate(left, 1)]
    cut = gone == set(range(len(left), len(ROWS)))
    # Up to the deletion of Cid, entry 7, the people tell of the cut; behind it nothing does,
    # but for the hash that was kept elsewhere.
    assert bool(report(left).faults) == (not cut or len(left) < 7)
    assert report(left, LAST).faults


def test_one_entry_that_is_gone_is_named() -> None:
    assert report(ROWS[:3] + ROWS[4:]).faults[0] == "entry 4 is missing"
    assert report(ROWS[:3] + ROWS[6:]).faults[0] == "entries 4 to 6 are missing"


@settings(max_examples=50, deadline=None)
@given(
    number=st.integers(1, len(ROWS) - 1), actor=st.text(st.characters(codec="ascii"), min_size=1)
)
def test_a_log_made_anew_is_told_by_the_pinned_hash_alone(number: int, actor: str) -> None:
    if actor == ROWS[number]["actor"]:
        return
    forged = [dict(row) for row in ROWS]
    forged[number]["actor"] = actor
    forged = rechained(forged)
    assert report(forged).faults == ()
    (fault,) = report(forged, LAST).faults
    assert "made anew" in fault
    # Pinned before the forgery begins, it proves only what came before.
    assert report(forged, ROWS[number - 1]["hash"]).faults == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'Eve'",
        "DELETE FROM audit WHERE seq = 9",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT seq, at, 'Eve', action, subject, details, prev_hash,"
        " hash FROM audit WHERE seq = 9",
        "INSERT INTO audit SELECT seq + 2, at, actor, action, subject, details, hash, prev_hash"
        " FROM audit WHERE seq = 9",
        "INSERT INTO audit SELECT seq + 1, at, actor, action, subject, details, prev_hash,"
        " printf('%064d', 1) FROM audit WHERE seq = 9",
        "INSERT INTO audit SELECT NULL, at, actor, action, subject, details, hash,"
        " printf('%064d', 1) FROM audit WHERE seq = 9",
    ],
)
def test_the_table_refuses_all_but_the_next_entry(statement: str) -> None:
    connection = copied()
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    assert rows_of(connection) == ROWS
    connection.close()


@pytest.mark.parametrize(
    ("tampering", "sentence"),
    [
        ("DELETE FROM subject WHERE name = x'426f62'", "no entry tells of a deletion"),
        (
            "INSERT INTO subject (uid, name, created_at)"
            " VALUES ('00000000000000000000000000000000', x'45', '')",
            "0000 is in the gallery, and no entry tells of it",
        ),
        (
            "INSERT INTO subject (uid, name, created_at)"
            " SELECT subject, x'45', '' FROM audit WHERE action = 'delete'",
            "though an entry tells of the deletion",
        ),
        ("DROP TRIGGER audit_updated", "the triggers that keep the log append-only"),
    ],
)
def test_people_who_come_and_go_behind_the_log_are_found(tampering: str, sentence: str) -> None:
    connection = copied()
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(tampering)
    (fault,) = audit_check.verify(connection, LAST).faults
    assert sentence in fault
    connection.close()


def test_rows_that_were_put_in_as_a_whole_are_taken_over() -> None:
    connection = copied()
    connection.execute(
        "INSERT INTO subject (uid, name, created_at)"
        " VALUES ('00000000000000000000000000000000', x'45', '')"
    )
    assert audit_check.verify(connection).faults
    told = audit.take_over(connection, "take-over", "Ada").details
    assert told == {"people": 3, "references": 2, "templates": 2, "last_subject": 4}
    assert audit_check.verify(connection, LAST).faults == ()
    connection.close()


def test_check_tells_of_the_log_too(path: Path) -> None:
    with open_gallery(path) as gallery:
        fill(gallery)
        assert gallery.integrity_check() == []
    connection = sqlite3.connect(path)
    connection.execute("DROP TRIGGER audit_updated")
    connection.execute("UPDATE audit SET details = 'no json' WHERE seq = 3")
    connection.commit()
    connection.close()
    with open_gallery(path) as gallery:
        faults = gallery.integrity_check()
        assert any("audit log: entry 3 was changed" in fault for fault in faults)
        with pytest.raises(GalleryFormatError, match="maskwise audit verify"):
            gallery.audit_log()


def test_the_log_names_nobody(path: Path) -> None:
    with open_gallery(path) as gallery:
        fill(gallery)
        gallery.save_copy(path.with_name("copy-of-Bob.db"))
        told = json.dumps([entry.as_json() for entry in gallery.audit_log()])
    for private in ("Ann", "Bob", "Cid", "photos", "form 12", ".db"):
        assert private not in told
    assert sha256("/photos/Ann.jpg") not in told
    with open_gallery(path) as gallery, pytest.raises(InputError, match="counts and ids"):
        gallery.record("looked", details={"who": "Ada Lovelace"})


def test_a_copy_and_a_re_encoding_are_entries(path: Path) -> None:
    copy = path.with_name("copy.db")
    with open_gallery(path) as gallery:
        fill(gallery)
        ann, bob = (gallery.show(name).references[0] for name in ("Annabella", "Bob"))
        uid = gallery.show("Bob").subject_id
        gallery.save_copy(copy)
        with pytest.raises(StorageError, match="already"):
            gallery.save_copy(copy)  # none is made, and none told of
        new = reference(ann.source, [(NO_MASK, axis(3))], encoder="encoder-b/1")
        gallery.replace_templates(
            "encoder-b/1", [(ann.reference_id, new), (bob.reference_id, None)]
        )
        told = [(e.action, e.subject_id, dict(e.details)) for e in gallery.audit_log()[9:]]
        assert gallery.verify_audit().faults == ()
    assert told == [
        ("copy", None, {"people": 2}),
        ("delete", uid, {"why": "re-encode"}),
        ("re-encode", None, {"people": 1, "references": 1, "templates": 1}),
    ]
    with open_gallery(copy) as other:  # it goes on with a log of its own
        assert other.verify_audit().faults == ()
        other.delete("Bob")
        assert other.verify_audit().faults == ()


def test_imported_people_are_told_apart(path: Path) -> None:
    photo = replace(reference("imported: x#1", [(NO_MASK, axis(0))]), detector_id="imported")
    with open_gallery(path) as gallery:
        gallery.enrol("Ann", [photo])
        assert gallery.audit_log()[-1].action == "import"
        assert gallery.verify_audit().faults == ()


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASKWISE_ACTOR", raising=False)


@pytest.mark.usefixtures("nobody")
def test_who_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_gallery(None) as gallery:
        system = gallery.actor
        assert system
        monkeypatch.setenv("USER", "somebody else")  # anybody can say that
        assert os.name != "posix" or gallery.actor == system
        monkeypatch.setenv("MASKWISE_ACTOR", " Ada\nLovelace\x1b ")
        assert gallery.actor == r"Ada\nLovelace\x1b"
        gallery.actor = "Bea \udcff"
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        assert gallery.audit_log()[-1].actor == r"Bea \udcff"
        assert gallery.verify_audit().faults == ()
        for bad in ("", "  ", "x" * 201):
            with pytest.raises(InputError, match="MASKWISE_ACTOR"):
                gallery.actor = bad


DIES = """
import os, signal, sys
from maskwise.gallery import audit, open_gallery
from maskwise.testing.enrolments import axis, reference
from maskwise.types import NO_MASK
path, action, moment = sys.argv[1:]
photo = lambda name: [reference(name, [(NO_MASK, axis(0))])]
gallery = open_gallery(path)
gallery.enrol("Ann", photo("a.jpg"))
real = audit.append
def dying(*args, **options):
    if moment == "after the data":
        os.kill(os.getpid(), signal.SIGKILL)
    real(*args, **options)
    os.kill(os.getpid(), signal.SIGKILL)
audit.append = dying
if action == "enrol":
    gallery.enrol("Bob", photo("b.jpg"))
elif action == "rename":
    gallery.rename("Ann", "Anna")
else:
    gallery.delete("Ann")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("action", ["enrol", "rename", "delete"])
@pytest.mark.parametrize("moment", ["after the data", "after the entry"])
def test_a_kill_between_leaves_neither_data_nor_entry(path: Path, action: str, moment: str) -> None:
    run = subprocess.run([sys.executable, "-c", DIES, str(path), action, moment], check=False)
    assert run.returncode == -signal.SIGKILL
    with open_gallery(path, create=False) as gallery:
        assert [p.subject for p in gallery.people()] == ["Ann"]
        assert [e.action for e in gallery.audit_log()] == ["begin", "enrol"]
        assert gallery.integrity_check() == []


WRITES = """
import sys
from maskwise.gallery import open_gallery
from maskwise.testing.enrolments import axis, reference
from maskwise.types import NO_MASK
path, tag, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
gallery = open_gallery(path)
gallery.actor = tag
for number in range(count):
    name = f"{tag}-{number}"
    gallery.enrol(name, [reference(name, [(NO_MASK, axis(0))])])
    print(name, flush=True)
    if number % 3 == 0:
        gallery.delete(name)
        print("-" + name, flush=True)
"""


def start(path: Path, tag: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITES, str(path), tag, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_write_one_chain(path: Path) -> None:
    processes = [start(path, tag, 30) for tag in ("one", "two")]
    said = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    with open_gallery(path, create=False) as gallery:
        log = gallery.audit_log()
        assert gallery.verify_audit().faults == ()
    assert len(log) == 1 + sum(map(len, said))
    assert {actor: sum(e.actor == actor for e in log[1:]) for actor in ("one", "two")} == {
        "one": 40,
        "two": 40,
    }


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_at_any_time_the_log_fits_the_people(path: Path) -> None:
    rng = random.Random(3)
    acknowledged = 0
    for round_number in range(4):
        process = start(path, f"r{round_number}", 1_000_000)
        assert process.stdout is not None
        said = process.stdout.readline().count("\n")
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        said += process.stdout.read().count("\n")
        process.stdout.close()
        process.wait()
        acknowledged += said
        with open_gallery(path, create=False) as gallery:
            assert gallery.integrity_check() == []
            written = len(gallery.audit_log()) - 1
            alive = sum(e.action == "enrol" for e in gallery.audit_log())
            alive -= sum(e.action == "delete" for e in gallery.audit_log())
            assert gallery.size().people == alive
        # At most one step a round was stored and not yet acknowledged.
        assert 0 <= written - acknowledged <= round_number + 1


@pytest.mark.parametrize(
    "call",
    [
        Accounting.audit_log,
        Accounting.verify_audit,
        lambda g: Accounting.record(g, "looked", details={}),
        lambda g: Accounting.set_consent(g, "Ann", Consent("x")),
        Accounting.retention_days.fget,  # type: ignore[attr-defined]
        lambda g: Accounting.set_retention_days(g, 3),
        Accounting.due,
        lambda g: Accounting.delete_due(g, "0" * 32),
    ],
)
def test_an_engine_without_a_log_says_so(call: Callable[[Gallery], object]) -> None:
    no_log = pytest.raises(ConfigurationError, match=":memory:: this engine keeps no audit log")
    with open_gallery(None) as gallery, no_log:
        call(gallery)


def test_what_may_only_be_read_can_be_copied_without_an_entry(path: Path) -> None:
    with SqliteGallery.open(path) as gallery:
        fill(gallery)
        gallery._connection.execute("PRAGMA query_only = ON")
        gallery.save_copy(path.with_name("copy.db"))
        assert gallery.audit_log()[-1].action == "looked"
    with open_gallery(path.with_name("copy.db"), create=False) as copy:
        assert copy.integrity_check() == []


def test_two_processes_that_bring_a_file_up_begin_one_log(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(Path(__file__).with_name("format_1.sql").read_text("utf-8"))
    connection.close()
    opens = "import sys; from maskwise.gallery import open_gallery; open_gallery(sys.argv[1])"
    processes = [subprocess.Popen([sys.executable, "-c", opens, str(path)]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    with open_gallery(path) as gallery:
        assert [e.action for e in gallery.audit_log()] == ["begin"]
        assert gallery.verify_audit().faults == ()


def test_who_came_back_and_was_taken_out_by_another_tool_is_missed(path: Path) -> None:
    with open_gallery(path) as gallery:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        uid = gallery.show("Ann").subject_id
        records = list(gallery.export())
        gallery.delete("Ann")
        gallery.restore(records)
        assert gallery.verify_audit().faults == ()
    other = sqlite3.connect(path)
    other.execute("PRAGMA foreign_keys = ON")
    other.execute("DELETE FROM subject")
    other.commit()
    other.close()
    with open_gallery(path) as gallery:
        # The deletion that has an entry was the one before.
        assert gallery.verify_audit().faults == (
            f"the person {uid} is not in the gallery, and no entry tells of a deletion",
        )
