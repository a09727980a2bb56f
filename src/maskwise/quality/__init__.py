"""How good the picture of a face is, and what is to be said of it to a person.

::

    Chip (+ MaskState) -> measure -> Quality -> judged, by the Gates of a preset -> (Reason, ...)
"""

from maskwise.quality.limits import PRESETS, Gates, Reason, ReasonCode, gates, judged
from maskwise.quality.measured import MOST_BLUR, Quality, blur_of, measure

__all__ = [
    "MOST_BLUR",
    "PRESETS",
    "Gates",
    "Quality",
    "Reason",
    "ReasonCode",
    "blur_of",
    "gates",
    "judged",
    "measure",
]
