"""What every gallery does, whatever engine keeps it, and the values that it takes and gives."""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

import numpy as np

from maskwise.errors import InputError
from maskwise.types import F32, Candidate, Template, Wear

ProbeWear = Literal["bare", "masked"]
"""What the probe wears; it decides which of a person's templates it is compared with."""

NAME_LIMIT: Final = 200
"""The longest name of a person, in characters."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, eq=False)
class NewReference:
    """One photo of a person, about to be enrolled: its templates and where they came from.

    source: where the photo came from, any text. templates: at least one, all of one encoder:
    the face as it is and as it looks in each virtual mask. photo_sha256: 64 lower-case hex
    digits, of the photo's bytes; the photo itself is never stored. box: x1, y1, x2, y2 of the
    face in px of the photo. ipd_px: between the eye centres. detector_id: what found the face.
    masks: the virtual mask types asked for, drawn or not (a face in a real mask gets none);
    ``Gallery.holds`` answers from them.
    """

    source: str
    templates: Sequence[Template]
    photo_sha256: str
    box: tuple[float, ...] | None
    ipd_px: float | None
    detector_id: str
    masks: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "templates", tuple(self.templates))
        if not self.templates:
            raise InputError(f"{self.source}: a reference needs at least one template")
        if len({(t.encoder_id, len(t.vector)) for t in self.templates}) > 1:
            raise InputError(f"{self.source}: the templates of a reference come from one encoder")
        if not _SHA256.fullmatch(self.photo_sha256):
            raise InputError(
                f"NewReference.photo_sha256: expected 64 lower-case hex digits, got "
                f"{self.photo_sha256!r}"
            )
        if self.box is not None and (len(self.box) != 4 or not np.isfinite(self.box).all()):
            raise InputError(f"NewReference.box: expected 4 finite numbers, got {self.box!r}")


@dataclass(frozen=True, slots=True)
class EnrolResult:
    """What one call of ``enrol`` stored: how many references and templates were written."""

    subject_id: str
    references: int
    templates: int


@dataclass(frozen=True, slots=True)
class GallerySize:
    """How many people, enrolled photos and templates a gallery holds."""

    people: int
    references: int
    templates: int


@dataclass(frozen=True, slots=True)
class SubjectSummary:
    """One person in a listing. created_at: of the first enrolment, UTC, ISO 8601."""

    subject_id: str
    subject: str
    references: int
    templates: int
    created_at: str


@dataclass(frozen=True, slots=True)
class TemplateDetails:
    """A stored template without its numbers. created_at: UTC, ISO 8601."""

    wear: Wear
    encoder_id: str
    quality: float | None
    created_at: str


@dataclass(frozen=True, slots=True)
class ReferenceDetails:
    """An enrolled photo; the fields are those of ``NewReference``."""

    reference_id: str
    source: str
    photo_sha256: str
    box: tuple[float, ...] | None
    ipd_px: float | None
    detector_id: str
    masks: tuple[str, ...]
    created_at: str
    templates: tuple[TemplateDetails, ...]


@dataclass(frozen=True, slots=True)
class SubjectDetails:
    """All that a gallery knows of one person, but for the numbers of the templates."""

    subject_id: str
    subject: str
    created_at: str
    references: tuple[ReferenceDetails, ...]


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """What ``delete`` removed.

    wiped: True when no byte of it is left in the gallery's files; False when another process
    was reading for so long that the write-ahead log could not be emptied: it holds a copy until
    the next ``delete``, or until every process has closed the gallery.
    """

    subject: str
    references: int
    templates: int
    wiped: bool


@dataclass(frozen=True, slots=True)
class GalleryStats:
    """A gallery in figures. format: of its schema. by_wear: templates by ``Wear.label``."""

    where: str
    engine: str
    format: int
    encoder_id: str | None
    dim: int | None
    size: GallerySize
    by_wear: Mapping[str, int]
    size_bytes: int


class Gallery(ABC):
    """The store of enrolled people. Every engine keeps these promises.

    - A call that returns has been stored for good; a call that raises has changed nothing.
    - A gallery holds templates of one encoder: the one of its first enrolment. Once empty
      again it takes any.
    - Names are what ``clean_name`` makes of them, so ``"é"`` is one name however it is typed.
    - It may be used by several threads; calls then wait for one another.

    All methods raise StorageError when the store cannot be reached, read or written, and
    GalleryFormatError when what they read is damaged.
    """

    @property
    @abstractmethod
    def where(self) -> str:
        """The path or URL, without secrets; for messages."""

    @property
    def file(self) -> Path | None:
        """The file that holds it, beside which its calibration lies; None where there is none."""
        return None

    @property
    @abstractmethod
    def encoder_id(self) -> str | None:
        """The encoder whose templates this gallery holds; None while it is empty."""

    @abstractmethod
    def check_encoder(self, encoder_id: str) -> None:
        """Raise EncoderMismatchError when the gallery holds templates of another encoder."""

    def enrol(self, subject: str, references: Sequence[NewReference]) -> EnrolResult:
        """Store photos of one person, all or none.

        A photo (by its sha256) that the person has already keeps its reference: new templates
        replace those with the same ``Wear.label`` (a new bare or really masked one replaces
        the old one of either kind), the others stay, and ``masks`` are joined.
        Raises InputError for a bad name or no references, and EncoderMismatchError.
        """
        return self.enrol_all([(subject, references)])[0]

    @abstractmethod
    def enrol_all(self, people: Iterable[tuple[str, Sequence[NewReference]]]) -> list[EnrolResult]:
        """Store photos of many people, all or none: ``enrol`` for each, in one transaction.

        people: names with references; it may be a generator, which must not use this gallery.
        Other writers wait until it ends. Raises as ``enrol``.
        """

    @abstractmethod
    def holds(self, subject: str, photo_sha256: str, masks: Sequence[str]) -> bool:
        """Whether that photo is enrolled for that person with at least these mask types."""

    @abstractmethod
    def size(self) -> GallerySize:
        """Counts, as of now."""

    @abstractmethod
    def search(
        self, vectors: F32, *, wear: ProbeWear, top: int, other_wear_shift: float = 0.0
    ) -> list[list[Candidate]]:
        """The people nearest to each probe.

        vectors: (P, D) float32 of unit length. Returns P lists of at most ``top`` candidates,
        one a person (their best template), by falling score (cosine similarity, -1..1); equal
        scores keep the order in which the people were enrolled.
        wear "bare": only templates of bare faces count, and for a person without one, all of
        theirs; "masked": only virtually and really masked ones, and for a person without one,
        their bare ones. So everybody can be found. Templates of unknown wear count as bare.
        other_wear_shift: added to the scores of people without a template of the right kind, for
        the order alone: the two kinds of score do not mean the same, and the shift makes equal
        margins over their thresholds equal ranks. Candidates keep their own scores, which then
        need not fall.
        Raises InputError for arrays of another shape, dtype or length, and for top < 1.
        """

    @abstractmethod
    def people(self) -> list[SubjectSummary]:
        """Everybody, by name."""

    @abstractmethod
    def show(self, subject: str) -> SubjectDetails:
        """One person in detail; SubjectError when there is none of that name."""

    @abstractmethod
    def rename(self, old: str, new: str) -> None:
        """Change a name; SubjectError when ``old`` is not there or ``new`` is taken."""

    @abstractmethod
    def delete(self, subject: str) -> DeleteResult:
        """Delete a person with all references and templates, bytes and all.

        SubjectError when there is none of that name.
        """

    @abstractmethod
    def stats(self) -> GalleryStats:
        """The gallery in figures."""

    @abstractmethod
    def integrity_check(self) -> list[str]:
        """One sentence for everything that is wrong; [] for a sound gallery."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the store; closing twice is fine. Other calls then raise StorageError."""

    def __enter__(self) -> Gallery:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def clean_name(name: str) -> str:
    """A person's name as galleries keep it: Unicode NFC, without white space around it.

    Raises InputError for an empty name or one of more than 200 characters.
    """
    if not isinstance(name, str):
        raise InputError(f"a person's name is text, got {type(name).__name__}")
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not cleaned:
        raise InputError(f"a person's name cannot be empty: {name!r}")
    if len(cleaned) > NAME_LIMIT:
        raise InputError(
            f"a person's name has at most {NAME_LIMIT} characters, got {len(cleaned)}: "
            f"{cleaned[:40]!r}...; shorten it"
        )
    return cleaned


def check_probes(vectors: F32, top: int, wear: str, dim: int | None) -> None:
    """Raise InputError unless the arguments of ``search`` are sound (dim None: any width)."""
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype != np.float32:
        got = f"{vectors.shape} {vectors.dtype}" if isinstance(vectors, np.ndarray) else vectors
        raise InputError(f"search: expected (P, D) float32 probes, got {got}")
    if dim is not None and vectors.shape[1] != dim:
        raise InputError(
            f"search: this gallery's templates have {dim} numbers, the probes {vectors.shape[1]}"
        )
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.abs(lengths - 1) <= 1e-3).all():
        raise InputError(f"search: expected probes of unit length, got {lengths.tolist()[:5]}")
    if top < 1:
        raise InputError(f"search: top must be 1 or more, got {top}")
    if wear not in ("bare", "masked"):
        raise InputError(f"search: wear is 'bare' or 'masked', got {wear!r}")
