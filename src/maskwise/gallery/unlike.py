"""Photos that do not look like the others of their person: perhaps somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from maskwise.errors import SubjectError
from maskwise.gallery.gallery import Gallery
from maskwise.types import F32

LEAST_PHOTOS: Final = 3
"""Of two that differ, nothing tells which is the wrong one."""
UNLIKE_FMR: Final = 1e-2
"""At the bare pairs' threshold for this FMR 0 of 508 photos of 75 people were named, and 97 % of
3,750 strangers' photos put among those (training/quality/close.py)."""


def unlike(gallery: Gallery, subject: str, threshold: float) -> Iterator[str]:
    """A sentence for each bare photo of ``subject`` whose score with all others is lower.

    threshold: for bare pairs. Photos with a mask do not count, and with fewer than
    ``LEAST_PHOTOS`` bare ones, or of a person who is not there (any more), nothing is said.
    """
    try:
        bare = list(_bare(gallery, subject))
    except SubjectError:
        return
    if len(bare) < LEAST_PHOTOS:
        return
    sources, together = [source for source, _ in bare], np.stack([vector for _, vector in bare])
    best = np.array([np.delete(together @ one, k).max() for k, one in enumerate(together)])
    if (best < threshold).all():
        yield (
            f"the photos of {subject} do not look like one person: of {len(best)}, no two have a "
            f"score of {threshold:.2f}, which one in a hundred pairs of strangers reaches; look at "
            "them"
        )
        return
    for source, score in zip(sources, best, strict=True):
        if score < threshold:
            yield (
                f"{source}: this one does not look like the other photos of {subject}: its best "
                f"score with them is {score:.2f}, and one in a hundred pairs of strangers reaches "
                f"{threshold:.2f}; look whether it is somebody else"
            )


def _bare(gallery: Gallery, subject: str) -> Iterator[tuple[str, F32]]:
    """Each photo with a bare template: its source, and (D,) float32."""
    for reference in gallery.show(subject).references:
        if any(template.wear.kind == "none" for template in reference.templates):
            templates = gallery.templates(reference.reference_id)
            yield reference.source, next(t.vector for t in templates if t.wear.kind == "none")
