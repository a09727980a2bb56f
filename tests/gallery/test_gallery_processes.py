"""Processes that write and read one gallery at once, and processes that are killed."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from maskwise.gallery import open_gallery

WRITE = """
import sys, time
from maskwise.gallery import open_gallery
from maskwise.testing.enrolments import reference, unit_vectors, virtual
gallery, end, number = open_gallery("people.db"), time.monotonic() + 10, 0
vectors = unit_vectors(4, 128)
given = [(virtual(f"m{i}"), v) for i, v in enumerate(vectors)]
while time.monotonic() < end:
    for name in (f"{sys.argv[1]}-{number}", f"shared-{number}"):
        gallery.enrol(name, [reference(f"{sys.argv[1]}{number}{s}", given) for s in "abc"])
        print(name, flush=True)
    number += 1
"""
READ = """
import sys, time
from maskwise.gallery import open_gallery
gallery, end, states = open_gallery("people.db"), time.monotonic() + 10, 0
while time.monotonic() < end:
    torn = [p for p in gallery.people() if (p.references, p.templates) not in ((3, 12), (6, 24))]
    size = gallery.size()
    assert not torn, torn
    assert size.references % 3 == 0 and size.templates == 4 * size.references, size
    states += 1
print(states)
"""


def test_two_writers_and_a_reader_lose_and_tear_nothing(tmp_path: Path) -> None:
    open_gallery(tmp_path / "people.db").close()
    commands = [["-c", WRITE, "a"], ["-c", WRITE, "b"], ["-c", READ]]
    running = [
        subprocess.Popen(
            [sys.executable, *command], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        for command in commands
    ]
    said = [process.communicate()[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    a, b, states = said
    with open_gallery(tmp_path / "people.db", create=False) as gallery:
        assert gallery.integrity_check() == []
        people = {p.subject: p.references for p in gallery.people()}
    both = set(a) & set(b)
    assert both
    assert people == {name: 6 if name in both else 3 for name in (*a, *b)}
    assert int(states[0]) > 10


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_kills_at_random_points_lose_nothing_acknowledged(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "gallery" / "kills.py"
    spec = importlib.util.spec_from_file_location("kills", script)
    assert spec is not None
    assert spec.loader is not None
    kills = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kills)
    result = kills.main(8, 3, tmp_path)
    assert result.pop("kills") == 8
    assert result.pop("steps_acknowledged") >= 8
    assert result.pop("people_at_the_end") > 0
    assert set(result.values()) == {0}, result
