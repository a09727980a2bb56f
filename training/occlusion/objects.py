"""What else may lie over a face, or look as if it did: hands, things, beards, shadows, glasses.

Drawn so that the network meets a covered mouth without a mask, and a bare one that looks strange.
Every function takes a chip, the face's frame and a generator, and gives the chip (150, 150, 3)
uint8 RGB and what is covered, (150, 150) uint8: nought where the face itself still shows, as under
a beard, in a shadow or behind clear glasses. Shapes and colours are by eye.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from maskwise.types import F32, F64, U8


class Frame:
    """The face's own frame: nought between the eyes, x to the right of the picture, y down, in
    distances of the eyes: the nose ends at about 0.75, the mouth is at 1.15, the chin at 1.9.

    points: (5, 2) px, of dlib5.
    """

    def __init__(self, points: F64) -> None:
        right, left = points[2:4].mean(0), points[0:2].mean(0)
        self.origin = (left + right) / 2
        self.along = left - right
        self.down = np.array([-self.along[1], self.along[0]])
        self.unit = float(np.hypot(*self.along))
        self.lean = float((points[4] - self.origin) @ self.along) / self.unit**2

    def px(self, places: npt.ArrayLike) -> F64:
        """(K, 2) places of the frame -> px; what lies lower leans as the nose does."""
        at = np.atleast_2d(np.asarray(places, float)).copy()
        at[:, 0] += self.lean * np.clip(at[:, 1], 0, 1.4)
        return self.origin + at[:, :1] * self.along + at[:, 1:] * self.down


Drawn = tuple[U8, U8]


def filled(shape: tuple[int, int], outline: F64, soft: float = 0.6) -> U8:
    """(H, W) uint8: the inside of (K, 2) px, its edge softened by ``soft`` px."""
    cover = np.zeros(shape, np.uint8)
    cv2.fillPoly(cover, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(cover, (0, 0), soft) if soft > 0.3 else cover


def capsule(shape: tuple[int, int], ends: F64, width: float) -> U8:
    """(H, W) uint8: a line with round ends between two px, ``width`` px wide."""
    cover = np.zeros(shape, np.uint8)
    start, end = (np.round(p * 16).astype(int).tolist() for p in ends)
    cv2.line(cover, start, end, 255, max(1, round(width)), cv2.LINE_AA, 4)
    return cover


def laid(chip: U8, cover: U8, paint: npt.ArrayLike) -> U8:
    """``paint``, a colour or (H, W, 3), on the chip where ``cover`` says so."""
    share = (cover / np.float32(255))[..., None]
    mixed = chip * (1 - share) + np.asarray(paint, np.float32) * share
    return np.asarray(np.clip(mixed + 0.5, 0, 255), np.uint8)


def blobs(size: int, cells: int, rng: np.random.Generator) -> F32:
    """(size, size) float32, -1..1: noise of ``cells`` cells a side."""
    noise = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)


def ellipse(middle: npt.ArrayLike, radii: npt.ArrayLike, turn: float = 0.0) -> F64:
    """(24, 2): an outline in the frame."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    x, y = np.cos(angle) * np.asarray(radii)[0], np.sin(angle) * np.asarray(radii)[1]
    turned = np.column_stack(
        [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)]
    )
    return np.asarray(turned + np.asarray(middle), np.float64)


def skin(chip: U8, frame: Frame, rng: np.random.Generator) -> F32:
    """The colour of the forehead or a cheek, a little other."""
    spots = frame.px([(0, -0.35), (-0.45, 0.6), (0.45, 0.6), (0, 0.45)])
    inside = np.clip(np.round(spots), 2, chip.shape[0] - 3).astype(int)
    x, y = inside[rng.integers(len(inside))]
    base = chip[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(0)
    return np.asarray(base * rng.uniform(0.7, 1.2) * rng.normal(1, 0.05, 3), np.float32)


def hand(chip: U8, frame: Frame, rng: np.random.Generator) -> Drawn:
    """A hand on mouth or chin: arm, palm and three to five fingers, open or curled."""
    shape = chip.shape[:2]
    tone = skin(chip, frame, rng)
    side = rng.choice((-1.0, 1.0))
    palm = np.array([side * rng.uniform(-0.1, 0.65), rng.uniform(1.1, 1.85)])
    toward = np.radians(rng.uniform(-80, 50)) if rng.random() < 0.8 else rng.uniform(-np.pi, np.pi)
    # Fingers point up and over to the other cheek.
    point = np.array([-side * np.cos(toward), np.sin(toward)])
    across = np.array([-point[1], point[0]])
    wide = rng.uniform(0.15, 0.23)
    count = int(rng.integers(3, 6))
    long = rng.uniform(0.25, 0.45) if rng.random() < 0.3 else rng.uniform(0.5, 1.0)
    fan = rng.uniform(0.0, 0.35)
    parts = [(palm - point * 2.0, palm, rng.uniform(0.45, 0.6)), (palm, palm + across * 0.1, 0.62)]
    for k in range(count):
        at = k - (count - 1) / 2
        root = palm + across * at * wide * 1.02 + point * 0.15
        way = point + across * at * fan + rng.normal(0, 0.05, 2)
        parts.append((root, root + way * long * rng.uniform(0.8, 1.1), wide))
    thumb = across * rng.choice((-1.0, 1.0))
    parts.append((palm + thumb * 0.25, palm + thumb * 0.5 + point * rng.uniform(0.0, 0.5), wide))
    cover = np.zeros(shape, np.uint8)
    out = chip
    grain = 1 + 0.08 * blobs(shape[0], 9, rng) + 0.03 * blobs(shape[0], 60, rng)
    light = rng.uniform(0.15, 0.45)
    for start, end, width in parts:
        limb = capsule(shape, frame.px([start, end]), width * frame.unit)
        if not limb.any():
            continue
        deep = cv2.distanceTransform((limb > 127).astype(np.uint8), cv2.DIST_L2, 3)
        shade = 1 - light + light * np.sqrt(np.clip(deep / max(float(deep.max()), 1), 0, 1))
        limb = cv2.GaussianBlur(limb, (0, 0), 0.7)
        out = laid(out, limb, tone * (shade * grain)[..., None])
        cover = cv2.max(cover, limb)
    return out, cover


def microphone(chip: U8, frame: Frame, rng: np.random.Generator) -> Drawn:
    """A ball of foam or wire on a stick, before mouth or chin."""
    shape = chip.shape[:2]
    middle = np.array([rng.uniform(-0.7, 0.7), rng.uniform(1.1, 2.0)])
    radius = rng.uniform(0.16, 0.42)
    foot = middle + np.array([rng.uniform(-0.8, 0.8), 1.5])
    tone = rng.uniform(10, 70) * np.ones(3) if rng.random() < 0.75 else rng.uniform(0, 255, 3)
    stick = capsule(shape, frame.px([middle, foot]), rng.uniform(0.15, 0.8) * radius * frame.unit)
    out = laid(chip, stick, tone * rng.uniform(0.5, 1.6))
    ball = filled(shape, frame.px(ellipse(middle, (radius, radius * rng.uniform(0.9, 1.5)))), 0.8)
    deep = cv2.distanceTransform((ball > 127).astype(np.uint8), cv2.DIST_L2, 3)
    shade = 0.6 + 0.7 * np.clip(deep / max(float(deep.max()), 1), 0, 1)
    shade *= 1 + rng.uniform(0.02, 0.3) * blobs(shape[0], int(rng.integers(30, 75)), rng)
    return laid(out, ball, tone * shade[..., None]), cv2.max(stick, ball)


def thing(chip: U8, frame: Frame, rng: np.random.Generator) -> Drawn:
    """A cup, a phone, a book, a ball: a shape of one to three colours before the lower face."""
    shape = chip.shape[:2]
    middle = np.array([rng.uniform(-0.6, 0.6), rng.uniform(0.9, 1.9)])
    half = rng.uniform(0.2, 0.6, 2) * (1, 1.3)
    if rng.random() < 0.25:
        outline = ellipse(middle, half, rng.uniform(0, np.pi))
    else:
        taper = rng.uniform(0.6, 1.1)
        box = np.array([(-1, -1), (1, -1), (taper, 1), (-taper, 1)]) * half
        turn = rng.normal(0, 0.35)
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        outline = box @ spin.T + middle
    cover = filled(shape, frame.px(outline), rng.uniform(0.4, 1.2))
    paint = np.empty((*shape, 3), np.float32)
    paint[:] = rng.uniform(0, 255, 3) if rng.random() < 0.6 else rng.uniform(0, 255)
    for _ in range(rng.integers(0, 3)):
        at = middle + rng.normal(0, 0.25, 2)
        mark = filled(shape, frame.px(ellipse(at, rng.uniform(0.05, 0.3, 2))), 0.4)
        paint = laid(paint.clip(0, 255).astype(np.uint8), mark, rng.uniform(0, 255, 3)) * 1.0
    round_ = np.linspace(-1, 1, shape[1], dtype=np.float32) * rng.normal(0, 0.4) + 1
    paint *= round_[None, :, None]
    if rng.random() < 0.4:
        fingers, held = hand(chip, frame, rng)
        return laid(fingers, cover, paint), cv2.max(cover, held)
    return laid(chip, cover, paint), cover


def sunglasses(chip: U8, frame: Frame, rng: np.random.Generator) -> Drawn:
    """Dark lenses (they cover) or clear ones in a frame (they do not)."""
    shape = chip.shape[:2]
    dark = rng.random() < 0.5
    radii = rng.uniform((0.3, 0.2), (0.46, 0.36))
    drop = rng.uniform(0.0, 0.12)
    rim = rng.uniform(0, 90, 3) if rng.random() < 0.7 else rng.uniform(0, 255, 3)
    cover = np.zeros(shape, np.uint8)
    out = chip
    wire = int(rng.integers(1, 4))
    for side in (-1, 1):
        middle = np.array([side * 0.5, drop])
        outline = ellipse(middle, radii)
        if rng.random() < 0.5:  # squarer
            outline = outline - middle
            outline = np.sign(outline) * np.abs(outline / radii) ** 0.6 * radii
            outline = outline + middle
        px = frame.px(outline)
        if dark:
            lens = filled(shape, px, 0.5)
            tint = rng.uniform(0, 60) + 25 * blobs(shape[0], 4, rng)
            out = laid(out, (lens * rng.uniform(0.85, 1.0)).astype(np.uint8), tint[..., None])
            cover = cv2.max(cover, lens)
        drawn = out.copy()
        corners = [np.round(px * 16).astype(np.int32)]
        cv2.polylines(drawn, corners, True, rim.tolist(), wire, cv2.LINE_AA, 4)
        ends = frame.px([(side * (0.5 + radii[0]), drop), (side * 1.2, drop - 0.05)])
        start, end = (np.round(p * 16).astype(int).tolist() for p in ends)
        cv2.line(drawn, start, end, rim.tolist(), wire, cv2.LINE_AA, 4)
        out = drawn
    return out, cover


def beard(chip: U8, frame: Frame, rng: np.random.Generator) -> Drawn:
    """Hair about mouth and chin: covers nothing."""
    shape = chip.shape[:2]
    wide, high = rng.uniform(0.6, 0.95), rng.uniform(0.7, 1.2)
    low = rng.uniform(1.75, 2.4)
    left = [(-wide, high), (-wide * 0.95, 1.4), (-wide * 0.6, low * 0.92), (0, low)]
    inner = rng.uniform(0.3, 0.6)
    lip = rng.uniform(0.82, 0.92)
    top = [(wide * 0.8, high + 0.1), (inner, 1.1), (inner * 0.8, lip), (0, lip)]
    outline = [*left, *((-x, y) for x, y in left[-2::-1]), *top, *((-x, y) for x, y in top[-2::-1])]
    cover = filled(shape, frame.px(outline), rng.uniform(1.5, 4.0)).astype(np.float32)
    mouth = filled(shape, frame.px(ellipse((0, 1.2), (0.28, rng.uniform(0.06, 0.13)))), 1.5)
    cover *= 1 - mouth / np.float32(255)
    fine = cv2.resize(
        rng.uniform(-1, 1, (25, 75)).astype(np.float32), shape, interpolation=cv2.INTER_LINEAR
    )
    cover *= np.clip(rng.uniform(0.55, 0.95) + 0.25 * fine, 0, 1)
    tones = ((30, 24, 20), (70, 50, 35), (120, 75, 45), (150, 145, 140), (215, 212, 208))
    tone = np.array(tones[rng.integers(len(tones))]) * rng.uniform(0.8, 1.15)
    hair = tone * (1 + 0.3 * fine)[..., None]
    return laid(chip, cover.astype(np.uint8), hair), np.zeros(shape, np.uint8)


def shadow(chip: U8, frame: Frame, rng: np.random.Generator) -> Drawn:
    """Half of the face in the dark, or in coloured light: covers nothing."""
    side = chip.shape[0]
    middle = frame.px([(0, rng.uniform(0.3, 1.0))])[0]
    angle = np.radians(rng.normal(90, 35))
    y, x = np.mgrid[:side, :side].astype(np.float32)
    far = (x - middle[0]) * np.cos(angle) + (y - middle[1]) * np.sin(angle)
    share = 1 / (1 + np.exp(-np.clip(far / rng.uniform(0.5, 14), -30, 30)))
    dim = rng.uniform(0.15, 0.7) * rng.normal(1, 0.12 if rng.random() < 0.5 else 0.02, 3)
    out = chip * (1 + share[..., None] * (dim - 1))
    return np.clip(out + 0.5, 0, 255).astype(np.uint8), np.zeros((side, side), np.uint8)


def open_mouth(chip: U8, frame: Frame, rng: np.random.Generator) -> Drawn:
    """A dark mouth with teeth: covers nothing."""
    shape = chip.shape[:2]
    middle, radii = (0, rng.uniform(1.2, 1.35)), rng.uniform((0.15, 0.08), (0.36, 0.32))
    hole = filled(shape, frame.px(ellipse(middle, radii)), 1.0)
    rim = filled(shape, frame.px(ellipse(middle, radii * 1.25)), 1.2)
    out = laid(chip, rim, np.array([150, 80, 75]) * rng.uniform(0.6, 1.2))
    out = laid(out, hole, np.array([60, 22, 20]) * rng.uniform(0.5, 1.5))
    if rng.random() < 0.6:
        row = (middle[0], middle[1] - radii[1] * 0.6)
        teeth = filled(shape, frame.px(ellipse(row, radii * (0.7, 0.3))), 0.8)
        out = laid(out, cv2.min(teeth, hole), (225, 220, 205))
    return out, np.zeros(shape, np.uint8)


ON_THE_FACE: tuple[tuple[Callable[[U8, Frame, np.random.Generator], Drawn], float], ...] = (
    (hand, 5.0),
    (microphone, 2.5),
    (thing, 2.0),
    (beard, 2.5),
    (shadow, 2.0),
    (open_mouth, 1.0),
    (sunglasses, 1.5),
)
"""What a bare face may have, and how often."""


def some(
    chip: U8,
    frame: Frame,
    rng: np.random.Generator,
    choices: tuple[tuple[Callable[[U8, Frame, np.random.Generator], Drawn], float], ...],
) -> Drawn:
    """One of ``choices``."""
    weights = np.array([weight for _, weight in choices])
    chosen = choices[int(rng.choice(len(choices), p=weights / weights.sum()))][0]
    return chosen(chip, frame, rng)
