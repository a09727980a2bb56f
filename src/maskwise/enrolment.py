"""One person's photos on their way into a gallery: each is looked at, then all are stored."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from maskwise import image, masks
from maskwise.answers import PhotoReport, PhotoStatus, measured
from maskwise.errors import AmbiguousFaceError, ImageError, InputError, SubjectError
from maskwise.quality import Gates, gates, judged
from maskwise.stages import Stages, landmarks_of
from maskwise.types import Image

if TYPE_CHECKING:
    from maskwise.gallery import Consent, Gallery, NewReference

NO_LIMITS: Final = gates("off")
WEARS_A_MASK: Final = "wears a mask: kept apart, compared with every face until a bare photo comes"
WEARS_A_MASK_TOO: Final = "wears a mask: kept beside the bare photos, for faces with a mask only"
BARE_AT_LAST: Final = "the first bare photo: those with a mask now count for faces with a mask only"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of every photo. Is pickled for processes that look at photos.

    types: the virtual masks to draw; names: the same as a gallery remembers them. strict: refuse
    photos with a second face. keep: store a picture of each face. limits: what a face must keep to.
    """

    types: tuple[str, ...]
    strict: bool
    keep: bool
    limits: Gates

    @property
    def names(self) -> tuple[str, ...]:
        """Of types that are files, with the files' hash."""
        return tuple(f"{name} {masks.mask_type(name).detail}".rstrip() for name in self.types)


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What was seen in a photo, whatever else is enrolled.

    report: of it alone. reference: what would be stored; None where it will not do. worn: whether
    the face wears a mask.
    """

    report: PhotoReport
    reference: NewReference | None = None
    worn: bool = False


def look(stages: Stages, asked: Asked, name: str, load: Callable[[], tuple[Image, str]]) -> Looked:
    """Look at one photo; a faulty one is reported, not raised.

    load: gives the picture and its sha256; raises ImageError. name: of the photo, until then.
    """
    try:
        picture, digest = load()
        name = picture.source
        return _looked(stages, asked, picture, digest)
    except ImageError as error:
        return Looked(PhotoReport(name, "unreadable", str(error)))
    except AmbiguousFaceError as error:
        return Looked(PhotoReport(name, "several_faces", str(error)))
    except InputError as error:
        # NoFaceError, or points that no mask fits: what was found is hardly a face.
        return Looked(PhotoReport(name, "no_face", str(error)))


def _looked(stages: Stages, asked: Asked, picture: Image, digest: str) -> Looked:
    from maskwise.gallery import NewReference
    from maskwise.gallery.kept import pack

    detection, note = stages.choose(picture, strict=asked.strict)
    (chip,), (state,) = stages.chips(picture, [detection])
    quality, unmeasured = measured(chip, state)
    reasons = () if quality is None else judged(quality, asked.limits)
    why = [str(reason) for reason in reasons]
    if unmeasured and asked.limits != NO_LIMITS:
        why.append(f"{unmeasured}; --quality off enrols it as it is")
    if why:
        told = f"{picture.source}: not good enough to enrol: {'; '.join(why)}"
        hardly = any(reason.code == "no_face" for reason in reasons)
        status: PhotoStatus = "no_face" if hardly else "poor"
        return Looked(PhotoReport(picture.source, status, told, quality, reasons, mask=state))
    specs = [masks.spec_for(name) for name in asked.types]
    templates = stages.templates(chip, state, specs)
    points = landmarks_of(detection)
    reference = NewReference(
        picture.source,
        templates,
        photo_sha256=digest,
        box=tuple(float(v) for v in detection.box),
        ipd_px=points.ipd_px,
        detector_id=stages.detector.id,
        masks=asked.names,
        space=stages.encoder.space,
        kept=pack(picture, {points.scheme: points}, detection.box) if asked.keep else None,
    )
    report = PhotoReport(picture.source, "enrolled", note, quality, mask=state)
    return Looked(report, reference, state.worn)


class Enrolment:
    """The photos of one call of ``Recognizer.enrol``, on their way into the gallery.

    subject: a clean name. ``consent`` may be set before ``store``: what the person agreed to.
    """

    def __init__(self, gallery: Gallery, subject: str, asked: Asked) -> None:
        self._gallery, self._subject, self._asked = gallery, subject, asked
        self._names = asked.names
        self._references: list[NewReference] = []
        self.consent: Consent | None = None

    def look_at(self, stages: Stages, source: image.ImageInput) -> PhotoReport:
        """What becomes of one photo; a faulty one is reported, not raised."""
        name = image.describe(source)
        try:
            loaded = image.load_with_sha256(source)
        except ImageError as error:
            return PhotoReport(name, "unreadable", str(error))
        if self.has(loaded[1]):
            return PhotoReport(loaded[0].source, "already")
        return self.take(look(stages, self._asked, name, lambda: loaded))

    def has(self, digest: str) -> bool:
        """Whether the photo of that sha256 was taken, or is stored already."""
        if any(reference.photo_sha256 == digest for reference in self._references):
            return True
        return self._gallery.holds(self._subject, digest, self._names, kept=self._asked.keep)

    def take(self, looked: Looked) -> PhotoReport:
        """Keep what will do, in the order of the photos; what is to be said of the photo."""
        reference = looked.reference
        if reference is None:
            return looked.report
        if any(reference.photo_sha256 == other.photo_sha256 for other in self._references):
            return PhotoReport(looked.report.source, "already")
        note = "; ".join(filter(None, [looked.report.note, self._wear_note(looked.worn)]))
        self._references.append(reference)
        return replace(looked.report, note=note)

    def taken(self) -> list[NewReference]:
        """What is to be stored, with the person's consent."""
        return [replace(reference, consent=self.consent) for reference in self._references]

    def store(self) -> int:
        """Store all that was taken, in one transaction; returns the number of templates.

        Without any, the consent of a person who is enrolled already is noted all the same.
        """
        if not self._references:
            self.note_consent()
            return 0
        return self._gallery.enrol(self._subject, self.taken()).templates

    def note_consent(self) -> None:
        """Note the consent of a person who is enrolled already."""
        if self.consent is not None:
            with contextlib.suppress(SubjectError):
                self._gallery.set_consent(self._subject, self.consent)

    def _wear_note(self, worn: bool) -> str:
        """What is to be said of a photo with or without a mask, after those before it."""
        before = self._stored | {t.wear.kind for r in self._references for t in r.templates}
        bare = bool(before & {"none", "unknown"})
        if worn:
            return WEARS_A_MASK_TOO if bare else WEARS_A_MASK
        return BARE_AT_LAST if "real" in before and not bare else ""

    @cached_property
    def _stored(self) -> set[str]:
        """What the person's templates in the gallery wear."""
        try:
            known = self._gallery.show(self._subject).references
        except SubjectError:
            return set()
        return {template.wear.kind for reference in known for template in reference.templates}
