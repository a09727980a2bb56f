"""One photo -> one chip with its truth: what the face wears, how, and which pixels are covered."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

_HERE = Path(__file__).resolve().parent
sys.path.append(str(_HERE.parent / "encoder"))
from draw import SIZE, cut, moved, photographed
from draw import _misplaced as misplaced
from draw import _outline as flat_outline
from draw import _paint as flat_paint
from objects import ON_THE_FACE, Frame, filled, hand, laid, microphone, some, sunglasses

from maskwise import masks
from maskwise.align import DLIB_CHIP
from maskwise.masks import Mix
from maskwise.types import F32, F64, U8, Chip, Landmarks, MaskSpec

STYLES = ("none", "proper", "under-nose", "under-chin")
"""``none`` is a face without a mask; the second and third cover mouth and chin."""
KINDS = (
    "surgical",
    "n95",
    "kn95",
    "duckbill",
    "cloth",
    "gas",
    "bandana",
    "gaiter",
    "scarf",
    "shield",
    "other",
)
"""The types that are told apart: the catalogue's, and ``other`` for plain shapes."""
_WRAPS = ("bandana", "gaiter", "scarf")
_SIDE = 75
"""px a side of what is kept: the network looks at 2x2 means."""
CELLS = 38
"""Of the alpha, a side: cell (r, c) is the mean of the 4x4 px about (4 r + 0.5, 4 c + 0.5)."""
_NOSE_RADIUS = 0.07
"""Of the disc about the tip of the nose that says whether the nose is out; distances of eyes."""
_TYPES = (
    *((name, kind.frequency) for name, kind in masks.TYPES.items() if kind.frequency),
    ("shield", 0.35),
    ("nist-wide", 0.25),
    ("nist-round", 0.2),
)
_COVERING = (("proper", 6.0), ("under-nose", 3.0), ("slipped", 1.2))


@dataclass(frozen=True)
class Recipe:
    """How often what is drawn. Shares of all samples; what they leave is bare.

    drawn: masks of the catalogue over the mouth; flat: plain shapes there; under_chin; hard: bare
    faces with something on them. photo: share that is photographed worse.
    place: standard deviations of the chip's place, px, degrees, log size; measured, wide: shares
    that are misplaced as ../encoder/misplaced.csv has it, and by up to what was seen of an older
    detector's points (5 px, 3.4 degrees, 9 % as standard deviations).
    """

    drawn: float = 0.34
    flat: float = 0.16
    under_chin: float = 0.1
    hard: float = 0.24
    photo: float = 0.7
    place: tuple[float, float, float] = (1.8, 1.8, 0.035)
    measured: float = 0.2
    wide: float = 0.12


TRAINING = Recipe()
PLAIN = Recipe(0.4, 0.1, 0.1, 0.0, 0.35, (1.0, 1.0, 0.02), 0.5, 0.0)
"""For held-back people: half of them masked, nothing else on the face."""
_WIDE = (5.0, 5.0, 3.4, 0.09)


@dataclass(frozen=True)
class Sample:
    """pixels: (75, 75, 3) uint8 RGB. alpha: (38, 38) uint8. style: (4,) float32, shares of
    STYLES. kind: index of KINDS, -1 without a mask. told: whether ``alpha`` is to be learnt.
    what: "bare", "hard", "drawn", "flat", "under-chin" or "wrap"."""

    pixels: U8
    alpha: U8
    style: F32
    kind: int
    told: bool
    what: str


WHATS = ("bare", "hard", "drawn", "flat", "under-chin", "wrap")


def design(rng: np.random.Generator, styles: tuple[tuple[str, float], ...] = _COVERING) -> MaskSpec:
    """A mask of the catalogue; a sixth in any colour at all."""
    colors: tuple[tuple[str, float], ...] = ()
    if rng.random() < 0.17:
        colors = (("#{:02x}{:02x}{:02x}".format(*rng.integers(0, 256, 3)), 1.0),)
    spread = (0.0, 1.0) if rng.random() < 0.4 else None
    mix = Mix(types=_TYPES, styles=styles, colors=colors, coverage=spread)
    while (spec := masks.random_spec(rng, mix=mix)).pattern == "clear":
        pass  # A clear plate hides nothing: such a face is as good as bare.
    return spec


def designs(rng: np.random.Generator, count: int) -> tuple[list[MaskSpec], list[MaskSpec]]:
    """Masks to choose from, over the mouth and under the chin: to paint one costs most."""
    under = max(2, count // 4)
    return (
        [design(rng) for _ in range(count)],
        [design(rng, (("under-chin", 1.0),)) for _ in range(under)],
    )


def kind_of(spec: MaskSpec) -> int:
    """Index of KINDS."""
    return KINDS.index(spec.type) if spec.type in KINDS else KINDS.index("other")


def place(to_chip: F64, rng: np.random.Generator, recipe: Recipe) -> F64:
    """(2, 3): the way to a chip that is placed as well as a detector places it."""
    kind = rng.random()
    if kind < recipe.measured:
        row = misplaced()[rng.integers(len(misplaced()))]
    elif kind < recipe.measured + recipe.wide:
        row = np.clip(rng.normal(size=4), -1.6, 1.6) * _WIDE
    else:
        px, degrees, size = recipe.place
        row = rng.normal(size=4) * (px, px, degrees, size)
    return moved(to_chip, row[:2], row[2], row[3])


def sample(
    photo: tuple[U8, npt.NDArray[np.float32], npt.NDArray[np.float32], F64],
    rng: np.random.Generator,
    chosen: tuple[Sequence[MaskSpec], Sequence[MaskSpec]],
    recipe: Recipe = TRAINING,
) -> Sample:
    """A chip of the photo: pixels, its dlib5 and detector's points, and the way to its chip.

    chosen: masks over the mouth and under the chin to choose from, as ``designs`` gives them.
    """
    pixels, points, five, to_chip = photo
    way = place(to_chip, rng, recipe)
    chip = cut(pixels, way)
    points = (points @ way[:, :2].T + way[:, 2]).astype(np.float64)
    tip = (five @ way[:, :2].T + way[:, 2])[2]
    frame = Frame(points)
    if rng.random() < 0.1:
        chip = bordered(chip, rng)
    dice = rng.random()
    edges = np.cumsum([recipe.drawn, recipe.flat, recipe.under_chin, recipe.hard])
    style, kind, told = np.array([1, 0, 0, 0], np.float32), -1, True
    alpha = np.zeros(chip.shape[:2], np.uint8)
    if dice < edges[2]:
        what = WHATS[2 + int(np.searchsorted(edges, dice, "right"))]
        if what == "flat":
            kind = KINDS.index("other")
            chip, alpha = flat_mask(chip, frame, rng)
        else:
            specs = chosen[0] if what == "drawn" else chosen[1]
            spec = specs[rng.integers(len(specs))]
            kind = kind_of(spec)
            chip, alpha = worn(chip, points, spec)
        if what != "under-chin":
            out = 1 - nose_covered(alpha, tip, frame.unit)
            style = np.array([0, 1 - out, out, 0], np.float32)
        elif KINDS[kind] in _WRAPS:
            # A scarf about the neck is no mask; whether it covers anything nobody could say.
            what, kind, told = "wrap", -1, False
        else:
            style = np.array([0, 0, 0, 1], np.float32)
        extra = ((hand, 1.0), (microphone, 1.0), (sunglasses, 4.0))
        if rng.random() < 0.1:
            chip, more = some(chip, frame, rng, extra)
            alpha = cv2.max(alpha, more)
    elif dice < edges[3]:
        what = "hard"
        for _ in range(1 + (rng.random() < 0.2)):
            if rng.random() < 0.17:
                chip = collar(chip, frame, rng)
            else:
                chip, more = some(chip, frame, rng, ON_THE_FACE)
                alpha = cv2.max(alpha, more)
    else:
        what = "bare"
    if rng.random() < recipe.photo:
        chip = photographed(chip, rng, float(rng.choice((0.5, 1.0))))
    return Sample(halved(chip), in_cells(alpha), style, kind, told, what)


def worn(chip: U8, points: F64, spec: MaskSpec) -> tuple[U8, U8]:
    """The chip in a mask, and its alpha (150, 150) uint8."""
    placed = Chip(chip, np.eye(2, 3), DLIB_CHIP, Landmarks("dlib5", points.astype(np.float32)))
    pixels, alpha = masks.wear_each([placed], [spec])
    return pixels[0], alpha[0]


def flat_mask(chip: U8, frame: Frame, rng: np.random.Generator) -> tuple[U8, U8]:
    """A plain shape from nose or lip to chin, as ../encoder/draw.py has them, and its alpha."""
    outline = flat_outline(rng)
    if rng.random() < 0.25:  # below the nose
        top, low = outline[:, 1].min(), outline[:, 1].max()
        begin = rng.uniform(0.82, 0.95)
        outline[:, 1] = low - (low - outline[:, 1]) * (low - begin) / (low - top)
    px = frame.px(outline)
    cover = filled(chip.shape[:2], px, float(rng.uniform(0.2, 1.4)))
    body = cover
    if rng.random() < 0.4:
        body = cover.copy()
        for corner, side in ((px[0], -1), (px[-7 if len(px) == 15 else 0], 1)):
            (ear,) = frame.px([(side * 1.25, rng.uniform(0.0, 0.8))])
            start, end = (np.round(p * 16).astype(int).tolist() for p in (corner, ear))
            cv2.line(body, start, end, 255, int(rng.integers(1, 4)), cv2.LINE_AA, 4)
    return laid(chip, body, flat_paint(chip, body, rng)), body


def collar(chip: U8, frame: Frame, rng: np.random.Generator) -> U8:
    """A collar, a turtleneck or a scarf below the chin."""
    middle, side = rng.uniform(1.75, 2.05), rng.uniform(1.2, 1.9)
    x = np.linspace(-1.6, 1.6, 11)
    y = middle + (side - middle) * np.clip(np.abs(x) / 1.1, 0, 1) ** rng.uniform(1, 3)
    outline = np.vstack([np.column_stack([x, y]), [(1.6, 3), (-1.6, 3)]])
    cover = filled(chip.shape[:2], frame.px(outline), 0.8)
    return laid(chip, cover, flat_paint(chip, cover, rng))


def bordered(chip: U8, rng: np.random.Generator) -> U8:
    """Black where a tight picture ends."""
    out = chip.copy()
    for k in range(4):
        if rng.random() < 0.4:
            out = np.rot90(out, k).copy()
            out[: int(rng.integers(1, 26))] = 0
            out = np.rot90(out, -k)
    return np.ascontiguousarray(out)


def nose_covered(alpha: U8, tip: F64, unit: float) -> float:
    """0..1: the share of a small disc about the tip of the nose that ``alpha`` covers."""
    disc = np.zeros(alpha.shape, np.uint8)
    centre = np.round(np.asarray(tip) * 16).astype(int).tolist()
    cv2.circle(disc, centre, round(_NOSE_RADIUS * unit * 16), 255, -1, cv2.LINE_AA, 4)
    total = float(disc.sum())
    return float((disc / 255 * alpha).sum() / total) if total else 0.0


def halved(chip: U8) -> U8:
    """(75, 75, 3) uint8: means of 2x2 px."""
    return np.asarray(cv2.resize(chip, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def in_cells(alpha: U8) -> U8:
    """(150, 150) uint8 -> (38, 38) uint8: cell means, see CELLS."""
    edge = cv2.copyMakeBorder(alpha, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    assert edge.shape == (SIZE + 2, SIZE + 2)
    return np.asarray(cv2.resize(edge, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.uint8)


def on_chip(cells: U8) -> U8:
    """(38, 38) -> (150, 150) uint8: the way back, between cells in straight lines."""
    edge = cv2.resize(cells, (SIZE + 2, SIZE + 2), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(edge[1:-1, 1:-1])
