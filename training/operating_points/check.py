"""What the shipped thresholds do to people who took no part in fitting them.

    MASKWISE_DATA=... python training/operating_points/check.py

The report part (see ../photos.py): the first two photos of everybody. Each probe is shown bare, and
wearing one random virtual mask that is drawn on the whole photo before anything is detected.

- Verification: all pairs; the share of non-mated ones that reach the threshold of each FMR. For
  every case that ``fit.py`` fits.
- Identification, with the default encoder: galleries of N people, drawn at random among those with
  two photos, one enrolled photo each; their second photos are mated probes, and everybody else is a
  stranger. The threshold for an FPIR follows from the R photos enrolled as ``identify`` has it,
  1 - (1 - FMR)^R. Rates are over all draws. Then the same with both photos enrolled, R = 2 N,
  strangers only.

Faces that are not found, and photos that enrolment refuses, count as failures: nobody passes.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fit import CASES, lfw_folder, names_of, trials_among
from photos import WORK
from rich.console import Console
from rich.progress import Progress

from maskwise import Recognizer, encode
from maskwise.decide import OperatingPoints, comparison_fmr, pair_id
from maskwise.evaluate.looks import AS_IS, Look, probe_look, reference_looks
from maskwise.evaluate.scoring import Sides, score_trials
from maskwise.evaluate.searching import EnrolledPeople
from maskwise.evaluate.template_cache import TemplateCache
from maskwise.evaluate.templates import PhotoTemplates, make_templates
from maskwise.types import F64, WearPair

SEED = 11
DRAWS = 20
SIZES = (1, 10, 50, 100, 200)
TARGETS = (0.1, 0.01)
FMRS = (1e-2, 1e-3, 1e-4)
MASKED = probe_look("virtual:all", SEED)
REFERENCES = reference_looks("virtual:default")


def share(count: int, total: int) -> str:
    """``count of total = p (95 % interval)``, after Wilson 1927; trials taken as independent."""
    z, p = 1.96, count / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return f"{count} of {total} = {p:.3g} ({max(0.0, middle - half):.2g}-{middle + half:.2g})"


def templates_of(recognizer: Recognizer, names: list[str]) -> PhotoTemplates:
    with (
        TemplateCache.open(WORK / "templates") as cache,
        Progress(console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task("templates", total=len(names))
        return make_templates(
            recognizer,
            lfw_folder(),
            names,
            (*REFERENCES, MASKED),
            cache=cache,
            several_faces="refuse",
            on_photo=lambda made: progress.update(task, completed=made.done),
        )


def verification(templates: PhotoTemplates, home: PhotoTemplates, points: OperatingPoints) -> None:
    """FMR and GFRR (failures are rejections) of all pairs at the thresholds of ``FMRS``.

    templates, home: of the probes' encoder and the references'.
    """
    trials = trials_among(list(templates.photos))
    print(f"verification: all pairs of {len(templates.photos)} photos")
    kinds: tuple[tuple[str, tuple[Look, ...], Look, WearPair], ...] = (
        ("bare-bare", REFERENCES, AS_IS, "bare-bare"),
        ("bare-masked", (AS_IS,), MASKED, "bare-masked"),
        ("masked-masked", REFERENCES, MASKED, "masked-masked"),
    )
    for name, references, probe, pair in kinds:
        found = score_trials(trials, templates, references, probe, reference_templates=home)
        scores, mated = found.scores.scores, trials.mated
        # Which threshold verify uses: that of the mask state as found, mistaken or not.
        failed = int(found.scores.failed[mated].sum())
        print(f"  {name}: {failed} of {int(mated.sum())} mated trials failed")
        for fmr in FMRS:
            thresholds = np.full(len(trials), np.inf)
            for word in found.decided.values:
                for one in sorted(points.pairs):
                    if word == one:
                        here = found.decided.where(word)
                        thresholds[here] = points.at_fmr(one, fmr).threshold
            passed = scores >= thresholds  # NaN, a failure, never is
            supported = "" if points.at_fmr(pair, fmr).supported else ", unsupported"
            wrong = share(int(passed[~mated].sum()), int((~mated & ~found.scores.failed).sum()))
            lost = share(int((~passed)[mated].sum()), int(mated.sum()))
            print(f"    target FMR {fmr:g}{supported}: FMR {wrong}, GFRR {lost}")


def identification(
    templates: PhotoTemplates,
    people: npt.NDArray[np.str_],
    points: OperatingPoints,
    photos_each: int,
) -> None:
    """FPIR against random galleries of several sizes, of 1 or 2 photos each.

    With one, the second photos of those enrolled are mated probes.
    """
    photos_of: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(people.tolist()):
        photos_of[name].append(place)
    two = sorted(name for name, places in photos_of.items() if len(places) > 1)
    firsts = {name: places[0] for name, places in photos_of.items()}
    # Everybody is enrolled once; a gallery is some columns of that.
    enrolled = (
        first_photos(templates, people, firsts)
        if photos_each == 1
        else EnrolledPeople.of(templates, people.tolist(), REFERENCES)
    )
    rows = np.array([places[-1] for places in photos_of.values()])
    whose = people[rows]
    column = {name: place for place, name in enumerate(enrolled.names)}
    rng = np.random.default_rng(SEED)
    print(f"identification, enrolled photos a person: {photos_each}")
    print(f"  {len(photos_of)} people, {len(two)} of them with two photos")
    sizes = (*SIZES, len(two))
    draws = {
        n: [rng.choice(two, n, replace=False) for _ in range(DRAWS if n < len(two) else 1)]
        for n in sizes
    }
    for look in (AS_IS, MASKED):
        side = Sides.of(templates, [look])
        valid, masked = side.valid[rows], side.masked[rows]
        scores: F64 = np.full((len(rows), len(enrolled.names)), -np.inf)
        for wears in (False, True):
            here = valid & (masked == wears)
            met = enrolled.scores(side.vectors[rows[here]], masked=wears)
            scores[here] = np.nan_to_num(met, nan=-np.inf)
        print(f"  probes {look.label}: {int((~valid).sum())} of {len(valid)} failed")
        for n in sizes:
            for target in TARGETS:
                fmr = comparison_fmr(target, n * photos_each)
                bare, covered = (points.at_fmr(p, fmr) for p in ("bare-bare", "masked-masked"))
                thresholds = np.where(masked, covered.threshold, bare.threshold)
                wrong = right = first = other = strangers = mates = 0
                for names in draws[n]:
                    columns = np.array([column[name] for name in names])
                    known = np.isin(whose, names)
                    best = scores[:, columns].max(axis=1)
                    wrong += int((best >= thresholds)[~known].sum())
                    strangers += int((~known).sum())
                    own = scores[known, [column[name] for name in whose[known]]]
                    nearest = np.isfinite(own) & (own >= best[known])
                    passes = best[known] >= thresholds[known]
                    first += int(nearest.sum())
                    right += int((nearest & passes).sum())
                    other += int((~nearest & passes).sum())
                    mates += int(known.sum())
                supported = bare.supported if look is AS_IS else covered.supported
                line = (
                    f"    N {n:3d}, target FPIR {target:g}{'' if supported else ', unsupported'}: "
                    f"FPIR {wrong / strangers:.4f} ({wrong} of {strangers})"
                )
                if photos_each == 1:
                    line += (
                        f"; of {mates} mated probes {first} nearest to the right one, {right} "
                        f"named right ({right / mates:.1%}), {other} named wrong"
                    )
                print(line)


def first_photos(
    templates: PhotoTemplates, people: npt.NDArray[np.str_], firsts: dict[str, int]
) -> EnrolledPeople:
    """Everybody, enrolled with one photo each."""
    keep = np.array(list(firsts.values()))
    return EnrolledPeople.of(
        replace(
            templates,
            photos=tuple(templates.photos[place] for place in keep),
            photo_sha256=tuple(templates.photo_sha256[place] for place in keep),
            vectors=templates.vectors[keep],
            valid=templates.valid[keep],
            status=templates.status[keep],
            wear=templates.wear[keep],
            mask=templates.mask[keep],
            notes={},
        ),
        people[keep].tolist(),
        REFERENCES,
    )


def main() -> None:
    names: list[str] = []
    seen: dict[str, int] = defaultdict(int)
    for name in names_of("report"):
        person = name.partition("/")[0]
        seen[person] += 1
        if seen[person] <= 2:
            names.append(name)
    recognizers = {address: Recognizer(encoder=address) for case in CASES for address in case}
    made = {address: templates_of(one, names) for address, one in recognizers.items()}
    for probes, references in CASES:
        recognizer = recognizers[probes]
        print("; ".join(f"{stage} {model}" for stage, model in recognizer.models.items()))
        home = recognizers[references].encoder.id
        if references != probes:
            print(f"references by {home}")
        templates = made[probes]
        print(f"left out: {dict(templates.failures(templates.column(AS_IS)))}")
        points = OperatingPoints.shipped(pair_id(home, recognizer.encoder.id))
        verification(templates, made[references], points)
        print()
    recognizer = recognizers[encode.DEFAULT]
    print(f"encoder {recognizer.encoder.id}")
    people = np.array([name.partition("/")[0] for name in names])
    for photos_each in (1, 2):
        identification(made[encode.DEFAULT], people, recognizer.operating_points, photos_each)


if __name__ == "__main__":
    main()
