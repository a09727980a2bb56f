"""Measure where the landmarks of the average face stand: the constants of masks/face.py.

    MASKWISE_DATA=... python training/mask_fit/factorise.py YUNET.onnx
    MASKWISE_DATA=... python training/mask_fit/factorise.py YUNET.onnx --with-68

dlib's five points and the five of YuNet (`face_detection_yunet`, OpenCV Zoo, MIT) on photos of the
train people of lfw-dev, factorised under weak perspective with mirror symmetry. --with-68 also
places dlib's 68 points (accept their licence first) on the faces as the ten points pose them: none
of their numbers reach the other schemes. Prints the constants; writes nothing.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))
from photos import photos

from maskwise import image, landmarks
from maskwise.types import Detection

F64 = npt.NDArray[np.float64]
C128 = npt.NDArray[np.complex128]
SEED, ROUNDS = 1, 40
# Most photos each way in a band of yaw, degrees: frontal faces must not drown the turned ones.
BANDS = ((0, 10, 250), (10, 20, 250), (20, 30, 250), (30, 40, 150), (40, 46, 30))
SIGMA, PRIOR_YAW, PRIOR_PITCH = 0.1, 0.8, 0.25
NOSE_SLOPE = 0.65
"""Depth of the nose base over its height below the eyes, which says what pitch nought is: the
points alone cannot. 0.64 in an earlier fit of the same two schemes with a prior on pitch."""
TEN = np.array([[0.7, 0, -0.1], [0.3, 0, 0], [-0.7, 0, -0.1], [-0.3, 0, 0], [0, 0.7, 0.4]])
TEN = np.vstack([TEN, [[-0.5, 0, 0], [0.5, 0, 0], [0, 0.5, 0.6], [-0.4, 1, 0.2], [0.4, 1, 0.2]]])
TEN_MIRROR = np.array([2, 3, 0, 1, 4, 6, 5, 7, 9, 8])
# (first, last) of the runs of the 68 points that mirror into each other, see there.
RUNS_68 = ((0, 16), (17, 26), (27, 27), (28, 28), (29, 29), (30, 30), (31, 35), (48, 54))
PAIRS_68 = ((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (55, 59), (56, 58))
PAIRS_68 = (*PAIRS_68, (57, 57), (60, 64), (61, 63), (62, 62), (65, 67), (66, 66))
_CONSOLE = Console(stderr=True)


@dataclass(frozen=True)
class Faces:
    """N faces. ten: (N, 10) complex px, dlib5 then YuNet's. box: (N, 4) YuNet's x, y, width and
    height, px. more: (N, 68) complex px, or (N, 0)."""

    ten: C128
    box: F64
    more: C128


@dataclass(frozen=True)
class Poses:
    """N poses: size, turn and shift of each as complex numbers, angles in radians, and the root
    mean square misfit in units."""

    size: C128
    shift: C128
    yaw: F64
    pitch: F64
    misfit: F64


def found(yunet: str, with_68: bool) -> Faces:
    """The faces nearest to the middle of the photos, balanced over yaw."""
    detector = cv2.FaceDetectorYN.create(yunet, "", (250, 250), 0.6)
    paths, rows = [], []
    for path in track(photos("train"), "faces", console=_CONSOLE):
        pixels = cv2.imread(str(path))
        detector.setInputSize(pixels.shape[1::-1])
        _, seen = detector.detect(pixels)
        if seen is None:
            continue
        off = seen[:, :2] + seen[:, 2:4] / 2 - np.array(pixels.shape[1::-1]) / 2
        rows.append(seen[np.argmin(np.hypot(*off.T) - seen[:, 2] / 2), :14].astype(np.float64))
        paths.append(path)
    every = np.array(rows)
    five = every[:, 4:].reshape(-1, 5, 2) @ np.array([1, 1j])
    level = (five - five[:, :2].mean(1)[:, None]) / (five[:, 1] - five[:, 0])[:, None]
    # The nose's tip stands some 0.6 units before the eyes: good enough to balance.
    yaw = np.degrees(np.arctan(level[:, 2].real / 0.6))
    rng = np.random.default_rng(SEED)
    chosen: list[int] = []
    for low, high, most in BANDS:
        for sign in (-1, 1):
            band = np.flatnonzero((sign * yaw >= low) & (sign * yaw < high))
            chosen += rng.permutation(band)[:most].tolist()
    names = ("dlib5", "dlib68") if with_68 else ("dlib5",)
    predictors = [landmarks.create(name) for name in names]
    points: list[C128] = []
    for index in track(sorted(chosen), "landmarks", console=_CONSOLE):
        picture = image.load(paths[index])
        # dlib's own box as seen from YuNet's: about the mean of the points, 0.86 of the height.
        middle, half = five[index].mean(), 0.43 * every[index, 3]
        corner = [middle.real, middle.imag]
        box = np.array([*np.subtract(corner, half), *np.add(corner, half)], np.float32)
        said = [p.predict(picture, [Detection(box, 1.0)])[0].points for p in predictors]
        points.append(np.concatenate(said).astype(np.float64) @ np.array([1, 1j]))
    dlib, kept = np.array(points), sorted(chosen)
    return Faces(np.hstack([dlib[:, :5], five[kept]]), every[kept, :4], dlib[:, 5:])


def view(yaw: F64, pitch: F64) -> tuple[C128, C128, C128]:
    """(N, 3) what x, y and z weigh in the picture, and its slopes along yaw and pitch."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    v = np.stack([cy + 0j, -sy * sp + 1j * cp, sy * cp + 1j * sp], -1)
    along_yaw = np.stack([-sy, -cy * sp, cy * cp], -1) + 0j
    return v, along_yaw, np.stack([0j * cy, -v[:, 2], v[:, 1]], -1)


def posed(places: F64, points: C128, sigma: float = SIGMA) -> Poses:
    """The poses of faces (N, K) by Gauss-Newton over yaw and pitch, the rest in closed form."""
    middle, off = places.mean(0), points - points.mean(1, keepdims=True)
    centred = places - middle
    square, cross = centred.T @ centred / sigma**2, off @ centred / sigma**2
    shape = np.zeros((len(points), 2))
    hold = np.array([PRIOR_YAW, PRIOR_PITCH]) ** -2.0
    for _ in range(15):
        views = np.stack(view(*shape.T), 1)  # (N, 3 views, 3)
        inner = np.einsum("nik,kl,njl->nij", views.conj(), square, views)
        length = inner[:, 0, 0].real
        size = (views[:, 0].conj() * cross).sum(-1) / length
        rest = cross - size[:, None] * (views[:, 0] @ square)
        slope = np.einsum("nik,nk->ni", views[:, 1:].conj(), rest)
        slope = -(size.conj()[:, None] * slope).real / np.abs(size[:, None]) ** 2
        bend = inner[:, 1:, 1:] - inner[:, 1:, :1] * inner[:, :1, 1:] / length[:, None, None]
        step = np.linalg.solve(bend.real + np.diag(hold), (slope + hold * shape)[..., None])
        shape -= np.clip(step[..., 0], -0.4, 0.4)
    v = view(*shape.T)[0]
    size = (v.conj() * cross).sum(-1) / np.einsum("nk,kl,nl->n", v.conj(), square, v).real
    left = off / size[:, None] - v @ centred.T
    shift = points.mean(1) - size * (v @ middle)
    return Poses(size, shift, *shape.T, np.sqrt((np.abs(left) ** 2).mean(1)))


def factorised(start: F64, mirror: npt.NDArray[np.int64], points: C128) -> F64:
    """(K, 3) places in the face frame: poses and places in turn, from places at ``start``."""
    places = start
    for _ in range(ROUNDS):
        places = framed(placed(posed(places, points), mirror, points))
    return places


def placed(pose: Poses, mirror: npt.NDArray[np.int64], points: C128) -> F64:
    """(K, 3) where points (N, K) stand on faces in these poses, outliers weighing less."""
    good = pose.misfit < np.percentile(pose.misfit, 90)
    v = view(pose.yaw, pose.pitch)[0][good]
    seen = ((points - pose.shift[:, None]) / pose.size[:, None])[good]
    flipped = v * np.array([-1, 1, 1])
    rows = np.concatenate([v.real, v.imag, flipped.real, flipped.imag])
    places = np.zeros((points.shape[1], 3))
    for k, other in enumerate(mirror):
        a, b = seen[:, k], seen[:, other]
        goal, weight = np.concatenate([a.real, a.imag, b.real, b.imag]), np.ones(len(rows))
        for _ in range(6):
            places[k] = np.linalg.lstsq(rows * weight[:, None], goal * weight, rcond=None)[0]
            weight = (1 + ((goal - rows @ places[k]) / 0.08) ** 2) ** -0.5
    return places


def framed(places: F64) -> F64:
    """In the face frame, by the first ten points: unit, origin, and pitch by ``NOSE_SLOPE``."""
    out = places.copy()
    out -= [0, out[:4, 1].mean(), (out[1, 2] + out[3, 2]) / 2]
    angle = np.arctan2(out[4, 2], out[4, 1]) - np.arctan(NOSE_SLOPE)
    turned = out[:, 1:] @ np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    out[:, 1:] = turned
    out /= 2 * out[:2, 0].mean()
    return out - [0, out[:4, 1].mean(), (out[1, 2] + out[3, 2]) / 2]


def mirror_68() -> npt.NDArray[np.int64]:
    out = np.zeros(68, np.int64)
    for first, last in RUNS_68:
        out[first : last + 1] = np.arange(last, first - 1, -1)
    for a, b in PAIRS_68:
        out[a], out[b] = b, a
    return out


def report_box(pose: Poses, box: F64, depth: float) -> None:
    """Where the box's lower edge and sides stand on upright frontal faces."""
    roll = np.angle(pose.size)
    frontal = (np.abs(pose.yaw) < np.radians(10)) & (np.abs(roll) < np.radians(5))
    scale = np.abs(pose.size)
    down = (box[:, 1] + box[:, 3] - pose.shift.imag) / scale
    edge = (down - depth * np.sin(pose.pitch)) / np.cos(pose.pitch)
    width = box[:, 2] / 2 / scale
    for name, value in (("lower edge, y", edge), ("half-width", width)):
        spread = ", ".join(f"{v:.3f}" for v in np.percentile(value[frontal], [10, 50, 90]))
        print(f"box, {name}, 10, 50 and 90 % of {frontal.sum()} frontal faces: {spread}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the places of the average face.")
    parser.add_argument("yunet", help="face_detection_yunet as ONNX (OpenCV Zoo, MIT)")
    parser.add_argument("--with-68", action="store_true", help="place dlib's 68 points too")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    faces = found(arguments.yunet, arguments.with_68)
    ten = factorised(TEN, TEN_MIRROR, faces.ten)
    pose = posed(ten, faces.ten)
    print(f"{len(faces.ten)} photos; misfit {np.percentile(pose.misfit, [50, 90, 99]).round(3)}")
    mean, spread = np.degrees(pose.pitch.mean()), np.degrees(pose.pitch.std())
    print(f"pitch {mean:.1f} +- {spread:.1f} degrees")
    for name, part in (("dlib5", slice(0, 5)), ("five", slice(5, 10))):
        alone = posed(ten[part], faces.ten[:, part], 0.05)
        slope = np.polyfit(pose.yaw, alone.yaw, 1)[0]
        print(f"{name}: misfit alone {np.median(alone.misfit):.3f}, yaw {slope:.2f} of that by ten")
        print(ten[part].round(3) + 0.0)
    report_box(pose, faces.box, 0.245)
    if arguments.with_68:
        print("ibug68:")
        for number, place in enumerate(placed(pose, mirror_68(), faces.more)):
            print(f"    {number}: ({', '.join(f'{v:.3f}' for v in place.round(3) + 0.0)}),")


if __name__ == "__main__":
    main()
