"""How many virtually masked templates a person needs, and of which types.

    MASKWISE_DATA=... python benchmarks/templates_per_person.py [--json FILE]

Open-set identification with the shipped models, people enrolled with one bare photo each. Every
mated probe is another photo of an enrolled person, once in each type of mask (colour, pattern,
coverage and seed drawn at random); strangers are photos of people with one photo, in two types
each. Masks are drawn on the whole photo, and the face is looked for anew; a probe without a face
is a miss. A masked probe is compared with masked templates only, as in ``Recognizer.identify``;
with 0 of them, with the bare one. MFR2's real masks are looked for among MFR2's people, one bare
photo each, and the people of LFW.

The order in which templates are added is chosen greedily on the calibrate people of the one split
(training/photos.py), by the share of mated comparisons below the threshold for an FMR of 0.001;
all figures are of the report people, and of MFR2. Intervals are 95 %, by a bootstrap over people.
"""

from __future__ import annotations

import argparse
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

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "training"))
from photos import Part, data_folder, photos  # noqa: E402

from maskwise import Recognizer, masks  # noqa: E402
from maskwise.errors import InputError  # noqa: E402
from maskwise.evaluate.intervals import Rate, bootstrap, rate_interval  # noqa: E402
from maskwise.evaluate.searches import rank_searches  # noqa: E402
from maskwise.evaluate.verification import threshold_for_fmr  # noqa: E402
from maskwise.masks.catalogue import DRAWING_VERSION  # noqa: E402
from maskwise.types import Chip, Image, Landmarks, MaskSpec  # noqa: E402

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

WORK = Path(__file__).resolve().parent / "work"
MOST = 12
FMR, FPIR = 1e-3, 0.01
REPLICATES = 500
STRANGERS_IN = 2  # types that each stranger wears
_CONSOLE = Console(stderr=True)


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
        self.key = hashlib.sha256(
            json.dumps(
                [self.recognizer.models, DRAWING_VERSION, [s.to_json() for s in self.pool]]
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
        """(1 + J, D): bare, and in every mask of the pool."""
        worn, _ = masks.wear_on_chips([chip], self.pool)
        return self.recognizer.encoder.encode_batch(np.concatenate([chip.pixels[None], worn[0]]))

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
    for number, (person, paths) in enumerate(track(of.items(), f"LFW, {part}", console=_CONSOLE)):
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
    for row in track(rows, "MFR2", console=_CONSOLE):
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


def scores(enrolled: Enrolled, probes: Probes, used: list[int]) -> F64:
    """(P, G): each probe with each person's best of the templates ``used``; none: the bare one."""
    columns = [1 + j for j in used] or [0]
    out: F64 = np.full((len(probes.people), len(enrolled.people)), -np.inf)
    with np.errstate(invalid="ignore"):
        for column in columns:
            np.fmax(out, probes.templates @ enrolled.templates[:, column].T, out=out)
    out[np.isnan(probes.templates).any(axis=1)] = np.nan
    return out


def averaged(enrolled: Enrolled, used: list[int]) -> Enrolled:
    """The same people with one masked template: the mean direction of those ``used``."""
    mean = enrolled.templates[:, [1 + j for j in used]].mean(axis=1)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    return Enrolled(enrolled.people, np.stack([enrolled.templates[:, 0], mean], axis=1))


def comparisons(enrolled: Enrolled, probes: Probes, used: list[int]) -> tuple[F64, F64, I64]:
    """Mated and non-mated scores (failures -inf), and the probes' people of the mated ones."""
    given = np.nan_to_num(scores(enrolled, probes, used), nan=-np.inf)
    place = {person: k for k, person in enumerate(enrolled.people)}
    own = np.array([place.get(person, -1) for person in probes.people])
    there = own >= 0
    mated = given[np.flatnonzero(there), own[there]]
    other = np.ones(given.shape, bool)
    other[np.flatnonzero(there), own[there]] = False
    return mated, given[other], own[there]


def fnmr(enrolled: Enrolled, probes: Probes, used: list[int]) -> float:
    """At the threshold for ``FMR`` of these very comparisons."""
    mated, non_mated, _ = comparisons(enrolled, probes, used)
    found = non_mated[np.isfinite(non_mated)]
    threshold = threshold_for_fmr(found, FMR * len(non_mated) / len(found))
    return float(np.mean(mated < threshold))


def greedy(enrolled: Enrolled, probes: Probes, count: int) -> list[int]:
    """``count`` places of the pool, each the one that lowers the FNMR most."""
    used: list[int] = []
    for _ in track(range(count), "order of templates", console=_CONSOLE):
        left = [j for j in range(enrolled.templates.shape[1] - 1) if j not in used]
        used.append(min(left, key=lambda j: fnmr(enrolled, probes, [*used, j])))
    return used


def figures(
    enrolled: Enrolled, mated: Probes, strangers: Probes, used: list[int]
) -> dict[str, Any]:
    """Rank 1 and FNIR at an FPIR of ``FPIR``, with intervals."""
    place = {person: k for k, person in enumerate(enrolled.people)}
    gallery = np.arange(len(enrolled.people))
    own = np.array([place.get(person, -1) for person in mated.people])
    found = rank_searches(scores(enrolled, mated, used), gallery, own)
    others = rank_searches(
        scores(enrolled, strangers, used), gallery, np.full(len(strangers.people), -1)
    )
    names = np.unique([*mated.people, *strangers.people], return_inverse=True)[1]
    of_mated, of_strangers = names[: len(own)], names[len(own) :]
    hit = np.where(found.rank == 1, found.mate_score, -np.inf)
    top = np.nan_to_num(others.other_score, nan=-np.inf)
    finite = top[np.isfinite(top)]
    threshold = threshold_for_fmr(finite, FPIR * len(top) / len(finite))
    rank_one = Rate(int(np.isfinite(hit).sum()), len(hit))
    missed = Rate(int((hit < threshold).sum()), len(hit))
    drawn = bootstrap(
        hit,
        top,
        of_mated,
        of_strangers,
        thresholds=(-1e9,),
        target_fmrs=(FPIR,),
        replicates=REPLICATES,
    )
    return {
        "rank_1": _with(rank_one, 1 - drawn.fnmr[:, 0]),
        "fnir": _with(missed, drawn.fnmr_at[:, 0]),
        "failed": int(np.isnan(mated.templates).any(axis=1).sum()),
        "threshold": threshold,
    }


def _with(rate: Rate, replicates: F64) -> dict[str, Any]:
    interval = rate_interval(rate, replicates)
    return {"count": rate.errors, "of": rate.trials, "low": interval.low, "high": interval.high}


def only(probes: Probes, kind: str) -> Probes:
    keep = [k for k, worn in enumerate(probes.types) if worn == kind]
    return Probes(
        [probes.people[k] for k in keep],
        [probes.types[k] for k in keep],
        probes.templates[keep],
    )


def measure() -> dict[str, Any]:
    maker = Maker()
    names = [name for name, _ in pool()]
    first = [names.index(kind) for kind in drawn_types()]
    default = [names.index(kind) for kind in masks.DEFAULT_TYPES]
    tuned, tuned_probes, _ = lfw(maker, "calibrate")
    order = greedy(tuned, tuned_probes, MOST)
    enrolled, mated, strangers = lfw(maker, "report")
    sets = {"bare only": [], "default": default, "every type": first}
    real = mfr2(maker, enrolled)

    def row(name: str, used: list[int]) -> dict[str, Any]:
        out = {"templates": name, "lfw": figures(enrolled, mated, strangers, used)}
        if real is not None:
            out["mfr2"] = figures(*real, strangers, used)
        return out

    mean = averaged(enrolled, first)
    mean_real = None if real is None else averaged(real[0], first)
    one = {"templates": "mean of every type", "lfw": figures(mean, mated, strangers, [0])}
    if real is not None and mean_real is not None:
        one["mfr2"] = figures(mean_real, real[1], strangers, [0])
    return {
        "pool": names,
        "order": [names[j] for j in order],
        "people": len(enrolled.people),
        "curve": [
            row(f"{k}: + {names[order[k - 1]]}" if k else "0: bare", order[:k])
            for k in range(MOST + 1)
        ],
        "sets": [*(row(name, used) for name, used in sets.items()), one],
        "by_type": {
            kind: {
                name: figures(enrolled, only(mated, kind), strangers, used)
                for name, used in sets.items()
            }
            for kind in drawn_types()
        },
        "without": {
            kind: {
                "calibrate_fnmr": fnmr(tuned, tuned_probes, [j for j in first if names[j] != kind]),
                "calibrate_fnmr_alone": fnmr(tuned, tuned_probes, [names.index(kind)]),
            }
            for kind in drawn_types()
        },
        "calibrate_fnmr": {name: fnmr(tuned, tuned_probes, used) for name, used in sets.items()},
    }


def _percent(found: dict[str, Any]) -> str:
    share = 100 * found["count"] / found["of"]
    return f"{share:.1f} % ({100 * found['low']:.0f} to {100 * found['high']:.0f})"


def show(result: dict[str, Any]) -> None:
    sample = result["curve"][0]
    print(f"{result['people']} people; {sample['lfw']['rank_1']['of']} probes", end="")
    print(f" ({sample['lfw']['failed']} without a face)")
    for title in ("curve", "sets"):
        real = "mfr2" in result[title][0]
        print(
            "\n| templates | LFW rank 1 | LFW FNIR |"
            + (" MFR2 rank 1 | MFR2 FNIR |" if real else "")
        )
        print("|---|---|---|" + ("---|---|" if real else ""))
        for row in result[title]:
            cells = [
                _percent(row[key][what])
                for key in ("lfw", "mfr2")
                if key in row
                for what in ("rank_1", "fnir")
            ]
            print(f"| {row['templates']} | {' | '.join(cells)} |")
    print(
        "\n| probes wear | "
        + " | ".join(f"{name}: FNIR" for name in ("bare only", "default", "every type"))
        + " |"
    )
    print("|---|---|---|---|")
    for kind, found in result["by_type"].items():
        print(f"| {kind} | {' | '.join(_percent(f['fnir']) for f in found.values())} |")
    whole = result["calibrate_fnmr"]
    print(
        "\nFNMR at an FMR of 0.001, calibrate people: "
        + ", ".join(f"{k} {100 * v:.1f} %" for k, v in whole.items())
    )
    for kind, found in result["without"].items():
        print(
            f"  every type but {kind}: {100 * found['calibrate_fnmr']:.1f} %; {kind} alone: {100 * found['calibrate_fnmr_alone']:.1f} %"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="all figures, with the thresholds")
    arguments = parser.parse_args()
    measured = measure()
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
    show(measured)
