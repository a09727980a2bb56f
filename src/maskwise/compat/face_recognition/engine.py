"""What stands behind the functions: the models, opened when first used, and the strict mode."""

from __future__ import annotations

import contextlib
import functools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from maskwise.compat.face_recognition.shapes import Rectangle
from maskwise.errors import ConfigurationError, InputError, NoFaceError
from maskwise.types import Detection, Image, Landmarks

if TYPE_CHECKING:
    from maskwise.detect.protocol import Detector
    from maskwise.encode.dlib_resnet import DlibResnet
    from maskwise.landmarks.protocol import LandmarkPredictor

HOG_VARIABLE: Final = "MASKWISE_COMPAT_HOG"
"""Environment: what model="hog" is, ``dlib`` or ``maskwise``; unset, dlib's where it is."""

STRICT_VARIABLE: Final = "MASKWISE_COMPAT_STRICT"
"""Environment: 1 makes every call strict; see ``strict``."""

LANDMARK_MODELS: Final = {"small": "dlib5", "large": "dlib68"}
"""face_recognition's names of the landmark predictors, and ours."""

_MOST_COORDINATE: Final = 1 << 24  # px; whole numbers up to here are exact in float32

_strict: ContextVar[bool | None] = ContextVar("maskwise_compat_strict", default=None)


class FaceLocationError(InputError, TypeError):
    """A box that is not (top, right, bottom, left) (dlib raises TypeError)."""


class EncodingError(InputError, TypeError):
    """Encodings that cannot be compared (NumPy raises TypeError or ValueError)."""


class NoFaceFoundError(NoFaceError, IndexError):
    """Strict mode: no face, where ``[0]`` on an empty list would have raised IndexError."""


@contextlib.contextmanager
def strict(on: bool = True) -> Iterator[None]:
    """While it lasts, a picture without a face raises NoFaceError (an IndexError too).

    Holds for ``face_locations``, ``face_landmarks`` and ``face_encodings`` of this thread or
    task; MASKWISE_COMPAT_STRICT=1 does it for all. Outside, they give an empty list, as
    face_recognition's do.
    """
    token = _strict.set(on)
    try:
        yield
    finally:
        _strict.reset(token)


def expect_faces(found: Sequence[object], image: Image) -> None:
    """NoFaceError when nothing was found and the mode is strict."""
    if found:
        return
    on = _strict.get()
    if on is None:
        on = os.environ.get(STRICT_VARIABLE, "").lower() in ("1", "true", "yes", "on")
    if on:
        raise NoFaceFoundError(
            f"no face found in {image.source} ({image.width}x{image.height} px); try a larger "
            'number_of_times_to_upsample or model="cnn"'
        )


def whole_number(name: str, value: Any, least: int) -> int:
    """``value``, a whole number from ``least`` up; ConfigurationError, with ``name``."""
    try:
        count = int(value)
        fits = bool(count == value and count >= least)
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise ConfigurationError(f"{name}: expected a whole number from {least} up, got {value!r}")
    return count


def detector(model: str, upsample: int) -> Detector:
    """The detector that ``model`` ("hog" or "cnn") means; ConfigurationError for another name."""
    if model not in ("hog", "cnn"):
        raise ConfigurationError(f'Invalid face detection model {model!r}: choose "hog" or "cnn".')
    count = whole_number("number_of_times_to_upsample", upsample, 0)
    # A forked child makes its own: the parent's may be at work at that moment, and locked.
    return _detector(hog() if model == "hog" else "cnn", count, os.getpid())


def hog() -> str:
    """What model="hog" is here: ``dlib``, its own HOG detector, or ``maskwise``, our ``mmod``."""
    chosen = os.environ.get(HOG_VARIABLE, "").strip().lower()
    if chosen not in ("", "dlib", "maskwise"):
        raise ConfigurationError(f"{HOG_VARIABLE}: expected dlib or maskwise, got {chosen!r}")
    if chosen:
        return chosen
    from maskwise.detect import dlib_hog

    return "dlib" if dlib_hog.available() else "maskwise"


def boxes(image: Image, model: str, upsample: int) -> list[tuple[Rectangle, float]]:
    """What ``detector(model, upsample)`` finds, by falling score; not cut to the picture."""
    return [
        (Rectangle(*(int(v) for v in found.box)), found.score)
        for found in detector(model, upsample).detect(image)
    ]


def rectangles(locations: Any) -> list[Rectangle]:
    """``rectangle`` of each box of a list; FaceLocationError for what is no list of boxes."""
    try:
        given = list(locations)
    except TypeError:
        raise FaceLocationError(
            f"expected a list of face locations, got {type(locations).__name__}"
        ) from None
    if len(given) == 4 and all(map(np.isscalar, given)):
        raise FaceLocationError(
            f"expected a list of face locations, got the single one {tuple(given)!r}; put it "
            "into a list"
        )
    return [rectangle(css) for css in given]


def rectangle(css: Any) -> Rectangle:
    """(top, right, bottom, left) -> Rectangle, to the nearest whole px; FaceLocationError."""
    try:
        top, right, bottom, left = (math.floor(float(v) + 0.5) for v in css)
    except (TypeError, ValueError, OverflowError) as error:
        raise FaceLocationError(
            f"a face location is (top, right, bottom, left) in px, got {css!r}"
        ) from error
    return Rectangle(left, top, right, bottom)


def predict(image: Image, rects: Sequence[Rectangle], model: str) -> list[Landmarks]:
    """The points of each box, ``dlib5`` for "small" and ``ibug68`` for "large".

    Raises FaceLocationError for a box that holds nothing, LicenceError or ModelError when the
    68-point weights may not or cannot be read.
    """
    found = []
    for rect in rects:
        corners = (rect.left(), rect.top(), rect.right(), rect.bottom())
        if (
            max(map(abs, corners)) > _MOST_COORDINATE
            or corners[0] >= corners[2]
            or corners[1] >= corners[3]
        ):
            raise FaceLocationError(
                f"no face fits in the box top {corners[1]}, right {corners[2]}, bottom "
                f"{corners[3]}, left {corners[0]}; the order is (top, right, bottom, left)"
            )
        found.append(Detection(np.array(corners, np.float32), 1.0))
    return _predictor(landmark_model(model)).predict(image, found) if found else []


def landmark_model(model: str) -> str:
    """Our name of face_recognition's predictor ``model``; ConfigurationError (a ValueError)."""
    if not isinstance(model, str) or model not in LANDMARK_MODELS:
        raise ConfigurationError(
            "Invalid landmarks model type. Supported models are ['small', 'large']."
        )
    return LANDMARK_MODELS[model]


def subset(points: str | Iterable[int], model: str) -> tuple[int, ...]:
    """The indices of a subset of ``model``'s points; InputError, whatever a picture shows."""
    from maskwise.landmarks import subsets

    return subsets.indices(points, _predictor(landmark_model(model)).scheme)


@functools.cache
def encoder() -> DlibResnet:
    """dlib's network, one for the process."""
    from maskwise.encode.dlib_resnet import DlibResnet

    return DlibResnet()


@functools.lru_cache(maxsize=16)
def _detector(name: str, upsample: int, process: int) -> Detector:
    if name == "dlib":
        from maskwise.detect.dlib_hog import DlibHog

        return DlibHog(upsample=upsample)
    from maskwise.detect.mmod import Mmod

    # Our own way with MMOD fits the picture's size by itself; once is what all callers leave.
    return Mmod(upsample=None if name == "maskwise" and upsample == 1 else upsample)


@functools.cache
def _predictor(name: str) -> LandmarkPredictor:
    from maskwise import landmarks

    return landmarks.create(name)
