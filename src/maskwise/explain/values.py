"""What an explanation is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maskwise.answers import Face
from maskwise.types import F32, U8, Bool, Candidate, Decision, Image, OperatingPoint, Wear

PictureOf = Literal["kept", "file", "given"]
"""Where the picture of a template comes from: kept in the gallery, the photo's file, which is still
where it was enrolled from, or the other photo of a pair."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is covered of a face.

    alpha: (S, S) uint8 in the chip's frame, 0 free to 255 covered; None where nothing is.
    assumed: the mask classifier gave no alpha: a mask is worn, and it is taken to lie as a
    surgical mask on the mean face does. visible: (K,) bool, the landmarks that ``alpha`` leaves
    free and that lie in the picture.
    """

    alpha: U8 | None
    assumed: bool
    visible: Bool

    @property
    def share(self) -> float:
        """0..1 of the chip that is covered."""
        return 0.0 if self.alpha is None else float(self.alpha.mean()) / 255


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on the scale of scores: of strangers, ``fmr`` reach ``threshold`` or more."""

    fmr: float
    threshold: float


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """How far the score falls when a part of the chip is covered by grey.

    falls: (G, G) float32, row 0 at the top: the score as it is less the score with that cell
    covered. Above 0, the cell speaks for the match, below 0 against it. score: with none covered.
    regions: names of the face's parts with the mean fall of their cells, the largest first.
    """

    falls: F32
    score: float
    regions: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Against:
    """The template that a face was compared with.

    name: the person's, or the other photo's. reference: the photo it was made of. wear: what it
    wore. vector: (D,) float32. picture: (S, S, 3) uint8 RGB, the chip it was made of; None where
    there is no picture. picture_of: whence; None with ``picture``.
    """

    name: str
    reference: str
    wear: Wear
    vector: F32
    picture: U8 | None = None
    picture_of: PictureOf | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FaceExplanation:
    """One face of a picture, and why it was decided so.

    image: the picture. chip: (S, S, 3) uint8 RGB, as the encoder got it (in a pair, a bare face
    may wear a drawn mask: ``drawn`` is then what). against: what it was compared with, the best of
    the gallery or who was asked about; None where nothing could be compared. score, point, llr and
    llr_is_bound: of that comparison, as ``Decision`` has them; llr is None where the decision has
    none. decision: of the face. asked: the person is the one asked about, not the best.
    ticks: where strangers' scores end, by rising threshold. candidates: of the gallery, by rank.
    photos: how many photos the gallery holds, None for a pair.
    """

    image: Image
    face: Face
    seen: Seen
    chip: U8
    drawn: Wear | None
    against: Against | None
    score: float | None
    point: OperatingPoint | None
    llr: float | None
    llr_is_bound: bool
    decision: Decision
    asked: bool
    ticks: tuple[Tick, ...]
    candidates: tuple[Candidate, ...]
    parts: Parts | None
    photos: int | None = None
