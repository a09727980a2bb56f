"""What a face must keep to, and what is said of it where it does not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final, Literal

from maskwise.errors import ConfigurationError
from maskwise.quality.measured import Quality

ReasonCode = Literal[
    "too_small",
    "blurred",
    "too_dark",
    "too_bright",
    "clipped",
    "flat",
    "eyes_hidden",
    "turned",
    "no_face",
    "covered",
]


@dataclass(frozen=True, slots=True)
class Gates:
    """The limits that a face must keep to, of ``Quality``'s fields; None: no limit.

    Yaw counts to either side. Where a field of ``Quality`` is None it has no limit, but a face
    without a yaw does not keep to ``max_yaw_deg``.
    Raises ConfigurationError for limits that are no numbers from 0 up.
    """

    min_ipd_px: float | None = None
    max_blur: float | None = None
    min_luma: float | None = None
    max_luma: float | None = None
    max_clipped: float | None = None
    min_spread: float | None = None
    min_eye_light: float | None = None
    max_yaw_deg: float | None = None
    max_coverage: float | None = None

    def __post_init__(self) -> None:
        for name, limit in asdict(self).items():
            if limit is not None and not (math.isfinite(limit) and limit >= 0):
                raise ConfigurationError(
                    f"quality: {name} must be a number from 0 up, or None for no limit: {limit}"
                )


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a face will not do. measured: None where nothing could be; units of ``Quality``.

    sentence: for people: what is wrong, by how much, and what to do.
    """

    code: ReasonCode
    measured: float | None
    limit: float
    sentence: str

    def __str__(self) -> str:
        return self.sentence


PRESETS: Final[Mapping[str, Gates]] = MappingProxyType(
    {
        "strict": Gates(
            min_ipd_px=20,
            max_blur=0.042,
            min_luma=0.12,
            max_luma=0.87,
            max_clipped=0.08,
            min_spread=0.04,
            min_eye_light=0.45,
            max_yaw_deg=35,
        ),
        "standard": Gates(
            min_ipd_px=16,
            max_blur=0.05,
            min_luma=0.09,
            max_luma=0.95,
            max_clipped=0.24,
            min_spread=0.03,
            min_eye_light=0.35,
            max_yaw_deg=45,
        ),
        "probe": Gates(
            min_ipd_px=12,
            max_blur=0.057,
            min_luma=0.065,
            max_luma=0.995,
            max_clipped=0.46,
        ),
        "off": Gates(),
    }
)
"""``strict`` and ``standard`` to enrol by, ``probe`` to recognise by, ``off``.

Of ``maskwise-v1`` on chips of 150 px, measured by training/quality/ (README.md there has the
tables): where a worse photo of the same person is missed twice as often as an untouched one
(strict), five times (standard), and where a quarter of the photos is missed (probe), at the
threshold of an FMR of 1e-3. What the experiment does not tell is milder: see there.
"""

# Code, limit in Gates (min_ or max_, and the field of Quality that it is for), sentence.
_CHECKS: Final[tuple[tuple[ReasonCode, str, str], ...]] = (
    (
        "too_small",
        "min_ipd_px",
        "the eyes are {value:.3g} px apart, at least {limit:.3g} are needed: move closer or use a "
        "larger picture",
    ),
    (
        "blurred",
        "max_blur",
        "the face is blurred over {value:.2%} of the distance between the eyes, at most "
        "{limit:.2%} will do: hold still, focus on the face, or use a sharper picture",
    ),
    (
        "too_dark",
        "min_luma",
        "the face is too dark, {value:.1%} of full brightness where at least {limit:.1%} is "
        "needed: put more light on the face or expose longer",
    ),
    (
        "too_bright",
        "max_luma",
        "the face is too bright, {value:.1%} of full brightness where at most {limit:.1%} will do: "
        "take the face out of the glare or expose shorter",
    ),
    (
        "clipped",
        "max_clipped",
        "{value:.1%} of the face around the eyes is plain black or white, at most {limit:.1%} will "
        "do: use softer light, or another exposure",
    ),
    (
        "flat",
        "min_spread",
        "the face has hardly any contrast, {value:.2%} where at least {limit:.2%} is needed: "
        "clean the lens, avoid haze and light behind the face",
    ),
    (
        "eyes_hidden",
        "min_eye_light",
        "the eyes are hardly seen, {value:.0%} as light as the skin where at least {limit:.0%} is "
        "usual: take off dark glasses, or turn to the light",
    ),
    (
        "turned",
        "max_yaw_deg",
        "the head is turned by {value:.3g} degrees, at most {limit:.3g} will do: look towards the "
        "camera",
    ),
    (
        "covered",
        "max_coverage",
        "{value:.0%} of the face is covered, at most {limit:.0%} will do: uncover more of it",
    ),
)
_NO_FACE: Final = (
    "the landmarks lie as no face has them: use a photo that shows the face from the front"
)


def gates(preset: str) -> Gates:
    """The limits of that name; see ``PRESETS``. ConfigurationError where there are none."""
    try:
        return PRESETS[preset]
    except KeyError:
        raise ConfigurationError(
            f"quality: unknown gates {preset!r}; there are: {', '.join(PRESETS)}"
        ) from None


def judged(quality: Quality, limits: Gates) -> tuple[Reason, ...]:
    """Why this face does not keep to ``limits``; empty where it does.

    A value at its limit does. In the order of size, sharpness, light, pose, cover.
    """
    reasons = []
    for code, name, sentence in _CHECKS:
        side, _, field = name.partition("_")
        limit, value = getattr(limits, name), getattr(quality, field)
        if limit is None:
            continue
        if value is None:
            if field == "yaw_deg":
                reasons.append(Reason("no_face", None, limit, _NO_FACE))
            continue
        size = abs(value)
        if size < limit if side == "min" else size > limit:
            reasons.append(Reason(code, value, limit, sentence.format(value=size, limit=limit)))
    return tuple(reasons)
