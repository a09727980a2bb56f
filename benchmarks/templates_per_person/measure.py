"""How many virtually masked templates a person needs, and of which types.

    MASKWISE_DATA=... python benchmarks/templates_per_person/measure.py [--json FILE]

Open-set identification with the shipped models, people enrolled with one bare photo each. Every
mated probe is another photo of an enrolled person, once in each type of mask (colour, pattern,
coverage and seed drawn at random); strangers are photos of people with one photo, in two types
each. Masks are drawn on the whole photo, and the face is looked for anew; a probe without a face,
or with a second one of nearly its size, is a miss. A masked probe is compared with masked templates
only, as in ``Recognizer.identify``; with 0 of them, with the bare one. MFR2's real masks are looked
for among MFR2's people, one bare photo each, and the people of LFW.

The order in which templates are added is chosen greedily on the calibrate people of the one split
(training/photos.py), by the share of mated comparisons below the threshold for an FMR of 0.001;
all figures are of the report people, and of MFR2. Intervals are 95 %, by a bootstrap over people.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parent))
import faces
from faces import CONSOLE, Enrolled, Probes
from printed import show

from maskwise import masks
from maskwise.evaluate.intervals import Rate, bootstrap, percentile_interval, rate_interval
from maskwise.evaluate.searches import rank_searches
from maskwise.evaluate.verification import threshold_for_fmr

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

MOST = 12
FMR, FPIR = 1e-3, 0.01
REPLICATES = 500
COMPARED = (
    ("bare only", "one mask"),
    ("bare only", "default"),
    ("one mask", "default"),
    ("one mask", "every type"),
    ("default", "every type"),
)
"""Sets of templates; the one mask is that of the greedy order."""


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
    for _ in track(range(count), "order of templates", console=CONSOLE):
        left = [j for j in range(enrolled.templates.shape[1] - 1) if j not in used]
        used.append(min(left, key=lambda j: fnmr(enrolled, probes, [*used, j])))
    return used


def figures(
    enrolled: Enrolled, mated: Probes, strangers: Probes, used: list[int]
) -> dict[str, Any]:
    """Rank 1 and FNIR at an FPIR of ``FPIR``, with intervals."""
    return _figures(enrolled, mated, strangers, used)[0]


def difference(
    enrolled: Enrolled, mated: Probes, strangers: Probes, first: list[int], second: list[int]
) -> dict[str, Any]:
    """By how much rank 1 and FNIR change from ``first`` to ``second``, the same people drawn."""
    one, two = (_figures(enrolled, mated, strangers, used) for used in (first, second))
    out = {}
    for what in ("rank_1", "fnir"):
        interval = percentile_interval(two[1][what] - one[1][what])
        assert interval is not None
        values = [found[0][what]["count"] / found[0][what]["of"] for found in (one, two)]
        out[what] = {
            "value": values[1] - values[0],
            "low": interval.low,
            "high": interval.high,
        }
    return out


def _figures(
    enrolled: Enrolled, mated: Probes, strangers: Probes, used: list[int]
) -> tuple[dict[str, Any], dict[str, F64]]:
    """Figures, and the replicates of the two rates."""
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
    replicates = {"rank_1": 1 - drawn.fnmr[:, 0], "fnir": drawn.fnmr_at[:, 0]}
    found_rates = {
        "rank_1": _with(rank_one, replicates["rank_1"]),
        "fnir": _with(missed, replicates["fnir"]),
        "failed": int(np.isnan(mated.templates).any(axis=1).sum()),
        "threshold": threshold,
    }
    return found_rates, replicates


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
    maker = faces.Maker()
    names = [name for name, _ in faces.pool()]
    first = [names.index(kind) for kind in faces.drawn_types()]
    default = [names.index(kind) for kind in masks.DEFAULT_TYPES]
    tuned, tuned_probes, _ = faces.lfw(maker, "calibrate")
    order = greedy(tuned, tuned_probes, MOST)
    enrolled, mated, strangers = faces.lfw(maker, "report")
    sets = {"bare only": [], "default": default, "every type": first}
    real = faces.mfr2(maker, enrolled)
    of = {**sets, "one mask": order[:1]}

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
        "alone": [row(kind, [names.index(kind)]) for kind in faces.drawn_types()],
        "differences": [
            {
                "from": a,
                "to": b,
                "lfw": difference(enrolled, mated, strangers, of[a], of[b]),
                **({} if real is None else {"mfr2": difference(*real, strangers, of[a], of[b])}),
            }
            for a, b in COMPARED
        ],
        "by_type": {
            kind: {
                name: figures(enrolled, only(mated, kind), strangers, used)
                for name, used in sets.items()
            }
            for kind in faces.drawn_types()
        },
        "without": {
            kind: {
                "calibrate_fnmr": fnmr(tuned, tuned_probes, [j for j in first if names[j] != kind]),
                "calibrate_fnmr_alone": fnmr(tuned, tuned_probes, [names.index(kind)]),
            }
            for kind in faces.drawn_types()
        },
        "calibrate_fnmr": {name: fnmr(tuned, tuned_probes, used) for name, used in sets.items()},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="all figures, with the thresholds")
    arguments = parser.parse_args()
    measured = measure()
    if arguments.json:
        arguments.json.write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
    show(measured)
