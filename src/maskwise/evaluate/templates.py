"""Photos -> templates: the slow part of an evaluation, cached (``template_cache``)."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from maskwise.errors import InputError
from maskwise.evaluate.looks import AS_IS, Look
from maskwise.evaluate.template_cache import FOUND, Entry, TemplateCache
from maskwise.evaluate.template_maker import WORN, Progress, Status, TemplateMaker
from maskwise.pipeline import Recognizer
from maskwise.types import F32, Bool
from maskwise.virtual import virtual_vectors

__all__ = ["PhotoTemplates", "Progress", "SeveralFaces", "Status", "make_templates"]

SeveralFaces = Literal["dominant", "refuse"]


@dataclass(frozen=True, slots=True, eq=False)
class PhotoTemplates:
    """P photos in K looks. Arrays are read-only.

    vectors: (P, K, D) float32 of unit length, NaN where ``valid`` (P, K) bool is False. status:
    (P, K) of ``Status``; ``several_faces`` has a vector unless those were refused, ``wears_mask``
    and ``mask_unfit`` are faces that no mask was drawn on, "" was not asked for. wear: (P, K),
    what is worn, or was to be, as ``Wear.label`` says it; ``unknown`` for a photo as it is in
    which no face was found. mask: (P, K) float32, the
    classifier's probability that a mask is worn: of the photo as it is, or of the photo with the
    mask drawn; NaN for masks drawn on the chip and where no face was found.
    photo_sha256: P, "" for what could not be read. notes: (photo, look) -> a sentence.
    models: what made them; encoder_id: its encoder.
    """

    photos: tuple[str, ...]
    looks: tuple[Look, ...]
    vectors: F32
    valid: Bool
    status: npt.NDArray[np.str_]
    wear: npt.NDArray[np.str_]
    mask: F32
    photo_sha256: tuple[str, ...]
    models: Mapping[str, str]
    encoder_id: str
    notes: Mapping[tuple[int, int], str] = field(default_factory=dict)

    @property
    def masked(self) -> Bool:
        """(P, K) bool: what the pipeline takes for masked. Masks drawn on the chip always are."""
        drawn = np.array([bool(look.types) and look.drawn_on == "chip" for look in self.looks])
        # NaN, where nobody asked, is no mask.
        found: Bool = self.valid & (drawn | (np.nan_to_num(self.mask) >= WORN))
        return found

    @property
    def data_sha256(self) -> str:
        """64 hex digits of the photos: SHA-256 of their own, in order, a line each."""
        return hashlib.sha256("".join(f"{one}\n" for one in self.photo_sha256).encode()).hexdigest()

    def column(self, look: Look) -> int:
        """Where a look stands; InputError where it does not."""
        if look not in self.looks:
            there = ", ".join(one.label for one in self.looks)
            raise InputError(f"no templates of the look {look.label!r}; there are: {there}")
        return self.looks.index(look)

    def failures(self, look: int = 0) -> Counter[str]:
        """How many photos that were asked for have no vector in a look, by reason."""
        lost = ~self.valid[:, look] & (self.status[:, look] != "")
        return Counter(self.status[lost, look].tolist())


def make_templates(
    recognizer: Recognizer,
    folder: str | os.PathLike[str],
    photos: Sequence[str],
    looks: Sequence[Look] = (AS_IS,),
    *,
    cache: TemplateCache,
    wanted: Bool | None = None,
    several_faces: SeveralFaces = "dominant",
    on_photo: Callable[[Progress], None] | None = None,
) -> PhotoTemplates:
    """The templates of ``photos`` (paths below ``folder``) in each of ``looks``.

    What ``cache`` holds is not made again; the rest is added to it every 16 photos, so that a
    run that is interrupted goes on from there. A photo's face is the dominant one, as
    ``Recognizer.dominant`` chooses it. A face that wears a real mask gets none on top, as in
    enrolment. wanted: (P, K) bool, the looks that are needed of each photo (None: all); those
    without a drawn mask are always made. several_faces: what becomes of photos whose second face
    is nearly as large, which ``enrol`` and ``verify`` refuse: the dominant one counts all the
    same, or they are failures. No photo is left out: what fails has a status.
    Raises OutputError for the cache, ModelError for models that cannot be opened, InputError for
    a ``wanted`` of another shape.
    """
    shape = (len(photos), len(looks))
    asked = np.ones(shape, bool) if wanted is None else np.array(wanted, bool)
    if asked.shape != shape:
        raise InputError(f"wanted: expected {shape} for photos and looks, got {asked.shape}")
    asked |= np.array([not look.types for look in looks], bool)
    vectors = np.full((*shape, recognizer.encoder.dim), np.nan, np.float32)
    mask = np.full(shape, np.nan, np.float32)
    status, wear = np.full(shape, "", "<U16"), np.full(shape, "unknown", "<U32")
    valid = np.zeros(shape, bool)
    notes: dict[tuple[int, int], str] = {}
    digests: list[str] = []
    each = [
        (Path(folder, photo), [looks[column] for column in np.flatnonzero(row).tolist()])
        for photo, row in zip(photos, asked, strict=True)
    ]
    for row, photo in enumerate(TemplateMaker(recognizer, cache).photos(each, on_photo)):
        digests.append(photo.sha256)
        for column in np.flatnonzero(asked[row]).tolist():
            found, entry = photo.outcome(looks[column])
            status[row, column], mask[row, column] = found, entry.mask
            if entry.note:
                notes[row, column] = entry.note
            refused = several_faces == "refuse" and found == "several_faces"
            if found in FOUND and entry.vector is not None and not refused:
                vectors[row, column] = _template(looks[column], entry.vector, photo.plain)
                valid[row, column] = True
            wear[row, column] = _wear(looks[column], found, entry, photo.sha256)
    for array in (vectors, mask, status, wear, valid):
        array.flags.writeable = False
    return PhotoTemplates(
        tuple(photos),
        tuple(looks),
        vectors,
        valid,
        status,
        wear,
        mask,
        tuple(digests),
        MappingProxyType(dict(recognizer.models)),
        recognizer.encoder.id,
        MappingProxyType(notes),
    )


def _template(look: Look, encoded: F32, plain: Entry | None) -> F32:
    """What is compared of an encoding: enrolment's masks, drawn on the chip, lean to the face."""
    if not look.types or look.drawn_on != "chip" or plain is None or plain.vector is None:
        return encoded
    leaning: F32 = virtual_vectors(plain.vector, encoded[None])[0]
    return leaning


def _wear(look: Look, status: Status, entry: Entry, sha256: str) -> str:
    if status == "wears_mask":
        return "real"
    if look.types:
        # A photo that is not there has no content that could draw one of several types.
        spec = look.spec(sha256) if sha256 else None
        types = look.types if spec is None else (spec.type,)
        return f"virtual:{types[0]}" if len(types) == 1 else "virtual"
    if np.isnan(entry.mask):
        return "none" if look.bare_only else "unknown"
    return "real" if entry.mask >= WORN else "none"
