"""``maskwise models add``: models of the user's own."""

from __future__ import annotations

from pathlib import Path

import click

from maskwise.cli.options import json_option
from maskwise.cli.output import print_json, printable


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--name", help="What to call it.  [default for a manifest: its name, or its stem]")
@click.option(
    "--backend",
    metavar="arcface|sface|scrfd|yunet",
    help="Which backend reads it; a manifest says that by itself.",
)
@click.option("--licence", metavar="TEXT", help="What you know of its licence, to be shown.")
@json_option("one JSON object")
def add(
    *, file: Path, name: str | None, backend: str | None, licence: str | None, as_json: bool
) -> None:
    """Copy a model of your own into the store, so that commands know it by its name.

    FILE is an ONNX file that a built-in backend reads, or a manifest (.toml) that describes any
    other encoder; the file that it names is copied with it. Both are held to their sha256.

    \b
    Examples:
      maskwise models add r100.onnx --name r100 --backend arcface
      maskwise models add my-adaface.toml
      maskwise identify party.jpg --encoder my-adaface

    Exit codes: 0 added; 2 no such file, no fit name, or one of that name is there already.
    """
    from maskwise.models import additions, place

    file = file.expanduser()
    if not file.is_file():
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
                "an ONNX file needs --name NAME and --backend arcface, sface, scrfd or yunet; any "
                "other encoder is described by a manifest (.toml)"
            )
        addition = additions.from_onnx(file, name, backend)
    entry = additions.add(place.folder(), addition, licence)
    where = place.folder() / entry.file
    if as_json:
        print_json(
            {
                "added": entry.name,
                "kind": entry.kind,
                "backend": entry.backend,
                "file": str(where),
                "sha256": entry.sha256,
            }
        )
        return
    click.echo(f"added {entry.name}: {printable(str(where))}")
    click.echo(f"use it with --{entry.kind} {entry.name}")
