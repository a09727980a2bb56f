"""Draw one photo of a synthetic person: head from the face model, the rest procedural.

``Person`` says who, ``Shot`` says how the photo was taken; ``photo`` draws it. Layers from the
back: background, long hair, neck and clothes, head. All lengths are px of the model's frame
(192 x 224, see photos.py) until the last warp.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from correspond import FACE, ellipse
from model import EVEN, ODD, SHAPES, mirrored
from photos import HEIGHT, WIDTH, WORK

from maskwise.types import F32, F64, U8

W, H = 240, 300
DX, DY = 24, 30
"""The drawing frame: the model's frame with a margin, its origin at (DX, DY)."""
OUT_W, OUT_H = 256, 320
FY, FX = np.mgrid[:H, :W].astype(np.float32)

SKIN = np.array(
    [
        [238, 204, 184],
        [226, 186, 160],
        [206, 160, 130],
        [176, 128, 98],
        [138, 94, 68],
        [104, 69, 51],
    ],
    np.float64,
)
"""Skin colours from light to dark (sRGB) that a person's cheeks are brought to."""
CHEEKS = np.maximum(ellipse(72, 138, 9, 9, 2), ellipse(120, 138, 9, 9, 2))


WOMEN = frozenset(
    """
    Alice Alicia Amanda Amy Ana Andrea Angela Anna Anne Barbara Carmen Carolina Catherine Charlotte
    Christina Christine Cindy Claire Claudia Diana Elizabeth Emma Gloria Heather Jacqueline Jane
    Janet Jean Jelena Jennifer Jessica Joan Julia Julianne Julie Justine Karen Kate Katherine Kelly
    Kim Kristin Laura Lindsay Lisa Liza Lucy Maria Martha Martina Mary Michelle Monica Nancy Naomi
    Natalie Nicole Pamela Patricia Paula Rachel Renee Rosa Sally Sandra Sarah Serena Sharon Sheila
    Shirley Sophia Susan Teresa Tina Tracy Vanessa Vicki
    """.split()  # noqa: SIM905
)
"""First names that are mostly women's: enough photos to find the model's axis of sex."""


@dataclass(frozen=True, eq=False)
class Person:
    """even, shape: of the face model, in standard deviations. tone: 0 light .. 1 dark.
    hair: rgb. long: how far hair falls, 0 short .. 1 below the shoulders. seed: of the details.
    """

    even: F32
    shape: F32
    tone: float
    hair: tuple[float, float, float]
    long: float
    seed: int


@dataclass(frozen=True, eq=False)
class Shot:
    """Everything that changes between two photos of one person."""

    odd: F32
    even: F32
    shape: F32
    yaw: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    light: tuple[float, float] = (0.0, -0.1)
    warmth: float = 0.0
    exposure: float = 1.0
    smile: float = 0.0
    jaw: float = 0.0
    brows: float = 0.0
    blur: float = 0.5
    noise: float = 2.0
    seed: int = 0


@dataclass
class Model:
    """work/model.npz, opened once."""

    data: dict[str, Any] = field(default_factory=lambda: dict(np.load(WORK / "model.npz")))

    def texture(self, even: F32, odd: F32) -> F32:
        """(224, 192, 4) float32: colour and matte of the shape-free head."""
        d = self.data
        weights, half = even * d["even_dev"], WIDTH // 2
        inner = FACE[:, :half, None]
        # Hair and outline are no smooth function of many components: they take the first few.
        outline = np.tensordot(weights[:10], d["even"][:10, ..., 3:].astype(np.float32), 1)
        hair = np.tensordot(weights[:36], d["even"][:36, ..., :3].astype(np.float32), 1)
        face = hair + inner * np.tensordot(
            weights[36:], d["even"][36:, ..., :3].astype(np.float32), 1
        )
        left = d["even_mean"] + np.concatenate([face, outline], axis=2)
        side = np.tensordot(odd * d["odd_dev"], d["odd"].astype(np.float32), 1)
        side = side * (inner * [1, 1, 1, 0])
        both = np.concatenate([left + side, mirrored(left - side)], axis=1)
        return np.asarray(both, np.float32)

    @cached_property
    def usual(self) -> F32:
        """(224, 192, 3) float32: the colours of the mean head."""
        return self.texture(np.zeros(EVEN, np.float32), np.zeros(ODD, np.float32))[..., :3]

    @cached_property
    def sex(self) -> F64:
        """Unit axis in (even, shape) scores from men to women, by first names of the photos."""
        d = self.data
        scores = np.hstack([d["even_scores"], d["shape_scores"]])
        women = np.array([name.split("_")[0] in WOMEN for name in d["people"]])
        axis = (scores[women].mean(0) - scores[~women].mean(0)).astype(np.float64)
        return axis / np.linalg.norm(axis)

    @cached_property
    def _cheeks(self) -> tuple[F32, F64]:
        """The luminance of cheeks a unit of each even score, and its sorted values."""
        d = self.data
        weight = CHEEKS[:, : WIDTH // 2, None] / CHEEKS[:, : WIDTH // 2].sum() / 3
        each = (d["even"][..., :3].astype(np.float32) * weight).sum((1, 2, 3)) * d["even_dev"]
        return each, np.sort(d["even_scores"] @ each)

    def darkness(self, even: F32) -> float:
        """0..1: how dark the cheeks are among the photos; the ends are spread out a little."""
        each, ordered = self._cheeks
        rank = np.searchsorted(ordered, 1.25 * float(even @ each)) / len(ordered)
        return float(1 - rank)

    def flow(self, shape: F32) -> F32:
        """(224, 192, 2) float32: from the mean face to the person's."""
        d = self.data
        out = d["shape_mean"] + np.tensordot(shape * d["shape_dev"], d["shapes"], 1)
        return np.asarray(out, np.float32)


def noise(rng: np.random.Generator, sigma: float, size: tuple[int, int] = (H, W)) -> F32:
    """Gaussian noise blurred to ``sigma`` px, of unit deviation."""
    out = cv2.GaussianBlur(rng.normal(size=size).astype(np.float32), (0, 0), sigma)
    return (out - out.mean()) / out.std()


def padded(plane: F32, border: int = cv2.BORDER_REPLICATE) -> F32:
    """From the model's frame to the drawing frame."""
    return np.asarray(
        cv2.copyMakeBorder(plane, DY, H - HEIGHT - DY, DX, W - WIDTH - DX, border), np.float32
    )


def bump(x: float, y: float, rx: float, ry: float) -> F32:
    """A smooth hill of height 1 at a place of the model's frame, in the drawing frame."""
    d = ((FX - x - DX) / rx) ** 2 + ((FY - y - DY) / ry) ** 2
    return np.exp(-d).astype(np.float32)


def inverse(flow: F32, rounds: int = 8) -> F32:
    """The field that undoes ``flow``: g(p) = -flow(p + g(p))."""
    back = np.zeros_like(flow)
    for _ in range(rounds):
        back = -cv2.remap(flow, FX + back[..., 0], FY + back[..., 1], cv2.INTER_LINEAR)
    return back


def expression(shot: Shot) -> F32:
    """Where points of the mean face go when the person smiles, opens the jaw, lifts the brows."""
    out = np.zeros((H, W, 2), np.float32)
    for side in (-1, 1):
        corner = bump(96 + side * 22, 154, 15, 12)
        out[..., 0] += side * 2.6 * shot.smile * corner
        out[..., 1] -= 2.4 * shot.smile * corner
        out[..., 1] -= 1.0 * shot.smile * bump(96 + side * 26, 128, 16, 12)
        out[..., 1] -= 2.4 * shot.brows * bump(96 + side * 25, 92, 20, 10)
    out[..., 1] += 2.6 * shot.jaw * bump(96, 172, 34, 20)
    return out


def calmed(texture: F32, usual: F32) -> F32:
    """Most of each pixel's hue from the mean face: draws have casts of other photos' lamps."""

    def hue(colour: F32) -> F32:
        return np.asarray(colour / np.clip(colour.mean(2, keepdims=True), 12, None), np.float32)

    luma = np.clip(texture[..., :3], 0, 255).mean(2, keepdims=True)
    # Shadows lose their colour's strength, or dark eyes and nostrils glow.
    fade = np.clip(luma / 70, 0.35, 1)
    mixed = 1 + (0.78 * hue(usual) + 0.22 * hue(texture[..., :3]) - 1) * fade
    inner = ellipse(96, 122, 57, 80, 3)[..., None]
    colour = texture[..., :3] + inner * (luma * mixed - texture[..., :3])
    return np.dstack([colour, texture[..., 3:]]).astype(np.float32)


def toned(texture: F32, tone: float) -> F32:
    """Bring the cheeks to the skin colour ``tone`` by a gamma a channel: black and white stay."""
    now = (texture[..., :3] * CHEEKS[..., None]).sum((0, 1)) / CHEEKS.sum()
    at = tone * (len(SKIN) - 1)
    want = np.array([np.interp(at, range(len(SKIN)), SKIN[:, c]) for c in range(3)])
    gamma = np.log(want / 255) / np.log(np.clip(now, 20, 245) / 255)
    colour = 255 * np.power(np.clip(texture[..., :3], 1, 255) / 255, np.clip(gamma, 0.7, 1.6))
    return np.dstack([colour, texture[..., 3:]]).astype(np.float32)


def strands(rng: np.random.Generator, long: bool) -> F32:
    """Soft streaks of unit deviation that run as hair does: over the crown, or down the sides."""
    if long:
        streaks = cv2.GaussianBlur(rng.normal(size=(64, 900)), (0, 0), sigmaX=1.6, sigmaY=14)
        columns = 450 + 1.5 * (FX - 96 - DX) + 7 * np.sin(FY / 29.0)
        rows = np.mod(FY / 6, 63)
    else:
        streaks = cv2.GaussianBlur(rng.normal(size=(400, 300)), (0, 0), sigmaX=11, sigmaY=1.3)
        cx, cy = 96 + DX, 92 + DY
        angle = np.arctan2(FX - cx, cy - FY)
        columns = 150 + angle * 40
        rows = np.hypot(FX - cx, (FY - cy) * 0.85) * 1.6 + 12 * angle
    where = (columns.astype(np.float32), rows.astype(np.float32))
    out = cv2.remap(streaks.astype(np.float32), *where, cv2.INTER_LINEAR, None, cv2.BORDER_WRAP)
    return np.asarray((out - out.mean()) / out.std(), np.float32)


def sigmoid(x: F32) -> F32:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def cap_of_hair(
    rng: np.random.Generator, person: Person, colour: F32, alpha: F32
) -> tuple[F32, F32]:
    """Ears, and hair with a volume of its own over the model's."""
    x, y = FX - 96 - DX, FY - DY
    volume, line = rng.uniform(0.0, 5.0), rng.uniform(50, 60)
    parting, fringe = rng.uniform(-20, 20), rng.uniform(0, 9) * (person.long > 0)
    rise = rng.uniform(-0.10, 0.10)
    streak = strands(rng, long=False)
    if person.long == 0:
        skin = (colour * padded(CHEEKS)[..., None]).sum((0, 1)) / padded(CHEEKS).sum()
        ear = np.hypot((np.abs(x) - 58) / 8, (y - 126 - 0.12 * np.abs(x)) / 18)
        rim = 0.86 - 0.24 * np.exp(-(((ear - 0.45) / 0.3) ** 2))
        behind = sigmoid((1 - ear) * 8)
        colour = over(
            colour, (0.84 * skin * rim[..., None]).astype(np.float32), behind * (1 - alpha)
        )
        alpha = np.maximum(alpha, behind)
    wide, tall = np.abs(x) / (59.5 + volume), np.abs(y - 106) / (78 + 1.6 * volume)
    outer = np.power(wide**2.25 + tall**2.25, 1 / 2.25) - 1
    cover = sigmoid((-outer * 60 + 0.5 * streak) / 1.6)
    # The hairline: an oval about the face, higher over the temples, lower where it is parted.
    inner = np.abs(x - 0.12 * parting) / 47.5
    height = np.where(y < 122, (122 - y) / (122 - line), (y - 122) / 90)
    edge = np.power(inner**2.6 + np.clip(height, 0, None) ** 2.6, 1 / 2.6) - 1
    edge = edge + rise * x / 50 + 0.010 * fringe * np.exp(-(((x - parting) / 22) ** 2))
    hair = sigmoid((edge * 50 - 3 + 1.5 * streak) / 3.2)
    burn = (124 if person.long == 0 else 165) + 5 * noise(rng, 9)
    hair = hair * cover * sigmoid((burn - y) / 6)
    shine = 1 + 0.30 * np.exp(-(((np.hypot(x, (y - 112) * 0.95) - 70) / 10) ** 2)) * np.exp(
        -(((x + parting) / 34) ** 2)
    )
    near = 0.78 + 0.34 * sigmoid((-outer * 57 - 4) / 4)
    tint = np.array(person.hair) * (shine * near * (1 + 0.13 * streak))[..., None]
    own = 0.72 * tint + 0.28 * np.minimum(colour, 1.6 * tint)
    colour = over(colour, own.astype(np.float32), hair.astype(np.float32))
    crown = sigmoid((118 - y) / 6)
    # The outline is the cap's above the ears, the model's below.
    return colour, alpha + crown * (cover - alpha)


def head(model: Model, person: Person, shot: Shot) -> tuple[F32, F32]:
    """(H, W, 3) colour and (H, W) matte of the head, in its own shape, before pose and light."""
    rng = np.random.default_rng(person.seed)
    texture = model.texture(person.even + shot.even, shot.odd)
    texture = toned(calmed(texture, model.usual), person.tone)
    colour, alpha = padded(texture[..., :3]), padded(texture[..., 3])
    # What the average of many photos has lost: edges at two scales, then pores.
    face = padded(FACE)
    inner = padded(ellipse(96, 128, 40, 46, 5), cv2.BORDER_CONSTANT)
    rough = colour.mean(2) - cv2.GaussianBlur(colour.mean(2), (0, 0), 9)
    contrast = np.sqrt((rough**2 * inner).sum() / inner.sum()) / max(
        float(colour[inner > 0.5].mean()), 60
    )
    lift = float(np.clip(0.105 / contrast, 0.75, 1.6)) - 1
    for sigma, amount in ((1.2, 1.2), (2.5, 0.4), (9.0, lift)):
        colour = colour + amount * face[..., None] * (
            colour - cv2.GaussianBlur(colour, (0, 0), sigma)
        )
    for side in (-1, 1):
        # Iris and a window's reflection: the mean of many gazes has none.
        iris = bump(96 + side * 24.2, 105.3, 4.0, 3.6)
        colour = colour * (1 - 0.38 * iris)[..., None]
        colour = colour + (46 * bump(96 + side * 24.2 + 1.2, 103.9, 1.1, 1.1))[..., None]
    grain = 0.6 * noise(rng, 0.8) + 0.6 * noise(rng, 1.8) + 0.5 * noise(rng, 4.0)
    colour = colour * (1 + 0.012 * face * grain)[..., None]
    # The matte: a firm, smooth edge.
    alpha = sigmoid((cv2.GaussianBlur(alpha, (0, 0), 3.0) - 122) / 11)
    colour, alpha = cap_of_hair(rng, person, colour, alpha)
    jaw = padded(ellipse(96, 126, 55, 73.5, 2.2), cv2.BORDER_CONSTANT)
    low = sigmoid((FY - DY - 140) / 6)
    alpha = alpha * (1 - low) + np.minimum(alpha, jaw) * low
    flow = padded(model.flow(person.shape + shot.shape)) + expression(shot)
    back = inverse(flow)
    # The matte follows the face's shape only.
    moved = [
        cv2.remap(
            p, FX + back[..., 0], FY + back[..., 1], cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE
        )
        for p in (colour.astype(np.float32), alpha.astype(np.float32))
    ]
    return np.clip(moved[0], 0, 255), np.clip(moved[1], 0, 1)


DEPTH = np.sqrt(
    np.clip(1 - ((FX - 96 - DX) / 84) ** 2 - ((FY - 112 - DY) / 112) ** 2, 0, 1)
) + 0.22 * bump(96, 134, 11, 15)


def posed(plane: F32, yaw: float) -> F32:
    """Turn the head a little: near points move more than far ones."""
    shift = (yaw * (DEPTH - 0.55)).astype(np.float32)
    return np.asarray(
        cv2.remap(plane, FX - shift, FY, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE), np.float32
    )


def shade(light: tuple[float, float]) -> F32:
    """(H, W) factor: a large soft lamp on a head-like ellipsoid."""
    nx, ny = (FX - 96 - DX) / 70, (FY - 118 - DY) / 96
    return np.asarray(1 + light[0] * np.tanh(1.1 * nx) + light[1] * np.tanh(1.1 * ny), np.float32)


def over(below: F32, colour: F32, alpha: F32) -> F32:
    return below + alpha[..., None] * (colour - below)


def background(rng: np.random.Generator) -> F32:
    """(H, W, 3): a wall, a studio cloth, a room or leaves, all out of focus."""
    kind = rng.choice(["studio", "room", "leaves", "wall"])
    if kind == "studio":
        base = np.array([[112, 118, 126], [168, 160, 150], [74, 86, 104], [150, 158, 166]])[
            rng.integers(4)
        ] * rng.uniform(0.85, 1.15)
        glow = bump(96 + rng.uniform(-40, 40), 110, 120, 120)
        out = base * (0.72 + 0.4 * glow + 0.03 * noise(rng, 22))[..., None]
    elif kind == "wall":
        base = np.array([[196, 190, 180], [176, 186, 186], [198, 182, 160]])[rng.integers(3)]
        slope = (FX / W - 0.5) * rng.uniform(-0.25, 0.25) + (FY / H - 0.5) * -0.12
        out = base * (0.95 + slope + 0.012 * noise(rng, 16))[..., None]
    else:
        cool = kind == "leaves"
        base = np.array([92, 112, 78] if cool else [142, 126, 108], np.float64)
        out = np.tile(base, (H, W, 1)) * (1 + 0.12 * noise(rng, 30))[..., None]
        for _ in range(45 if cool else 16):
            x, y, r = rng.uniform(0, W), rng.uniform(0, H), rng.uniform(7, 26)
            spot = base * rng.uniform(0.45, 1.7) + rng.normal(0, 10, 3)
            if cool:
                area = sigmoid((r - np.hypot(FX - x, FY - y)) / 2)
            else:
                tall = rng.uniform(1, 4)
                inside = np.maximum(np.abs(FX - x) / r, np.abs(FY - y) / (tall * r))
                area = sigmoid((1 - inside) * 12)
            out = over(out.astype(np.float32), spot.astype(np.float32), 0.55 * area)
        out = cv2.GaussianBlur(out.astype(np.float32), (0, 0), 5 if cool else 7)
    return np.clip(out, 0, 255).astype(np.float32)


CLOTHES = [
    (44, 52, 70), (30, 30, 34), (120, 46, 48), (66, 92, 118), (92, 98, 84), (188, 184, 176),
    (58, 80, 66), (146, 120, 96), (104, 84, 116), (210, 206, 200), (40, 70, 104), (96, 60, 44),
]  # fmt: skip


def clothes(canvas: F32, rng: np.random.Generator, skin: F32, shot: Shot) -> F32:
    """Neck, shoulders and one of three garments."""
    cx = 96 + DX + 0.3 * shot.yaw
    x = np.abs(FX - cx)
    width = rng.uniform(33, 37)
    neck_edge = width + 0.0022 * np.clip(FY - DY - 196, 0, None) ** 2
    neck = sigmoid((neck_edge - x) / 1.3) * sigmoid((FY - DY - 150) / 3)
    under = np.clip((FY - DY - 190) / 46, 0, 1)
    round_ = 1 - 0.24 * np.clip(x / width, 0, 1.3) ** 2.5
    tone = skin * (round_ * (0.80 + 0.18 * under) * (1 + 0.012 * noise(rng, 2.5)))[..., None]
    canvas = over(canvas, tone.astype(np.float32), neck)
    slope = rng.uniform(0.26, 0.36)
    line = 213 + DY + slope * np.clip(x - 38, 0, None) + 0.012 * np.clip(x - 74, 0, None) ** 2
    kind = rng.choice(["crew", "shirt", "jacket"])
    dip = {"crew": 15.0, "shirt": 27.0, "jacket": 40.0}[kind]
    if kind == "crew":
        line = line + dip * np.sqrt(np.clip(1 - (x / 42) ** 2, 0, 1))
    else:
        line = line + dip * np.clip(1 - x / 40, 0, 1) - 5 * bump(96, 213, 60, 30) * (x > 24)
    body = sigmoid((FY - line) / 1.2)
    colour = np.array(CLOTHES[rng.integers(len(CLOTHES))], np.float64)
    folds = 1 + 0.05 * noise(rng, 7) + 0.012 * noise(rng, 0.9)
    shape = 1.06 - 0.25 * (x / 120) ** 2
    cloth = colour * (folds * shape)[..., None]
    if kind == "crew":
        rim = np.exp(-(((FY - line - 5) / 1.6) ** 2)) * (x < 46)
        cloth = cloth * (1 - 0.16 * rim)[..., None]
    else:
        if kind == "jacket":
            shirt = np.array([[222, 224, 228], [178, 194, 212], [232, 226, 214]])[rng.integers(3)]
            inside = sigmoid((22 - x - 0.30 * (FY - DY - 219)) / 1.0) * sigmoid((FY - line) / 1.2)
            cloth = over(cloth.astype(np.float32), (shirt * folds[..., None]), inside)
        edge = np.abs(x - (40 - 0.62 * np.clip(FY - DY - 207, 0, None)))
        flap = np.exp(-((edge / 2.0) ** 2)) * (FY > DY + 205) * (x < 46)
        cloth = cloth * (1 - 0.22 * flap)[..., None]
        button = np.exp(-((x / 1.1) ** 2)) * (line + 2 < FY)
        cloth = cloth * (1 - 0.16 * button)[..., None]
    contact = 1 - 0.28 * np.exp(-np.clip(line - FY, 0, 99) / 5)
    canvas = canvas * (1 - neck * (1 - body) * (1 - contact))[..., None]
    return over(canvas, np.clip(cloth, 0, 255).astype(np.float32), body)


def long_hair(canvas: F32, person: Person) -> F32:
    """Hair that falls behind the neck, as wide as the head at the ears."""
    rng = np.random.default_rng(person.seed + 1)
    y = FY - DY
    x = np.abs(FX - 96 - DX + 2 * np.sin(y / 31 + person.seed % 7))
    foot = 172 + DY + 66 * person.long
    fall = np.clip((y - 100) / 90, 0, 1)
    half = 61 + 6 * np.sin(fall * np.pi * 0.7) + 5 * fall * person.long
    half = half * np.sqrt(np.clip(1 - np.clip((110 - y) / 70, 0, 1) ** 2, 0, 1)) - 2
    ragged = 1.5 * noise(rng, 9)
    ends = 6 * strands(rng, long=True)
    area = (
        sigmoid((half - x + ragged) / 1.8) * sigmoid((y - 50) / 2) * sigmoid((foot - FY + ends) / 9)
    )
    rounded = 1.12 - 0.34 * np.clip((half - x) / 20, 0, 1)
    streak = strands(rng, long=True)
    colour = np.array(person.hair) * (rounded * (1 + 0.12 * streak))[..., None]
    return over(canvas, np.clip(colour, 0, 255).astype(np.float32), area.astype(np.float32))


def photo(model: Model, person: Person, shot: Shot) -> U8:
    """(320, 256, 3) uint8 RGB."""
    rng = np.random.default_rng([person.seed, shot.seed])
    colour, alpha = head(model, person, shot)
    cheeks = padded(CHEEKS)
    skin = (colour * cheeks[..., None]).sum((0, 1)) / cheeks.sum()
    chin = padded(ellipse(96, 181, 16, 6, 2), cv2.BORDER_CONSTANT)
    below = (colour * chin[..., None]).sum((0, 1)) / chin.sum()
    lit = shade(shot.light)[..., None]
    scene = background(rng) / lit  # Only the person is lit by this lamp.
    scene_front = scene.copy()
    if person.long > 0:
        scene_front = long_hair(scene_front, person)
    scene_front = clothes(scene_front, rng, (0.6 * skin + 0.4 * below).astype(np.float32), shot)
    turned, matte = posed(colour, shot.yaw), np.clip(posed(alpha, shot.yaw), 0, 1)
    # The head's shadow on the neck.
    behind = sigmoid((np.abs(scene_front - scene).max(2) - 6) / 2)
    cast = cv2.GaussianBlur(np.roll(matte, 7, axis=0), (0, 0), 6) * sigmoid((FY - DY - 168) / 4)
    scene_front = scene_front * (1 - 0.24 * cast * behind)[..., None]
    front = over(scene_front, turned, matte)
    warm = np.array([1 + shot.warmth, 1 + 0.15 * shot.warmth, 1 - shot.warmth])
    picture = 118 + 1.10 * (front * lit * warm * shot.exposure - 118)
    turn = cv2.getRotationMatrix2D((96 + DX, 120 + DY), shot.roll, shot.scale * OUT_W / 214)
    turn[:, 2] += np.array([OUT_W / 2, OUT_H * 0.46]) - (96 + DX, 120 + DY) + np.array(shot.shift)
    picture = cv2.warpAffine(
        picture.astype(np.float32), turn, (OUT_W, OUT_H), flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )  # fmt: skip
    if shot.blur > 0:
        picture = cv2.GaussianBlur(picture, (0, 0), shot.blur)
    speck = noise(rng, 0.6, (OUT_H, OUT_W))[..., None] + 0.4 * rng.normal(size=(OUT_H, OUT_W, 3))
    return np.clip(picture + shot.noise * speck, 0, 255).astype(np.uint8)


HAIRS = [(30, 25, 23), (46, 34, 28), (70, 50, 38), (98, 74, 54), (142, 114, 82), (148, 146, 144)]


def random_person(rng: np.random.Generator, model: Model) -> Person:
    """A draw of the model, moved along its axis of sex to one side or the other.

    The skin is as light or dark as the draw's cheeks are among all draws' cheeks.
    """
    axis = model.sex
    z = np.clip(rng.normal(size=EVEN + SHAPES), -2.0, 2.0)
    woman = rng.random() < 0.5
    z += axis * ((1.5 if woman else -0.9) + 0.5 * rng.normal() - z @ axis)
    z[:EVEN] *= 0.80
    z[EVEN:] *= 0.75
    even, shape = z[:EVEN].astype(np.float32), z[EVEN:].astype(np.float32)
    tone = float(np.clip(model.darkness(even) + 0.08 * rng.normal(), 0, 1))
    dark = [0.72, 0.28, 0, 0, 0, 0] if tone > 0.62 else [0.28, 0.24, 0.2, 0.13, 0.08, 0.07]
    hair = np.array(HAIRS[rng.choice(len(HAIRS), p=dark)]) * rng.uniform(0.85, 1.15)
    long = float(rng.uniform(0.15, 1.0)) if woman and rng.random() < 0.85 else 0.0
    return Person(even, shape, tone, tuple(hair.tolist()), long, int(rng.integers(1 << 30)))


def plain_shot() -> Shot:
    """A passport photo: nothing turned, nothing moved."""
    return Shot(*(np.zeros(n, np.float32) for n in (ODD, EVEN, SHAPES)), noise=0.8)


def random_shot(rng: np.random.Generator, strength: float = 1.5) -> Shot:
    """Another photo: light, pose, expression, camera."""
    odd = np.clip(rng.normal(size=ODD), -1.8, 1.8) * 0.20 * strength
    return Shot(
        odd=odd.astype(np.float32),
        even=(rng.normal(size=EVEN) * 0.10 * strength).astype(np.float32),
        shape=(rng.normal(size=SHAPES) * 0.12 * strength).astype(np.float32),
        yaw=float(rng.uniform(-7, 7) * strength),
        roll=float(rng.uniform(-5, 5) * strength),
        scale=float(rng.uniform(0.93, 1.05)),
        shift=(float(rng.uniform(-8, 8)), float(rng.uniform(-5, 5))),
        light=(float(rng.uniform(-0.22, 0.22)), float(rng.uniform(-0.16, 0.02))),
        warmth=float(rng.uniform(-0.05, 0.07)),
        exposure=float(rng.uniform(0.88, 1.1)),
        smile=float(rng.uniform(-0.3, 0.7)),
        jaw=float(rng.uniform(-0.3, 0.5)),
        brows=float(rng.uniform(-0.5, 0.9)),
        blur=float(rng.uniform(0.35, 0.8)),
        noise=float(rng.uniform(0.5, 1.6)),
        seed=int(rng.integers(1 << 30)),
    )
