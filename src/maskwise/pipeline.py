"""The Recognizer: what the stages give, with a gallery and thresholds.

::

    picture -> Image -> Detection -> Landmarks -> Chip -> MaskState + Template
    enrol:     Chip -> the same chip wearing each virtual mask -> Templates -> Gallery
    identify:  Template -> Candidates that fit what the probe wears -> Decision
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from maskwise import detect, encode, image, landmarks, masks, occlusion, unsure
from maskwise.answers import EnrolReport, Face, Identification, PhotoReport, Verification
from maskwise.compare import compare
from maskwise.decide import DEFAULT_FPIR, OperatingPoints, pair_id
from maskwise.enrolment import Asked, Enrolment
from maskwise.errors import AmbiguousFaceError, ConfigurationError, InputError, NoFaceError
from maskwise.own_calibration import own_of, place_beside, read_own
from maskwise.quality import Gates, gates
from maskwise.stages import Stages
from maskwise.types import Decision, WearPair

if TYPE_CHECKING:
    from maskwise.gallery import Consent, Gallery
    from maskwise.gallery.encryption.keys import OwnerKey


class Recognizer(Stages):
    """Enrol, identify and verify people, masked or not.

    Works without arguments: the shipped models, and a gallery in memory that ends with it.
    Models open at first use. One Recognizer may be used by one thread at a time. As a context
    manager it closes a gallery that it opened itself.

    gallery: a path or URL, or an open ``Gallery``; None: in memory. gallery_key: what opens it,
    where it is encrypted; see ``open_gallery``.
    detector, predictor, mask_classifier, encoder: see ``Stages``.
    operating_points: the thresholds; None: those of the calibration beside the gallery, if there
    is one, else those that ship for the encoder.
    masks: the virtual masks that enrolment draws: "default" (``masks.DEFAULT_TYPES``), "all",
    "none", or type names.
    target_fmr: the share of non-mated pairs that ``verify`` lets pass, at most; None: that of the
    calibration beside the gallery, else 0.001.
    target_fpir: the share of strangers that ``identify`` lets pass, at most.
    Raises ConfigurationError for a name that does not exist, and for backends that do not fit
    together.
    """

    def __init__(
        self,
        gallery: str | Path | Gallery | None = None,
        *,
        gallery_key: OwnerKey | Literal["from the environment"] | None = "from the environment",
        detector: str | detect.Detector = detect.DEFAULT,
        predictor: str | landmarks.LandmarkPredictor = "auto",
        mask_classifier: str | occlusion.MaskClassifier = occlusion.DEFAULT,
        encoder: str | encode.Encoder = encode.DEFAULT,
        masks: str | Sequence[str] = "default",
        operating_points: OperatingPoints | None = None,
        target_fmr: float | None = None,
        target_fpir: float = DEFAULT_FPIR,
    ) -> None:
        self._gallery_argument = gallery
        self._gallery_key = gallery_key
        super().__init__(
            detector=detector,
            predictor=predictor,
            mask_classifier=mask_classifier,
            encoder=encoder,
        )
        self._operating_points = operating_points
        self._points_read: dict[str, OperatingPoints] = {}
        self.mask_types = _mask_types(masks)
        self.target_fmr = target_fmr
        self.target_fpir = target_fpir

    @cached_property
    def gallery(self) -> Gallery:
        """The gallery, opened at first use (and made when there was none)."""
        from maskwise.gallery import Gallery, open_gallery

        given = self._gallery_argument
        if isinstance(given, Gallery):
            return given
        return open_gallery(given, key=self._gallery_key)

    @cached_property
    def operating_points(self) -> OperatingPoints:
        """The calibrated thresholds: those given, those beside the gallery, or the shipped ones.

        Read at first use. An encoder without any is ``OperatingPoints.uncalibrated``: scores rank,
        and decisions are "insufficient". Raises ConfigurationError when a calibration lies beside
        the gallery that cannot be used (see ``own_calibration``).
        """
        return self._operating_points or self._points_of(self.encoder.id)

    def points_for_gallery(self) -> OperatingPoints:
        """The thresholds that ``identify`` decides by.

        ``operating_points``, or, where the gallery's references are another encoder's, those of
        this encoder's probes against them.
        """
        references = self.gallery.encoder_id
        if references in (None, self.encoder.id) or self._operating_points is not None:
            return self.operating_points
        return self._points_of(pair_id(references, self.encoder.id))

    def _points_of(self, pair: str) -> OperatingPoints:
        """Those beside the gallery for an encoder or two, else the shipped ones; read once."""
        if pair not in self._points_read:
            file = self._gallery_file()
            beside = None if file is None else place_beside(file)
            if beside is not None:
                own = read_own(beside, pair, self.models)
                without = own is None and beside.exists()
            else:
                own = None if self._in_memory() else own_of(self.gallery, pair, self.models)
                without = False
            self._points_read[pair] = own or _shipped(pair, without_own=without)
        return self._points_read[pair]

    def _gallery_file(self) -> Path | None:
        given = self._gallery_argument
        if given is None:
            return None
        # Not ``self.gallery``: to verify, no gallery is opened or made.
        from maskwise.gallery import Gallery, gallery_file

        return given.file if isinstance(given, Gallery) else gallery_file(given)

    def _in_memory(self) -> bool:
        """Whether nothing can have been kept with the gallery."""
        given = self._gallery_argument
        return given is None or (not isinstance(given, os.PathLike) and given == ":memory:")

    def close(self) -> None:
        """Close the gallery, unless it was handed in open."""
        opened = self.__dict__.pop("gallery", None)
        if opened is not None and opened is not self._gallery_argument:
            opened.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The three jobs.

    def enrol(
        self,
        subject: str,
        photos: image.ImageInput | Iterable[image.ImageInput],
        *,
        masks: str | Sequence[str] | None = None,
        strict: bool = False,
        quality: str | Gates = "standard",
        keep: Literal["none", "faces"] = "none",
        consent: Consent | None = None,
        on_photo: Callable[[PhotoReport], None] | None = None,
    ) -> EnrolReport:
        """Store the templates of one person's photos, bare and wearing each virtual mask.

        photos: one picture or several; ``Path("ada").glob("*.jpg")`` will do. All are stored in
        one transaction. One that cannot be used is reported, not raised; one that is enrolled
        already, or stands twice in the call, is left as it is.
        strict: refuse photos with any second face. quality: how good a face must be: "strict",
        "standard", "off", or limits of your own; a photo that is not is reported as ``poor``.
        keep: "faces" stores a picture of each face, too, so that the gallery can be moved to
        another encoder without the photos. consent: what the person agreed to, and until when.
        on_photo: told of each photo when it was looked at, before anything is stored.
        Raises InputError for a bad name, ConfigurationError for an unknown mask or quality, and
        GalleryError when nothing can be stored.
        """
        from maskwise.gallery import clean_name

        subject = clean_name(subject)  # first: in the loop it would pass for a fault of each photo
        types = self.mask_types if masks is None else _mask_types(masks)
        limits = gates(quality) if isinstance(quality, str) else quality
        self.gallery.check_encoder(self.encoder.id)
        asked = Asked(tuple(types), strict, keep == "faces", limits)
        enrolment = Enrolment(self.gallery, subject, asked)
        enrolment.consent = consent
        reports: list[PhotoReport] = []
        for source in _several(photos):
            report = enrolment.look_at(self, source)
            reports.append(report)
            if on_photo is not None:
                on_photo(report)
        stored = enrolment.store()
        warnings = self.unlike(subject) if stored else ()
        return EnrolReport(subject, tuple(reports), stored, warnings)

    def identify(self, source: image.ImageInput, *, top: int = 5) -> list[Identification]:
        """Who every face of a picture is: [] when the picture has no face.

        A bare probe is compared with bare templates, a masked one with the virtually masked
        ones, and each decision holds the operating point of its wear pair for
        ``target_fpir`` and this gallery's size. It is insufficient where the face is too poor for
        "no match" to say anything, and where two people match and are as near (see ``unsure``).
        """
        if top < 1:
            raise InputError(f"identify: top must be 1 or more, got {top}")
        self.gallery.check_comparable(self.encoder.id, self.encoder.space)
        faces = self.encode(source)
        points = self.points_for_gallery()
        size = self.gallery.size()
        results: list[Identification] = []
        for face in faces:
            masked, references = face.mask.worn, size.references
            wear: Literal["bare", "masked"] = "masked" if masked else "bare"
            vectors = face.template.vector[None]
            shift = points.other_wear_shift(masked, references, self.target_fpir)
            # Two at least: the second may be as near as the first.
            found = tuple(
                self.gallery.search(vectors, wear=wear, top=max(top, 2), other_wear_shift=shift)[0]
            )
            decision = points.identify(found, masked, size.people, references, self.target_fpir)
            decision = unsure.unless_close(
                decision, found, points, probe_masked=masked, references=references
            )
            decision = unsure.weighed(decision, unsure.complaints(face))
            results.append(Identification(face, found[:top], decision))
        return results

    def verify(self, a: image.ImageInput, b: image.ImageInput) -> Verification:
        """Whether two photos show one person; the dominant face of each counts.

        When one wears a mask and the other does not, virtual masks are drawn on the bare one
        and the best of them counts; where none can be drawn, the bare face is compared as it is,
        by the threshold for that. Without a face in either, and where one is too poor for "no
        match" to say anything, the outcome is insufficient.
        Raises ImageError for a picture that cannot be read.
        """
        (face_a, missing_a), (face_b, missing_b) = map(self._dominant_or_reason, (a, b))
        if face_a is None or face_b is None:
            reasons = tuple(reason for reason in (missing_a, missing_b) if reason)
            return Verification(
                face_a, face_b, Decision("insufficient", None, None, reasons=reasons)
            )
        score, pair = self._pair_score(face_a, face_b)
        decision = self.operating_points.verify(
            score,
            pair,
            self.target_fmr,
            both_real_masks=face_a.mask.worn and face_b.mask.worn,
        )
        name_a, name_b = image.describe(a), image.describe(b)
        if name_a == name_b:
            name_a, name_b = "the first picture", "the second picture"
        wrong = (*unsure.complaints(face_a, name_a), *unsure.complaints(face_b, name_b))
        return Verification(face_a, face_b, unsure.weighed(decision, wrong))

    # What the jobs are made of.

    def _dominant_or_reason(self, source: image.ImageInput) -> tuple[Face | None, str]:
        try:
            return self.dominant(source)[0], ""
        except (NoFaceError, AmbiguousFaceError) as error:
            return None, str(error)

    def unlike(self, subject: str) -> tuple[str, ...]:
        """Sentences on enrolled photos of a person that do not look like the others."""
        from maskwise.gallery.unlike import UNLIKE_FMR, unlike

        try:
            points = self.operating_points
            if "bare-bare" not in points.pairs:
                return ()
            threshold = points.at_fmr("bare-bare", UNLIKE_FMR).threshold
        except ConfigurationError:  # a calibration that cannot be used stops decisions, not this
            return ()
        return tuple(unlike(self.gallery, subject, threshold))

    def _pair_score(self, a: Face, b: Face) -> tuple[float, WearPair]:
        """The score of two faces, like with like, and the wear pair that it belongs to."""
        reference, probe = (b, a) if a.mask.worn else (a, b)
        templates = [reference.template]
        pair: WearPair = "masked-masked" if reference.mask.worn else "bare-bare"
        if probe.mask.worn and not reference.mask.worn:
            try:
                specs = [masks.spec_for(name) for name in self.mask_types]
                worn = self.templates(reference.chip, reference.mask, specs)[1:]
            except InputError:  # points that no mask fits
                worn = []
            templates, pair = (worn, "masked-masked") if worn else (templates, "bare-masked")
        references = np.stack([template.vector for template in templates])
        return float(compare(probe.template.vector[None], references).max()), pair


def _several(photos: image.ImageInput | Iterable[image.ImageInput]) -> Iterable[image.ImageInput]:
    one = (str, os.PathLike, bytes, bytearray, memoryview, np.ndarray)
    return photos if isinstance(photos, Iterable) and not isinstance(photos, one) else [photos]


def _shipped(pair: str, *, without_own: bool) -> OperatingPoints:
    """without_own: a calibration lies beside the gallery, without this pair; decisions say so."""
    found = OperatingPoints.shipped_or_none(pair)
    if found is None:
        return OperatingPoints.uncalibrated(pair)
    return OperatingPoints(pair, {}, source="own", fallback=found) if without_own else found


def _mask_types(wanted: str | Sequence[str]) -> tuple[str, ...]:
    return masks.parse_types(wanted if isinstance(wanted, str) else ",".join(wanted) or "none")
