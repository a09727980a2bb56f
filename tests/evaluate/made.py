"""Scores and searches that tests make up."""

from __future__ import annotations

from typing import Any

import numpy as np

from maskwise.evaluate.scores import Labels, Provenance, Scores
from maskwise.evaluate.searches import Searches, rank_searches

PROVENANCE = Provenance(
    encoder_id="net/0123456789ab/chip/l2-1",
    models={"detector": "a" * 64, "encoder": "b" * 64},
    data_sha256="c" * 64,
    trials_sha256="d" * 64,
    version="0.1.0",
    seed=3,
    created="2026-01-02T03:04:05+00:00",
    settings={"align": "dlib5"},
    notes=("2 pictures belong to nobody",),
)


def made_scores(seed: int = 0, people: int = 40, **changes: Any) -> Scores:
    """All trials among ``people`` with three photos each; the first half of the probes masked.

    Masked probes score lower when mated. One photo has no face.
    """
    rng = np.random.default_rng(seed)
    whose = np.repeat(np.arange(people), 3)
    pairs = np.stack(np.triu_indices(len(whose), 1), axis=1).astype(np.int32)
    mated = whose[pairs[:, 0]] == whose[pairs[:, 1]]
    masked = pairs[:, 1] % 2 == 0
    scores = rng.normal(np.where(mated, np.where(masked, 2, 3), 0), 1)
    lost = (pairs == 7).any(axis=1)
    scores[lost] = np.nan
    given: dict[str, Any] = {
        "provenance": PROVENANCE,
        "photos": tuple(f"p{n:03d}/{k}.jpg" for n in range(people) for k in range(3)),
        "subjects": tuple(f"p{n:03d}" for n in whose),
        "pairs": pairs,
        "scores": scores.astype(np.float32),
        "mated": mated,
        "reference_wear": Labels.all_one("none", len(pairs)),
        "probe_wear": Labels.of(np.where(masked, "virtual:cloth", "none")),
        "reference_failure": Labels.of(np.where(pairs[:, 0] == 7, "no_face", "")),
        "probe_failure": Labels.of(np.where(pairs[:, 1] == 7, "no_face", "")),
        "fold": (np.arange(len(pairs)) % 10).astype(np.int32),
        "attributes": {"light / side": Labels.of(np.where(pairs[:, 0] % 3 == 0, "dim", "bright"))},
    }
    return Scores(**{**given, **changes})


def made_searches(seed: int = 0, people: int = 30, strangers: int = 30) -> Searches:
    """One reference and two probes a person, two probes a stranger; some fail."""
    rng = np.random.default_rng(seed)
    owners = np.arange(people)
    whose = np.repeat(np.arange(people + strangers), 2)
    matrix = rng.normal(3.0 * (whose[:, None] == owners[None]), 1).astype(np.float32)
    lost, unknown = np.isin(np.arange(len(whose)), [3, 100]), whose == 5
    matrix[lost], matrix[:, 5] = np.nan, np.nan
    found = rank_searches(matrix, owners, whose)
    return Searches(
        PROVENANCE,
        tuple(f"probe{n}.jpg" for n in range(len(whose))),
        tuple(f"p{n:03d}" for n in whose),
        people,
        people,
        whose < people,
        found.mate_score,
        found.rank,
        found.other_score,
        Labels.of(["" if code < 0 else f"p{code:03d}" for code in found.other]),
        Labels.all_one("virtual:cloth", len(whose)),
        Labels.all_one("virtual", len(whose)),
        Labels.of(np.where(lost, "no_face", "")),
        Labels.of(np.where(unknown, "no_face", "")),
        (("no_face", 1),),
        (("light", Labels.of(np.where(whose % 2 == 0, "dim", "bright"))),),
    )
