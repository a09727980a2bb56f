"""``maskwise mask --show``: the specs that masked pictures carry."""

from __future__ import annotations

import json
from collections.abc import Sequence

from maskwise.cli.inputs import find_photos
from maskwise.cli.output import naming, print_json, remark
from maskwise.cli.status import OK, SKIPPED
from maskwise.errors import InputError


def show(paths: Sequence[str]) -> int:
    """A line of JSON for each picture; the exit code."""
    from maskwise.mask_dataset import read_specs

    problems = 0

    def skip(message: str) -> None:
        nonlocal problems
        problems += 1
        remark(f"skipped {message}")

    for photo in find_photos(paths, skip):
        if photo.shown not in paths and photo.relative.stem.endswith("_alpha"):
            continue  # a matte beside its picture
        try:
            specs = read_specs(photo.shown)
        except InputError as error:
            skip(naming(photo.shown, str(error)))
            continue
        faces = [None if spec is None else json.loads(spec.to_json()) for spec in specs]
        print_json({"image": photo.shown, "faces": faces})
    return SKIPPED if problems else OK
