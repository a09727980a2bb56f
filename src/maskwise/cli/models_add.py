"""``maskwise models add``: models of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from maskwise.cli.options import json_option
from maskwise.cli.output import print_json, printable, remark
from maskwise.paths import expanded, is_file

if TYPE_CHECKING:
    from maskwise.models.additions import Addition

_PICTURE_PX: Final = 64  # of the side of what a detector is tried on


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--name", help="What to call it.  [default for a manifest: its name, or its stem]")
@click.option(
    "--backend",
    metavar="arcface|sface|maskwise|scrfd|yunet",
    help="Which backend reads it; a manifest says that by itself.",
)
@click.option("--licence", metavar="TEXT", help="What you know of its licence, to be shown.")
@json_option("one JSON object")
def add(
    *, file: Path, name: str | None, backend: str | None, licence: str | None, as_json: bool
) -> None:
    """Copy a model of your own into the store, so that commands know it by its name.

    FILE is an ONNX file that a built-in backend reads, or a manifest (.toml) that describes any
    other encoder; the file that it names is copied with it. Both are held to their sha256. The
    file is run once on noise, and refused where the backend cannot read it.

    \b
    Examples:
      maskwise models add r100.onnx --name r100 --backend arcface
      maskwise models add my-adaface.toml
      maskwise identify party.jpg --encoder my-adaface

    Exit codes: 0 added; 2 no such file, not one that the backend reads, no fit name, or one of
    that name is there already.
    """
    from maskwise.models import additions, place
    from maskwise.models.writing import make_folder

    file = expanded(file)
    if not is_file(file):
        raise click.UsageError(f"{file}: there is no such file")
    if file.suffix.lower() == ".toml":
        if backend is not None:
            raise click.UsageError("a manifest says by itself who reads it: leave --backend out")
        from maskwise.encode.manifest import read_manifest

        read_manifest(file)
        addition = additions.from_manifest(file, name)
    else:
        if name is None or backend is None:
            raise click.UsageError(
                "an ONNX file needs --name NAME and --backend arcface, sface, maskwise, scrfd or "
                "yunet; any other encoder is described by a manifest (.toml)"
            )
        addition = additions.from_onnx(file, name, backend)
    folder = place.folder(to_fill=True)
    if making := place.yet_to_make():
        remark(making)
        make_folder(folder)
    _try(addition, file)
    entry = additions.add(folder, addition, licence)
    where = folder / entry.file
    if as_json:
        print_json(
            {
                "model": entry.name,
                "state": "added",
                "kind": entry.kind,
                "backend": entry.backend,
                "file": str(where),
                "sha256": entry.sha256,
            }
        )
        return
    click.echo(f"added {entry.name}: {printable(str(where))}")
    click.echo(f"use it with --{entry.kind} {entry.name}")


def _try(addition: Addition, file: Path) -> None:
    """Run it once where it lies; raises what its backend says of a file that it cannot read."""
    import numpy as np

    from maskwise import detect, encode, image
    from maskwise.models.entries import ADDRESSED

    if set(addition.files) == {"model.toml"}:
        return  # a manifest of a file of the store, which may not have been pulled yet
    address = f"{addition.backend}:{file.absolute()}"
    noise = np.random.default_rng(0)
    if ADDRESSED[addition.backend] == "encoder":
        encoder = encode.create(address)
        size = encoder.chip_spec.size
        encoder.encode_batch(noise.integers(0, 256, (1, size, size, 3), np.uint8))
    else:
        shape = (_PICTURE_PX, _PICTURE_PX, 3)
        detect.create(address).detect(image.load(noise.integers(0, 256, shape, np.uint8)))
