"""Explanations of what a Recognizer decided."""

from __future__ import annotations

from collections.abc import Sequence

from maskwise.answers import Face, Identification, Verification
from maskwise.decide import OperatingPoints, comparison_fmr, wear_pair
from maskwise.errors import SubjectError
from maskwise.explain.regions import sensitivity
from maskwise.explain.scale import ticks
from maskwise.explain.seen import seen
from maskwise.explain.template import Side, in_mask, of_candidate, own
from maskwise.explain.values import Against, FaceExplanation, Parts, Tick
from maskwise.gallery import clean_name
from maskwise.image import ImageInput
from maskwise.pipeline import Recognizer
from maskwise.types import F32, U8, Candidate, Decision, Image, OperatingPoint
from maskwise.virtual import virtual_vectors

_LISTED = 5


def explain_photo(
    recognizer: Recognizer, source: ImageInput, *, subject: str | None = None, top: int = _LISTED
) -> list[FaceExplanation]:
    """Why every face of a picture was decided so: ``Recognizer.identify``, looked into.

    subject: explain the score of this person, whoever the nearest is. top: how many candidates
    are listed. [] when the picture has no face.
    Raises what ``identify`` raises, and SubjectError for somebody who is not enrolled.
    """
    gallery = recognizer.gallery
    size = gallery.size()
    name = None if subject is None else clean_name(subject)
    if name is not None:
        gallery.show(name)  # SubjectError when there is nobody of that name
    picture = recognizer.load(source)
    found = recognizer.identify(picture, top=top if name is None else max(top, size.people))
    return [
        _of_search(recognizer, picture, one, subject=name, top=top, references=size.references)
        for one in found
    ]


def explain_identified(
    recognizer: Recognizer, picture: Image, found: Sequence[Identification]
) -> list[FaceExplanation]:
    """The same of a picture that was looked at: ``found`` is what ``identify`` made of it."""
    references = recognizer.gallery.size().references
    return [
        _of_search(recognizer, picture, one, subject=None, top=_LISTED, references=references)
        for one in found
    ]


def explain_pair(
    recognizer: Recognizer, source: ImageInput, other: ImageInput
) -> tuple[FaceExplanation | None, tuple[str, ...]]:
    """Why ``Recognizer.verify`` decides so of two photos: the dominant face of ``source``.

    None, and the reasons, where a photo shows no face, or several alike in size. Raises
    ImageError for a picture that cannot be read.
    """
    picture, second = recognizer.load(source), recognizer.load(other)
    result = recognizer.verify(picture, second)
    found = explain_verified(recognizer, picture, second, result)
    return found, () if found is not None else result.decision.reasons


def explain_verified(
    recognizer: Recognizer, picture: Image, second: Image, result: Verification
) -> FaceExplanation | None:
    """The same of two pictures of which ``result`` is what ``verify`` said."""
    if result.a is None or result.b is None:
        return None
    mine, theirs = _sides(recognizer, result.a, result.b)
    decision = result.decision
    point = decision.operating_point
    return FaceExplanation(
        image=picture,
        face=result.a,
        seen=seen(result.a, picture, recognizer.mask_classifier.chip_spec),
        chip=mine.picture,
        drawn=mine.wear if mine.wear.kind == "virtual" else None,
        against=Against(
            second.source, second.source, theirs.wear, theirs.vector, theirs.picture, "given"
        ),
        score=decision.score,
        point=point,
        llr=decision.llr,
        llr_is_bound=decision.llr_is_bound,
        decision=decision,
        asked=False,
        ticks=() if point is None else ticks(recognizer.operating_points, point.wear_pair),
        candidates=(),
        parts=_parts(recognizer, result.a, mine, theirs.vector),
    )


def _of_search(
    recognizer: Recognizer,
    picture: Image,
    found: Identification,
    *,
    subject: str | None,
    top: int,
    references: int,
) -> FaceExplanation:
    face, candidates = found.face, found.candidates
    points = recognizer.points_for_gallery()
    told = next((c for c in candidates if subject in (None, c.subject)), None)
    if subject is not None and told is None:
        raise SubjectError(f"{subject}: was taken from the gallery meanwhile")
    against: Against | None = None
    point: OperatingPoint | None = None
    llr, bound = None, False
    parts: Parts | None = None
    marks: tuple[Tick, ...] = ()
    if told is not None:
        against = of_candidate(recognizer, recognizer.gallery, told, face.template.vector)
        parts = _parts(recognizer, face, own(face), against.vector)
        point = _point(points, told, found.decision, masked=face.mask.worn, references=references)
        pair = wear_pair(told, face.mask.worn)
        marks = ticks(points, pair)
        if found.decision.llr is not None:  # the map holds for this picture
            llr, bound = points.llr(told.score, pair), points.llr_is_bound(told.score, pair)
    return FaceExplanation(
        image=picture,
        face=face,
        seen=seen(face, picture, recognizer.mask_classifier.chip_spec),
        chip=face.chip.pixels,
        drawn=None,
        against=against,
        score=None if told is None else told.score,
        point=point,
        llr=llr,
        llr_is_bound=bound,
        decision=found.decision,
        asked=subject is not None,
        ticks=marks,
        candidates=_listed(candidates, told, top),
        parts=parts,
        photos=references,
    )


def _point(
    points: OperatingPoints,
    told: Candidate,
    decision: Decision,
    *,
    masked: bool,
    references: int,
) -> OperatingPoint | None:
    """The operating point that ``told`` is held to, the best or not."""
    pair = wear_pair(told, masked)
    held = decision.operating_point
    if held is None or held.wear_pair == pair:
        return held
    fpir = decision.target_fpir
    if fpir is None or pair not in points.pairs:
        return None
    return points.at_fmr(pair, comparison_fmr(fpir, references))


def _parts(recognizer: Recognizer, face: Face, side: Side, vector: F32) -> Parts:
    """side: the face as it was compared."""

    def encoded(chips: U8) -> F32:
        vectors = recognizer.encoder.encode_batch(chips)
        if side.wear.kind != "virtual":
            return vectors
        # The part of the bare face in it stays as it is: what is covered is the masked picture.
        return virtual_vectors(face.template.vector, vectors)

    return sensitivity(encoded, side.picture, vector, face.chip.landmarks)


def _sides(recognizer: Recognizer, a: Face, b: Face) -> tuple[Side, Side]:
    """What ``verify`` compares: of a bare and a masked face, the bare one wears a drawn mask."""
    mine, theirs = own(a), own(b)
    if a.mask.worn and not b.mask.worn:
        theirs = in_mask(recognizer, b, recognizer.mask_types, mine.vector) or theirs
    if b.mask.worn and not a.mask.worn:
        mine = in_mask(recognizer, a, recognizer.mask_types, theirs.vector) or mine
    return mine, theirs


def _listed(
    candidates: tuple[Candidate, ...], told: Candidate | None, top: int
) -> tuple[Candidate, ...]:
    """The first, and the one that is explained."""
    return (
        candidates[:top] if told is None or told in candidates[:top] else (*candidates[:top], told)
    )
