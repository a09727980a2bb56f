"""What a pattern needs to be told beside its name; light, so that specs are checked without OpenCV.

The patterns of cloth by name, and the rule for ``MaskSpec.detail``.
"""

from __future__ import annotations

import re
from typing import Final

from maskwise.errors import ConfigurationError

FABRIC_PATTERNS: Final = (
    "plain",
    "checks",
    "stripes",
    "dots",
    "floral",
    "paisley",
    "tie-dye",
    "camouflage",
)
"""What cloth is woven in, dyed or printed with; drawn from the seed alone."""

TOLD_PATTERNS: Final = ("text", "image")
"""Patterns that ``detail`` gives the content of."""

MAX_TEXT: Final = 24
_IMAGE: Final = re.compile(r"(?P<path>.+)#sha256=(?P<sha256>[0-9a-f]{64})", re.DOTALL)


def check_detail(pattern: str, detail: str) -> None:
    """Refuse a ``detail`` that ``pattern`` cannot show.

    text: 1 to 24 printable ASCII characters, not blanks alone. image: ``PATH#sha256=<64 hex>``,
    which ``maskwise.masks.pictures.detail_for`` writes. Any other pattern takes none.
    Raises ConfigurationError that says what to write instead.
    """
    if pattern == "text":
        if len(detail) > MAX_TEXT or not detail.strip() or not re.fullmatch(r"[ -~]+", detail):
            raise ConfigurationError(
                f"the pattern text takes 1 to {MAX_TEXT} printable ASCII characters as its "
                f"detail, not only blanks; got {detail!r}"
            )
    elif pattern == "image":
        image_reference(detail)
    elif detail:
        raise ConfigurationError(
            f"the pattern {pattern} takes no detail, got {detail!r}; "
            f"those that take one: {', '.join(TOLD_PATTERNS)}"
        )


def image_reference(detail: str) -> tuple[str, str]:
    """``PATH#sha256=<64 hex>`` -> the path and the hash; ConfigurationError on anything else."""
    found = _IMAGE.fullmatch(detail)
    if found is None:
        raise ConfigurationError(
            "the pattern image takes PATH#sha256=<64 hex digits> as its detail, as "
            f"maskwise.masks.pictures.detail_for(path) writes it; got {detail!r}"
        )
    return found["path"], found["sha256"]
