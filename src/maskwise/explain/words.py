"""An explanation in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

from maskwise.explain.seen import points_in_words
from maskwise.explain.values import FaceExplanation, Parts
from maskwise.likelihood import in_words
from maskwise.types import MaskState, Wear

_SMALL = 0.002
"""A fall of the score that is not worth a word: scores of two photos of one person vary by more."""
_NAMED = 0.25
"""Regions are named whose fall is this share of the largest."""


def verdict(e: FaceExplanation) -> str:
    """The decision in a few words."""
    outcome = e.decision.outcome
    if e.photos is None:
        return {"match": "match: one person", "no_match": "no match"}.get(outcome, "could not tell")
    if outcome == "match" and e.candidates:
        return f"match: {e.candidates[0].subject}"
    return "nobody enrolled" if outcome == "no_match" else "could not tell"


def score_words(e: FaceExplanation) -> str:
    """The score, and what it needed."""
    if e.score is None:
        return "nothing to compare with"
    named = "" if e.against is None or e.photos is None else e.against.name
    if e.point is None:
        return f"score {e.score:.3f}{named and f' against {named}'}: what it means is not known"
    short = e.point.threshold - e.score
    told = "enough" if short <= 0 else f"{short:.3f} too little"
    # Not where the verdict says it; and last: where there is no room, the end is cut off.
    whom = f", against {named}" if named and not verdict(e).endswith(f": {named}") else ""
    return f"score {e.score:.3f}, needed {e.point.threshold:.3f}: {told}{whom}"


def meaning(e: FaceExplanation) -> list[str]:
    """What the threshold lets pass, and what such a score is worth."""
    lines = []
    point, decision = e.point, e.decision
    if point is not None and decision.target_fpir is not None and decision.gallery_size:
        few, many = of_many(decision.target_fpir)
        size = decision.gallery_size
        people = f"one of the {size:,} people" if size > 1 else "the one person"
        lines.append(
            f"Of {many:,} strangers, about {few:,} would be taken for {people} enrolled; "
            f"against any one photo about {one_in(point.target_fmr)} would pass."
        )
    elif point is not None:
        lines.append(
            f"About {one_in(point.target_fmr)} strangers would pass for the person of the other "
            "photo."
        )
    if e.llr is not None:
        times = in_words(e.llr, bound=e.llr_is_bound)
        if e.photos is None:
            lines.append(f"Such a score is {times}.")
        else:
            photos = f"{e.photos:,} photos were" if e.photos != 1 else "1 photo was"
            lines.append(f"Between two photos, such a score is {times}; here {photos} compared.")
    return lines


def remarks(e: FaceExplanation) -> list[str]:
    """What the decision has to add, as sentences."""
    return [f"{reason[:1].upper()}{reason[1:].rstrip('.')}." for reason in e.decision.reasons]


def seen_words(e: FaceExplanation) -> list[str]:
    """What was seen of the face."""
    x1, y1, x2, y2 = (float(v) for v in e.face.detection.box)
    ipd = e.face.landmarks.ipd_px
    shown, hidden = points_in_words(e.face.landmarks.scheme, e.seen.visible)
    lines = [
        f"A face of {x2 - x1:.0f} x {y2 - y1:.0f} px, the eyes {ipd:.0f} px apart.",
        wear_words(e.face.mask),
        f"Seen: {_listed(shown)}." + (f" Hidden: {_listed(hidden)}." if hidden else ""),
    ]
    if e.seen.assumed:
        lines.append("What is covered is assumed: where a surgical mask lies on most faces.")
    elif e.seen.alpha is not None and e.seen.share > 0:
        lines.append(f"{100 * e.seen.share:.0f} % of the aligned face is covered.")
    return lines


def wear_words(state: MaskState) -> str:
    """What the face wears, how, and how sure that is."""
    sure = state.probability if state.worn else 1 - state.probability
    percent = f"{'over 99' if sure > 0.99 else f'{100 * sure:.0f}'} % sure"
    if state.worn:
        how = {"proper": " over mouth and nose", "under-nose": "; the nose is out"}
        what = f"{state.type} mask" if state.type else "mask"
        return f"It wears a {what} ({percent}){how.get(state.style or '', '')}."
    chin = "; one seems to be under the chin" if state.style == "under-chin" else ""
    return f"It wears no mask over the mouth ({percent}){chin}."


def against_words(e: FaceExplanation) -> str:
    """Which template it was compared with."""
    if e.against is None:
        return "Nothing to compare with."
    how = in_wear(e.against.wear)
    said = f"{e.against.reference}, {how}." if how else f"{e.against.reference}."
    if e.drawn is None:
        return said
    mask = in_wear(e.drawn).removeprefix("in ")
    return f"{said} For that, {mask} was put on this face."


def in_wear(wear: Wear) -> str:
    """``without a mask``, ``in a drawn gas mask``, ``in a mask``; "" where nobody knows."""
    kind = wear.label.partition(":")[2]
    if wear.kind == "virtual":
        return f"in a drawn {kind} mask"
    if wear.kind == "real":
        return f"in a {kind} mask" if kind else "in a mask"
    return "without a mask" if wear.kind == "none" else ""


def parts_words(parts: Parts) -> list[str]:
    """Which parts of the face the score rests on."""
    largest = max((abs(fall) for _, fall in parts.regions), default=0.0)
    limit = max(_SMALL, _NAMED * largest)
    speak = [f"{name} ({fall:.3f})" for name, fall in parts.regions if fall >= limit]
    against = [f"{name} ({-fall:.3f})" for name, fall in parts.regions[::-1] if fall <= -limit]
    if not speak and not against:
        return ["No single part counts for much: covering any one hardly moves the score."]
    lines = []
    if speak:
        lines.append(f"Most for it: {_listed(speak)}; covered, the score falls by so much.")
    if against:
        lines.append(f"Most against it: {_listed(against)}; covered, the score rises by so much.")
    return lines


def one_in(share: float) -> str:
    """``0.00042`` -> ``1 in 2,400``."""
    if share >= 0.5:
        return f"{100 * share:.0f} of 100"
    return f"1 in {float(f'{1 / share:.2g}'):,.0f}"


def of_many(share: float) -> tuple[int, int]:
    """``0.01`` -> (1, 100): how many of how many, of a round number from 100 up."""
    many = 100
    while share * many < 0.95:
        many *= 10
    return round(share * many), many


def _listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "nothing"
