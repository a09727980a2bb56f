"""The template that won, and a picture of what it was made of, where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwise import masks
from maskwise.align import align, by_scheme
from maskwise.answers import Face
from maskwise.compare import compare
from maskwise.errors import InputError, MaskwiseError
from maskwise.explain.values import Against, PictureOf
from maskwise.gallery import Gallery, ReferenceDetails
from maskwise.gallery.kept import unpack
from maskwise.image import load_with_sha256
from maskwise.stages import Stages
from maskwise.types import F32, U8, Candidate, Chip, Wear
from maskwise.virtual import virtual_vectors


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side of a comparison: vector (D,) of the chip ``picture`` (S, S, 3); what it wears."""

    vector: F32
    picture: U8
    wear: Wear


def of_candidate(stages: Stages, gallery: Gallery, candidate: Candidate, probe: F32) -> Against:
    """What ``probe``, (D,) of unit length, met when ``candidate`` got their score.

    A picture of it is made from the kept face, else from the photo's file where that is still the
    file that was enrolled, with the template's virtual mask drawn again.
    """
    alike = [t for t in gallery.templates(candidate.reference_id) if t.wear == candidate.wear]
    if not alike:  # another process took them away meanwhile
        alike = gallery.templates(candidate.reference_id)
    vectors = np.stack([template.vector for template in alike])
    best = int(compare(probe[None], vectors)[0].argmax())
    picture, picture_of = _picture(stages, gallery, candidate)
    return Against(
        candidate.subject,
        candidate.reference,
        alike[best].wear,
        vectors[best],
        picture,
        picture_of,
    )


def own(face: Face) -> Side:
    """The face as it is."""
    return Side(face.template.vector, face.chip.pixels, face.template.wear)


def in_mask(stages: Stages, face: Face, types: Sequence[str], probe: F32) -> Side | None:
    """``face`` in the virtual mask of ``types`` that is most like ``probe``, as ``verify`` does.

    None where there are no types, or the face's points fit no mask.
    """
    specs = [masks.spec_for(name) for name in types]
    try:
        worn = masks.wear_on_chips([face.chip], specs)[0][0]
    except InputError:
        return None
    if not len(worn):
        return None
    vectors = virtual_vectors(face.template.vector, stages.encoder.encode_batch(worn))
    best = int(compare(probe[None], vectors)[0].argmax())
    return Side(vectors[best], worn[best], Wear("virtual", specs[best]))


def _picture(
    stages: Stages, gallery: Gallery, candidate: Candidate
) -> tuple[U8 | None, PictureOf | None]:
    # A picture is an extra: whatever is wrong with it, the explanation goes on without.
    for of, chip_of in (("kept", _kept), ("file", _enrolled_file)):
        try:
            chip = chip_of(stages, gallery, candidate)
            if chip is None:
                continue
            spec = candidate.wear.spec
            worn = chip.pixels if spec is None else masks.wear_on_chips([chip], [spec])[0][0, 0]
        except (MaskwiseError, OSError, ValueError):
            continue
        return worn, "kept" if of == "kept" else "file"
    return None, None


def _kept(stages: Stages, gallery: Gallery, candidate: Candidate) -> Chip | None:
    blob = gallery.kept_face(candidate.reference_id)
    if blob is None:
        return None
    face = unpack(blob)
    spec = stages.encoder.chip_spec
    points = face.landmarks.get(spec.scheme) or next(iter(face.landmarks.values()))
    return align(face.image, points, by_scheme(spec, points.scheme))


def _enrolled_file(stages: Stages, gallery: Gallery, candidate: Candidate) -> Chip | None:
    """The face of the photo's file; None where it is gone or another one."""
    known = _reference(gallery, candidate)
    file = Path(candidate.reference)
    if known is None or not file.is_file():
        return None
    picture, digest = load_with_sha256(file)
    if digest != known.photo_sha256:
        return None
    found = stages.detect(picture)
    if not found:
        return None
    if known.box is not None:
        box = np.array(known.box)
        found.sort(key=lambda d: float(np.abs(d.box - box).sum()))
    points = found[0].landmarks
    return None if points is None else stages.align(picture, points)


def _reference(gallery: Gallery, candidate: Candidate) -> ReferenceDetails | None:
    details = gallery.show(candidate.subject).references
    return next((r for r in details if r.reference_id == candidate.reference_id), None)
