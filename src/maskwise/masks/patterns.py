"""What is printed or woven on a cloth: procedural patterns, in units of the eye distance."""

from __future__ import annotations

import numpy as np

from maskwise.masks.parts import step
from maskwise.masks.sheet import Sheet, rgb
from maskwise.types import F32, MaskSpec


def pattern(sheet: Sheet, spec: MaskSpec) -> F32:
    """(H, W, 3) colour of the cloth."""
    base = rgb(spec.color)
    other = np.clip(base * 0.45, 0, 1) if base.mean() > 0.45 else base * 0.5 + 0.45
    turn, size = float(sheet.rng.uniform(-0.12, 0.12)), float(sheet.rng.uniform(0.85, 1.2))
    u = (sheet.arc * np.cos(turn) + sheet.y * np.sin(turn)) / size
    v = (sheet.y * np.cos(turn) - sheet.arc * np.sin(turn)) / size
    if spec.pattern == "checks":
        mix = 0.5 * (_wave(u, 0.24) + _wave(v, 0.24))
    elif spec.pattern == "stripes":
        mix = _wave(v, 0.26)
    elif spec.pattern == "dots":
        row = np.floor(v / 0.17)
        du = np.mod(u + 0.1 * np.mod(row, 2), 0.2) - 0.1
        mix = step(0.052 - np.hypot(du, np.mod(v, 0.17) - 0.085), 0.008)
    else:
        mix = np.zeros_like(sheet.cover)
    mix = np.broadcast_to(mix, sheet.cover.shape)[..., None]
    return np.asarray(base + mix * (other - base), np.float32)


def _wave(x: F32, period: float) -> F32:
    """Bands of half a period, soft at their edges."""
    return step(np.sin(x * np.float32(2 * np.pi / period)).astype(np.float32), 0.12)
