"""Draw the pictures of docs/mask-catalogue.md, on the sample people.

    python docs/images/masks.py [FOLDER]

The sample people look ahead: for the poses their photos are laid on the head that the masks are
fitted to, and the head is turned. Light and skin are shown on the photos as they are, under light
that is made here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from maskwise import Recognizer, masks, samples
from maskwise.masks.cast import pixel_map
from maskwise.masks.face import MODELS
from maskwise.masks.fit import fit_pose
from maskwise.masks.styles import STYLES
from maskwise.masks.surface import Shape, points_on
from maskwise.types import U8, Image, Landmarks, MaskSpec

_HERE = Path(__file__).parent
_TILE, _GAP, _TEXT = 116, 6, 13
_PAPER, _INK = "#ffffff", "#1f2933"
_BARE = Shape(tent=0.0)
_POSES = (
    ("front", 0, 0),
    ("30°", -30, 0),
    ("55°", -55, 0),
    ("30°", 30, 0),
    ("up", 0, -15),
    ("down", 0, 15),
)


class Face:
    """A picture with one face. points: in its pixels."""

    def __init__(self, pixels: U8, points: Landmarks) -> None:
        self.pixels, self.points = pixels, points
        self.pose = fit_pose(points)

    def wearing(self, spec: MaskSpec | None) -> U8:
        """The square about the face, (_TILE, _TILE, 3), in a mask or bare."""
        picture = Image(self.pixels)
        if spec is not None:
            picture = masks.wear_on_image(picture, [self.points], [spec]).image
        return self._cut(picture.pixels)

    def _cut(self, pixels: U8) -> U8:
        middle = self.pose.project(np.array([[0.0, 0.72, 0.0]]))[0]
        half = 1.72 * self.pose.scale
        low = np.clip(middle - half, 0, np.array(pixels.shape[1::-1]) - 2 * half)
        move = np.array([[1, 0, -low[0]], [0, 1, -low[1]]]) * (_TILE * 2 / (2 * half))
        large = cv2.warpAffine(pixels, move, (2 * _TILE, 2 * _TILE), flags=cv2.INTER_CUBIC)
        return np.asarray(cv2.resize(large, (_TILE, _TILE), interpolation=cv2.INTER_AREA), np.uint8)

    def turned(self, yaw: float, pitch: float) -> Face:
        """The same face looking elsewhere; degrees."""
        y, p = np.radians([yaw, pitch])
        about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
        height, width = self.pixels.shape[:2]
        pose = replace(
            self.pose,
            rotation=about_y @ about_x,
            shift=np.array([width / 2, 0.4 * height]),
            yaw=float(y),
            pitch=float(p),
            roll=0.0,
        )
        seen = pixel_map(pose, _BARE, (0, 0), (width, height))
        arc, y_ = (np.asarray(v, np.float64).ravel() for v in (seen.arc, seen.y))
        source = self.pose.project(points_on(_BARE, arc, y_)).astype(np.float32)
        source = source.reshape(height, width, 2)
        skin = cv2.remap(self.pixels, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        # The head ends in a dome above, and in the neck below.
        rows = np.arange(height)[:, None] - pose.project(np.array([[0.0, -0.45, -0.6]]))[0, 1]
        columns = np.arange(width)[None] - pose.project(np.array([[0.0, -0.45, -0.6]]))[0, 0]
        dome = 1 - np.hypot(columns / (1.3 * pose.scale), np.minimum(rows, 0) / (1.0 * pose.scale))
        alpha = np.clip(np.minimum(seen.inside, dome * 0.6 * pose.scale) * 0.5 + 0.5, 0, 1)[
            ..., None
        ]
        pixels = skin * alpha + 214 * (1 - alpha)
        model = pose.project(MODELS["dlib5"].places[:, :3])
        return Face(pixels.astype(np.uint8), Landmarks("dlib5", model.astype(np.float32)))

    def lit(self, light: Callable[[U8], U8]) -> Face:
        """The same face under other light."""
        return Face(light(self.pixels), self.points)


def from_left(pixels: U8) -> U8:
    """A lamp on the left, little light on the right."""
    fall = np.linspace(1.25, 0.35, pixels.shape[1])[None, :, None]
    return np.clip(pixels * fall, 0, 255).astype(np.uint8)


def dim(pixels: U8) -> U8:
    """Too little light, and the noise that comes with it."""
    noise = np.random.default_rng(0).normal(0, 6, pixels.shape[:2])[..., None]
    return np.clip(pixels * 0.4 + cv2.GaussianBlur(noise, (0, 0), 0.7)[..., None], 0, 255).astype(
        np.uint8
    )


def warm(pixels: U8) -> U8:
    """A lamp indoors."""
    return np.clip(pixels * np.array([1.15, 0.95, 0.62]), 0, 255).astype(np.uint8)


def grey(pixels: U8) -> U8:
    """No colour."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def soft(pixels: U8) -> U8:
    """Out of focus."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 2.2), np.uint8)


_LIGHTS: Sequence[tuple[str, Callable[[U8], U8]]] = (
    ("as it is", lambda pixels: pixels),
    ("from the left", from_left),
    ("dim", dim),
    ("warm", warm),
    ("grey", grey),
    ("soft", soft),
)


def grid(rows: Sequence[tuple[str, Sequence[U8]]], heads: Sequence[str]) -> Pillow.Image:
    """Tiles in rows, with names before and above."""
    font = ImageFont.load_default(_TEXT)
    left = 12 + max(round(font.getlength(name)) for name, _ in rows)
    top, step = 24, _TILE + _GAP
    size = (left + len(heads) * step, top + len(rows) * step)
    sheet = Pillow.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    for k, head in enumerate(heads):
        pen.text((left + k * step, 4), head, _INK, font=font)
    for r, (name, tiles) in enumerate(rows):
        pen.text((4, top + r * step + _TILE // 2 - 8), name, _INK, font=font)
        for k, tile in enumerate(tiles):
            sheet.paste(Pillow.fromarray(tile), (left + k * step, top + r * step))
    return sheet


def main(folder: Path) -> None:
    """All the pictures."""
    recognizer = Recognizer()

    def face(person: str) -> Face:
        picture = recognizer.load(samples.people() / person / "2.jpg")
        found, _ = recognizer.dominant(picture)
        return Face(picture.pixels, found.landmarks)

    people = [face(name) for name in ("Amina", "Ingrid", "Kofi", "Mei", "Diego", "Greta")]
    folder.mkdir(parents=True, exist_ok=True)

    def save(name: str, sheet: Pillow.Image) -> None:
        sheet.save(folder / f"mask-{name}.jpg", quality=86)
        print(folder / f"mask-{name}.jpg")

    kinds = list(masks.TYPES)
    rows = []
    for k, kind in enumerate(kinds):
        who, spec = people[k % len(people)], masks.spec_for(kind)
        rows.append((kind, [who.turned(yaw, pitch).wearing(spec) for _, yaw, pitch in _POSES]))
    save("poses", grid(rows, [name for name, _, _ in _POSES]))

    rows = []
    for k, kind in enumerate(kinds):
        spec = masks.spec_for(kind, seed=k)
        who = people[(k + 2) % len(people)]
        rows.append((kind, [who.lit(light).wearing(spec) for _, light in _LIGHTS]))
    save("light", grid(rows, [name for name, _ in _LIGHTS]))

    rows = [(kind, [p.wearing(_palette(kind, n)) for n, p in enumerate(people)]) for kind in kinds]
    save("colours", grid(rows, ["usual", *[f"colour {n + 1}" for n in range(1, len(people))]]))

    styles = list(STYLES)
    rows = [
        (
            kind,
            [
                people[(k + n) % len(people)].wearing(masks.spec_for(kind, wear_style=style))
                for n, style in enumerate(styles)
            ],
        )
        for k, kind in enumerate(("surgical", "kn95", "cloth", "n95"))
    ]
    save("styles", grid(rows, styles))

    heads = ("0", "0.25", "0.5", "0.75", "1")
    rows = [
        (kind, [people[k].wearing(masks.spec_for(kind, coverage=float(c))) for c in heads])
        for k, kind in enumerate(("surgical", "n95", "cloth", "bandana"))
    ]
    save("coverage", grid(rows, heads))

    names = [p for p in masks.TYPES["cloth"].patterns if p not in {"text", "image"}]
    rows = []
    for n, color in enumerate(("#24406e", "#8a1f2d", "#f0eee8", "#56683f")):
        specs = [masks.spec_for("cloth", color=color, pattern=p, seed=n) for p in names]
        specs.append(masks.spec_for("cloth", color=color, pattern="text", detail="HELLO", seed=n))
        rows.append((color, [people[n].wearing(spec) for spec in specs]))
    save("patterns", grid(rows, [*names, "text"]))


def _palette(kind: str, number: int) -> MaskSpec:
    palette = masks.TYPES[kind].palette
    return masks.spec_for(kind, color=palette[number % len(palette)][0], seed=number)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else _HERE)
