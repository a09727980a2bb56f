"""The stages in a row: from any picture to the faces in it, each with chip, mask state, template.

::

    picture -> Image -> Detection -> Landmarks -> Chip -> MaskState + Template
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from maskwise import detect, encode, image, landmarks, masks, occlusion
from maskwise.align import align, transform_of
from maskwise.answers import Face
from maskwise.errors import AmbiguousFaceError, ConfigurationError, InputError, NoFaceError
from maskwise.types import (
    NO_MASK,
    Chip,
    Detection,
    Image,
    Landmarks,
    MaskSpec,
    MaskState,
    Scheme,
    Template,
    Wear,
)
from maskwise.virtual import virtual_vectors

RUNNER_UP_SHARE: Final = 0.70
"""A photo whose second face has this share of the first one's area names no dominant face."""


class Stages:
    """Detector, landmarks, mask classifier and encoder that work together.

    detector, mask_classifier, encoder: a backend's address (its name, or name and file:
    "yunet:~/yunet.onnx"), or the backend itself.
    predictor: the landmarks that place the face, likewise; "auto": the detector's own where the
    encoder wants such, else dlib's five points ("dlib5"). Encoder and mask classifier get their
    chips by these landmarks, whichever they are; see ``align.by_scheme``.
    Raises ConfigurationError for a name that does not exist, and for backends that do not fit
    together. Models open at first use.
    """

    def __init__(
        self,
        *,
        detector: str | detect.Detector = detect.DEFAULT,
        predictor: str | landmarks.LandmarkPredictor = "auto",
        mask_classifier: str | occlusion.MaskClassifier = occlusion.DEFAULT,
        encoder: str | encode.Encoder = encode.DEFAULT,
    ) -> None:
        self.detector = detect.create(detector) if isinstance(detector, str) else detector
        made = encode.create(encoder) if isinstance(encoder, str) else encoder
        self.predictor = self._predictor(predictor, made.chip_spec.scheme)
        classifier = (
            occlusion.create(mask_classifier)
            if isinstance(mask_classifier, str)
            else mask_classifier
        )
        try:
            self.encoder = encode.placed(made, self.predictor.scheme)
            self.mask_classifier = occlusion.placed(classifier, self.predictor.scheme)
        except InputError as error:
            raise ConfigurationError(
                f"{made.id} and {classifier.id} cannot work with the {self.predictor.scheme} "
                f"landmarks of {self.predictor.id} ({error}); choose other landmarks"
            ) from error

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
        detection, note = self.choose(picture, strict=strict)
        return self._faces(picture, [detection])[0], note

    def choose(self, picture: Image, *, strict: bool = False) -> tuple[Detection, str]:
        """Which face a photo is about, as ``dominant`` has it, before it is encoded."""
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

    def chips(
        self, picture: Image, found: Sequence[Detection]
    ) -> tuple[list[Chip], list[MaskState]]:
        """The encoder's chip of each face, and what the face wears."""
        chips = [align(picture, landmarks_of(d), self.encoder.chip_spec) for d in found]
        spec = self.mask_classifier.chip_spec
        # Mostly the two want the same chips, which are cut already.
        same = spec.name == self.encoder.chip_spec.name
        looked_at = chips if same else [align(picture, landmarks_of(d), spec) for d in found]
        states = self.mask_classifier.classify(np.stack([chip.pixels for chip in looked_at]))
        return chips, states

    def templates(self, chip: Chip, state: MaskState, specs: Sequence[MaskSpec]) -> list[Template]:
        """The face as it is, then wearing each virtual mask of ``specs``: one batch.

        Those in masks lean to the bare one (``virtual.virtual_vectors``). A face that wears a mask
        gets none on top. Raises InputError for points that no mask fits.
        """
        specs = [] if state.worn else list(specs)
        worn, _ = masks.wear_on_chips([chip], specs)
        encoded = self.encoder.encode_batch(np.concatenate([chip.pixels[None], worn[0]]))
        vectors = [encoded[0], *virtual_vectors(encoded[0], encoded[1:])]
        wears = [_wear(state), *(Wear("virtual", spec) for spec in specs)]
        return [
            Template(vector, self.encoder.id, wear)
            for vector, wear in zip(vectors, wears, strict=True)
        ]

    # What they are made of.

    def _predictor(
        self, wanted: str | landmarks.LandmarkPredictor, scheme: Scheme
    ) -> landmarks.LandmarkPredictor:
        """scheme: that of the encoder's own chips."""
        if not isinstance(wanted, str):
            return wanted
        if wanted == "auto":
            wanted = "detector" if self.detector.scheme == scheme else "dlib5"
        if wanted == "detector":
            if self.detector.scheme is None:
                raise ConfigurationError(
                    f"the detector {self.detector.id} gives no landmarks; choose one that does "
                    "(maskwise, yunet, scrfd), or other landmarks (dlib5)"
                )
            return landmarks.Detected(self.detector.scheme)
        return landmarks.create(wanted)

    def _can_align(self, detection: Detection) -> bool:
        try:
            transform_of(landmarks_of(detection), self.encoder.chip_spec)
        except InputError:
            return False
        return True

    def _alignable(self, picture: Image) -> list[Detection]:
        return [d for d in self.detect(picture) if self._can_align(d)]

    def _faces(self, picture: Image, found: Sequence[Detection]) -> list[Face]:
        if not found:
            return []
        chips, states = self.chips(picture, found)
        vectors = self.encoder.encode_batch(np.stack([chip.pixels for chip in chips]))
        return [
            Face(d, landmarks_of(d), chip, state, Template(vector, self.encoder.id, _wear(state)))
            for d, chip, state, vector in zip(found, chips, states, vectors, strict=True)
        ]


def landmarks_of(detection: Detection) -> Landmarks:
    """Its landmarks; InputError where it has none."""
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
