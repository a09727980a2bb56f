"""The template of a bare face in a virtual mask: mostly the masked face, partly the bare one."""

from __future__ import annotations

from typing import Final

import numpy as np

from maskwise.types import F32

BARE_SHARE: Final = 0.35
"""How much of the bare face's encoding there is in a template in a virtual mask: of those tried
on LFW's calibrate people the one that missed fewest (training/comparison, ADR 16)."""


def virtual_vectors(bare: F32, worn: F32) -> F32:
    """The templates to keep of a face's encodings, bare (D,) and in N virtual masks (N, D).

    All are float32 of unit length, also the result, (N, D): ``BARE_SHARE`` of the bare encoding and
    the rest of the masked one, scaled. N may be 0.
    """
    mixed = np.float32(BARE_SHARE) * bare + np.float32(1 - BARE_SHARE) * worn
    vectors: F32 = mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)
    return vectors.astype(np.float32, copy=False)
