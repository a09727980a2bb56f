"""Scores: (P, D) probes against (R, D) references -> (P, R)."""

from __future__ import annotations

import numpy as np

from maskwise.errors import InputError
from maskwise.types import F32


def compare(probes: F32, references: F32) -> F32:
    """Cosine similarity of unit vectors: (P, D) x (R, D) float32 -> (P, R) float32 in -1..1.

    Higher is more alike. For unit vectors dlib's Euclidean distance d is sqrt(2 - 2 * score).
    Raises InputError when the widths differ.
    """
    if probes.ndim != 2 or references.ndim != 2 or probes.shape[1] != references.shape[1]:
        raise InputError(
            "compare: expected (P, D) and (R, D) with one D, got "
            f"{probes.shape} and {references.shape}"
        )
    scores: F32 = np.clip(probes @ references.T, -1.0, 1.0).astype(np.float32, copy=False)
    return scores
