"""``maskwise mask``: virtual masks on every face of a photo."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from maskwise.cli.files import OutputFolder, write_picture
from maskwise.cli.identify import NO_FACE_REMEDY
from maskwise.cli.inputs import Photo, find_photos
from maskwise.cli.options import Tools, pass_tools
from maskwise.cli.output import Progress, remark
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED
from maskwise.errors import ConfigurationError, ImageError, InputError, OutputError

if TYPE_CHECKING:
    from maskwise.pipeline import Recognizer
    from maskwise.types import Landmarks, MaskSpec


@dataclass(frozen=True, slots=True)
class Style:
    """What is drawn. kinds: types, or "random". color: "#rrggbb", None for the usual one."""

    kinds: tuple[str, ...]
    color: str | None
    seed: int

    def spec(self, kind: str, relative: Path, index: int) -> MaskSpec:
        """The mask of a photo's face number ``index``; hangs on the file's name and the seed."""
        from maskwise.masks import random_spec, spec_for

        name = os.fsencode(relative.as_posix())
        digest = hashlib.sha256(b"%d/%d/%s" % (self.seed, index, name)).digest()
        if kind != "random":
            return spec_for(kind, color=self.color, seed=int.from_bytes(digest[:3], "big"))

        import numpy as np

        spec = random_spec(np.random.default_rng(list(digest)))
        return spec if self.color is None else replace(spec, color=self.color.lower())


@click.command(name="mask")
@click.argument("paths", nargs=-1, required=True, metavar="PHOTO_OR_DIR...")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to write; your own files are never replaced.",
)
@click.option(
    "--type",
    "wanted",
    default="surgical",
    show_default=True,
    metavar="NAME|all|random",
    help="surgical, n95, kn95, cloth, gas, bandana; all: one file a type; random: type, colour "
    "and pattern drawn for every face. Several names with commas between make one file each.",
)
@click.option(
    "--color", metavar="#RRGGBB", help="The colour of the masks.  [default: usual for the type]"
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of all that varies. The same seed and file name give the same picture.",
)
@pass_tools
@click.pass_context
def command(
    ctx: click.Context,
    tools: Tools,
    *,
    paths: tuple[str, ...],
    out: Path,
    wanted: str,
    color: str | None,
    seed: int,
) -> None:
    """Draw virtual masks on every face of photos.

    Writes DIR/<photo>_<type>.jpg (<photo>_random.jpg for random), in the sub-folders of the
    folder given.

    \b
    Examples:
      maskwise mask portrait.jpg --out masked/
      maskwise mask portrait.jpg --out masked/ --type all
      maskwise mask photos/ --out masked/ --type random --seed 7
      maskwise mask portrait.jpg --out masked/ --type cloth --color "#8a1f2d"

    Exit codes: 0 all photos are masked; 1 some input was skipped (not readable, or no face in
    it; each is named); 2 usage error; 130 interrupted.
    """
    style = Style(_kinds(wanted, color), color, seed)
    problems: list[str] = []

    def skip(message: str) -> None:
        problems.append(message)
        remark(f"skipped {message}")

    photos = find_photos(paths, skip, leave_out=out)
    output = OutputFolder(out, (photo.path for photo in photos))
    recognizer = tools.recognizer()
    written = 0
    interrupted = False
    try:
        with Progress("drawing masks", len(photos)) as progress:
            for photo in photos:
                try:
                    for _ in mask_photo(recognizer, photo, output, style):
                        written += 1
                except (InputError, OutputError) as error:
                    problems.append(str(error))
                    progress.remark(f"skipped {error}")
                progress.advance()
    except KeyboardInterrupt:
        interrupted = True
        remark("interrupted: the pictures written so far are whole and kept")
    click.echo(f"{written} picture{'' if written == 1 else 's'} written to {out}", err=True)
    ctx.exit(INTERRUPTED if interrupted else SKIPPED if problems else OK)


def mask_photo(
    recognizer: Recognizer, photo: Photo, output: OutputFolder, style: Style
) -> Iterator[Path]:
    """Write one picture a kind, and yield its path when it is there.

    Raises ImageError when the photo cannot be read or shows no face, and OutputError.
    """
    from maskwise.masks import wear_on_image

    # Asked for first: what a photo's masks are called does not hang on whether it has a face.
    stem = photo.relative.stem
    targets = {k: output.name(photo.relative.with_name(f"{stem}_{k}.jpg")) for k in style.kinds}
    picture = recognizer.load(photo.path)
    found = [d.landmarks for d in recognizer.detect(picture) if d.landmarks is not None]
    # What cannot wear a mask is no face: let it not cost the others theirs.
    points = [p for p in found if _fits(p)]
    if not points:
        raise ImageError(f"{photo.shown}: no face found; {NO_FACE_REMEDY}")
    for kind, target in targets.items():
        specs = [style.spec(kind, photo.relative, index) for index in range(len(points))]
        write_picture(target, wear_on_image(picture, points, specs).image)
        yield target


def _fits(points: Landmarks) -> bool:
    from maskwise.masks.fit import fit_pose

    try:
        fit_pose(points)
    except InputError:
        return False
    return True


def _kinds(wanted: str, color: str | None) -> tuple[str, ...]:
    from maskwise.masks import parse_types, types

    if color is not None and not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        raise ConfigurationError(f"no colour {color!r}; write it as #rrggbb, like #8fbfe0")
    if wanted == "random":
        return ("random",)
    for name in () if wanted in ("all", "none") else map(str.strip, wanted.split(",")):
        if name not in types():
            raise ConfigurationError(
                f"no mask type {name!r}; there are: {', '.join(types())} (or all, random)"
            )
    kinds = parse_types(wanted)
    if not kinds:
        raise ConfigurationError("--type none draws nothing; name a type, or all, or random")
    return kinds
