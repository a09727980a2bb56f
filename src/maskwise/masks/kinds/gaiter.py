"""Neck gaiter: a tube of stretchy cloth, tight over the nose, in rings about the neck."""

from __future__ import annotations

import numpy as np

from maskwise.masks.fabrics import Piece
from maskwise.masks.parts import bell, step, top_edge
from maskwise.masks.patterns import colored
from maskwise.masks.sheet import Sheet, mirrored, smooth
from maskwise.types import MaskSpec


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    rng = np.random.default_rng((spec.seed, 1))
    top = top_edge(spec)
    side = 0.56 + float(np.clip(rng.normal(0, 0.05), -0.1, 0.1))
    outline = smooth(
        [
            (0.0, top),
            (0.20, top + 0.015),
            (0.55, 0.5 * (top + side) - 0.03),
            (1.05, side - 0.04),
            (1.60, side + 0.02),
            (2.14, side + 0.06),
            (2.14, side + 0.06),
            (2.14, 2.62),
            (2.14, 2.62),
            (1.2, 2.64),
            (0.5, 2.66),
            (0.0, 2.66),
        ]
    )
    piece = Piece(sheet, spec, mirrored(outline))
    soft, depth = piece.soft, piece.depth()
    off_centre = np.abs(soft.arc)
    # Below the chin there is more tube than neck: it stacks up in rings, broken here and there.
    neck = step(soft.y - np.float32(1.86), 0.16)
    wander = soft.noise(0.9, 0.3)
    phase = np.float32(2.2) * wander + np.float32(0.8) * soft.noise(0.35)
    rings = np.sin(soft.y * np.float32(2 * np.pi / 0.17) + phase)
    soft.fold(rings * neck * (np.float32(0.75) + np.float32(0.35) * wander), 0.022, 0.20)
    soft.fold(soft.noise(0.9, 0.11) * neck, 0.012, 0.07)
    # Tension: fine lines from the nose to the ears, and one from the chin to behind the jaw.
    lines = (soft.y - np.float32(0.10) * off_centre) * np.float32(34)
    pull = np.clip(off_centre - np.float32(0.25), 0, 0.8) * bell(soft.y - np.float32(0.85), 0.55)
    soft.fold(np.sin(lines + 2 * soft.noise(1.0, 0.2)) * pull, 0.006, 0.07)
    jaw = soft.y - (np.float32(1.86) - np.float32(0.42) * off_centre)
    soft.fold(bell(jaw, 0.07) - bell(jaw - np.float32(0.10), 0.07), 0.014, 0.10)
    soft.fold(np.float32(0.5) * soft.noise(0.6, 0.3), 0.008)
    # An overlocked edge, slightly rolled.
    piece.round_edge(depth, 0.025, 0.012)
    piece.hem(depth, 0.05, 0.5)
    soft.shade += np.float32(0.010) * (soft.noise(1 / 32) + soft.noise(0.3))
    piece.lay(colored(piece, spec))
