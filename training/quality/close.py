"""How near two people may be, and which photos are not their person's: the limits of both.

    MASKWISE_DATA=... python training/quality/close.py

Of LFW's calibrate people (see ../photos.py), by the shipped models and thresholds. For
``maskwise.unsure.CLOSE``: one photo a person is enrolled, drawn at random, twenty times; the others
are looked for, bare and wearing a drawn mask. Where the first two people both reach the threshold,
by the difference of their scores: how often the first is right, how often the second. For
``maskwise.gallery.unlike``: of people with three photos or more, how many photos are named though
they are theirs, and how many photos of strangers among them. Templates are kept in ``work/``.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from photos import photos

from maskwise import Recognizer, masks
from maskwise.decide import OperatingPoints, comparison_fmr
from maskwise.errors import MaskwiseError
from maskwise.gallery.unlike import LEAST_PHOTOS, UNLIKE_FMR
from maskwise.types import F32, F64, Bool, WearPair
from maskwise.virtual import virtual_vectors

WORK = Path(__file__).resolve().parent / "work"
DRAWS, STRANGERS, FPIR = 20, 50, 0.01
STEPS = (0, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05)


@dataclass(frozen=True, eq=False)
class Templates:
    """N photos. people (N,) str; bare (N, D), masked (N, D) a probe each; worn (N, K, D)."""

    people: np.ndarray
    bare: F32
    masked: F32
    worn: F32


def templates() -> Templates:
    r = Recognizer()
    made_by = "-".join(name.split("/")[1] for name in (r.encoder.id, r.mask_classifier.id))
    kept = WORK / f"close-{made_by}.npz"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        rows = list(_photos(r))
        people, bare, masked, worn = (np.stack(column) for column in zip(*rows, strict=True))
        np.savez(kept, people=people, bare=bare, masked=masked, worn=worn)
    found = Templates(**np.load(kept))
    leaning = [virtual_vectors(*one) for one in zip(found.bare, found.worn, strict=True)]
    return replace(found, worn=np.stack(leaning))


def _photos(r: Recognizer) -> Iterator[tuple[np.ndarray, F32, F32, F32]]:
    rng = np.random.default_rng(0)
    enrolled = [masks.spec_for(name) for name in r.mask_types]
    for path in photos("calibrate"):
        probe = masks.spec_for(
            str(rng.choice(r.mask_types)),
            seed=int(rng.integers(1 << 20)),
            coverage=float(rng.uniform(0.3, 0.7)),
        )
        try:
            picture = r.load(path)
            (chip,), (state,) = r.chips(picture, [r.choose(picture)[0]])
            if state.worn:
                continue
            worn = masks.wear_on_chips([chip], [*enrolled, probe])[0][0]
        except MaskwiseError:
            continue
        vectors = r.encoder.encode_batch(np.concatenate([chip.pixels[None], worn]))
        yield np.array(path.parent.name), vectors[0], vectors[-1], vectors[1:-1]


def scores(t: Templates, wear: str, rng: np.random.Generator) -> tuple[F64, Bool]:
    """The first two scores (P, 2) of each probe, and whether each is of the right person."""
    order = rng.permutation(len(t.people))
    _, first = np.unique(t.people[order], return_index=True)
    home = order[first]
    probes = np.setdiff1d(order, home)
    if wear == "bare":
        found = t.bare[probes] @ t.bare[home].T
    else:
        found = np.max([t.masked[probes] @ one.T for one in t.worn[home].swapaxes(0, 1)], axis=0)
    best = np.argsort(-found, axis=1)[:, :2]
    right = t.people[home][best] == t.people[probes][:, None]
    return np.take_along_axis(found, best, 1).astype(np.float64), right


def close(t: Templates, points: OperatingPoints, wear: str, pair: WearPair) -> None:
    rng = np.random.default_rng(1)
    drawn = [scores(t, wear, rng) for _ in range(DRAWS)]
    top, right = (np.concatenate(column) for column in zip(*drawn, strict=True))
    apart = top[:, 0] - top[:, 1]
    people = len(np.unique(t.people))
    strict = points.at_fmr(pair, comparison_fmr(FPIR, people)).threshold
    decade = points.at_fmr(pair, 1e-3).threshold - points.at_fmr(pair, 1e-2).threshold
    print(
        f"\n{wear} probes, {len(top) / DRAWS:.0f} a draw; FMR 1e-3 and 1e-2 are {decade:.4f} apart"
    )
    for words, threshold in (
        (f"FPIR {FPIR:g}", strict),
        ("FMR 1e-3", points.at_fmr(pair, 1e-3).threshold),
    ):
        print(f"both over the threshold for {words}, {threshold:.4f}:")
        for low, high in pairwise(STEPS):
            here = (top[:, 1] >= threshold) & (apart >= low) & (apart < high)
            one, two = right[here].sum(0)
            share = f"{two / max(one + two, 1):.2f}"
            print(
                f"  {low:.4f} to {high:.4f} apart: {here.sum() / DRAWS:6.2f} a draw; right of all "
                f"draws: first {one}, second {two} ({share}), neither {here.sum() - one - two}"
            )


def unlike(t: Templates, points: OperatingPoints) -> None:
    threshold = points.at_fmr("bare-bare", UNLIKE_FMR).threshold
    rng = np.random.default_rng(2)
    own = strangers = named = found = people = 0
    for person, count in Counter(t.people.tolist()).items():
        if count < LEAST_PHOTOS:
            continue
        mine = t.bare[t.people == person]
        alike = mine @ mine.T - 2 * np.eye(count)
        others = rng.choice(np.flatnonzero(t.people != person), STRANGERS, replace=False)
        people, own, strangers = people + 1, own + count, strangers + STRANGERS
        named += int((alike.max(1) < threshold).sum())
        found += int(((mine @ t.bare[others].T).max(0) < threshold).sum())
    print(
        f"\n{people} people with {LEAST_PHOTOS} photos or more: {named} of {own} photos are named, "
        f"and {found} of {strangers} strangers' photos put among them ({found / strangers:.1%})"
    )


def main() -> None:
    t = templates()
    points = OperatingPoints.shipped(Recognizer().encoder.id)
    print(f"{len(t.people)} photos of {len(np.unique(t.people))} people")
    close(t, points, "bare", "bare-bare")
    close(t, points, "masked", "masked-masked")
    unlike(t, points)


if __name__ == "__main__":
    main()
