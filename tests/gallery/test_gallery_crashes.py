"""Processes that are killed while they enrol, and processes that enrol at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from maskwise.gallery import open_gallery

ENROL = """
import sys
from maskwise.gallery import open_gallery
from maskwise.testing.enrolments import reference, unit_vectors, virtual
path, tag, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
gallery = open_gallery(path)
vectors = unit_vectors(6, 128)
for number in range(count):
    name = f"{tag}-{number}"
    photo = reference(f"{name}.jpg", [(virtual(f"m{i}"), v) for i, v in enumerate(vectors)])
    gallery.enrol(name, [photo])
    if number % 5 == 4 and tag.startswith("kill"):
        gallery.delete(name)
        name = "-" + name
    print(name, flush=True)
"""


def start(path: Path, tag: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ENROL, str(path), tag, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_process_loses_no_finished_enrolment(tmp_path: Path) -> None:
    path = tmp_path / "people.sqlite3"
    rng = random.Random(7)
    finished: list[str] = []
    for number in range(6):
        process = start(path, f"kill{number}", 1_000_000)
        assert process.stdout is not None
        said = [process.stdout.readline().strip()]
        time.sleep(rng.uniform(0, 0.15))
        os.kill(process.pid, signal.SIGKILL)
        said += process.stdout.read().split()
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        finished += said
        with open_gallery(path, create=False) as gallery:
            assert gallery.integrity_check() == []
            people = {person.subject: person.templates for person in gallery.people()}
        gone = {name[1:] for name in finished if name.startswith("-")}
        kept = {name for name in finished if not name.startswith("-")}
        assert kept <= set(people)
        assert not gone & set(people)
        # Whole people only; at most one a round was stored and not yet acknowledged.
        assert set(people.values()) == {6}
        assert len(set(people) - kept) <= number + 1
    assert len(finished) > 20


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_process_killed_while_it_makes_a_gallery_leaves_none_or_a_whole_one(
    tmp_path: Path,
) -> None:
    for number, step in enumerate(("os.open", "sqlite3.connect", "os.link", "os.fsync")):
        path = tmp_path / f"{number}.sqlite3"
        module, function = step.split(".")
        # Die as the step ends: what it did stays, what follows never happens.
        code = (
            "import os, signal, sqlite3, sys\n"
            "from maskwise.gallery import open_gallery\n"
            f"real = {step}\n"
            "def dying(*args, **options):\n"
            "    result = real(*args, **options)\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
            "    return result\n"
            f"setattr({module}, {function!r}, dying)\n"
            "open_gallery(sys.argv[1])\n"
        )
        run = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
        assert run.returncode == -signal.SIGKILL, step
        assert path.exists() == (step in ("os.link", "os.fsync"))
        with open_gallery(path) as gallery:
            assert gallery.integrity_check() == []
            assert gallery.size().people == 0


def test_processes_that_enrol_at_once_all_succeed(tmp_path: Path) -> None:
    path = tmp_path / "people.sqlite3"
    processes = [start(path, f"process{n}", 40) for n in range(3)]
    said = [name for process in processes for name in process.communicate()[0].split()]
    assert [process.returncode for process in processes] == [0, 0, 0]
    with open_gallery(path, create=False) as gallery:
        assert sorted(said) == sorted(person.subject for person in gallery.people())
        assert gallery.size().templates == 3 * 40 * 6
        assert gallery.integrity_check() == []
    # Drafts of galleries that lost the race to be first are gone too.
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
