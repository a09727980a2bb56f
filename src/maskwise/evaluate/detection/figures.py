"""Recall, precision and times of each detector, by the height of faces and by what they wear."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from maskwise.evaluate.detection.looking import Photo
from maskwise.evaluate.detection.matching import EXTRA, IGNORED, LEAST_IOU, Matched, clipped, match
from maskwise.evaluate.detection.truth import Face, boxes_of, ignored_of
from maskwise.evaluate.intervals import Rate
from maskwise.types import F64, Detection

Wear = Literal["masked", "bare", "unknown"]
WEARS: Final[tuple[Wear, ...]] = ("masked", "bare", "unknown")

BANDS: Final[tuple[tuple[str, float, float], ...]] = (
    ("under 16 px", 0, 16),
    ("16-32 px", 16, 32),
    ("32-64 px", 32, 64),
    ("64-128 px", 64, 128),
    ("128 px and more", 128, math.inf),
)
"""Of the heights of boxes: name, from, below."""


def band_of(height_px: float) -> str:
    """The name of the band."""
    return next(name for name, low, high in BANDS if low <= height_px < high)


@dataclass(frozen=True, slots=True, eq=False)
class Miss:
    """A face that was not found. nearest: the largest overlap of a box with it."""

    photo: str
    face: Face
    nearest: float


@dataclass(frozen=True, slots=True, eq=False)
class Extra:
    """A box that the truth lacks. beside: its largest overlap with any face of the truth.

    counted: in precision; not where it is less high than the faces that count.
    """

    photo: str
    box: F64
    detection: Detection
    beside: float
    counted: bool


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Of one detector.

    photos: those that it looked at. with_face: those in which it found one or more. faces: its
    boxes. judged: photos with a truth; None: there was none, and what follows is empty.
    recall: found faces of all that count, by wear and band, "all" among both. precision: by band,
    boxes that found a face, of these and the extra ones that count. ignored: boxes over faces that
    do not count.
    overlap: median, over faces that were found, of the best overlap of a box. ms_photo,
    ms_megapixel: medians over photos. curve: threshold, faces found and extra boxes, were it the
    threshold, by falling threshold.
    """

    name: str
    id: str
    photos: int
    with_face: Rate
    faces: int
    judged: int | None
    recall: dict[str, dict[str, Rate]]
    precision: dict[str, Rate]
    ignored: int
    overlap: float | None
    ms_photo: float | None
    ms_megapixel: float | None
    misses: tuple[Miss, ...]
    extra: tuple[Extra, ...]
    curve: tuple[tuple[float, int, int], ...]


ALL: Final = "all"


def figures(
    name: str,
    identity: str,
    photos: Sequence[Photo],
    *,
    least_iou: float = LEAST_IOU,
    least_px: float = 0.0,
) -> Figures:
    """Of the detector ``name`` on ``photos``. least_px: the truth ignores less high faces."""
    seen = [photo.seen[name] for photo in photos]
    judged = [photo for photo in photos if photo.truth is not None]
    tally = _Tally(least_px)
    for photo in judged:
        tally.add(photo, name, least_iou)
    times = [(s.ms, s.ms / (s.width * s.height / 1e6)) for s in seen]
    return Figures(
        name,
        identity,
        photos=len(photos),
        with_face=Rate(sum(bool(s.faces) for s in seen), len(seen)),
        faces=sum(len(s.faces) for s in seen),
        judged=len(judged) or None,
        recall=tally.recall() if judged else {},
        precision=tally.precision() if judged else {},
        ignored=tally.ignored,
        overlap=float(np.median(tally.overlaps)) if tally.overlaps else None,
        ms_photo=float(np.median([ms for ms, _ in times])) if times else None,
        ms_megapixel=float(np.median([ms for _, ms in times])) if times else None,
        misses=tuple(sorted(tally.misses, key=_by_height)),
        extra=tuple(sorted(tally.extra, key=_by_score)),
        curve=tally.curve(),
    )


class _Tally:
    def __init__(self, least_px: float) -> None:
        self._least_px = least_px
        self.misses: list[Miss] = []
        self.extra: list[Extra] = []
        self.overlaps: list[float] = []
        self.ignored = 0
        self._faces: list[tuple[Wear, str, bool]] = []
        self._boxes: list[tuple[str, bool]] = []
        self._scores: list[tuple[float, bool]] = []

    def add(self, photo: Photo, name: str, least_iou: float) -> None:
        found = photo.seen[name].faces
        boxes = clipped([d.box for d in found], photo.width, photo.height)
        truth = photo.truth or ()
        scores = np.array([d.score for d in found], np.float64)
        matched = match(boxes, scores, boxes_of(truth), ignored_of(truth), least_iou)
        self._count_faces(photo, truth, matched)
        for detection, box, face, beside in zip(
            found, boxes, matched.face, matched.beside, strict=True
        ):
            if face == IGNORED:
                self.ignored += 1
                continue
            height = float(box[3] - box[1])
            # No face so small is in the truth, so all such boxes would be false.
            counted = face >= 0 or height >= self._least_px
            if face == EXTRA:
                self.extra.append(Extra(photo.name, box, detection, float(beside), counted))
            if counted:
                self._boxes.append((band_of(height), bool(face >= 0)))
                self._scores.append((detection.score, bool(face >= 0)))

    def _count_faces(self, photo: Photo, truth: Sequence[Face], matched: Matched) -> None:
        for face, by, nearest in zip(truth, matched.box, matched.nearest, strict=True):
            if face.ignored:
                continue
            self._faces.append((wear_of(face), band_of(face.height_px), bool(by >= 0)))
            if by >= 0:
                self.overlaps.append(float(nearest))
            else:
                self.misses.append(Miss(photo.name, face, float(nearest)))

    def recall(self) -> dict[str, dict[str, Rate]]:
        out = {}
        for wear in (ALL, *WEARS):
            of_wear = [(band, hit) for w, band, hit in self._faces if wear in (ALL, w)]
            if of_wear or wear == ALL:
                out[wear] = _by_band(of_wear)
        return out

    def precision(self) -> dict[str, Rate]:
        return _by_band(self._boxes)

    def curve(self) -> tuple[tuple[float, int, int], ...]:
        # Boxes are matched by falling score, so a higher threshold changes no match above it.
        out: list[tuple[float, int, int]] = []
        hits = extra = 0
        ranked = sorted(self._scores, reverse=True)
        for at, (score, hit) in enumerate(ranked):
            hits, extra = hits + hit, extra + (not hit)
            if at + 1 == len(ranked) or ranked[at + 1][0] < score:  # ties come together
                out.append((score, hits, extra))
        return tuple(out)


def wears_in(found: Figures) -> list[str]:
    """The keys of ``recall`` to show: where all faces are of one wear, "all" would say it twice."""
    wears = [wear for wear in WEARS if wear in found.recall]
    return [ALL, *wears] if len(wears) != 1 else list(wears)


def wear_of(face: Face) -> Wear:
    """In a word."""
    return "unknown" if face.masked is None else "masked" if face.masked else "bare"


def _by_band(hits: Sequence[tuple[str, bool]]) -> dict[str, Rate]:
    out = {ALL: _rate(hit for _, hit in hits)}
    for band, _, _ in BANDS:
        rate = _rate(hit for b, hit in hits if b == band)
        if rate.trials:
            out[band] = rate
    return out


def _rate(hits: Iterable[bool]) -> Rate:
    """Hits, counted as the Rate's "errors"."""
    given = list(hits)
    return Rate(sum(given), len(given))


def _by_height(miss: Miss) -> tuple[float, str, tuple[float, ...]]:
    return -miss.face.height_px, miss.photo, tuple(miss.face.box.tolist())


def _by_score(extra: Extra) -> tuple[float, str, tuple[float, ...]]:
    return -extra.detection.score, extra.photo, tuple(extra.box.tolist())


def share_json(rate: Rate) -> dict[str, Any]:
    """``{"share", "count", "of", "low", "high", "interval"}``: share None, no ends, of nothing."""
    if not rate.trials:
        return {"share": None, "count": 0, "of": 0, "low": None, "high": None, "interval": None}
    interval = rate.interval()
    return {
        "share": rate.value,
        "count": rate.errors,
        "of": rate.trials,
        "low": interval.low,
        "high": interval.high,
        "interval": interval.method,
    }


def figures_json(found: Figures) -> dict[str, Any]:
    """Every figure, without the lists."""
    return {
        "detector": found.name,
        "id": found.id,
        "photos": found.photos,
        "photos_with_a_face": share_json(found.with_face),
        "faces": found.faces,
        "judged_photos": found.judged,
        "recall": {
            wear: {band: share_json(rate) for band, rate in bands.items()}
            for wear, bands in found.recall.items()
        },
        "precision": {band: share_json(rate) for band, rate in found.precision.items()},
        "ignored": found.ignored,
        "median_overlap": found.overlap,
        "missed": len(found.misses),
        "extra": len(found.extra),
        "extra_not_counted": sum(not one.counted for one in found.extra),
        "ms_photo": found.ms_photo,
        "ms_megapixel": found.ms_megapixel,
    }
