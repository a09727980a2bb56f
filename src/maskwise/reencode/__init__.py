"""Moving a gallery to another encoder: from kept faces, or from the photos.

Templates cannot be turned round, so every reference needs its face again. ``make_plan`` finds out
where each comes from, ``re_encode`` does it, all of the gallery or nothing.
"""

from maskwise.reencode.plan import Failure, Origin, Plan, Step, make_plan
from maskwise.reencode.run import Report, re_encode
from maskwise.reencode.templates import face_at, templates_of

__all__ = [
    "Failure",
    "Origin",
    "Plan",
    "Report",
    "Step",
    "face_at",
    "make_plan",
    "re_encode",
    "templates_of",
]
