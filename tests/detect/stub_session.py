"""A session that gives what a test hands it: decoding without ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from maskwise import models
from maskwise.detect import single_shot
from maskwise.types import F32

Give = Callable[[F32], Sequence[F32]]
"""(1, 3, H, W) float32 input -> the outputs, in the order of the names."""


class StubSession:
    def __init__(self, names: Sequence[str], give: Give, sides: tuple[Any, Any]) -> None:
        self.names, self.give, self.seen = names, give, []
        self._sides = sides

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="in", shape=[1, 3, *self._sides], type="tensor(float)")]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name=name, shape=[1, "n", "c"]) for name in self.names]

    def run(self, names: Sequence[str], inputs: dict[str, F32]) -> list[F32]:
        self.seen.append(inputs["in"])
        given = dict(zip(self.names, self.give(inputs["in"]), strict=True))
        return [np.asarray(given[name], np.float32) for name in names]


def install(
    monkeypatch: pytest.MonkeyPatch,
    names: Sequence[str],
    give: Give,
    sides: tuple[Any, Any] = ("height", "width"),
) -> StubSession:
    """Every detector that is opened from now on runs on it."""
    session = StubSession(names, give, sides)
    file = models.ModelFile("stub", Path("stub.onnx"), "0" * 64, None)
    monkeypatch.setattr(models, "resolve", lambda what: file)
    monkeypatch.setattr(single_shot, "unchanged", lambda file: file.path)
    monkeypatch.setattr(models, "open_file", lambda path, **options: session)
    return session
