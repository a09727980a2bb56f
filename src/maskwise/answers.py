"""What the Recognizer answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from maskwise.errors import InputError
from maskwise.quality import Gates, Quality, Reason, judged, measure
from maskwise.types import Candidate, Chip, Decision, Detection, Landmarks, MaskState, Template

PhotoStatus = Literal["enrolled", "already", "no_face", "several_faces", "unreadable", "poor"]


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a picture and all that the stages say of it.

    ``quality`` is measured when it is first asked for.
    """

    detection: Detection
    landmarks: Landmarks
    chip: Chip
    mask: MaskState
    template: Template

    @property
    def quality(self) -> Quality | None:
        """How good the picture of it is; None where nothing can be measured: see ``unmeasured``."""
        return self._measured[0]

    @property
    def unmeasured(self) -> str:
        """Why there is no ``quality``; "" where there is one."""
        return self._measured[1]

    def complaints(self, limits: Gates) -> tuple[Reason, ...]:
        """Why it does not keep to ``limits``; empty where it does, or has no ``quality``."""
        return () if self.quality is None else judged(self.quality, limits)

    @cached_property
    def _measured(self) -> tuple[Quality | None, str]:
        return measured(self.chip, self.mask)


@dataclass(frozen=True, slots=True, eq=False)
class Identification:
    """A face, the people it is nearest to (by rank), and what follows."""

    face: Face
    candidates: tuple[Candidate, ...]
    decision: Decision

    @property
    def subject(self) -> str | None:
        """The name of the person that it matches; None when it matches nobody."""
        matched = self.decision.outcome == "match" and self.candidates
        return self.candidates[0].subject if matched else None


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """Two faces (None where there was none) and whether they are one person."""

    a: Face | None
    b: Face | None
    decision: Decision


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """What became of one photo: its source, the outcome, and a sentence for people.

    quality: of the face, where one was looked at and could be measured. reasons: why it does not
    keep to the limits of enrolment; some where the status is ``poor``, though none where nothing
    could be measured. mask: what the face wears, where one was looked at.
    """

    source: str
    status: PhotoStatus
    note: str = ""
    quality: Quality | None = None
    reasons: tuple[Reason, ...] = ()
    mask: MaskState | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class EnrolReport:
    """What became of one person's photos. templates: how many were stored in this call.

    warnings: sentences on stored photos that do not look like the person's others.
    """

    subject: str
    photos: tuple[PhotoReport, ...]
    templates: int = 0
    warnings: tuple[str, ...] = ()

    def count(self, status: PhotoStatus) -> int:
        """How many photos ended so."""
        return sum(photo.status == status for photo in self.photos)

    @property
    def skipped(self) -> int:
        """Photos that gave no template."""
        return len(self.photos) - self.count("enrolled") - self.count("already")


def measured(chip: Chip, mask: MaskState) -> tuple[Quality | None, str]:
    """The quality of a face, or None and why there is none."""
    try:
        return measure(chip, mask), ""
    except InputError as error:
        return None, str(error)
