"""Bandana: a square folded to a triangle, its point down, knotted behind the head."""

from __future__ import annotations

import numpy as np

from maskwise.masks.fabrics import Piece, hung, woven
from maskwise.masks.parts import bell, step, top_edge
from maskwise.masks.patterns import colored
from maskwise.masks.sheet import Sheet, mirrored, smooth
from maskwise.types import MaskSpec


def draw(sheet: Sheet, spec: MaskSpec) -> None:
    rng = np.random.default_rng((spec.seed, 1))
    top = top_edge(spec) + 0.02
    point = 2.56 + float(np.clip(rng.normal(0, 0.05), -0.1, 0.08))
    low, out = rng.normal(0, 0.05, 2).clip(-0.1, 0.1)
    outline = smooth(
        [
            (0.0, top),
            (0.18, top + 0.03),
            (0.50, top + 0.20),
            (1.00, 0.52),
            (1.60, 0.52),
            (2.14, 0.58),
            (2.14, 0.58),
            (2.14, 1.00),
            (2.14, 1.00),
            (1.60, 1.42 + low),
            (1.05, 1.98 + low),
            (0.55 + out, 2.36),
            (0.10, point),
            (0.0, point + 0.02),
        ]
    )
    piece = Piece(sheet, spec, mirrored(outline))
    fine, soft, depth = piece.fine, piece.soft, piece.depth()
    off_centre = np.abs(soft.arc)
    # Pulled tight over nose and cheeks, it hangs from there in folds between the two sides,
    # and in pipes that run to the point.
    loose = step(soft.y - np.float32(1.05), 0.45)
    soft.fold(hung(soft, 0.55, 0.42, 0.75) * loose, 0.046, 0.22)
    gather = np.clip(off_centre - np.float32(0.35), 0, 1) * (1 - np.float32(0.6) * loose)
    sag = (soft.y - np.float32(0.62) * off_centre) * np.float32(15)
    soft.fold(np.sin(sag + np.float32(1.3) * soft.noise(0.8, 0.25)) * gather, 0.024, 0.12)
    slant = soft.arc / (soft.y - np.float32(3.1)) * np.float32(22)
    pipes = np.sin(slant + np.float32(1.5) * soft.noise(0.5, 1.2))
    pipes = pipes * (step(soft.y - np.float32(1.7), 0.3) * bell(off_centre, 0.9))
    soft.fold(pipes, 0.022, 0.10)
    dents = soft.noise(0.5, 0.22) + np.float32(0.5) * soft.noise(0.16)
    soft.fold(np.float32(0.6) * dents, 0.016, 0.04)
    # The fold above is round and double, the hem below thin.
    piece.round_edge(depth, 0.045, 0.022)
    piece.hem(depth + 3 * step(np.float32(1.25) - fine.y, 0.15), 0.045, 0.7)
    woven(piece, 1 / 64, 1.2)
    piece.lay(colored(piece, spec, turn=np.pi / 4))
