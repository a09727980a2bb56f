"""Photos that do not look like the others of their person: perhaps somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from maskwise.gallery.gallery import Gallery

LEAST_PHOTOS: Final = 3
"""Of two that differ, nothing tells which is the wrong one."""


def unlike(gallery: Gallery, subject: str, threshold: float) -> Iterator[str]:
    """A sentence for each bare photo of ``subject`` whose score with all others is lower.

    threshold: for bare pairs. Photos with a mask do not count, and with fewer than
    ``LEAST_PHOTOS`` bare ones nothing is said. Raises SubjectError for nobody's name.
    """
    sources, vectors = [], []
    for reference in gallery.show(subject).references:
        if any(template.wear.kind == "none" for template in reference.templates):
            bare = [t for t in gallery.templates(reference.reference_id) if t.wear.kind == "none"]
            sources.append(reference.source)
            vectors.append(bare[-1].vector)
    if len(vectors) < LEAST_PHOTOS:
        return
    together = np.stack(vectors)
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
