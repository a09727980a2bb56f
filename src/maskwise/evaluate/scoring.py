"""Templates -> scores of trials, as ``Recognizer.verify`` would give them.

Like is compared with like: two bare faces as they are, two masked faces as they are, and where
one of a pair wears a mask, the other's virtually masked templates, the best of which counts. What
decides is the mask state that the pipeline finds, not what is known of the photo.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from maskwise.decide import pair_id
from maskwise.errors import InputError
from maskwise.evaluate.looks import AS_IS, Look
from maskwise.evaluate.scores import Labels, Provenance, Scores
from maskwise.evaluate.template_cache import TemplateCache
from maskwise.evaluate.templates import PhotoTemplates, Progress, SeveralFaces, make_templates
from maskwise.evaluate.trials import I32, TrialList
from maskwise.pipeline import Recognizer
from maskwise.types import F32, F64, Bool, WearPair

_BLOCK: Final = 1 << 15
"""Trials at a time: 2 x 16 MB of vectors of 128 numbers."""

_NONE: Final = -2.0
"""Below every cosine."""

_PAIRS: Final[tuple[WearPair, ...]] = ("bare-bare", "bare-masked", "masked-masked")


@dataclass(frozen=True, slots=True, eq=False)
class TrialScores:
    """Scores, and what ``verify`` takes each of the T pairs for.

    decided: ``bare-bare``, ``bare-masked`` or ``masked-masked``: whose threshold ``verify`` uses;
    "" without a score. It differs from ``scores.wear_pair()``, which goes by what is worn, where
    the mask state was mistaken.
    """

    scores: Scores
    decided: Labels


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """P photos in one role. vectors: (P, D); valid: (P,); masked: (P,), as the pipeline has it.

    wear, failure: (P,) str. Where a face wears a real mask and the look would draw one, it is
    taken as it is. virtual: (P, M, D) of its virtually masked templates, ``has``: (P, M).
    label: what those wear, together.
    """

    vectors: F32
    valid: Bool
    masked: Bool
    wear: npt.NDArray[np.str_]
    failure: npt.NDArray[np.str_]
    virtual: F32
    has: Bool
    label: str

    @classmethod
    def of(cls, templates: PhotoTemplates, looks: Sequence[Look]) -> Sides:
        """The looks of a reference (``reference_looks``), or of a probe as a list of one.

        Raises InputError where ``templates`` lacks one of them.
        """
        first, virtual = _split(looks)
        column = templates.column(first)
        pick: npt.NDArray[np.int64] = np.full(len(templates.photos), column)
        if first.types and AS_IS in templates.looks:
            as_is = templates.status[:, column] == "wears_mask"
            pick = np.where(as_is, templates.column(AS_IS), column)
        rows = np.arange(len(pick))
        columns = [templates.column(look) for look in virtual]
        valid = templates.valid[rows, pick]
        types = {name for look in virtual for name in look.types}
        return cls(
            templates.vectors[rows, pick],
            valid,
            templates.masked[rows, pick],
            templates.wear[rows, pick],
            np.where(valid, "", templates.status[rows, pick]),
            templates.vectors[:, columns],
            templates.valid[:, columns],
            f"virtual:{types.pop()}" if len(types) == 1 else "virtual",
        )

    def best(self, places: npt.NDArray[Any], probes: F32) -> F32:
        """(B,) float32: the best virtually masked template of each place; _NONE where is none."""
        out: F32 = np.full(len(places), _NONE, np.float32)
        for column in range(self.has.shape[1]):
            scores = _dots(self.virtual[places, column], probes)
            np.fmax(out, scores, out=out)  # NaN, where there is no template, never counts
        return out


def trial_templates(
    recognizer: Recognizer,
    folder: str | os.PathLike[str],
    trials: TrialList,
    references: Sequence[Look],
    probe: Look,
    *,
    cache: TemplateCache,
    several_faces: SeveralFaces = "dominant",
    on_photo: Callable[[Progress], None] | None = None,
) -> PhotoTemplates:
    """The templates that ``score_trials`` needs, and no others.

    In two rounds: only faces that meet a masked one get virtual masks. The second round looks for
    no face again, and there is none where all are bare; ``Progress.stage`` tells them apart.
    """
    first, virtual = _split(references)
    looks = tuple(dict.fromkeys((AS_IS, first, *virtual, probe)))
    wanted = np.zeros((len(trials.photos), len(looks)), bool)
    wanted[trials.pairs[:, 0], looks.index(first)] = True
    wanted[trials.pairs[:, 1], looks.index(probe)] = True

    def masks_stage(progress: Progress) -> None:
        if on_photo is not None:
            on_photo(replace(progress, stage="masks"))

    def made(told: Callable[[Progress], None] | None) -> PhotoTemplates:
        return make_templates(
            recognizer,
            folder,
            trials.photos,
            looks,
            cache=cache,
            wanted=wanted,
            several_faces=several_faces,
            on_photo=told,
        )

    found = made(on_photo)
    reference, other = Sides.of(found, [first]), Sides.of(found, [probe])
    a, b = trials.pairs.T
    both = reference.valid[a] & other.valid[b]
    needed = np.zeros(len(trials.photos), bool)
    needed[a[both & ~reference.masked[a] & other.masked[b]]] = True
    if not probe.types:
        needed[b[both & reference.masked[a] & ~other.masked[b]]] = True
    if not (virtual and needed.any()):
        return found
    for look in virtual:
        wanted[needed, looks.index(look)] = True
    return made(masks_stage)


def score_trials(
    trials: TrialList,
    templates: PhotoTemplates,
    references: Sequence[Look],
    probe: Look,
    *,
    reference_templates: PhotoTemplates | None = None,
    seed: int = 0,
    settings: Mapping[str, str] | None = None,
) -> TrialScores:
    """The score of every trial, NaN with its reason where a photo gave no template.

    references: as ``reference_looks``; probe: as ``probe_look``. The score is what
    ``Recognizer.verify`` computes with ``masks`` of the same types. ``several_faces`` of the
    templates decides whether photos that it refuses count. Of a probe with a drawn mask that the
    pipeline takes for bare, and a masked reference, no further masks are drawn.
    reference_templates: those of the references, where another encoder makes them; ``templates``
    are then the probes' alone, on which no masks are drawn, as ``Recognizer.identify`` has it.
    Raises InputError where ``templates`` are not of the photos of ``trials``, or lack a look.
    """
    home = templates if reference_templates is None else reference_templates
    if templates.photos != trials.photos or home.photos != trials.photos:
        raise InputError("score_trials: the templates are of other photos than the trials")
    left, right = Sides.of(home, references), Sides.of(templates, [probe])
    # A bare probe may meet a masked reference: then it is the one that is drawn on.
    turned = Sides.of(templates, references) if not probe.types and home is templates else None
    count = len(trials)
    scores: F64 = np.full(count, np.nan)
    decided = np.zeros(count, np.uint8)
    worn = np.zeros((count, 2), bool)
    for start in range(0, count, _BLOCK):
        here = slice(start, start + _BLOCK)
        a, b = trials.pairs[here].T
        scores[here], decided[here], worn[here] = _compared(left, right, turned, a, b)
    a, b = trials.pairs.T
    # What a masked probe without a template would have met.
    if probe.types and left.has.shape[1]:
        worn[:, 0] |= ~(left.valid[a] & right.valid[b]) & ~left.masked[a]
    return TrialScores(
        Scores(
            provenance(
                templates, trials.sha256, seed, settings or {}, trials.notes, references=home
            ),
            trials.photos,
            trials.subjects,
            trials.pairs,
            scores,
            trials.mated,
            _wears(left, a, worn[:, 0], left.label),
            _wears(right, b, worn[:, 1], left.label),
            _words(left.failure, a),
            _words(right.failure, b),
            trials.fold,
            {name: Labels.of(column) for name, column in trials.attributes.items()},
        ),
        Labels.coded(decided, ("", *_PAIRS)),
    )


def provenance(
    templates: PhotoTemplates,
    trials_sha256: str,
    seed: int,
    settings: Mapping[str, str],
    notes: tuple[str, ...] = (),
    *,
    references: PhotoTemplates | None = None,
) -> Provenance:
    """What the scores of ``templates`` were made of, as of now.

    references: theirs, where another encoder made them. The models are then the probes', and
    those of the references that differ as ``reference_<stage>``.
    """
    from maskwise import __version__

    home = templates if references is None else references
    encoder_id, models = pair_id(home.encoder_id, templates.encoder_id), dict(templates.models)
    others = {
        f"reference_{stage}": model
        for stage, model in home.models.items()
        if stage != "encoder" and model != templates.models.get(stage)
    }
    return Provenance(
        encoder_id,
        MappingProxyType({**models, **others, "encoder": encoder_id}),
        templates.data_sha256,
        trials_sha256,
        __version__,
        seed,
        datetime.now(timezone.utc).isoformat(timespec="seconds"),
        MappingProxyType(dict(settings)),
        notes,
    )


def _compared(
    left: Sides, right: Sides, turned: Sides | None, a: I32, b: I32
) -> tuple[F32, npt.NDArray[np.uint8], Bool]:
    """Scores (B,) of references ``a`` and probes ``b``; places in _PAIRS, from 1; and (B, 2)
    bool, of which of the two the virtually masked templates count."""
    fine = left.valid[a] & right.valid[b]
    masked_a, masked_b = left.masked[a], right.masked[b]
    scores = np.where(fine, _dots(left.vectors[a], right.vectors[b]), np.float32(np.nan))
    pair = np.where(fine, 1 + masked_a.astype(np.uint8) + masked_b, 0).astype(np.uint8)
    worn = np.zeros((len(a), 2), bool)
    for side, drawn, unlike, places, others in (
        (0, left, fine & ~masked_a & masked_b, a, right.vectors[b]),
        (1, turned, fine & masked_a & ~masked_b, b, left.vectors[a]),
    ):
        rows = np.flatnonzero(unlike)
        if drawn is None or not len(rows):
            continue
        best = drawn.best(places[rows], others[rows])
        there = best > _NONE
        scores[rows[there]] = best[there]
        pair[rows[there]] = 1 + _PAIRS.index("masked-masked")
        worn[rows[there], side] = True
    return scores, pair, worn


def _dots(a: F32, b: F32) -> F32:
    """(B, D) x (B, D) -> (B,): the cosine of unit vectors, as ``compare``."""
    out: F32 = np.einsum("bd,bd->b", a, b)
    return np.clip(out, -1, 1, out=out)


def _split(looks: Sequence[Look]) -> tuple[Look, tuple[Look, ...]]:
    """The look without virtual masks, and those with."""
    if not looks:
        raise InputError("expected one look or more; see reference_looks")
    return looks[0], tuple(looks[1:])


def _words(words: npt.NDArray[np.str_], places: npt.NDArray[Any]) -> Labels:
    return Labels.coded(places, words.tolist())


def _wears(side: Sides, places: npt.NDArray[Any], worn: Bool, label: str) -> Labels:
    words = [*side.wear.tolist(), label]
    return Labels.coded(np.where(worn, len(words) - 1, places), words)
