"""The five points of a face, bare and under drawn masks: how far a mask moves them.

A photo with one dominant bare face gets every type of virtual mask in turn, and the face is looked
for anew each time. Nothing but the mask changes, so the points should not.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from maskwise import masks
from maskwise.detect import Detector
from maskwise.errors import ImageError, InputError
from maskwise.evaluate.detection.journal import Journal
from maskwise.evaluate.detection.looking import Picture
from maskwise.evaluate.detection.matching import LEAST_IOU, overlaps
from maskwise.evaluate.detection.truth import WearTeller
from maskwise.masks.catalogue import DRAWING_VERSION
from maskwise.stages import RUNNER_UP_SHARE, prominence
from maskwise.types import F32, F64, Detection, Image, Landmarks, MaskSpec

JOURNAL: Final = "points.jsonl"
KIND: Final = "points"

Status = Literal["measured", "no_face", "several_faces", "wears_mask", "mask_unfit"]
STATUSES: Final[dict[Status, str]] = {
    "measured": "measured",
    "no_face": "no face found",
    "several_faces": "several faces of a size",
    "wears_mask": "wears a mask already",
    "mask_unfit": "points that no mask fits",
}
"""What became of a photo, in words."""

_OTHER_IOU: Final = 0.3
"""Boxes of two detectors over one face overlap less: each has its own idea of a face's edges."""


@dataclass(frozen=True, slots=True, eq=False)
class Under:
    """The face under one mask. spec: redraws it. points: (5, 2) px, None where it was lost."""

    spec: MaskSpec
    points: F32 | None


@dataclass(frozen=True, slots=True, eq=False)
class Steady:
    """One photo and one detector. box: (4,) px, the detector's own of the bare face.

    truth: (5, 2) px, the points that errors are measured from, and that place the masks. bare:
    (5, 2), the detector's own on the bare face; the same without a teacher. masks: by type, only
    where ``measured``. A face that ``wears_mask`` has the others, as it is; else they are None.
    """

    status: Status
    box: F32 | None = None
    truth: F32 | None = None
    bare: F32 | None = None
    masks: Mapping[str, Under] = field(default_factory=dict)

    @property
    def eyes_px(self) -> float:
        """The distance of the truth's eyes."""
        assert self.truth is not None
        return float(np.hypot(*(self.truth[1] - self.truth[0])))

    def error(self, points: F32) -> F64:
        """(5,) float64: how far each point is from the truth, in distances of the eyes."""
        assert self.truth is not None
        away = points.astype(np.float64) - self.truth
        return np.asarray(np.hypot(away[:, 0], away[:, 1]) / self.eyes_px, np.float64)

    def to_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        return {
            "status": self.status,
            "box": _listed(self.box),
            "truth": _listed(self.truth),
            "bare": _listed(self.bare),
            "masks": {
                name: {"spec": under.spec.to_json(), "points": _listed(under.points)}
                for name, under in self.masks.items()
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Steady:
        """Equal to what ``to_json`` was asked of."""
        return cls(
            value["status"],
            _array(value["box"]),
            _array(value["truth"]),
            _array(value["bare"]),
            {
                name: Under(MaskSpec.from_json(one["spec"]), _array(one["points"]))
                for name, one in value["masks"].items()
            },
        )


def _listed(array: F32 | None) -> list[Any] | None:
    return None if array is None else array.tolist()


def _array(value: list[Any] | None) -> F32 | None:
    return None if value is None else np.array(value, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """types: of the masks. teacher: whose points on the bare photo are the truth; None: each
    detector's own. seed: of the masks. wear: tells who wears a mask already."""

    types: tuple[str, ...]
    seed: int = 0
    teacher: Detector | None = None
    wear: WearTeller | None = None

    @property
    def key(self) -> str:
        """What changes an answer, besides photo and detector."""
        teacher = "own" if self.teacher is None else self.teacher.id
        wear = "" if self.wear is None else self.wear.id
        types = ",".join(self.types)
        return f"{teacher} {types} seed {self.seed} drawing {DRAWING_VERSION} {wear}"


@dataclass(slots=True, eq=False)
class Measured:
    """photos: path -> detector's name -> what came out. unread: path -> why."""

    photos: dict[str, dict[str, Steady]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    again: int = 0


def measure(
    names: Sequence[str],
    folder: Path,
    detectors: Mapping[str, Detector],
    asked: Asked,
    journal: Journal,
    *,
    on_photo: Callable[[], None] = lambda: None,
) -> Measured:
    """Every detector, which must give points of the scheme ``five``, on every photo.

    names: paths below ``folder`` with "/".
    """
    out = Measured()
    ids = {name: detector.id for name, detector in detectors.items()}
    settings = asked.key
    for name in names:
        try:
            picture = Picture(folder / name)
            found: dict[str, Steady] = {}
            for key, detector in detectors.items():
                entry = f"{picture.sha256} {ids[key]} {settings}"
                known = journal.get(entry)
                if known is None:
                    found[key] = steady(picture.image, picture.sha256, detector, asked)
                    journal.add(entry, found[key].to_json())
                else:
                    found[key] = Steady.from_json(known)
                    out.again += 1
            out.photos[name] = found
        except ImageError as error:
            out.unread[name] = str(error)
        on_photo()
    return out


def steady(picture: Image, sha256: str, detector: Detector, asked: Asked) -> Steady:
    """One photo and one detector. sha256: of the photo's content, which draws the masks."""
    own = detector.detect(picture)
    if asked.teacher is None:
        main, status = dominant(own, picture)
        bare = main
    else:
        main, status = dominant(asked.teacher.detect(picture), picture)
        bare = None if main is None else _over(own, main.box, _OTHER_IOU)
        status = "no_face" if main is not None and bare is None else status
    truth, points = _five(main), _five(bare)
    if main is None or bare is None or truth is None or points is None:
        return Steady(status if status != "measured" else "no_face")
    if asked.wear is not None and asked.wear.tell(picture, [truth]) == [True]:
        return Steady("wears_mask", bare.box, truth.points, points.points)
    under = {}
    for name in asked.types:
        spec = spec_of(name, sha256, asked.seed)
        try:
            worn = masks.wear_on_image(picture, [truth], [spec])
        except InputError:
            return Steady("mask_unfit")
        seen = _five(_over(detector.detect(worn.image), bare.box, LEAST_IOU))
        under[name] = Under(spec, None if seen is None else seen.points)
    return Steady("measured", bare.box, truth.points, points.points, under)


def spec_of(type: str, sha256: str, seed: int) -> MaskSpec:
    """A random mask of ``type``, always the same for a photo's content and a seed."""
    identity = np.frombuffer(bytes.fromhex(sha256), ">u4").tolist()
    rng = np.random.default_rng([seed, zlib.crc32(type.encode()), *identity])
    return masks.random_spec(rng, type)


def dominant(found: Sequence[Detection], picture: Image) -> tuple[Detection | None, Status]:
    """The one face that a photo is about, as ``stages`` chooses it."""
    if not found:
        return None, "no_face"
    ranked = sorted(found, key=lambda d: prominence(d, picture), reverse=True)
    if len(ranked) > 1 and max(d.area for d in ranked[1:]) >= RUNNER_UP_SHARE * ranked[0].area:
        return None, "several_faces"
    return ranked[0], "measured"


def _over(found: Sequence[Detection], box: F32, least: float) -> Detection | None:
    """The detection that lies over ``box`` best."""
    if not found:
        return None
    boxes = np.array([d.box for d in found], np.float64)
    shares = overlaps(boxes, box[None].astype(np.float64))[:, 0]
    best = int(shares.argmax())
    return found[best] if shares[best] >= least else None


def _five(detection: Detection | None) -> Landmarks | None:
    """Its points, where they are a face's: the eyes are not one point."""
    points = None if detection is None else detection.landmarks
    if points is None or points.scheme != "five" or points.ipd_px < 1:
        return None
    return points
