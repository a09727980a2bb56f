"""One photo -> a bare and a masked chip, placed, covered and photographed by chance.

Two drawing styles: ``drawn``, the virtual masks of ``maskwise.masks``, and ``flat``, plain shapes
over nose and mouth that have nothing in common with them but the place, so that the network does
not learn the look of one generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from maskwise import masks
from maskwise.align import DLIB_CHIP
from maskwise.masks import Mix
from maskwise.types import F64, U8, Chip, Landmarks, MaskSpec

Style = Literal["drawn", "flat"]
SIZE = DLIB_CHIP.size
_ROWS = Path(__file__).resolve().parent / "misplaced.csv"
_TYPES = (
    *((name, kind.frequency) for name, kind in masks.TYPES.items() if kind.frequency),
    ("shield", 0.3),
    ("nist-wide", 0.6),
    ("nist-round", 0.4),
)
_MIX = Mix(
    types=_TYPES,
    styles=(("proper", 8.0), ("under-nose", 1.5), ("slipped", 1.0), ("under-chin", 0.4)),
    coverage=None,
)


@dataclass(frozen=True)
class Recipe:
    """How often what happens to a chip.

    measured: share of masked chips that are misplaced as misplaced.csv has it; the others a
    little. bare_px, bare_deg, bare_size: standard deviations of a bare chip's place. photo: share
    of chips that are photographed worse (light, blur, size, JPEG, noise), masked; bare_photo:
    bare. flip: share of both mirrored. flat: share of masks in the style ``flat``.
    """

    measured: float = 0.5
    bare_px: float = 1.2
    bare_deg: float = 1.2
    bare_size: float = 0.02
    photo: float = 0.75
    bare_photo: float = 0.5
    flip: float = 0.5
    flat: float = 0.4


TRAINING = Recipe()
PLAIN = Recipe(1.0, 0.0, 0.0, 0.0, 0.25, 0.0, 0.0, 0.0)
"""For held-back photos: bare chips as they are, masked ones as masked photos are placed."""


@lru_cache(maxsize=1)
def _misplaced() -> npt.NDArray[np.float64]:
    return np.loadtxt(_ROWS, delimiter=",", skiprows=1)


def moved(transform: F64, shift: npt.ArrayLike, degrees: float, log_size: float) -> F64:
    """``transform`` (2, 3) to the chip, then turned and resized about its middle, and shifted."""
    angle, size = np.radians(degrees), np.exp(log_size)
    linear = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.full(2, SIZE / 2)
    after = np.column_stack([linear, middle - linear @ middle + np.asarray(shift, float)])
    return after @ np.vstack([transform, [0, 0, 1]])


def pair(
    photo: tuple[U8, npt.NDArray[np.float32], F64],
    rng: np.random.Generator,
    recipe: Recipe,
    designs: Sequence[MaskSpec],
    style: Style | None = None,
) -> tuple[U8, U8, Style]:
    """The bare and the masked chip, (150, 150, 3) uint8 RGB, and the style of the mask.

    photo: its pixels, its points, and the way to its chip, as ``chips.Faces`` has them. designs:
    masks to choose from; to paint one costs more than to lay it on a face. style: None: by chance.
    """
    pixels, points, to_chip = photo
    flip = rng.random() < recipe.flip
    spread = rng.normal(size=4)
    place = moved(
        to_chip,
        recipe.bare_px * spread[:2],
        recipe.bare_deg * spread[2],
        recipe.bare_size * spread[3],
    )
    bare = cut(pixels, place)
    if rng.random() < recipe.bare_photo:
        bare = photographed(bare, rng, 0.6)
    if rng.random() < recipe.measured:
        row = _misplaced()[rng.integers(len(_misplaced()))]
    else:
        row = rng.normal(size=4) * (2.0, 2.0, 2.0, 0.04)
    place = moved(to_chip, row[:2], row[2], row[3])
    chip = cut(pixels, place)
    on_chip = points @ place[:, :2].T + place[:, 2]
    if style is None:
        style = "flat" if rng.random() < recipe.flat else "drawn"
    if style == "flat":
        masked = flat_mask(chip, on_chip, rng)
    else:
        masked = _drawn(chip, on_chip, designs[rng.integers(len(designs))])
    if rng.random() < recipe.photo:
        masked = photographed(masked, rng, 1.0)
    if flip:
        bare, masked = bare[:, ::-1], masked[:, ::-1]
    return bare, masked, style


def cut(pixels: U8, place: F64) -> U8:
    """The chip, (150, 150, 3) uint8; place: (2, 3), px of ``pixels`` to px of the chip."""
    return cv2.warpAffine(pixels, place, (SIZE, SIZE), flags=cv2.INTER_LINEAR)


def _drawn(chip: U8, points: F64, spec: MaskSpec) -> U8:
    landmarks = Landmarks("dlib5", points.astype(np.float32))
    placed = Chip(chip, np.eye(2, 3), DLIB_CHIP, landmarks)
    return masks.wear_each([placed], [spec])[0][0]


def design(rng: np.random.Generator) -> MaskSpec:
    """A mask of the catalogue; a seventh in any colour at all."""
    if rng.random() < 0.15:
        color = "#{:02x}{:02x}{:02x}".format(*rng.integers(0, 256, 3))
        mix = Mix(types=_MIX.types, styles=_MIX.styles, colors=((color, 1.0),), coverage=(0.0, 1.0))
        return masks.random_spec(rng, mix=mix)
    return masks.random_spec(rng, mix=_MIX)


def flat_mask(chip: U8, points: F64, rng: np.random.Generator) -> U8:
    """The chip with a plain shape from the nose to the chin, in the face's own frame.

    Lengths in the frame are distances of the eyes; y down, nought between the eyes: nostrils at
    about 0.75, the chin at 1.9.
    """
    right, left = points[2:4].mean(0), points[0:2].mean(0)
    along = left - right
    eyes = (left + right) / 2
    down = np.array([-along[1], along[0]])
    lean = float((points[4] - eyes) @ along) / float(along @ along)
    outline = _outline(rng)
    outline[:, 0] += lean * np.clip(outline[:, 1], 0, 1.4)
    px = eyes + outline[:, :1] * along + outline[:, 1:] * down
    cover = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(cover, [np.round(px * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    if rng.random() < 0.4:
        for corner, side in ((px[0], -1), (px[-7 if len(px) == 15 else 0], 1)):
            ear = eyes + side * 1.25 * along + rng.uniform(0.0, 0.8) * down
            ends = [np.round(p * 16).astype(int).tolist() for p in (corner, ear)]
            cv2.line(cover, *ends, 255, int(rng.integers(1, 4)), cv2.LINE_AA, 4)
    if rng.random() < 0.5:
        cover = cv2.GaussianBlur(cover, (0, 0), float(rng.uniform(0.5, 1.6)))
    alpha = (cover / np.float32(255))[..., None]
    paint = _paint(chip, cover, rng)
    return np.clip(chip * (1 - alpha) + paint * alpha + 0.5, 0, 255).astype(np.uint8)


def _outline(rng: np.random.Generator) -> F64:
    """(K, 2): a closed shape in the face's frame, the upper edge first."""
    top = rng.uniform(0.2, 0.62) if rng.random() < 0.85 else rng.uniform(0.62, 0.9)
    side = rng.uniform(0.15, 0.75)
    wide = rng.uniform(0.7, 1.25)
    low = rng.uniform(1.65, 2.3)
    if rng.random() < 0.2:  # an ellipse
        wide = max(wide, 0.8)
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        middle = (top + low) / 2
        return np.column_stack([wide * np.cos(angle), middle + (low - top) / 2 * np.sin(angle)])
    x = np.linspace(-1, 1, 9)
    power = rng.uniform(0.8, 3)
    upper = np.column_stack([wide * x, top + (side - top) * np.abs(x) ** power])
    jaw, chin = rng.uniform(0.5, 0.95), rng.uniform(0.1, 0.6)
    corner = rng.uniform(1.1, 1.7)
    right = [[wide, corner - 0.3], [wide * jaw, corner + 0.1], [wide * chin, low]]
    lower = np.array([*right, *([-a, b] for a, b in reversed(right))])
    out = np.vstack([upper, lower])
    return out + rng.normal(0, 0.035, out.shape)


_USUAL = ((240, 240, 238), (160, 195, 225), (40, 42, 48), (120, 190, 180), (123, 117, 104))


def _color(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    if rng.random() < 0.5:
        base = np.array(_USUAL[rng.integers(len(_USUAL))]) + rng.normal(0, 10, 3)
        return np.clip(base, 0, 255).astype(np.float32)
    return rng.uniform(0, 255, 3).astype(np.float32)


def _paint(chip: U8, cover: U8, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """(150, 150, 3) float32: what the shape is filled with."""
    paint = np.empty((SIZE, SIZE, 3), np.float32)
    paint[:] = _color(rng)
    kind = rng.random()
    if kind < 0.15:  # black, grey or what the photo has about there
        paint[:] = (0, 128, chip[cover == 0].mean(0))[rng.integers(3)]
    elif kind < 0.35:  # patches
        for _ in range(rng.integers(1, 7)):
            at, half = rng.uniform(30, 140, 2), rng.uniform(4, 40, 2)
            low, high = np.clip([at - half, at + half], 0, SIZE).astype(int)
            paint[low[1] : high[1], low[0] : high[0]] = _color(rng)
    elif kind < 0.5:  # stripes
        angle, step = rng.uniform(0, np.pi), rng.uniform(2, 14)
        y, x = np.mgrid[:SIZE, :SIZE]
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) / step)
        paint[wave > rng.uniform(-0.6, 0.6)] = _color(rng)
    elif kind < 0.6:  # noise in blobs
        cells = int(rng.integers(3, 40))
        noise = rng.uniform(-1, 1, (cells, cells, 3)).astype(np.float32)
        paint += rng.uniform(10, 90) * cv2.resize(noise, (SIZE, SIZE))
    if rng.random() < 0.6:  # light from one side
        slope = rng.normal(0, 0.25, 2)
        ramp = np.linspace(-1, 1, SIZE, dtype=np.float32)
        paint *= (1 + slope[0] * ramp[None, :] + slope[1] * ramp[:, None])[..., None]
    if rng.random() < 0.35:  # the light of the face beneath, without its features
        grey = cv2.resize(
            cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY), (6, 6), interpolation=cv2.INTER_AREA
        )
        grey = cv2.resize(grey, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        paint *= (grey / max(float(grey.mean()), 1.0))[..., None].astype(np.float32)
    if rng.random() < 0.5:
        paint += rng.normal(0, rng.uniform(1, 8), (SIZE, SIZE, 1)).astype(np.float32)
    return paint


def photographed(chip: U8, rng: np.random.Generator, strength: float) -> U8:
    """The chip under other light and by a worse camera; strength: 0..1."""
    if rng.random() < 0.7:
        chip = _lit(chip, rng, strength)
    if rng.random() < 0.05:
        chip = cv2.cvtColor(cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.3 * strength + 0.1:
        side = round(SIZE * np.exp(rng.uniform(np.log(1 - 0.7 * strength), 0)))
        small = cv2.resize(chip, (side, side), interpolation=cv2.INTER_AREA)
        how = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(2)]
        chip = cv2.resize(small, (SIZE, SIZE), interpolation=how)
    if rng.random() < 0.25:
        sigma = rng.uniform(0.3, 0.4 + 1.4 * strength, 2)
        chip = cv2.GaussianBlur(chip, (0, 0), sigmaX=float(sigma[0]), sigmaY=float(sigma[1]))
    if rng.random() < 0.15:
        noise = np.empty((SIZE, SIZE, 3), np.int16)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, 0, float(rng.uniform(1, 12 * strength)))
        chip = cv2.add(chip, noise, dtype=cv2.CV_8U)
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(round(90 - 60 * strength), 96))]
        bgr = cv2.cvtColor(chip, cv2.COLOR_RGB2BGR)
        bgr = cv2.imdecode(cv2.imencode(".jpg", bgr, quality)[1], cv2.IMREAD_COLOR)
        chip = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return chip


def _lit(chip: U8, rng: np.random.Generator, strength: float) -> U8:
    gain = 1 + rng.normal(0, 0.12 * strength) + rng.normal(0, 0.05 * strength, 3)
    gamma = np.exp(rng.normal(0, 0.22 * strength))
    offset = rng.normal(0, 8 * strength)
    ramp = (np.arange(256) / 255.0) ** gamma
    table = np.clip(255 * ramp[:, None] * gain + offset, 0, 255).astype(np.uint8)
    return cv2.LUT(chip, table[None])
