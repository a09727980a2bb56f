"""The values that a gallery takes and gives."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from maskwise.errors import InputError
from maskwise.gallery.audit import AuditEntry
from maskwise.gallery.consent import Consent
from maskwise.types import Template, Wear

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
    space: the encoder's (``Encoder.space``): templates of one space compare; "": its id.
    kept: the face itself, as ``kept.pack`` makes it, only where the owner asked for that; None
    keeps no picture, and leaves what an earlier enrolment of the photo kept.
    consent: what the person agreed to, kept with the person; None leaves what is noted.
    """

    source: str
    templates: Sequence[Template]
    photo_sha256: str
    box: tuple[float, ...] | None
    ipd_px: float | None
    detector_id: str
    masks: tuple[str, ...]
    space: str = ""
    kept: bytes | None = None
    consent: Consent | None = None

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
        if self.kept is not None and (not isinstance(self.kept, bytes) or not self.kept):
            raise InputError("NewReference.kept: expected the bytes of gallery.kept.pack, or None")


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
    """An enrolled photo; the fields are those of ``NewReference``.

    kept_bytes: how large the kept face is; 0 where no picture was kept.
    """

    reference_id: str
    source: str
    photo_sha256: str
    box: tuple[float, ...] | None
    ipd_px: float | None
    detector_id: str
    masks: tuple[str, ...]
    created_at: str
    templates: tuple[TemplateDetails, ...]
    kept_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SubjectDetails:
    """All that a gallery knows of one person, but for the numbers of the templates.

    consent: the note, "" for none. expires_at: when the person is due to be deleted, UTC, ISO 8601.
    """

    subject_id: str
    subject: str
    created_at: str
    references: tuple[ReferenceDetails, ...]
    consent: str = ""
    expires_at: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """What ``delete`` removed.

    wiped: True when no byte of it is left in the gallery's files; False when another process
    was reading for so long that the write-ahead log could not be emptied: it holds a copy until
    the next ``delete``, or until every process has closed the gallery. remains: what is left and
    what to do, where another engine than SQLite could not wipe it. entry: of the audit log, where
    the engine keeps one.
    """

    subject: str
    references: int
    templates: int
    wiped: bool
    subject_id: str = ""
    kept_faces: int = 0
    entry: AuditEntry | None = None
    remains: str = ""


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What ``merge`` did. moved: references that are the other person's now; dropped: those of
    photos that were there already. wiped, remains: as in ``DeleteResult``, of the name that went.
    """

    subject: str
    into: str
    moved: int
    dropped: int
    wiped: bool
    remains: str = ""


@dataclass(frozen=True, slots=True)
class GalleryStats:
    """A gallery in figures.

    format: of its schema. by_wear: templates by ``Wear.label``. encoder_space: see
    ``Gallery.encoder_space``. kept_faces: references with a kept picture of the face. data_key:
    the uid of the key that what is new is encrypted by; None: the gallery is in clear.
    """

    where: str
    engine: str
    format: int
    encoder_id: str | None
    dim: int | None
    size: GallerySize
    by_wear: Mapping[str, int]
    size_bytes: int
    encoder_space: str | None = None
    kept_faces: int = 0
    data_key: str | None = None


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
