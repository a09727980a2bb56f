"""Face chips exactly as dlib cuts them, and its jitters: for numbers that old galleries hold.

``maskwise.align`` cuts chips for recognition of its own and may improve; this module repeats
dlib 19-20 to the byte, so that encodings stored by dlib or face_recognition keep their meaning.
Every step follows dlib/image_transforms/interpolation.h (get_face_chip_details, chip_details,
extract_image_chips, interpolate_bilinear, jitter_image) and image_pyramid.h (pyramid_down<2>).

What dlib does, and ``align`` does not: corner pixels of the chip lie on the corners of a rectangle
that is one pixel shorter than the chip's extent; values are cut to whole ones, not rounded; faces
of more than twice the chip's size are halved by a 5x5 filter first, as often as need be, each time
moving points by (1.25, 0.75) px; what a bilinear sample cannot fully reach is black.

What is not repeated is the rounding noise of dlib's singular value decompositions: a value that is
whole but for that may be cut to its neighbour. See docs/adr/0007-two-chips.md.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np

from maskwise.align import chip_spec_for, chip_transform, placing
from maskwise.errors import InputError
from maskwise.types import F32, F64, U8, Image, Landmarks

# Of the specs in maskwise.align; dlib's mean face, unpadded, follows from them.
_SPEC_PADDING: Final = 0.25

# pyramid_down<2>::point_down in dlib/image_transforms/image_pyramid.h.
_HALVED_SHIFT: Final = (1.25, 0.75)
_LEAST_SIDE: Final = 9  # px; dlib's pyramid makes nothing of less

# Rows of a chip that are interpolated at once: they stay in the processor's cache.
_BLOCK: Final = 25

# jitter_image in interpolation.h.
_JITTER_DEG: Final = 3.0
_JITTER_HEIGHT: Final = (0.97, 0.99999)
_JITTER_SHIFT: Final = 0.02
_JITTER_BORDER: Final = 3
# Jitters that are described at once, so that memory stays bounded.
_JITTER_BATCH: Final = 128

# dlib::rand in dlib/rand/rand_kernel_1.h: MT19937 by its usual seed, the first numbers thrown
# away, and 48 bits a real number, divided by a little more than the largest.
_RAND_SEED: Final = 5489
_RAND_WASTED: Final = 10_000
_RAND_MOST: Final = float(0xFFFFFF * 0x1000000 + 0xFFFFFF) + 0.01


class Place(NamedTuple):
    """Where a chip lies in a picture: dlib's chip_details without the chip's size.

    left, top, right, bottom: px, the chip before it is turned; its last column and row belong to
    it. angle: radians by which it is turned about its centre, from x towards y.
    """

    left: float
    top: float
    right: float
    bottom: float
    angle: float


def place(landmarks: Landmarks, *, size: int = 150, padding: float = 0.25) -> Place:
    """Where dlib's chip of these landmarks lies: get_face_chip_details and chip_details.

    The visible points decide, at least two.
    Raises InputError when they cannot be a face, or the scheme is ``five``, which dlib lacks.
    """
    if size < 1 or not (math.isfinite(padding) and padding >= 0):
        raise InputError(f"chip: expected size >= 1 and padding >= 0, got {size}, {padding}")
    spec = chip_spec_for(landmarks.scheme)
    keep = placing(landmarks, spec)
    # dlib's chip runs from 0 to size, edge to edge; and its padding is a C float.
    padding = float(np.float32(padding))
    mean = (spec.reference[keep] + 0.5) * (1 + 2 * _SPEC_PADDING) / spec.size - _SPEC_PADDING
    reference = size * (padding + mean) / (1 + 2 * padding)
    to_chip = chip_transform(landmarks.points[keep], reference)
    turn = complex(to_chip[0, 0], to_chip[1, 0])
    shift = complex(to_chip[0, 2], to_chip[1, 2])
    centre = (complex(size, size) / 2 - shift) / turn
    half = (size / abs(turn) - 1) / 2
    return Place(
        centre.real - half,
        centre.imag - half,
        centre.real + half,
        centre.imag + half,
        -math.atan2(turn.imag, turn.real),
    )


def cut(image: Image, landmarks: Landmarks, *, size: int = 150, padding: float = 0.25) -> U8:
    """(size, size, 3) uint8 RGB: the chip that dlib.get_face_chip cuts, byte for byte.

    landmarks: ``dlib5`` or ``ibug68``, in px of ``image``; dlib's own are whole numbers. The
    visible points place the chip, at least two; dlib always uses all.
    Raises InputError as ``place`` does.
    """
    chip: U8 = cut_batch(image, [landmarks], size=size, padding=padding)[0]
    return chip


def cut_batch(
    image: Image, landmarks: Sequence[Landmarks], *, size: int = 150, padding: float = 0.25
) -> U8:
    """(N, size, size, 3) uint8 RGB: the chips that dlib.get_face_chips cuts; N may be 0.

    Like dlib, this halves the picture once for all faces. Where that starts depends on all of
    them, so chips of faces wider than about 200 px differ a little from those that ``cut`` gives
    one by one; face_recognition cuts one by one.
    Raises InputError as ``place`` does.
    """
    places = [place(one, size=size, padding=padding) for one in landmarks]
    return _extract(image.pixels, places, size)


def jitter_random(seed: int = 0) -> np.random.RandomState:
    """The source of random numbers for ``jittered``; 0 is dlib's own.

    A dlib model that was just loaded draws its jitters from the source of 0 and goes on with it
    from face to face, as long as it lives.
    Raises InputError unless it is a whole number, 0 <= seed < 2**31.
    """
    source = np.random.RandomState(_RAND_SEED + _checked_seed(seed))
    source.bytes(4 * _RAND_WASTED)
    return source


def jittered(chip: U8, count: int, *, seed: int | np.random.RandomState = 0) -> U8:
    """(count, S, S, 3) uint8 RGB: ``chip`` (S, S, 3) as dlib's jitter_image varies it.

    Each one is turned by up to 3 degrees, moved by up to 2 % (whole px), made up to 3 % smaller,
    and mirrored half of the time; three border pixels are cut off before. The same seed gives the
    same jitters; seed 0 those that dlib on Linux draws first (S even). A source that
    ``jitter_random`` made goes on where it stands.
    Raises InputError when ``chip`` is no square of 8 px or more, ``count`` is negative, or as
    ``jitter_random`` does.
    """
    if chip.dtype != np.uint8 or chip.ndim != 3 or chip.shape[0] != chip.shape[1]:
        raise InputError(f"chip: expected (S, S, 3) uint8, got {chip.shape} {chip.dtype}")
    size = len(chip)
    if chip.shape[2] != 3 or size < 8 or count < 0:
        raise InputError(
            f"jittered: expected an RGB chip of 8 px or more and a count >= 0, got {chip.shape}, "
            f"count {count}"
        )
    source = seed if isinstance(seed, np.random.RandomState) else jitter_random(seed)
    out = np.empty((count, size, size, 3), np.uint8)
    for one, draws in zip(out, _reals(source, 5 * count).reshape(count, 5), strict=True):
        one[:] = _extract(chip, [_jittered_place(size, draws)], size)[0]
        if draws[4] > 0.5:
            one[:] = one[:, ::-1].copy()
    return out


def describe(
    describe_batch: Callable[[U8], F32],
    image: Image,
    landmarks: Sequence[Landmarks],
    *,
    num_jitters: int = 1,
    seed: int | np.random.RandomState = 0,
) -> F64:
    """(N, 128) float64: what dlib's compute_face_descriptor gives, face by face; N may be 0.

    num_jitters: above 1, the mean over that many jitters takes the place of the chip itself; 1
    and less mean none, as in dlib. The rest is as in ``describe_chips``.
    Raises InputError as ``place`` and ``jitter_random`` do, and what ``describe_batch`` raises.
    """
    cuts = [cut(image, one) for one in landmarks]
    chips = np.stack(cuts) if cuts else np.zeros((0, 150, 150, 3), np.uint8)
    return describe_chips(describe_batch, chips, num_jitters=num_jitters, seed=seed)


def describe_chips(
    describe_batch: Callable[[U8], F32],
    chips: U8,
    *,
    num_jitters: int = 1,
    seed: int | np.random.RandomState = 0,
) -> F64:
    """(N, 128) float64 of (N, 150, 150, 3) uint8 RGB chips that are cut already; N may be 0.

    describe_batch: an encoder's numbers of (M, 150, 150, 3) chips, such as
    ``DlibResnet().describe_batch``. seed: of the jitters, which every face draws anew, so that
    its numbers do not depend on the other faces; with a source that ``jitter_random`` made, the
    faces draw from it in turn, as those of a dlib model do.
    Raises InputError as ``jittered`` does, for a ``num_jitters`` or ``seed`` that cannot be however
    many chips there are, and what ``describe_batch`` raises.
    """
    num_jitters = _whole("num_jitters", num_jitters)
    if not isinstance(seed, np.random.RandomState):
        seed = _checked_seed(seed)
    if num_jitters <= 1 or not len(chips):
        return np.asarray(describe_batch(chips), np.float64)
    rows = []
    for chip in chips:
        source = seed if isinstance(seed, np.random.RandomState) else jitter_random(seed)
        total = np.zeros(())
        for start in range(0, num_jitters, _JITTER_BATCH):
            count = min(_JITTER_BATCH, num_jitters - start)
            numbers = describe_batch(jittered(chip, count, seed=source))
            total = total + numbers.sum(axis=0, dtype=np.float64)
        rows.append(total / num_jitters)
    return np.stack(rows)


def _checked_seed(seed: int) -> int:
    seed = _whole("seed", seed)
    if not 0 <= seed < 2**31:
        raise InputError(f"seed: expected 0 <= seed < 2**31, got {seed}")
    return seed


def _whole(name: str, value: int) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise InputError(f"{name}: expected a whole number, got {value!r}") from None


def _reals(source: np.random.RandomState, count: int) -> F64:
    """(count,) float64 in 0..1, as dlib::rand::get_random_double draws them."""
    if not count:
        return np.zeros(0)  # NumPy would draw a number all the same.
    words = np.frombuffer(source.bytes(8 * count), "<u4").reshape(count, 2) & 0xFFFFFF
    high, low = words.astype(np.float64).T
    reals: F64 = (high * 0x1000000 + low) / _RAND_MOST
    return reals


def _jittered_place(size: int, draws: F64) -> Place:
    """The place of jitter_image in a chip of ``size`` px that five numbers of 0..1 make.

    GCC, which Linux's dlib is built with, draws the shift along y before that along x.
    """
    along_y, along_x, shrink, turn, _ = (float(v) for v in draws)
    side = size - 2 * _JITTER_BORDER
    shift = [
        math.floor(_between(-_JITTER_SHIFT, _JITTER_SHIFT, share) * side + 0.5)
        for share in (along_x, along_y)
    ]
    box = int(side / _between(*_JITTER_HEIGHT, shrink))
    # dlib's centre of the rectangle _JITTER_BORDER .. size - 1 - _JITTER_BORDER, in whole px.
    left, top = (float(size // 2 + one - box // 2) for one in shift)
    angle = _between(-_JITTER_DEG, _JITTER_DEG, turn) * math.pi / 180
    return Place(left, top, left + box - 1, top + box - 1, angle)


def _between(low: float, high: float, share: float) -> float:
    return low + share * (high - low)


def _extract(pixels: U8, places: Sequence[Place], size: int) -> U8:
    """(N, size, size, 3): dlib's extract_image_chips."""
    out = np.zeros((len(places), size, size, 3), np.uint8)
    depths = [_depth(one, size) for one in places]
    boxes = [_surroundings(p, d, pixels.shape) for p, d in zip(places, depths, strict=True)]
    filled = np.array([b for b in boxes if b is not None], np.int64).reshape(-1, 4)
    if not len(filled):
        return out
    left, top = filled[:, :2].min(axis=0)
    right, bottom = filled[:, 2:].max(axis=0)
    levels = [pixels[top : bottom + 1, left : right + 1]]
    for _ in range(max(depths)):
        levels.append(_halved(levels[-1]))
    for chip, one, depth in zip(out, places, depths, strict=True):
        moved = Place(one.left - left, one.top - top, one.right - left, one.bottom - top, one.angle)
        for _ in range(depth):
            moved = _down(moved)
        _interpolate(levels[depth], moved, chip)
    return out


def _down(where: Place) -> Place:
    """``where`` at half the size."""
    x, y = _HALVED_SHIFT
    return Place(
        where.left / 2 - x,
        where.top / 2 - y,
        where.right / 2 - x,
        where.bottom / 2 - y,
        where.angle,
    )


def _depth(where: Place, size: int) -> int:
    """How often the picture is halved: the halves of ``where`` stay larger than the chip."""
    depth = 0
    while True:
        where = _down(where)
        area = (where.right - where.left + 1) * (where.bottom - where.top + 1)
        if where.right < where.left or area <= size * size:
            return depth
        depth += 1


def _corners(where: Place) -> F64:
    """(4, 2) float64: top left, top right, bottom left and bottom right, turned."""
    centre = np.array([(where.left + where.right) / 2, (where.top + where.bottom) / 2])
    x = np.array([where.left, where.right, where.left, where.right]) - centre[0]
    y = np.array([where.top, where.top, where.bottom, where.bottom]) - centre[1]
    cos, sin = math.cos(where.angle), math.sin(where.angle)
    turned: F64 = np.stack([cos * x - sin * y, sin * x + cos * y], axis=1) + centre
    return turned


def _surroundings(
    where: Place, depth: int, shape: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    """The part of the picture that dlib looks at: left, top, right, bottom, inclusive.

    None when the chip, with some border for each halving, lies outside the picture.
    """
    grow = 2.0
    for _ in range(depth):
        grow = grow * 2 + 2
    corners = _corners(where)
    left, top = (max(float(v) - grow, 0.0) for v in corners.min(axis=0))
    right = min(float(corners[:, 0].max()) + grow, shape[1] - 1.0)
    bottom = min(float(corners[:, 1].max()) + grow, shape[0] - 1.0)
    if left > right or top > bottom:
        return None
    return _rounded(left), _rounded(top), _rounded(right), _rounded(bottom)


def _rounded(value: float) -> int:
    """The nearest whole number, halves up; ``value`` >= 0."""
    return math.floor(value + 0.5)


def _halved(pixels: U8) -> U8:
    """dlib's pyramid_down<2>: the binomial 5x5 filter at every other pixel, cut to whole values.

    Nothing, (0, 0, 3), of a picture of 8 px or less.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < _LEAST_SIDE:
        return np.zeros((0, 0, 3), np.uint8)
    # cv2.pyrDown has the same filter, but rounds: with 8 more bits below, nothing is rounded.
    sums = np.asarray(cv2.pyrDown(pixels.astype(np.uint16) << 8), np.uint16)
    inner = sums[1 : (height - 3) // 2 + 1, 1 : (width - 3) // 2 + 1]
    return np.asarray(inner >> 8, np.uint8)


def _interpolate(pixels: U8, where: Place, chip: U8) -> None:
    """Fill ``chip`` (S, S, 3), all black, with what lies at ``where`` in ``pixels``."""
    height, width = pixels.shape[:2]
    last = max(len(chip) - 1, 1)
    top_left, top_right, bottom_left, _ = _corners(where)
    across, down = (top_right - top_left) / last, (bottom_left - top_left) / last
    step = np.arange(len(chip), dtype=np.float64)
    x = across[0] * step + (down[0] * step)[:, None] + top_left[0]
    y = across[1] * step + (down[1] * step)[:, None] + top_left[1]
    column, row = np.floor(x), np.floor(y)
    inside = (column >= 0) & (row >= 0) & (column < width - 1) & (row < height - 1)
    if not inside.any():
        return
    # The part that is looked at, as one 32-bit word a pixel: NumPy gathers words fastest.
    left, top = int(column[inside].min()), int(row[inside].min())
    right, bottom = int(column[inside].max()) + 2, int(row[inside].max()) + 2
    part = np.ascontiguousarray(pixels[top:bottom, left:right])
    words = cv2.cvtColor(part, cv2.COLOR_RGB2RGBA).view(np.uint32).ravel()
    stride = right - left
    first = np.where(inside, (row - top) * stride + (column - left), 0).astype(np.intp)
    x -= column
    y -= row
    for start in range(0, len(chip), _BLOCK):
        rows = slice(start, start + _BLOCK)
        at, right_share, low_share = first[rows], x[rows], y[rows]
        left_share, high_share = 1 - right_share, 1 - low_share
        four = [
            words.take(at + offset).view(np.uint8).reshape(*at.shape, 4)
            for offset in (0, 1, stride, stride + 1)
        ]
        for colour in range(3):
            # In float64 and in dlib's order of products: values are cut, not rounded, below.
            value, right_of, low, low_right = (v[..., colour].astype(np.float64) for v in four)
            value *= left_share
            value += right_of * right_share
            value *= high_share
            low *= left_share
            low += low_right * right_share
            low *= low_share
            value += low
            value *= inside[rows]
            chip[rows, :, colour] = value
