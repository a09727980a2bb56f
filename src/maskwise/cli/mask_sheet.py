"""One face wearing every mask of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maskwise.cli.files import OutputFolder, write_picture
from maskwise.cli.identify import NO_FACE_REMEDY
from maskwise.cli.inputs import find_photos
from maskwise.cli.mask_options import finder
from maskwise.cli.options import Tools
from maskwise.cli.output import Progress, naming, remark
from maskwise.cli.status import OK, SKIPPED
from maskwise.errors import ConfigurationError, ImageError, InputError
from maskwise.types import Image, Landmarks, MaskSpec

if TYPE_CHECKING:
    from maskwise.mask_dataset import Plan
    from maskwise.mask_dataset.faces import Finder
    from maskwise.pipeline import Recognizer

_MARGIN = 0.7
"""What is shown round the face, in distances of its eyes, beyond brow and chin."""
_NOT_HEEDED = ("mix", "wear", "coverage", "color", "pattern", "text", "image", "spec", "landmarks")


def mask_sheet(recognizer: Recognizer, photo: Path, name: str) -> Image | None:
    """A contact sheet: ``photo``'s main face bare, and in every type and pattern.

    None when the photo cannot be read, shows no single face, or one that wears a mask already.
    """
    from maskwise.masks import TYPES

    try:
        picture = recognizer.load(photo)
        face, _ = recognizer.dominant(picture)
    except InputError:
        return None
    if face.mask.worn:
        return None
    return _sheet(picture, face.landmarks, _patterns(TYPES), f"{name} wearing every mask")


def preview(tools: Tools, plan: Plan, given: Mapping[str, Any]) -> int:
    """``maskwise mask --preview``: a sheet of each photo's largest face; the exit code.

    In every type and pattern, and every type worn in every way; --types makes it fewer.
    Raises ConfigurationError for options that the sheet would not heed.
    """
    from maskwise.masks import TYPES

    for name in _NOT_HEEDED:
        if given[name] is not None:
            raise ConfigurationError(
                f"--preview looks for the face and shows every look: leave out --{name}"
            )
    problems = 0

    def skip(message: str) -> None:
        nonlocal problems
        problems += 1
        remark(f"skipped {message}")

    kinds = [k for k in plan.kinds if k != "random"] if given["wanted"] else list(TYPES)
    photos = find_photos(given["paths"], skip, given["out"])
    output = OutputFolder(given["out"], (photo.path for photo in photos))
    with Progress("drawing masks", len(photos)) as progress:
        for photo in photos:
            stem = f"{photo.relative.stem}_preview.{given['ending']}"
            target = output.name(photo.relative.with_name(stem))
            try:
                picture, face = _largest(finder(tools, given), photo.shown)
            except InputError as error:
                problems += 1
                progress.remark(f"skipped {naming(photo.shown, str(error))}")
                continue
            masks = [*_patterns(kinds or TYPES), *_styles(kinds or TYPES)]
            write_picture(target, _sheet(picture, face, masks, photo.relative.stem))
            progress.remark(f"preview {target}")
            progress.advance()
    return SKIPPED if problems else OK


def _largest(places: Finder, source: str) -> tuple[Image, Landmarks]:
    from maskwise.image import load
    from maskwise.mask_dataset.faces import why_bare

    picture = load(Path(source))
    found = [p.landmarks for p in places.find(picture)]
    fit = [p for p in found if not why_bare(p, picture)]
    if not fit:
        why = f"no face found; {NO_FACE_REMEDY}" if not found else why_bare(found[0], picture)
        raise ImageError(f"{picture.source}: {why}")
    return picture, max(fit, key=lambda p: p.ipd_px)


def _patterns(kinds: Iterable[str]) -> Iterator[tuple[str, MaskSpec]]:
    """Every type in each of its patterns, with a label."""
    from maskwise.masks import mask_type, spec_for

    for name in kinds:
        kind = mask_type(name)
        # What shows a text or picture of the user's has nothing to show here.
        patterns = [p for p in kind.patterns if p not in ("text", "image")]
        for number, pattern in enumerate(patterns):
            # Other patterns in other colours, so that the sheet shows both.
            color = kind.palette[number * 2 % len(kind.palette)][0]
            label = _titled(name) if number == 0 else f"{_titled(name)}, {pattern}"
            yield label, spec_for(name, pattern=pattern, color=color, seed=number)


def _styles(kinds: Iterable[str]) -> Iterator[tuple[str, MaskSpec]]:
    """Every type in each way to wear it but the first, with a label."""
    from maskwise.masks import STYLES, spec_for

    for name in kinds:
        for number, style in enumerate(list(STYLES)[1:], 1):
            yield f"{_titled(name)}, {style}", spec_for(name, wear_style=style, seed=number)


def _titled(name: str) -> str:
    return Path(name).stem if name.endswith(".toml") else name


def _sheet(
    picture: Image, face: Landmarks, masks: Iterable[tuple[str, MaskSpec]], title: str
) -> Image:
    from maskwise.annotate import contact_sheet
    from maskwise.masks import wear_on_image

    tiles = [("no mask", _around(picture, face))]
    for label, spec in masks:
        worn = wear_on_image(picture, [face], [spec]).image
        tiles.append((label, _around(worn, face)))
    return contact_sheet(tiles, title)


def _around(picture: Image, face: Landmarks) -> Image:
    """The square about a face, as far as the picture goes."""
    right, left = face.eyes
    across = left - right
    # A little below the middle of the eyes is the middle of the face.
    centre = (right + left) / 2 + 0.55 * np.array([-across[1], across[0]])
    half = (1.35 + _MARGIN) * face.ipd_px
    half = min(half, picture.width / 2, picture.height / 2)
    x = min(max(float(centre[0]), half), picture.width - half)
    y = min(max(float(centre[1]), half), picture.height - half)
    left_px, top, side = int(x - half), int(y - half), max(1, int(2 * half))
    pixels = picture.pixels[top : top + side, left_px : left_px + side]
    return Image(np.ascontiguousarray(pixels), picture.source)
