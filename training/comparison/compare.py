"""How a masked probe is compared with a person's templates: the tables of docs/adr/0016.

    MASKWISE_DATA=... python training/comparison/compare.py [--encoder NAME] [--confirm]

Without ``--confirm`` the table that chooses: LFW's calibrate people (../photos.py), every photo as
a reference and in two masks as a probe: one of ours of a type that is not enrolled by default, and
one of benchmarks/flat_masks.py. Masks are drawn on the whole photo and the face is looked for anew.
"every type" means all that are not the probe's own. With ``--confirm`` the ``CHOSEN`` rules on
people who chose nothing: LFW's report people, and MFR2's development photos with real masks.
Intervals: 95 %, of the difference to the first row, by a bootstrap over people.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]
from encoded import KINDS, LOOKS, TYPES, Encoded, lfw, mfr2
from photos import Part, data_folder
from rates import RATES, Trials, logistic, told

from maskwise import encode, masks
from maskwise.types import F32, F64

Rule = Callable[[Encoded], F64]
"""(R, P) scores of every probe with every reference."""
FOUR = masks.DEFAULT_TYPES
SOME = {1: FOUR[:1], 2: (FOUR[0], FOUR[2]), 4: FOUR}
BEFORE = "max of 4 masks (before)"
CHOSEN = (
    BEFORE,
    "bare",
    "mean of 4 masks",
    "0.35 bare + max of 4 masks",
    "4 masks lean 0.35, max",
    "pooled bare + 1",
    "pooled bare + 2",
    "pooled bare + 4",
    "pooled bare + every type",
)
LEFT_OUT = "drawn"
"""The kind of probe whose own type is taken from "every type"."""


def unit(vectors: F32) -> F32:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def alike(data: Encoded, look: str, probe: int = 0) -> F64:
    """Scores with one look of the references."""
    return np.asarray(data.references[:, LOOKS.index(look)] @ data.probes[:, probe].T, np.float64)


def each(data: Encoded, looks: tuple[str, ...]) -> F64:
    """(K, R, P), NaN where the look is the probe's own type of mask."""
    out = np.stack([alike(data, look) for look in looks])
    if len(looks) >= len(TYPES):
        for row, look in enumerate(looks):
            out[row][:, (data.worn == look) & (data.kinds == LEFT_OUT)] = np.nan
    return out


def pooled(data: Encoded, looks: tuple[str, ...]) -> F64:
    """With the mean direction of the looks; of "every type", without the probe's own."""
    out = np.empty((len(data.references), len(data.probes)))
    every = len(looks) >= len(TYPES)
    for worn in np.unique(data.worn):
        for kind in np.unique(data.kinds):
            here = (data.worn == worn) & (data.kinds == kind)
            used = [k for k in looks if not (every and kind == LEFT_OUT and k == worn)]
            mean = unit(data.references[:, [LOOKS.index(k) for k in used]].mean(axis=1))
            out[:, here] = mean @ data.probes[here, 0].T
    return out


def leaning(share: float, looks: tuple[str, ...]) -> Rule:
    """The best of templates that are ``share`` bare and the rest masked, each scaled."""

    def scores(d: Encoded) -> F64:
        bare = d.references[:, LOOKS.index("bare")]
        mixed = [unit(share * bare + (1 - share) * d.references[:, LOOKS.index(k)]) for k in looks]
        return np.asarray(np.stack([m @ d.probes[:, 0].T for m in mixed]).max(axis=0), np.float64)

    return scores


def rules() -> dict[str, Rule]:
    def best(d: Encoded) -> F64:
        return np.asarray(each(d, FOUR).max(axis=0))

    def mean(d: Encoded) -> F64:
        return np.asarray(each(d, FOUR).mean(axis=0))

    def weighed(w: float, a: Rule, b: Rule) -> Rule:
        return lambda d: w * a(d) + (1 - w) * b(d)

    def bare(d: Encoded) -> F64:
        return alike(d, "bare")

    def covered(look: str) -> Rule:
        return lambda d: alike(d, look, LOOKS.index(look) - len(LOOKS) + 4)

    def pool(*looks: str) -> Rule:
        return lambda d: pooled(d, looks)

    out: dict[str, Rule] = {
        BEFORE: best,
        "bare": bare,
        "max of 1 mask": lambda d: alike(d, SOME[1][0]),
        "max of 2 masks": lambda d: np.asarray(each(d, SOME[2]).max(axis=0)),
        "max of every type": lambda d: np.asarray(np.nanmax(each(d, TYPES), axis=0)),
        "mean of 4 masks": mean,
        "mean of every type": lambda d: np.asarray(np.nanmean(each(d, TYPES), axis=0)),
        "min of 4 masks": lambda d: np.asarray(each(d, FOUR).min(axis=0)),
        "max of bare and 4": lambda d: np.asarray(each(d, ("bare", *FOUR)).max(axis=0)),
        "mean of bare and 4": lambda d: np.asarray(each(d, ("bare", *FOUR)).mean(axis=0)),
        "pooled 4 masks": pool(*FOUR),
        "pooled every type": pool(*TYPES),
    }
    for k, looks in SOME.items():
        out[f"pooled bare + {k}"] = pool("bare", *looks)
    out["pooled bare + every type"] = pool("bare", *TYPES)
    for w in (0.2, 0.35, 0.5):
        out[f"{w} bare + max of 4 masks"] = weighed(w, bare, best)
        out[f"{w} bare + mean of 4 masks"] = weighed(w, bare, mean)
        out[f"4 masks lean {w}, max"] = leaning(w, FOUR)
    out["1 mask leans 0.35"] = leaning(0.35, SOME[1])
    out["2 masks lean 0.35, max"] = leaning(0.35, SOME[2])
    four = out["pooled bare + 4"]
    for look in LOOKS[-3:]:
        out[f"{look}, both sides"] = covered(look)
        for w in (0.2, 0.4):
            out[f"{w} {look} + pooled bare + 4"] = weighed(w, covered(look), four)
    out["log-likelihood ratio, fitted"] = fitted
    return out


def fitted(data: Encoded) -> F64:
    """Logistic regression on the scores of each look; the other half of the people fits it."""
    every = np.stack(
        [
            alike(data, "bare"),
            *np.sort(each(data, FOUR), axis=0),
            *(alike(data, k, n + 1) for n, k in enumerate(LOOKS[-3:])),
        ],
        axis=-1,
    )
    trials = trials_of(data)
    rng = np.random.default_rng(7)
    half = rng.permutation(np.arange(1 + trials.rows.max()) % 2)
    out = np.zeros(every.shape[:2])
    for side in (0, 1):
        fit = (half[trials.rows] == side)[:, None] & (half[trials.columns] == side)
        mated, other = every[fit & trials.mated], every[fit & trials.other]
        other = other[rng.choice(len(other), min(len(other), 50_000), replace=False)]
        weights, bias = logistic(mated, other)
        others = half[trials.columns] != side
        # With its bias: scores of the two halves stand in one table.
        out[:, others] = every[:, others] @ weights + bias
    return out


def trials_of(data: Encoded) -> Trials:
    return Trials.of(
        data.reference_people, data.reference_photos, data.probe_people, data.probe_photos
    )


def table(title: str, data: Encoded, trials: Trials, chosen: dict[str, Rule], first: str) -> None:
    print(
        f"\n{title}: {len(data.references)} references, {len(data.probes)} probes, "
        f"{int(trials.mated.sum())} mated and {int(trials.other.sum())} other trials, "
        f"{len(trials.searched)} searches among {len(trials.enrolled)}"
    )
    print(f"  {'':34} {'  '.join(f'{name:^23}' for name in RATES)}")
    before = trials.rates(chosen[first](data))
    for name in (first, *(name for name in chosen if name != first)):
        print(told(name, trials.rates(chosen[name](data)), before), flush=True)


def bare_probes(data: Encoded) -> Encoded:
    """The references' photos as they are, as probes."""
    none = np.full(len(data.references), "none")
    return replace(
        data,
        probes=data.references[:, [0, -3, -2, -1]],
        probe_people=data.reference_people,
        probe_photos=data.reference_photos,
        worn=none,
        kinds=none,
    )


def several(title: str, data: Encoded) -> None:
    """People with three photos or more: how their references are joined; never the probe's own."""
    names, counts = np.unique(data.reference_people, return_counts=True)
    names = names[counts > 2]
    five = [LOOKS.index(look) for look in ("bare", *FOUR)]
    one = unit(data.references[:, five].mean(axis=1))
    by_photo = {"max of 4 masks": rules()[BEFORE](data), "pooled": one @ data.probes[:, 0].T}
    sharp = 1 / data.blur
    scores = {
        name: np.empty((len(names), len(data.probes)))
        for name in (
            "max of photos, max of 4 (before)",
            "mean of photos, max of 4",
            "max of photos, pooled",
            "mean of photos, pooled",
            "one vector a person",
            "one vector, weighted by 1 / blur",
            "one vector, weighted by 1 / blur^2",
        )
    }
    for row, person in enumerate(names):
        for column, (who, photo) in enumerate(
            zip(data.probe_people, data.probe_photos, strict=True)
        ):
            use = data.reference_people == person
            if who == person:
                use &= data.reference_photos != photo
            probe = data.probes[column, 0]
            maxed, single = (by_photo[k][use, column] for k in by_photo)
            joined = [np.average(one[use], axis=0, weights=sharp[use] ** p) for p in (0, 1, 2)]
            made = [maxed.max(), maxed.mean(), single.max(), single.mean()]
            made += [float(unit(np.asarray(j, np.float32)) @ probe) for j in joined]
            for name, value in zip(scores, made, strict=True):
                scores[name][row, column] = value
    trials = Trials.of(names, np.full(len(names), "enrolled"), data.probe_people, data.probe_photos)
    chosen: dict[str, Rule] = {name: lambda _, s=s: s for name, s in scores.items()}  # type: ignore[misc]
    table(
        title,
        replace(data, references=data.references[: len(names)]),
        trials,
        chosen,
        next(iter(chosen)),
    )


def listed(data: Encoded, trials: Trials) -> Trials:
    """Only the pairs of MFR2's list, bare with masked."""
    rows = list(zip(data.reference_people.tolist(), data.reference_photos.tolist(), strict=True))
    columns = list(zip(data.probe_people.tolist(), data.probe_photos.tolist(), strict=True))
    used = np.zeros_like(trials.mated)
    for line in (data_folder() / "mfr2-dev-pairs.txt").read_text("utf-8").splitlines():
        part = line.split("\t")
        ends = (part[0], part[1]), (part[-2] if len(part) > 3 else part[0], part[-1])
        for a, b in (ends, ends[::-1]):
            if a in rows and b in columns:
                used[rows.index(a), columns.index(b)] = True
    return replace(trials, mated=trials.mated & used, other=trials.other & used)


def main() -> None:
    parser = argparse.ArgumentParser(description="How a masked probe is compared.")
    parser.add_argument("--encoder", default=encode.DEFAULT)
    parser.add_argument("--most", type=int, default=10, help="photos a person")
    parser.add_argument("--least", type=int, default=1, help="photos that a person has")
    parser.add_argument("--confirm", action="store_true", help="other people, chosen rules")
    arguments = parser.parse_args()
    part: Part = "report" if arguments.confirm else "calibrate"
    data = lfw(arguments.encoder, part, arguments.most, arguments.least)
    chosen = {
        name: rule for name, rule in rules().items() if not arguments.confirm or name in CHOSEN
    }
    print(f"{arguments.encoder}, LFW {part}: {len(np.unique(data.reference_people))} people")
    for kind in KINDS:
        probes = data.of_kind(kind)
        table(f"{kind} probes", probes, trials_of(probes), chosen, BEFORE)
    bare = bare_probes(data)
    plain = {name: rule for name, rule in chosen.items() if name in CHOSEN}
    table("bare probes", bare, trials_of(bare), plain, "bare")
    if not arguments.confirm:
        for kind in KINDS:
            several(f"several photos a person, {kind} probes", data.of_kind(kind))
        return
    real = mfr2(arguments.encoder)
    trials = trials_of(real)
    table("MFR2, real masks, all bare-masked pairs", real, trials, chosen, BEFORE)
    table("MFR2, real masks, listed bare-masked pairs", real, listed(real, trials), chosen, BEFORE)


if __name__ == "__main__":
    main()
