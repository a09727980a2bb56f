"""Why a face was decided so: what was seen of it, and what its score is made of.

::

    picture -> Recognizer -> Identification -> measure -> FaceExplanation -> card, page, words

Nothing here decides: the decision is the Recognizer's, and what is measured beside it (which parts
speak for it, where strangers' scores end) is for people to look at. docs/explain.md.
"""

from maskwise.explain.measure import (
    explain_identified,
    explain_pair,
    explain_photo,
    explain_verified,
)
from maskwise.explain.regions import sensitivity
from maskwise.explain.values import Against, FaceExplanation, Parts, Seen, Tick

__all__ = [
    "Against",
    "FaceExplanation",
    "Parts",
    "Seen",
    "Tick",
    "explain_identified",
    "explain_pair",
    "explain_photo",
    "explain_verified",
    "sensitivity",
]
