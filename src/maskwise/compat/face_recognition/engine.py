"""What stands behind the functions: the models, opened when first used, and the strict mode."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from maskwise import image as images
from maskwise.compat.face_recognition.shapes import Rectangle
from maskwise.errors import (
    ConfigurationError,
    ImageError,
    InputError,
    NoFaceError,
)
from maskwise.types import U8, Detection, Image, Landmarks

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


class ImageNotFoundError(ImageError, FileNotFoundError):
    """A path where no file is."""


class ImageFileError(ImageError, OSError):
    """A file that is no picture, is damaged, or may not be read (Pillow raises OSError)."""


class UnsupportedImageError(ImageError, RuntimeError, TypeError):
    """An array that is no picture (dlib raises RuntimeError, and TypeError for encodings)."""


class FaceLocationError(InputError, TypeError):
    """A box that is not (top, right, bottom, left) (dlib raises TypeError)."""


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


def read_image(file: Any) -> Image:
    """The picture of a path or a binary file object, upright; of a cut-off JPEG what is left.

    Raises ImageError, which is a FileNotFoundError or an OSError too where Pillow raises that.
    """
    source = file
    if callable(getattr(file, "read", None)):
        source = file.read()
        if not isinstance(source, bytes):
            raise ImageFileError(
                f"{images.describe(file)}: a file opened as text; open it with mode 'rb'"
            )
    try:
        return images.load(source)
    except ImageError as error:
        whole = _completed_jpeg(source)
        if whole is not None:
            return Image(whole, images.describe(source))
        kind = ImageNotFoundError if _is_missing(error) else ImageFileError
        raise kind(str(error)) from error


def as_image(array: Any) -> Image:
    """An array as face_recognition's users have it: any strides, grey or RGB, 8 bits.

    Raises ImageError (a RuntimeError too, as dlib's is) for anything else.
    """
    if (
        isinstance(array, np.ndarray)
        and array.dtype == np.uint8
        and array.ndim == 3
        and array.shape[2] == 3
        and array.size
        and array.flags.c_contiguous
    ):
        # Not copied: the picture is looked at during the call only.
        view = array.view(np.ndarray)
        view.flags.writeable = False
        return Image(view)
    if array is None or isinstance(array, str | bytes | os.PathLike):
        raise UnsupportedImageError(
            f"expected the array of a picture, got {type(array).__name__}; load_image_file reads "
            "a file, and cv2.imread gives None for one that it cannot read"
        )
    try:
        return images.load(array)
    except ImageError as error:
        raise UnsupportedImageError(str(error)) from error


def detector(model: str, upsample: int) -> Detector:
    """The detector that ``model`` ("hog" or "cnn") means; ConfigurationError for another name."""
    if model not in ("hog", "cnn"):
        raise ConfigurationError(f'Invalid face detection model {model!r}: choose "hog" or "cnn".')
    try:
        count = int(upsample)
    except (TypeError, ValueError):
        count = -1
    if count != upsample or count < 0:
        raise ConfigurationError(
            f"number_of_times_to_upsample: expected 0, 1, 2 ..., got {upsample!r}"
        )
    return _detector(hog() if model == "hog" else "cnn", count)


def hog() -> str:
    """What model="hog" is here: ``dlib``, its own HOG detector, or ``maskwise``, our default."""
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
    if model not in LANDMARK_MODELS:
        raise ConfigurationError(
            "Invalid landmarks model type. Supported models are ['small', 'large']."
        )
    return LANDMARK_MODELS[model]


@functools.cache
def encoder() -> DlibResnet:
    """dlib's network, one for the process."""
    from maskwise.encode.dlib_resnet import DlibResnet

    return DlibResnet()


@functools.lru_cache(maxsize=16)
def _detector(name: str, upsample: int) -> Detector:
    if name == "dlib":
        from maskwise.detect.dlib_hog import DlibHog

        return DlibHog(upsample=upsample)
    from maskwise.detect.mmod import Mmod

    # Our default detector fits the picture's size by itself; once is what all callers leave.
    return Mmod(upsample=None if name == "maskwise" and upsample == 1 else upsample)


@functools.cache
def _predictor(name: str) -> LandmarkPredictor:
    from maskwise import landmarks

    return landmarks.create(name)


def _is_missing(error: ImageError) -> bool:
    return isinstance(error.__cause__, FileNotFoundError | NotADirectoryError)


def _completed_jpeg(source: Any) -> U8 | None:
    """The pixels of a JPEG that was cut off, the rest grey, as face_recognition reads it.

    None when ``source`` is no such file. An end-of-image marker makes the decoder fill the rest,
    where Pillow's own switch for that would change it for the whole process.
    """
    try:
        if not isinstance(source, bytes):
            with Path(source).open("rb") as file:
                source = file.read(images.MAX_FILE_BYTES)
        if not source.startswith(b"\xff\xd8\xff") or source.rstrip(b"\0").endswith(b"\xff\xd9"):
            return None
        pixels = images.load(source + b"\xff\xd9").pixels
    except (OSError, ImageError, TypeError, ValueError):
        return None  # the first error says it better
    warnings.warn("a cut-off JPEG was read; what is missing of it is grey", stacklevel=4)
    return pixels
