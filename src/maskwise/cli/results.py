"""Results as JSON and as rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskwise.answers import Face, Identification
    from maskwise.quality import Quality, Reason
    from maskwise.types import Candidate, Decision, MaskState, OperatingPoint

_DIGITS = 6

OUTCOME_WORDS = {"match": "match", "no_match": "no match", "insufficient": "could not tell"}


def identification_json(
    shown: str, result: Identification, models: Mapping[str, str]
) -> dict[str, Any]:
    """One face of one picture, as docs/cli.md describes."""
    return {
        "image": shown,
        **face_fields(result.face),
        "decision": _decision_json(result.decision, result.candidates),
        "candidates": [_candidate_json(candidate) for candidate in result.candidates],
        "models": dict(models),
    }


def no_face_json(
    shown: str, reason: str, gallery_size: int, target_fpir: float, models: Mapping[str, str]
) -> dict[str, Any]:
    """A picture without a face, or that cannot be read."""
    return {
        "image": shown,
        **face_fields(None),
        "decision": {
            "outcome": "insufficient",
            "subject": None,
            "score": None,
            "threshold": None,
            "target_fmr": None,
            "target_fpir": target_fpir,
            "gallery_size": gallery_size,
            "supported": None,
            "calibration": None,
            "llr": None,
            "reasons": [reason],
        },
        "candidates": [],
        "models": dict(models),
    }


def face_fields(face: Face | None) -> dict[str, Any]:
    """All that is said of a face that is to be recognised; None where there is no face."""
    if face is None:
        return {"face": None, "mask": None, "quality": None, "quality_reasons": []}
    from maskwise.quality import gates

    return {
        "face": face_json(face),
        "mask": mask_json(face.mask),
        "quality": quality_json(face.quality),
        "quality_reasons": reasons_json(face.complaints(gates("probe"))),
    }


def quality_json(quality: Quality | None) -> dict[str, Any] | None:
    """What was measured of a face; None where nothing could be."""
    if quality is None:
        return None
    return {name: rounded(value) for name, value in asdict(quality).items()}


def reasons_json(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    """Why a face will not do."""
    return [
        {
            "code": reason.code,
            "measured": rounded(reason.measured),
            "limit": reason.limit,
            "sentence": reason.sentence,
        }
        for reason in reasons
    ]


def face_json(face: Face) -> dict[str, Any]:
    """Box and landmarks in px of the upright picture; (0, 0) is its first pixel's centre."""
    points = face.landmarks
    return {
        "box": [round(float(v), 2) for v in face.detection.box],
        "score": rounded(face.detection.score),
        "landmarks": {
            "scheme": points.scheme,
            "points": [[round(float(v), 2) for v in point] for point in points.points],
        },
    }


def mask_json(state: MaskState) -> dict[str, Any]:
    """What the face wears."""
    return {
        "worn": state.worn,
        "probability": rounded(state.probability),
        "type": state.type,
        "style": state.style,
        "coverage": rounded(state.coverage),
    }


def verification_json(decision: Decision) -> dict[str, Any]:
    """The decision of ``verify``."""
    point = decision.operating_point
    return {
        "outcome": decision.outcome,
        "score": rounded(decision.score),
        "threshold": rounded(point.threshold) if point else None,
        "target_fmr": point.target_fmr if point else None,
        "wear_pair": point.wear_pair if point else None,
        "supported": point.supported if point else None,
        "calibration": point.calibration if point else None,
        "calibrated_on": point.calibrated_on if point else None,
        "llr": rounded(decision.llr),
        "probability": None if decision.llr is None else rounded(even_odds(decision.llr)),
        "reasons": list(decision.reasons),
    }


def whose(point: OperatingPoint) -> str:
    """Which calibration a threshold is of, in words."""
    words = {"shipped": "the shipped thresholds", "own": "the calibration beside the gallery"}
    return words.get(point.calibration, "the thresholds given")


def even_odds(llr: float) -> float:
    """The probability of one person where one and two were as likely before."""
    from maskwise.likelihood import probability

    return float(probability(llr, 0.5))


def _decision_json(decision: Decision, candidates: tuple[Candidate, ...]) -> dict[str, Any]:
    point = decision.operating_point
    matched = decision.outcome == "match" and candidates
    return {
        "outcome": decision.outcome,
        "subject": candidates[0].subject if matched else None,
        "score": rounded(decision.score),
        "threshold": rounded(point.threshold) if point else None,
        "target_fmr": point.target_fmr if point else None,
        "target_fpir": decision.target_fpir,
        "gallery_size": decision.gallery_size,
        "supported": point.supported if point else None,
        "calibration": point.calibration if point else None,
        "llr": rounded(decision.llr),
        "reasons": list(decision.reasons),
    }


def _candidate_json(candidate: Candidate) -> dict[str, Any]:
    return {
        "rank": candidate.rank,
        "subject": candidate.subject,
        "score": rounded(candidate.score),
        "reference": candidate.reference,
        "wear": candidate.wear.label,
    }


def rounded(value: float | None) -> float | None:
    """As JSON shows numbers: to six decimals."""
    return None if value is None else round(float(value), _DIGITS)
