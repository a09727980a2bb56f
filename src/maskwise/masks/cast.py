"""Which point of the mask's surface each pixel shows: rays cast onto the posed face."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from maskwise.masks.fit import Pose
from maskwise.masks.surface import ARC_RADIUS, AXIS_Z, Shape, radius_table, table_cell
from maskwise.types import F32


@dataclass(frozen=True, slots=True, eq=False)
class PixelMap:
    """What the pixels of a region show. All (H, W) float32.

    arc, y: sheet coordinates. inside: px from the silhouette of the head, negative outside.
    """

    arc: F32
    y: F32
    inside: F32


def pixel_map(pose: Pose, shape: Shape, origin: tuple[int, int], size: tuple[int, int]) -> PixelMap:
    """Cast a ray through each pixel onto the mask's surface.

    origin: x, y of the region in px; size: its width and height. The rays are cast on a coarse
    grid (24 a unit) and interpolated.
    """
    width, height = size
    step = max(1, int(pose.scale / 24))
    columns, rows = -(-width // step) + 1, -(-height // step) + 1
    x = (origin[0] + step * np.arange(columns) - pose.shift[0]) / pose.scale
    y = (origin[1] + step * np.arange(rows) - pose.shift[1]) / pose.scale
    coarse = _cast(
        pose.rotation.astype(np.float32), shape, x.astype(np.float32), y.astype(np.float32)
    )
    coarse[2] *= pose.scale
    if step == 1:
        return PixelMap(*(c[:height, :width] for c in coarse))
    # Grid node k stands on pixel k * step.
    matrix = np.array([[1 / step, 0, 0], [0, 1 / step, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    layers = cv2.warpAffine(
        np.stack(coarse, axis=-1),
        matrix,
        (width, height),
        flags=flags,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return PixelMap(*(np.ascontiguousarray(layers[..., k], np.float32) for k in range(3)))


def _cast(rotation: F32, shape: Shape, x: F32, y: F32) -> list[F32]:
    """Rays at ``x`` (W,) and ``y`` (H,), units from the origin -> arc, y, inside, (H, W) each.

    A ray is X = A (x, y) + w d with d towards the viewer. Where it meets a circular cylinder
    about the head's axis is a quadratic equation; the surface's radius there gives the next
    cylinder, starting from the widest: a few rounds find the nearest hit.
    """
    table = radius_table(shape)
    d = rotation[2]
    x0 = x * rotation[0, 0] + (y * rotation[1, 0])[:, None]
    y0 = x * rotation[0, 1] + (y * rotation[1, 1])[:, None]
    z0 = x * rotation[0, 2] + (y * rotation[1, 2])[:, None] - np.float32(AXIS_Z)
    a = d[0] ** 2 + d[2] ** 2
    b = (x0 * d[0] + z0 * d[2]) / a
    from_axis = np.abs(x0 * d[2] - z0 * d[0]) / np.sqrt(a)
    radius = np.full_like(x0, 1.25)
    for _ in range(7):
        root = np.sqrt(np.maximum(radius**2 - from_axis**2, 0) / a)
        w = root - b
        height = y0 + w * d[1]
        arc = np.arctan2(x0 + w * d[0], z0 + w * d[2]) * np.float32(ARC_RADIUS)
        column, row = table_cell(arc, height)
        found = cv2.remap(table, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        # Half-way, as whole steps swing to and fro near the silhouette.
        radius = np.float32(0.5) * (radius + found)
    # At the silhouette the rounds may end on either side of a fold: even out the steps.
    inside = cv2.GaussianBlur(radius - from_axis, (3, 3), 0.8)
    return [np.asarray(v, np.float32) for v in (arc, height, inside)]
