"""The truth about a worn mask: which pixels and landmarks it covers, and how much of the face."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from maskwise.masks.fit import Pose
from maskwise.masks.surface import ARC_RADIUS, Shape, points_on
from maskwise.types import F64, U8, Bool, Image, Landmarks, MaskSpec


@dataclass(frozen=True, slots=True, eq=False)
class WornFace:
    """The truth about one mask on a picture. Pixels of the picture throughout.

    spec: redraws it. landmarks: what it was fitted to. x, y: the corner of ``alpha``, (h, w)
    uint8, 0 to 255: how much of each pixel this mask covers, less what a nearer face's mask
    hides of it; (0, 0) where the face lies outside. covered: (K,) bool, the landmarks beneath it.
    coverage: 0..1, the covered share of the face from brow to chin, as far as it shows: what
    turns away or lies outside the picture does not count, and 0 when nothing shows.
    """

    spec: MaskSpec
    landmarks: Landmarks
    x: int
    y: int
    alpha: U8
    covered: Bool
    coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class Worn:
    """A picture with its masks. alpha: (H, W) uint8, what any mask covers. faces: as given."""

    image: Image
    alpha: U8
    faces: tuple[WornFace, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one mask covers: ``alpha``, (h, w) uint8, with its corner at x, y of the picture."""

    x: int
    y: int
    alpha: U8

    def hide(self, above: Part) -> None:
        """Take out of ``alpha`` what the mask above hides, in place."""
        height, width = self.alpha.shape
        rows, columns = above.alpha.shape
        left, top = max(self.x, above.x), max(self.y, above.y)
        right = min(self.x + width, above.x + columns)
        bottom = min(self.y + height, above.y + rows)
        if left >= right or top >= bottom:
            return
        over = above.alpha[top - above.y : bottom - above.y, left - above.x : right - above.x]
        part = self.alpha[top - self.y : bottom - self.y, left - self.x : right - self.x]
        part[:] = np.rint(part * ((255 - over.astype(np.float32)) / 255))

    def at(self, points: F64) -> U8:
        """(K,) uint8: ``alpha`` at (K, 2) px of the picture; 0 outside of it."""
        height, width = self.alpha.shape
        if not width:
            return np.zeros(len(points), np.uint8)
        column, row = np.rint(points.T)
        column -= self.x
        row -= self.y
        inside = (column >= 0) & (column < width)
        inside &= row >= 0
        inside &= row < height
        # Those outside look at the corner, and what they see there is dropped.
        row *= width
        row += column
        row *= inside
        out = self.alpha.ravel().take(row.astype(np.intp))
        out *= inside
        return np.asarray(out, np.uint8)


NOTHING: Final = Part(0, 0, np.zeros((0, 0), np.uint8))
_HALF: Final = 127


def covered_landmarks(landmarks: Landmarks, alpha: U8) -> Bool:
    """(K,) bool: which points lie where ``alpha``, (H, W) uint8 in their frame, is over a half.

    Points outside the picture are not covered, whether they are visible or not.
    """
    return np.asarray(Part(0, 0, alpha).at(landmarks.points.astype(np.float64)) > _HALF, np.bool_)


def truth(
    pose: Pose, landmarks: Landmarks, spec: MaskSpec, part: Part, picture: tuple[int, int]
) -> WornFace:
    """All of it, for a mask that left ``part`` on a picture of (height, width) ``picture``."""
    px, shows = _front(pose, picture)
    # Both at once: on arrays this small the calls are what costs.
    seen = part.at(np.concatenate([px, landmarks.points.T], axis=1).T)
    covered = seen[len(shows) :] > _HALF
    share = _share(seen[: len(shows)], shows)
    return WornFace(spec, landmarks, part.x, part.y, part.alpha, covered, share)


def coverage(pose: Pose, part: Part, picture: tuple[int, int]) -> float:
    """0..1: the covered share of the places of the face that show in the picture."""
    px, shows = _front(pose, picture)
    return _share(part.at(px.T), shows)


def _share(seen: U8, shows: Bool) -> float:
    count = int(np.count_nonzero(shows))
    return int(np.add.reduce(seen.compress(shows), dtype=np.int64)) / count / 255 if count else 0.0


def _front(pose: Pose, picture: tuple[int, int]) -> tuple[F64, Bool]:
    """``_places`` in px, (2, N), and which of them the pose and the picture show, (N,)."""
    places, normals = _places()
    px = pose.onto @ places
    px += pose.shift[:, None]
    x, y = px
    shows = pose.rotation[2] @ normals > 0
    shows &= x > -0.5
    shows &= x < picture[1] - 0.5
    shows &= y > -0.5
    shows &= y < picture[0] - 0.5
    return px, shows


@cache
def _places() -> tuple[F64, F64]:
    """Places on the front of the face, from the brows to the chin: points (3, N), and the
    normals (3, N) there of a cylinder about the head's axis."""
    arc, y = (
        v.ravel() for v in np.meshgrid(np.linspace(-1.2, 1.2, 19), np.linspace(-0.35, 1.8, 18))
    )
    oval = (arc / 1.25) ** 2 + ((y - 0.55) / 1.35) ** 2 <= 1
    arc, y = arc[oval], y[oval]
    angle = arc / ARC_RADIUS
    places = np.ascontiguousarray(points_on(Shape(tent=0.0), arc, y).T)
    return places, np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)])
