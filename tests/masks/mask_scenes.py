"""Faces that nobody has: a shaded head with the landmarks of a known pose."""

from __future__ import annotations

import cv2
import numpy as np

from maskwise import masks
from maskwise.align import DLIB_CHIP, similarity
from maskwise.masks.draw import texture
from maskwise.masks.face import CHIN, MODELS, MOUTH, NOSE_BASE
from maskwise.masks.fit import Pose, fit_pose
from maskwise.types import F64, U8, Chip, ChipSpec, Image, Landmarks, MaskSpec, Scheme

GOLDENS: dict[str, MaskSpec] = {
    "surgical": masks.spec_for("surgical"),
    "n95-valve": masks.spec_for("n95", pattern="valve"),
    "kn95": masks.spec_for("kn95"),
    "cloth-checks": masks.spec_for("cloth", pattern="checks", color="#8a1f2d"),
    "gas": masks.spec_for("gas"),
    "bandana-dots": masks.spec_for("bandana", pattern="dots", seed=3),
    "duckbill": masks.spec_for("duckbill"),
    "shield": masks.spec_for("shield"),
    "gaiter-floral": masks.spec_for("gaiter", pattern="floral", color="#24406e"),
    "scarf-stripes": masks.spec_for("scarf", pattern="stripes"),
    "nist-round": masks.spec_for("nist-round"),
    "surgical-under-nose": masks.spec_for("surgical", wear_style="under-nose"),
    "kn95-under-chin": masks.spec_for("kn95", wear_style="under-chin"),
    "cloth-tie-dye-slipped": masks.spec_for("cloth", pattern="tie-dye", wear_style="slipped"),
}
"""By file name in tests/golden/masks."""


def turned(yaw: float, pitch: float, roll: float) -> F64:
    """(3, 3) rotation of angles in degrees: pitch first, then yaw, then roll."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_x = [[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]]
    about_z = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_y) @ np.array(about_x)


def posed(
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    *,
    scale: float = 45.0,
    shift: tuple[float, float] = (75.0, 50.0),
) -> Pose:
    """A pose of angles in degrees, scale in px."""
    y, p, r = np.radians([yaw, pitch, roll])
    return Pose(scale, turned(yaw, pitch, roll), np.array(shift), float(y), float(p), float(r))


def landmarks_of(pose: Pose, scheme: Scheme = "dlib5") -> Landmarks:
    """The landmarks of the average face in this pose."""
    return Landmarks(scheme, pose.project(MODELS[scheme].places[:, :3]).astype(np.float32))


def head(
    pose: Pose,
    size: tuple[int, int] = (150, 150),
    skin: tuple[float, float, float] = (200, 152, 126),
    light: float = 0.0,
) -> U8:
    """(H, W, 3) uint8: an ellipse of skin, shaded across by ``light``, before a grey ground."""
    height, width = size
    canvas = np.full((height, width, 3), 120, np.float32)
    centre = pose.project(np.array([[0.0, 0.4, -0.2]]))[0]
    cover = np.zeros((height, width), np.uint8)
    axes = (round(1.12 * pose.scale), round(1.5 * pose.scale))
    where = (round(float(centre[0])), round(float(centre[1])))
    cv2.ellipse(cover, where, axes, np.degrees(pose.roll), 0, 360, 255, -1, cv2.LINE_AA)
    across = (np.arange(width) - centre[0]) / pose.scale
    shade = np.clip(1 + light * across, 0.2, 1.5)[None, :, None]
    face = np.asarray(skin, np.float32) * shade
    mix = (cover / 255)[..., None]
    return np.clip(canvas * (1 - mix) + face * mix, 0, 255).astype(np.uint8)


def chip_of(pose: Pose, size: int = 150, **look: object) -> Chip:
    """The head as an aligned chip."""
    spec = ChipSpec(f"test-{size}", size, "dlib5", DLIB_CHIP.reference * size / 150)
    raw = landmarks_of(pose)
    to_chip = similarity(raw.points, spec.reference)
    points = raw.mapped(to_chip)
    pixels = head(fit_pose(points), (size, size), **look)  # type: ignore[arg-type]
    return Chip(pixels, to_chip, spec, points)


def parts(pose: Pose) -> dict[str, F64]:
    """Where nose base, mouth, chin and eye centres stand, (2,) px."""
    eye = np.array([0.5, 0.0, -0.045])
    named = {"nose base": NOSE_BASE, "mouth": MOUTH, "chin": (CHIN[0], CHIN[1] - 0.06, CHIN[2])}
    named |= {"left eye": tuple(eye), "right eye": tuple(eye * [-1, 1, 1])}
    return {name: pose.project(np.array([point]))[0] for name, point in named.items()}


def golden(spec: MaskSpec) -> U8:
    """What a golden picture shows: the mask unrolled on grey, and worn in two poses."""
    sheet = texture(spec, 64).halved()
    over_grey = sheet.rgba[..., :3] + 110 * (1 - sheet.rgba[..., 3:] / 255)
    picture = np.zeros((150, 440, 3), np.uint8)
    height, width = over_grey.shape[:2]
    picture[:height, :width] = np.rint(over_grey)
    chips = [chip_of(posed()), chip_of(posed(28, 5, 0), light=0.15)]
    worn, _ = masks.wear_on_chips(chips, [spec])
    picture[:, 140:290], picture[:, 290:] = worn[0, 0], worn[1, 0]
    return picture


def photo_of(poses: list[Pose], size: tuple[int, int]) -> tuple[Image, list[Landmarks]]:
    """One picture with all these heads, and their landmarks."""
    pixels = np.full((*size, 3), 120, np.uint8)
    for pose in poses:
        one = head(pose, size)
        seen = (one != 120).any(axis=2)
        pixels[seen] = one[seen]
    return Image(pixels), [landmarks_of(pose) for pose in poses]
