"""What the Recognizer answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maskwise.types import Candidate, Chip, Decision, Detection, Landmarks, MaskState, Template

PhotoStatus = Literal["enrolled", "already", "no_face", "several_faces", "unreadable"]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face of a picture and all that the stages say of it."""

    detection: Detection
    landmarks: Landmarks
    chip: Chip
    mask: MaskState
    template: Template


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
    """What became of one photo: its source, the outcome, and a sentence for people."""

    source: str
    status: PhotoStatus
    note: str = ""


@dataclass(frozen=True, slots=True)
class EnrolReport:
    """What became of one person's photos. templates: how many were stored in this call."""

    subject: str
    photos: tuple[PhotoReport, ...]
    templates: int = 0

    def count(self, status: PhotoStatus) -> int:
        """How many photos ended so."""
        return sum(photo.status == status for photo in self.photos)

    @property
    def skipped(self) -> int:
        """Photos that gave no template."""
        return len(self.photos) - self.count("enrolled") - self.count("already")
