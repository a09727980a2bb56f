"""What the shipped thresholds do, from photo to decision.

The report part took no part in fitting them; ``--all`` takes in the people that did.

    MASKWISE_DATA=... python training/operating_points/check.py [--all] [--strangers N]

Enrols the first photo of everybody of the report part (``--all``: of all parts) who has two or
more, and identifies the second: bare, and wearing one random virtual mask that is drawn on the
whole photo before anything is detected. People with one photo are the strangers. Faces that are not
found count as failures. The face nearest to the middle of the photo is the person's.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from photos import photos
from rich.console import Console
from rich.progress import track

from maskwise import Identification, Recognizer, masks
from maskwise.pipeline import prominence
from maskwise.types import Image

SEED = 11
_CONSOLE = Console(stderr=True)


def wilson(count: int, total: int) -> str:
    """``count of total = p % (95 % interval)``, after Wilson 1927."""
    if not total:
        return "0 of 0"
    z, p = 1.96, count / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return f"{count:4d} of {total:4d} = {p:6.1%} ({low:.1%}-{high:.1%})"


def main_face(recognizer: Recognizer, picture: Image) -> Identification | None:
    found = recognizer.identify(picture, top=1)
    return max(found, key=lambda r: prominence(r.face.detection, picture), default=None)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true", help="all parts, not the report part alone")
    parser.add_argument("--strangers", type=int, default=10**6, metavar="N", help="at most so many")
    arguments = parser.parse_args()
    parts = ("train", "calibrate", "report") if arguments.all else ("report",)
    everybody: dict[str, list[Path]] = {}
    for path in sorted(p for part in parts for p in photos(part)):
        everybody.setdefault(path.parent.name, []).append(path)
    known = {name: paths for name, paths in everybody.items() if len(paths) > 1}
    strangers = [name for name, paths in everybody.items() if len(paths) == 1]
    strangers = strangers[:: max(1, len(strangers) // arguments.strangers)][: arguments.strangers]

    recognizer = Recognizer()
    statuses: Counter[str] = Counter()
    began = time.monotonic()
    for name, paths in track(known.items(), "enrol", console=_CONSOLE):
        statuses[recognizer.enrol(name, paths[0]).photos[0].status] += 1
    print(f"{' + '.join(parts)}: {len(known)} people with two photos; enrolment {dict(statuses)}")

    rng = np.random.default_rng(SEED)
    probes = [(name, known[name][1]) for name in known]
    probes += [("", everybody[name][0]) for name in strangers]
    counts: dict[tuple[str, str], Counter[str]] = {}
    worn: dict[str, Counter[str]] = {}
    for name, path in track(probes, "identify", console=_CONSOLE):
        picture = recognizer.load(path)
        faces = recognizer.detect(picture)
        spec = masks.random_spec(rng)
        looks = [("bare", picture)]
        if faces:
            chosen = max(faces, key=lambda d: prominence(d, picture))
            assert chosen.landmarks is not None
            looks.append(("masked", masks.wear_on_image(picture, [chosen.landmarks], [spec])))
        for look, shown in looks:
            found = main_face(recognizer, shown)
            row = counts.setdefault((look, "known" if name else "strangers"), Counter())
            row["probes"] += 1
            if found is None:
                row["no face"] += 1
            else:
                best = found.candidates[0]
                row["mask state wrong"] += found.face.mask.worn != (look == "masked")
                row["accepted"] += found.decision.outcome == "match"
                row["rank 1"] += best.subject == name
                row["right"] += best.subject == name and found.decision.outcome == "match"
            if look == "masked" and name:
                kind = worn.setdefault(spec.type, Counter())
                kind["probes"] += 1
                kind["rank 1"] += found is not None and found.candidates[0].subject == name
    for (look, who), row in sorted(counts.items()):
        total = row["probes"]
        print(f"{look} probes of {who}: {total}, no face in {row['no face']}")
        print(f"  mask state wrong   {wilson(row['mask state wrong'], total - row['no face'])}")
        if who == "known":
            print(f"  rank 1             {wilson(row['rank 1'], total)}")
            print(f"  named right        {wilson(row['right'], total)}")
            print(f"  named wrong        {wilson(row['accepted'] - row['right'], total)}")
        else:
            print(f"  accepted (FPIR)    {wilson(row['accepted'], total)}")
    for kind, row in worn.items():
        print(f"  masked, {kind:9s} rank 1 {wilson(row['rank 1'], row['probes'])}")
    minutes = (time.monotonic() - began) / 60
    print(f"gallery of {recognizer.gallery.size().people} people; {minutes:.0f} minutes")


if __name__ == "__main__":
    main()
