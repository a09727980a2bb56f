"""The command face_detection: where the faces of pictures are."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import click

from maskwise.compat.face_recognition import api, batch, engine
from maskwise.compat.face_recognition.batch import image_files_in_folder

__all__ = [
    "image_files_in_folder",
    "main",
    "print_result",
    "process_images_in_process_pool",
    "test_image",
]


def print_result(filename: str, location: api.Css) -> None:
    """Print ``filename,top,right,bottom,left``."""
    batch.show(_line(filename, location))


def test_image(image_to_check: str, model: str, upsample: int = 0) -> None:  # noqa: PT028  no test
    """Print a line for each face of the picture; nothing when there is none.

    Raises ImageError for a picture that cannot be read, ConfigurationError (a ValueError) for a
    model other than "hog" and "cnn".
    """
    with engine.strict(False):
        for line in _lines(image_to_check, model, upsample):
            batch.show(line)


def process_images_in_process_pool(
    images_to_check: Sequence[str], number_of_cpus: int, model: str, upsample: int = 0
) -> None:
    """``test_image`` of each picture in several processes (-1: one a core), printed in order.

    Pictures that cannot be read are named on stderr.
    """
    look = functools.partial(_lines, model=model, upsample=upsample)
    batch.show_each(look, images_to_check, number_of_cpus)


@click.command()
@click.argument("image_to_check")
@batch.cpus_option
@click.option(
    "--model",
    default="hog",
    type=click.Choice(["hog", "cnn"]),
    help="The face detector. Default: hog.",
)
@click.option(
    "--upsample",
    default=0,
    type=click.IntRange(min=0),
    help="How often a picture is doubled first: finds smaller faces. Default: 0.",
)
def main(image_to_check: str, cpus: int, model: str, upsample: int) -> None:
    """Say where the faces are in a picture, or in each picture of a folder.

    Each face gives a line `picture,top,right,bottom,left` in px.

    \b
    Examples:
      maskwise compat face_detection party.jpg
      maskwise compat face_detection photos/ --model cnn --upsample 1 --cpus -1

    Exit codes: 0 done; 1 done, but pictures that cannot be read were skipped (each is named);
    2 usage or configuration error.
    """
    with batch.errors_in_one_line():
        files = batch.files_of(image_to_check, "IMAGE_TO_CHECK")
        look = functools.partial(_lines, model=model, upsample=upsample)
        skipped = batch.show_each(look, files, cpus)
    if skipped:
        raise click.exceptions.Exit(batch.SKIPPED)


def _lines(image_to_check: str, model: str, upsample: int) -> list[str]:
    found = api.face_locations(batch.read(image_to_check), upsample, model)
    return [_line(image_to_check, location) for location in found]


def _line(filename: str, location: api.Css) -> str:
    top, right, bottom, left = location
    return f"{filename},{top},{right},{bottom},{left}"


if __name__ == "__main__":
    main()
