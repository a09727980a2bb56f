"""Cells of what is covered, on the pixels of a chip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.occlusion import alpha_on_chip


@given(st.integers(1, 36), st.integers(1, 36))
def test_a_cell_lies_about_its_middle(row: int, column: int) -> None:
    cells = np.zeros((38, 38), np.uint8)
    cells[row, column] = 255
    chip = alpha_on_chip(cells)
    assert chip.shape == (150, 150)
    assert chip.flags.c_contiguous
    y, x = np.mgrid[:150, :150]
    share = chip / chip.sum()
    assert float((share * y).sum()) == pytest.approx(4 * row + 0.5, abs=0.05)
    assert float((share * x).sum()) == pytest.approx(4 * column + 0.5, abs=0.05)
    assert chip.sum() / 255 == pytest.approx(16, rel=0.02)


@given(st.sampled_from([112, 150, 224]), st.integers(0, 255))
def test_an_even_cover_stays_even(size: int, level: int) -> None:
    chip = alpha_on_chip(np.full((38, 38), level, np.uint8), size)
    assert chip.shape == (size, size)
    assert np.unique(chip).tolist() == [level]
