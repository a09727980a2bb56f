"""What to say of an encoder, or of two, that no thresholds were fitted for: why, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

Shipped = Iterable[tuple[str, str]]
"""Encoders of references and probes that thresholds ship for; the same one twice where it is one"""


def of_one(encoder_id: str, shipped: Shipped) -> str:
    """Of an encoder whose own templates are compared."""
    alone = [one for one, other in shipped if one == other]
    ways = []
    if any(_file(one) == _file(encoder_id) for one in alone):
        ways.append("for it with --detector maskwise")
    ways += [
        f"for landmarks such as these with --encoder {_file(one)[0]}"
        for one in alone
        if _chip(one) == _chip(encoder_id) and _file(one) != _file(encoder_id)
    ]
    return (
        f"the encoder {encoder_id} has no calibrated thresholds, so its scores rank and decide "
        "nothing; "
        + (f"thresholds ship {', and '.join(ways)}; or " if ways else "")
        + "calibrate it on photos of people you know (maskwise calibrate --folder DIR)"
    )


def of_two(references: str, probes: str, shipped: Shipped) -> str:
    """Of two encoders of one space: that of a gallery's people, and that of who is looked for."""
    by_ours = any(r == references and _file(p) == _file(probes) for r, p in shipped)
    # One network by two detectors' landmarks is no pair that a command calibrates.
    one_file = _file(references) == _file(probes)
    return (
        f"the templates are of {references}, and this face's of {probes}: the two compare, but no "
        "thresholds are calibrated for them together, so scores rank and decide nothing; "
        + ("take --detector maskwise, with which there are some, " if by_ours else "")
        + "use the encoder and the detector that the people were enrolled with, or move the "
        "gallery over (maskwise gallery re-encode)"
        + (
            ""
            if one_file
            else ", or calibrate the two (maskwise calibrate --folder DIR "
            "--reference-encoder ADDRESS)"
        )
    )


def _file(encoder_id: str) -> list[str]:
    """Name and hash of the weights: what an id begins with."""
    return encoder_id.split("/")[:2]


def _chip(encoder_id: str) -> str:
    """The name of the chip, which an id has next; the id itself where it has none."""
    parts = encoder_id.split("/")
    return parts[2] if len(parts) > 2 else encoder_id
