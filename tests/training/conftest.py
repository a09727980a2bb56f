"""The scripts of training/ import one another by bare names, which several folders share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TRAINING = Path(__file__).resolve().parents[2] / "training"


@pytest.fixture(scope="module", autouse=True)
def no_modules_stay() -> Iterator[None]:
    """After each file of tests the modules that it took from training/ are forgotten."""
    before, known = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = before
    for name in set(sys.modules) - known:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and Path(file).is_relative_to(TRAINING):
            del sys.modules[name]
