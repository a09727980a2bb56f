"""The functions of face_recognition 1.3.0; what they mean here stands in docs/face_recognition.md.

The names that begin with an underscore are there because its users and its own tests call them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from maskwise.compat.face_recognition import engine, pictures
from maskwise.compat.face_recognition.shapes import (
    FullObjectDetection,
    MmodRectangle,
    Point,
    Rectangle,
)
from maskwise.errors import ConfigurationError
from maskwise.types import F64, U8, Image, Landmarks

Css: TypeAlias = tuple[int, int, int, int]
"""A face's box: (top, right, bottom, left) in whole px."""

PixelArray: TypeAlias = npt.NDArray[Any]
"""(H, W, 3) uint8 RGB or (H, W) uint8 grey, of any strides."""

# The names of face_landmarks' parts, by the indices of iBUG 300-W; lips are walked round.
_LARGE: dict[str, list[int]] = {
    "chin": [*range(17)],
    "left_eyebrow": [*range(17, 22)],
    "right_eyebrow": [*range(22, 27)],
    "nose_bridge": [*range(27, 31)],
    "nose_tip": [*range(31, 36)],
    "left_eye": [*range(36, 42)],
    "right_eye": [*range(42, 48)],
    "top_lip": [*range(48, 55), 64, 63, 62, 61, 60],
    "bottom_lip": [*range(54, 60), 48, 60, 67, 66, 65, 64],
}
_SMALL: dict[str, list[int]] = {"nose_tip": [4], "left_eye": [2, 3], "right_eye": [0, 1]}


def load_image_file(file: Any, mode: str | None = "RGB") -> U8:
    """(H, W, 3) uint8 RGB of a picture, upright; (H, W) uint8 grey with mode "L".

    file: a path or a binary file object, which is read from its beginning. Transparency is laid
    over white. Another ``mode`` is Pillow's; None means "RGB". Of a JPEG that was cut off the
    rest is grey, with a warning.
    Raises ImageError (also a FileNotFoundError or OSError) and ConfigurationError (a ValueError)
    for a mode that Pillow lacks.
    """
    pixels = pictures.read_image(file).pixels
    if mode is None or mode == "RGB":
        return np.array(pixels)
    import PIL.Image

    try:
        return np.array(PIL.Image.fromarray(pixels).convert(mode))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f'mode: {error}; choose "RGB" or "L"') from error


def face_locations(
    img: PixelArray, number_of_times_to_upsample: int = 1, model: str = "hog"
) -> list[Css]:
    """The boxes (top, right, bottom, left) of all faces, cut to the picture, surest first.

    number_of_times_to_upsample: how often the picture is doubled first; finds smaller faces.
    model: "cnn" is dlib's MMOD network. "hog" is dlib's HOG detector where dlib is installed,
    else the same network as "cnn" with the picture fitted to it.
    Raises ImageError for what is no picture, ConfigurationError (a ValueError) for a model or
    number that cannot be, and in the strict mode NoFaceError for no face.
    """
    image = pictures.as_image(img)
    found = engine.boxes(image, model, number_of_times_to_upsample)
    engine.expect_faces(found, image)
    return [_trim_css_to_bounds(_rect_to_css(rect), image.pixels.shape) for rect, _ in found]


def batch_face_locations(
    images: Sequence[PixelArray], number_of_times_to_upsample: int = 1, batch_size: int = 128
) -> list[list[Css]]:
    """``face_locations`` with model "cnn" of each picture; they may differ in size.

    batch_size: is checked and makes no difference: on a CPU a batch of large pictures gains
    nothing. Raises as ``face_locations``, but never for no face.
    """
    given = pictures.as_images(images)
    found = _mmod(given, number_of_times_to_upsample, batch_size)
    return [
        [_trim_css_to_bounds(_rect_to_css(face.rect), picture.pixels.shape) for face in faces]
        for picture, faces in zip(given, found, strict=True)
    ]


def face_landmarks(
    face_image: PixelArray, face_locations: Iterable[Any] | None = None, model: str = "large"
) -> list[dict[str, list[tuple[int, int]]]]:
    """Each face's named points (x, y) in whole px; they may lie outside the picture.

    model: "large" gives chin, left_eyebrow, right_eyebrow, nose_bridge, nose_tip, left_eye,
    right_eye, top_lip and bottom_lip (left in the picture, as face_recognition says it), from
    weights whose licence forbids commercial use; "small" nose_tip, left_eye and right_eye.
    face_locations: boxes (top, right, bottom, left); None looks for them with "hog".
    Raises ConfigurationError (a ValueError) for another model, LicenceError and ModelError when
    the 68-point weights may not or cannot be read, and as ``face_locations``.
    """
    shapes = _raw_face_landmarks(face_image, face_locations, model)
    parts = _LARGE if model == "large" else _SMALL
    points = [[(p.x, p.y) for p in shape.parts()] for shape in shapes]
    return [{name: [face[i] for i in at] for name, at in parts.items()} for face in points]


def face_encodings(
    face_image: PixelArray,
    known_face_locations: Iterable[Any] | None = None,
    num_jitters: int = 1,
    model: str = "small",
    *,
    landmarks: str | Iterable[int] | None = None,
    seed: int = 0,
) -> list[F64]:
    """(128,) float64 for each face, as dlib's network gives them: not of unit length.

    known_face_locations: boxes (top, right, bottom, left); None looks for them with "hog".
    num_jitters: above 1, the mean over that many random variations of the aligned face, drawn
    from ``seed`` anew for each face. model: the points to align on, "small" (5) or "large" (68).

    landmarks: align on these points alone: a name or indices of ``maskwise.landmarks.subsets``,
    such as "eyes". See ``face_encodings_masked`` for more against masks.
    Raises as ``face_landmarks``, and InputError for a subset that is none.
    """
    points = None if landmarks is None else engine.subset(landmarks, model)
    image, found = _found(face_image, known_face_locations, model)
    return _described(image, [lm for _, lm in found], num_jitters, points, seed)


def face_distance(face_encodings: Any, face_to_compare: Any) -> F64:
    """(N,) float64 Euclidean distance of each of N encodings to one; ``np.empty(0)`` of none.

    Raises EncodingError (an InputError, ValueError and TypeError) when their lengths differ or
    they are no numbers, such as None where no face was found.
    """
    try:
        if len(face_encodings) == 0:
            return np.empty(0)
        known, one = _numbers(face_encodings), _numbers(face_to_compare)
        if known.ndim != 2 or one.ndim not in (1, 2) or known.shape[1] != one.shape[-1]:
            raise ValueError("shapes")
        distance: F64 = np.linalg.norm(known - one, axis=1)
    except (TypeError, ValueError) as error:
        raise engine.EncodingError(
            "face_distance: expected a list of encodings and one encoding of the same length, got "
            f"{_shape(face_encodings)} and {_shape(face_to_compare)}"
        ) from error
    return distance


def compare_faces(
    known_face_encodings: Any, face_encoding_to_check: Any, tolerance: float = 0.6
) -> list[bool]:
    """For each known encoding, whether its distance to the one to check is at most ``tolerance``.

    Raises as ``face_distance``.
    """
    return list(face_distance(known_face_encodings, face_encoding_to_check) <= tolerance)


def _rect_to_css(rect: Any) -> Css:
    """(top, right, bottom, left) of a rectangle, ours or dlib's."""
    return rect.top(), rect.right(), rect.bottom(), rect.left()


def _css_to_rect(css: Any) -> Rectangle:
    """The rectangle of (top, right, bottom, left); FaceLocationError (a TypeError) otherwise."""
    return engine.rectangle(css)


def _trim_css_to_bounds(css: Css, image_shape: Sequence[int]) -> Css:
    """``css`` cut to a picture of ``image_shape`` (H, W, ...)."""
    top, right, bottom, left = css
    return max(top, 0), min(right, image_shape[1]), min(bottom, image_shape[0]), max(left, 0)


def _raw_face_locations(
    img: PixelArray, number_of_times_to_upsample: int = 1, model: str = "hog"
) -> list[Any]:
    """Rectangles that may reach outside the picture; MmodRectangles with model "cnn"."""
    found = engine.boxes(pictures.as_image(img), model, number_of_times_to_upsample)
    if model == "cnn":
        return [MmodRectangle(rect, score) for rect, score in found]
    return [rect for rect, _ in found]


def _raw_face_locations_batched(
    images: Sequence[PixelArray], number_of_times_to_upsample: int = 1, batch_size: int = 128
) -> list[list[MmodRectangle]]:
    """``_raw_face_locations`` with model "cnn" of each picture."""
    return _mmod(pictures.as_images(images), number_of_times_to_upsample, batch_size)


def _raw_face_landmarks(
    face_image: PixelArray, face_locations: Iterable[Any] | None = None, model: str = "large"
) -> list[FullObjectDetection]:
    """The points of each face with dlib's way to ask for them."""
    _, found = _found(face_image, face_locations, model)
    return [
        FullObjectDetection(rect, [Point(int(x), int(y)) for x, y in landmarks.points])
        for rect, landmarks in found
    ]


def _mmod(images: Sequence[Image], upsample: int, batch_size: int) -> list[list[MmodRectangle]]:
    engine.whole_number("batch_size", batch_size, 1)
    return [
        [MmodRectangle(rect, score) for rect, score in engine.boxes(image, "cnn", upsample)]
        for image in images
    ]


def _found(
    face_image: PixelArray, locations: Iterable[Any] | None, model: str
) -> tuple[Image, list[tuple[Rectangle, Landmarks]]]:
    """The picture, and each face's box and points; looked for where no boxes are given."""
    engine.landmark_model(model)
    image = pictures.as_image(face_image)
    if locations is None:
        rects = [rect for rect, _ in engine.boxes(image, "hog", 1)]
    else:
        rects = engine.rectangles(locations)
    engine.expect_faces(rects, image)
    return image, list(zip(rects, engine.predict(image, rects, model), strict=True))


def _described(
    image: Image,
    faces: Sequence[Landmarks],
    num_jitters: int,
    points: tuple[int, ...] | None,
    seed: int,
) -> list[F64]:
    """(128,) float64 of each face, aligned on the points of these indices; None: on all."""
    from maskwise import dlib_chip

    if points is not None:
        from maskwise.landmarks import subsets

        faces = [subsets.keep(face, points) for face in faces]
    rows = dlib_chip.describe(
        engine.encoder().describe_batch, image, faces, num_jitters=num_jitters, seed=seed
    )
    return list(rows)


def _numbers(value: Any) -> F64:
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(array.dtype)
    return np.asarray(array, np.float64)


def _shape(value: Any) -> str:
    if not hasattr(value, "__len__"):
        return type(value).__name__
    try:
        array = np.asarray(value)
    except ValueError:
        return "encodings of unequal lengths"
    return f"shape {array.shape} of {array.dtype}"
