"""Tiles without a face: what looks like one, and what masks lie on."""

from __future__ import annotations

import cv2
import numpy as np
from packed import F32, SIDE, STYLES, U8, Photos

# Of the tiles without a face: what a first network took for one, signs and letters, masks that
# nobody wears, hands.
_TAKEN, _SIGNS, _ALONE, _HANDS = 0.35, 0.25, 0.1, 0.1


def empty_tile(photos: Photos, rng: np.random.Generator) -> U8:
    """No face: the surroundings of one, enlarged; often masks that nobody wears, or skin."""
    chance = rng.random()
    if chance < _TAKEN and len(photos.taken):
        return _taken(photos, rng)
    photo = int(rng.integers(len(photos.faces)))
    pixels, faces = photos.picture(photo), photos.faces[photo]
    out = _surroundings(pixels, faces[faces[:, 14] > 0], rng)
    chance -= _TAKEN
    if chance < _SIGNS:
        _signs(out, rng)
    elif chance < _SIGNS + _ALONE:
        out = _worn_by_nobody(out, rng)
    elif chance < _SIGNS + _ALONE + _HANDS:
        _limbs(out, rng)
    return out


def _taken(photos: Photos, rng: np.random.Generator) -> U8:
    """What was taken for a face, in the middle of some of its surroundings."""
    for _ in range(20):
        photo, *box = photos.taken[int(rng.integers(len(photos.taken)))]
        x1, y1, x2, y2 = (float(v) for v in box)
        centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
        half = max(x2 - x1, y2 - y1) * rng.uniform(0.6, 1.0)
        faces = photos.faces[int(photo)]
        faces = faces[faces[:, 14] > 0]
        apart = (faces[:, :2] >= centre + half).any(1) | (faces[:, 2:4] <= centre - half).any(1)
        if apart.all():
            break
    else:
        half = max(x2 - x1, y2 - y1) / 2
    factor = SIDE / 2 / half
    move = SIDE / 2 - factor * centre
    into = np.array([[factor, 0, move[0]], [0, factor, move[1]]])
    cut = cv2.warpAffine(
        photos.picture(int(photo)), into, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8)


def _signs(pixels: U8, rng: np.random.Generator) -> None:
    """Letters, strokes like those of Chinese signs, squares of a QR code, rings and spokes."""
    paper, ink = (tuple(float(v) for v in rng.uniform(0, 255, 3)) for _ in range(2))
    for _ in range(int(rng.integers(1, 4))):
        size = float(np.exp(rng.uniform(np.log(20), np.log(160))))
        x, y = (int(v) for v in rng.uniform(-0.2 * size, SIDE - 0.5 * size, 2))
        if rng.random() < 0.6:
            wide = rng.uniform(0.8, 3)
            cv2.rectangle(pixels, (x, y), (int(x + wide * size), int(y + size)), paper, -1)
        thick = max(int(size * rng.uniform(0.03, 0.14)), 1)
        kind = rng.integers(4)
        if kind == 0:
            text = "".join(chr(int(c)) for c in rng.integers(48, 123, int(rng.integers(1, 6))))
            font = int(rng.integers(8))
            cv2.putText(
                pixels, text, (x, int(y + 0.8 * size)), font, size / 30, ink, thick, cv2.LINE_AA
            )
        elif kind == 1:
            for mark in range(int(rng.integers(1, 4))):
                for _ in range(int(rng.integers(4, 10))):
                    lanes = rng.integers(1, 8, 3) / 8
                    a = [lanes[0], lanes[1]], [lanes[0], lanes[2]]
                    start, end = (np.array(p if rng.random() < 0.5 else p[::-1]) * size for p in a)
                    there = np.array([x + mark * size, y])
                    cv2.line(
                        pixels,
                        (there + start).astype(int).tolist(),
                        (there + end).astype(int).tolist(),
                        ink,
                        thick,
                        cv2.LINE_AA,
                    )
        elif kind == 2:
            blocks = (rng.random((int(rng.integers(4, 20)),) * 2) < 0.5).astype(np.uint8)
            shape = cv2.resize(blocks, (int(size), int(size)), interpolation=cv2.INTER_NEAREST)
            x, y = max(x, 0), max(y, 0)
            part = pixels[y : y + int(size), x : x + int(size)]
            part[shape[: part.shape[0], : part.shape[1]] > 0] = ink
        else:
            middle = (int(x + size / 2), int(y + size / 2))
            for share in rng.uniform(0.1, 0.5, int(rng.integers(1, 4))):
                cv2.circle(
                    pixels,
                    middle,
                    max(int(share * size), 1),
                    ink,
                    thick if rng.random() < 0.7 else -1,
                    cv2.LINE_AA,
                )
            for angle in np.linspace(0, 2 * np.pi, int(rng.integers(1, 9)))[:-1]:
                end = np.array(middle) + 0.45 * size * np.array([np.cos(angle), np.sin(angle)])
                cv2.line(pixels, middle, end.astype(int).tolist(), paper, thick, cv2.LINE_AA)
    soft = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 1.5))
    pixels[:] = (soft + rng.normal(0, 3, pixels.shape)).clip(0, 255).astype(np.uint8)


def _surroundings(pixels: U8, faces: F32, rng: np.random.Generator) -> U8:
    """A part without a face, brought to the size of a tile; a plain colour where there is none."""
    for _ in range(24):
        side = int(rng.integers(32, 140))
        x, y = (int(v) for v in rng.integers(0, SIDE - side, 2))
        low, high = faces[:, :2] - 0.15 * (faces[:, 2:4] - faces[:, :2]), faces[:, 2:4]
        apart = (low >= [x + side, y + side]).any(1) | (high <= [x, y]).any(1)
        if apart.all():
            part = pixels[y : y + side, x : x + side]
            return np.asarray(
                cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8
            )
    plain = rng.uniform(0, 255, 3) + rng.normal(0, rng.uniform(1, 12), (SIDE, SIDE, 1))
    return plain.clip(0, 255).astype(np.uint8)


def _worn_by_nobody(pixels: U8, rng: np.random.Generator) -> U8:
    """One or two masks on points of no face, from small to so near that only cloth is seen."""
    from maskwise import masks
    from maskwise.errors import MaskwiseError
    from maskwise.types import Image, Landmarks

    front = np.array([[-1, -0.9], [1, -0.9], [0, 0.2], [-0.8, 1.1], [0.8, 1.1]], np.float32)
    points = []
    for _ in range(int(rng.integers(1, 3))):
        angle, size = rng.normal(0, 0.5), float(np.exp(rng.uniform(np.log(8), np.log(90))))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        centre = rng.uniform(20, SIDE - 20, 2)
        points.append(Landmarks("five", ((front @ turn) * size + centre).astype(np.float32)))
    specs = [masks.random_spec(rng, styles=STYLES) for _ in points]
    try:
        return np.asarray(masks.wear_on_image(Image(pixels, ""), points, specs).image.pixels)
    except MaskwiseError:
        return pixels


def _limbs(pixels: U8, rng: np.random.Generator) -> None:
    """Hands in the rough: some thick strokes and a palm in a colour of skin."""
    tone = np.array([224, 172, 140]) * rng.uniform(0.3, 1.05) + rng.normal(0, 8, 3)
    colour = tuple(float(v) for v in tone.clip(0, 255))
    centre, size = rng.uniform(60, SIDE - 60, 2), rng.uniform(15, 60)
    angle = rng.uniform(0, 2 * np.pi)
    cv2.circle(pixels, centre.astype(int).tolist(), int(size * 0.6), colour, -1, cv2.LINE_AA)
    for k in range(int(rng.integers(3, 6))):
        way = angle + (k - 2) * rng.uniform(0.2, 0.4)
        tip = centre + size * rng.uniform(1.2, 1.9) * np.array([np.cos(way), np.sin(way)])
        cv2.line(
            pixels,
            centre.astype(int).tolist(),
            tip.astype(int).tolist(),
            colour,
            max(int(size * 0.25), 1),
            cv2.LINE_AA,
        )
    pixels[:] = (
        (cv2.GaussianBlur(pixels, (0, 0), 1.2) + rng.normal(0, 3, pixels.shape))
        .clip(0, 255)
        .astype(np.uint8)
    )
