"""The errors that stand out most: what to look at first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from maskwise.evaluate.report.parts import Block, Case, Cases, Picture, worn
from maskwise.evaluate.report.tables import Cell, Figure, Table, columns
from maskwise.evaluate.report.thresholds import Limit
from maskwise.evaluate.report.words import score
from maskwise.evaluate.scores import Scores
from maskwise.evaluate.searches import Searches
from maskwise.types import F64

SHOWN = 12
LISTED = 100


def of_trials(prefix: str, scores: Scores, limits: Mapping[str, Limit]) -> Iterator[Block]:
    """Non-mated trials furthest above, and mated ones furthest below, their pair's threshold."""
    pairs = scores.wear_pair()
    known = np.array([limits[v].threshold if v in limits else np.nan for v in pairs.values])
    margin: F64 = scores.scores - known[pairs.codes]
    for kind, key, keep, sign, title, none in (
        (
            "false match",
            "false-matches",
            ~scores.mated,
            1.0,
            "The worst false matches: two people who look like one",
            "No two different people reached the threshold; these came closest.",
        ),
        (
            "false non-match",
            "false-non-matches",
            scores.mated,
            -1.0,
            "The worst false non-matches: one person who looks like two",
            "Nobody fell below the threshold; these came closest.",
        ),
    ):
        places = _largest(np.where(keep, sign * margin, np.nan), LISTED)
        if not len(places):
            continue
        # A score on the threshold is accepted.
        wrong = margin[places] >= 0 if sign > 0 else margin[places] < 0
        intro = (
            "The further beyond the threshold, the earlier. A photo under the wrong name shows "
            "here first."
            if wrong.any()
            else none
        )
        yield Cases(
            f"{prefix}worst-{key}",
            title,
            intro,
            tuple(_case(scores, p, bool(w)) for p, w in zip(places[:SHOWN], wrong, strict=False)),
        )
        rows: list[tuple[Cell, ...]] = [
            (
                kind if w else "right, but close",
                Figure(float(scores.scores[p]), "score"),
                pairs.values[pairs.codes[p]],
                scores.photos[scores.pairs[p, 0]],
                scores.photos[scores.pairs[p, 1]],
                worn(scores.reference_wear.values[scores.reference_wear.codes[p]]),
                worn(scores.probe_wear.values[scores.probe_wear.codes[p]]),
            )
            for p, w in zip(places.tolist(), wrong.tolist(), strict=True)
        ]
        yield Table(
            f"{prefix}{key}",
            title.partition(":")[0],
            columns(
                ("what", "what"),
                ("score", "score"),
                ("wear_pair", "wear pair"),
                ("reference", "reference"),
                ("probe", "probe"),
                ("reference_wear", "reference wears"),
                ("probe_wear", "probe wears"),
            ),
            tuple(rows),
            (),
            SHOWN,
        )


def of_searches(prefix: str, searches: Searches, limit: Limit | None) -> Iterator[Block]:
    """Strangers with the highest score, and people furthest from being found."""
    if limit is None:
        return
    others = np.where(searches.mated, np.nan, searches.other_score)
    missed = np.where(searches.mated, searches.mate_score, np.nan)
    behind = searches.rank > 1
    # Who is not even first is missed at any threshold: they come before all others.
    badness = np.where(behind, 1e9, 0.0) - missed
    names = searches.other.words()
    for key, order, value, title in (
        ("false-positives", others, others, "Strangers who look most like somebody enrolled"),
        ("misses", badness, missed, "Enrolled people who were hardest to find"),
    ):
        places = _largest(order, LISTED)
        if not len(places):
            continue
        stranger = key == "false-positives"
        wrong = (
            value[places] >= limit.threshold
            if stranger
            else (value[places] < limit.threshold) | behind[places]
        )
        cases, rows = [], []
        for p, w in zip(places.tolist(), wrong.tolist(), strict=True):
            wears = worn(searches.probe_wear.values[searches.probe_wear.codes[p]])
            place = "" if stranger else f", rank {searches.rank[p]}"
            taken = f"; most like {names[p]}" if names[p] else ""
            cases.append(
                Case(
                    (Picture(searches.probes[p], f"{searches.subjects[p]}, {wears}"),),
                    f"score {score(float(value[p]))}{place}{taken}",
                    w,
                )
            )
            rows.append(
                (
                    "error" if w else "right, but close",
                    Figure(float(value[p]), "score"),
                    None if stranger else int(searches.rank[p]),
                    searches.probes[p],
                    searches.subjects[p],
                    str(names[p]),
                    wears,
                )
            )
        intro = "" if wrong.any() else "None of them is an error at the threshold."
        yield Cases(f"{prefix}worst-{key}", title, intro, tuple(cases[:SHOWN]))
        yield Table(
            f"{prefix}{key}",
            title,
            columns(
                ("what", "what"),
                ("score", "score"),
                ("rank", "rank"),
                ("probe", "probe"),
                ("subject", "person"),
                ("other", "most like, of the others"),
                ("probe_wear", "probe wears"),
            ),
            tuple(rows),
            (),
            SHOWN,
        )


def _largest(values: F64, most: int) -> npt.NDArray[np.int64]:
    """Places of the largest values, largest first, NaN left out, ties by place."""
    there = np.flatnonzero(~np.isnan(values))
    if len(there) > most:
        least = np.partition(values[there], len(there) - most)[len(there) - most]
        there = there[values[there] >= least]
    found: npt.NDArray[np.int64] = there[np.argsort(-values[there], kind="stable")][:most]
    return found


def _case(scores: Scores, place: int, wrong: bool) -> Case:
    pictures = [
        Picture(
            scores.photos[photo],
            f"{scores.subjects[photo]}, {worn(wear.values[wear.codes[place]])}",
        )
        for photo, wear in zip(
            scores.pairs[place].tolist(), (scores.reference_wear, scores.probe_wear), strict=True
        )
    ]
    return Case(tuple(pictures), f"score {score(float(scores.scores[place]))}", wrong)
