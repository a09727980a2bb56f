"""What is left of each search in a gallery: enough for every rate at every threshold.

A search compares one probe with a gallery of N people; a person's score is the best of their
references. It is mated when the probe's person is among the N, else non-mated (a stranger).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from maskwise.errors import EvaluationError
from maskwise.evaluate.scores import Labels, Provenance, frozen, wear_kind
from maskwise.evaluate.trials import I32
from maskwise.types import F64, Bool


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """S searches, by what is left of each: enough for every rate and every threshold.

    probes: S photos, with "/". subjects: whom each shows. people: N, enrolled or meant to be.
    references: R templates' photos in the gallery. mated: (S,) bool, the person is among the N.
    mate_score: (S,) float64, of the right person, NaN where there is none. rank: (S,) int32, from
    1, 0 where there is no mate_score. other_score: (S,) float64, of the best other person, NaN
    for a failed probe and in a gallery of one. other: that person's name, "" for none.
    probe_wear, reference_wear: as in ``Scores``. probe_failure: why there is no probe template.
    mate_failure: why the right person could not be enrolled; "" where there is no such failure.
    attributes: of the probes. enrol_failures: the references that failed, reason -> how many.
    Raises EvaluationError for columns that contradict one another.
    """

    provenance: Provenance
    probes: tuple[str, ...]
    subjects: tuple[str, ...]
    people: int
    references: int
    mated: Bool
    mate_score: F64
    rank: I32
    other_score: F64
    other: Labels
    probe_wear: Labels
    reference_wear: Labels
    probe_failure: Labels
    mate_failure: Labels
    enrol_failures: tuple[tuple[str, int], ...] = ()
    attributes: tuple[tuple[str, Labels], ...] = ()

    def __post_init__(self) -> None:
        set_, shape = object.__setattr__, (len(self.probes),)
        set_(self, "mated", frozen(self.mated, np.bool_, "Searches.mated", shape))
        for name in ("mate_score", "other_score"):
            value = frozen(getattr(self, name), np.float64, f"Searches.{name}", shape)
            set_(self, name, value)
            if np.isinf(value).any():
                raise EvaluationError(f"Searches.{name}: holds infinite scores")
        set_(self, "rank", frozen(self.rank, np.int32, "Searches.rank", shape))
        for name, labels in self.labels().items():
            if len(labels) != shape[0]:
                raise EvaluationError(f"Searches.{name}: expected {shape[0]}, got {len(labels)}")
        for labels in (self.probe_wear, self.reference_wear):
            for word in labels.values:
                wear_kind(word)
        lost, unknown = ~self.probe_failure.where(""), ~self.mate_failure.where("")
        there = ~np.isnan(self.mate_score)
        for wrong, why in (
            (np.full(1, len(self.subjects) != shape[0]), "needs a subject for each probe"),
            (there != (self.mated & ~lost & ~unknown), "has a mate_score where there is none"),
            (there != (self.rank > 0), "has a rank without a mate_score, or none beside one"),
            (lost & ~np.isnan(self.other_score), "has a score though the probe failed"),
            (unknown & ~self.mated, "misses the enrolment of a stranger"),
            (
                ~lost & np.isnan(self.other_score) & ~(there & (self.rank == 1)),
                "has neither a score nor a failure",
            ),
            (
                there & ((self.rank > 1) != (self.other_score >= self.mate_score)),
                "has a rank that its scores contradict",
            ),
        ):
            if wrong.any():
                where = int(np.flatnonzero(wrong)[0])
                raise EvaluationError(f"search {where} {why}; correct the searches")

    def __len__(self) -> int:
        return len(self.probes)

    def labels(self) -> dict[str, Labels]:
        """Every column of words; attributes as ``attribute/<name>``."""
        return {
            "other": self.other,
            "probe_wear": self.probe_wear,
            "reference_wear": self.reference_wear,
            "probe_failure": self.probe_failure,
            "mate_failure": self.mate_failure,
            **{f"attribute/{key}": labels for key, labels in self.attributes},
        }

    def subset(self, keep: npt.NDArray[Any]) -> Searches:
        """Some of the searches, of the same gallery: (S,) bool or places."""
        places = np.arange(len(self))[keep].tolist()
        return Searches(
            self.provenance,
            tuple(self.probes[place] for place in places),
            tuple(self.subjects[place] for place in places),
            self.people,
            self.references,
            self.mated[keep],
            self.mate_score[keep],
            self.rank[keep],
            self.other_score[keep],
            self.other[keep],
            self.probe_wear[keep],
            self.reference_wear[keep],
            self.probe_failure[keep],
            self.mate_failure[keep],
            self.enrol_failures,
            tuple((key, labels[keep]) for key, labels in self.attributes),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """What ``rank_searches`` finds; see ``Searches`` for mate_score, rank and other_score.

    other: (S,) int64, the code of the best other person, -1 for none.
    """

    mate_score: F64
    rank: I32
    other_score: F64
    other: npt.NDArray[np.int64]


def rank_searches(
    scores: npt.NDArray[Any], reference_people: npt.ArrayLike, probe_people: npt.ArrayLike
) -> Ranked:
    """(S, R) scores of S probes with R references -> what ``Searches`` keeps of them.

    reference_people: (R,) int codes; probe_people: (S,), codes of the same numbering. Give the
    probes in portions where S x R is large. NaN rows are failed probes, NaN columns references
    that failed; other NaN and infinite scores raise EvaluationError.
    """
    given = np.asarray(scores, np.float64)
    owners, probes = np.asarray(reference_people, np.int64), np.asarray(probe_people, np.int64)
    if given.shape != (len(probes), len(owners)):
        raise EvaluationError(
            f"searches: expected ({len(probes)}, {len(owners)}) scores, got {given.shape}"
        )
    finite = np.isfinite(given)
    rows, columns = finite.any(axis=1), finite.any(axis=0)
    if not finite[np.ix_(rows, columns)].all() or np.isinf(given).any():
        raise EvaluationError(
            "searches: some scores are NaN or infinite though their probe and reference have others"
        )
    order = np.flatnonzero(columns)[np.argsort(owners[columns], kind="stable")]
    people, starts = np.unique(owners[order], return_index=True)
    count = len(probes)
    mate: F64 = np.full(count, np.nan)
    other: F64 = np.full(count, np.nan)
    rank: I32 = np.zeros(count, np.int32)
    whom: npt.NDArray[np.int64] = np.full(count, -1, np.int64)
    if rows.any() and len(people):
        best = np.maximum.reduceat(given[rows][:, order], starts, axis=1)
        is_mate = people[None] == probes[rows][:, None]
        has_mate = is_mate.any(axis=1)
        own = np.where(has_mate, np.where(is_mate, best, -np.inf).max(axis=1), np.nan)
        others = np.where(is_mate, -np.inf, best)
        mate[rows] = own
        with np.errstate(invalid="ignore"):
            ahead = (others >= own[:, None]).sum(axis=1)
        rank[rows] = np.where(has_mate, 1 + ahead, 0)
        top = others.argmax(axis=1)
        highest = others[np.arange(len(top)), top]
        other[rows] = np.where(np.isfinite(highest), highest, np.nan)
        whom[rows] = np.where(np.isfinite(highest), people[top], -1)
    return Ranked(mate, rank, other, whom)
