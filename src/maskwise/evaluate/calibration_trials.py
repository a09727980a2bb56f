"""Photos of people -> the scores that thresholds are fitted on: bare, and with masks drawn.

Each wear pair gets the comparisons that ``verify`` would make of it, and no others:

- bare-bare: each photo with each other one, as they are. Where one of two wears a real mask, the
  comparison is masked-masked, as ``verify`` has it.
- masked-masked: a photo with a random mask drawn on it, in which the face is looked for anew,
  against the templates that enrolment stores of another photo, the best of which counts.
- bare-masked: the same masked photo against the bare template alone.

A face whose mask is overlooked is left out of all three: which threshold it meets is the mask
classifier's mistake, and counted in evaluations.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from maskwise.encode import Encoder
from maskwise.errors import ConfigurationError, EvaluationError
from maskwise.evaluate.looks import AS_IS, Look, probe_look, reference_looks
from maskwise.evaluate.scores import Labels, Scores
from maskwise.evaluate.scoring import score_trials
from maskwise.evaluate.template_cache import TemplateCache
from maskwise.evaluate.templates import PhotoTemplates, Progress, make_templates
from maskwise.evaluate.trials import TrialList
from maskwise.image import describe
from maskwise.pipeline import Recognizer

PROBE_MASKS: Final = 2
"""Random masks drawn on each photo: more tell little that is new of the same people."""
NON_MATED: Final = 500_000
"""Pairs of photos of two people, at most. Masks double and quadruple them: 2 ways, 2 masks."""
_ALIKE: Final = 1e-5
"""Scores that differ by less are one: batches differ by 1e-6."""


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationTrials:
    """The trials of some photos. people, photos: those with a face. failures: reason -> photos."""

    scores: Scores
    people: int
    photos: int
    failures: Mapping[str, int]


def calibration_trials(
    recognizer: Recognizer,
    folder: str | os.PathLike[str],
    trials: TrialList,
    *,
    cache: TemplateCache,
    seed: int = 0,
    reference: Recognizer | None = None,
    on_photo: Callable[[Progress], None] | None = None,
) -> CalibrationTrials:
    """Score ``trials`` (pairs of photos below ``folder``) in each wear pair.

    Masked ones are made both ways round, with ``PROBE_MASKS`` masks a photo, drawn by ``seed``.
    Photos that ``enrol`` would refuse are failures, but for those that it finds too poor:
    thresholds are of all photos with a face.
    reference: who enrols, where that is another than ``recognizer``, who then only sees probes:
    the scores are those of ``Recognizer.identify`` in a gallery of the other's encoder, and
    ``on_photo`` is told of every photo twice.
    Raises as ``make_templates``, and ConfigurationError for encoders of different spaces.
    """
    if reference is not None:
        check_one_space(reference.encoder, recognizer.encoder)
    references = reference_looks("virtual:default")
    probes = [probe_look("virtual:all", seed + k) for k in range(PROBE_MASKS)]

    def made(maker: Recognizer, looks: Sequence[Look]) -> PhotoTemplates:
        return make_templates(
            maker,
            folder,
            trials.photos,
            looks,
            cache=cache,
            several_faces="refuse",
            on_photo=on_photo,
        )

    if reference is None:
        home = templates = made(recognizer, (*references, *probes))
    else:
        home, templates = made(reference, references), made(recognizer, (AS_IS, *probes))
        if home.photo_sha256 != templates.photo_sha256:
            raise EvaluationError(
                f"{describe(folder)}: photos changed while they were looked at; run it again"
            )

    def compared(pairs: TrialList, looks: Sequence[Look], probe: Look, *, drawn: bool) -> Scores:
        return _compared(pairs, (home, templates), looks, probe, seed, drawn=drawn)

    parts = [compared(trials, references, AS_IS, drawn=False)]
    both = _both_ways(trials)
    for probe in probes:
        parts.append(compared(both, references, probe, drawn=True))
        bare = compared(both, (AS_IS,), probe, drawn=True)
        # A reference that wears a real mask was compared just so already.
        parts.append(bare.subset(bare.reference_wear.where("none")))
    lost = [_failure(home, row) or _failure(templates, row) for row in range(len(trials.photos))]
    there = [person for person, why in zip(trials.subjects, lost, strict=True) if not why]
    failures = Counter(filter(None, lost))
    return CalibrationTrials(joined(parts), len(set(there)), len(there), failures)


def _failure(templates: PhotoTemplates, row: int) -> str:
    column = templates.column(AS_IS)
    return "" if templates.valid[row, column] else str(templates.status[row, column])


def check_one_space(reference: Encoder, probe: Encoder) -> None:
    """ConfigurationError for encoders whose templates cannot be compared."""
    if (reference.space, reference.dim) != (probe.space, probe.dim):
        raise ConfigurationError(
            f"templates of {reference.id} (space {reference.space}, {reference.dim} numbers) and "
            f"of {probe.id} (space {probe.space}, {probe.dim} numbers) cannot be compared, so "
            "there are no thresholds of the two; name an encoder of the same space"
        )


def joined(parts: Sequence[Scores]) -> Scores:
    """The trials of all parts. A photo of one name and person is one photo.

    Raises EvaluationError where there is no part, or they are of different models.
    """
    if not parts:
        raise EvaluationError("there are no scores to join; name a score file")
    first = parts[0].provenance
    for part in parts[1:]:
        given = part.provenance
        if (given.encoder_id, given.models) != (first.encoder_id, first.models):
            raise EvaluationError(
                "the scores are of different models, and so are their thresholds: "
                f"{_models(given.models)}, and {_models(first.models)}; calibrate each alone"
            )
    places: dict[tuple[str, str], int] = {}
    pairs = []
    for part in parts:
        own = [
            places.setdefault(photo, len(places))
            for photo in zip(part.photos, part.subjects, strict=True)
        ]
        pairs.append(np.array(own, np.int32)[part.pairs] if own else part.pairs)

    def labels(name: str) -> Labels:
        found: list[Labels] = [getattr(part, name) for part in parts]
        words = [word for one in found for word in one.values]
        starts = np.cumsum([0, *(len(one.values) for one in found)])
        codes = [one.codes + start for one, start in zip(found, starts[:-1].tolist(), strict=True)]
        return Labels.coded(np.concatenate(codes), words)

    return Scores(
        replace(
            first,
            data_sha256=_one_hash([part.provenance.data_sha256 for part in parts]),
            trials_sha256=_one_hash([part.provenance.trials_sha256 for part in parts]),
        ),
        tuple(photo for photo, _ in places),
        tuple(subject for _, subject in places),
        np.concatenate(pairs),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.mated for part in parts]),
        labels("reference_wear"),
        labels("probe_wear"),
        labels("reference_failure"),
        labels("probe_failure"),
    )


def without_repeats(scores: Scores) -> Scores:
    """Each comparison once: the same two photos in the same wears, with the same score.

    Score files of one list share what their options do not change, and trials that stand there
    twice would feign an FMR that half as many cannot show.
    """
    a, b = scores.pairs.astype(np.int64).T
    worn_a, worn_b = (
        np.array(side.values, np.str_)[side.codes]
        for side in (scores.reference_wear, scores.probe_wear)
    )
    # Of two alike it makes no difference which is the reference.
    turn = (worn_a == worn_b) & (a > b)
    photos = np.where(turn, b, a) * len(scores.photos) + np.where(turn, a, b)
    words = np.char.add(np.char.add(worn_a, " "), worn_b)
    wears = np.unique(words, return_inverse=True)[1].reshape(-1)
    # Failed ones have no score: they are alike.
    given = np.nan_to_num(scores.scores, nan=-np.finfo(np.float64).max)
    order = np.lexsort((given, wears, photos))
    alike = np.diff(given[order]) < _ALIKE
    again = alike & (np.diff(photos[order]) == 0) & (np.diff(wears[order]) == 0)
    if not again.any():
        return scores
    return scores.subset(np.sort(order[np.append(True, ~again)]))


def _compared(
    trials: TrialList,
    sides: tuple[PhotoTemplates, PhotoTemplates],
    references: Sequence[Look],
    probe: Look,
    seed: int,
    *,
    drawn: bool,
) -> Scores:
    """Scores of the trials whose mask state the pipeline has right, each made once.

    sides: the templates of references and probes. drawn: only those whose probe wears a drawn mask;
    others were made with the photos as they are.
    """
    home, templates = sides
    found = score_trials(trials, templates, references, probe, reference_templates=home, seed=seed)
    scores = found.scores
    keep = ~scores.failed
    for pair in scores.wear_pair().values:
        keep &= ~scores.wear_pair().where(pair) | found.decided.where(pair)
    if drawn:
        keep &= ~(scores.probe_wear.where("none") | scores.probe_wear.where("real"))
    return scores.subset(keep)


def _both_ways(trials: TrialList) -> TrialList:
    return TrialList(
        trials.source,
        trials.photos,
        trials.subjects,
        np.concatenate([trials.pairs, trials.pairs[:, ::-1]]),
        np.concatenate([trials.mated, trials.mated]),
        trials.missing,
    )


def _one_hash(hashes: Sequence[str]) -> str:
    once = list(dict.fromkeys(hashes))
    return once[0] if len(once) == 1 else hashlib.sha256("".join(once).encode()).hexdigest()


def _models(models: Mapping[str, str]) -> str:
    return ", ".join(f"{stage} {name}" for stage, name in sorted(models.items()))
