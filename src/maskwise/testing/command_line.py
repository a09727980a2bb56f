"""For tests of commands: a Recognizer of fakes, photos that it tells apart by colour."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from PIL import Image as PillowImage

from maskwise import Recognizer
from maskwise.decide import OperatingCurve, OperatingPoints
from maskwise.testing.fakes import (
    FakeDetector,
    FakeEncoder,
    FakeMaskClassifier,
    FakePredictor,
    face_picture,
)

RED, GREEN, GOLD, TEAL = (220, 60, 60), (60, 200, 60), (220, 200, 60), (20, 120, 110)
_CURVE = OperatingCurve((0.1, 1e-6), (0.5, 0.9), 1000, "fakes")
POINTS = OperatingPoints(
    "fake-encoder", {"bare-bare": _CURVE, "bare-masked": _CURVE, "masked-masked": _CURVE}
)


def make_recognizer(**arguments: Any) -> Recognizer:
    """What commands get for their Recognizer in these tests."""
    arguments.pop("predictor", None)  # `mask` asks for the detector's points
    return Recognizer(
        detector=FakeDetector(),
        predictor=FakePredictor(),
        mask_classifier=FakeMaskClassifier(),
        encoder=FakeEncoder(),
        operating_points=POINTS,
        **arguments,
    )


@dataclass
class Answer:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """What was printed, read as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Answer]


def photo(
    path: Path | str,
    colour: tuple[int, int, int] = RED,
    *,
    masked: bool = False,
    left: int = 90,
    more: Sequence[tuple[tuple[int, int, int], int, int, int]] = (),
) -> Path:
    """Write a picture of one face (and ``more``); another ``left`` gives another file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    faces = [(colour, left, 40, 120), *more]
    pixels = face_picture(faces, size=(220, 450), masked=[0] if masked else [])
    PillowImage.fromarray(pixels).save(path, "PNG")
    return path


def every_command(group: click.Group, before: str = "") -> list[tuple[str, click.Command]]:
    """All commands with their names, those of groups among them."""
    context = click.Context(group)
    found: list[tuple[str, click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append((f"{before}{name}", command))
        if isinstance(command, click.Group):
            found += every_command(command, f"{before}{name} ")
    return found
