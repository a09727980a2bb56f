"""Processes that are killed while they encrypt or change keys, and others that go on meanwhile."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from maskwise.gallery import open_gallery
from maskwise.gallery.encryption import keys
from maskwise.gallery.encryption.keys import FileKey, OwnerKey
from maskwise.gallery.encryption.state import peek
from maskwise.testing.enrolments import kept_face, reference, unit_vectors, virtual
from maskwise.types import NO_MASK

KEY = FileKey(bytes(range(32)))
PEOPLE = 12

needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")

HEAD = """
import os, signal, sys
from pathlib import Path
from maskwise.gallery import open_gallery
from maskwise.gallery.encryption import care, sealed_rows
from maskwise.gallery.encryption.keys import FileKey
KEY = FileKey(bytes(range(32)))
care.BATCH = sealed_rows.AT_ONCE = 5
path, what, point = sys.argv[1:]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

steps = 0
def step(_):
    global steps
    steps += 1
    if point == f"step {steps}":
        die()
if point in ("finish", "_drop_old", "_reseal"):
    setattr(care.Encryption, point, die)
elif point == "rewritten":
    care._rewritten = die
elif point == "emptied":
    real = care._rewritten
    def then_die(path):
        real(path)
        die()
    care._rewritten = then_die
gallery = open_gallery(path, create=False, key=None if what == "encrypt" else KEY)
getattr(gallery.encryption, what)(*([KEY] if what == "encrypt" else []), step)
"""

READ = """
import sys
from maskwise.gallery import open_gallery
from maskwise.gallery.encryption.keys import FileKey
from maskwise.testing.enrolments import unit_vectors
gallery = open_gallery(sys.argv[1], create=False, key=FileKey(bytes(range(32))))
vectors = unit_vectors(24, 32)
print("ready", flush=True)
rounds = 0
while not sys.stdin.readline().startswith("end"):
    for number in range(12):
        (found,) = gallery.search(vectors[2 * number][None], wear="bare", top=1)
        assert found[0].subject == f"p{number}", (rounds, number, found)
        assert abs(found[0].score - 1) < 1e-5
    shown = gallery.show("p3").references[0].reference_id
    assert len(gallery.templates(shown)) == 2 and gallery.kept_face(shown)
    rounds += 1
    print(rounds, flush=True)
"""

WRITE = """
import sys
from maskwise.gallery import open_gallery
from maskwise.gallery.encryption.keys import FileKey
from maskwise.testing.enrolments import reference, unit_vectors
from maskwise.types import NO_MASK
gallery = open_gallery(sys.argv[1], create=False, key=FileKey(bytes(range(32))))
print("ready", flush=True)
number = 0
while not sys.stdin.readline().startswith("end"):
    vectors = unit_vectors(3, 32, seed=number + 9)
    photo = reference(f"w{number}.jpg", [(NO_MASK, v) for v in vectors])
    gallery.enrol(f"w{number}", [photo])
    if number % 3 == 2:
        gallery.delete(f"w{number - 1}")
    number += 1
    print(number, flush=True)
"""


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (keys.FILE_VARIABLE, keys.NAME_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.sqlite3"


def fill(path: Path, key: OwnerKey | None) -> dict[str, list[bytes]]:
    vectors = unit_vectors(2 * PEOPLE, 32)
    with open_gallery(path, key=key) as gallery:
        for n in range(PEOPLE):
            photo = reference(
                f"{n}.jpg",
                [(NO_MASK, vectors[2 * n]), (virtual(), vectors[2 * n + 1])],
                kept=kept_face(n % 3),
            )
            gallery.enrol(f"p{n}", [photo])
    return {f"p{n}": [v.tobytes() for v in vectors[2 * n : 2 * n + 2]] for n in range(PEOPLE)}


def held(path: Path, key: OwnerKey | None) -> dict[str, list[bytes]]:
    with open_gallery(path, create=False, key=key) as gallery:
        assert gallery.integrity_check() == []
        return {
            r.subject: [t.vector.tobytes() for t in r.photo.templates] for r in gallery.export()
        }


def killed(path: Path, what: str, point: str) -> None:
    run = subprocess.run([sys.executable, "-c", HEAD, str(path), what, point], check=False)
    assert run.returncode == -signal.SIGKILL, point


def clear_bytes(path: Path) -> bool:
    vector = unit_vectors(2 * PEOPLE, 32)[0].tobytes()[:40]
    return any(vector in p.read_bytes() for p in path.parent.iterdir())


@needs_kill
@pytest.mark.parametrize(
    ("point", "encrypted"),
    [
        ("step 1", False),
        ("step 4", False),
        ("step 7", False),
        ("finish", True),
        ("rewritten", True),
        ("emptied", True),
    ],
)
def test_killed_while_it_encrypts(path: Path, point: str, encrypted: bool) -> None:
    wanted = fill(path, None)
    index = path.with_name(f"{path.name}.index")
    index.write_bytes(b"an index")
    killed(path, "encrypt", point)
    assert held(path, KEY if encrypted else None) == wanted
    state = peek(path)
    assert (state is not None and state.residue) == encrypted
    # The same again ends it.
    with open_gallery(path, create=False, key=KEY if encrypted else None) as gallery:
        assert gallery.encryption is not None
        assert gallery.encryption.encrypt(KEY).wiped
        state = gallery.encryption.state()
        assert state is not None
        assert not state.residue
    assert held(path, KEY) == wanted
    assert not clear_bytes(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@needs_kill
@pytest.mark.parametrize("point", ["_reseal", "step 1", "step 3", "step 6", "_drop_old"])
def test_killed_while_the_data_key_changes(path: Path, point: str) -> None:
    wanted = fill(path, KEY)
    killed(path, "rotate", point)
    assert held(path, KEY) == wanted
    state = peek(path)
    assert state is not None
    with open_gallery(path, create=False, key=KEY) as gallery:
        assert gallery.encryption is not None
        assert gallery.encryption.rotate().data_key == state.data_key  # it goes on
        now = gallery.encryption.state()
        assert now is not None
        assert now.pending == 0
        assert gallery.verify_audit().faults == ()
    assert held(path, KEY) == wanted
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM data_key").fetchone() == (1,)


@needs_kill
@pytest.mark.parametrize("point", ["step 1", "step 5"])
def test_killed_while_it_decrypts(path: Path, point: str) -> None:
    wanted = fill(path, KEY)
    killed(path, "decrypt", point)
    assert held(path, KEY) == wanted


def started(code: str, path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def told(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line)
    process.stdin.flush()


def test_the_data_key_changes_while_others_read_and_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maskwise.gallery.encryption import care

    monkeypatch.setattr(care, "BATCH", 4)
    wanted = fill(path, KEY)
    reader, writer = started(READ, path), started(WRITE, path)
    try:
        for process in (reader, writer):
            told(process, "go\n" * 150)  # as fast as they can, all the while
        with open_gallery(path, create=False, key=KEY) as gallery:
            assert gallery.encryption is not None
            for _ in range(3):
                gallery.encryption.rotate()
    finally:
        out = [process.communicate("end\n", timeout=60)[0].split() for process in (reader, writer)]
    assert [reader.returncode, writer.returncode] == [0, 0]
    assert out[0][-1] == "150"
    written = int(out[1][-1])
    found = held(path, KEY)
    assert {name: found[name] for name in wanted} == wanted
    gone = {f"w{n - 1}" for n in range(written) if n % 3 == 2}
    kept = {f"w{n}" for n in range(written)} - gone
    assert set(found) == {*wanted, *kept}
    for name in kept:
        vectors = unit_vectors(3, 32, seed=int(name[1:]) + 9)
        assert found[name] == [v.tobytes() for v in vectors]
