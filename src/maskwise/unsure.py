"""When a decision is not enough to tell: a poor picture, or two people who are as near.

A threshold promises how many strangers pass. It does not promise that the right person does: how
often that fails depends on the picture. So of a poor one a match still holds, and "no match" says
nothing (docs/quality.md has the figures).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from maskwise.answers import Face
from maskwise.decide import OperatingPoints, comparison_fmr, wear_pair
from maskwise.quality import gates
from maskwise.types import Candidate, Decision

CLOSE: Final = 0.4
"""Two people are as near when their margins differ by less than this share of what divides the
thresholds for an FMR of 1e-3 and of 1e-2: by 0.0073 with ``maskwise-v1``.

Measured by training/quality/close.py: of two that are nearer, one of whom is right, the second is
it in a fifth of the cases (bare) or two fifths (masked); a little further apart in 4 and 8 %.
"""


def complaints(face: Face, name: str = "") -> tuple[str, ...]:
    """What is wrong with the picture of a face that is to be recognised, in sentences.

    name: which picture, where there are several.
    """
    lead = f"{name}: " if name else ""
    return tuple(f"{lead}{reason}" for reason in face.complaints(gates("probe")))


def weighed(decision: Decision, wrong: Sequence[str]) -> Decision:
    """The decision on a picture of which ``wrong`` is to be said: "no match" becomes unsure.

    Where nobody was compared, it stays: then there is nobody whom a better picture could match.
    Its ``llr`` goes, too: the map was fitted on pictures as they come, hardly any of them so poor.
    """
    if not wrong:
        return decision
    lost = decision.outcome == "no_match" and decision.score is not None
    return replace(
        decision,
        outcome="insufficient" if lost else decision.outcome,
        reasons=(*decision.reasons, *wrong),
        llr=None if lost else decision.llr,
        llr_is_bound=decision.llr_is_bound and not lost,
    )


def unless_close(
    decision: Decision,
    candidates: Sequence[Candidate],
    points: OperatingPoints,
    *,
    probe_masked: bool,
    references: int,
) -> Decision:
    """A match becomes unsure where the second person passes, too, and is as near as the first.

    candidates: as ``Gallery.search`` ranks them. points, references: what ``decision`` was made
    by, and for how many enrolled photos.
    """
    point, fpir = decision.operating_point, decision.target_fpir
    if decision.outcome != "match" or len(candidates) < 2 or point is None or fpir is None:
        return decision
    first, second = candidates[:2]
    pair = wear_pair(second, probe_masked)
    if pair not in points.pairs:
        return decision
    over = second.score - points.at_fmr(pair, comparison_fmr(fpir, references)).threshold
    like = point.wear_pair
    decade = points.at_fmr(like, 1e-3).threshold - points.at_fmr(like, 1e-2).threshold
    if over < 0 or first.score - point.threshold - over >= CLOSE * decade:
        return decision
    why = (
        f"more than one close candidate: {first.subject} ({first.score:.3f}) and {second.subject} "
        f"({second.score:.3f}); use a better picture, or, where both are one person, delete one"
    )
    return replace(decision, outcome="insufficient", reasons=(*decision.reasons, why))
