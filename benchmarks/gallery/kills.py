"""Kill a process that enrols, at random points; what it acknowledged must be there.

    python benchmarks/gallery/kills.py [--kills 200] [--seed 1]

Each round: a process enrols people, one a transaction, renames and deletes some, and prints each
step once it returned; it is killed (SIGKILL) after a random time; the gallery is opened anew.
Prints one JSON object; the exit code is 1 when an acknowledged step is missing, a person is
there by half, or the check finds anything.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WORK = """
import sys
from maskwise.gallery import open_gallery
from maskwise.testing.enrolments import kept_face, reference, unit_vectors, virtual
path, tag = sys.argv[1:]
gallery = open_gallery(path)
vectors = unit_vectors(6, 128)
face = kept_face(1)
for number in range(1_000_000):
    name = f"{tag}-{number}"
    given = [(virtual(f"m{i}"), v) for i, v in enumerate(vectors)]
    gallery.enrol(name, [reference(name + s, given, kept=face) for s in ("a", "b")])
    print("+", name, flush=True)
    if number % 5 == 3:
        gallery.rename(name, name + "-renamed")
        print("-", name, flush=True)
        print("+", name + "-renamed", flush=True)
    if number % 5 == 4:
        print("?", name, flush=True)  # from here on it may be gone
        gallery.delete(name)
        print("-", name, flush=True)
"""


def main(kills: int, seed: int, folder: Path) -> dict[str, Any]:
    from maskwise.gallery import open_gallery

    rng = random.Random(seed)
    path = folder / "people.db"
    there: set[str] = set()
    gone: set[str] = set()
    lost = revived = torn = unsound = steps = 0
    for number in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", WORK, str(path), f"k{number}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        first = process.stdout.readline()  # Python has started, and the first is enrolled
        time.sleep(rng.uniform(0, 0.12))
        os.kill(process.pid, signal.SIGKILL)
        said = [first, *process.stdout.read().splitlines()]
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL, "the process ended by itself"
        steps += len(said)
        for line in said:
            what, name = line.split()
            there.discard(name)
            if what == "+":
                there.add(name)
            elif what == "-":
                gone.add(name)
        with open_gallery(path, create=False) as gallery:
            unsound += bool(gallery.integrity_check())
            people = {p.subject: (p.references, p.templates) for p in gallery.people()}
        # A rename that was done and not printed: the person is there under the other name.
        lost += sum(n not in people and f"{n}-renamed" not in people for n in there)
        revived += len(gone & set(people))
        torn += sum(size != (2, 12) for size in people.values())
    return {
        "kills": kills,
        "steps_acknowledged": steps,
        "people_at_the_end": len(people),
        "acknowledged_and_lost": lost,
        "deleted_and_back": revived,
        "people_by_half": torn,
        "checks_not_clean": unsound,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        result = main(options.kills, options.seed, Path(place))
    print(json.dumps(result))
    bad = ("acknowledged_and_lost", "deleted_and_back", "people_by_half", "checks_not_clean")
    sys.exit(any(result[key] for key in bad))
