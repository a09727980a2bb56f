"""How a mask is worn: a displacement of the drawn sheet on the face, whatever the type.

A style slides the mask down between its upper edge and its lower edge; what lies between is
squeezed or stretched, and crumples. Towards the ears the displacement fades, so that loops and
straps still end there. Sizes are in units of the distance of the eyes, y as on the sheet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from maskwise.masks.surface import ARC_MAX, Y_TOP, Bulge, Shape
from maskwise.types import F32, MaskSpec

if TYPE_CHECKING:
    from maskwise.masks.sheet import Sheet


@dataclass(frozen=True, slots=True)
class WearStyle:
    """One way to wear a mask. covers: whether mouth and nose are (partly) hidden by it.

    frequency: weight in a random draw from all styles.
    """

    name: str
    title: str
    covers: bool = True
    frequency: float = 1.0


STYLES: Final[dict[str, WearStyle]] = {
    s.name: s
    for s in (
        WearStyle("proper", "as it should be", frequency=8.0),
        WearStyle("under-nose", "slid down to the upper lip: the nose is bare", frequency=2.0),
        WearStyle(
            "under-chin", "pulled down below the chin: mouth and nose are bare", covers=False
        ),
        WearStyle("slipped", "hanging lower on one side", frequency=0.5),
    )
}
"""Every style by name, the usual one first."""


@dataclass(frozen=True, slots=True)
class _Slide:
    """How far a style takes a mask.

    top, bottom: where its edges end up in the middle of the face. peak: share of the upper
    edge's way that only the middle goes, which flattens the arch over the nose. turn: how much
    lower one side is than the other at the cheeks; positive: the right of the picture.
    crumple: height of the folds. tent: what is left of the shape's.
    """

    top: float
    bottom: float
    peak: float
    turn: float = 0.0
    crumple: float = 0.0
    tent: float = 1.0


# The nostrils end at 0.76, the lower lip at about 1.25, and the neck begins at about 2.0.
_NOSE_ARCH: Final = 0.42
_FADE: Final = (0.85, 1.72)
"""From the cheeks, where a mask still moves whole, to before the ears."""
_CORNER: Final = 1.24
_EAR: Final = 1.85
"""Between these, arc, a mask of loops or straps has nothing else."""
_CREASE: Final = (0.5, 0.10)


def _slide(spec: MaskSpec) -> _Slide | None:
    """What ``spec`` asks for, a little different with each seed; None where nothing moves."""
    rng = np.random.default_rng([spec.seed, 8])
    near, far, side = rng.uniform(-1, 1, 3)
    if spec.wear_style == "under-nose":
        top = 0.84 + 0.04 * near - 0.04 * (spec.coverage - 0.5)
        return _Slide(top, 2.08 + 0.06 * far, 0.5, crumple=0.010, tent=0.5)
    if spec.wear_style == "under-chin":
        return _Slide(1.52 + 0.08 * near, 2.32 + 0.08 * far, 0.3, crumple=0.030, tent=0.0)
    if spec.wear_style == "slipped":
        turn = (0.34 + 0.06 * near) * (1 if side > 0 else -1)
        return _Slide(0.60 + 0.06 * far, 2.04, 0.35, turn, crumple=0.012, tent=0.8)
    return None


def place(sheet: Sheet, spec: MaskSpec) -> None:
    """Move what is drawn on ``sheet`` to where ``spec.wear_style`` has it, in place."""
    slide = _slide(spec)
    if slide is None:
        return
    import cv2

    top, bottom, wraps = _extent(sheet, spec)
    arc, y = sheet.arc, sheet.y
    begin, end = _edges(slide, arc, top, bottom, wraps)
    y = y + np.zeros_like(arc)
    if slide.turn:
        # The cloth turns about the mouth: what is above goes to the side that hangs.
        lean = np.float32(slide.turn / 2) * (y - np.float32(1.1)) * _fade(arc, never=False)
        source_arc = arc + lean
    else:
        source_arc = np.broadcast_to(arc, y.shape)
    density = np.float32(sheet.density)
    column = (source_arc + np.float32(ARC_MAX)) * density - np.float32(0.5)
    row = (_source(y, top, bottom, begin, end) - np.float32(Y_TOP)) * density - np.float32(0.5)
    column, row = np.ascontiguousarray(column, np.float32), np.ascontiguousarray(row, np.float32)
    # Premultiplied on the way, so that edges take no black from bare ground.
    sheet.color *= sheet.cover[..., None]
    for layer in (sheet.color, sheet.cover, sheet.height):
        layer[...] = cv2.remap(layer, column, row, cv2.INTER_LINEAR)
    if not wraps:
        _thicken(sheet)
    sheet.color /= np.maximum(sheet.cover, np.float32(1e-6))[..., None]
    folds = sheet.noise(*_CREASE)
    if not wraps:
        # Loops do not crumple: theirs would look like dashes.
        folds *= np.clip((_CORNER - np.abs(arc)) * np.float32(8), 0, 1)
    sheet.height += np.float32(slide.crumple) * sheet.cover * folds
    sheet.tint(np.float32(1.5 * slide.crumple) * sheet.cover * folds)


def _thicken(sheet: Sheet) -> None:
    """Give loops back the width that they lost where they now run steeply down."""
    import cv2

    far, near = (round((ARC_MAX - arc) * sheet.density) for arc in (_EAR, _CORNER))
    kernel = np.ones((1, 2 * round(0.018 * sheet.density) + 1), np.uint8)
    for part in (slice(far, near), slice(-near, -far)):
        for layer in (sheet.color, sheet.cover, sheet.height):
            layer[:, part] = cv2.dilate(np.ascontiguousarray(layer[:, part]), kernel)


def shape_of(shape: Shape, spec: MaskSpec) -> Shape:
    """The type's ``shape``, moved as the sheet is."""
    slide = _slide(spec)
    if slide is None:
        return shape
    top, bottom = 0.5 - 0.42 * spec.coverage, 1.97
    bulges = tuple(_moved(bulge, slide, top, bottom) for bulge in shape.bulges)
    drape = shape.drape
    if slide.top > 1.4:
        # Below the chin the cloth bridges the way to the neck.
        drape = max(drape, 0.5)
    return replace(shape, tent=shape.tent * slide.tent, drape=drape, bulges=bulges)


def _moved(bulge: Bulge, slide: _Slide, top: float, bottom: float) -> Bulge:
    squeeze = (slide.bottom - slide.top) / (bottom - top)
    y = slide.top + (bulge.y - top) * squeeze
    # The cloth that is squeezed stands off less than it hangs in folds.
    return replace(bulge, y=y, height=bulge.height * squeeze, rise=bulge.rise * squeeze)


def _extent(sheet: Sheet, spec: MaskSpec) -> tuple[float, float, bool]:
    """The upper and the lower edge in the middle of the face, and whether it goes all round."""
    middle = sheet.cover.shape[1] // 2
    rows = np.flatnonzero(sheet.cover[:, middle] > 0.5)
    behind = sheet.cover[:, round(0.05 * sheet.density)] > 0.5
    if len(rows) < 2:
        return 0.5 - 0.42 * spec.coverage, 1.97, False
    wraps = bool(behind.sum() > 0.8 * sheet.density)
    return float(sheet.y[rows[0], 0]), float(sheet.y[rows[-1], 0]), wraps


def _edges(slide: _Slide, arc: F32, top: float, bottom: float, wraps: bool) -> tuple[F32, F32]:
    """Over ``arc``: where what was drawn at ``top`` and at ``bottom`` goes."""
    fade = _fade(arc, wraps and slide.top > 1.4)
    arch = np.exp(-((arc / np.float32(_NOSE_ARCH)) ** 2))
    # A mask that ends lower on the nose has less of an arch to lose.
    peak = np.float32(slide.peak * np.clip((0.74 - top) / 0.45, 0, 1.3))
    side = np.float32(slide.turn) * np.clip(arc / np.float32(0.8), -1, 1) * fade
    begin = top + np.float32(slide.top - top) * (peak * arch + (1 - peak) * fade) + side
    low = max(slide.bottom, min(bottom, 2.66)) - bottom
    end = bottom + np.float32(low) * fade + np.float32(0.6) * side
    return np.asarray(begin, np.float32), np.asarray(np.maximum(end, begin + 0.3), np.float32)


def _source(y: F32, top: float, bottom: float, begin: F32, end: F32) -> F32:
    """Where what is to be seen at ``y`` was drawn: straight between the edges, shifted beyond."""
    between = np.float32(top) + (y - begin) * (np.float32(bottom - top) / (end - begin))
    above, below = y - (begin - np.float32(top)), y - (end - np.float32(bottom))
    return np.asarray(np.where(y < begin, above, np.where(y > end, below, between)), np.float32)


def _fade(arc: F32, never: bool) -> F32:
    """1 on the face, 0 from before the ears on."""
    if never:
        return np.ones_like(arc)
    low, high = _FADE
    t = np.clip((np.abs(arc) - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return np.asarray(1 - t * t * (3 - 2 * t), np.float32)
