"""Photos -> scores in one step: what the commands of ``maskwise evaluate`` run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from maskwise.decide import DEFAULT_FPIR, OperatingPoints
from maskwise.errors import (
    AmbiguousFaceError,
    ConfigurationError,
    EvaluationError,
    NoFaceError,
)
from maskwise.evaluate.looks import AS_IS, Look, probe_look, reference_looks
from maskwise.evaluate.people import PeoplePhotos
from maskwise.evaluate.scores import DECIDED, Labels, Scores, wear_kind
from maskwise.evaluate.scoring import Sides, TrialScores, score_trials, trial_templates
from maskwise.evaluate.searches import Searches
from maskwise.evaluate.searching import score_searches
from maskwise.evaluate.template_cache import TemplateCache
from maskwise.evaluate.template_maker import TemplateMaker
from maskwise.evaluate.templates import PhotoTemplates, Progress, SeveralFaces, make_templates
from maskwise.evaluate.trials import TrialList
from maskwise.pipeline import Recognizer
from maskwise.types import F32, Bool, Image


@dataclass(slots=True, eq=False)
class Maker:
    """How photos become scores.

    several_faces: see ``make_templates``. seed: of the masks on probes. on_photo: told of every
    photo. unread: filled on the way: photos that are missing or cannot be read, and why.
    """

    recognizer: Recognizer
    cache: TemplateCache
    several_faces: SeveralFaces = "dominant"
    seed: int = 0
    on_photo: Callable[[Progress], None] | None = None
    unread: dict[str, str] = field(default_factory=dict)

    def verification(
        self,
        images: str | os.PathLike[str],
        trials: TrialList,
        reference_wear: str,
        probe_wear: str,
    ) -> Scores:
        """The score of every trial, as ``verify`` gives it; see ``score_trials``.

        The wears are those of ``reference_looks`` and ``probe_look``. Where the pipeline takes
        some pairs for another wear pair than it is, the attribute ``decided as`` tells of each
        trial whose threshold ``verify`` takes. Raises EvaluationError where no photo is there.
        """
        references, probe = reference_looks(reference_wear), probe_look(probe_wear, self.seed)
        if trials.missing.all():
            raise EvaluationError(
                f"{os.fspath(images)}: none of the {len(trials.photos)} photos of {trials.source} "
                f"is in this folder, such as {trials.photos[0]}; name the folder that they lie in"
            )
        templates = trial_templates(
            self.recognizer,
            images,
            trials,
            references,
            probe,
            cache=self.cache,
            several_faces=self.several_faces,
            on_photo=self.on_photo,
        )
        self._note_unread(templates)
        settings = self._settings(reference_wear, probe_wear)
        made = score_trials(trials, templates, references, probe, seed=self.seed, settings=settings)
        return with_decided(made)

    def identification(
        self,
        folder: str | os.PathLike[str],
        gallery: PeoplePhotos,
        probes: PeoplePhotos,
        reference_wear: str,
        probe_wear: str,
        *,
        target_fpir: float = DEFAULT_FPIR,
        notes: tuple[str, ...] = (),
    ) -> Searches:
        """Search each probe in the gallery, as ``identify`` does; see ``score_searches``.

        folder: what the paths are below. Probes whose person is not in the gallery are strangers.
        """
        references, probe = reference_looks(reference_wear), probe_look(probe_wear, self.seed)
        looks = dict.fromkeys((AS_IS, *references))
        enrolled = self._templates(folder, gallery, tuple(looks))
        searched = self._templates(folder, probes, tuple(dict.fromkeys((AS_IS, probe))))
        found = score_searches(
            enrolled,
            gallery.people,
            searched,
            probes.people,
            references=references,
            probe=probe,
            operating_points=_points(self.recognizer),
            target_fpir=target_fpir,
            seed=self.seed,
            settings={
                **self._settings(reference_wear, probe_wear),
                "target FPIR of the shift": f"{target_fpir:g}",
            },
        )
        every = (*gallery.notes, *probes.notes, *notes)
        taken = Sides.of(searched, [probe]).masked
        made = replace(found, provenance=replace(found.provenance, notes=every))
        return with_decided_searches(made, taken)

    def face_box(self, picture: Image) -> F32 | None:
        """(4,) px: the face of a photo that was compared; None where there is none."""
        known = TemplateMaker(self.recognizer, self.cache).box(Path(picture.source))
        if known is not None:
            return known
        try:
            return self.recognizer.dominant(picture)[0].detection.box
        except (NoFaceError, AmbiguousFaceError):
            return None

    def _templates(
        self, folder: str | os.PathLike[str], photos: PeoplePhotos, looks: tuple[Look, ...]
    ) -> PhotoTemplates:
        made = make_templates(
            self.recognizer,
            folder,
            photos.photos,
            looks,
            cache=self.cache,
            several_faces=self.several_faces,
            on_photo=self.on_photo,
        )
        self._note_unread(made)
        return made

    def _settings(self, reference_wear: str, probe_wear: str) -> Mapping[str, str]:
        return {
            "reference wear": reference_wear,
            "probe wear": probe_wear,
            "several faces": self.several_faces,
        }

    def _note_unread(self, templates: PhotoTemplates) -> None:
        for row, column in zip(*np.nonzero(_unread(templates)), strict=True):
            why = templates.notes.get((int(row), int(column)), str(templates.status[row, column]))
            self.unread.setdefault(templates.photos[row], why)


def with_decided(made: TrialScores) -> Scores:
    """The scores, with the attribute ``decided as`` where it tells anything new."""
    scores = made.scores
    differs = made.decided.words() != scores.wear_pair().words()
    if not (differs & ~scores.failed).any() or DECIDED in scores.attributes:
        return scores
    words = ["no score" if word == "" else word for word in made.decided.values]
    decided = Labels.coded(made.decided.codes, words)
    return replace(scores, attributes={**scores.attributes, DECIDED: decided})


def with_decided_searches(made: Searches, taken_for_masked: Bool) -> Searches:
    """The searches, with ``decided as`` where a mask was overlooked, or seen where there is none.

    The threshold of a search is that of like pairs, as all its scores are shifted to.
    """
    worn = [wear_kind(word) in ("virtual", "real") for word in made.probe_wear.values]
    fine = made.probe_failure.where("")
    if not (fine & (np.array(worn, bool)[made.probe_wear.codes] != taken_for_masked)).any():
        return made
    words = np.where(taken_for_masked, "masked-masked", "bare-bare")
    decided = Labels.of(np.where(fine, words, "no score"))
    return replace(made, attributes=(*made.attributes, (DECIDED, decided)))


def _unread(templates: PhotoTemplates) -> Bool:
    found: Bool = np.isin(templates.status, ("missing", "unreadable"))
    return found


def _points(recognizer: Recognizer) -> OperatingPoints | None:
    """None for an encoder without thresholds: unlike pairs are then ranked by the bare score."""
    try:
        return recognizer.operating_points
    except ConfigurationError:
        return None
