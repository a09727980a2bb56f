"""The seam: what is timed photo by photo, maskwise and its peers alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from maskwise.types import F32

REFERENCES: Final = 10_000
"""How many templates each face is compared with."""

DIM: Final = 128
"""Numbers of a template of dlib's network, which the peers use."""

Result = TypeVar("Result")


@dataclass(slots=True)
class Look:
    """One photo by one contestant: the seconds of each step, and how many faces it found."""

    seconds: dict[str, float] = field(default_factory=dict)
    faces: int = 0

    def timed(self, step: str, call: Callable[[], Result]) -> Result:
        """What ``call`` returns; its time is added to that of ``step``."""
        start = time.perf_counter()
        result = call()
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start
        return result


class Contestant(Protocol):
    """Looks at photos. Made, it has opened nothing yet, or all: its first look tells."""

    def look_at(self, path: Path) -> Look:
        """Find and encode all faces of a photo, step by step."""
        ...


def references(dim: int = DIM) -> F32:
    """(``REFERENCES``, dim) float32 of unit length, always the same."""
    rows: Any = np.random.default_rng(0).standard_normal((REFERENCES, dim), np.float32)
    unit: F32 = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
