"""Explanations as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskwise.cli.results import (
    identification_json,
    no_face_json,
    rounded,
    verification_json,
)

if TYPE_CHECKING:
    from maskwise.explain import FaceExplanation
    from maskwise.pipeline import Recognizer


def text(shown: str, e: FaceExplanation) -> list[str]:
    """Lines for people. shown: which photo, and face."""
    from maskwise.explain import words

    lines = [shown, f"  {words.verdict(e)}", f"  {words.score_words(e)}"]
    blocks = [
        ("What the score means", words.meaning(e)),
        ("To be added", words.remarks(e)),
        ("What was seen", words.seen_words(e)),
        ("What it was compared with", [words.against_words(e)]),
        ("Which parts count", [] if e.parts is None else words.parts_words(e.parts)),
        (
            "The nearest people",
            [f"{c.score:.3f}  {c.subject}  {words.in_wear(c.wear)}" for c in e.candidates],
        ),
    ]
    for title, block in blocks:
        lines += ["", f"  {title}:", *(f"    {line}" for line in block)] if block else []
    return lines


def explanation_json(
    shown: str, e: FaceExplanation, models: Mapping[str, str], card: Path | None
) -> dict[str, Any]:
    """One face: what identify or verify print, and ``explanation``, as docs/cli.md describes."""
    from maskwise.answers import Identification

    told = identification_json(shown, Identification(e.face, e.candidates, e.decision), models)
    if e.photos is None:
        told["decision"] = verification_json(e.decision)
    return {**told, "explanation": _explanation(e), "picture": None if card is None else str(card)}


def nothing_json(
    shown: str, problems: Sequence[str], recognizer: Recognizer, people: int | None
) -> dict[str, Any]:
    """A photo without a face, or that cannot be read; people: in the gallery, None for a pair."""
    from maskwise.types import Decision

    told = no_face_json(
        shown, "; ".join(problems), people or 0, recognizer.target_fpir, recognizer.models
    )
    if people is None:
        decision = Decision("insufficient", None, None, reasons=tuple(problems))
        told["decision"] = verification_json(decision)
    return {**told, "explanation": None, "picture": None}


def _explanation(e: FaceExplanation) -> dict[str, Any]:
    point, against, parts = e.point, e.against, e.parts
    return {
        "visible": [bool(v) for v in e.seen.visible],
        "covered": {"share": rounded(e.seen.share), "assumed": e.seen.assumed},
        "drawn": None if e.drawn is None else e.drawn.label,
        "against": against
        and {
            "name": against.name,
            "reference": against.reference,
            "wear": against.wear.label,
            "picture_of": against.picture_of,
        },
        "score": rounded(e.score),
        "threshold": None if point is None else rounded(point.threshold),
        "target_fmr": point and point.target_fmr,
        "wear_pair": point and point.wear_pair,
        "llr": rounded(e.llr),
        "strangers": [{"fmr": t.fmr, "threshold": rounded(t.threshold)} for t in e.ticks],
        "parts": parts
        and {
            "falls": [[rounded(fall) for fall in row] for row in parts.falls.tolist()],
            "regions": {name: rounded(fall) for name, fall in parts.regions},
        },
    }
