"""Faces that masks go on, and where on the picture each mask lies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import ceil, floor
from typing import Final, NamedTuple

import numpy as np

from maskwise.masks import photo
from maskwise.masks.cast import Caster, look_for
from maskwise.masks.draw import DENSITIES, texture
from maskwise.masks.fit import Pose, fit_pose
from maskwise.masks.light import Light, estimates
from maskwise.masks.rays import Region, around
from maskwise.masks.sheet import Texture
from maskwise.masks.surface import AXIS_Z
from maskwise.masks.usual import BRIGHTEST
from maskwise.types import U8, Landmarks, MaskSpec

_SOFT: Final = 1.0
"""px of softness from where a worn mask is softened with its shading and its silhouette."""
_SQUEEZED: Final = 0.1
"""Units before the head's axis: what lies up to there is squeezed into a quarter of a pixel."""
_FULL_LIGHT: Final = np.float32(0.93)
"""What a white mask keeps of the brightest pixel value where it faces the light."""
_FAR: Final = np.float32(np.inf)


class Face:
    """A face that masks go on: its pose, its light, and what does not depend on the mask."""

    def __init__(self, pose: Pose, light: Light) -> None:
        self.pose: Final = pose
        self.light: Final = light
        # The sheet that is about as fine as the face is large.
        fit = [d for d in DENSITIES if d >= 0.8 * self.pose.scale]
        self.density: Final = fit[0] if fit else DENSITIES[-1]
        extra, self.soft = photo.softness(self.light.blur_px)
        self.softened: Final = extra > _SOFT
        fades = 0.0 if self.softened else extra
        self.rays: Final = Caster(self.pose, float(self.density), fades)
        self.gain: Final[list[float]] = (self.light.gain * (_FULL_LIGHT * BRIGHTEST)).tolist()


def faces_on(
    pictures: Sequence[U8], landmarks: Sequence[Landmarks], *, as_saved: bool = False
) -> list[Face]:
    """Each face, its ``landmarks`` in px of its picture. as_saved: see ``estimate``."""
    poses = [fit_pose(points) for points in landmarks]
    lights = estimates(pictures, poses, as_saved=as_saved)
    return [Face(pose, light) for pose, light in zip(poses, lights, strict=True)]


class Placed(NamedTuple):
    """A mask's sheet, and the part of the picture that it may touch; None outside."""

    sheet: Texture
    region: Region | None


def place(
    faces: Sequence[Face], specs: Sequence[MaskSpec], picture: tuple[int, ...]
) -> list[list[Placed]]:
    """Each mask on each face of a picture, or of pictures of one size, (height, width): by mask,
    then by face. The same as for each face and mask alone."""
    views = _Views(faces, picture)
    out: list[list[Placed]] = []
    for spec in specs:
        sheets = {density: texture(spec, density) for density in views.densities}
        regions = {density: views.regions(sheet) for density, sheet in sheets.items()}
        out.append([Placed(sheets[f.density], regions[f.density][n]) for n, f in enumerate(faces)])
    # Every mask's surface, in a region that holds those of all.
    shapes = list(dict.fromkeys(masks[0].sheet.shape for masks in out if masks))
    casters, wanted = [], []
    for n, face in enumerate(faces):
        own = [masks[n].region for masks in out]
        if shown := [region for region in own if region is not None]:
            casters.append(face.rays)
            wanted.append(reduce(around, shown))
    look_for(casters, wanted, shapes)
    return out


class _Views:
    """How faces are seen on a picture of (height, width)."""

    def __init__(self, faces: Sequence[Face], picture: tuple[int, ...]) -> None:
        self.picture = picture
        self.densities = {face.density for face in faces}
        self.shifts = [face.pose.shift.tolist() for face in faces]
        # Half a mesh of a sheet's net, and what the photo's softness spreads.
        self.more = [1 + face.pose.scale / 20 for face in faces]
        right, down, before, limits = [], [], [], []
        for face, (x, y), more in zip(faces, self.shifts, self.more, strict=True):
            towards = face.pose.rotation[2].tolist()
            across, along = face.pose.onto.tolist()
            right.append(across)
            down.append(along)
            before.append([towards[0], 0.0, towards[2]])
            # No ray meets the half of the surface that lies behind the head's axis.
            behind = towards[2] * AXIS_Z + _SQUEEZED
            limits.append(
                (-more - x, -more - y, picture[1] + more - x, picture[0] + more - y, behind)
            )
        self.seen = np.array(right + down + before, np.float32)
        """(3 N, 3): right and down in px of the picture, without the shift, and how far before
        the head's axis a ray finds a point of the face frame: one face after the other."""
        self.limits = np.array(limits, np.float32).T[..., None]
        """(5, N, 1): between which of these, and beyond what last, a point counts."""

    def regions(self, sheet: Texture) -> list[Region | None]:
        """What a mask may touch on each face, in px; None where that is outside."""
        if not sheet.net.size:
            return [None] * len(self.more)
        # Sums of three, in the same order for any number of faces.
        px = (self.seen @ sheet.net).reshape(3, len(self.more), -1)
        flat = px[:2]
        keep = px[2] > self.limits[4]
        inside = flat > self.limits[:2]
        inside &= flat < self.limits[2:4]
        keep &= inside[0]
        keep &= inside[1]
        if len(self.more) == 1:
            # The quicker way for a face alone, to the same numbers.
            flat = flat[:, 0].compress(keep[0], axis=1)
            if not flat.size:
                return [None]
            low, high = np.minimum.reduce(flat, axis=1), np.maximum.reduce(flat, axis=1)
            return [self._region(0, *low.tolist(), *high.tolist())]
        low = np.minimum.reduce(np.where(keep, flat, _FAR), axis=2)
        high = np.maximum.reduce(np.where(keep, flat, -_FAR), axis=2)
        ends = zip(*low.tolist(), *high.tolist(), strict=True)
        return [self._region(n, *end) for n, end in enumerate(ends)]

    def _region(
        self, face: int, left: float, top: float, right: float, bottom: float
    ) -> Region | None:
        """What holds these points of a face, px without its shift."""
        if left > right:
            return None
        (to_x, to_y), more = self.shifts[face], self.more[face]
        x, y = max(0, floor(left + to_x - more)), max(0, floor(top + to_y - more))
        width = min(ceil(right + to_x + more), self.picture[1]) - x
        height = min(ceil(bottom + to_y + more), self.picture[0]) - y
        if min(width, height) < 2:
            return None
        # Whole blocks, of two px; they may pass the border by one.
        width, height = width + x % 2, height + y % 2
        return x - x % 2, y - y % 2, width + width % 2, height + height % 2
