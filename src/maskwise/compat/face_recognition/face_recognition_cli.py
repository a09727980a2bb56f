"""The command face_recognition: who of a folder of known people is in which picture."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from maskwise.compat.face_recognition import api, batch, engine
from maskwise.compat.face_recognition.batch import image_files_in_folder
from maskwise.errors import InputError
from maskwise.types import F64, U8

__all__ = [
    "image_files_in_folder",
    "main",
    "print_result",
    "process_images_in_process_pool",
    "scan_known_people",
    "test_image",
]

_MOST_SIDE: Final = 1600  # px; larger pictures are made smaller first, as face_recognition does


def scan_known_people(known_people_folder: str) -> tuple[list[str], list[F64]]:
    """The names (the files', without suffix) and encodings of the first face of each picture.

    Pictures without a face, or with several, are named on stdout, those that cannot be read on
    stderr. Raises OSError when the folder cannot be listed.
    """
    names, encodings, _ = _scan(image_files_in_folder(known_people_folder))
    return names, encodings


def print_result(filename: str, name: str, distance: Any, show_distance: bool = False) -> None:
    """Print ``filename,name`` or ``filename,name,distance``."""
    batch.show(_line(filename, name, distance, show_distance))


def test_image(
    image_to_check: str,
    known_names: Sequence[str],
    known_face_encodings: Sequence[F64],
    tolerance: float = 0.6,  # noqa: PT028  no test
    show_distance: bool = False,  # noqa: PT028
) -> None:
    """Print a line for each known face within ``tolerance`` of each face of the picture.

    A face that is like nobody gives ``unknown_person``, a picture without a face
    ``no_persons_found``. Raises ImageError for a picture that cannot be read.
    """
    with engine.strict(False):
        for line in _lines(
            image_to_check, known_names, known_face_encodings, tolerance, show_distance
        ):
            batch.show(line)


def process_images_in_process_pool(  # noqa: PLR0917  face_recognition's
    images_to_check: Sequence[str],
    known_names: Sequence[str],
    known_face_encodings: Sequence[F64],
    number_of_cpus: int,
    tolerance: float,
    show_distance: bool,
) -> None:
    """``test_image`` of each picture in several processes (-1: one a core), printed in order.

    Pictures that cannot be read are named on stderr.
    """
    look = functools.partial(
        _lines,
        known_names=known_names,
        known_face_encodings=known_face_encodings,
        tolerance=tolerance,
        show_distance=show_distance,
    )
    batch.show_each(look, images_to_check, number_of_cpus)


@click.command()
@click.argument("known_people_folder")
@click.argument("image_to_check")
@batch.cpus_option
@click.option(
    "--tolerance",
    default=0.6,
    help="The largest distance at which two faces pass as one person's. Default: 0.6.",
)
@click.option(
    "--show-distance", default=False, type=bool, help="1: print the distance of the faces too."
)
def main(
    known_people_folder: str,
    image_to_check: str,
    cpus: int,
    tolerance: float,
    show_distance: bool,
) -> None:
    """Say who of the known people is in a picture, or in each picture of a folder.

    KNOWN_PEOPLE_FOLDER holds one picture a person, named after the person. Each face gives a
    line `picture,name` for everybody who it is like, or `picture,unknown_person`; a picture
    without a face gives `picture,no_persons_found`.

    \b
    Examples:
      maskwise compat face_recognition known/ party.jpg
      maskwise compat face_recognition known/ photos/ --cpus -1 --show-distance 1

    Exit codes: 0 done; 1 done, but pictures that cannot be read were skipped (each is named);
    2 usage or configuration error.
    """
    with batch.errors_in_one_line():
        known = batch.files_of_folder(known_people_folder, "KNOWN_PEOPLE_FOLDER")
        files = batch.files_of(image_to_check, "IMAGE_TO_CHECK")
        names, encodings, skipped = _scan(known)
        if not names:
            batch.warn(f"{known_people_folder}: nobody is known; sub-folders are not looked into")
        look = functools.partial(
            _lines,
            known_names=names,
            known_face_encodings=encodings,
            tolerance=tolerance,
            show_distance=show_distance,
        )
        skipped += batch.show_each(look, files, cpus)
    if skipped:
        raise click.exceptions.Exit(batch.SKIPPED)


def _scan(files: Sequence[str]) -> tuple[list[str], list[F64], int]:
    """Names, encodings, and how many files could not be read."""
    names, encodings, skipped = [], [], 0
    for file in files:
        try:
            with engine.strict(False):
                found = api.face_encodings(batch.read(file))
        except InputError as error:
            batch.warn(f"{error}; skipped")
            skipped += 1
            continue
        if not found:
            batch.show(f"WARNING: No faces found in {file}. Ignoring file.")
            continue
        if len(found) > 1:
            batch.show(
                f"WARNING: More than one face found in {file}. Only considering the first face."
            )
        names.append(Path(file).stem)
        encodings.append(found[0])
    return names, encodings, skipped


def _lines(
    image_to_check: str,
    known_names: Sequence[str],
    known_face_encodings: Sequence[F64],
    tolerance: float,
    show_distance: bool,
) -> list[str]:
    lines = []
    for encoding in api.face_encodings(_fitted(batch.read(image_to_check))):
        distances = api.face_distance(known_face_encodings, encoding)
        alike = [
            _line(image_to_check, name, distance, show_distance)
            for name, distance in zip(known_names, distances, strict=True)
            if distance <= tolerance
        ]
        lines += alike or [_line(image_to_check, "unknown_person", None, show_distance)]
    return lines or [_line(image_to_check, "no_persons_found", None, show_distance)]


def _fitted(pixels: U8) -> U8:
    """``pixels`` with no side above 1600 px."""
    if max(pixels.shape) <= _MOST_SIDE:
        return pixels
    import PIL.Image

    picture = PIL.Image.fromarray(pixels)
    picture.thumbnail((_MOST_SIDE, _MOST_SIDE), PIL.Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _line(filename: str, name: str, distance: Any, show_distance: bool) -> str:
    return f"{filename},{name},{distance}" if show_distance else f"{filename},{name}"


if __name__ == "__main__":
    main()
