"""A spec -> its sheet, drawn by the type's own function and kept for the next face."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final

import numpy as np

from maskwise.masks import styles
from maskwise.masks.sheet import Sheet, Texture
from maskwise.masks.specs import check
from maskwise.types import MaskSpec

DENSITIES: Final = (64, 128, 256, 512)
"""px a unit that a sheet is drawn at; the finest is some 2200 px wide."""


def texture(spec: MaskSpec, density: int) -> Texture:
    """The sheet of ``spec``; the last ones are kept, so that the next face costs no drawing.

    The same spec and density give the same bytes. Raises ConfigurationError as ``check`` does.
    """
    return _kept(spec, density) if density <= 128 else _kept_large(spec, density)


def _drawn(spec: MaskSpec, density: int) -> Texture:
    kind = check(spec)
    _keep_memory()
    sheet = Sheet(density, spec.seed)
    kind.drawer()(sheet, spec)
    styles.place(sheet, spec)
    return sheet.finish(styles.shape_of(kind.shape, spec))


@cache
def _keep_memory() -> None:
    """Once: the C library's allocator learns that large arrays come and go.

    Until a process has freed a large block, glibc returns the memory of every array of a sheet
    to the system and takes it anew for the next, which costs a third of the drawing.
    """
    np.empty(24 << 20, np.uint8)


# A sheet takes 0.4 MB at density 64, and four times as much at each next one.
_kept = lru_cache(maxsize=64)(_drawn)
_kept_large = lru_cache(maxsize=6)(_drawn)
