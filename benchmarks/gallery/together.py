"""Two processes write to a gallery while two others search it; nothing may be lost or torn.

    python benchmarks/gallery/together.py [--seconds 60] [--index]

The writers enrol people, of their own and in common, rename, merge and delete some. The others
search all the while; of each candidate, name, ids, photo and score must belong together: they are
worked out anew from the name. --index: with a search index beside it, made and grown all the time.
Prints one JSON object; the exit code is 1 when an acknowledged step is missing, somebody is there
by half or twice, an answer is torn, or a check or the audit log's verification finds anything.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

COMMON = """
import logging, sys, time, zlib
from maskwise.gallery import filed, indexing, open_gallery
from maskwise.testing.enrolments import reference, unit_vectors, virtual
from maskwise.types import NO_MASK
path, tag, seconds, index = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4] == "index"
logging.getLogger("maskwise.gallery").setLevel(logging.ERROR)
if index:
    indexing.LEAST, filed._TAIL = 1, 200
WEARS = (NO_MASK, virtual("n95"), virtual("cloth"))

def vectors(photo):
    return unit_vectors(3, 64, zlib.crc32(photo.encode()))

def photo(source):
    return reference(source, list(zip(WEARS, vectors(source))))

gallery = open_gallery(path)
print("ready", flush=True)
sys.stdin.readline()
end = time.monotonic() + seconds
"""
WRITE = (
    COMMON
    + """
number = 0
while time.monotonic() < end:
    name = f"{tag}-{number}"
    gallery.enrol(name, [photo(f"{name}/1"), photo(f"{name}/2")])
    print("+", name, flush=True)
    gallery.enrol(f"shared-{number}", [photo(f"shared-{number}/{tag}")])
    print("=", f"shared-{number}", flush=True)
    if number % 5 == 2:
        gallery.rename(name, name + "*")
        print("*", name, flush=True)
    if number % 5 == 3:
        gallery.delete(name)
        print("-", name, flush=True)
    if number % 5 == 4:
        gallery.enrol(name + "+", [photo(f"{name}/3"), photo(f"{name}/2")])
        gallery.merge(name + "+", name)
        print("m", name, flush=True)
    number += 1
"""
)
SEARCH = (
    COMMON
    + """
persons, photos, searches, round = {}, {}, 0, 0
while time.monotonic() < end:
    wear = ("bare", "masked")[round % 2]
    # Somebody who is there about now, and somebody who never was.
    known = sorted(photos.values())
    seed = known[round % len(known)] if known and round % 3 else f"nobody {round}"
    probe = vectors(seed)[1 if wear == "masked" else 0]
    (found,) = gallery.search(probe[None], wear=wear, top=9)
    for c in found:
        key = c.subject.rstrip("*+")
        assert c.reference.split("/")[0] == key, c
        of_photo = vectors(c.reference)
        fitting = of_photo[1:] if wear == "masked" else of_photo[:1]
        assert abs(float((fitting @ probe).max()) - c.score) < 1e-5, (c, seed)
        assert (c.wear.kind == "virtual") == (wear == "masked"), c
        # A photo that was merged away and its twin have the same vectors, and ids of their own.
        assert photos.setdefault(c.reference_id, c.reference) == c.reference, c
        assert persons.setdefault(c.subject_id, key) == key, c
    assert len({c.subject_id for c in found}) == len({c.subject for c in found}) == len(found)
    scores = [c.score for c in found]
    assert scores == sorted(scores, reverse=True), scores
    torn = [
        p for p in gallery.people()
        if p.templates != 3 * p.references or p.references not in
        ((1, 2) if p.subject.startswith("shared") else (2, 3))
    ] if round % 10 == 0 else []
    assert not torn, torn
    searches, round = searches + 1, round + 1
print(searches, len(persons), flush=True)
"""
)
BAD = (
    "processes_failed",
    "acknowledged_and_lost",
    "deleted_and_back",
    "people_nobody_enrolled",
    "entries_missing_or_too_many",
    "checks_not_clean",
    "audit_logs_not_clean",
)


def main(seconds: float, folder: Path, *, index: bool = False) -> dict[str, Any]:
    """Run it in ``folder``; the counts."""
    from maskwise.gallery import open_gallery

    path = folder / "people.db"
    open_gallery(path).close()
    logging.getLogger("maskwise.gallery").setLevel(logging.ERROR)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path), tag, str(seconds), "index" * index],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for program, tag in ((WRITE, "a"), (WRITE, "b"), (SEARCH, "x"), (SEARCH, "y"))
    ]
    for process in running:  # all at once, whoever has imported first
        assert process.stdout is not None
        process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0].splitlines() for process in running]
    failed = sum(process.returncode != 0 for process in running)
    owed: dict[str, int] = {}
    gone: set[str] = set()
    enrolments = 0
    for line in (*said[0], *said[1]):
        what, name = line.split()
        enrolments += what in "+=m"
        if what == "+":
            owed[name] = 2
        elif what == "=":
            owed[name] = owed.get(name, 0) + 1
        elif what == "m":
            owed[name] = 3
        else:
            del owed[name]
            gone.add(name)
            if what == "*":
                owed[f"{name}*"] = 2
    with open_gallery(path, create=False) as gallery:
        held = {p.subject: p.references for p in gallery.people()}
        faults, log = gallery.integrity_check(), gallery.verify_audit()
        entries = sum(e.action == "enrol" for e in gallery.audit_log())
    searches = [line.split() for lines in said[2:] for line in lines]
    return {
        "seconds": seconds,
        "steps_acknowledged": sum(map(len, said[:2])),
        "searches": sum(int(line[0]) for line in searches),
        "people_at_the_end": len(held),
        "processes_failed": failed,
        "acknowledged_and_lost": sum(held.get(name) != count for name, count in owed.items()),
        "deleted_and_back": len(gone & set(held)),
        "people_nobody_enrolled": len(set(held) - set(owed)),
        "entries_missing_or_too_many": abs(entries - enrolments),
        "checks_not_clean": int(bool(faults)),
        "audit_logs_not_clean": int(bool(log.faults)),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--index", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        result = main(options.seconds, Path(place), index=options.index)
    print(json.dumps(result))
    sys.exit(any(result[key] for key in BAD))
