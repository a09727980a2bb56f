"""Kill a process that enrols, at random points; what it acknowledged must be there.

    python benchmarks/gallery/kills.py [--kills 200] [--seed 1] [--index]

Each round: a process enrols people, one a transaction, renames, merges and deletes some, and prints
each step once it returned; it is killed (SIGKILL) after a random number of them and a random
moment; the gallery is opened anew.
--index: every gallery has a search index beside it, however small; the process searches, so that
it is made and grown all the time, and people are looked up through it after each kill.
Prints one JSON object; the exit code is 1 when an acknowledged step is missing, a person is there
by half or is not found, or a check or the audit log's verification finds anything.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

INDEXED = """
import logging
logging.getLogger("maskwise.gallery").setLevel(logging.ERROR)
from maskwise.gallery import filed, indexing
indexing.LEAST, filed._TAIL = 1, 30
"""
WORK = """
import sys, zlib
from maskwise.gallery import open_gallery
from maskwise.testing.enrolments import kept_face, reference, unit_vectors, virtual
path, tag, search = sys.argv[1], sys.argv[2], sys.argv[3] == "index"
gallery = open_gallery(path)
face = kept_face(1)

def enrol(name):
    vectors = unit_vectors(6, 128, zlib.crc32(name.encode()))
    given = [(virtual(f"m{i}"), v) for i, v in enumerate(vectors)]
    gallery.enrol(name, [reference(name + s, given, kept=face) for s in ("a", "b")])
    print("+", name, flush=True)

for number in range(1_000_000):
    name = f"{tag}-{number}"
    enrol(name)
    if search:
        gallery.search(unit_vectors(1, 128, number), wear="masked", top=3)
    if number % 7 == 3:
        gallery.rename(name, name + "-renamed")
        print("-", name, flush=True)
        print("+", name + "-renamed", flush=True)
    if number % 7 == 4:
        print("?", name, flush=True)  # from here on it may be gone
        gallery.delete(name)
        print("-", name, flush=True)
    if number % 7 == 6:
        enrol(name + "-twin")
        print("?", name + "-twin", flush=True)
        gallery.merge(name + "-twin", name)
        print("-", name + "-twin", flush=True)
"""
BAD = (
    "acknowledged_and_lost",
    "deleted_and_back",
    "people_by_half",
    "people_not_found",
    "checks_not_clean",
    "audit_logs_not_clean",
)
_SOUGHT = 20
"""People that are looked up by a template of theirs after each kill."""


def main(kills: int, seed: int, folder: Path, *, index: bool = False) -> dict[str, Any]:
    from maskwise.gallery import filed, indexing, open_gallery

    kept = indexing.LEAST, filed._TAIL
    if index:
        logging.getLogger("maskwise.gallery").setLevel(logging.ERROR)
        indexing.LEAST, filed._TAIL = 1, 30  # type: ignore[misc]
    try:
        return _rounds(kills, seed, folder / "people.db", index, open_gallery)
    finally:
        indexing.LEAST, filed._TAIL = kept  # type: ignore[misc]


def _rounds(kills: int, seed: int, path: Path, index: bool, open_gallery: Any) -> dict[str, Any]:
    rng = random.Random(seed)
    work = (INDEXED if index else "") + WORK
    there: set[str] = set()
    gone: set[str] = set()
    bad = dict.fromkeys(BAD, 0)
    steps = with_index = 0
    for number in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", work, str(path), f"k{number}", "index" if index else ""],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        # So many steps, on whatever machine, and then a moment.
        said = [process.stdout.readline() for _ in range(rng.randint(1, 12))]
        time.sleep(rng.uniform(0, 0.03))
        os.kill(process.pid, signal.SIGKILL)
        said += process.stdout.read().splitlines()
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL, "the process ended by itself"
        for line in said:
            what, name = line.split()
            steps += what != "?"
            there.discard(name)
            if what == "+":
                there.add(name)
            elif what == "-":
                gone.add(name)
        with_index += path.with_name(f"{path.name}.index").exists()
        with open_gallery(path, create=False) as gallery:
            bad["people_not_found"] += _not_found(gallery, rng)
            bad["checks_not_clean"] += bool(gallery.integrity_check())
            bad["audit_logs_not_clean"] += bool(gallery.verify_audit().faults)
            people = {p.subject: (p.references, p.templates) for p in gallery.people()}
        # A rename that was done and not printed: the person is there under the other name.
        bad["acknowledged_and_lost"] += sum(
            n not in people and f"{n}-renamed" not in people for n in there
        )
        bad["deleted_and_back"] += len(gone & set(people))
        bad["people_by_half"] += sum(size not in ((2, 12), (4, 24)) for size in people.values())
    return {
        "kills": kills,
        "steps_acknowledged": steps,
        "people_at_the_end": len(people),
        **({"kills_that_left_an_index": with_index} if index else {}),
        **bad,
    }


def _not_found(gallery: Any, rng: random.Random) -> int:
    """Of some people, how many are not the first for a template of theirs, or by another name."""
    import numpy as np

    names = [p.subject for p in gallery.people()]
    some = rng.sample(names, min(_SOUGHT, len(names)))
    shown = [gallery.show(name) for name in some]
    probes = [gallery.templates(s.references[0].reference_id)[0].vector for s in shown]
    found = gallery.search(np.stack(probes), wear="masked", top=1)
    return sum(
        (c.subject, c.subject_id) != (s.subject, s.subject_id) or c.score < 0.999
        for (c,), s in zip(found, shown, strict=True)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--index", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        result = main(options.kills, options.seed, Path(place), index=options.index)
    print(json.dumps(result))
    sys.exit(any(result[key] for key in BAD))
