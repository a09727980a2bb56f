"""One person's photos on their way into a gallery: each is looked at, then all are stored."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
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


class Enrolment:
    """The photos of one call of ``Recognizer.enrol``.

    subject: a clean name. types: the virtual masks to draw. strict: refuse photos with a second
    face. keep: store a picture of each face. limits: what a face must keep to.
    ``consent`` may be set before ``store``: what the person agreed to.
    """

    def __init__(
        self,
        stages: Stages,
        gallery: Gallery,
        subject: str,
        types: Sequence[str],
        *,
        strict: bool,
        keep: bool,
        limits: Gates,
    ) -> None:
        self._stages, self._gallery, self._subject = stages, gallery, subject
        self._types, self._strict, self._keep, self._limits = types, strict, keep, limits
        # As a gallery remembers them: of those that are files, with the files' hash.
        self._asked = tuple(f"{name} {masks.mask_type(name).detail}".rstrip() for name in types)
        self._references: list[NewReference] = []
        self.consent: Consent | None = None

    def look_at(self, source: image.ImageInput) -> PhotoReport:
        """What becomes of one photo; a faulty one is reported, not raised."""
        name = image.describe(source)
        try:
            picture, digest = image.load_with_sha256(source)
            name = picture.source
            if self._has(digest):
                return PhotoReport(name, "already")
            return self._taken(picture, digest)
        except ImageError as error:
            return PhotoReport(name, "unreadable", str(error))
        except AmbiguousFaceError as error:
            return PhotoReport(name, "several_faces", str(error))
        except InputError as error:
            # NoFaceError, or points that no mask fits: what was found is hardly a face.
            return PhotoReport(name, "no_face", str(error))

    def store(self) -> int:
        """Store all that was taken, in one transaction; returns the number of templates.

        Without any, the consent of a person who is enrolled already is noted all the same.
        """
        if not self._references:
            if self.consent is not None:
                with contextlib.suppress(SubjectError):
                    self._gallery.set_consent(self._subject, self.consent)
            return 0
        taken = [replace(reference, consent=self.consent) for reference in self._references]
        return self._gallery.enrol(self._subject, taken).templates

    def _has(self, digest: str) -> bool:
        if any(reference.photo_sha256 == digest for reference in self._references):
            return True
        return self._gallery.holds(self._subject, digest, self._asked, kept=self._keep)

    def _taken(self, picture: Image, digest: str) -> PhotoReport:
        """Look at a photo that is not enrolled yet, and keep its templates where it will do."""
        from maskwise.gallery import NewReference
        from maskwise.gallery.kept import pack

        detection, note = self._stages.choose(picture, strict=self._strict)
        (chip,), (state,) = self._stages.chips(picture, [detection])
        quality, unmeasured = measured(chip, state)
        reasons = () if quality is None else judged(quality, self._limits)
        why = [str(reason) for reason in reasons]
        if unmeasured and self._limits != NO_LIMITS:
            why.append(f"{unmeasured}; --quality off enrols it as it is")
        if why:
            told = f"{picture.source}: not good enough to enrol: {'; '.join(why)}"
            hardly = any(reason.code == "no_face" for reason in reasons)
            status: PhotoStatus = "no_face" if hardly else "poor"
            return PhotoReport(picture.source, status, told, quality, reasons, mask=state)
        specs = [masks.spec_for(name) for name in self._types]
        templates = self._stages.templates(chip, state, specs)
        points = landmarks_of(detection)
        notes = [note, self._wear_note(state.worn)]
        self._references.append(
            NewReference(
                picture.source,
                templates,
                photo_sha256=digest,
                box=tuple(float(v) for v in detection.box),
                ipd_px=points.ipd_px,
                detector_id=self._stages.detector.id,
                masks=self._asked,
                space=self._stages.encoder.space,
                kept=pack(picture, {points.scheme: points}, detection.box) if self._keep else None,
            )
        )
        note = "; ".join(filter(None, notes))
        return PhotoReport(picture.source, "enrolled", note, quality, mask=state)

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
