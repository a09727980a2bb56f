"""The Recognizer: the stages in a row, and nothing else.

::

    picture -> Image -> Detection -> Landmarks -> Chip -> MaskState + Template
    enrol:     Chip -> the same chip wearing each virtual mask -> Templates -> Gallery
    identify:  Template -> Candidates that fit what the probe wears -> Decision
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from maskwise import detect, encode, image, landmarks, masks, occlusion
from maskwise.align import align, transform_of
from maskwise.answers import EnrolReport, Face, Identification, PhotoReport, Verification
from maskwise.compare import compare
from maskwise.decide import DEFAULT_FPIR, OperatingPoints
from maskwise.errors import (
    AmbiguousFaceError,
    ConfigurationError,
    ImageError,
    InputError,
    NoFaceError,
)
from maskwise.own_calibration import place_beside, read_own
from maskwise.types import (
    NO_MASK,
    Chip,
    Decision,
    Detection,
    Image,
    Landmarks,
    MaskState,
    Template,
    Wear,
    WearPair,
)

if TYPE_CHECKING:
    from maskwise.gallery import Gallery, NewReference

RUNNER_UP_SHARE: Final = 0.70
"""A photo whose second face has this share of the first one's area names no dominant face."""


class Recognizer:
    """Enrol, identify and verify people, masked or not.

    Works without arguments: the shipped models, and a gallery in memory that ends with it.
    Models open at first use. One Recognizer may be used by one thread at a time. As a context
    manager it closes a gallery that it opened itself.

    gallery: a path or URL, or an open ``Gallery``; None: in memory.
    detector, predictor, mask_classifier, encoder: a backend's name, or the backend itself.
    operating_points: the thresholds; None: those of the calibration beside the gallery, if there
    is one, else those that ship for the encoder.
    masks: the virtual masks that enrolment draws: "default" (``masks.DEFAULT_TYPES``), "all",
    "none", or type names.
    target_fmr: the share of non-mated pairs that ``verify`` lets pass, at most; None: that of the
    calibration beside the gallery, else 0.001.
    target_fpir: the share of strangers that ``identify`` lets pass, at most.
    Raises ConfigurationError for a name that does not exist, and for backends that do not fit
    together: all must work with one landmark scheme.
    """

    def __init__(
        self,
        gallery: str | Path | Gallery | None = None,
        *,
        detector: str | detect.Detector = "mmod",
        predictor: str | landmarks.LandmarkPredictor = "dlib5",
        mask_classifier: str | occlusion.MaskClassifier = "trunk",
        encoder: str | encode.Encoder = "dlib-resnet-v1",
        masks: str | Sequence[str] = "default",
        operating_points: OperatingPoints | None = None,
        target_fmr: float | None = None,
        target_fpir: float = DEFAULT_FPIR,
    ) -> None:
        self._gallery_argument = gallery
        self.detector = detect.create(detector) if isinstance(detector, str) else detector
        self.predictor = landmarks.create(predictor) if isinstance(predictor, str) else predictor
        self.mask_classifier = (
            occlusion.create(mask_classifier)
            if isinstance(mask_classifier, str)
            else mask_classifier
        )
        self.encoder = encode.create(encoder) if isinstance(encoder, str) else encoder
        for backend in (self.encoder, self.mask_classifier):
            if backend.chip_spec.scheme != self.predictor.scheme:
                raise ConfigurationError(
                    f"{backend.id} wants {backend.chip_spec.scheme} landmarks, and "
                    f"{self.predictor.id} finds {self.predictor.scheme} ones; choose backends of "
                    "one landmark scheme"
                )
        self._operating_points = operating_points
        self.mask_types = _mask_types(masks)
        self.target_fmr = target_fmr
        self.target_fpir = target_fpir

    @cached_property
    def gallery(self) -> Gallery:
        """The gallery, opened at first use (and made when there was none)."""
        from maskwise.gallery import Gallery, open_gallery

        given = self._gallery_argument
        return given if isinstance(given, Gallery) else open_gallery(given)

    @cached_property
    def operating_points(self) -> OperatingPoints:
        """The calibrated thresholds: those given, those beside the gallery, or the shipped ones.

        Read at first use. Raises ConfigurationError when a calibration lies beside the gallery
        that cannot be used (see ``own_calibration``), or when the encoder has no thresholds.
        """
        if self._operating_points is not None:
            return self._operating_points
        file = self._gallery_file()
        own = None
        if file is not None:
            own = read_own(place_beside(file), self.encoder.id, self.models)
        return OperatingPoints.shipped(self.encoder.id) if own is None else own

    def _gallery_file(self) -> Path | None:
        given = self._gallery_argument
        if given is None:
            return None
        # Not ``self.gallery``: to verify, no gallery is opened or made.
        from maskwise.gallery import Gallery, gallery_file

        return given.file if isinstance(given, Gallery) else gallery_file(given)

    def close(self) -> None:
        """Close the gallery, unless it was handed in open."""
        opened = self.__dict__.pop("gallery", None)
        if opened is not None and opened is not self._gallery_argument:
            opened.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def models(self) -> dict[str, str]:
        """The ids of what produced a result: detector, landmarks, mask and encoder."""
        return {
            "detector": self.detector.id,
            "landmarks": self.predictor.id,
            "mask": self.mask_classifier.id,
            "encoder": self.encoder.id,
        }

    # The stages, one by one.

    def load(self, source: image.ImageInput) -> Image:
        """Any picture -> Image; ImageError when it cannot be read."""
        return image.load(source)

    def detect(self, source: image.ImageInput) -> list[Detection]:
        """All faces with their landmarks, by falling score."""
        picture = self.load(source)
        found = self.detector.detect(picture)
        points = self.predictor.predict(picture, found)
        return [replace(d, landmarks=p) for d, p in zip(found, points, strict=True)]

    def align(self, source: image.ImageInput, points: Landmarks) -> Chip:
        """The chip that the encoder wants of the face with these landmarks."""
        return align(self.load(source), points, self.encoder.chip_spec)

    def encode(self, source: image.ImageInput) -> list[Face]:
        """All faces of a picture with chip, mask state and template; [] when there is none.

        A detection whose landmarks no face can have is left out.
        """
        picture = self.load(source)
        return self._faces(picture, self._alignable(picture))

    def dominant(self, source: image.ImageInput, *, strict: bool = False) -> tuple[Face, str]:
        """The one face that a photo is about (size x centrality), and a note for people.

        Raises NoFaceError, and AmbiguousFaceError when the runner-up has 70 % of its area or
        more, or with ``strict`` when there is any second face.
        """
        picture = self.load(source)
        detection, note = self._dominant(picture, strict)
        return self._faces(picture, [detection])[0], note

    # The three jobs.

    def enrol(
        self,
        subject: str,
        photos: image.ImageInput | Iterable[image.ImageInput],
        *,
        masks: str | Sequence[str] | None = None,
        strict: bool = False,
        on_photo: Callable[[PhotoReport], None] | None = None,
    ) -> EnrolReport:
        """Store the templates of one person's photos, bare and wearing each virtual mask.

        photos: one picture or several; ``Path("ada").glob("*.jpg")`` will do. All of the call
        are stored in one transaction. A photo that cannot be used is reported, not raised; one
        that is enrolled already, or stands twice in the call, is left as it is. ``on_photo`` is
        told of each photo when it was looked at, before anything is stored.
        Raises InputError for a name that cannot be, ConfigurationError for an unknown mask, and
        GalleryError when nothing can be stored.
        """
        from maskwise.gallery import clean_name

        # Looked at first: in the loop it would pass for a fault of each photo.
        subject = clean_name(subject)
        types = self.mask_types if masks is None else _mask_types(masks)
        self.gallery.check_encoder(self.encoder.id)
        reports: list[PhotoReport] = []
        references: list[NewReference] = []
        for source in _several(photos):
            done = {reference.photo_sha256 for reference in references}
            report, reference = self._reference(subject, source, types, strict, done)
            reports.append(report)
            if on_photo is not None:
                on_photo(report)
            references += [reference] if reference is not None else []
        stored = self.gallery.enrol(subject, references).templates if references else 0
        return EnrolReport(subject, tuple(reports), stored)

    def identify(self, source: image.ImageInput, *, top: int = 5) -> list[Identification]:
        """Who every face of a picture is: [] when the picture has no face.

        A bare probe is compared with bare templates, a masked one with the virtually masked
        ones, and each decision holds the operating point of its wear pair for
        ``target_fpir`` and this gallery's size.
        """
        if top < 1:
            raise InputError(f"identify: top must be 1 or more, got {top}")
        self.gallery.check_encoder(self.encoder.id)
        faces = self.encode(source)
        size = self.gallery.size()
        results: list[Identification] = []
        for face in faces:
            wear: Literal["bare", "masked"] = "masked" if face.mask.worn else "bare"
            vectors = face.template.vector[None]
            shift = self.operating_points.other_wear_shift(
                face.mask.worn, size.references, self.target_fpir
            )
            found = tuple(
                self.gallery.search(vectors, wear=wear, top=top, other_wear_shift=shift)[0]
            )
            decision = self.operating_points.identify(
                found, face.mask.worn, size.people, size.references, self.target_fpir
            )
            results.append(Identification(face, found, decision))
        return results

    def verify(self, a: image.ImageInput, b: image.ImageInput) -> Verification:
        """Whether two photos show one person; the dominant face of each counts.

        When one wears a mask and the other does not, virtual masks are drawn on the bare one
        and the best of them counts; where none can be drawn, the bare face is compared as it is,
        by the threshold for that. Without a face in either, the outcome is insufficient.
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
        return Verification(face_a, face_b, decision)

    # What the jobs are made of.

    def _can_align(self, detection: Detection) -> bool:
        try:
            transform_of(_landmarks(detection), self.encoder.chip_spec)
        except InputError:
            return False
        return True

    def _alignable(self, picture: Image) -> list[Detection]:
        return [d for d in self.detect(picture) if self._can_align(d)]

    def _dominant(self, picture: Image, strict: bool) -> tuple[Detection, str]:
        found = self._alignable(picture)
        if not found:
            raise NoFaceError(
                f"{picture.source}: no face found; use a photo that shows the face from the "
                "front, larger and sharper"
            )
        found.sort(key=lambda d: prominence(d, picture), reverse=True)
        if len(found) > 1:
            share = max(d.area for d in found[1:]) / found[0].area
            if strict or share >= RUNNER_UP_SHARE:
                raise AmbiguousFaceError(
                    f"{picture.source}: {len(found)} faces, and the second is {share:.0%} of the "
                    "size of the first; crop the photo to the person you mean"
                )
        note = "" if len(found) == 1 else f"the largest central one of {len(found)} faces"
        return found[0], note

    def _dominant_or_reason(self, source: image.ImageInput) -> tuple[Face | None, str]:
        try:
            return self.dominant(source)[0], ""
        except (NoFaceError, AmbiguousFaceError) as error:
            return None, str(error)

    def _faces(self, picture: Image, found: Sequence[Detection]) -> list[Face]:
        if not found:
            return []
        chips, states = self._chips(picture, found)
        vectors = self.encoder.encode_batch(np.stack([chip.pixels for chip in chips]))
        return [
            Face(d, _landmarks(d), chip, state, Template(vector, self.encoder.id, _wear(state)))
            for d, chip, state, vector in zip(found, chips, states, vectors, strict=True)
        ]

    def _chips(
        self, picture: Image, found: Sequence[Detection]
    ) -> tuple[list[Chip], list[MaskState]]:
        """The encoder's chip of each face, and what the face wears."""
        chips = [align(picture, _landmarks(d), self.encoder.chip_spec) for d in found]
        spec = self.mask_classifier.chip_spec
        # Mostly the two want the same chips, which are cut already.
        same = spec.name == self.encoder.chip_spec.name
        looked_at = chips if same else [align(picture, _landmarks(d), spec) for d in found]
        states = self.mask_classifier.classify(np.stack([chip.pixels for chip in looked_at]))
        return chips, states

    def _templates(self, chip: Chip, state: MaskState, types: Sequence[str]) -> list[Template]:
        """The face as it is, then wearing each virtual mask of ``types``: one batch.

        A face that wears a mask gets none on top.
        """
        specs = [] if state.worn else [masks.spec_for(name) for name in types]
        worn, _ = masks.wear_on_chips([chip], specs)
        vectors = self.encoder.encode_batch(np.concatenate([chip.pixels[None], worn[0]]))
        wears = [_wear(state), *(Wear("virtual", spec) for spec in specs)]
        return [
            Template(vector, self.encoder.id, wear)
            for vector, wear in zip(vectors, wears, strict=True)
        ]

    def _reference(
        self,
        subject: str,
        source: image.ImageInput,
        types: Sequence[str],
        strict: bool,
        done: set[str],
    ) -> tuple[PhotoReport, NewReference | None]:
        """What becomes of one photo; done: the sha256 of those that come before it."""
        from maskwise.gallery import NewReference

        name = image.describe(source)
        try:
            picture, digest = image.load_with_sha256(source)
            name = picture.source
            if digest in done or self.gallery.holds(subject, digest, _asked(types)):
                return PhotoReport(name, "already"), None
            detection, note = self._dominant(picture, strict)
            chips, states = self._chips(picture, [detection])
            templates = self._templates(chips[0], states[0], types)
        except ImageError as error:
            return PhotoReport(name, "unreadable", str(error)), None
        except AmbiguousFaceError as error:
            return PhotoReport(name, "several_faces", str(error)), None
        except InputError as error:
            # NoFaceError, or points that no mask fits: what was found is hardly a face.
            return PhotoReport(name, "no_face", str(error)), None
        if states[0].worn:
            note = "; ".join(filter(None, [note, "wears a mask: enrolled as it is"]))
        reference = NewReference(
            name,
            templates,
            photo_sha256=digest,
            box=tuple(float(v) for v in detection.box),
            ipd_px=_landmarks(detection).ipd_px,
            detector_id=self.detector.id,
            masks=_asked(types),
        )
        return PhotoReport(name, "enrolled", note), reference

    def _pair_score(self, a: Face, b: Face) -> tuple[float, WearPair]:
        """The score of two faces, like with like, and the wear pair that it belongs to."""
        reference, probe = (b, a) if a.mask.worn else (a, b)
        templates = [reference.template]
        pair: WearPair = "masked-masked" if reference.mask.worn else "bare-bare"
        if probe.mask.worn and not reference.mask.worn:
            try:
                worn = self._templates(reference.chip, reference.mask, self.mask_types)[1:]
            except InputError:  # points that no mask fits
                worn = []
            templates, pair = (worn, "masked-masked") if worn else (templates, "bare-masked")
        references = np.stack([template.vector for template in templates])
        return float(compare(probe.template.vector[None], references).max()), pair


def _several(photos: image.ImageInput | Iterable[image.ImageInput]) -> Iterable[image.ImageInput]:
    one = (str, os.PathLike, bytes, bytearray, memoryview, np.ndarray)
    return photos if isinstance(photos, Iterable) and not isinstance(photos, one) else [photos]


def _mask_types(wanted: str | Sequence[str]) -> tuple[str, ...]:
    return masks.parse_types(wanted if isinstance(wanted, str) else ",".join(wanted) or "none")


def _asked(types: Sequence[str]) -> tuple[str, ...]:
    """The masks as a gallery remembers them: of those that are files, with the files' hash."""
    return tuple(f"{name} {masks.mask_type(name).detail}".rstrip() for name in types)


def _landmarks(detection: Detection) -> Landmarks:
    if detection.landmarks is None:
        raise InputError("a detection without landmarks cannot be aligned")
    return detection.landmarks


def _wear(state: MaskState) -> Wear:
    return Wear("real", type=state.type) if state.worn else NO_MASK


def prominence(detection: Detection, picture: Image) -> float:
    """Size x centrality: the area, falling to a quarter of it for a face in a corner."""
    x1, y1, x2, y2 = (float(v) for v in detection.box)
    dx = ((x1 + x2) / 2 - (picture.width - 1) / 2) / (picture.width / 2)
    dy = ((y1 + y2) / 2 - (picture.height - 1) / 2) / (picture.height / 2)
    return detection.area * (1 - 0.75 * min(1.0, math.hypot(dx, dy) / math.sqrt(2)))
