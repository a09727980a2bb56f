"""Templates -> searches of probes in a gallery, as ``Recognizer.identify`` would give them.

A bare probe meets a person's bare templates, a masked one their masked ones, and a person who has
none of the right kind is met by the other kind, at a score that is shifted by the difference of
the two thresholds (``OperatingPoints.other_wear_shift``). So scores of one search mean the same: a
candidate reaches the threshold of its own wear pair exactly when the shifted score reaches the
threshold of like pairs.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from maskwise.compare import compare
from maskwise.decide import DEFAULT_FPIR, OperatingPoints
from maskwise.errors import EvaluationError, InputError
from maskwise.evaluate.looks import Look
from maskwise.evaluate.scores import Labels
from maskwise.evaluate.scoring import Sides, provenance
from maskwise.evaluate.searches import Searches, rank_searches
from maskwise.evaluate.templates import PhotoTemplates
from maskwise.types import F32, Bool

_BLOCK: Final = 1 << 23
"""Scores held at a time (32 MB of float32)."""


@dataclass(frozen=True, slots=True, eq=False)
class EnrolledPeople:
    """N people as a gallery has them.

    names: N, in the order of ``people`` at enrolment. bare, masked: (R1, D) and (R2, D) float32
    templates, with whose they are, (R1,) and (R2,) rising places in ``names``. references: how
    many photos were enrolled. failures: reason -> how many photos. why: N, "" or why a person
    has no template.
    """

    names: tuple[str, ...]
    bare: F32
    bare_owners: npt.NDArray[np.int64]
    masked: F32
    masked_owners: npt.NDArray[np.int64]
    references: int
    failures: Mapping[str, int]
    why: tuple[str, ...]
    masked_label: str

    @classmethod
    def of(
        cls, templates: PhotoTemplates, people: Sequence[str], looks: Sequence[Look]
    ) -> EnrolledPeople:
        """Enrol ``templates`` of ``people`` (P) with the templates of ``looks``.

        As in ``Recognizer.enrol``, a face that no mask fits is not enrolled, where one is to be
        drawn. Raises InputError where the counts differ or a look is not there.
        """
        if len(people) != len(templates.photos):
            raise InputError(f"{len(templates.photos)} photos of {len(people)} people")
        side = Sides.of(templates, looks)
        columns = [templates.column(look) for look in looks[1:]]
        unfit = side.valid & (templates.status[:, columns] == "mask_unfit").any(axis=1)
        enrolled = side.valid & ~unfit
        failure = np.where(unfit, "mask_unfit", side.failure)
        names = tuple(dict.fromkeys(people))
        code = {name: place for place, name in enumerate(names)}
        owners = np.array([code[name] for name in people], np.int64)
        bare, masked = enrolled & ~side.masked, enrolled & side.masked
        drawn = side.has & enrolled[:, None]
        vectors = np.concatenate([side.vectors[masked], side.virtual[drawn]])
        whose = np.concatenate([owners[masked], owners[np.nonzero(drawn)[0]]])
        order = np.argsort(whose, kind="stable")
        bare_order = np.argsort(owners[bare], kind="stable")
        lost = [failure[owners == place] for place in range(len(names))]
        return cls(
            names,
            side.vectors[bare][bare_order],
            owners[bare][bare_order],
            vectors[order],
            whose[order],
            int(np.count_nonzero(enrolled)),
            dict(sorted(Counter(failure[~enrolled].tolist()).items())),
            tuple("" if (reasons == "").any() else str(reasons[0]) for reasons in lost),
            side.label if drawn.any() else "real",
        )

    def scores(self, probes: F32, *, masked: bool, shift: float = 0.0) -> F32:
        """(S, D) probes -> (S, N): the best template of each person that ``identify`` counts.

        masked: what the probes wear. shift: added for people who have only the other kind. NaN
        for people without a template.
        """
        out: F32 = np.full((len(probes), len(self.names)), np.nan, np.float32)
        kinds = [(self.bare, self.bare_owners, 0.0), (self.masked, self.masked_owners, 0.0)]
        # The right kind last: it overwrites the other.
        first, last = kinds if masked else kinds[::-1]
        for vectors, owners, extra in ((first[0], first[1], shift), last):
            if len(owners) and len(probes):
                who, starts = np.unique(owners, return_index=True)
                best = np.maximum.reduceat(compare(probes, vectors), starts, axis=1)
                out[:, who] = best + np.float32(extra)
        return out

    def wear(self, masked: bool) -> str:
        """What the templates wear that a probe meets, but for people without any such."""
        if masked:
            return self.masked_label if len(self.masked) else "none"
        return "none" if len(self.bare) or not len(self.masked) else self.masked_label


def score_searches(
    gallery: PhotoTemplates,
    gallery_people: Sequence[str],
    probes: PhotoTemplates,
    probe_people: Sequence[str],
    *,
    references: Sequence[Look],
    probe: Look,
    operating_points: OperatingPoints | None = None,
    target_fpir: float = DEFAULT_FPIR,
    seed: int = 0,
    settings: Mapping[str, str] | None = None,
) -> Searches:
    """Search each probe in the gallery; probes whose person is not in it are strangers.

    gallery_people, probe_people: whom each photo shows. operating_points: of the recognizer, for
    the shift between like and unlike pairs; None: no shift. The dominant face of a probe is
    searched, where ``identify`` searches all. Raises InputError where the photos and people
    differ in number, the encoders differ, or templates lack a look, and EvaluationError where
    nobody could be enrolled.
    """
    if len(probe_people) != len(probes.photos):
        raise InputError(f"{len(probes.photos)} probes of {len(probe_people)} people")
    if gallery.encoder_id != probes.encoder_id:
        raise InputError(
            f"the gallery's templates are of {gallery.encoder_id}, the probes' of "
            f"{probes.encoder_id}; make both with one encoder"
        )
    people = EnrolledPeople.of(gallery, gallery_people, references)
    if not people.references:
        reasons = ", ".join(f"{count} x {why}" for why, count in people.failures.items())
        raise EvaluationError(
            f"nobody could be enrolled ({reasons or 'no photos'}); name a folder of people whose "
            "faces are seen"
        )
    side = Sides.of(probes, [probe])
    code = {name: place for place, name in enumerate(people.names)}
    codes = np.array([code.get(name, -1) for name in probe_people], np.int64)
    count, fine = len(codes), side.valid
    mate, other = np.full(count, np.nan), np.full(count, np.nan)
    rank, whom = np.zeros(count, np.int32), np.full(count, -1, np.int64)
    for masked, places in _portions(fine, side.masked, people):
        shift = 0.0
        if operating_points is not None:
            shift = operating_points.other_wear_shift(masked, people.references, target_fpir)
        scores = people.scores(side.vectors[places], masked=masked, shift=shift)
        found = rank_searches(scores, np.arange(len(people.names)), codes[places])
        mate[places], rank[places] = found.mate_score, found.rank
        other[places], whom[places] = found.other_score, found.other
    made_of = provenance(probes, _sha256(gallery, probes, people.names), seed, settings or {})
    wears = [people.wear(False), people.wear(True)]
    # A probe with a drawn mask that was not found would have met the masked templates.
    would = side.masked | (~fine & bool(probe.types))
    return Searches(
        made_of,
        probes.photos,
        tuple(probe_people),
        len(people.names),
        people.references,
        codes >= 0,
        mate,
        rank,
        other,
        Labels.coded(whom, (*people.names, "")),
        Labels.of(side.wear),
        Labels.coded(would.astype(np.int64), wears),
        Labels.of(side.failure),
        Labels.coded(codes, (*people.why, "")),
        tuple(people.failures.items()),
    )


def _portions(
    fine: Bool, masked: Bool, people: EnrolledPeople
) -> Iterator[tuple[bool, npt.NDArray[Any]]]:
    """Probes of one wear, so many at a time that their scores fit into ``_BLOCK``."""
    step = max(1, _BLOCK // max(len(people.bare), len(people.masked), len(people.names), 1))
    for wears_mask in (False, True):
        places = np.flatnonzero(fine & (masked == wears_mask))
        for start in range(0, len(places), step):
            yield wears_mask, places[start : start + step]


def _sha256(gallery: PhotoTemplates, probes: PhotoTemplates, names: Sequence[str]) -> str:
    """64 hex digits of what is searched where."""
    what = [gallery.photos, list(names), probes.photos, gallery.data_sha256]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()
