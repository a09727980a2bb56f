"""Who is recognised after `maskwise gallery import`: the table of docs/importing.md.

    MASKWISE_DATA=... python benchmarks/imported.py [samples] [mfr2] [lfw]

Encodings as face_recognition makes them by default (dlib's HOG, five points; the largest face) are
imported, and the same photos are enrolled anew; probes are then identified with the defaults. The
dominant face of each probe counts. Needs dlib (pip install dlib-bin).

- samples: the sample people, their probes and strangers.
- mfr2: MFR2, every bare photo against every masked one.
- lfw: people of the report part (training/photos.py), on whom nothing was fitted: the first photo
  of everybody with two or more is known, the second is the probe, and everybody else a stranger.
  Probes are bare, and as `maskwise mask --types random --seed 11` draws a mask on them.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from maskwise import Recognizer, image, open_gallery, samples
from maskwise.answers import Face, Identification
from maskwise.compat import face_recognition
from maskwise.gallery import Gallery
from maskwise.gallery.importing import import_encodings
from maskwise.stages import prominence
from maskwise.types import F64

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))  # for ``photos``

STOCK, OURS = "dlib-resnet-v1", "maskwise-v1"
SEED = 11


@dataclass
class People:
    """Who is known, and who is looked for."""

    known: list[tuple[str, str]] = field(default_factory=list)
    """name, path"""
    probes: list[tuple[str, str, str]] = field(default_factory=list)
    """name ("": a stranger), wear, path"""


class Remembering(Recognizer):
    """A Recognizer that looks at each picture once, whatever the gallery."""

    seen: dict[tuple[str, str], list[Face]] = {}  # noqa: RUF012

    def encode(self, source: image.ImageInput) -> list[Face]:
        """The faces, from memory where they were seen."""
        key = (self.encoder.id, str(source))
        if key not in self.seen:
            self.seen[key] = super().encode(source)
        return self.seen[key]

    def main(self, path: str) -> Identification | None:
        """The dominant face of a probe."""
        picture = image.load(path)
        found = self.identify(path)
        return max(found, key=lambda f: prominence(f.face.detection, picture), default=None)


@lru_cache(None)
def encoding_of(path: str) -> F64 | None:
    """What face_encodings gives of the largest face; None where HOG finds none."""
    picture = face_recognition.load_image_file(path)
    boxes = face_recognition.face_locations(picture)
    if not boxes:
        return None
    largest = max(boxes, key=lambda box: (box[2] - box[0]) * (box[1] - box[3]))
    return np.asarray(face_recognition.face_encodings(picture, [largest])[0], np.float64)


def imported(people: People) -> Gallery:
    """A gallery of encodings alone."""
    made = [(name, encoding_of(path)) for name, path in people.known]
    there = [(name, one) for name, one in made if one is not None]
    print(f"  imported: {len(there)} of {len(made)} photos gave an encoding")
    gallery = open_gallery(None)
    names, encodings = [name for name, _ in there], np.stack([one for _, one in there])
    import_encodings(gallery, names, encodings, source="encodings")
    return gallery


def enrolled(people: People, gallery: Gallery, encoder: str) -> Gallery:
    """The photos too, in virtual masks."""
    of: dict[str, list[str]] = defaultdict(list)
    for name, path in people.known:
        of[name].append(path)
    recognizer, outcomes = Recognizer(gallery, encoder=encoder), Counter[str]()
    for name, paths in of.items():
        outcomes.update(photo.status for photo in recognizer.enrol(name, paths).photos)
    print(f"  enrolled by {encoder}: {dict(outcomes)}")
    return gallery


def count(title: str, gallery: Gallery, encoder: str, people: People) -> None:
    """Print how many probes of each kind are named right, named wrong, and nearest to the right."""
    recognizer = Remembering(gallery, encoder=encoder)
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for name, wear, path in people.probes:
        row = outcomes[f"{'known' if name else 'strangers'}, {wear}"]
        found = recognizer.main(path)
        row["probes"] += 1
        row["no face"] += found is None
        if found is None:
            continue
        row["named right"] += bool(name) and found.subject == name
        row["named wrong"] += found.subject is not None and found.subject != name
        nearest = found.candidates[0].subject if found.candidates else None
        row["nearest is right"] += bool(name) and nearest == name
    for kind, row in outcomes.items():
        print(f"  {title}; {kind}: " + ", ".join(f"{n} {what}" for what, n in row.items()))


def sample_people(_: Path) -> People:
    """The sample people."""
    people = People()
    for path in sorted(samples.people().glob("*/*.jpg")):
        people.known.append((path.parent.name, str(path)))
    for probe in sorted(samples.probes().glob("*.jpg")):
        name, mask = probe.stem.rsplit("_", 1)
        wear = "bare" if mask == "bare" else "masked"
        people.probes.append(("" if name.startswith("stranger") else name, wear, str(probe)))
    return people


def mfr2(_: Path) -> People:
    """MFR2's development photos."""
    from photos import data_folder

    people = People()
    with (data_folder() / "mfr2-dev-labels.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            name = row["name"]
            path = data_folder() / "mfr2-dev" / name / f"{name}_{int(row['index']):04d}.png"
            if path.exists() and row["mask"] == "no-mask":
                people.known.append((name, str(path)))
            elif path.exists():
                people.probes.append((name, "masked", str(path)))
    return people


def lfw(work: Path) -> People:
    """LFW's report people; masked probes are drawn in ``work``."""
    from photos import photos

    of: dict[str, list[Path]] = defaultdict(list)
    for path in photos("report"):
        of[path.parent.name].append(path)
    people, probes = People(), {}
    for name, paths in sorted(of.items()):
        if len(paths) > 1:
            people.known.append((name, str(paths[0])))
        # The second photo of those who are known, the only one of strangers.
        probes[name] = (name if len(paths) > 1 else "", paths[:2][-1])
        (work / "bare" / name).mkdir(parents=True)
        (work / "bare" / name / paths[:2][-1].name).symlink_to(paths[:2][-1].resolve())
    command = [sys.executable, "-m", "maskwise", "mask", str(work / "bare"), "--out"]
    command += [str(work / "masked"), "--types", "random", "--seed", str(SEED)]
    subprocess.run(command, check=False)
    for folder, (name, path) in probes.items():
        people.probes.append((name, "bare", str(path)))
        masked = work / "masked" / folder / f"{path.stem}_random.jpg"
        if masked.exists():
            people.probes.append((name, "masked", str(masked)))
    return people


def main(names: Sequence[str]) -> None:
    """All tables, or those named."""
    os.environ["MASKWISE_COMPAT_HOG"] = "dlib"
    made = {"samples": sample_people, "mfr2": mfr2, "lfw": lfw}
    for name in names or list(made):
        with tempfile.TemporaryDirectory() as work:
            people = made[name](Path(work))
            print(f"{name}: {len({n for n, _ in people.known})} people, {len(people.known)} photos")
            stored = imported(people)
            count(f"imported, searched by {STOCK}", stored, STOCK, people)
            count(f"imported, searched by {OURS}", stored, OURS, people)
            both = enrolled(people, stored, STOCK)
            count(f"imported and enrolled by {STOCK}, searched by {OURS}", both, OURS, people)
            anew = enrolled(people, open_gallery(None), OURS)
            count(f"enrolled by {OURS}, searched by it", anew, OURS, people)


if __name__ == "__main__":
    main(sys.argv[1:])
