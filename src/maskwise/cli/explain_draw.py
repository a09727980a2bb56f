"""The pictures and the page of an explanation, as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from maskwise.cli.files import PAGE_MARK, OutputFolder, write_file, write_picture
from maskwise.cli.options import Command

if TYPE_CHECKING:
    from maskwise.explain import FaceExplanation


def explain_option(command: Command) -> Command:
    """``--explain DIR`` of the commands that decide."""
    return click.option(
        "--explain",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Write pictures of why it was decided so here, as `maskwise explain --draw` does; "
        "your own files are never replaced.",
    )(command)


def draw_explanations(
    output: OutputFolder, photo: Path, found: Sequence[FaceExplanation], models: dict[str, str]
) -> list[Path]:
    """A JPEG a face, and the page, which comes last.

    photo: a relative path, after which the files are named. Raises OutputError when one cannot
    be written.
    """
    from maskwise.explain.card import card
    from maskwise.explain.page import page

    drawn, written = [], []
    for number, e in enumerate(found, 1):
        which = f"-face{number}" if len(found) > 1 else ""
        target = output.name(photo.with_name(f"{photo.stem}{which}.jpg"))
        drawn.append((e, write_picture(target, card(e))))
        written.append(target)
    target = output.name(photo.with_suffix(".html"))
    title = f"{photo.name}, explained"
    told = ", ".join(f"{stage} {name}" for stage, name in models.items())
    write_file(target, page(title, drawn, mark=PAGE_MARK, models=f"By {told}."))
    return [*written, target]
