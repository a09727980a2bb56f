"""Run an encoder or a detector on the sample people: the facts that a user can check.

For models in models/golden.toml the numbers are compared with those written down there; of any
other model only what must hold for all is checked.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from maskwise.errors import MaskwiseError

if TYPE_CHECKING:
    from maskwise.models.entries import ModelEntry
    from maskwise.types import F32

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

PEOPLE: Final = ("Amina", "Bram", "Chiara", "Diego", "Esi", "Greta")
"""The sample people that are looked at, two photos each."""

_SCORE_ROOM: Final = 0.005  # float16 weights, other processors and providers
_BOX_ROOM_PX: Final = 2.0
_UNIT_ROOM: Final = 1e-3


@dataclass
class Verdict:
    """What came of it. facts: name -> a number or a text. problems: what is wrong, for people."""

    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def compare(self, golden: dict[str, Any], room: float) -> None:
        """A problem for every golden number that is missed by more than ``room``."""
        for key, value in golden.items():
            if not np.allclose(self.facts[key], value, rtol=0, atol=room):
                self.problems.append(f"{key} is {self.facts[key]}, expected {value}")
        self.facts["golden"] = "compared" if golden else "no numbers to compare with"


def run(entry: ModelEntry) -> Verdict | None:
    """The verdict on a model; None for what is neither an encoder nor a detector."""
    judge = {"encoder": _encoder, "detector": _detector}.get(entry.kind)
    if judge is None:
        return None
    verdict = Verdict()
    try:
        judge(address_of(entry), verdict)
        room = _SCORE_ROOM if entry.kind == "encoder" else _BOX_ROOM_PX
        if not verdict.problems:
            verdict.compare(_golden().get(entry.name, {}), room)
    except MaskwiseError as error:
        verdict.problems.append(str(error))
    return verdict


def address_of(entry: ModelEntry) -> str:
    """How ``--encoder`` and ``--detector`` call it: ``BACKEND:NAME``, or the backend alone."""
    from maskwise.models.entries import ADDRESSED

    return f"{entry.backend}:{entry.name}" if entry.backend in ADDRESSED else entry.backend


def _encoder(address: str, verdict: Verdict) -> None:
    from maskwise.stages import Stages

    stages = Stages(encoder=address)
    firsts, seconds = (
        np.stack([stages.dominant(str(photo))[0].template.vector for photo in column])
        for column in zip(*_photos(), strict=True)
    )
    lengths = np.linalg.norm(np.concatenate([firsts, seconds]), axis=1)
    scores: F32 = firsts @ seconds.T
    same = float(np.diag(scores).mean())
    different = float(scores[~np.eye(len(scores), dtype=bool)].mean())
    first = int((scores.argmax(axis=1) == np.arange(len(scores))).sum())
    verdict.facts = {
        "dimension": int(firsts.shape[1]),
        "length": round(float(lengths.mean()), 4),
        "same_person": round(same, 3),
        "different_people": round(different, 3),
        "found_first": f"{first} of {len(scores)}",
    }
    if not (np.isfinite(scores).all() and np.allclose(lengths, 1, atol=_UNIT_ROOM)):
        verdict.problems.append("its templates are not of unit length")
    elif not (same > different and 2 * first > len(scores)):
        verdict.problems.append("it does not tell the sample people apart")


def _detector(address: str, verdict: Verdict) -> None:
    from maskwise import detect, image

    detector = detect.create(address)
    seen = [(picture := image.load(pair[0]), detector.detect(picture)) for pair in _photos()]
    counts = [len(faces) for _, faces in seen]
    best = [(picture, max(faces, key=lambda face: face.score)) for picture, faces in seen if faces]
    verdict.facts = {
        "faces": f"{sum(counts)} in {len(counts)} photos",
        "box": [round(float(x), 1) for x in best[0][1].box] if best else [],
        "key_points": detector.scheme or "none",
    }
    if counts != [1] * len(counts):
        verdict.problems.append("each of the photos shows one face, and it finds " + str(counts))
    for picture, face in best:
        height, width = picture.pixels.shape[:2]
        x1, y1, x2, y2 = face.box
        inside = -0.2 * width < x1 < x2 < 1.2 * width and -0.2 * height < y1 < y2 < 1.2 * height
        points = face.landmarks.points if face.landmarks is not None else np.empty((0, 2))
        if not inside or not ((points > [x1, y1]) & (points < [x2, y2])).all():
            verdict.problems.append("a box or its key points lie where no face is")
            break


def _photos() -> list[tuple[Any, Any]]:
    from maskwise import samples

    folders = [samples.people() / name for name in PEOPLE]
    return [(folder / "1.jpg", folder / "2.jpg") for folder in folders]


@cache
def _golden() -> dict[str, dict[str, Any]]:
    text = resources.files("maskwise.models").joinpath("golden.toml").read_text("utf-8")
    numbers: dict[str, dict[str, Any]] = tomllib.loads(text)
    return numbers
