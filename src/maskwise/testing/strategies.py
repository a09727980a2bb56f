"""Hypothesis strategies for what the stages exchange. Needs hypothesis, a test dependency."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from maskwise.align import DLIB_CHIP
from maskwise.types import F32, F64, Landmarks


def unit_vectors(dim: int, count: int = 1) -> st.SearchStrategy[F32]:
    """(count, dim) float32 rows of unit length."""
    rows = npst.arrays(np.float64, (count, dim), elements=st.floats(-1, 1))
    return rows.filter(lambda a: bool((np.linalg.norm(a, axis=1) > 1e-3).all())).map(
        lambda a: (a / np.linalg.norm(a, axis=1, keepdims=True)).astype(np.float32)
    )


def similarity_transforms(
    scale: tuple[float, float] = (0.05, 20.0), shift_px: float = 2000.0
) -> st.SearchStrategy[F64]:
    """(2, 3) float64: any turn, a scale within bounds, a shift of at most ``shift_px`` each way."""

    def build(log_scale: float, angle: float, x: float, y: float) -> F64:
        a, b = np.exp(log_scale) * np.cos(angle), np.exp(log_scale) * np.sin(angle)
        return np.array([[a, -b, x], [b, a, y]])

    shift = st.floats(-shift_px, shift_px)
    log_scale = st.floats(float(np.log(scale[0])), float(np.log(scale[1])))
    return st.builds(build, log_scale, st.floats(-np.pi, np.pi), shift, shift)


def dlib5_landmarks(noise: float = 0.04) -> st.SearchStrategy[Landmarks]:
    """The five points of a face of 30 to 600 px somewhere in a large picture, turned up to 40°.

    noise: how far a point may stray from the mean face, as a share of its size.
    """
    strays = npst.arrays(np.float64, (5, 2), elements=st.floats(-noise, noise))

    def build(size_px: float, angle: float, x: float, y: float, stray: F64) -> Landmarks:
        shape = (DLIB_CHIP.reference / DLIB_CHIP.size - 0.5 + stray) * size_px
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = shape @ turn.T + (x, y)
        return Landmarks("dlib5", points.astype(np.float32))

    angle = float(np.radians(40))
    place = st.floats(0, 4000)
    return st.builds(build, st.floats(30, 600), st.floats(-angle, angle), place, place, strays)
