"""Landmarks -> Chip: put a face where an encoder wants it, by a similarity transform."""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from maskwise.errors import InputError
from maskwise.types import F64, Bool, Chip, ChipSpec, Fit, Image, Landmarks, Scheme

MIN_POINTS: Final = 2

# The share of the points' spread that the fit must explain; a face, even a poor one, has > 0.5.
_LEAST_RESEMBLANCE: Final = 1e-4

# Mean positions of the points in a unit face box, and 0.25 of padding on each side:
# dlib/image_transforms/interpolation.h, get_face_chip_details(). There the chip runs from 0 to
# 150, edge to edge; here (0, 0) is the centre of a pixel, hence the half pixel below.
_PADDING: Final = 0.25
_MEAN5: Final = (
    (0.8595674595992, 0.2134981538014),
    (0.6460604764104, 0.2289674387677),
    (0.1205750620789, 0.2137274526848),
    (0.3340850613712, 0.2290642403242),
    (0.4901123135679, 0.6277975316475),
)
# Points 17-67 of iBUG 300-W: there is no mean jaw.
_MEAN68_FIRST: Final = 17
_MEAN68: Final = (
    # 17-26: brows.
    *((0.000213256, 0.106454), (0.0752622, 0.038915), (0.18113, 0.0187482), (0.29077, 0.0344891)),
    *((0.393397, 0.0773906), (0.586856, 0.0773906), (0.689483, 0.0344891), (0.799124, 0.0187482)),
    *((0.904991, 0.038915), (0.98004, 0.106454)),
    # 27-35: nose.
    *((0.490127, 0.203352), (0.490127, 0.307009), (0.490127, 0.409805), (0.490127, 0.515625)),
    *((0.36688, 0.587326), (0.426036, 0.609345), (0.490127, 0.628106), (0.554217, 0.609345)),
    (0.613373, 0.587326),
    # 36-47: eyes.
    *((0.121737, 0.216423), (0.187122, 0.178758), (0.265825, 0.179852), (0.334606, 0.231733)),
    *((0.260918, 0.245099), (0.182743, 0.244077), (0.645647, 0.231733), (0.714428, 0.179852)),
    *((0.793132, 0.178758), (0.858516, 0.216423), (0.79751, 0.244077), (0.719335, 0.245099)),
    # 48-59: outer lips; 55-59 are the lower one.
    *((0.254149, 0.780233), (0.340985, 0.745405), (0.428858, 0.727388), (0.490127, 0.742578)),
    *((0.551395, 0.727388), (0.639268, 0.745405), (0.726104, 0.780233), (0.642159, 0.864805)),
    *((0.556721, 0.902192), (0.490127, 0.909281), (0.423532, 0.902192), (0.338094, 0.864805)),
    # 60-67: inner lips; 65-67 are the lower one.
    *((0.290379, 0.784792), (0.428096, 0.778746), (0.490127, 0.785343), (0.552157, 0.778746)),
    *((0.689874, 0.784792), (0.553364, 0.824182), (0.490127, 0.831803), (0.42689, 0.824182)),
)
# Nose, eyes and upper lip; dlib never looks at jaw, brows and lower lip.
_USED68: Final = (*range(27, 55), *range(60, 65))


def _reference(mean: npt.ArrayLike) -> F64:
    """Where a chip of 150 px has points whose place in the unit face box is ``mean`` (K, 2)."""
    return 150 * (_PADDING + np.asarray(mean, np.float64)) / (1 + 2 * _PADDING) - 0.5


DLIB_CHIP: Final = ChipSpec("dlib5-150-p25", 150, "dlib5", _reference(_MEAN5))
"""dlib's chip: 150 px, a quarter of padding, the five points of ``dlib5``."""

DLIB_CHIP_68: Final = ChipSpec(
    "dlib68-150-p25",
    150,
    "ibug68",
    np.vstack([np.zeros((_MEAN68_FIRST, 2)), _reference(_MEAN68)]),
    np.isin(np.arange(68), _USED68),
)
"""dlib's chip by the 68 points: 27-54 and 60-64 place it, as in dlib. References of the others
are dlib's too, but for the jaw, 0-16, which has none: do not use it."""


# insightface/utils/face_align.py, arcface_dst, and the same in OpenCV's FaceRecognizerSF
# (modules/objdetect/src/face_recognize.cpp, dst); there, too, (0, 0) is the centre of a pixel.
_ARCFACE: Final = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)

ARCFACE_CHIP: Final = ChipSpec(
    "arcface-112", 112, "five", np.array(_ARCFACE, np.float64), fit="chip"
)
"""The chip of ArcFace, SFace and most newer encoders: 112 px, by the points of ``five``."""


# Where DLIB_CHIP has the points of ``five``: means over our own detector's points on photos of
# LFW's train people, in chips cut by dlib's five. training/chip_points/measure.py. Detectors differ
# a little: YuNet's eyes are turned by two degrees against ours.
_FIVE_IN_DLIB_CHIP: Final = (
    (46.666, 45.174),
    (101.765, 45.860),
    (73.216, 79.650),
    (50.074, 104.797),
    (97.155, 105.397),
)
FIVE_CHIP: Final = ChipSpec(
    f"{DLIB_CHIP.name}-by-five", 150, "five", np.array(_FIVE_IN_DLIB_CHIP, np.float64)
)
"""dlib's chip by the five points that detectors give: the one of our own encoder."""

_IN_DLIB_CHIP: Final[dict[Scheme, F64]] = {
    "five": FIVE_CHIP.reference,
    "dlib5": DLIB_CHIP.reference,
    "ibug68": DLIB_CHIP_68.reference,
}


@cache
def _by_scheme(spec: ChipSpec, scheme: Scheme) -> ChipSpec:
    if spec.scheme == "ibug68":
        raise InputError(f"chip: {spec.name} cannot be placed by other landmarks than its own")
    onto = similarity(_IN_DLIB_CHIP[spec.scheme], spec.reference)
    points = _IN_DLIB_CHIP[scheme] @ onto[:, :2].T + onto[:, 2]
    used = DLIB_CHIP_68.used if scheme == "ibug68" else np.ones(len(points), bool)
    return ChipSpec(f"{spec.name}-by-{scheme}", spec.size, scheme, points, used, spec.fit)


def by_scheme(spec: ChipSpec, scheme: Scheme) -> ChipSpec:
    """The chip ``spec`` as landmarks of ``scheme`` place it: the same square of the same face.

    For backends that a detector or predictor gives other landmarks than they were made for. The
    mean face of each scheme, as it lies in dlib's chip, is laid on the reference of ``spec`` by
    a similarity. Faces vary about the mean, so a chip lies a few px elsewhere than by its own
    points, and its name is another one.
    Raises InputError for a chip of the 68 points, which no mean face tells.
    """
    if spec.scheme == scheme:
        return spec
    if spec is FIVE_CHIP:
        return by_scheme(DLIB_CHIP, scheme)
    if spec is DLIB_CHIP and scheme != "dlib5":
        return FIVE_CHIP if scheme == "five" else DLIB_CHIP_68
    return _by_scheme(spec, scheme)


def chip_spec_for(scheme: Scheme) -> ChipSpec:
    """dlib's chip by landmarks of ``scheme``.

    Raises InputError for ``five``: dlib has no such chip; ours is ``FIVE_CHIP``.
    """
    for spec in (DLIB_CHIP, DLIB_CHIP_68):
        if spec.scheme == scheme:
            return spec
    raise InputError(f"chip: there is none for {scheme} landmarks; use dlib5 or ibug68")


def similarity(source: npt.ArrayLike, target: npt.ArrayLike) -> F64:
    """The similarity transform (2, 3) float64 that takes ``source`` nearest to ``target``.

    Least squares without reflection; both (K, 2) float, K >= 2, in px of their own frames.
    Source: Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", PAMI 13(4), 1991, equations 40-43; in two dimensions the rotation and the scale
    follow in closed form from one complex number.
    Raises InputError when the points are fewer than two or all in one place.
    """
    src = np.asarray(source, np.float64)
    dst = np.asarray(target, np.float64)
    if src.shape != dst.shape or src.ndim != 2 or src.shape[1] != 2 or len(src) < MIN_POINTS:
        raise InputError(
            f"similarity: expected two (K, 2) arrays with K >= 2, got {src.shape} and {dst.shape}"
        )
    mu_s, mu_d = src.mean(0), dst.mean(0)
    zs = (src - mu_s) @ np.array([1, 1j])
    zd = (dst - mu_d) @ np.array([1, 1j])
    spread = float(np.vdot(zs, zs).real)
    if spread < 1e-12:
        raise InputError("similarity: all source points are in one place")
    a = np.vdot(zs, zd) / spread
    linear = np.array([[a.real, -a.imag], [a.imag, a.real]])
    return np.hstack([linear, (mu_d - linear @ mu_s)[:, None]])


def chip_transform(points: npt.ArrayLike, reference: npt.ArrayLike, fit: Fit = "picture") -> F64:
    """The transform (2, 3) float64, picture px -> chip px, that lays ``points`` on ``reference``.

    Both (K, 2) float, K >= 2. fit: the squares are least in the picture, as dlib fits its chips
    (image_transforms/interpolation.h, chip_details), or in the chip, as insightface and OpenCV do
    (insightface/utils/face_align.py, estimate_norm). In the chip, a face that resembles the
    reference badly, such as a profile, comes out smaller; an encoder wants what it was trained on.
    Raises InputError when the points are all in one place or resemble no turned reference.
    """
    src, dst = np.asarray(reference, np.float64), np.asarray(points, np.float64)
    inverse = similarity(src, dst)
    explained = float(np.hypot(*inverse[:, 0])) ** 2 * float(((src - src.mean(0)) ** 2).sum())
    spread = float(((dst - dst.mean(0)) ** 2).sum())
    if spread < 1e-12 or explained < _LEAST_RESEMBLANCE * spread:
        raise InputError(
            "align: the landmarks are all in one place, or nothing like a face: "
            f"{np.round(dst, 2).tolist()}"
        )
    if fit == "chip":
        return similarity(dst, src)
    return np.asarray(cv2.invertAffineTransform(inverse), np.float64)


def placing(landmarks: Landmarks, spec: ChipSpec) -> Bool:
    """(K,) bool: the points that place the chip, which are visible and used by ``spec``.

    Raises InputError when the schemes differ, and when there are fewer than two such points.
    """
    if landmarks.scheme != spec.scheme:
        raise InputError(
            f"align: the chip {spec.name} wants {spec.scheme} landmarks, got {landmarks.scheme}; "
            f"find those, or place the chip by these (by_scheme(spec, {landmarks.scheme!r}))"
        )
    keep: Bool = landmarks.visible & spec.used
    if keep.sum() < MIN_POINTS:
        used = ", ".join(map(str, np.flatnonzero(spec.used)))
        raise InputError(
            f"align: the chip {spec.name} needs two visible points or more of {used}; "
            f"got {keep.sum()}"
        )
    return keep


def transform_of(landmarks: Landmarks, spec: ChipSpec) -> F64:
    """The transform (2, 3) float64, picture px -> chip px, that puts a face where ``spec`` wants.

    Raises InputError as ``placing`` does, and when the points cannot be a face (see
    ``chip_transform``).
    """
    keep = placing(landmarks, spec)
    return chip_transform(landmarks.points[keep], spec.reference[keep], spec.fit)


def align(image: Image, landmarks: Landmarks, spec: ChipSpec) -> Chip:
    """Cut the chip that ``spec`` wants out of ``image``.

    landmarks: in px of ``image``; those that are visible and that ``spec`` uses place the chip,
    at least two. Outside the picture the chip is black, as dlib's chips are. Large faces are
    averaged down first, so that the bilinear warp does not alias.
    Raises InputError as ``transform_of`` does.
    """
    transform = transform_of(landmarks, spec)
    return Chip(warp(image, transform, spec.size), transform, spec, landmarks.mapped(transform))


def warp(image: Image, transform: F64, size: int) -> npt.NDArray[np.uint8]:
    """The (size, size, 3) uint8 square that ``transform`` (2, 3), image px -> chip px, cuts out.

    Raises InputError when the transform cannot be turned round.
    """
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    if not (np.isfinite(transform).all() and scale > 0):
        raise InputError(f"warp: no transform to a chip: {transform.tolist()}")
    factor = max(1, min(int(1 / scale), max(image.width, image.height)))
    pixels, offset = _shrunk_part(image, transform, size, factor)
    # A pixel of the shrunk part has its centre at offset + factor * p + (factor - 1) / 2.
    matrix = transform.copy()
    matrix[:, 2] += transform[:, :2] @ (offset + (factor - 1) / 2)
    matrix[:, :2] *= factor
    out = cv2.warpAffine(pixels, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return np.asarray(out, np.uint8)


def _shrunk_part(
    image: Image, transform: F64, size: int, factor: int
) -> tuple[npt.NDArray[np.uint8], F64]:
    """The part of ``image`` under the chip, shrunk ``factor`` times, and its origin in px.

    Only this part is warped: OpenCV 4 takes no picture of more than 32,767 px a side.
    """
    inverse = np.asarray(cv2.invertAffineTransform(transform), np.float64)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    corners = corners @ inverse[:, :2].T + inverse[:, 2]
    low = np.clip(np.floor(corners.min(0)) - factor, 0, [image.width, image.height]).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + factor, 0, [image.width, image.height]).astype(int)
    count = np.maximum((high - low) // factor, 1)
    high = np.minimum(low + count * factor, [image.width, image.height])
    part = image.pixels[low[1] : high[1], low[0] : high[0]]
    if part.size == 0:
        return np.zeros((1, 1, 3), np.uint8), low.astype(np.float64)
    if factor == 1:
        return part, low.astype(np.float64)
    small = cv2.resize(part, (int(count[0]), int(count[1])), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), low.astype(np.float64)
