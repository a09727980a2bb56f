"""Photos -> the templates of enrolled people and of masked probes, kept for the next run."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))
from photos import Part, data_folder, photos

from maskwise import Recognizer, masks
from maskwise.errors import InputError
from maskwise.masks.catalogue import DRAWING_VERSION
from maskwise.types import Chip, Image, Landmarks, MaskSpec
from maskwise.virtual import BARE_SHARE, virtual_vectors

F32 = npt.NDArray[np.float32]

WORK = Path(__file__).resolve().parent / "work"
STRANGERS_IN = 2  # types that each stranger wears
CONSOLE = Console(stderr=True)


@dataclass(frozen=True, eq=False)
class Enrolled:
    """G people: (G, 1 + J, D) templates, the bare one first; J is the pool's length."""

    people: list[str]
    templates: F32


@dataclass(frozen=True, eq=False)
class Probes:
    """P masked photos. people: whose; types: what they wear; templates: (P, D), NaN: no face."""

    people: list[str]
    types: list[str]
    templates: F32


def pool() -> list[tuple[str, MaskSpec]]:
    """What a person may be enrolled in: each type as it is met most, and in another look."""
    out = []
    for kind in drawn_types():
        entry = masks.TYPES[kind]
        out.append((kind, masks.spec_for(kind)))
        color = entry.palette[min(1, len(entry.palette) - 1)][0]
        other = masks.spec_for(kind, color=color, pattern=second_pattern(kind), seed=1)
        out.append((f"{kind} 2", other))
    return out


def drawn_types() -> tuple[str, ...]:
    """The types that are met without being asked for."""
    return tuple(name for name, entry in masks.TYPES.items() if entry.frequency > 0)


def second_pattern(kind: str) -> str:
    """A type's second pattern that needs no text or picture; else its first."""
    patterns = [p for p in masks.TYPES[kind].patterns if p not in {"text", "image"}]
    return patterns[min(1, len(patterns) - 1)]


class Maker:
    """Photos -> templates, with the shipped models."""

    def __init__(self) -> None:
        self.recognizer = Recognizer()
        self.pool = [spec for _, spec in pool()]
        # No template hangs on the mask state.
        models = {k: v for k, v in self.recognizer.models.items() if k != "mask"}
        self.key = hashlib.sha256(
            json.dumps(
                [models, DRAWING_VERSION, BARE_SHARE, [s.to_json() for s in self.pool]]
            ).encode()
        ).hexdigest()[:8]

    def face(self, picture: Image) -> tuple[Chip, Landmarks] | None:
        """The dominant face; None where none is found."""
        try:
            face, _ = self.recognizer.dominant(picture)
        except InputError:
            return None
        return face.chip, face.landmarks

    def reference(self, chip: Chip) -> F32:
        """(1 + J, D): bare, and in every mask of the pool, as enrolment keeps them."""
        worn, _ = masks.wear_on_chips([chip], self.pool)
        made = self.recognizer.encoder.encode_batch(np.concatenate([chip.pixels[None], worn[0]]))
        return np.concatenate([made[:1], virtual_vectors(made[0], made[1:])])

    def probe(self, picture: Image, points: Landmarks, name: str, kind: str) -> F32:
        """(D,): in a mask of this type, NaN where the face is then not found."""
        digest = hashlib.sha256(f"{name}/{kind}".encode()).digest()
        spec = masks.random_spec(np.random.default_rng(list(digest)), kind)
        return self.as_it_is(masks.wear_on_image(picture, [points], [spec]).image)

    def as_it_is(self, picture: Image) -> F32:
        """(D,) of the picture's face, NaN where none is found."""
        found = self.face(picture)
        if found is None:
            return np.full(self.recognizer.encoder.dim, np.nan, np.float32)
        return self.recognizer.encoder.encode_batch(found[0].pixels[None])[0]


def lfw(maker: Maker, part: Part) -> tuple[Enrolled, Probes, Probes]:
    """Enrolled people, their masked probes, and masked strangers; kept for the next run."""
    file = WORK / f"templates-{maker.key}-{part}.npz"
    if not file.exists():
        _make_lfw(maker, part, file)
    kept = np.load(file)
    probes = [
        Probes(
            kept[f"{who}_people"].tolist(), kept[f"{who}_types"].tolist(), kept[f"{who}_templates"]
        )
        for who in ("mated", "strangers")
    ]
    return Enrolled(kept["people"].tolist(), kept["templates"]), probes[0], probes[1]


def _make_lfw(maker: Maker, part: Part, file: Path) -> None:
    of: dict[str, list[Path]] = {}
    for path in photos(part):
        of.setdefault(path.parent.name, []).append(path)
    kinds = drawn_types()
    people, templates = [], []
    rows: dict[str, list[tuple[str, str, F32]]] = {"mated": [], "strangers": []}
    for number, (person, paths) in enumerate(track(of.items(), f"LFW, {part}", console=CONSOLE)):
        which, worn = "mated", kinds
        if len(paths) > 1:
            found = maker.face(maker.recognizer.load(paths[0]))
            if found is None:
                continue
            people.append(person)
            templates.append(maker.reference(found[0]))
        else:
            which = "strangers"
            worn = tuple(kinds[(number + k * 3) % len(kinds)] for k in range(STRANGERS_IN))
        picture = maker.recognizer.load(paths[-1])
        seen = maker.face(picture)
        for kind in worn:
            empty = np.full(maker.recognizer.encoder.dim, np.nan, np.float32)
            made = empty if seen is None else maker.probe(picture, seen[1], paths[-1].name, kind)
            rows[which].append((person, kind, made))
    file.parent.mkdir(exist_ok=True)
    columns: dict[str, Any] = {"people": people, "templates": np.stack(templates)}
    for who, made in rows.items():
        columns[f"{who}_people"] = [row[0] for row in made]
        columns[f"{who}_types"] = [row[1] for row in made]
        columns[f"{who}_templates"] = np.stack([row[2] for row in made])
    np.savez(file, **columns)


def mfr2(maker: Maker, distractors: Enrolled) -> tuple[Enrolled, Probes] | None:
    """MFR2's people among LFW's, and their photos in real masks; None where MFR2 is not."""
    folder = data_folder()
    labels = folder / "mfr2-dev-labels.csv"
    if not labels.exists():
        return None
    bare: dict[str, F32] = {}
    people, types, templates = [], [], []
    with labels.open() as file:
        rows = list(csv.DictReader(file))
    for row in track(rows, "MFR2", console=CONSOLE):
        name = row["name"]
        path = next((folder / "mfr2-dev").glob(f"{name}/{name}_{int(row['index']):04d}.*"))
        picture = maker.recognizer.load(path)
        if row["mask"] != "no-mask":
            people.append(name)
            types.append(row["mask"].partition("_")[0])
            templates.append(maker.as_it_is(picture))
        elif name not in bare and (found := maker.face(picture)) is not None:
            bare[name] = maker.reference(found[0])
    enrolled = Enrolled(
        [*bare, *distractors.people],
        np.concatenate([np.stack(list(bare.values())), distractors.templates]),
    )
    return enrolled, Probes(people, types, np.stack(templates))
