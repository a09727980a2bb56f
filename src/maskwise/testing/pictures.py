"""Pictures that show nobody: drawn faces, noise and gradients, the same for the same seed."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from maskwise.types import U8, Detection, Image

# Where the parts of a drawn face lie in its box of 0..1: centre x, y and half axes.
_EYES: Final = ((0.31, 0.33), (0.69, 0.33))
_SKIN: Final = (0.5, 0.48, 0.47, 0.62)


def drawn_face(seed: int, size: tuple[int, int] = (240, 240), face_px: int = 120) -> Image:
    """A cartoon of a face amid a soft background; colours, light and sizes vary with the seed.

    size: height, width. face_px: the side of the face's box, which ``face_detection`` gives.
    Good enough for predictors and encoders to be run on; detectors may well pass it over.
    """
    rng = np.random.default_rng(seed)
    height, width = size
    x0, y0, x1, _ = (float(v) for v in face_detection(size, face_px).box)
    side = x1 - x0

    skin = rng.uniform(0.45, 1) * np.array([235.0, 185.0, 155.0])
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = rng.uniform(30, 220, 3)
    part = rng.uniform(0.93, 1.07, 6)

    def fill(x: float, y: float, a: float, b: float, colour: npt.ArrayLike) -> None:
        """An ellipse about (x, y) with half axes a, b, in shares of the box."""
        centre = round(x0 + side * x), round(y0 + side * y)
        axes = max(1, round(side * a)), max(1, round(side * b))
        rgb = [float(v) for v in np.asarray(colour)]
        cv2.ellipse(canvas, centre, axes, 0, 0, 360, rgb, -1)

    fill(*_SKIN, skin)
    for x, y in _EYES:
        fill(x, y, 0.1 * part[0], 0.05 * part[1], [240] * 3)
        fill(x, y, 0.045, 0.045, rng.uniform(20, 90, 3))
        fill(x, y - 0.1 * part[2], 0.14, 0.035, skin * 0.4)
    fill(0.5, 0.5, 0.05, 0.16, skin * 1.08)
    fill(0.5, 0.66, 0.09 * part[3], 0.02, skin * 0.6)
    fill(0.5, 0.82 * part[4], 0.18 * part[5], 0.05, skin * (0.8, 0.4, 0.4))
    from_left, to_right = (float(v) for v in rng.uniform(0.75, 1.15, 2))
    light = np.linspace(from_left, to_right, width, dtype=np.float32)
    soft = cv2.GaussianBlur(canvas * light[None, :, None], (0, 0), max(0.6, side / 90))
    grain = rng.normal(0, 3, canvas.shape)
    return Image(np.clip(np.rint(soft + grain), 0, 255).astype(np.uint8), f"drawn face {seed}")


def face_detection(size: tuple[int, int] = (240, 240), face_px: int = 120) -> Detection:
    """Where ``drawn_face`` of the same size has its face: amid the picture, whole pixels."""
    height, width = size
    x, y = (width - face_px) // 2, (height - face_px) // 2
    return Detection(np.array([x, y, x + face_px, y + face_px], np.float32), 1.0)


def plain_chips(size: int) -> U8:
    """(10, size, size, 3) uint8: noise, gradients, black, grey and white, nothing of a face."""
    rng = np.random.default_rng(7)
    ramp = np.linspace(0, 255, size)
    across, down = np.broadcast_to(ramp, (size, size)), np.broadcast_to(ramp[:, None], (size, size))
    flat = np.ones((size, size))
    planes = [
        (across, down, flat * 128),
        (down, 255 - down, across),
        (across, across, across),
        ((across + down) / 2, 255 - across, down),
        (flat * 0,) * 3,
        (flat * 128,) * 3,
        (flat * 255,) * 3,
    ]
    smooth = np.stack([np.stack(p, axis=-1) for p in planes])
    noise = rng.integers(0, 256, (3, size, size, 3))
    chips: U8 = np.concatenate([smooth, noise]).astype(np.uint8)
    return chips
