"""Photos -> what each detector finds in them, and how long it takes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from maskwise import image
from maskwise.detect import Detector
from maskwise.errors import EvaluationError, ImageError
from maskwise.evaluate.detection.boxes_file import BoxesFile
from maskwise.evaluate.detection.journal import Journal
from maskwise.evaluate.detection.truth import Face, WearTeller, from_teacher, ignore_small
from maskwise.types import Detection, Image, Landmarks

JOURNAL: Final = "seen.jsonl"
KIND: Final = "detections"


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one detector found in one photo of ``width`` x ``height`` px, in ``ms``."""

    width: int
    height: int
    faces: tuple[Detection, ...]
    ms: float

    def to_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        return {
            "width": self.width,
            "height": self.height,
            "ms": round(self.ms, 3),
            "faces": [
                {
                    "box": d.box.tolist(),
                    "score": float(d.score),
                    "points": None if d.landmarks is None else d.landmarks.points.tolist(),
                    "scheme": None if d.landmarks is None else d.landmarks.scheme,
                }
                for d in self.faces
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Seen:
        """Equal to what ``to_json`` was asked of, but for a rounded time."""
        return cls(
            value["width"], value["height"], tuple(map(_detection, value["faces"])), value["ms"]
        )


def _detection(value: Mapping[str, Any]) -> Detection:
    points = value["points"]
    return Detection(
        np.array(value["box"], np.float32),
        value["score"],
        None if points is None else Landmarks(value["scheme"], np.array(points, np.float32)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """One photo. name: its path below the folder. seen: by detector's name. truth: its faces;
    None where nothing tells."""

    name: str
    width: int
    height: int
    seen: Mapping[str, Seen]
    truth: Sequence[Face] | None


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """A detector whose sure boxes are the truth."""

    detector: Detector
    least_score: float
    least_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """The truth that is asked for: by boxes or by a teacher, or neither.

    least_px: faces of ``boxes`` less high are ignored. masked: what all faces wear where the
    boxes do not tell; None: ``wear`` tells, by their points; None there too: not known.
    """

    boxes: BoxesFile | None = None
    teacher: Teacher | None = None
    least_px: float = 0.0
    masked: bool | None = None
    wear: WearTeller | None = None

    @property
    def limit_px(self) -> float:
        """The height from which faces count."""
        return self.least_px if self.teacher is None else self.teacher.least_px


@dataclass(slots=True, eq=False)
class Looked:
    """photos: those that could be read. unread: the others -> why. again: how many answers were
    in the journal already."""

    photos: list[Photo] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    again: int = 0


def look(
    names: Sequence[str],
    folder: Path,
    detectors: Mapping[str, Detector],
    wanted: Wanted,
    journal: Journal,
    *,
    on_photo: Callable[[], None] = lambda: None,
) -> Looked:
    """Every detector on every photo. names: paths below ``folder`` with "/".

    Raises EvaluationError for a box that lies outside of its photo; what the detectors raise.
    """
    looked = Looked()
    eyes = _Eyes(journal, looked)
    for name in names:
        try:
            looked.photos.append(_photo(name, folder / name, detectors, wanted, eyes))
        except ImageError as error:
            looked.unread[name] = str(error)
        on_photo()
    return looked


class Picture:
    """A photo's content, decoded when somebody looks at it. Raises ImageError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pixels: Image | None = None
        try:
            self.sha256: Final = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            image.load(path)  # says why
            raise

    @property
    def image(self) -> Image:
        """Its pixels."""
        if self._pixels is None:
            self._pixels = image.load(self._path)
        return self._pixels


class _Eyes:
    """Looks where the journal does not know. The first look of a detector is not timed: that is
    when its model is opened."""

    def __init__(self, journal: Journal, looked: Looked) -> None:
        self._journal, self._looked = journal, looked
        self._warm: set[int] = set()
        self._ids: dict[int, str] = {}
        self._new: set[str] = set()

    def see(self, picture: Picture, detector: Detector) -> Seen:
        one = id(detector)
        if one not in self._ids:
            self._ids[one] = detector.id  # which may hash a file
        key = f"{picture.sha256} {self._ids[one]}"
        known = self._journal.get(key)
        if known is not None:
            self._looked.again += key not in self._new  # a teacher may be among the detectors
            return Seen.from_json(known)
        pixels = picture.image
        if one not in self._warm:
            detector.detect(pixels)
            self._warm.add(one)
        start = time.perf_counter()
        found = detector.detect(pixels)
        ms = 1000 * (time.perf_counter() - start)
        if not np.isfinite([d.score for d in found]).all():
            raise EvaluationError(
                f"{self._ids[one]}: gives {pixels.source} a score that is no number; it cannot be "
                "evaluated"
            )
        seen = Seen(pixels.width, pixels.height, tuple(found), ms)
        self._journal.add(key, seen.to_json())
        self._new.add(key)
        return seen

    def wear(
        self, picture: Picture, points: Sequence[Landmarks | None], teller: WearTeller
    ) -> list[bool | None]:
        text = repr([None if p is None else (p.scheme, p.points.tolist()) for p in points])
        at = hashlib.sha256(text.encode()).hexdigest()[:16]
        key = f"{picture.sha256} {teller.id} {at}"
        known: list[bool | None] | None = self._journal.get(key)
        if known is None:
            known = teller.tell(picture.image, points)
            self._journal.add(key, known)
        return known


def _photo(
    name: str, path: Path, detectors: Mapping[str, Detector], wanted: Wanted, eyes: _Eyes
) -> Photo:
    picture = Picture(path)
    seen = {key: eyes.see(picture, detector) for key, detector in detectors.items()}
    taught = None if wanted.teacher is None else eyes.see(picture, wanted.teacher.detector)
    size = next(((s.width, s.height) for s in (*seen.values(), taught) if s is not None), None)
    if size is None:
        size = picture.image.width, picture.image.height
    truth = _truth(name, size, wanted, taught)
    if truth is not None:
        truth = _told(picture, truth, wanted, eyes)
    return Photo(name, *size, seen, truth)


def _truth(
    name: str, size: tuple[int, int], wanted: Wanted, taught: Seen | None
) -> list[Face] | None:
    if wanted.teacher is not None and taught is not None:
        return from_teacher(
            taught.faces,
            size,
            least_score=wanted.teacher.least_score,
            least_px=wanted.teacher.least_px,
        )
    if wanted.boxes is None:
        return None
    faces = wanted.boxes.faces(name, size)
    return None if faces is None else ignore_small(faces, wanted.least_px)


def _told(picture: Picture, faces: list[Face], wanted: Wanted, eyes: _Eyes) -> list[Face]:
    """With what they wear."""
    if wanted.masked is not None:
        return [replace(f, masked=wanted.masked) if f.masked is None else f for f in faces]
    unknown = [f.points if f.masked is None and not f.ignored else None for f in faces]
    if wanted.wear is None or not any(points is not None for points in unknown):
        return faces
    told = eyes.wear(picture, unknown, wanted.wear)
    return [
        f if points is None else replace(f, masked=masked)
        for f, points, masked in zip(faces, unknown, told, strict=True)
    ]
