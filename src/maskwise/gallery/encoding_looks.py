"""Whether encodings look like those of the encoder that is said to have made them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from maskwise.types import F32, F64

_SHOWN: Final = 3

# The direction in which the encodings of dlib's network lie, whoever is shown: the mean of those
# of maskwise's sample people, a hundredth a unit, as int8 (a test makes it anew). 145 people of
# LFW have a cosine of 0.84 to 0.94 with it; for encodings of another network it is near 0.
DLIB_DIRECTION: Final = (
    "fb0603fef8fdfef80af90ffceefcff0cf4f5f8fc03010203f5e9fcfb03fc0107"
    "f2fb0407fbfb1001f0fe05110e0203fa08ec030b090805f3030af00104f9fefc"
    "0d07f9f50ef4fc07fbf3ebff1c09f300fdfd0305fb00fb000efdff1102ff0404"
    "f901f7ff02f90005f30dfefffefefaff0beb0e0e000b040600fcf4f803fd0102"
)
LEAST_COSINE: Final = 0.6
# Raw lengths of 145 people of LFW: 1.25 to 1.64; scaled ones have 1.
_USUAL_LENGTHS: Final = (0.9, 2.0)


def lengths_of(encodings: F32) -> F64:
    """(N,) float64; float32 would overflow."""
    lengths: F64 = np.linalg.norm(encodings.astype(np.float64), axis=1)
    return lengths


def not_of_dlib(names: Sequence[str], encodings: F32, source: str) -> Iterator[str]:
    """Sentences when encodings that should be of dlib's network look otherwise.

    names, source: for messages. encodings: (N, 128) float32 of any length but 0.
    """
    lengths = lengths_of(encodings)
    direction = np.frombuffer(bytes.fromhex(DLIB_DIRECTION), np.int8).astype(np.float64)
    cosines = encodings @ direction / lengths / np.linalg.norm(direction)
    for odd, what in (
        (cosines < LEAST_COSINE, "do not look like those of dlib's network"),
        (
            (lengths < _USUAL_LENGTHS[0]) | (lengths > _USUAL_LENGTHS[1]),
            "have an unusual length (the first one {length:.3g}; dlib's have about 1.4, or "
            "1 when scaled)",
        ),
    ):
        at = np.flatnonzero(odd)
        if len(at):
            shown = ", ".join(f"{row + 1} ({names[row]})" for row in at[:_SHOWN])
            more = ", ..." if len(at) > _SHOWN else ""
            yield (
                f"{source}: {len(at)} of {len(odd)} encodings "
                f"{what.format(length=lengths[at[0]])}: rows {shown}{more}; if another encoder "
                "made them, nobody will be recognised by them: name it with --encoder-id"
            )
            return
