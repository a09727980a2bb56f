"""Pictures as face_recognition's users hand them over: files, file objects and arrays."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from maskwise import image as images
from maskwise.errors import ImageError
from maskwise.types import U8, Image


class ImageNotFoundError(ImageError, FileNotFoundError):
    """A path where no file is."""


class ImageFileError(ImageError, OSError):
    """A file that is no picture, is damaged, or may not be read (Pillow raises OSError)."""


class UnsupportedImageError(ImageError, RuntimeError, TypeError):
    """An array that is no picture (dlib raises RuntimeError, and TypeError for encodings)."""


def read_image(file: Any) -> Image:
    """The picture of a path or a binary file object, upright; of a cut-off JPEG what is left.

    Raises ImageError, which is a FileNotFoundError or an OSError too where Pillow raises that.
    """
    source = _content(file) if callable(getattr(file, "read", None)) else file
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

    Transparency is laid over white. Raises ImageError (a RuntimeError too, as dlib's is) for
    what is no picture of 8 bits.
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
    if isinstance(array, np.ndarray) and array.dtype == np.uint16:
        # Nobody knows whether they run to 255 or to 65535, and the wrong guess finds no face.
        raise UnsupportedImageError(
            "<array>: expected uint8 (0 to 255), got uint16; bring the values to 0..255 and "
            "convert them with .astype(numpy.uint8)"
        )
    try:
        return images.load(array)
    except ImageError as error:
        raise UnsupportedImageError(str(error)) from error


def as_images(arrays: Any) -> list[Image]:
    """``as_image`` of each; UnsupportedImageError for a single picture, which is no list."""
    if isinstance(arrays, np.ndarray) and arrays.ndim in (2, 3):
        raise UnsupportedImageError(
            f"expected a list of pictures, got one array of shape {arrays.shape}; put a single "
            "picture into a list"
        )
    try:
        given = list(arrays)
    except TypeError:
        raise UnsupportedImageError(
            f"expected a list of pictures, got {type(arrays).__name__}"
        ) from None
    return [as_image(array) for array in given]


def _content(file: Any) -> bytes:
    """What a binary file object holds, from its beginning on wherever it stands, as in Pillow."""
    try:
        with contextlib.suppress(AttributeError, OSError):  # a stream that only goes on
            file.seek(0)
        content = file.read()
    except (OSError, ValueError) as error:
        raise ImageFileError(f"{images.describe(file)}: cannot be read ({error})") from error
    if not isinstance(content, bytes):
        raise ImageFileError(
            f"{images.describe(file)}: gives {type(content).__name__} instead of bytes; open the "
            "file with mode 'rb'"
        )
    return content


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
